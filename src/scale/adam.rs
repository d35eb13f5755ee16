//! `adam`: Adam Equipment's `CPWplus` and `AZextra`.
//!
//! `CPWplus` answers `G` with gross or net, sign, number and unit, and does not say whether the load rests.
//! `AZextra` answers `P` with number and unit, and only for a new weight at rest: nothing at zero, nothing
//! twice. Layout: `CPWplus` manual; Odoo's driver for `AZextra`.

use std::time::Duration;

use super::line::{LineDecoder, Lines};
use super::{
    Answer, Family, Framing, Garbled, Heard, Line, Profile, Reading, Stability, Talk, Writes, exchange,
    number,
};

/// Adam Equipment.
///
/// `AZextra` runs at 4800 8N1, which the settings say; MDW speaks `nci-scp`.
pub(super) static FAMILY: Family = Family {
    name: "adam",
    title: "Adam Equipment CPWplus, AZextra",
    line: Line { baud: 9600, framing: Framing::EightNoneOne },
    talk: Talk::Converse {
        // `T` reads the tare of one model and sets that of the other, so it is never sent
        script: |_, _| Box::<exchange::Adam>::default(),
        unhurried: Duration::from_millis(200),
        brisk: Duration::ZERO,
        answer_within: Duration::from_millis(500),
    },
    sends_stability: false,
    sends_unit: true,
    models: &[],
    writes: Writes::NONE,
    decoder: |profile| Box::new(LineDecoder::new(Lines::up_to(LONGEST), *profile, read)),
    samples: &[b"  1.234kg\r\n", b"G +   2.00 kg\r\n", b"G/W +   2.00 kg\r\n", b"N -   0.10 kg\r\n"],
};

/// The longest line has under 20 bytes.
const LONGEST: usize = 40;

fn read(line: &[u8], profile: Profile) -> Option<Heard> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
    Some(match *words.as_slice() {
        [] => return None,
        // a cable or adapter that sends the request back
        [b"G" | b"N" | b"P"] => Heard::Answer(Answer::yes("echo")),
        [kind, sign @ (b"+" | b"-"), text, unit] => cpw(kind, sign, text, unit, profile),
        [_] if line.len() == 9 => az_extra(line, profile).into(),
        _ => Heard::Garbled(Garbled::Layout("neither gross or net, sign, number, unit nor nine characters")),
    })
}

fn cpw(kind: &[u8], sign: &[u8], text: &[u8], unit: &[u8], profile: Profile) -> Heard {
    let net = match kind {
        b"G" | b"G/W" => false,
        b"N" | b"N/W" => true,
        // a tare is not the load
        b"T" | b"T/W" => {
            let detail = Some(number::printable(&[sign, text, b" ", unit].concat()));
            return Heard::Answer(Answer { detail, ..Answer::yes("tare") });
        }
        _ => return Heard::Garbled(Garbled::Layout("neither gross nor net nor tare")),
    };
    if !text.first().is_some_and(u8::is_ascii_digit) {
        return Heard::Garbled(Garbled::NotANumber);
    }
    number::quantity(&[sign, text].concat(), unit, profile)
        .map(|quantity| Reading { net: Some(net), ..Reading::of(quantity, Stability::Unknown) })
        .into()
}

/// Seven characters and the unit; sent for a load at rest and for nothing else.
fn az_extra(line: &[u8], profile: Profile) -> Result<Reading, Garbled> {
    let (text, unit) = line.split_at_checked(7).unwrap_or_default();
    Ok(Reading::of(number::quantity(text, unit, profile)?, Stability::Stable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(line: &str) -> Heard {
        read(line.as_bytes(), Profile::default()).unwrap()
    }

    fn reading(line: &str) -> Reading {
        let Heard::Reading(reading) = heard(line) else { panic!("{line:?}: {:?}", heard(line)) };
        reading
    }

    #[test]
    fn only_the_model_that_waits_for_rest_is_stable() {
        assert_eq!(reading("  1.234kg").stability, Stability::Stable);
        assert_eq!(reading("G +   2.00 kg").stability, Stability::Unknown);
        assert_eq!(reading("G + 2.00 kg").net, Some(false));
        assert_eq!(reading("N -   0.10 kg").quantity.unwrap().to_string(), "-0.10");
    }

    #[test]
    fn no_answer_is_no_frame() {
        assert_eq!(read(b"", Profile::default()), None);
    }

    #[test]
    fn a_tare_is_not_the_load() {
        assert!(matches!(heard("T +   0.10 kg"), Heard::Answer(Answer { word: "tare", .. })));
    }

    #[test]
    fn lines_without_unit_or_with_a_hole_are_garbled() {
        for line in [
            "  1.2 4kg",
            "  1.234",
            " 1.234kg",
            "   1.234kg",
            "G +   2.00",
            "G 2.00 kg",
            "X +   2.00 kg",
            "G + -2.00 kg",
            "G +   2.0O kg",
            "  1.234pc",
            "G +   2.00 kg kg",
        ] {
            assert!(matches!(heard(line), Heard::Garbled(_)), "{line:?}: {:?}", heard(line));
        }
    }
}
