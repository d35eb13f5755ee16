//! One JSON line for each frame: what `decode` and `watch` print.
//!
//! The names and their order are fixed for those who read the lines with programs.

use serde::Serialize;

use super::hex::hex_from_bytes;
use super::{Answer, Family, Frame, Heard, Profile, Range, Reading, Stability};
use crate::weight::Unit;

#[derive(Serialize)]
struct ReadingLine<'a> {
    protocol: &'a str,
    weight: Option<String>,
    unit: Option<Unit>,
    micrograms: Option<i64>,
    stability: Stability,
    range: Range,
    zero: Option<bool>,
    net: Option<bool>,
    tare: Option<String>,
    fault: Option<&'a str>,
    raw: String,
}

#[derive(Serialize)]
struct AnswerLine<'a> {
    protocol: &'a str,
    answer: &'a str,
    refused: bool,
    detail: Option<&'a str>,
    fault: Option<String>,
    raw: String,
}

#[derive(Serialize)]
struct GarbledLine<'a> {
    protocol: &'a str,
    garbled: String,
    raw: String,
}

#[derive(Serialize)]
struct IncompleteLine<'a> {
    protocol: &'a str,
    incomplete: bool,
    raw: String,
}

/// The line of a frame, without a line end.
#[must_use]
pub fn line(protocol: &str, frame: &Frame) -> String {
    let raw = hex_from_bytes(&frame.raw);
    match &frame.heard {
        Heard::Reading(reading) => json(&of_reading(protocol, reading, raw)),
        Heard::Answer(answer) => json(&of_answer(protocol, answer, raw)),
        Heard::Garbled(why) => json(&GarbledLine { protocol, garbled: why.to_string(), raw }),
    }
}

/// The line of a frame that began and did not end, without a line end.
#[must_use]
pub fn incomplete_line(protocol: &str, pending: &[u8]) -> String {
    json(&IncompleteLine { protocol, incomplete: true, raw: hex_from_bytes(pending) })
}

/// The lines of a whole capture; the last one is the frame that did not end, if there is one.
#[must_use]
pub fn lines(family: &Family, profile: &Profile, bytes: &[u8]) -> Vec<String> {
    let mut decoder = (family.decoder)(profile);
    let mut lines: Vec<String> =
        bytes.iter().filter_map(|&byte| decoder.push(byte)).map(|frame| line(family.name, &frame)).collect();
    let pending = decoder.pending().to_vec();
    match decoder.silence() {
        Some(frame) => lines.push(line(family.name, &frame)),
        None if pending.is_empty() => {}
        None => lines.push(incomplete_line(family.name, &pending)),
    }
    lines
}

fn of_reading<'a>(protocol: &'a str, reading: &'a Reading, raw: String) -> ReadingLine<'a> {
    ReadingLine {
        protocol,
        weight: reading.quantity.map(|quantity| quantity.to_string()).or_else(|| reading.unitless.clone()),
        unit: reading.quantity.map(crate::weight::Quantity::unit),
        micrograms: reading.quantity.map(|quantity| quantity.weight().micrograms()),
        stability: reading.stability,
        range: reading.range,
        zero: reading.zero,
        net: reading.net,
        tare: reading.tare.map(|tare| tare.to_string()),
        fault: reading.fault.as_deref(),
        raw,
    }
}

fn of_answer<'a>(protocol: &'a str, answer: &'a Answer, raw: String) -> AnswerLine<'a> {
    let detail = answer.detail.as_deref();
    let fault = match (answer.refused, detail) {
        (false, _) => None,
        (true, None) => Some(answer.word.to_owned()),
        (true, Some(detail)) => Some(format!("{} {detail}", answer.word)),
    };
    AnswerLine { protocol, answer: answer.word, refused: answer.refused, detail, fault, raw }
}

#[expect(clippy::expect_used, reason = "texts, numbers and flags under fixed names are always JSON")]
fn json(line: &impl Serialize) -> String {
    serde_json::to_string(line).expect("texts, numbers and flags under fixed names are always JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::Garbled;
    use crate::weight::Quantity;

    fn shown(heard: Heard) -> String {
        line("mt-sics", &Frame { raw: vec![0x53, 0x20, 0xA0], heard })
    }

    #[test]
    fn a_reading_has_all_its_keys_in_their_order() {
        let quantity = Quantity::new(false, 1235, 3, Unit::Kilogram);
        let reading = Reading { net: Some(true), ..Reading::of(quantity, Stability::Stable) };
        assert_eq!(
            shown(Heard::Reading(reading)),
            concat!(
                r#"{"protocol":"mt-sics","weight":"1.235","unit":"kg","micrograms":1235000000,"#,
                r#""stability":"stable","range":"in","zero":false,"net":true,"tare":null,"fault":null,"#,
                r#""raw":"53 20 A0"}"#
            )
        );
    }

    #[test]
    fn what_is_not_known_is_null() {
        assert_eq!(
            shown(Heard::Reading(Reading::outside(Range::Over))),
            concat!(
                r#"{"protocol":"mt-sics","weight":null,"unit":null,"micrograms":null,"#,
                r#""stability":"unknown","range":"over","zero":null,"net":null,"tare":null,"fault":null,"#,
                r#""raw":"53 20 A0"}"#
            )
        );
    }

    #[test]
    fn a_number_without_a_unit_is_shown_but_weighs_nothing() {
        let reading = Reading { unitless: Some("1.5".into()), ..Reading::without_weight(Stability::Moving) };
        assert_eq!(reading.weight(), None);
        let start = r#"{"protocol":"mt-sics","weight":"1.5","unit":null,"micrograms":null,"#;
        assert!(shown(Heard::Reading(reading)).starts_with(start));
    }

    #[test]
    fn an_answer_says_whether_it_refused() {
        assert_eq!(
            shown(Heard::Answer(Answer { detail: Some("E01".to_owned()), ..Answer::no("error") })),
            concat!(
                r#"{"protocol":"mt-sics","answer":"error","refused":true,"detail":"E01","#,
                r#""fault":"error E01","raw":"53 20 A0"}"#
            )
        );
    }

    #[test]
    fn garbled_and_incomplete_bytes_are_shown() {
        assert_eq!(
            shown(Heard::Garbled(Garbled::NotANumber)),
            r#"{"protocol":"mt-sics","garbled":"a digit of the weight is not a digit","raw":"53 20 A0"}"#
        );
        assert_eq!(
            incomplete_line("mt-sics", b"S S "),
            r#"{"protocol":"mt-sics","incomplete":true,"raw":"53 20 53 20"}"#
        );
    }
}
