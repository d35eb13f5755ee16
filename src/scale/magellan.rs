//! `magellan`: a scanner-scale whose barcodes and weights share one cable.
//!
//! Every message begins with `S` and ends with CR. The weight has no point: four digits are hundredths of a
//! pound, five are grams. Layout: Datalogic knowledge base KA-01089, Magellan 2200VS and 1000i guides,
//! CORE-POS.

use std::time::Duration;

use super::line::{LineDecoder, Lines};
use super::write::Confirmed;
use super::{
    Answer, Family, Framing, Garbled, Heard, Line, Profile, Range, Reading, Stability, Talk, Task, Write,
    Writes, exchange, number,
};
use crate::weight::{Quantity, Unit};

/// Datalogic and PSC scanner-scales on a single cable.
pub(super) static FAMILY: Family = Family {
    name: "magellan",
    title: "Datalogic and PSC Magellan scanner-scales on a single cable",
    line: Line { baud: 9600, framing: Framing::SevenOddOne },
    talk: Talk::Converse {
        script: |_, _| Box::<exchange::Magellan>::default(),
        unhurried: Duration::from_millis(250),
        brisk: Duration::ZERO,
        answer_within: Duration::from_millis(500),
    },
    sends_stability: true,
    sends_unit: false,
    models: &[],
    writes: Writes { beep: Some(Write::new(Confirmed::ByNothing, beep)), ..Writes::NONE },
    decoder: |profile| Box::new(LineDecoder::new(Lines::ending_in_cr(LONGEST), *profile, read)),
    samples: &[
        b"S14401235\r",
        b"S1101235\r",
        b"S141\r",
        b"S142\r",
        b"S143\r",
        b"S145\r",
        b"S08F4006381333931\r",
    ],
};

/// Weights take 10 bytes; the longest barcodes are GS1 with under a hundred characters.
const LONGEST: usize = 160;

/// The beep of a good read (CORE-POS).
fn beep(task: &Task, _: Option<Quantity>, _: &Profile) -> Option<Vec<u8>> {
    (*task == Task::Beep).then(|| b"S334\r".to_vec())
}

fn read(line: &[u8], profile: Profile) -> Option<Heard> {
    Some(match line {
        b"" => return None,
        // a cable or adapter that sends the request back
        b"S14" | b"S11" => Heard::Answer(Answer::yes("echo")),
        b"S140" => Heard::Reading(Reading::faulty("not-ready")),
        b"S141" => Heard::Reading(Reading::without_weight(Stability::Moving)),
        b"S142" => Heard::Reading(Reading::outside(Range::Over)),
        // the one way to say zero; it comes without digits
        b"S143" => Heard::Reading(Reading { zero: Some(true), ..Reading::without_weight(Stability::Stable) }),
        b"S145" => Heard::Reading(Reading::outside(Range::Under)),
        [b'S', b'1', b'4', b'4', digits @ ..] | [b'S', b'1', b'1', digits @ ..] => {
            weigh(digits, profile).into()
        }
        [b'S', b'0', _, ..] => {
            Heard::Answer(Answer { detail: Some(number::printable(line)), ..Answer::yes("barcode") })
        }
        _ => Heard::Garbled(Garbled::Layout("neither S0, S11 nor S14 at the start")),
    })
}

/// Four digits of pounds or five of kilograms. A site that says which is held to it: a scanner that was
/// switched over would otherwise be off by half.
fn weigh(digits: &[u8], profile: Profile) -> Result<Reading, Garbled> {
    let (unit, decimals) = match digits.len() {
        4 => (Unit::Pound, 2),
        5 => (Unit::Kilogram, 3),
        _ => return Err(Garbled::Layout("a weight of other than four or five digits")),
    };
    let sent = Quantity::new(false, number::digits(digits)?, decimals, unit);
    Ok(Reading::of(profile.admit(sent, false)?, Stability::Stable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(line: &[u8], unit: Option<Unit>) -> Heard {
        read(line, Profile { unit, ..Profile::default() }).unwrap()
    }

    fn shown(heard: &Heard) -> Option<String> {
        match heard {
            Heard::Reading(reading) => reading.quantity.map(|sent| format!("{sent} {}", sent.unit())),
            Heard::Answer(_) | Heard::Garbled(_) => None,
        }
    }

    #[test]
    fn the_number_of_digits_tells_the_unit_and_must_match_the_settings() {
        assert_eq!(shown(&heard(b"S1440249", None)).as_deref(), Some("2.49 lb"));
        assert_eq!(shown(&heard(b"S14401235", Some(Unit::Kilogram))).as_deref(), Some("1.235 kg"));
        assert_eq!(heard(b"S14401235", Some(Unit::Pound)), Heard::Garbled(Garbled::OtherUnit));
        assert_eq!(heard(b"S1440249", Some(Unit::Kilogram)), Heard::Garbled(Garbled::OtherUnit));
        for bad in
            [b"S144024".as_slice(), b"S144012355", b"S14402 9", b"S144-249", b"S11", b"S146", b"143", b"X143"]
        {
            assert_eq!(shown(&heard(bad, None)), None, "{bad:?}");
        }
    }

    #[test]
    fn states_carry_no_weight_and_zero_is_one_of_them() {
        let state = |line: &[u8]| {
            let Heard::Reading(reading) = heard(line, None) else { panic!("{line:?}") };
            assert_eq!(reading.quantity, None);
            reading
        };
        assert_eq!(state(b"S140").fault.as_deref(), Some("not-ready"));
        assert_eq!(state(b"S141").stability, Stability::Moving);
        assert_eq!(state(b"S142").range, Range::Over);
        assert_eq!((state(b"S143").zero, state(b"S143").stability), (Some(true), Stability::Stable));
        assert_eq!(state(b"S145").range, Range::Under);
    }

    #[test]
    fn a_barcode_is_passed_on_also_with_the_letter_that_begins_a_message() {
        let barcode = Answer { detail: Some("S08BSS144S".to_owned()), ..Answer::yes("barcode") };
        assert_eq!(heard(b"S08BSS144S", None), Heard::Answer(barcode));
    }
}
