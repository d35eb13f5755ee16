//! A whole number within limits: the type of a setting holds its rule, so the message points at the value.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserializer, Unexpected, Visitor};
use serde::{Deserialize, Serialize};

/// A whole number from `LEAST` to `MOST`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Bounded<const LEAST: u32, const MOST: u32>(u32);

impl<const LEAST: u32, const MOST: u32> Bounded<LEAST, MOST> {
    /// A number that the source text gives.
    ///
    /// # Panics
    /// When the number is outside of its limits: in a `const` that is an error of the compiler.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        assert!(LEAST <= number && number <= MOST, "the number is outside of its limits");
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// That many milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> Duration {
        Duration::from_millis(1).saturating_mul(self.0)
    }
}

impl<'de, const LEAST: u32, const MOST: u32> Deserialize<'de> for Bounded<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_u32(WithinLimits::<LEAST, MOST>)
    }
}

/// Reads a [`Bounded`], and says what is allowed when it is not one.
struct WithinLimits<const LEAST: u32, const MOST: u32>;

impl<const LEAST: u32, const MOST: u32> Visitor<'_> for WithinLimits<LEAST, MOST> {
    type Value = Bounded<LEAST, MOST>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {LEAST} to {MOST}")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        let fitting = u32::try_from(number).ok().filter(|number| (LEAST..=MOST).contains(number));
        fitting.map(Bounded).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Table {
        n: Bounded<1, 240>,
    }

    #[test]
    fn limits_hold_on_both_sides_and_are_told() {
        let read = |text: &str| toml::from_str::<Table>(text).map(|table| table.n.get());
        assert_eq!(read("n = 1"), Ok(1));
        assert_eq!(read("n = 240"), Ok(240));
        for wrong in ["0", "241", "-1", "1.5", "'fast'", "99999999999"] {
            let message = read(&format!("n = {wrong}")).unwrap_err().message().to_owned();
            assert!(message.ends_with("expected a whole number from 1 to 240"), "{message}");
        }
    }
}
