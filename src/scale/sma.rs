//! `sma`: the Scale Manufacturers Association's standard SCP-0499, levels 1 and 2.
//!
//! A line feed, eighteen characters with a fixed place for everything, a carriage return. Layout: the
//! standard's text, B-TEK T419s, Fairbanks FB2550 and PR 5410, Minebea PR 5220 manuals.

use std::time::Duration;

use super::envelope::{Envelope, EnvelopeDecoder};
use super::{
    Answer, Family, Framing, Garbled, Heard, Line, Profile, Range, Reading, Stability, Talk, Writes, number,
};
use crate::weight::Quantity;

/// Scales with the menu entry "SMA".
pub(super) static FAMILY: Family = Family {
    name: "sma",
    title: "Rice Lake, Fairbanks, Cardinal, Detecto, B-TEK, Sartorius and Minebea indicators, Brecknell as SMA",
    line: Line { baud: 9600, framing: Framing::EightNoneOne },
    talk: Talk::Poll {
        request: b"\nW\r",
        unhurried: Duration::from_millis(200),
        brisk: Duration::ZERO,
        answer_within: Duration::from_millis(500),
    },
    sends_stability: true,
    sends_unit: true,
    models: &[],
    writes: Writes::NONE,
    decoder: |profile| Box::new(EnvelopeDecoder::new(ENVELOPE, *profile)),
    samples: &[
        b"\n 1G       5.025lb \r",
        b"\n 1GM      7.650kg \r",
        b"\nZ1G       0.000kg \r",
        b"\n 1N      -0.300kg \r",
        b"\nO1G      15.020kg \r",
        b"\nE1G  ----------kg \r",
        b"\n?\r",
    ],
};

/// A frame has 20 bytes; the texts of the information commands are longer.
const ENVELOPE: Envelope = Envelope { start: b'\n', ends: b"\r", limit: 80, read, alone: |_| None };

fn read(body: &[u8], profile: Profile) -> Heard {
    match body {
        b"?" => Heard::Answer(Answer::no("unknown-command")),
        // the request itself, from a cable or adapter that sends it back
        b"W" => Heard::Answer(Answer::yes("echo")),
        body if body.len() != 18 => {
            Heard::Garbled(Garbled::Layout("other than 18 characters between LF and CR"))
        }
        body => weigh(body, profile).unwrap_or_else(Heard::Garbled),
    }
}

fn weigh(body: &[u8], profile: Profile) -> Result<Heard, Garbled> {
    let &[status, range, kind, motion, _, ref rest @ ..] = body else {
        return Err(Garbled::Layout("too short"));
    };
    let (text, unit) = rest.split_at_checked(10).unwrap_or_default();
    if !range.is_ascii_digit() {
        return Err(Garbled::Layout("no range behind the status"));
    }
    let stability = match motion {
        b' ' => Stability::Stable,
        b'M' => Stability::Moving,
        _ => return Err(Garbled::Layout("neither M nor a blank where motion stands")),
    };
    let net = match kind {
        b'G' | b'g' => Some(false),
        b'N' | b'n' => Some(true),
        // a tare is not the load, however much its line looks like one
        b'T' => return tare(text, unit, profile),
        _ => return Err(Garbled::Layout("neither gross nor net nor tare")),
    };
    let without_weight = Reading { net, ..Reading::without_weight(stability) };
    let fault = |word: &'static str| Reading { fault: Some(word.into()), ..without_weight.clone() };
    Ok(Heard::Reading(match status {
        b'O' => Reading { range: Range::Over, ..without_weight },
        b'U' => Reading { range: Range::Under, ..without_weight },
        b'E' => fault("zero-error"),
        b'I' => fault("initial-zero-error"),
        b'T' => fault("tare-error"),
        // the answer to a request that waits for rest, when rest did not come
        b' ' | b'Z' if text == DASHES => without_weight,
        b' ' | b'Z' => {
            let quantity = number::quantity(text, unit.trim_ascii(), profile)?;
            Reading { quantity: Some(quantity), zero: Some(status == b'Z'), ..without_weight }
        }
        _ => return Err(Garbled::Layout("an unknown status")),
    }))
}

/// What fills the number when there is none.
const DASHES: &[u8] = b"----------";

fn tare(text: &[u8], unit: &[u8], profile: Profile) -> Result<Heard, Garbled> {
    let tare: Quantity = number::quantity(text, unit.trim_ascii(), profile)?;
    let detail = Some(format!("{tare} {}", tare.unit()));
    Ok(Heard::Answer(Answer { detail, ..Answer::yes("tare") }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(body: &str) -> Heard {
        read(body.as_bytes(), Profile::default())
    }

    fn reading(body: &str) -> Reading {
        let Heard::Reading(reading) = heard(body) else { panic!("{body:?}: {:?}", heard(body)) };
        reading
    }

    #[test]
    fn zero_is_a_flag_and_not_a_number() {
        assert_eq!(reading("Z1G       0.000kg ").zero, Some(true));
        assert_eq!(reading(" 1G       0.000kg ").zero, Some(false));
        assert_eq!(reading(" 2g      0.0000kg ").quantity.unwrap().decimals(), 4);
    }

    #[test]
    fn an_error_or_a_range_status_withholds_the_number() {
        for (body, fault) in [
            ("E1G       1.235kg ", "zero-error"),
            ("I1G  ----------kg ", "initial-zero-error"),
            ("T1G       1.235kg ", "tare-error"),
        ] {
            assert_eq!(reading(body).fault.as_deref(), Some(fault));
            assert_eq!(reading(body).quantity, None);
        }
        assert_eq!(
            (reading("O1G      15.020kg ").range, reading("O1G      15.020kg ").quantity),
            (Range::Over, None)
        );
        assert_eq!(reading("U1N      -0.300kg ").range, Range::Under);
        assert_eq!(reading(" 1GM ----------   ").quantity, None);
    }

    #[test]
    fn a_tare_is_not_the_load() {
        let tare = Answer { detail: Some("0.050 kg".to_owned()), ..Answer::yes("tare") };
        assert_eq!(heard(" 1T       0.050kg "), Heard::Answer(tare));
    }

    #[test]
    fn what_stands_elsewhere_is_garbled() {
        for body in [
            " 1G      5.025lb ",
            " 1G        5.025lb ",
            " 1G   5.025lb ",
            " 1GX      5.025lb ",
            " 1X       5.025lb ",
            "X1G       5.025lb ",
            "  G       5.025lb ",
            " 1G       5.0 5lb ",
            " 1G       5.025pcs",
            " 1G  ---------5lb ",
            "",
        ] {
            assert!(matches!(heard(body), Heard::Garbled(_)), "{body:?}");
        }
    }
}
