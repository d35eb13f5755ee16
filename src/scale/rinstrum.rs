//! `rinstrum`: Rinstrum's automatic output, formats 1 and 2.
//!
//! STX, sign, seven characters, then one letter of state (format 1) or four and the unit (format 2), ETX. The
//! letter for motion takes the place of gross and net; in format 2 the unit is blank while the load moves.
//! Layout: Rinstrum R320 manual.

use std::time::Duration;

use super::envelope::{Envelope, EnvelopeDecoder};
use super::{
    Family, Framing, Garbled, Heard, Line, Profile, Range, Reading, Stability, Talk, Writes, number,
};

/// Rinstrum indicators; they send ten times a second.
pub(super) static FAMILY: Family = Family {
    name: "rinstrum",
    title: "Rinstrum R300 and relatives, automatic output in format 1 or 2",
    line: Line { baud: 9600, framing: Framing::EightNoneOne },
    talk: Talk::Stream { silent_after: Duration::from_secs(2) },
    sends_stability: true,
    sends_unit: false,
    models: &[],
    writes: Writes::NONE,
    decoder: |profile| Box::new(EnvelopeDecoder::new(ENVELOPE, *profile)),
    samples: &[
        b"\x02   1.235G\x03",
        b"\x02   0.450N\x03",
        b"\x02   1.180M\x03",
        b"\x02-  0.012G\x03",
        b"\x02  15.020O\x03",
        b"\x02   1.235G   kg \x03",
        b"\x02   0.000G Z kg \x03",
        b"\x02   1.180GM     \x03",
    ],
};

/// Format 2 has 17 bytes; at twice that an ETX was lost.
const ENVELOPE: Envelope = Envelope { start: 0x02, ends: b"\x03", limit: 34, read, alone: |_| None };

fn read(body: &[u8], profile: Profile) -> Heard {
    let (text, state) = body.split_at_checked(8).unwrap_or_default();
    match *state {
        [letter] => weigh(text, letter, profile).into(),
        [letter, motion, zero, _range, ref unit @ ..] if unit.len() == 3 => {
            with_unit(text, letter, motion, zero, unit, profile).into()
        }
        _ => Heard::Garbled(Garbled::Layout("neither format 1 with 11 bytes nor format 2 with 17")),
    }
}

/// Format 1, and the part that both have in common.
fn weigh(text: &[u8], letter: u8, profile: Profile) -> Result<Reading, Garbled> {
    if !matches!(text.first(), Some(b' ' | b'-' | b'+')) {
        return Err(Garbled::Layout("no sign before the weight"));
    }
    let (net, stability) = match letter {
        b'G' => (Some(false), Stability::Stable),
        b'N' => (Some(true), Stability::Stable),
        b'M' => (None, Stability::Moving),
        b'O' => return Ok(Reading::outside(Range::Over)),
        b'U' => return Ok(Reading::outside(Range::Under)),
        b'E' => return Ok(Reading::faulty("error")),
        _ => return Err(Garbled::Layout("an unknown letter of state")),
    };
    Ok(Reading { net, ..number::reading(text, profile, stability)? })
}

fn with_unit(
    text: &[u8],
    letter: u8,
    motion: u8,
    zero: u8,
    unit: &[u8],
    profile: Profile,
) -> Result<Reading, Garbled> {
    if !matches!((motion, zero), (b' ' | b'M', b' ' | b'Z')) {
        return Err(Garbled::Layout("other letters than M and Z behind the state"));
    }
    let unit = unit.trim_ascii();
    let profile = if unit.is_empty() {
        profile
    } else {
        // the unit on the wire is what counts, and is held against the settings
        let sent = number::unit(unit)?;
        if profile.unit.is_some_and(|configured| configured != sent) {
            return Err(Garbled::OtherUnit);
        }
        Profile { unit: Some(sent), ..profile }
    };
    let reading = weigh(text, letter, profile)?;
    if reading.range != Range::In || reading.fault.is_some() {
        return Ok(reading);
    }
    let moving = motion == b'M' || unit.is_empty();
    let stability = if moving { Stability::Moving } else { reading.stability };
    Ok(Reading { stability, zero: Some(zero == b'Z'), ..reading })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weight::Unit;

    fn heard(body: &str, unit: Option<Unit>) -> Heard {
        read(body.as_bytes(), Profile { unit, ..Profile::default() })
    }

    fn reading(body: &str) -> Reading {
        let Heard::Reading(reading) = heard(body, Some(Unit::Kilogram)) else { panic!("{body:?}") };
        reading
    }

    #[test]
    fn motion_hides_gross_and_net() {
        assert_eq!((reading("   1.180M").stability, reading("   1.180M").net), (Stability::Moving, None));
        assert_eq!(reading("   0.450N").net, Some(true));
        assert_eq!(reading("-  0.012G").quantity.unwrap().to_string(), "-0.012");
    }

    #[test]
    fn range_and_error_withhold_the_number() {
        assert_eq!(reading("  15.020O"), Reading::outside(Range::Over));
        assert_eq!(reading("-  0.300U"), Reading::outside(Range::Under));
        assert_eq!(reading("   1.235E"), Reading::faulty("error"));
        assert_eq!(reading("  15.020O   kg "), Reading::outside(Range::Over));
    }

    #[test]
    fn format_2_brings_its_own_unit_and_zero() {
        let zero = reading("   0.000G Z kg ");
        assert_eq!((zero.stability, zero.zero), (Stability::Stable, Some(true)));
        assert_eq!(reading("   1.235GM  kg ").stability, Stability::Moving);
        assert_eq!(reading("   1.235G      ").stability, Stability::Moving);
        assert_eq!(heard("   1.235G   lb ", Some(Unit::Kilogram)), Heard::Garbled(Garbled::OtherUnit));
        let Heard::Reading(pounds) = heard("   1.235G   lb ", None) else { panic!() };
        assert_eq!(pounds.quantity.unwrap().unit(), Unit::Pound);
    }

    #[test]
    fn without_a_unit_the_number_is_shown_and_not_used() {
        let Heard::Reading(reading) = heard("   1.235G", None) else { panic!() };
        assert_eq!((reading.weight(), reading.unitless.as_deref()), (None, Some("1.235")));
    }

    #[test]
    fn other_lengths_and_letters_are_garbled() {
        for body in [
            "   1.2G",
            "   1.235X",
            "    1.235G",
            "1  1.235G",
            "   1.2 5G",
            "   1.235GX  kg ",
            "   1.235G   pcs",
            "",
        ] {
            assert!(matches!(heard(body, Some(Unit::Kilogram)), Heard::Garbled(_)), "{body:?}");
        }
    }
}
