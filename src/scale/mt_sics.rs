//! `mt-sics`: Mettler Toledo's interface command set, levels 0 and 1, and what other makers built on it.
//!
//! Lines of words. A weight is `S S` or `S D`, number, unit; the second word alone says whether the load
//! rests. Words are split on blanks because the width of the number differs between makers. Layouts: Mettler
//! Toledo AL-IC and AT operating instructions, KERN KCP, Ohaus in SICS mode, B-TEK T104.

use std::time::Duration;

use super::line::{LineDecoder, Lines};
use super::write::Confirmed;
use super::{
    Answer, Family, Framing, Garbled, Heard, Line, Profile, Range, Reading, Stability, Talk, Task, Write,
    Writes, number, write,
};
use crate::weight::{Quantity, Weight};

/// MT-SICS, KERN KCP, Ohaus in SICS mode.
pub(super) static FAMILY: Family = Family {
    name: "mt-sics",
    title: "Mettler Toledo bench scales and balances; KERN KCP; Ohaus Ranger and Defender (PSI); B-TEK T104",
    line: Line { baud: 9600, framing: Framing::EightNoneOne },
    talk: Talk::Poll {
        request: REQUEST,
        unhurried: Duration::from_millis(200),
        brisk: Duration::ZERO,
        answer_within: Duration::from_millis(500),
    },
    sends_stability: true,
    sends_unit: true,
    models: &[],
    writes: Writes {
        text: Some(Write::new(Confirmed::ByAnswer, text)),
        tare: Some(Write::new(Confirmed::ByAnswer, tare)),
        ..Writes::NONE
    },
    decoder: |profile| Box::new(LineDecoder::new(Lines::up_to(LONGEST), *profile, read)),
    samples: &[
        b"S S     100.00 g\r\n",
        b"S D       0.734 kg\r\n",
        b"S S      -0.500 kg\r\n",
        b"S D 12:07.50 lb:oz\r\n",
        b"S +\r\n",
        b"S I\r\n",
        b"S S Error 10b\r\n",
        b"D A\r\n",
        b"I4 A \"0123456789\"\r\n",
        b"ES\r\n",
    ],
};

/// The weight now, at rest or not; changes nothing on the scale.
const REQUEST: &[u8] = b"SI\r\n";

/// Weights take 20 bytes; model and serial texts are the long ones.
const LONGEST: usize = 128;

fn read(line: &[u8], profile: Profile) -> Option<Heard> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
    Some(match words.as_slice() {
        [] => return None,
        [b"ES"] => Heard::Answer(Answer::no("syntax-error")),
        [b"ET"] => Heard::Answer(Answer::no("transmission-error")),
        [b"EL"] => Heard::Answer(Answer::no("logical-error")),
        // a cable or adapter that sends the request back
        [b"S" | b"SI" | b"SIR"] => Heard::Answer(Answer::yes("echo")),
        [b"S", b"L", ..] => Heard::Answer(Answer::no("bad-parameter")),
        [b"S", rest @ ..] => weigh(rest, profile).into(),
        [command, result, ..] => answer(line, command, result).map_or_else(Heard::Garbled, Heard::Answer),
        [_] => Heard::Garbled(Garbled::Layout("a word that is no answer")),
    })
}

/// What follows the `S` of a weight answer.
fn weigh(words: &[&[u8]], profile: Profile) -> Result<Reading, Garbled> {
    let stability = match words {
        [b"+"] => return Ok(Reading::outside(Range::Over)),
        [b"-"] => return Ok(Reading::outside(Range::Under)),
        [b"I"] => return Ok(Reading::faulty("busy")),
        // a hardware fault comes with the word for "at rest"
        [b"S" | b"D", b"Error", number] => {
            return Ok(Reading::faulty(format!("error {}", number::printable(number))));
        }
        [b"S" | b"D", b"Error"] => return Ok(Reading::faulty("error")),
        [b"S", _, _] => Stability::Stable,
        [b"D", _, _] => Stability::Moving,
        _ => return Err(Garbled::Layout("expected S or D, a number and a unit")),
    };
    let [_, text, unit] = words else { return Err(Garbled::Layout("expected a number and a unit")) };
    Ok(Reading::of(number::quantity(text, unit, profile)?, stability))
}

/// The answer to a command that is no request for the weight. A tare is an answer too: it is not the load.
fn answer(line: &[u8], command: &[u8], result: &[u8]) -> Result<Answer, Garbled> {
    let is_command = command.len() <= 4
        && command.first().is_some_and(u8::is_ascii_uppercase)
        && command.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !is_command {
        return Err(Garbled::Layout("the first word is no command"));
    }
    let detail = rest_after(line, command, result);
    let (word, refused) = match (command, result) {
        (b"D", b"A") => ("text-accepted", false),
        (b"D", b"R" | b"L" | b"I") => ("text-refused", true),
        (b"DW", b"A") => ("text-cleared", false),
        (b"I4", b"A") => ("serial-number", false),
        (b"T" | b"TI" | b"TA", b"S" | b"D" | b"A") => ("tare", false),
        (b"TAC", b"A") => ("tare-cleared", false),
        (b"Z" | b"ZI", b"A" | b"S" | b"D") => ("zeroed", false),
        (_, b"A") => ("done", false),
        (_, b"B") => ("more", false),
        (_, b"I") => ("not-now", true),
        (_, b"L" | b"R") => ("bad-parameter", true),
        (_, b"+") => ("overload", true),
        (_, b"-") => ("underload", true),
        _ => return Err(Garbled::Layout("the second word is no result")),
    };
    Ok(Answer { word, refused, detail })
}

/// What stands behind command and result, without the quotes around it; the command itself where the answer
/// has nothing more to say and its word alone would not tell which one it was.
fn rest_after(line: &[u8], command: &[u8], result: &[u8]) -> Option<String> {
    let after = |text: &'_ [u8], word: &[u8]| {
        let text = text.trim_ascii_start();
        text.strip_prefix(word).unwrap_or(text).trim_ascii().to_vec()
    };
    let rest = after(&after(line, command), result);
    let rest = rest.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(&rest);
    match (rest, command) {
        (b"", b"D" | b"DW" | b"TAC") => None,
        (b"", _) => Some(number::printable(command)),
        (rest, _) => Some(number::printable(rest)),
    }
}

/// Shows a text, or the weight again.
fn text(task: &Task, _: Option<Quantity>, _: &Profile) -> Option<Vec<u8>> {
    match task {
        Task::Show(text) => Some(show(text)),
        Task::Clear => Some(b"DW\r\n".to_vec()),
        Task::Weigh | Task::Price(_) | Task::Tare(_) | Task::Beep => None,
    }
}

/// `TA 0.020 kg`, or `TAC`.
fn tare(task: &Task, seen: Option<Quantity>, profile: &Profile) -> Option<Vec<u8>> {
    match task {
        Task::Tare(Weight::ZERO) => Some(b"TAC\r\n".to_vec()),
        Task::Tare(tare) => {
            let words = write::in_its_words(*tare, seen, profile)?;
            Some(write::line(&["TA ", &words.to_string(), " ", words.unit().name()]))
        }
        Task::Weigh | Task::Show(_) | Task::Clear | Task::Price(_) | Task::Beep => None,
    }
}

/// Shows a text. The quotes around it are the protocol's, so none may stand inside; the line has seven bits.
fn show(text: &str) -> Vec<u8> {
    let mut line = b"D \"".to_vec();
    line.extend(text.chars().map(plain));
    line.extend_from_slice(b"\"\r\n");
    line
}

/// The nearest character that every display of the family has.
pub(super) fn plain(character: char) -> u8 {
    match character {
        '"' | '“' | '”' | '„' | '’' => b'\'',
        'À'..='Å' => b'A',
        'à'..='å' => b'a',
        'Ç' => b'C',
        'ç' => b'c',
        'È'..='Ë' => b'E',
        'è'..='ë' => b'e',
        'Ì'..='Ï' => b'I',
        'ì'..='ï' => b'i',
        'Ñ' => b'N',
        'ñ' => b'n',
        'Ò'..='Ö' | 'Ø' => b'O',
        'ò'..='ö' | 'ø' => b'o',
        'Ù'..='Ü' => b'U',
        'ù'..='ü' => b'u',
        'ß' => b's',
        ' '..='~' => u8::try_from(character).unwrap_or(b'?'),
        _ if character.is_control() || character.is_whitespace() => b' ',
        _ => b'?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weight::Unit;

    fn heard(line: &str) -> Heard {
        read(line.as_bytes(), Profile::default()).unwrap()
    }

    fn reading(line: &str) -> Reading {
        let Heard::Reading(reading) = heard(line) else { panic!("{line:?}: {:?}", heard(line)) };
        reading
    }

    #[test]
    fn the_width_of_the_number_does_not_matter() {
        for line in ["S S     100.00 g", "S S 100.00 g", "S  S  100.00  g "] {
            assert_eq!(reading(line).quantity, Some(Quantity::new(false, 10_000, 2, Unit::Gram)), "{line:?}");
            assert_eq!(reading(line).stability, Stability::Stable);
        }
    }

    #[test]
    fn a_fault_in_the_dress_of_a_stable_weight_is_a_fault() {
        for line in ["S S Error 10b", "S D Error 3t", "S S Error 10", "S S Error", "S D Error"] {
            assert_eq!(reading(line).weight(), None);
            assert!(reading(line).fault.is_some_and(|fault| fault.starts_with("error")), "{line:?}");
        }
        assert_eq!(reading("S I"), Reading::faulty("busy"));
    }

    #[test]
    fn the_signs_of_a_handshake_between_lines_are_no_part_of_them() {
        let mut decoder = (FAMILY.decoder)(&Profile::default());
        let stream = b"\x13\x11S S      1.235 kg\r\n\x11S D      1.230 kg\r\n\x13";
        let heard: Vec<Heard> =
            stream.iter().filter_map(|&byte| decoder.push(byte)).map(|frame| frame.heard).collect();
        assert!(matches!(heard.as_slice(), [Heard::Reading(_), Heard::Reading(_)]), "{heard:?}");
        assert!(decoder.pending().is_empty());
    }

    #[test]
    fn what_is_no_weight_line_is_garbled() {
        for line in [
            "S S 1OO.00 g",
            "S S 100. g",
            "S S 100.00",
            "S S 100.00 g g",
            "S S 100.00 pcs",
            "S S 100.00g",
            "SS 100.00 g",
            "S 100.00 g",
            "s s 100.00 g",
            "100.00 g",
            "S D 12:07.50 oz",
            "S D 12.5:07.50 lb:oz",
            "S S \r 1.0 g",
            "kjh",
            "d A",
        ] {
            assert!(matches!(heard(line), Heard::Garbled(_)), "{line:?}: {:?}", heard(line));
        }
        let mut decoder = (FAMILY.decoder)(&Profile::default());
        let frames: Vec<_> = b"S S  \xB1.00 g\r\n".iter().filter_map(|&byte| decoder.push(byte)).collect();
        assert_eq!(frames.first().map(|frame| &frame.heard), Some(&Heard::Garbled(Garbled::Parity)));
    }

    #[test]
    fn a_unit_in_the_settings_is_held_against_the_scale() {
        let kilograms = Profile { unit: Some(Unit::Kilogram), ..Profile::default() };
        assert_eq!(read(b"S S 5 g", kilograms), Some(Heard::Garbled(Garbled::OtherUnit)));
        assert!(matches!(read(b"S S 5 kg", kilograms), Some(Heard::Reading(_))));
    }

    #[test]
    fn answers_are_told_from_readings() {
        let said = |line| {
            let Heard::Answer(answer) = heard(line) else { panic!("{line:?}") };
            (answer.word, answer.refused, answer.detail)
        };
        assert_eq!(said("D A"), ("text-accepted", false, None));
        assert_eq!(said("D L"), ("text-refused", true, None));
        assert_eq!(said("DW A"), ("text-cleared", false, None));
        assert_eq!(said("T S     0.050 kg"), ("tare", false, Some("0.050 kg".to_owned())));
        assert_eq!(said("TA A 0.050 kg"), ("tare", false, Some("0.050 kg".to_owned())));
        assert_eq!(said("Z A"), ("zeroed", false, Some("Z".to_owned())));
        assert_eq!(said("Z I"), ("not-now", true, Some("Z".to_owned())));
        assert_eq!(said("I4 A \"B123 456\""), ("serial-number", false, Some("B123 456".to_owned())));
        assert_eq!(said("I0 B 0 \"I0\""), ("more", false, Some("0 \"I0\"".to_owned())));
        assert_eq!(said("S L"), ("bad-parameter", true, None));
        assert_eq!(said("ET"), ("transmission-error", true, None));
    }

    #[test]
    fn a_text_cannot_leave_its_quotes() {
        assert_eq!(show("Äpfel \"süß\"\r\nZ"), b"D \"Apfel 'sus'  Z\"\r\n");
        assert_eq!(show("香蕉"), b"D \"??\"\r\n");
    }
}
