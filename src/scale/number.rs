//! Numbers as scales write them, read more strictly than people would.

use super::{Garbled, Profile, Reading, Stability};
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

/// Reads a number and the unit that stands in a field of its own; `lb:oz` is a unit with a colon in its
/// number.
pub(super) fn quantity(text: &[u8], unit_field: &[u8], profile: Profile) -> Result<Quantity, Garbled> {
    if unit_field.eq_ignore_ascii_case(b"lb:oz") {
        let colon = text.iter().position(|byte| *byte == b':').ok_or(Garbled::NotANumber)?;
        let (pounds, ounces) = text.split_at_checked(colon).ok_or(Garbled::NotANumber)?;
        let ounces = ounces.get(1..).unwrap_or_default();
        return profile.admit(Quantity::pounds_and_ounces(pounds, ounces)?, true);
    }
    profile.admit(decimal(text, unit(unit_field)?)?, false)
}

/// The same for frames whose layout has a point: a whole number is grams, or what is left of another weight after
/// its point was lost, unless the settings say that the scale has no decimals.
pub(super) fn pointed(text: &[u8], unit_field: &[u8], profile: Profile) -> Result<Quantity, Garbled> {
    let quantity = quantity(text, unit_field, profile)?;
    let may_be_whole = quantity.unit() == Unit::Gram || profile.decimals == Some(0);
    if quantity.decimals() == 0 && !may_be_whole {
        return Err(Garbled::Layout(
            "a weight without its point; a scale without decimals wants scale.decimals = 0",
        ));
    }
    Ok(quantity)
}

/// A reading of a number whose unit is not on the wire: it weighs something only if the settings know the unit.
pub(super) fn reading(text: &[u8], profile: Profile, stability: Stability) -> Result<Reading, Garbled> {
    let number = decimal(text, profile.unit.unwrap_or(Unit::Gram))?;
    if profile.unit.is_some() {
        return Ok(Reading::of(profile.admit(number, false)?, stability));
    }
    Ok(Reading { unitless: Some(number.to_string()), ..Reading::without_weight(stability) })
}

/// Digits alone, leading blanks not allowed: for fields whose point is implied.
pub(super) fn digits(text: &[u8]) -> Result<u64, Garbled> {
    if !text.iter().all(u8::is_ascii_digit) {
        return Err(Garbled::NotANumber);
    }
    Ok(Quantity::parse(text, Unit::Gram)?.digits())
}

/// The text with a dot for everything that is not printable.
pub(super) fn printable(text: &[u8]) -> String {
    text.iter().map(|byte| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '.' }).collect()
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
