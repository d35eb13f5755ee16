//! What is written to a scale besides questions for the weight: text, price, tare, a beep. Pure.
//!
//! Nothing here is ever sent unless a sink of the settings asks for it. Price and tare change what a customer pays:
//! each is sent in the unit and with the decimal places that the scale itself last sent, or not at all.

use std::time::Duration;

use super::Profile;
use crate::weight::{Quantity, Unit, Weight};

/// How long a write may take to be answered.
pub(super) const ANSWER: Duration = Duration::from_millis(500);
/// A write that is never answered: a refusal would have come by now. (150 ms is the slowest answer to a command in
/// the sources, Mettler Diva service manual.)
pub(super) const NO_ANSWER: Duration = Duration::from_millis(200);

/// What an exchange is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// The present weight.
    Weigh,
    /// A text on the display.
    Show(String),
    /// The display back to the weight.
    Clear,
    /// The unit price in the currency's smallest unit; zero takes it back.
    Price(u32),
    /// A tare that is known; zero takes it back.
    Tare(Weight),
    /// A beep.
    Beep,
}

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A text on the display.
    Text,
    /// The unit price.
    Price,
    /// The tare.
    Tare,
    /// A beep.
    Beep,
}

impl Task {
    /// What it writes; nothing for a question.
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        match self {
            Self::Weigh => None,
            Self::Show(_) | Self::Clear => Some(Kind::Text),
            Self::Price(_) => Some(Kind::Price),
            Self::Tare(_) => Some(Kind::Tare),
            Self::Beep => Some(Kind::Beep),
        }
    }

    /// Whether it only takes back what was written before, so that nobody waits for it.
    #[must_use]
    pub const fn takes_back(&self) -> bool {
        match self {
            Self::Clear | Self::Price(0) => true,
            Self::Tare(tare) => tare.micrograms() == 0,
            Self::Weigh | Self::Show(_) | Self::Price(_) | Self::Beep => false,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Price => "price",
            Self::Tare => "tare",
            Self::Beep => "beep",
        })
    }
}

/// By what a scale confirms a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmed {
    /// An answer that says yes.
    ByAnswer,
    /// Its next status or weight.
    ByReading,
    /// Nothing; it only says when it refuses.
    ByNothing,
    /// The family's own conversation finds out.
    ByScript,
}

/// How one kind is written. The bytes may depend on what the scale last sent: its unit and its decimal places.
#[derive(Clone, Copy, Debug)]
pub struct Write {
    /// The bytes; none when the scale has no words for it, an empty line when there is nothing to say.
    pub bytes: fn(&Task, Option<Quantity>, &Profile) -> Option<Vec<u8>>,
    /// How it is known to have arrived.
    pub confirmed: Confirmed,
}

impl Write {
    /// What the family's own conversation writes.
    pub(super) const SCRIPTED: Self =
        Self { bytes: |_, _, _| Some(Vec::new()), confirmed: Confirmed::ByScript };

    /// A beep that is one line.
    pub(super) const fn new(
        confirmed: Confirmed,
        bytes: fn(&Task, Option<Quantity>, &Profile) -> Option<Vec<u8>>,
    ) -> Self {
        Self { bytes, confirmed }
    }
}

/// What a family takes from the host.
#[derive(Clone, Copy, Debug)]
pub struct Writes {
    /// Text on its display.
    pub text: Option<Write>,
    /// The unit price.
    pub price: Option<Write>,
    /// A tare that is known.
    pub tare: Option<Write>,
    /// A beep.
    pub beep: Option<Write>,
}

impl Writes {
    /// Nothing.
    pub const NONE: Self = Self { text: None, price: None, tare: None, beep: None };

    /// How that kind is written, if it can be.
    #[must_use]
    pub const fn of(&self, kind: Kind) -> Option<Write> {
        match kind {
            Kind::Text => self.text,
            Kind::Price => self.price,
            Kind::Tare => self.tare,
            Kind::Beep => self.beep,
        }
    }
}

/// Why something was not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotWritten {
    /// The scale refused it.
    #[error("the scale refused it: {0}")]
    Refused(&'static str),
    /// The scale did not say that it took it.
    #[error("the scale did not confirm it within {} ms", ANSWER.as_millis())]
    NoAnswer,
    /// A newer one took its place before it was sent.
    #[error("a newer one took its place")]
    Superseded,
    /// The scale has no words for it.
    #[error(
        "the scale has no words for it: its unit is not known yet, or the value does not fit its decimal places"
    )]
    NoWords,
    /// The port is not open.
    #[error("the scale is not connected")]
    NotConnected,
}

/// A tare in the unit and with the decimal places of the scale, or of the settings while it has said nothing; nothing
/// if it is no whole number of its last places.
pub(super) fn in_its_words(tare: Weight, seen: Option<Quantity>, profile: &Profile) -> Option<Quantity> {
    let (unit, decimals) = match (seen, profile.unit) {
        (Some(seen), _) => (seen.unit(), seen.decimals()),
        (None, Some(unit)) => (unit, profile.decimals.unwrap_or(if unit == Unit::Kilogram { 3 } else { 0 })),
        (None, None) => return None,
    };
    let place = Quantity::new(false, 1, decimals, unit).last_place().micrograms();
    let tare = u64::try_from(tare.micrograms()).ok()?;
    let digits = tare.checked_add(place / 2)? / place;
    let words = Quantity::new(false, digits, decimals, unit);
    // Grams are exact in grams and kilograms; in pounds and ounces the nearest place is meant.
    let exact = matches!(unit, Unit::Pound | Unit::Ounce) || tare % place == 0;
    exact.then_some(words)
}

/// A line of characters and a number: `TA 0.020 kg`.
pub(super) fn line(parts: &[&str]) -> Vec<u8> {
    let mut line = parts.concat().into_bytes();
    line.extend_from_slice(b"\r\n");
    line
}
