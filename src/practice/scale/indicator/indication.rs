//! What an indicator says of the load, and why it would not do something.

use crate::scale::Range;
use crate::weight::Quantity;

/// What the scale's display and flags say at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a lamp of its own on a real scale")]
pub struct Indication {
    /// The number on the display, a whole number of divisions, the tare taken off.
    pub shown: Quantity,
    /// The same with one more decimal place, where a protocol asks for high resolution.
    pub fine: Quantity,
    /// The number without the tare taken off.
    pub gross: Quantity,
    /// The tare in use; zero when there is none.
    pub tare: Quantity,
    /// The load rests.
    pub stable: bool,
    /// Whether there is a number at all.
    pub range: Range,
    /// At rest within a quarter of a division of zero, no tare counted.
    pub zero: bool,
    /// A tare is taken off.
    pub net: bool,
    /// The number on the display is below zero.
    pub negative: bool,
}

/// Why the scale did not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The load moves.
    Moving,
    /// The load is too heavy for it.
    Over,
    /// The load is below what it needs.
    Under,
}

/// Whether a command waits for the load to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Only at rest.
    Needed,
    /// Also while the load moves.
    NotNeeded,
}
