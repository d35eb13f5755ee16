//! `berkel`: Berkel's ENQ dialogue with a checksum, as CAS ECR types 0 and 1 and Ohaus speak it too.
//!
//! ENQ is answered by one byte, DC1 by a block: STX, an identification, five digits, checksum, ETX. The till
//! sends the block back and the scale says whether it matches. The point comes from the capacity in the
//! identification. Layout: Ohaus Aviator 5000, CAS PD-II manuals.

use std::time::Duration;

use super::block::{Block, BlockDecoder};
use super::{
    Answer, Family, Framing, Garbled, Line, Profile, Range, Reading, Stability, Talk, Writes, exchange,
    number,
};
use crate::weight::{Quantity, Unit};

/// Berkel, and scales that stand in for one.
pub(super) static FAMILY: Family = Family {
    name: "berkel",
    title: "Berkel; Ohaus Aviator and CAS PD-II (ECR types 0 and 1) in its place",
    line: Line { baud: 2400, framing: Framing::SevenEvenOne },
    talk: Talk::Converse {
        script: |_, _| Box::<exchange::Berkel>::default(),
        unhurried: Duration::from_millis(250),
        brisk: Duration::from_millis(150),
        answer_within: Duration::from_millis(500),
    },
    sends_stability: false,
    sends_unit: true,
    models: &[],
    writes: Writes::NONE,
    decoder: |profile| Box::new(BlockDecoder::new(BLOCK, *profile)),
    samples: &[
        b"\x02\x2901235\x1C\x03",
        b"\x02\x2A00249\x15\x03",
        b"\x02\x3900000\x09\x03",
        b"\x02\x29\x00\x01\x02\x03\x05\x2C\x03",
        b"\x06",
        b"\x00",
        b"\x18",
    ],
};

const BLOCK: Block = Block {
    starts: b"\x02",
    length: 9,
    seven_bits: true,
    // an identification has bit 5 set, so a second STX begins anew; digits may be as small as an STX
    plausible: |begun| begun.get(1) != Some(&0x02) && begun.get(8).is_none_or(|end| *end == 0x03),
    read: |raw, profile| weigh(raw, profile).into(),
    alone,
};

fn alone(byte: u8) -> Option<Answer> {
    match byte {
        0x00 => Some(Answer::no("no-data")),
        0x06 => Some(Answer::yes("ack")),
        0x0D => Some(Answer::yes("match")),
        0x15 => Some(Answer::no("nak")),
        0x18 => Some(Answer::no("repeat")),
        _ => None,
    }
}

fn weigh(raw: &[u8], profile: Profile) -> Result<Reading, Garbled> {
    let &[_, id, ref digits @ .., check, _] = raw else {
        return Err(Garbled::Layout("the block is too short"));
    };
    if digits.iter().fold(id, |sum, byte| sum ^ byte) != check {
        return Err(Garbled::Checksum);
    }
    if id & 0x28 != 0x28 {
        return Err(Garbled::Layout("bits 3 and 5 of the identification are not set"));
    }
    if id & 0x10 != 0 {
        // one bit for both ends of the range
        let fault = Some("out-of-range".into());
        return Ok(Reading { fault, ..Reading::outside(Range::Over) });
    }
    let (decimals, unit) = match id & 0x47 {
        1 | 3 => (3, Unit::Kilogram),
        2 => (2, Unit::Pound),
        _ => return Err(Garbled::Layout("an unknown capacity in the identification")),
    };
    let sent = Quantity::new(false, value(digits)?, decimals, unit);
    Ok(Reading::of(profile.admit(sent, false)?, Stability::Unknown))
}

/// Five digits, most significant first, as characters or as plain numbers; the manual does not say which.
fn value(digits: &[u8]) -> Result<u64, Garbled> {
    if digits.iter().all(|digit| *digit < 10) {
        return Ok(digits.iter().fold(0, |value, digit| value * 10 + u64::from(*digit)));
    }
    number::digits(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::Heard;

    fn block(id: u8, digits: &[u8]) -> Vec<u8> {
        let check = digits.iter().fold(id, |sum, byte| sum ^ byte);
        [&[0x02, id], digits, &[check, 0x03]].concat()
    }

    fn hear(bytes: &[u8]) -> Vec<Heard> {
        let mut decoder = (FAMILY.decoder)(&Profile::default());
        bytes.iter().filter_map(|&byte| decoder.push(byte)).map(|frame| frame.heard).collect()
    }

    fn shown(heard: &[Heard]) -> Option<String> {
        heard.iter().find_map(|heard| match heard {
            Heard::Reading(reading) => reading.quantity.map(|sent| format!("{sent} {}", sent.unit())),
            Heard::Answer(_) | Heard::Garbled(_) => None,
        })
    }

    #[test]
    fn the_capacity_sets_the_point() {
        assert_eq!(shown(&hear(&block(0x29, b"01235"))).as_deref(), Some("1.235 kg"));
        assert_eq!(shown(&hear(&block(0x2B, b"01235"))).as_deref(), Some("1.235 kg"));
        assert_eq!(shown(&hear(&block(0x2A, b"00249"))).as_deref(), Some("2.49 lb"));
        for id in [0x28, 0x2C, 0x2F, 0x69, 0x01, 0x09, 0x21] {
            assert!(
                matches!(hear(&block(id, b"01235")).as_slice(), [Heard::Garbled(Garbled::Layout(_))]),
                "{id:02X}"
            );
        }
    }

    #[test]
    fn digits_are_characters_or_numbers_but_not_both() {
        assert_eq!(shown(&hear(&block(0x29, &[0, 1, 2, 3, 5]))).as_deref(), Some("1.235 kg"));
        assert_eq!(shown(&hear(&block(0x29, &[2, 2, 2, 2, 2]))).as_deref(), Some("22.222 kg"));
        assert_eq!(hear(&block(0x29, &[0, 1, b'2', 3, 5])), [Heard::Garbled(Garbled::NotANumber)]);
        assert_eq!(hear(&block(0x29, b"01 35")), [Heard::Garbled(Garbled::NotANumber)]);
    }

    #[test]
    fn out_of_range_is_never_a_number() {
        let heard = hear(&block(0x39, b"01235"));
        let [Heard::Reading(reading)] = heard.as_slice() else { panic!("{heard:?}") };
        assert_eq!((reading.quantity, reading.range), (None, Range::Over));
    }

    #[test]
    fn half_a_block_does_not_take_the_next_along() {
        for before in [b"\x02".as_slice(), b"\x02A", b"\x02\x29012", b"\x02\x02"] {
            let heard = hear(&[before, &block(0x29, b"09000")].concat());
            assert_eq!(shown(&heard).as_deref(), Some("9.000 kg"), "{before:?}: {heard:?}");
        }
    }

    #[test]
    fn a_false_start_does_not_take_the_block_behind_it_along() {
        for noise in [b"\x02\x0D\x15".as_slice(), b"\x02\x0D\x15\x00", b"\x02"] {
            let heard = hear(&[noise, &block(0x29, &[0, 1, 3, 3, 5])].concat());
            assert_eq!(shown(&heard).as_deref(), Some("1.335 kg"), "{noise:?}: {heard:?}");
        }
    }

    #[test]
    fn single_bytes_are_answers_between_blocks_only() {
        assert_eq!(hear(b"\x06\x00\x18\x0D\x15").len(), 5);
        assert_eq!(hear(&block(0x29, &[0, 6, 0, 0, 5])).len(), 1);
    }
}
