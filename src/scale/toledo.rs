//! `toledo-8217`: one letter asks, `STX weight CR` or `STX ? status CR` answers.
//!
//! The weight frame is sent only while the load is at rest, not negative and within capacity; in every other
//! state the scale sends its status, so the type of the frame is the stability. Layouts: Mettler Toledo
//! Diva and PS service manuals, Brecknell 67xx, Transcell PS60, Sharp UP-3301.

use std::time::Duration;

use super::envelope::{Envelope, EnvelopeDecoder};
use super::write::Confirmed;
use super::{
    Answer, Family, Framing, Garbled, Heard, Line, Model, Profile, Range, Reading, Stability, Talk, Task,
    Write, Writes, number, write,
};
use crate::weight::{Quantity, Unit, Weight};

/// Mettler Toledo 8217 and its relatives.
pub(super) static FAMILY: Family = Family {
    name: "toledo-8217",
    title: "Mettler Toledo Ariva, Viva, Diva, PS (8217); Brecknell 67xx (8213); PS60; scanner-scales as SASI",
    line: Line { baud: 9600, framing: Framing::SevenEvenOne },
    talk: Talk::Poll {
        request: b"W",
        unhurried: Duration::from_millis(200),
        brisk: Duration::ZERO,
        answer_within: Duration::from_millis(500),
    },
    sends_stability: true,
    sends_unit: false,
    models: MODELS,
    writes: Writes { tare: Some(Write::new(Confirmed::ByReading, tare)), ..Writes::NONE },
    decoder: |profile| Box::new(EnvelopeDecoder::new(ENVELOPE, *profile)),
    samples: &[
        b"\x0201.235\r",
        b"\x0200.000\r",
        b"\x0200.450N\r",
        b"\x0202.49\r",
        b"\x02 12lb 07.5oz\r",
        b"\x02?A\r",
        b"\x02?P\r",
    ],
};

/// The status byte is where they differ: bit 5 is "net" on an 8217 and always set on the others, and SASI's answers
/// are given in two contradicting tables (Datalogic KA-01089 against the makers of scales).
const MODELS: &[Model] = &[
    Model::of("8217", "Mettler Toledo Ariva, Viva, Diva; CAS PD-II as ECR type 2; Sharp UP-3301"),
    Model::of("8213", "Brecknell 67xx (8213, EH-SCP), Rice Lake BenchPro, Ohaus Courier 7000, Transcell"),
    Model::of("ps60", "Mettler Toledo PS60"),
    Model::of("sasi", "Datalogic, PSC and NCR scanner-scales in dual-cable mode").taking(Writes::NONE),
    Model::of("3700lp", "Salter Brecknell 3700LP in grams, without a point"),
];

/// `T` and five digits: nn.nnn kg or nnn.nn lb; `C` takes it back (Diva service manual).
fn tare(task: &Task, seen: Option<Quantity>, profile: &Profile) -> Option<Vec<u8>> {
    match task {
        Task::Tare(Weight::ZERO) => Some(b"C".to_vec()),
        Task::Tare(tare) => {
            let words = write::in_its_words(*tare, seen, profile)?;
            let digits = Some(words.digits()).filter(|digits| *digits <= 99_999)?;
            Some(format!("T{digits:05}").into_bytes())
        }
        Task::Weigh | Task::Show(_) | Task::Clear | Task::Price(_) | Task::Beep => None,
    }
}

/// The longest frame is pounds and ounces with 14 bytes; at twice that a carriage return was lost.
const ENVELOPE: Envelope = Envelope { start: 0x02, ends: b"\r", limit: 28, read, alone: |_| None };

fn read(body: &[u8], profile: Profile) -> Heard {
    match body {
        b"" => Heard::Garbled(Garbled::Layout("nothing between STX and CR")),
        // the answer to `E`: from here on the scale sends back what it is sent
        b"E" => Heard::Answer(Answer::yes("echo-mode")),
        [b'?', bits] => status(*bits, profile).into(),
        [b'?', ..] => Heard::Garbled(Garbled::Layout("a status of other than one byte")),
        weight => weigh(weight, profile).into(),
    }
}

/// Bit 6 is always set and means nothing; bit 5 is "net" on the 8217 and always set on its relatives, which
/// matters to nobody because a status frame carries no weight.
fn status(bits: u8, profile: Profile) -> Result<Reading, Garbled> {
    let bit = |place: u8| bits & (1 << place) != 0;
    if !bit(6) {
        return Err(Garbled::Layout("bit 6 of the status is clear"));
    }
    let (moving, over, under) = (bit(0), bit(1), bit(2));
    let net = (!profile.is_other_than("8217")).then_some(bit(5));
    let at_rest_in_range = !moving && !over && !under;
    let stability = if moving { Stability::Moving } else { Stability::Stable };
    let range = match (over, under) {
        (true, _) => Range::Over,
        (false, true) => Range::Under,
        (false, false) => Range::In,
    };
    // the zero bit is believed only while nothing contradicts it
    let zero = match (bit(4), at_rest_in_range) {
        (true, true) => Some(true),
        (true, false) => None,
        (false, _) => Some(false),
    };
    if profile.is("sasi") {
        // Whichever table holds: no usable weight.
        return Ok(Reading { zero, ..Reading::without_weight(Stability::Unknown) });
    }
    // at rest, in range, not at zero and still no weight: the scale has lost its zero
    let fault = (at_rest_in_range && bit(3) && !bit(4)).then_some("outside-zero-range".into());
    Ok(Reading { range, zero, net, fault, ..Reading::without_weight(stability) })
}

fn weigh(body: &[u8], profile: Profile) -> Result<Reading, Garbled> {
    let (text, net) = body.strip_suffix(b"N").map_or((body, false), |text| (text, true));
    let quantity = match pounds_and_ounces(text) {
        Some(quantity) => profile.admit(quantity?, true)?,
        None => plain(text, profile)?,
    };
    Ok(Reading { net: Some(net), ..Reading::of(quantity, Stability::Stable) })
}

/// Pounds, `lb`, ounces, `oz`; Brecknell 6702.
fn pounds_and_ounces(text: &[u8]) -> Option<Result<Quantity, Garbled>> {
    let lower = text.to_ascii_lowercase();
    let text = lower.strip_suffix(b"oz")?;
    let at = text.windows(2).position(|pair| pair == b"lb")?;
    let (pounds, ounces) = (text.get(..at)?, text.get(at + 2..)?);
    let signed = text.iter().any(|byte| matches!(byte, b'+' | b'-'));
    Some(match Quantity::pounds_and_ounces(pounds, ounces) {
        Ok(quantity) if !signed => Ok(quantity),
        _ => Err(Garbled::NotANumber),
    })
}

/// Digits and a point, leading zeros as blanks. Two places stand before the point, so that a frame that lost or
/// doubled a digit is told from another load; a third one, of scales of 100 lb and more, is believed where the
/// settings give the decimals.
fn plain(text: &[u8], profile: Profile) -> Result<Quantity, Garbled> {
    if !text.trim_ascii_start().iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.')) {
        return Err(Garbled::NotANumber);
    }
    let point = text.iter().position(|byte| *byte == b'.');
    if point.is_some_and(|place| place != 2 && !(place == 3 && profile.decimals.is_some())) {
        return Err(Garbled::Layout("other than two places before the point; a third wants scale.decimals"));
    }
    let unit = match (point, profile.unit) {
        // the gram models send six digits without a point (Salter Brecknell 3700LP)
        (None, Some(Unit::Gram)) if text.len() == 6 => Unit::Gram,
        (None, Some(Unit::Gram)) => return Err(Garbled::Layout("grams of other than six digits")),
        (None, None) if profile.is("3700lp") && text.len() == 6 => Unit::Gram,
        (None, _) => return Err(Garbled::Decimals),
        (Some(point), unit) => unit_of(text.len() - point - 1, unit, profile.decimals)?,
    };
    let quantity = number::decimal(text, unit)?;
    match profile.decimals {
        Some(decimals) if decimals != quantity.decimals() => Err(Garbled::Decimals),
        _ => Ok(quantity),
    }
}

/// The wire carries no unit: three decimal places are kilograms, two are pounds (Diva service manual), unless
/// the settings say more.
fn unit_of(places: usize, unit: Option<Unit>, decimals: Option<u8>) -> Result<Unit, Garbled> {
    match (unit, decimals, places) {
        (None | Some(Unit::Kilogram), _, 3) => Ok(Unit::Kilogram),
        (None | Some(Unit::Pound), _, 2) => Ok(Unit::Pound),
        (Some(unit), Some(_), _) => Ok(unit),
        (Some(_), None, _) => Err(Garbled::Decimals),
        (None, _, _) => Err(Garbled::NoUnit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(body: &[u8], unit: Option<Unit>, decimals: Option<u8>) -> Heard {
        read(body, Profile { unit, decimals, ..Profile::default() })
    }

    fn weight(body: &[u8], unit: Option<Unit>, decimals: Option<u8>) -> Result<String, Garbled> {
        match heard(body, unit, decimals) {
            Heard::Reading(reading) => {
                let quantity = reading.quantity.unwrap();
                Ok(format!("{quantity} {}", quantity.unit()))
            }
            Heard::Garbled(why) => Err(why),
            Heard::Answer(answer) => panic!("{answer:?}"),
        }
    }

    #[test]
    fn the_places_after_the_point_tell_the_unit() {
        assert_eq!(weight(b"01.235", None, None), Ok("1.235 kg".to_owned()));
        assert_eq!(weight(b" 2.49", None, None), Ok("2.49 lb".to_owned()));
        assert_eq!(weight(b"02.4", None, None), Err(Garbled::NoUnit));
        assert_eq!(weight(b"02.4901", None, None), Err(Garbled::NoUnit));
    }

    #[test]
    fn a_configured_unit_is_checked_against_the_places() {
        let (kg, lb, g) = (Some(Unit::Kilogram), Some(Unit::Pound), Some(Unit::Gram));
        assert_eq!(weight(b"01.235", kg, None), Ok("1.235 kg".to_owned()));
        assert_eq!(weight(b"01.235", lb, None), Err(Garbled::Decimals));
        assert_eq!(weight(b"02.49", kg, None), Err(Garbled::Decimals));
        assert_eq!(weight(b"02.49", kg, Some(2)), Ok("2.49 kg".to_owned()));
        assert_eq!(weight(b"01.235", kg, Some(2)), Err(Garbled::Decimals));
        assert_eq!(weight(b"01.235", None, Some(2)), Err(Garbled::Decimals));
        assert_eq!(weight(b"01.235", lb, Some(3)), Ok("1.235 lb".to_owned()));
        assert_eq!(weight(b"01.235", g, None), Err(Garbled::Decimals));
        assert_eq!(weight(b"001235", g, None), Ok("1235 g".to_owned()));
        assert_eq!(weight(b"001235", g, Some(1)), Err(Garbled::Decimals));
        assert_eq!(weight(b"001235", kg, None), Err(Garbled::Decimals));
        assert_eq!(weight(b"001235", None, None), Err(Garbled::Decimals));
        assert!(matches!(weight(b"01235", g, None), Err(Garbled::Layout(_))));
    }

    #[test]
    fn a_lost_or_a_doubled_byte_is_not_another_load() {
        for cut in [
            "011.235", "901.235", "0101.235", "022.490N", "001.23", "150.00", "1.235", "0.235", ".235",
            "01.", "01 235", "01.2 5", "-1.235", "+1.235", "01.23x", "N",
        ] {
            assert!(weight(cut.as_bytes(), None, None).is_err(), "{cut:?}");
        }
    }

    #[test]
    fn hundreds_of_pounds_want_their_decimals_in_the_settings() {
        assert_eq!(weight(b"150.00", Some(Unit::Pound), Some(2)), Ok("150.00 lb".to_owned()));
        assert!(weight(b"0150.00", Some(Unit::Pound), Some(2)).is_err());
    }

    #[test]
    fn pounds_and_ounces_are_ounces() {
        assert_eq!(weight(b"012lb007.5oz", None, None), Ok("199.5 oz".to_owned()));
        assert_eq!(weight(b" 12LB  7.5OZ", Some(Unit::Pound), None), Ok("199.5 oz".to_owned()));
        assert_eq!(weight(b"012lb007.5oz", Some(Unit::Kilogram), None), Err(Garbled::OtherUnit));
        assert_eq!(weight(b"0-2lb007.5oz", None, None), Err(Garbled::NotANumber));
    }

    fn state(bits: u8) -> Reading {
        let Heard::Reading(reading) = heard(&[b'?', bits], None, None) else { panic!("{bits:02X}") };
        assert_eq!(reading.quantity, None, "a status is never a weight");
        reading
    }

    #[test]
    fn the_status_is_read_bit_by_bit() {
        assert_eq!(state(0x41).stability, Stability::Moving);
        assert_eq!((state(0x42).stability, state(0x42).range), (Stability::Stable, Range::Over));
        assert_eq!(state(0x44).range, Range::Under);
        assert_eq!((state(0x50).zero, state(0x50).stability), (Some(true), Stability::Stable));
        assert_eq!((state(0x51).zero, state(0x54).zero, state(0x40).zero), (None, None, Some(false)));
        assert_eq!((state(0x60).net, state(0x40).net), (Some(true), Some(false)));
        assert_eq!(state(0x48).fault.as_deref(), Some("outside-zero-range"));
        assert_eq!((state(0x58).fault, state(0x49).fault, state(0x40).fault), (None, None, None));
    }

    #[test]
    fn every_status_without_bit_6_is_refused() {
        for bits in (0..0x40).filter(|bits| ![0x02, 0x0D].contains(bits)) {
            assert!(matches!(heard(&[b'?', bits], None, None), Heard::Garbled(Garbled::Layout(_))));
        }
        for body in [b"?".as_slice(), b"?AA", b""] {
            assert!(matches!(heard(body, None, None), Heard::Garbled(Garbled::Layout(_))));
        }
    }

    #[test]
    fn wrong_framing_is_said_once_for_each_frame_and_is_never_a_weight() {
        // 01.235 with even parity, and with odd parity, read as eight bits
        for raw in [b"\x82\x30\xB1\x2E\xB2\x33\x35\x8D", b"\x02\xB0\x31\xAE\x32\xB3\xB5\x0D"] {
            let mut decoder = (FAMILY.decoder)(&Profile::default());
            let frames: Vec<Heard> = raw
                .repeat(3)
                .iter()
                .filter_map(|&byte| decoder.push(byte))
                .map(|frame| frame.heard)
                .collect();
            assert_eq!(frames, vec![Heard::Garbled(Garbled::Parity); 3]);
        }
    }
}
