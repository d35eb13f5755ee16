//! Bytes from a scale become readings. Pure: bytes and time come in as arguments.
//!
//! One file per protocol family; each ends in one [`Family`] that says everything the rest of the agent
//! needs to know about it. A new family is a file, its `mod` line and its entry in [`FAMILIES`]; the common
//! tests (noise, cuts, bounded memory) then run on it.
//!
//! The rule that every decoder keeps: a frame is either a reading with a weight, a reading that says why
//! there is none, an answer to a command, or garbled. It is never silently zero and never the last weight.

pub mod dialogue;
pub mod guess;
mod exchange;
pub mod custom;
mod model;
mod talk;
pub mod write;

use std::borrow::Cow;

use crate::weight::{Division, NotANumber, Quantity, Unit, Weight};

mod hex;
mod line;
mod envelope;
mod block;
mod number;
mod adam;
mod berkel;
mod cas_dc1;
mod dialog;
mod digi;
mod hid;
mod magellan;
mod mt_sics;
mod nci;
mod ohaus;
mod prix;
mod radwag;
mod rinstrum;
mod sbi;
mod sma;
mod st_gs;
mod toledo;
mod toledo_continuous;
pub mod report;

pub use exchange::{Checksums, Exchange, Next, NotChecksums, Terms};
pub use hex::{NotHex, bytes_from_hex, hex_from_bytes};
pub use model::Model;
pub use talk::{Framing, Line, Talk};
pub use write::{Kind, NotWritten, Task, Write, Writes};

/// Every protocol family the agent speaks.
pub const FAMILIES: &[&Family] = &[
    &toledo::FAMILY,
    &nci::FAMILY,
    &dialog::FAMILY,
    &mt_sics::FAMILY,
    &cas_dc1::FAMILY,
    &st_gs::FAMILY,
    &sma::FAMILY,
    &toledo_continuous::FAMILY,
    &magellan::FAMILY,
    &prix::FAMILY,
    &hid::FAMILY,
    &sbi::FAMILY,
    &radwag::FAMILY,
    &berkel::FAMILY,
    &digi::FAMILY,
    &adam::FAMILY,
    &rinstrum::FAMILY,
    &ohaus::FAMILY,
];

/// What a family is and how to talk to it.
#[derive(Debug)]
pub struct Family {
    /// The name in the settings and in every output.
    pub name: &'static str,
    /// Makers and models, for people.
    pub title: &'static str,
    /// The speed and framing most scales of the family leave the factory with.
    pub line: Line,
    /// Who speaks first.
    pub talk: Talk,
    /// Whether the scale itself says when the weight is stable; if not, the agent watches a longer window.
    pub sends_stability: bool,
    /// Whether the unit is on the wire; if not, it comes from the settings or from the decimal places.
    pub sends_unit: bool,
    /// The variants that makers have of it.
    pub models: &'static [Model],
    /// What it takes from the host, where all variants do.
    pub writes: Writes,
    /// A fresh decoder for one port.
    pub decoder: fn(&Profile) -> Box<dyn Decoder>,
    /// Whole good frames, for the common tests and as an example.
    pub samples: &'static [&'static [u8]],
}

impl PartialEq for Family {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Family {}

impl Family {
    /// The family of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FAMILIES.iter().copied().find(|family| family.name == name)
    }
}

/// Takes one byte at a time, so that how the port cut the stream cannot matter.
pub trait Decoder: Send {
    /// Takes the next byte; answers when that byte completes a frame.
    fn push(&mut self, byte: u8) -> Option<Frame>;

    /// The bytes of a frame that has begun and not ended; empty between frames.
    fn pending(&self) -> &[u8];

    /// Forgets the frame that has begun.
    fn reset(&mut self);

    /// The line fell silent: forgets the frame that has begun, unless it is whole and only waited for an end
    /// that not every scale sends.
    fn silence(&mut self) -> Option<Frame> {
        self.reset();
        None
    }
}

/// What a site knows about its scale and the wire does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The unit, for families that do not send it.
    pub unit: Option<Unit>,
    /// The decimal places, for families that do not send the point.
    pub decimals: Option<u8>,
    /// The maker's variant, where makers differ and the site says which.
    pub model: Option<&'static Model>,
}

impl Profile {
    /// Lets a quantity pass that the scale sent with its unit and its point, unless the settings say
    /// otherwise: a scale switched to another unit is refused, not converted.
    ///
    /// Pounds and ounces together arrive here as ounces; a site that says `lb` means them too.
    pub fn admit(self, sent: Quantity, composite: bool) -> Result<Quantity, Garbled> {
        let same = |unit| unit == sent.unit() || (composite && unit == Unit::Pound);
        if !self.unit.is_none_or(same) {
            return Err(Garbled::OtherUnit);
        }
        if !composite && self.decimals.is_some_and(|decimals| decimals != sent.decimals()) {
            return Err(Garbled::Decimals);
        }
        Ok(sent)
    }
}

/// One complete frame: its bytes and what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The bytes from the frame's first to its last.
    pub raw: Vec<u8>,
    /// What they mean.
    pub heard: Heard,
}

/// What a frame means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The state of the load.
    Reading(Reading),
    /// An answer that carries no reading.
    Answer(Answer),
    /// Bytes that are not a frame of this family.
    Garbled(Garbled),
}

/// The state of the load as one frame tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The number, when the scale gave one.
    pub quantity: Option<Quantity>,
    /// Whether the load is at rest, by the scale's own word.
    pub stability: Stability,
    /// Whether the load is within the scale's range.
    pub range: Range,
    /// The scale's centre-of-zero flag; not "the number is zero".
    pub zero: Option<bool>,
    /// Whether a tare is taken off.
    pub net: Option<bool>,
    /// The tare, where it is sent.
    pub tare: Option<Quantity>,
    /// A short word when the scale reports a fault; such a reading has no quantity.
    pub fault: Option<Cow<'static, str>>,
    /// The scale's division, where it is sent.
    pub division: Option<Division>,
    /// The number of a reading whose unit neither the scale nor the settings tell: to be shown, never used.
    pub unitless: Option<String>,
}

impl Reading {
    /// A reading with a number and the scale's word on its stability, in range, nothing else known.
    #[must_use]
    pub fn of(quantity: Quantity, stability: Stability) -> Self {
        let zero = (quantity.weight() != Weight::ZERO).then_some(false);
        Self { quantity: Some(quantity), zero, ..Self::without_weight(stability) }
    }

    /// A reading in which the scale withheld the number.
    #[must_use]
    pub const fn without_weight(stability: Stability) -> Self {
        Self {
            quantity: None,
            stability,
            range: Range::In,
            zero: None,
            net: None,
            tare: None,
            fault: None,
            division: None,
            unitless: None,
        }
    }

    /// The load is outside the scale's range; whatever digits came with it mean nothing.
    #[must_use]
    pub fn outside(range: Range) -> Self {
        Self { range, ..Self::without_weight(Stability::Unknown) }
    }

    /// The scale reports a fault; whatever digits came with it mean nothing.
    #[must_use]
    pub fn faulty(word: impl Into<Cow<'static, str>>) -> Self {
        Self { fault: Some(word.into()), ..Self::without_weight(Stability::Unknown) }
    }

    /// The weight that may be used: a number, in range, without a fault.
    #[must_use]
    pub fn weight(&self) -> Option<Weight> {
        match (self.quantity, self.range, &self.fault) {
            (Some(quantity), Range::In, None) => Some(quantity.weight()),
            _ => None,
        }
    }
}

/// Whether the load is at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stability {
    /// The scale says so, or the frame's type implies it.
    Stable,
    /// The scale says it moves.
    Moving,
    /// The scale does not say.
    Unknown,
}

/// Whether the load is within the scale's range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Range {
    /// Within it.
    In,
    /// Above capacity.
    Over,
    /// Below zero further than the scale weighs.
    Under,
}

/// An answer to a command, without a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which answer, one word: `ack`, `nak`, `text-accepted`, `text-refused`, `syntax-error`, …
    pub word: &'static str,
    /// Whether the scale thereby refused what was asked.
    pub refused: bool,
    /// What else the answer said, if anything: an error number, a serial number.
    pub detail: Option<String>,
}

impl Answer {
    /// An answer that says yes.
    #[must_use]
    pub const fn yes(word: &'static str) -> Self {
        Self { word, refused: false, detail: None }
    }

    /// An answer that says no.
    #[must_use]
    pub const fn no(word: &'static str) -> Self {
        Self { word, refused: true, detail: None }
    }
}

/// Why bytes are not a frame. Each is a sentence a technician can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Garbled {
    /// A character of the number is none of a number.
    #[error("a digit of the weight is not a digit")]
    NotANumber,
    /// Text frames arrive with bit 7 set.
    #[error(
        "bit 7 is set on every odd character: the scale sends 7 bits with parity, the port reads 8 without (set framing to 7E1 or 7O1)"
    )]
    Parity,
    /// The frame has not the family's layout.
    #[error("the frame has not the layout of the protocol: {0}")]
    Layout(&'static str),
    /// The number has not the decimal places that the unit or the settings imply.
    #[error("the weight has other decimal places than the settings say: check unit and decimals")]
    Decimals,
    /// The unit is no unit of weight that the agent knows.
    #[error("the unit is none of g, kg, lb, oz: switch the scale to one of them")]
    Unit,
    /// The scale sends another unit than the settings say.
    #[error("the scale sends another unit than the settings say: switch the scale's unit or change `unit`")]
    OtherUnit,
    /// The scale sends no unit and the settings say none.
    #[error("the scale does not send its unit: set `unit` to the one its display shows")]
    NoUnit,
    /// The checksum does not match.
    #[error("the checksum does not match: a byte was changed on the line")]
    Checksum,
    /// The scale did not say that the weight it got back is the one it sent.
    #[error("the scale did not confirm the weight that was sent back to it: a byte was changed on the line")]
    NotConfirmed,
    /// A frame began and the line fell silent.
    #[error("the frame was cut: the line fell silent in the middle of it")]
    Cut,
    /// A line that never ends.
    #[error("no end of frame within {0} bytes")]
    Endless(usize),
}

impl From<NotANumber> for Garbled {
    fn from(_: NotANumber) -> Self {
        Self::NotANumber
    }
}

impl From<Result<Reading, Garbled>> for Heard {
    fn from(read: Result<Reading, Garbled>) -> Self {
        read.map_or_else(Self::Garbled, Self::Reading)
    }
}
