//! Numbers as scales write them, read more strictly than people would.

use super::Garbled;
use crate::weight::{Quantity, Unit};

/// Reads a decimal that has a digit on both sides of its point or comma.
///
/// `.5` and `100.` are refused: on a line without a checksum they are what is left of a number after a byte
/// was lost.
pub(super) fn decimal(text: &[u8], unit: Unit) -> Result<Quantity, Garbled> {
    let digit_at = |place: Option<&u8>| place.is_some_and(u8::is_ascii_digit);
    let point = text.iter().position(|byte| matches!(byte, b'.' | b','));
    let whole = point.is_none_or(|place| {
        digit_at(place.checked_sub(1).and_then(|before| text.get(before))) && digit_at(text.get(place + 1))
    });
    if !whole {
        return Err(Garbled::NotANumber);
    }
    Ok(Quantity::parse(text, unit)?)
}

/// Reads the unit of a field, blanks around it allowed.
pub(super) fn unit(text: &[u8]) -> Result<Unit, Garbled> {
    Unit::from_wire(text).ok_or(Garbled::Unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_has_a_digit_on_both_sides() {
        for good in ["1.2", "-0,5", " 12", "+  1.234", "0"] {
            assert!(decimal(good.as_bytes(), Unit::Gram).is_ok(), "{good:?}");
        }
        for bad in [".5", "5.", "-.5", ".", "", " ", "1. 5", "1..2", "1,2.3", "+"] {
            assert_eq!(decimal(bad.as_bytes(), Unit::Gram), Err(Garbled::NotANumber), "{bad:?}");
        }
    }
}
