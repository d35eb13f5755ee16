//! What practice scales speak: one file per protocol family. Pure: a speaker takes the host's bytes and the
//! indicator, and hands out the bytes it says.
//!
//! A new family is a file, its `mod` line and its line in [`LANGUAGES`]. The speakers are written from the
//! makers' documents and know nothing of the agent's decoders, so that each checks the other.

mod adam;
mod berkel;
mod cas_dc1;
mod dialog_06;
mod digi_ds425;
mod magellan;
mod mt_sics;
mod nci_scp;
mod ohaus;
mod prix;
mod radwag;
mod rinstrum;
mod sbi;
mod sma;
mod st_gs;
mod toledo_8217;
mod toledo_continuous;

use super::indicator::Indicator;
use crate::weight::{Quantity, Unit};

/// Every language, each family's usual one first. What follows the stroke is a maker's variant.
const LANGUAGES: &[&[Language]] = &[
    toledo_8217::LANGUAGES,
    nci_scp::LANGUAGES,
    dialog_06::LANGUAGES,
    mt_sics::LANGUAGES,
    cas_dc1::LANGUAGES,
    st_gs::LANGUAGES,
    sma::LANGUAGES,
    toledo_continuous::LANGUAGES,
    magellan::LANGUAGES,
    prix::LANGUAGES,
    sbi::LANGUAGES,
    berkel::LANGUAGES,
    radwag::LANGUAGES,
    digi_ds425::LANGUAGES,
    adam::LANGUAGES,
    rinstrum::LANGUAGES,
    ohaus::LANGUAGES,
];

/// One language a practice scale can be told to speak.
#[derive(Debug)]
pub struct Language {
    /// The family's name as in the settings; a variant as `family/variant`.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// What it can say.
    pub fits: Fits,
    /// A speaker that has just been switched on.
    pub speaker: fn() -> Box<dyn Speaker>,
}

impl Language {
    /// Every language, in the order they are listed to people.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        LANGUAGES.iter().flat_map(|family| family.iter())
    }

    /// The language of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::all().find(|language| language.name == name)
    }
}

/// The divisions that a language has words for.
#[derive(Clone, Copy, Debug)]
pub struct Fits {
    /// Whether a division is one of them.
    pub takes: fn(Quantity) -> bool,
    /// The same for people, as what the scale shows.
    pub words: &'static str,
}

impl Fits {
    /// Unit and point are on the wire.
    const ANYTHING: Self = Self { takes: |_| true, words: "any steps above zero" };
    /// The point is on the wire, the unit only as one of these two.
    const KG_OR_LB: Self =
        Self { takes: |division| matches!(division.unit(), Unit::Kilogram | Unit::Pound), words: "kg or lb" };
    /// Point and unit follow from the number of digits.
    const KG_3_OR_LB_2: Self = Self {
        takes: |division| {
            matches!((division.unit(), division.decimals()), (Unit::Kilogram, 3) | (Unit::Pound, 2))
        },
        words: "kg with three decimals or lb with two",
    };
    /// Grams without a word about it.
    const KG_3: Self = Self {
        takes: |division| division.unit() == Unit::Kilogram && division.decimals() == 3,
        words: "kg with three decimals",
    };
}

/// A scale's side of a conversation. It asks the indicator what time it is.
pub trait Speaker: Send {
    /// Takes one byte from the host; what it says to that at once is appended to `say`.
    fn hear(&mut self, byte: u8, scale: &mut Indicator, say: &mut Vec<u8>);

    /// Time passed, a measurement at most: what it says by itself is appended to `say`.
    fn tick(&mut self, scale: &mut Indicator, say: &mut Vec<u8>);
}

/// Longer lines than this are no command of any family.
const LONGEST_LINE: usize = 128;

/// Collects a line from the host up to its terminator.
#[derive(Debug, Default)]
struct Line {
    bytes: Vec<u8>,
    too_long: bool,
}

/// What came before a terminator.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    /// A line, without its terminator.
    Line(Vec<u8>),
    /// More than any command has.
    TooLong,
}

impl Line {
    /// Takes the next byte; answers when it is the terminator.
    fn push(&mut self, byte: u8, terminator: u8) -> Option<Command> {
        if byte == terminator {
            let bytes = std::mem::take(&mut self.bytes);
            let too_long = std::mem::take(&mut self.too_long);
            return Some(if too_long { Command::TooLong } else { Command::Line(bytes) });
        }
        if self.bytes.len() < LONGEST_LINE {
            self.bytes.push(byte);
        } else {
            self.too_long = true;
        }
        None
    }
}

/// The number without its sign, filled with zeros to `width` characters: `01.235`.
fn zeros(quantity: Quantity, width: usize) -> String {
    let text = quantity.to_string();
    format!("{:0>width$}", text.trim_start_matches('-'))
}

/// The number without its sign, filled with blanks to `width` characters: `  1.235`.
fn blanks(quantity: Quantity, width: usize) -> String {
    let text = quantity.to_string();
    format!("{:>width$}", text.trim_start_matches('-'))
}

/// The number with its minus, filled with blanks to `width` characters: ` -0.050`.
fn signed(quantity: Quantity, width: usize) -> String {
    format!("{:>width$}", quantity.to_string())
}

/// The digits without sign and point, filled with zeros to `width` characters: `01235`.
fn plain_digits(quantity: Quantity, width: usize) -> String {
    format!("{:0>width$}", quantity.digits())
}

/// All bytes exclusive-ored: the check of several families.
fn xor(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum ^ byte)
}

#[cfg(test)]
mod tests;
