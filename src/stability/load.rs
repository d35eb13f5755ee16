//! What one event says about the load on the plate.

use crate::scale::{Range, Reading, Stability};
use crate::weight::{Division, Quantity, Weight};

/// A plate lighter than this many divisions, at rest, is empty.
const ZERO_BAND_DIVISIONS: u64 = 2;

/// What one event says about the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// At the scale's centre of zero, or at rest within two divisions of it or below.
    AtZero,
    /// Some weight that does not move, by the scale's word or, if not `flagged`, for all that is known.
    Resting {
        /// What the scale showed.
        quantity: Quantity,
        /// Whether the scale itself said so.
        flagged: bool,
    },
    /// Some weight that moves.
    Moving(Weight),
    /// The scale withholds the number, because the load moves or it is busy.
    Withheld,
    /// Over, under, or a fault.
    Outside,
    /// A frame that could not be read.
    Garbled,
    /// The line fell silent or was lost.
    Silent,
}

impl Load {
    /// Reads a reading, with the division that says how close to zero is empty.
    #[must_use]
    pub fn of(reading: &Reading, division: Division) -> Self {
        if reading.fault.is_some() || reading.range != Range::In {
            return Self::Outside;
        }
        let moving = reading.stability == Stability::Moving;
        if reading.zero == Some(true) && !moving {
            return Self::AtZero;
        }
        let Some(quantity) = reading.quantity else {
            return Self::Withheld;
        };
        let weight = quantity.weight();
        if moving {
            Self::Moving(weight)
        } else if weight < Weight::ZERO || weight.apart(Weight::ZERO) < division.times(ZERO_BAND_DIVISIONS) {
            Self::AtZero
        } else {
            Self::Resting { quantity, flagged: reading.stability == Stability::Stable }
        }
    }
}

/// How a load compares with the weight that was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moved {
    /// Within one division of it.
    No,
    /// Further, or the scale withholds the number: a picture taken now may show a hand.
    Aside,
    /// So far that these are other goods, or none.
    Away,
}

/// A settled weight and how far from it a load is still the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Yardstick {
    pub(super) settled: Weight,
    pub(super) band: Division,
    pub(super) delta: u64,
}

impl Yardstick {
    /// How a load compares with the settled weight; a broken frame or a silence says nothing.
    #[must_use]
    pub fn compare(&self, load: Load) -> Option<Moved> {
        let weight = match load {
            Load::Resting { quantity, .. } => quantity.weight(),
            Load::Moving(weight) => weight,
            Load::AtZero | Load::Outside => return Some(Moved::Away),
            Load::Withheld => return Some(Moved::Aside),
            Load::Garbled | Load::Silent => return None,
        };
        let apart = self.settled.apart(weight);
        Some(if apart <= self.band.micrograms() {
            Moved::No
        } else if apart <= self.delta {
            Moved::Aside
        } else {
            Moved::Away
        })
    }
}
