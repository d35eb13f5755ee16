//! `ohaus`: Ohaus's own printed lines.
//!
//! The number right-aligned, a blank, the unit, a `?` while the load moves, and a legend such as `N` for net.
//! Layouts differ between models in their widths, so words are read and the `?` is looked for; the number
//! ends at column 10, 11 or 12 on all of them. Layout: Ohaus Ranger RC, RP and 7000, Explorer manuals.

use std::time::Duration;

use super::line::{LineDecoder, Lines};
use super::write::Confirmed;
use super::{
    Answer, Family, Framing, Garbled, Heard, Line, Profile, Reading, Stability, Talk, Task, Write, Writes,
    number, write,
};
use crate::weight::Quantity;

/// Ohaus; in SICS mode they speak `mt-sics`.
pub(super) static FAMILY: Family = Family {
    name: "ohaus",
    title: "Ohaus Ranger, Defender, Explorer in their own language",
    line: Line { baud: 9600, framing: Framing::EightNoneOne },
    talk: Talk::Poll {
        request: b"IP\r\n",
        unhurried: Duration::from_millis(200),
        brisk: Duration::ZERO,
        answer_within: Duration::from_millis(500),
    },
    sends_stability: true,
    sends_unit: true,
    models: &[],
    writes: Writes { tare: Some(Write::new(Confirmed::ByNothing, tare)), ..Writes::NONE },
    decoder: |profile| Box::new(LineDecoder::new(Lines::up_to(LONGEST), *profile, read)),
    samples: &[
        b"      12.73 g\r\n",
        b"       12.73 g    ?\r\n",
        b"      1.234 kg   N  \r\n",
        b"    -0.002 kg\r\n",
        b"-    1.234 kg ? B/G\r\n",
        b"ES\r\n",
    ],
};

/// The longest line has under 30 bytes.
const LONGEST: usize = 60;

/// `20T`: a tare in grams; zero clears it. The scale says something only when it refuses.
fn tare(task: &Task, _: Option<Quantity>, _: &Profile) -> Option<Vec<u8>> {
    let Task::Tare(tare) = task else { return None };
    Some(write::line(&[&tare.grams(), "T"]))
}

fn read(line: &[u8], profile: Profile) -> Option<Heard> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
    Some(match *words.as_slice() {
        [] => return None,
        // refused, or no rest within the 40 s that a request for a stable weight waits
        [b"ES"] => Heard::Answer(Answer::no("syntax-error")),
        // a cable or adapter that sends the request back
        [b"IP" | b"P" | b"SP"] => Heard::Answer(Answer::yes("echo")),
        // Ranger RC prints the sign by itself, at the first of ten columns
        [sign @ (b"+" | b"-"), text, unit, ref rest @ ..]
            if line.starts_with(sign) && number_ends(line) == 10 =>
        {
            weigh(line, &[sign, text].concat(), unit, rest, profile).into()
        }
        [text, unit, ref rest @ ..] => weigh(line, text, unit, rest, profile).into(),
        [_] => Heard::Garbled(Garbled::Layout("a number without a unit")),
    })
}

fn weigh(
    line: &[u8],
    text: &[u8],
    unit: &[u8],
    rest: &[&[u8]],
    profile: Profile,
) -> Result<Reading, Garbled> {
    let (stability, legend) = match *rest {
        [] => (Stability::Stable, b"".as_slice()),
        [b"?"] => (Stability::Moving, b"".as_slice()),
        [b"?", legend] => (Stability::Moving, legend),
        [legend] => (Stability::Stable, legend),
        _ => return Err(Garbled::Layout("more words than number, unit, ? and legend")),
    };
    let net = match legend {
        b"" => None,
        b"N" | b"NET" => Some(true),
        b"G" | b"B" | b"B/G" | b"GROSS" => Some(false),
        _ => return Err(Garbled::Layout("a legend that is neither gross nor net")),
    };
    if !(10..=12).contains(&number_ends(line)) {
        return Err(Garbled::Layout("the number does not end at column 10, 11 or 12"));
    }
    Ok(Reading { net, ..Reading::of(number::quantity(text, unit, profile)?, stability) })
}

/// The column of the last digit, from one.
fn number_ends(line: &[u8]) -> usize {
    line.iter().rposition(u8::is_ascii_digit).map_or(0, |place| place + 1)
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
    fn the_question_mark_is_the_sign_of_motion() {
        assert_eq!(reading("      12.73 g").stability, Stability::Stable);
        assert_eq!(reading("       12.73 g    ?").stability, Stability::Moving);
        assert_eq!(reading("       12.73 g    ? N").net, Some(true));
        assert_eq!(reading("-    1.234 kg ? B/G").quantity.unwrap().to_string(), "-1.234");
        assert_eq!(reading("     12:07.5 lb:oz").quantity.unwrap().to_string(), "199.5");
    }

    #[test]
    fn lines_with_holes_or_strange_words_are_garbled() {
        for line in [
            "     1.2?4 kg",
            "     1.23? kg",
            "     1.234",
            "     1.2 4 kg",
            "      1.234 pcs",
            "      1.234 kg ? N N",
            "      1.234 kg X",
            "     -  1.234 kg",
            "-      12.73 g",
            "-   -1.234 kg",
            "1.234 kg",
            "              1.234 kg",
            "      1.234 kg? ",
            "      1.2 kg 34",
        ] {
            assert!(matches!(heard(line), Heard::Garbled(_)), "{line:?}: {:?}", heard(line));
        }
    }
}
