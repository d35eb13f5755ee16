//! A weight as a setting: a number of grams.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::{Quantity, Unit, Weight};

/// A number of grams above zero: `5`, `0.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grams(Weight);

impl Grams {
    /// The weight.
    #[must_use]
    pub const fn weight(self) -> Weight {
        self.0
    }
}

impl<'de> Deserialize<'de> for Grams {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(GramsAboveZero)
    }
}

struct GramsAboveZero;

/// No checkout scale carries more than this.
const MOST_GRAMS: i64 = 1_000_000;

impl Visitor<'_> for GramsAboveZero {
    type Value = Grams;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number of grams above 0, at most {MOST_GRAMS}")
    }

    fn visit_i64<E: de::Error>(self, grams: i64) -> Result<Grams, E> {
        if (1..=MOST_GRAMS).contains(&grams) {
            Ok(Grams(Weight::from_grams(grams)))
        } else {
            Err(E::invalid_value(de::Unexpected::Signed(grams), &self))
        }
    }

    fn visit_f64<E: de::Error>(self, grams: f64) -> Result<Grams, E> {
        // The shortest text of the number is what was written, so the decimal is read exactly.
        Quantity::parse(grams.to_string().as_bytes(), Unit::Gram)
            .ok()
            .map(Quantity::weight)
            .filter(|weight| *weight > Weight::ZERO && *weight <= Weight::from_grams(MOST_GRAMS))
            .map(Grams)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Float(grams), &self))
    }
}
