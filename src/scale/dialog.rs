//! `dialog-06`: Checkout-Dialog 06 with its forerunners 02 and 04, for scales that compute the price.
//!
//! The till sends a unit price and asks for the result; the scale answers with records in STX … ETX and with
//! ACK and NAK. A result exists only for a load at rest, and only once for each load. Layouts: Mettler Toledo
//! Diva, Ohaus Aviator 7000 and 5000, Dibal DPOS400 and Cely PI100 manuals; some of them print EOT as the
//! last byte of a record.

use std::time::Duration;

use super::envelope::{Envelope, EnvelopeDecoder};
use super::{
    Answer, Family, Framing, Garbled, Heard, Line, Model, Profile, Range, Reading, Stability, Talk, Write,
    Writes, exchange, number,
};
use crate::weight::{Quantity, Unit};

/// Price-computing checkout scales.
///
/// 7O1 is what most of them were met with; the scale's menu may say 7E1, and 4800 (04) or 2400 (02).
pub(super) static FAMILY: Family = Family {
    name: "dialog-06",
    title: "Mettler Toledo Ariva, Viva, Diva, Tiger; Bizerba; Dibal DPOS400; Cely PI100; Ohaus Aviator",
    line: Line { baud: 9600, framing: Framing::SevenOddOne },
    talk: Talk::Converse {
        script: |terms, profile| Box::new(exchange::Dialog::new(terms.checksums.clone(), profile)),
        unhurried: Duration::from_millis(250),
        brisk: Duration::from_millis(200),
        answer_within: Duration::from_millis(500),
    },
    sends_stability: true,
    sends_unit: true,
    models: MODELS,
    writes: Writes {
        text: Some(Write::SCRIPTED),
        price: Some(Write::SCRIPTED),
        tare: Some(Write::SCRIPTED),
        beep: None,
    },
    decoder: |profile| Box::new(EnvelopeDecoder::new(ENVELOPE, *profile)),
    samples: &[
        b"\x0202\x1B3\x1B01235\x1B000299\x1B000369\x03",
        b"\x0202\x1B1\x1B00249\x1B000299\x1B000745\x03",
        b"\x0202\x1B3\x1B01235\x1B00299\x1B000369\x04",
        b"\x0209\x1B20\x03",
        b"\x0209\x1B30\x03",
        b"\x0211\x1B247\x03",
        b"\x06",
        b"\x15",
    ],
};

/// The older dialogues run slower (Odoo and Ohaus Aviator for 04, Ohaus for 02), and the oldest scales have five
/// digits of price.
const MODELS: &[Model] = &[
    Model::of("06", "Checkout-Dialog 06: Mettler Toledo Ariva, Viva, Diva; Bizerba; Cely; Ohaus Aviator"),
    Model::of("04", "Checkout-Dialog 04: Ariva-S menu option 9, Ohaus Aviator")
        .on(Line { baud: 4800, framing: Framing::SevenOddOne }),
    Model::of("02", "Checkout-Dialog 02, five digits of price: Ohaus Aviator, old scales")
        .on(Line { baud: 2400, framing: Framing::SevenOddOne }),
    Model::of("dibal", "Dibal DPOS400 as for Sharp UP-800, with record 80 for a long text"),
];

/// The longest record has 26 bytes; at twice that its end was lost.
const ENVELOPE: Envelope =
    Envelope { start: 0x02, ends: b"\x03\x04", limit: 52, read, alone: acknowledgement };

/// ACK and NAK.
pub(super) fn acknowledgement(byte: u8) -> Option<Answer> {
    match byte {
        0x06 => Some(Answer::yes("ack")),
        0x15 => Some(Answer::no("nak")),
        _ => None,
    }
}

/// Stands between the fields of a record.
const ESC: u8 = 0x1B;

fn read(body: &[u8], profile: Profile) -> Heard {
    let fields: Vec<&[u8]> = body.split(|byte| *byte == ESC).collect();
    match *fields.as_slice() {
        [b"02", unit, weight, price, amount] => result(unit, weight, price, amount, profile).into(),
        [b"09", &[tens, ones]] if tens.is_ascii_digit() && ones.is_ascii_digit() => status([tens, ones]),
        [b"11", b"0"] => Heard::Answer(Answer::no("checksums-refused")),
        [b"11", b"1"] => Heard::Answer(Answer::yes("checksums-accepted")),
        [b"11", [b'2', high, low]] => challenge(*high, *low).map_or_else(Heard::Garbled, Heard::Answer),
        _ => Heard::Garbled(Garbled::Layout("no record 02, 09 or 11")),
    }
}

/// Record 02: what was weighed, its unit price and what it costs. Older scales have five digits of price.
fn result(
    unit: &[u8],
    weight: &[u8],
    price: &[u8],
    amount: &[u8],
    profile: Profile,
) -> Result<Reading, Garbled> {
    if weight.len() != 5 || !matches!(price.len(), 5 | 6) || amount.len() != 6 {
        return Err(Garbled::Layout("a field of record 02 has not its length"));
    }
    for money in [price, amount] {
        number::digits(money)?;
    }
    let (unit, decimals) = match unit {
        b"1" => (Unit::Pound, 2),
        b"2" => (Unit::Pound, 3),
        b"3" => (Unit::Kilogram, 3),
        // no source says how the five digits divide into pounds and ounces
        b"0" => {
            return Err(Garbled::Layout(
                "pounds and ounces in eighths: set the scale to decimal pounds or kg",
            ));
        }
        _ => return Err(Garbled::Unit),
    };
    let quantity = Quantity::new(false, number::digits(weight)?, decimals, unit);
    Ok(Reading::of(profile.admit(quantity, false)?, Stability::Stable))
}

/// Record 09: why there is no result.
fn status(code: [u8; 2]) -> Heard {
    let refused = |word| Heard::Answer(Answer { detail: Some(number::printable(&code)), ..Answer::no(word) });
    match &code {
        b"00" => Heard::Answer(Answer::yes("ok")),
        b"20" => Heard::Reading(Reading::without_weight(Stability::Moving)),
        // below the minimum weight is how these scales say that nothing is on the plate
        b"30" => Heard::Reading(Reading { zero: Some(true), ..Reading::without_weight(Stability::Unknown) }),
        b"31" => Heard::Reading(Reading::outside(Range::Under)),
        b"32" => Heard::Reading(Reading::outside(Range::Over)),
        b"21" => refused("not-moved-since"),
        b"22" => refused("not-ready"),
        b"01" => refused("general-error"),
        b"02" => refused("parity-error"),
        b"10" => refused("bad-record"),
        b"11" => refused("bad-price"),
        b"12" => refused("bad-tare"),
        b"13" => refused("bad-text"),
        b"33" => refused("price-overflow"),
        b"34" => refused("invalid-weight"),
        _ => refused("status"),
    }
}

/// Record 11 with a challenge: how far the checksums are to be rotated, as two hexadecimal digits.
fn challenge(high: u8, low: u8) -> Result<Answer, Garbled> {
    let (high, low) = (nibble(high)?, nibble(low)?);
    Ok(Answer { detail: Some(format!("{high:X}{low:X}")), ..Answer::yes("checksum-challenge") })
}

/// A hexadecimal digit, or 30h and the value: Cely and Dibal write eleven as `;`.
fn nibble(character: u8) -> Result<u8, Garbled> {
    match character {
        b'0'..=b'?' => Ok(character - b'0'),
        b'A'..=b'F' => Ok(character - b'A' + 10),
        _ => Err(Garbled::Layout("the challenge of record 11 is not two hexadecimal digits")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(body: &[u8]) -> Heard {
        read(body, Profile::default())
    }

    #[test]
    fn the_unit_code_sets_the_point() {
        for (code, shown) in [("1", "12.35 lb"), ("2", "1.235 lb"), ("3", "1.235 kg")] {
            let body = format!("02\x1B{code}\x1B01235\x1B000299\x1B000369");
            let Heard::Reading(reading) = heard(body.as_bytes()) else { panic!("{code}") };
            let quantity = reading.quantity.unwrap();
            assert_eq!(format!("{quantity} {}", quantity.unit()), shown);
        }
        for code in ["0", "4", "", "33"] {
            let body = format!("02\x1B{code}\x1B01235\x1B000299\x1B000369");
            assert!(matches!(heard(body.as_bytes()), Heard::Garbled(_)), "{code:?}");
        }
    }

    #[test]
    fn a_field_that_lost_a_digit_is_no_result() {
        for body in [
            "02\x1B3\x1B0123\x1B000299\x1B000369",
            "02\x1B3\x1B012355\x1B000299\x1B000369",
            "02\x1B3\x1B01235\x1B0299\x1B000369",
            "02\x1B3\x1B01235\x1B000299\x1B00369",
            "02\x1B3\x1B01235\x1B000299\x1B0003 9",
            "02\x1B3\x1B-1235\x1B000299\x1B000369",
            "02\x1B301235\x1B000299\x1B000369",
        ] {
            assert!(matches!(heard(body.as_bytes()), Heard::Garbled(_)), "{body:?}");
        }
    }

    #[test]
    fn a_status_is_never_a_weight() {
        for code in 0..100 {
            match heard(format!("09\x1B{code:02}").as_bytes()) {
                Heard::Reading(reading) => assert_eq!(reading.quantity, None),
                Heard::Answer(answer) => assert_eq!(answer.refused, code != 0),
                Heard::Garbled(why) => panic!("{code}: {why}"),
            }
        }
        assert!(matches!(heard(b"09\x1B2"), Heard::Garbled(_)));
        assert!(matches!(heard(b"09\x1B2 "), Heard::Garbled(_)));
    }

    #[test]
    fn a_challenge_is_read_in_both_spellings() {
        for (body, detail) in
            [("11\x1B247", "47"), ("11\x1B2;2", "B2"), ("11\x1B2B2", "B2"), ("11\x1B2?:", "FA")]
        {
            let Heard::Answer(answer) = heard(body.as_bytes()) else { panic!("{body:?}") };
            assert_eq!((answer.word, answer.detail.as_deref()), ("checksum-challenge", Some(detail)));
        }
        assert!(matches!(heard(b"11\x1B2G2"), Heard::Garbled(_)));
        assert_eq!(heard(b"11\x1B0"), Heard::Answer(Answer::no("checksums-refused")));
    }
}
