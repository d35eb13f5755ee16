//! Weights: what the scale said to the digit, and the same in integer micrograms.
//!
//! There is no floating point between the wire and the request body. A [`Quantity`] keeps the digits and
//! the decimal places as they were sent, a [`Weight`] is what decisions are taken on.

mod grams;

pub use grams::Grams;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A weight in micrograms, signed: a lifted tare container weighs less than nothing.
///
/// Grams and kilograms are exact. A pound is 453,592,370 µg and an ounce 28,349,523.125 µg (international
/// avoirdupois, 1959), so their decimal fractions are rounded to the nearest microgram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight {
    micrograms: i64,
}

impl Weight {
    /// Nothing on the plate.
    pub const ZERO: Self = Self { micrograms: 0 };

    /// A weight of that many micrograms.
    #[must_use]
    pub const fn from_micrograms(micrograms: i64) -> Self {
        Self { micrograms }
    }

    /// A weight of that many whole grams.
    #[must_use]
    pub const fn from_grams(grams: i64) -> Self {
        Self { micrograms: grams.saturating_mul(1_000_000) }
    }

    /// The weight in micrograms.
    #[must_use]
    pub const fn micrograms(self) -> i64 {
        self.micrograms
    }

    /// How far two weights are apart, in micrograms. A difference has no sign.
    #[must_use]
    pub const fn apart(self, other: Self) -> u64 {
        self.micrograms.abs_diff(other.micrograms)
    }

    /// The weight in grams as an exact decimal: `1235`, `100.1`, `-0.5`.
    #[must_use]
    pub fn grams(self) -> String {
        let (whole, rest) =
            (self.micrograms.unsigned_abs() / 1_000_000, self.micrograms.unsigned_abs() % 1_000_000);
        let sign = if self.micrograms < 0 { "-" } else { "" };
        let text = format!("{sign}{whole}.{rest:06}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// The units that scales send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Unit {
    /// Gram.
    #[serde(rename = "g")]
    Gram,
    /// Kilogram.
    #[serde(rename = "kg")]
    Kilogram,
    /// Avoirdupois pound.
    #[serde(rename = "lb")]
    Pound,
    /// Avoirdupois ounce.
    #[serde(rename = "oz")]
    Ounce,
}

impl Unit {
    /// One unit in nanograms: the coarsest grain in which all four are whole numbers.
    const fn nanograms(self) -> i128 {
        match self {
            Self::Gram => 1_000_000_000,
            Self::Kilogram => 1_000_000_000_000,
            Self::Pound => 453_592_370_000,
            Self::Ounce => 28_349_523_125,
        }
    }

    /// The unit's name on the wire, lower case: `g`, `kg`, `lb`, `oz`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gram => "g",
            Self::Kilogram => "kg",
            Self::Pound => "lb",
            Self::Ounce => "oz",
        }
    }

    /// Reads a unit as scales write it, in either case, blanks around it allowed.
    #[must_use]
    pub fn from_wire(bytes: &[u8]) -> Option<Self> {
        let text = bytes.trim_ascii();
        [Self::Gram, Self::Kilogram, Self::Pound, Self::Ounce]
            .into_iter()
            .find(|unit| text.eq_ignore_ascii_case(unit.name().as_bytes()))
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Unit {
    type Err = UnknownUnit;

    fn from_str(text: &str) -> Result<Self, UnknownUnit> {
        Self::from_wire(text.as_bytes()).ok_or(UnknownUnit)
    }
}

/// The text names no unit that a scale sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected one of g, kg, lb, oz")]
pub struct UnknownUnit;

/// A weight exactly as the scale wrote it: its digits, its decimal places, its unit.
///
/// The number of decimal places reveals unit and division on several protocols, so it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    negative: bool,
    digits: u64,
    decimals: u8,
    unit: Unit,
}

/// No scale shows more digits than this; a longer run is noise.
const MOST_DIGITS: usize = 12;

/// The text is not a decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digit of the weight is not a digit")]
pub struct NotANumber;

impl Quantity {
    /// `digits` × 10^-`decimals` of `unit`, below zero if `negative`; for protocols that imply the point.
    #[must_use]
    pub const fn new(negative: bool, digits: u64, decimals: u8, unit: Unit) -> Self {
        Self { negative, digits, decimals, unit }
    }

    /// Reads a decimal: an optional sign, digits, at most one point or comma, digits. Blanks may stand
    /// before the sign and between the sign and the first digit, nowhere else.
    pub fn parse(text: &[u8], unit: Unit) -> Result<Self, NotANumber> {
        let text = text.trim_ascii();
        let (negative, rest) = match text.split_first() {
            Some((b'-', rest)) => (true, rest.trim_ascii_start()),
            Some((b'+', rest)) => (false, rest.trim_ascii_start()),
            _ => (false, text),
        };
        let (mut digits, mut count, mut decimals) = (0_u64, 0_usize, None::<u8>);
        for &byte in rest {
            match (byte, decimals) {
                (b'0'..=b'9', _) if count < MOST_DIGITS => {
                    digits = digits * 10 + u64::from(byte - b'0');
                    count += 1;
                    decimals = decimals.map(|places| places + 1);
                }
                (b'.' | b',', None) => decimals = Some(0),
                _ => return Err(NotANumber),
            }
        }
        if count == 0 {
            return Err(NotANumber);
        }
        Ok(Self { negative, digits, decimals: decimals.unwrap_or(0), unit })
    }

    /// Pounds and ounces, as shipping scales write them, in ounces: 12 lb 7.50 oz is 199.5 oz. Sixteen ounces are
    /// a pound, so that no scale writes more than 15 and a fraction.
    pub fn pounds_and_ounces(pounds: &[u8], ounces: &[u8]) -> Result<Self, NotANumber> {
        let (pounds, ounces) = (Self::parse(pounds, Unit::Pound)?, Self::parse(ounces, Unit::Ounce)?);
        let pound = 16_u64.saturating_mul(10_u64.saturating_pow(u32::from(ounces.decimals)));
        if pounds.decimals != 0 || ounces.negative || ounces.digits >= pound {
            return Err(NotANumber);
        }
        let whole = pounds.digits.checked_mul(16).ok_or(NotANumber)?;
        let scaled = whole.checked_mul(10_u64.pow(u32::from(ounces.decimals))).ok_or(NotANumber)?;
        let mut sum = Self {
            negative: pounds.negative,
            digits: scaled.checked_add(ounces.digits).ok_or(NotANumber)?,
            ..ounces
        };
        while sum.decimals > 0 && sum.digits.is_multiple_of(10) {
            sum = Self { digits: sum.digits / 10, decimals: sum.decimals - 1, ..sum };
        }
        Ok(sum)
    }

    /// The unit it was sent in.
    #[must_use]
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// How many decimal places were sent.
    #[must_use]
    pub const fn decimals(self) -> u8 {
        self.decimals
    }

    /// The number without its point: 1.235 kg has the digits 1235.
    #[must_use]
    pub const fn digits(self) -> u64 {
        self.digits
    }

    /// The same number below zero: for protocols that send a magnitude and a flag.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self { negative: !self.negative, ..self }
    }

    /// The weight it stands for, to the nearest microgram.
    #[must_use]
    pub fn weight(self) -> Weight {
        let magnitude = to_micrograms(self.digits, self.decimals, self.unit);
        let micrograms = i64::try_from(magnitude).unwrap_or(i64::MAX);
        Weight { micrograms: if self.negative { -micrograms } else { micrograms } }
    }

    /// What one step of the last digit weighs.
    #[must_use]
    pub fn last_place(self) -> Division {
        Division { micrograms: to_micrograms(1, self.decimals, self.unit).max(1) }
    }
}

fn to_micrograms(digits: u64, decimals: u8, unit: Unit) -> u64 {
    let nanograms = i128::from(digits).saturating_mul(unit.nanograms());
    let grain = 10_i128.pow(u32::from(decimals.min(18)).saturating_add(3));
    u64::try_from((nanograms + grain / 2) / grain).unwrap_or(u64::MAX)
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grain = 10_u64.saturating_pow(u32::from(self.decimals));
        let sign = if self.negative { "-" } else { "" };
        if self.decimals == 0 {
            return write!(f, "{sign}{}", self.digits);
        }
        let width = usize::from(self.decimals);
        write!(f, "{sign}{}.{:0width$}", self.digits / grain, self.digits % grain)
    }
}

/// The smallest step that the scale shows, called *d* on its plate; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Division {
    micrograms: u64,
}

impl Division {
    /// One gram.
    pub const GRAM: Self = Self { micrograms: 1_000_000 };

    /// A division of that many micrograms, or none if that is zero.
    #[must_use]
    pub const fn from_micrograms(micrograms: u64) -> Option<Self> {
        if micrograms == 0 { None } else { Some(Self { micrograms }) }
    }

    /// The division in micrograms.
    #[must_use]
    pub const fn micrograms(self) -> u64 {
        self.micrograms
    }

    /// That many divisions, in micrograms.
    #[must_use]
    pub const fn times(self, count: u64) -> u64 {
        self.micrograms.saturating_mul(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quantity(text: &str, unit: Unit) -> Quantity {
        Quantity::parse(text.as_bytes(), unit).unwrap()
    }

    #[test]
    fn text_is_kept_without_leading_zeros_and_blanks() {
        for (sent, shown) in [
            ("01.235", "1.235"),
            ("00.000", "0.000"),
            ("  -0.500", "-0.500"),
            ("+0001.234", "1.234"),
            ("+  1.234", "1.234"),
            ("+001,2346", "1.2346"),
            ("100.00", "100.00"),
            ("1235", "1235"),
        ] {
            assert_eq!(quantity(sent, Unit::Kilogram).to_string(), shown);
        }
    }

    #[test]
    fn whatever_is_not_a_number_is_refused() {
        for sent in ["", " ", "-", ".", "1.2 5", "1OO.00", "1.2.3", "1-2", "0x10", "1e3", "1234567890123"] {
            assert_eq!(Quantity::parse(sent.as_bytes(), Unit::Gram), Err(NotANumber), "{sent:?}");
        }
    }

    #[test]
    fn micrograms_are_exact() {
        assert_eq!(quantity("1.235", Unit::Kilogram).weight().micrograms(), 1_235_000_000);
        assert_eq!(quantity("-0.050", Unit::Kilogram).weight().micrograms(), -50_000_000);
        assert_eq!(quantity("1", Unit::Pound).weight().micrograms(), 453_592_370);
        assert_eq!(quantity("8", Unit::Ounce).weight().micrograms(), 226_796_185);
        assert_eq!(quantity("2.49", Unit::Pound).weight().micrograms(), 1_129_445_001);
    }

    #[test]
    fn pounds_and_ounces_become_ounces() {
        assert_eq!(Quantity::pounds_and_ounces(b"12", b"07.50").unwrap().to_string(), "199.5");
        assert_eq!(Quantity::pounds_and_ounces(b"1", b"02.5").unwrap().to_string(), "18.5");
        assert_eq!(Quantity::pounds_and_ounces(b"1", b"00").unwrap().to_string(), "16");
        for (pounds, ounces) in [("1.5", "2"), ("1", "16"), ("1", "16.5"), ("1", "-2")] {
            assert!(
                Quantity::pounds_and_ounces(pounds.as_bytes(), ounces.as_bytes()).is_err(),
                "{pounds}:{ounces}"
            );
        }
    }

    #[test]
    fn grams_are_written_as_the_service_wants_them() {
        assert_eq!(Weight::from_grams(1235).grams(), "1235");
        assert_eq!(Weight::from_micrograms(100_100_000).grams(), "100.1");
        assert_eq!(Weight::from_micrograms(-500_000).grams(), "-0.5");
        assert_eq!(Weight::ZERO.grams(), "0");
    }

    proptest! {
        #[test]
        fn text_and_weight_agree(digits in 0_u64..1_000_000_000, decimals in 0_u8..5, negative: bool) {
            let sent = Quantity::new(negative, digits, decimals, Unit::Gram);
            let again = Quantity::parse(sent.to_string().as_bytes(), Unit::Gram).unwrap();
            prop_assert_eq!(again.weight(), sent.weight());
            prop_assert_eq!(again.decimals(), decimals);
            let grams = Quantity::parse(sent.weight().grams().as_bytes(), Unit::Gram).unwrap();
            prop_assert_eq!(grams.weight(), sent.weight());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Quantity::parse(&bytes, Unit::Ounce);
        }
    }
}
