//! `hid-pos`: scales on USB that report as point-of-sale devices (usage page 8Dh).
//!
//! Six bytes for each report: number, state, unit, a power of ten, and sixteen bits of magnitude. They come
//! whole from the kernel and not over a serial line. Layout: USB-IF HID point-of-sale usage tables, usbscale.

use super::block::{Block, BlockDecoder};
use super::{Family, Framing, Garbled, Line, Profile, Range, Reading, Stability, Talk, Writes};
use crate::weight::{Quantity, Unit};

/// DYMO, Stamps.com, Fairbanks SCB, Mettler PS, Pitney Bowes.
pub(super) static FAMILY: Family = Family {
    name: "hid-pos",
    title: "USB scales without a serial port: DYMO, Stamps.com, Fairbanks SCB, Mettler Toledo PS, Pitney Bowes",
    // a hidraw device knows neither speed nor framing
    line: Line { baud: 9600, framing: Framing::EightNoneOne },
    talk: Talk::Reports,
    sends_stability: true,
    sends_unit: true,
    models: &[],
    writes: Writes::NONE,
    decoder: |profile| Box::new(BlockDecoder::new(BLOCK, *profile)),
    samples: &[
        b"\x03\x04\x02\x00\x14\x00",
        b"\x03\x04\x0B\xFF\x34\x19",
        b"\x03\x02\x02\x00\x00\x00",
        b"\x03\x03\x02\x00\x10\x00",
        b"\x03\x06\x02\x00\xFF\xFF",
        b"\x04\x04\x03\xFD\xD3\x04",
    ],
};

/// Reports have the number 3, on some scales 4.
const BLOCK: Block = Block {
    starts: b"\x03\x04",
    length: 6,
    seven_bits: false,
    plausible: |_| true,
    read: |raw, profile| weigh(raw, profile).into(),
    alone: |_| None,
};

fn weigh(raw: &[u8], profile: Profile) -> Result<Reading, Garbled> {
    let &[_, state, unit, exponent, low, high] = raw else {
        return Err(Garbled::Layout("a report of other than six bytes"));
    };
    let number = || quantity(u16::from_le_bytes([low, high]), exponent, unit, profile);
    let flagged = |zero, stability| {
        let quantity = number()?;
        Ok(Reading { zero: Some(zero), ..Reading::of(quantity, stability) })
    };
    match state {
        1 => Ok(Reading::faulty("scale-fault")),
        2 => flagged(true, Stability::Stable),
        3 => Ok(Reading::of(number()?, Stability::Moving)),
        4 => flagged(false, Stability::Stable),
        // the magnitude comes without its sign
        5 => Ok(Reading { quantity: Some(number()?.negated()), ..Reading::outside(Range::Under) }),
        6 => Ok(Reading::outside(Range::Over)),
        7 => Ok(Reading::faulty("needs-calibration")),
        8 => Ok(Reading::faulty("needs-zeroing")),
        _ => Err(Garbled::Layout("an unknown state in the second byte")),
    }
}

fn quantity(magnitude: u16, exponent: u8, unit: u8, profile: Profile) -> Result<Quantity, Garbled> {
    let unit = match unit {
        2 => Unit::Gram,
        3 => Unit::Kilogram,
        11 => Unit::Ounce,
        12 => Unit::Pound,
        _ => return Err(Garbled::Unit),
    };
    // no scale resolves finer than a millionth or counts in more than thousands
    let (factor, decimals) = match i8::from_le_bytes([exponent]) {
        0 => (1, 0),
        power @ 1..=3 => (10_u64.pow(u32::from(power.unsigned_abs())), 0),
        power @ -6..=-1 => (1, power.unsigned_abs()),
        _ => return Err(Garbled::Decimals),
    };
    profile.admit(Quantity::new(false, u64::from(magnitude) * factor, decimals, unit), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(state: u8, unit: u8, exponent: i8, magnitude: u16) -> Result<Reading, Garbled> {
        let [low, high] = magnitude.to_le_bytes();
        weigh(&[3, state, unit, exponent.cast_unsigned(), low, high], Profile::default())
    }

    fn shown(unit: u8, exponent: i8, magnitude: u16) -> Option<String> {
        let quantity = report(4, unit, exponent, magnitude).ok()?.quantity?;
        Some(format!("{quantity} {}", quantity.unit()))
    }

    #[test]
    fn the_power_of_ten_sets_the_point() {
        assert_eq!(shown(2, 0, 65_535).as_deref(), Some("65535 g"));
        assert_eq!(shown(3, -3, 1235).as_deref(), Some("1.235 kg"));
        assert_eq!(shown(11, -1, 6452).as_deref(), Some("645.2 oz"));
        assert_eq!(shown(12, 1, 2).as_deref(), Some("20 lb"));
        assert_eq!((shown(2, 4, 2), shown(2, -7, 2), shown(2, -128, 2)), (None, None, None));
        for other in [0, 1, 4, 5, 6, 7, 8, 9, 10, 13] {
            assert_eq!(report(4, other, 0, 20), Err(Garbled::Unit), "{other}");
        }
    }

    #[test]
    fn the_state_is_read_before_the_number() {
        assert_eq!(report(2, 2, 0, 0).unwrap().zero, Some(true));
        assert_eq!(report(4, 2, 0, 0).unwrap().zero, Some(false));
        assert_eq!(report(3, 2, 0, 16).unwrap().stability, Stability::Moving);
        let under = report(5, 2, 0, 5).unwrap();
        assert_eq!(
            (under.quantity.unwrap().to_string(), under.range, under.weight()),
            ("-5".into(), Range::Under, None)
        );
        assert_eq!(report(6, 2, 0, 65_535).unwrap().quantity, None);
        for (state, word) in [(1, "scale-fault"), (7, "needs-calibration"), (8, "needs-zeroing")] {
            assert_eq!(report(state, 2, 0, 20).unwrap().fault.as_deref(), Some(word));
        }
        assert!(matches!(report(0, 2, 0, 20), Err(Garbled::Layout(_))));
        assert!(matches!(report(9, 2, 0, 20), Err(Garbled::Layout(_))));
    }
}
