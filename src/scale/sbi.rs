//! `sbi`: Sartorius's interface, one printed line for each request.
//!
//! Sign, nine characters, a blank, three of unit; six more in front where the scale identifies its values.
//! The unit is printed only while the load is at rest: a blank one means that it moves. Layout: Sartorius
//! MSE, GC and Entris II manuals.

use std::time::Duration;

use super::line::{LineDecoder, Lines};
use super::write::Confirmed;
use super::{
    Answer, Family, Framing, Garbled, Heard, Line, Profile, Range, Reading, Stability, Talk, Task, Write,
    Writes, exchange, number,
};
use crate::weight::Quantity;

/// Sartorius and Minebea balances.
///
/// 9600 8O1 today, also met as 8N1; old units 1200 7O1, which the settings say.
pub(super) static FAMILY: Family = Family {
    name: "sbi",
    title: "Sartorius and Minebea balances (SBI)",
    line: Line { baud: 9600, framing: Framing::EightOddOne },
    talk: Talk::Converse {
        script: |_, _| Box::<exchange::Sbi>::default(),
        unhurried: Duration::from_millis(200),
        brisk: Duration::ZERO,
        answer_within: Duration::from_millis(500),
    },
    sends_stability: true,
    sends_unit: true,
    models: &[],
    writes: Writes { beep: Some(Write::new(Confirmed::ByNothing, beep)), ..Writes::NONE },
    decoder: |profile| Box::new(LineDecoder::new(Lines::up_to(LONGEST), *profile, read)),
    samples: &[
        b"+   123.56 g  \r\n",
        b"+   123.56    \r\n",
        b"N     +   123.56 g  \r\n",
        b"-     0.02 g  \r\n",
        b"Stat       High     \r\n",
        b"    Err 54    \r\n",
    ],
};

/// A line has at most 22 bytes.
const LONGEST: usize = 48;

/// The acoustic signal.
fn beep(task: &Task, _: Option<Quantity>, _: &Profile) -> Option<Vec<u8>> {
    (*task == Task::Beep).then(|| b"\x1BQ\r\n".to_vec())
}

fn read(line: &[u8], profile: Profile) -> Option<Heard> {
    Some(match line.len() {
        0 => return None,
        14 => value(b"", line, profile),
        20 => {
            let (name, value_field) = line.split_at_checked(6).unwrap_or_default();
            value(name.trim_ascii(), value_field, profile)
        }
        _ => Heard::Garbled(Garbled::Layout("a line of other than 16 or 22 bytes")),
    })
}

fn value(name: &[u8], field: &[u8], profile: Profile) -> Heard {
    if let Some(reading) = special(field.trim_ascii()) {
        return Heard::Reading(reading);
    }
    let net = match name {
        b"" => None,
        b"N" => Some(true),
        b"G" => Some(false),
        // a tare is not the load
        [b'T', ..] => {
            let detail = Some(number::printable(field.trim_ascii()));
            return Heard::Answer(Answer { detail, ..Answer::yes("tare") });
        }
        _ => return Heard::Garbled(Garbled::Layout("an unknown name before the value")),
    };
    weigh(field, profile).map(|reading| Reading { net, ..reading }).into()
}

/// Words in the place of a value.
fn special(text: &[u8]) -> Option<Reading> {
    match text {
        b"High" => Some(Reading::outside(Range::Over)),
        b"Low" => Some(Reading::outside(Range::Under)),
        b"Cal" => Some(Reading::faulty("calibrating")),
        [b'E', b'r', b'r', b' ', code @ ..] => {
            Some(Reading::faulty(format!("error {}", number::printable(code.trim_ascii()))))
        }
        _ => None,
    }
}

fn weigh(field: &[u8], profile: Profile) -> Result<Reading, Garbled> {
    let &[sign @ (b'+' | b'-' | b' '), ref value @ .., b' ', u1, u2, u3] = field else {
        return Err(Garbled::Layout("no sign before the value or no blank before the unit"));
    };
    // digits in brackets are finer than the verified division and still part of the number
    let digits = value.iter().filter(|byte| !matches!(byte, b'[' | b']')).copied();
    let text: Vec<u8> = std::iter::once(sign).chain(digits).collect();
    let unit = [u1, u2, u3];
    if unit == *b"   " {
        return number::reading(&text, profile, Stability::Moving);
    }
    Ok(Reading::of(number::quantity(&text, unit.trim_ascii(), profile)?, Stability::Stable))
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
    fn the_unit_is_the_sign_of_rest() {
        assert_eq!(reading("+   123.56 g  ").stability, Stability::Stable);
        let moving = reading("+   123.56    ");
        assert_eq!(
            (moving.stability, moving.weight(), moving.unitless.as_deref()),
            (Stability::Moving, None, Some("123.56"))
        );
        let grams = Profile { unit: Some(Unit::Gram), ..Profile::default() };
        let Some(Heard::Reading(moving)) = read(b"-   123.56    ", grams) else { panic!() };
        assert_eq!(
            (moving.stability, moving.quantity.unwrap().to_string()),
            (Stability::Moving, "-123.56".into())
        );
    }

    #[test]
    fn names_say_net_gross_or_tare() {
        assert_eq!(reading("N     +   123.56 g  ").net, Some(true));
        assert_eq!(reading("G     +   123.56 g  ").net, Some(false));
        assert!(matches!(heard("T     +   123.56 g  "), Heard::Answer(Answer { word: "tare", .. })));
        assert!(matches!(heard("X     +   123.56 g  "), Heard::Garbled(_)));
    }

    #[test]
    fn words_are_no_weights() {
        assert_eq!(reading("Stat       High     "), Reading::outside(Range::Over));
        assert_eq!(reading("     Low      "), Reading::outside(Range::Under));
        assert_eq!(reading("    Err 54    ").fault.as_deref(), Some("error 54"));
        assert_eq!(reading("Stat       Cal      ").fault.as_deref(), Some("calibrating"));
    }

    #[test]
    fn unverified_digits_count() {
        assert_eq!(reading("+ 123.5[6] g  ").quantity.unwrap().to_string(), "123.56");
    }

    #[test]
    fn other_lengths_and_letters_are_garbled() {
        for line in [
            "+   12",
            "+   123.56 g ",
            "+   123.56 g   ",
            "    123 56 g  ",
            "1   123.56 g  ",
            "+   123.56g   ",
            "+   12e.56 g  ",
            "+   123.56 pcs",
            "+  High  g   x",
        ] {
            assert!(matches!(heard(line), Heard::Garbled(_)), "{line:?}: {:?}", heard(line));
        }
    }
}
