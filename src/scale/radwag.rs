//! `radwag`: Radwag's command set, with answers in two steps.
//!
//! A command is answered at once by `A` (accepted), `I` (not now) or `E` (no rest in time), and the weight
//! follows as a line of 21 bytes. `S I` is a refusal and the start of a weight line alike: the length tells
//! them apart. Layout: Radwag AS R2, WPT, PUE C/31 and WTC manuals.

use std::time::Duration;

use super::line::{LineDecoder, Lines};
use super::write::Confirmed;
use super::{
    Answer, Family, Framing, Garbled, Heard, Line, Profile, Range, Reading, Stability, Talk, Task, Write,
    Writes, exchange, number, write,
};
use crate::weight::Quantity;

/// Radwag scales and balances.
pub(super) static FAMILY: Family = Family {
    name: "radwag",
    title: "Radwag scales and balances",
    line: Line { baud: 9600, framing: Framing::EightNoneOne },
    talk: Talk::Converse {
        script: |_, _| Box::<exchange::Radwag>::default(),
        unhurried: Duration::from_millis(200),
        brisk: Duration::ZERO,
        answer_within: Duration::from_millis(500),
    },
    sends_stability: true,
    sends_unit: true,
    models: &[],
    writes: Writes {
        beep: Some(Write::new(Confirmed::ByAnswer, beep)),
        tare: Some(Write::new(Confirmed::ByAnswer, tare)),
        ..Writes::NONE
    },
    decoder: |profile| Box::new(LineDecoder::new(Lines::up_to(LONGEST), *profile, read)),
    samples: &[
        b"SI        1.235 kg \r\n",
        b"SI ?       18.5 kg \r\n",
        b"S    -      8.5 g  \r\n",
        b"SUI       1.235 kg \r\n",
        b"SI ^     30.005 kg \r\n",
        b"S A\r\n",
        b"S E\r\n",
        b"ES\r\n",
    ],
};

/// A weight line has 21 bytes; the retail models append price and amount.
const LONGEST: usize = 64;

/// A third of a second, the example of the manual (PUE HY10); without a time newer models refuse it.
fn beep(task: &Task, _: Option<Quantity>, _: &Profile) -> Option<Vec<u8>> {
    (*task == Task::Beep).then(|| b"BP 350\r\n".to_vec())
}

/// `UT 0.020`, in the unit that the scale was adjusted in.
fn tare(task: &Task, seen: Option<Quantity>, profile: &Profile) -> Option<Vec<u8>> {
    let Task::Tare(tare) = task else { return None };
    let words = write::in_its_words(*tare, seen, profile)?;
    Some(write::line(&["UT ", &words.to_string()]))
}

fn read(line: &[u8], profile: Profile) -> Option<Heard> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
    Some(match (line.len(), words.as_slice()) {
        (0, _) => return None,
        (19, _) => weigh(line, profile).into(),
        (_, [b"ES"]) => Heard::Answer(Answer::no("syntax-error")),
        // a cable or adapter that sends the request back
        (_, [b"S" | b"SI" | b"SU" | b"SUI"]) => Heard::Answer(Answer::yes("echo")),
        (_, [command, result]) => step(command, result).map_or_else(Heard::Garbled, Heard::Answer),
        _ => Heard::Garbled(Garbled::Layout("neither a weight line of 21 bytes nor an answer of two words")),
    })
}

/// The first step of an answer, or the only one.
fn step(command: &[u8], result: &[u8]) -> Result<Answer, Garbled> {
    let is_command = (1..=4).contains(&command.len())
        && command.first().is_some_and(u8::is_ascii_uppercase)
        && command.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !is_command {
        return Err(Garbled::Layout("the first word is no command"));
    }
    let answer = match result {
        b"A" => Answer::yes("accepted"),
        b"D" | b"OK" => Answer::yes("done"),
        b"I" => Answer::no("not-now"),
        b"E" => Answer::no("no-rest-in-time"),
        b"^" => Answer::no("overload"),
        b"v" => Answer::no("underload"),
        _ => return Err(Garbled::Layout("the second word is no result")),
    };
    Ok(Answer { detail: Some(number::printable(command)), ..answer })
}

/// Command 3, stability, blank, sign, mass 9, blank, unit 3; a blank also stands before the stability where
/// the command is short.
fn weigh(line: &[u8], profile: Profile) -> Result<Reading, Garbled> {
    let &[c1, c2, c3, state, b' ', sign, ref mass @ .., b' ', u1, u2, u3] = line else {
        return Err(Garbled::Layout("a blank is missing between the fields"));
    };
    if !matches!(&[c1, c2, c3], b"S  " | b"SI " | b"SU " | b"SUI") {
        return Err(Garbled::Layout("the line does not begin with S, SI, SU or SUI"));
    }
    if !matches!(sign, b' ' | b'-' | b'+') {
        return Err(Garbled::Layout("no sign before the mass"));
    }
    let stability = match state {
        b' ' => Stability::Stable,
        b'?' => Stability::Moving,
        b'^' => return Ok(Reading::outside(Range::Over)),
        b'v' => return Ok(Reading::outside(Range::Under)),
        _ => return Err(Garbled::Layout("an unknown sign of stability")),
    };
    let text = [&[sign], mass].concat();
    Ok(Reading::of(number::quantity(&text, [u1, u2, u3].trim_ascii(), profile)?, stability))
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
    fn the_length_tells_a_refusal_from_a_weight() {
        assert_eq!(
            reading("SI        1.235 kg ").weight().map(crate::weight::Weight::grams).as_deref(),
            Some("1235")
        );
        assert_eq!(heard("S I"), Heard::Answer(Answer { detail: Some("S".into()), ..Answer::no("not-now") }));
        assert_eq!(
            heard("SI I"),
            Heard::Answer(Answer { detail: Some("SI".into()), ..Answer::no("not-now") })
        );
        assert_eq!(heard("SI"), Heard::Answer(Answer::yes("echo")));
        assert_eq!(heard("Z D"), Heard::Answer(Answer { detail: Some("Z".into()), ..Answer::yes("done") }));
    }

    #[test]
    fn the_sign_of_stability_counts() {
        assert_eq!(reading("SUI?       18.5 kg ").stability, Stability::Moving);
        assert_eq!(reading("SI ^     30.005 kg "), Reading::outside(Range::Over));
        assert_eq!(reading("SI v      0.005 kg "), Reading::outside(Range::Under));
        assert_eq!(reading("S    -      8.5 g  ").quantity.unwrap().to_string(), "-8.5");
    }

    #[test]
    fn other_lengths_and_letters_are_garbled() {
        for line in [
            "SI    1.235 kg",
            "SI       1.235 kg ",
            "SI         1.235 kg ",
            "SI x      1.235 kg ",
            "SIX       1.235 kg ",
            "SI        1.2 5 kg ",
            "SI        1.235 pcs",
            "SI        1.235kg  ",
            "SI   x    1.235 kg ",
            "S Q",
            "s A",
            "S A B",
        ] {
            assert!(matches!(heard(line), Heard::Garbled(_)), "{line:?}: {:?}", heard(line));
        }
    }
}
