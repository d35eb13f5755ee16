//! `nci-scp`: Weigh-Tronix and NCI, SCP-01, SCP-02 (ECR) and 3835.
//!
//! Between a line feed and an ETX stand the weight and the status bytes, each closed by a carriage return;
//! SCP-02 marks the status by an `S` and leaves the weight out unless the load is at rest, while SCP-01 sends
//! a weight also while it moves. Only the ETX ends a frame: three carriage returns stand in it. Layouts:
//! Brecknell 67xx and MS140, Adam MDW, Mettler Toledo Diva and Ohaus Aviator 7000 service manuals,
//! Measuretek PSE (3835).

use std::time::Duration;

use super::envelope::BIT_7;
use super::{
    Answer, Decoder, Family, Frame, Framing, Garbled, Heard, Line, Model, Profile, Range, Reading, Stability,
    Talk, Writes, number,
};
use crate::weight::{Quantity, Weight};

/// Weigh-Tronix, NCI, Brecknell, Adam MDW, Avery; CAS ECR type 5.
///
/// 9600 7E1 on CAS and cash-register scales; Brecknell's 6712 leaves the factory with 8N1, which the settings
/// say.
pub(super) static FAMILY: Family = Family {
    name: "nci-scp",
    title: "Weigh-Tronix, NCI, Brecknell, Avery, Adam MDW; CAS PD-II and SW as ECR type 5; NCI 3835",
    line: Line { baud: 9600, framing: Framing::SevenEvenOne },
    talk: Talk::Poll {
        request: b"W\r",
        unhurried: Duration::from_millis(200),
        brisk: Duration::ZERO,
        answer_within: Duration::from_millis(500),
    },
    sends_stability: true,
    sends_unit: true,
    models: MODELS,
    writes: Writes::NONE,
    decoder: |profile| Box::new(Nci { held: Vec::with_capacity(LONGEST), profile: *profile }),
    samples: &[
        b"\n0002.49LB\r\n00\r\x03",
        b"\n01.235KG\r\nS00\r\x03",
        b"\nS10\r\x03",
        b"\n  1.20kg\r\n10\r\x03",
        b"\n00.000KG\r\nS20\r\x03",
        b"\n^^^^^^kg\r\n02\r\x03",
        b"\n0000.50kg\r\n0p4\r\x03",
        b"\n1LB 02.5OZ\r\nS00\r\x03",
        b"\n 002.49LB\r00\x03",
        b"\n?\r\x03",
    ],
};

const MODELS: &[Model] = &[
    Model::of(
        "scp-01",
        "NCI standard (SCP-01): Weigh-Tronix, Brecknell, Avery, Adam MDW; a weight also while it moves",
    ),
    Model::of(
        "ecr",
        "NCI ECR (SCP-02): Mettler Toledo Diva, Ohaus Aviator, CAS type 5; a weight only at rest",
    ),
    Model::of("3835", "NCI 3835 (SCP-12): UPS WorldShip")
        .on(Line { baud: 4800, framing: Framing::SevenEvenOne }),
];

/// Pounds and ounces with four status bytes take 21; at twice that an ETX was lost.
const LONGEST: usize = 42;

const LF: u8 = 0x0A;
const CR: u8 = 0x0D;
const ETX: u8 = 0x03;

#[derive(Debug)]
struct Nci {
    held: Vec<u8>,
    profile: Profile,
}

impl Decoder for Nci {
    fn push(&mut self, byte: u8) -> Option<Frame> {
        let character = byte & !BIT_7;
        let follows_cr = self.held.last().is_some_and(|last| last & !BIT_7 == CR);
        if character == LF && !follows_cr {
            // not the line feed between weight and status: a frame begins
            self.held.clear();
        } else if self.held.is_empty() {
            return None;
        }
        self.held.push(byte);
        if character == ETX {
            let held = std::mem::take(&mut self.held);
            let raw = last_two_lines(held);
            let heard = read(&raw, self.profile);
            return Some(Frame { raw, heard });
        }
        if self.held.len() < LONGEST {
            return None;
        }
        let raw = std::mem::take(&mut self.held);
        let heard = Heard::Garbled(Garbled::Endless(raw.len()));
        Some(Frame { raw, heard })
    }

    fn pending(&self) -> &[u8] {
        &self.held
    }

    fn reset(&mut self) {
        self.held.clear();
    }
}

/// A frame has at most two lines; what stands before them is an earlier frame that lost its end.
fn last_two_lines(held: Vec<u8>) -> Vec<u8> {
    let starts = held.iter().enumerate().rev().filter(|(_, byte)| **byte & !BIT_7 == LF);
    let from = starts.map(|(place, _)| place).take(2).last().unwrap_or(0);
    held.get(from..).map(<[u8]>::to_vec).unwrap_or(held)
}

fn read(raw: &[u8], profile: Profile) -> Heard {
    if raw.iter().any(|byte| byte & BIT_7 != 0) {
        return Heard::Garbled(Garbled::Parity);
    }
    let body = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    let lines: Vec<&[u8]> = body.split(|byte| *byte == CR).collect();
    match *lines.as_slice() {
        [b"?", b""] => Heard::Answer(Answer::no("unknown-command")),
        [status, b""] => state(status).map(State::reading).into(),
        [unit, [LF, _status @ ..], b""] if number::unit(unit).is_ok() => {
            Heard::Answer(Answer { detail: Some(number::printable(unit)), ..Answer::yes("unit") })
        }
        // SCP-01 and SCP-02, and 3835, which has neither the line feed nor the last carriage return
        [weight, [LF, status @ ..], b""] if !profile.is("3835") => weigh(weight, status, profile).into(),
        [weight, status] if !profile.is_other_than("3835") => weigh(weight, status, profile).into(),
        _ => Heard::Garbled(Garbled::Layout("expected a weight, a status or both, each closed by CR")),
    }
}

/// What the status bytes say.
#[derive(Clone, Copy, Debug)]
struct State {
    stability: Stability,
    range: Range,
    zero: bool,
    net: Option<bool>,
    fault: Option<&'static str>,
}

impl State {
    fn reading(self) -> Reading {
        Reading {
            range: self.range,
            zero: Some(self.zero),
            net: self.net,
            fault: self.fault.map(Into::into),
            ..Reading::without_weight(self.stability)
        }
    }
}

/// The status bytes behind the `S` of the ECR form; some models write it small.
fn ecr(status: &[u8]) -> Option<&[u8]> {
    status.strip_prefix(b"S").or_else(|| status.strip_prefix(b"s"))
}

/// Bits 4 and 5 are always set, which keeps the bytes printable; bit 6 says that another byte follows.
fn state(status: &[u8]) -> Result<State, Garbled> {
    let status = ecr(status).unwrap_or(status);
    if !(2..=4).contains(&status.len()) {
        return Err(Garbled::Layout("other than two to four status bytes"));
    }
    if status.iter().any(|byte| byte & 0x30 != 0x30) {
        return Err(Garbled::Layout("bits 4 and 5 of a status byte are not set"));
    }
    let follows = |place: usize| place > 0 && place + 1 < status.len();
    if status.iter().enumerate().any(|(place, byte)| (byte & 0x40 != 0) != follows(place)) {
        return Err(Garbled::Layout("bit 6 of a status byte and the number of bytes contradict each other"));
    }
    let bit = |byte: usize, place: u8| status.get(byte).is_some_and(|byte| byte & (1 << place) != 0);
    let faults = [
        (bit(0, 2), "ram-error"),
        (bit(0, 3), "eeprom-error"),
        (bit(1, 2), "rom-error"),
        (bit(1, 3), "calibration-fault"),
        (bit(2, 3), "initial-zero-error"),
    ];
    Ok(State {
        stability: if bit(0, 0) { Stability::Moving } else { Stability::Stable },
        range: match (bit(1, 1), bit(1, 0)) {
            (true, _) => Range::Over,
            (false, true) => Range::Under,
            (false, false) => Range::In,
        },
        zero: bit(0, 1),
        net: status.get(2).map(|_| bit(2, 2)),
        fault: faults.into_iter().find_map(|(set, word)| set.then_some(word)),
    })
}

fn weigh(weight: &[u8], status: &[u8], profile: Profile) -> Result<Reading, Garbled> {
    let is_ecr = ecr(status).is_some();
    if (profile.is("ecr") && !is_ecr) || (profile.is_other_than("ecr") && is_ecr) {
        return Err(Garbled::Layout("the form is that of another variant than scale.profile says"));
    }
    let mut state = state(status)?;
    if profile.is("ecr") && state.stability == Stability::Moving {
        return Err(Garbled::Layout("a weight while it moves, which an ECR scale never sends"));
    }
    // out of range the display, and so the line, is filled with one character
    match weight
        .first()
        .filter(|first| weight.get(..6).is_some_and(|start| start.iter().all(|byte| byte == *first)))
    {
        Some(b'^') => state.range = Range::Over,
        Some(b'_') => state.range = Range::Under,
        Some(b'-') => state.fault = state.fault.or(Some("zero-error")),
        _ => {}
    }
    if state.range != Range::In || state.fault.is_some() {
        return Ok(state.reading());
    }
    let quantity = quantity(weight, is_ecr, profile)?;
    Ok(Reading { quantity: Some(quantity), ..state.reading() })
}

/// Six characters and the unit, or seven where there is no `S` before the status.
fn quantity(weight: &[u8], is_ecr: bool, profile: Profile) -> Result<Quantity, Garbled> {
    let lower = weight.to_ascii_lowercase();
    if let Some(text) = lower.strip_suffix(b"oz")
        && let Some(at) = text.windows(3).position(|part| part == b"lb ")
        && let Some((pounds, ounces)) = text.split_at_checked(at)
    {
        let sum = Quantity::pounds_and_ounces(pounds, ounces.get(3..).unwrap_or_default())?;
        return profile.admit(sum, true);
    }
    let (text, unit) = weight.split_at_checked(weight.len().saturating_sub(2)).unwrap_or_default();
    // some models write the unit apart
    let text = text.strip_suffix(b" ").unwrap_or(text);
    if !(text.len() == 6 || (text.len() == 7 && !is_ecr)) {
        return Err(Garbled::Layout("a weight of other than six or seven characters"));
    }
    let quantity = number::pointed(text, unit, profile)?;
    if is_ecr && quantity.weight() < Weight::ZERO {
        return Err(Garbled::Layout("a weight below zero, which an ECR scale never sends"));
    }
    Ok(quantity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(bytes: &[u8]) -> Vec<Heard> {
        let mut decoder = (FAMILY.decoder)(&Profile::default());
        bytes.iter().filter_map(|&byte| decoder.push(byte)).map(|frame| frame.heard).collect()
    }

    fn reading(bytes: &[u8]) -> Reading {
        match hear(bytes).as_slice() {
            [Heard::Reading(reading)] => reading.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn status(bytes: &[u8]) -> Reading {
        reading(&[b"\n", bytes, b"\r\x03"].concat())
    }

    #[test]
    fn status_bits_are_read_one_by_one() {
        assert_eq!((status(b"30").stability, status(b"30").zero), (Stability::Moving, Some(true)));
        assert_eq!((status(b"S20").stability, status(b"S20").zero), (Stability::Stable, Some(true)));
        assert_eq!((status(b"01").range, status(b"02").range), (Range::Under, Range::Over));
        for (bytes, word) in [
            (b"40".as_slice(), "ram-error"),
            (b"80", "eeprom-error"),
            (b"04", "rom-error"),
            (b"08", "calibration-fault"),
            (b"0p8", "initial-zero-error"),
        ] {
            assert_eq!(status(bytes).fault.as_deref(), Some(word));
        }
        assert_eq!(
            (status(b"0p4").net, status(b"0p0").net, status(b"00").net),
            (Some(true), Some(false), None)
        );
        assert_eq!(status(b"0pt1").net, Some(true));
    }

    #[test]
    fn a_status_that_contradicts_itself_is_refused() {
        for bad in [b"0".as_slice(), b"00000", b"p0", b"0p", b"000", b"0pp", b"  ", b"0 ", b"SS00", b""] {
            let heard = hear(&[b"\n", bad, b"\r\x03"].concat());
            assert!(matches!(heard.as_slice(), [Heard::Garbled(_)]), "{bad:?}: {heard:?}");
        }
    }

    #[test]
    fn a_fault_or_a_filled_display_is_never_a_weight() {
        assert_eq!(reading(b"\n01.235KG\r\nS40\r\x03").weight(), None);
        assert_eq!(reading(b"\n01.235KG\r\nS02\r\x03").quantity, None);
        assert_eq!(reading(b"\n^^^^^^kg\r\n00\r\x03").range, Range::Over);
        assert_eq!(reading(b"\n______kg\r\n00\r\x03").range, Range::Under);
        assert_eq!(reading(b"\n------kg\r\n00\r\x03").fault.as_deref(), Some("zero-error"));
    }

    #[test]
    fn the_3835_has_its_status_behind_one_carriage_return() {
        let light = reading(b"\n-001.23LB\r10\x03");
        assert_eq!(light.quantity.unwrap().to_string(), "-1.23");
        assert_eq!(light.stability, Stability::Moving);
    }

    #[test]
    fn the_letter_before_the_status_may_be_small() {
        let light = reading(b"\n01.235KG\r\ns00\r\x03");
        assert_eq!(
            (light.quantity.unwrap().to_string(), light.stability),
            ("1.235".into(), Stability::Stable)
        );
        assert_eq!(status(b"s20").zero, Some(true));
    }

    #[test]
    fn a_frame_that_lost_its_end_does_not_take_the_next_along() {
        for before in [b"\n01.2".as_slice(), b"\n\n", b"\n09.999KG\r\nS00\r", b"\nS10\r\n09.999KG\r\nS00\r"] {
            let heard = reading(&[before, b"\n01.235KG\r\nS00\r\x03"].concat());
            assert_eq!(heard.quantity.unwrap().to_string(), "1.235", "{before:?}");
        }
    }

    #[test]
    fn a_lost_byte_is_not_a_lighter_load() {
        for cut in [
            b"\n1.235KG\r\nS00\r\x03".as_slice(),
            b"\n01.25KG\r\nS00\r\x03",
            b"\n01.235K\r\nS00\r\x03",
            // the point was lost
            b"\n000249lb\r\n00\r\x03",
            b"\n012350KG\r\nS00\r\x03",
            b"\n-1.235KG\r\nS00\r\x03",
        ] {
            assert!(matches!(hear(cut).as_slice(), [Heard::Garbled(_)]), "{cut:?}");
        }
    }
}
