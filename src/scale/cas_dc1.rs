//! `cas-dc1`: CAS's ENQ and DC1 dialogue, with a checksum.
//!
//! ENQ is answered by ACK, DC1 by a block: SOH STX, stable or not, sign, six characters, unit, checksum, ETX,
//! EOT. Layout: CAS PD-II, SW-II and AP-1, Ohaus Aviator 7000 manuals.

use std::time::Duration;

use super::block::{Block, BlockDecoder};
use super::dialog::acknowledgement;
use super::{
    Family, Framing, Garbled, Heard, Line, Profile, Range, Reading, Stability, Talk, Writes, exchange, number,
};

/// CAS as ECR type 6, and those that copied it.
pub(super) static FAMILY: Family = Family {
    name: "cas-dc1",
    title: "CAS PD-II (ECR type 6), SW-II, AP-1; Ohaus Aviator; Mertech CAS-M; Samsung ER-670",
    line: Line { baud: 9600, framing: Framing::EightNoneOne },
    talk: Talk::Converse {
        script: |_, _| Box::<exchange::Cas>::default(),
        unhurried: Duration::from_millis(200),
        brisk: Duration::from_millis(150),
        answer_within: Duration::from_millis(300),
    },
    sends_stability: true,
    sends_unit: true,
    models: &[],
    writes: Writes::NONE,
    decoder: |profile| Box::new(BlockDecoder::new(BLOCK, *profile)),
    samples: &[
        b"\x01\x02S 01.235kgd\x03",
        b"\x01\x02U 01.180kgo\x03",
        b"\x01\x02S-00.010kgm\x03",
        b"\x01\x02S  2.500lbt\x03",
        b"\x01\x02SFFFFFFFkg\x19\x03",
        b"\x06",
        b"\x15",
    ],
};

/// The block ends with its ETX: not every model sends the EOT behind it, and the checksum has been seen.
const BLOCK: Block =
    Block { starts: b"\x01", length: 14, seven_bits: true, plausible, read, alone: acknowledgement };

/// Where the checksum stands; it may take any value, the bytes before it are never a SOH.
const CHECK: usize = 12;

fn plausible(begun: &[u8]) -> bool {
    let at = |place: usize, byte: u8| begun.get(place).is_none_or(|found| *found == byte);
    let text = begun.get(2..begun.len().min(CHECK)).unwrap_or_default();
    at(1, 0x02) && at(13, 0x03) && !text.contains(&0x01)
}

fn read(raw: &[u8], profile: Profile) -> Heard {
    weigh(raw, profile).into()
}

fn weigh(raw: &[u8], profile: Profile) -> Result<Reading, Garbled> {
    let too_short = Garbled::Layout("the block is too short");
    let &[_, _, state, ref number @ .., u1, u2, check, _] = raw else { return Err(too_short) };
    let sum = raw.get(2..CHECK).unwrap_or_default().iter().fold(0, |sum, byte| sum ^ byte);
    if sum != check {
        return Err(Garbled::Checksum);
    }
    let stability = match state {
        b'S' => Stability::Stable,
        b'U' => Stability::Moving,
        _ => return Err(Garbled::Layout("neither S nor U before the weight")),
    };
    // an F in the place of the sign is enough; what follows are digits or more of it
    if number.first() == Some(&b'F') || number == b" FFFFFF" {
        return Ok(Reading { range: Range::Over, ..Reading::without_weight(stability) });
    }
    Ok(Reading::of(number::pointed(number, &[u1, u2], profile)?, stability))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block with the checksum that belongs to it.
    fn block(text: &[u8]) -> Vec<u8> {
        let sum = text.iter().fold(0, |sum, byte| sum ^ byte);
        [b"\x01\x02", text, &[sum, 0x03, 0x04]].concat()
    }

    fn hear(bytes: &[u8]) -> Vec<Heard> {
        let mut decoder = (FAMILY.decoder)(&Profile::default());
        bytes.iter().filter_map(|&byte| decoder.push(byte)).map(|frame| frame.heard).collect()
    }

    fn weight(heard: &[Heard]) -> Option<String> {
        heard.iter().find_map(|heard| match heard {
            Heard::Reading(reading) => reading.quantity.map(|sent| sent.to_string()),
            Heard::Answer(_) | Heard::Garbled(_) => None,
        })
    }

    #[test]
    fn seven_digits_may_take_the_place_of_the_sign() {
        assert_eq!(weight(&hear(&block(b"S012.345kg"))).as_deref(), Some("12.345"));
        assert_eq!(weight(&hear(&block(b"S 01.235KG"))).as_deref(), Some("1.235"));
    }

    #[test]
    fn a_right_checksum_does_not_make_a_weight_of_anything_else() {
        for text in [b"X 01.235kg".as_slice(), b"S 001235kg", b"S  12345kg", b"S 01.2 5kg", b"S 01.235pc"] {
            assert!(matches!(hear(&block(text)).as_slice(), [Heard::Garbled(_)]), "{text:?}");
        }
    }

    #[test]
    fn an_f_for_the_sign_is_overload_whatever_follows() {
        for text in [b"SF01.235kg".as_slice(), b"SFFFFFF0kg", b"SFFFFFFFkg", b"S FFFFFFkg"] {
            match hear(&block(text)).as_slice() {
                [Heard::Reading(reading)] => {
                    assert_eq!((reading.range, reading.quantity), (Range::Over, None));
                }
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn every_checksum_is_let_through_whatever_byte_it_is() {
        let mut seen = std::collections::BTreeSet::new();
        for grams in 0..9999 {
            let text = format!("S 0{}.{:03}kg", grams / 1000, grams % 1000);
            let bytes = block(text.as_bytes());
            seen.insert(bytes[CHECK]);
            assert!(weight(&hear(&bytes)).is_some(), "{text}");
        }
        assert!(seen.iter().all(|check| (0x60..=0x6F).contains(check)), "{seen:?}");
    }

    #[test]
    fn half_a_block_does_not_take_the_next_along() {
        for before in [b"\x01".as_slice(), b"\x01\x02S 01.2", b"\x01\x02", b"\x01\x01", b"\x01\x02S 01.235kg"]
        {
            let heard = hear(&[before, &block(b"S 09.000kg")].concat());
            assert_eq!(weight(&heard).as_deref(), Some("9.000"), "{before:?}: {heard:?}");
        }
    }
}
