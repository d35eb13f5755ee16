//! `digi-ds425`: Digi's continuous output with net weight and tare.
//!
//! A byte NUL (at rest) or SOH (moving) with a CR, the net weight with a CR, the tare with CR and LF; `0` and
//! `4` may stand before the two numbers. The stability byte and these headers are separate options of the
//! scale, and without the first its output cannot be used. Layout: Digi DS-425, DC-788 manuals.

use std::time::Duration;

use super::line::{LineDecoder, Lines};
use super::{
    Family, Framing, Garbled, Heard, Line, Profile, Range, Reading, Stability, Talk, Writes, number,
};

/// Digi DS-425 and relatives.
pub(super) static FAMILY: Family = Family {
    name: "digi-ds425",
    title: "Digi DS-425",
    line: Line { baud: 9600, framing: Framing::EightNoneOne },
    talk: Talk::Stream { silent_after: Duration::from_secs(2) },
    sends_stability: true,
    sends_unit: false,
    models: &[],
    writes: Writes::NONE,
    decoder: |profile| Box::new(LineDecoder::new(Lines::up_to(LONGEST), *profile, read)),
    samples: &[
        b"\x00\r0  1.235\r4  0.000\r\n",
        b"\x01\r0  1.180\r4  0.000\r\n",
        b"\x00\r0 -0.050\r4  0.050\r\n",
        b"\x00\r0  1,235\r4  0,000\r\n",
        b"\x00\r  1.235\r  0.000\r\n",
    ],
};

/// The longest layout has 21 bytes.
const LONGEST: usize = 42;

fn read(line: &[u8], profile: Profile) -> Option<Heard> {
    if line.is_empty() {
        return None;
    }
    Some(weigh(line, profile).into())
}

fn weigh(line: &[u8], profile: Profile) -> Result<Reading, Garbled> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b'\r').collect();
    let (stability, net, tare) = match *fields.as_slice() {
        [b"\x00", net, tare] => (Stability::Stable, net, tare),
        [b"\x01", net, tare] => (Stability::Moving, net, tare),
        [_, _] | [b"", _, _] => {
            return Err(Garbled::Layout(
                "no stability byte: switch it on at the scale, or a text layer removed NUL",
            ));
        }
        _ => return Err(Garbled::Layout("expected stability, net weight and tare, each closed by CR")),
    };
    let (net, tare) = match (net, tare) {
        ([b'0', net @ ..], [b'4', tare @ ..]) if net.len() == 7 && tare.len() == 7 => (net, tare),
        without_headers => without_headers,
    };
    if net.len() != 7 || tare.len() != 7 {
        return Err(Garbled::Layout("a number of other than seven characters"));
    }
    match net.trim_ascii() {
        b"OF" => return Ok(Reading { range: Range::Over, ..Reading::without_weight(stability) }),
        b"UF" => return Ok(Reading { range: Range::Under, ..Reading::without_weight(stability) }),
        _ => {}
    }
    let tare = number::decimal(tare, profile.unit.unwrap_or(crate::weight::Unit::Gram))?;
    let reading = number::reading(net, profile, stability)?;
    let tare_known = profile.unit.is_some().then_some(tare);
    Ok(Reading { net: Some(tare.digits() != 0), tare: tare_known, ..reading })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weight::Unit;

    fn heard(line: &[u8]) -> Result<Reading, Garbled> {
        weigh(line, Profile { unit: Some(Unit::Kilogram), ..Profile::default() })
    }

    fn shown(line: &[u8]) -> String {
        heard(line).unwrap().quantity.unwrap().to_string()
    }

    #[test]
    fn both_layouts_with_a_stability_byte_are_read() {
        assert_eq!(shown(b"\x00\r0  1.235\r4  0.000"), "1.235");
        assert_eq!(shown(b"\x00\r  1.235\r  0.000"), "1.235");
        assert_eq!(shown(b"\x00\r0001235\r4000000"), "1235");
        assert_eq!(heard(b"\x01\r0  1.235\r4  0.000").unwrap().stability, Stability::Moving);
        assert_eq!(heard(b"\x00\r0 -0.050\r4  0.050").unwrap().net, Some(true));
        assert_eq!(heard(b"\x00\r0  1.235\r4  0.000").unwrap().net, Some(false));
        assert_eq!(heard(b"\x00\r0     OF\r4  0.000").unwrap().range, Range::Over);
    }

    #[test]
    fn without_a_unit_the_number_is_shown_and_not_used() {
        let reading = weigh(b"\x00\r0  1.235\r4  0.050", Profile::default()).unwrap();
        assert_eq!(
            (reading.weight(), reading.tare, reading.unitless.as_deref()),
            (None, None, Some("1.235"))
        );
    }

    #[test]
    fn a_nul_is_no_padding() {
        for line in [
            b"\r0  1.235\r4  0.000".as_slice(),
            b"0  1.235\r4  0.000",
            b"  1.235\r  0.000",
            b"\x02\r0  1.235\r4  0.000",
            b"\x00\x00\r0  1.235\r4  0.000",
            b"\x00\r0  1.235\r  0.000",
            b"\x00\r0 1.235\r4  0.000",
            b"\x00\r0  1.2 5\r4  0.000",
            b"\x00\r0  1.235\r4  0.0x0",
            b"\x00\r4  1.235\r0  0.000",
        ] {
            assert!(heard(line).is_err(), "{line:?}: {:?}", heard(line));
        }
    }
}
