//! The traps of retail scales, one test each: what other drivers fell into.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    missing_docs
)]

use std::time::Duration;

use scalecam::scale::dialogue::{Bar, Dialogue, Event, Step};
use scalecam::scale::{Family, Profile, Terms, report};
use scalecam::stability::{Detector, Rules};
use scalecam::stamp::Stamp;
use scalecam::weight::{Division, Unit};
use serde_json::Value;

fn at(ms: u64) -> Stamp {
    Stamp::from_millis(ms)
}

/// What `decode` says of the bytes.
fn says(protocol: &str, profile: Profile, bytes: &[u8]) -> Vec<Value> {
    let lines = report::lines(Family::named(protocol).unwrap(), &profile, bytes);
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn said(protocol: &str, bytes: &[u8]) -> Vec<Value> {
    says(protocol, Profile::default(), bytes)
}

fn in_unit(unit: Unit) -> Profile {
    Profile { unit: Some(unit), ..Profile::default() }
}

fn dialogue(protocol: &str) -> Dialogue {
    Dialogue::begin(
        Family::named(protocol).unwrap(),
        &Profile::default(),
        &Terms::default(),
        Duration::ZERO,
        at(0),
    )
}

fn hear(dialogue: &mut Dialogue, bytes: &[u8], ms: u64) -> Vec<Event> {
    bytes.iter().flat_map(|byte| dialogue.hear(*byte, at(ms))).collect()
}

/// How often frames, one each tenth of a second, settle.
fn fires(protocol: &str, frames: &[&[u8]]) -> usize {
    let rules = Rules {
        division: Division::from_micrograms(5_000_000),
        min_load: None,
        settle: Duration::ZERO,
        settle_unflagged: Duration::from_millis(800),
    };
    let (mut detector, mut fired) = (Detector::new(rules), 0);
    let mut decoder = (Family::named(protocol).unwrap().decoder)(&Profile::default());
    for (place, frame) in frames.iter().enumerate() {
        let now = at(100 * u64::try_from(place).unwrap());
        for heard in frame.iter().filter_map(|byte| decoder.push(*byte)) {
            fired += match heard.heard {
                scalecam::scale::Heard::Reading(reading) => {
                    usize::from(detector.hear(&reading, now).1.is_some())
                }
                _ => usize::from(detector.take(scalecam::stability::Load::Garbled, now).is_some()),
            };
        }
    }
    fired
}

#[test]
fn a_garbled_frame_is_never_the_last_weight() {
    let lines = said("toledo-8217", b"\x0201.235\r\x0201.2 5\r");
    assert_eq!(lines[0]["weight"], "1.235");
    assert!(lines[1].get("weight").is_none() && lines[1]["garbled"].is_string());
    assert_eq!(fires("st-gs", &[b"US,GS,+  1.235kg\r\n", b"ST,GS,+  1.2 5kg\r\n"]), 0);
}

#[test]
fn a_status_frame_is_neither_zero_nor_a_weight() {
    for status in [&b"\x02?A\r"[..], b"\x02?B\r", b"\x02?D\r", b"\x02?a\r"] {
        let lines = said("toledo-8217", status);
        assert!(lines[0]["weight"].is_null() && lines[0]["zero"] != true, "{lines:?}");
    }
    // the same goods stay weighed while the scale only says how it is
    let (zero, item) = (&b"\x0200.000\r"[..], &b"\x0201.235\r"[..]);
    assert_eq!(fires("toledo-8217", &[zero, item, item, b"\x02?A\r", b"\x02?A\r", item, item]), 1);
}

#[test]
fn status_characters_are_bits_and_not_texts() {
    let lines = said("nci-scp", b"\n30\r\x03");
    assert_eq!((&lines[0]["stability"], &lines[0]["zero"]), (&"moving".into(), &true.into()));
    assert_eq!(said("nci-scp", b"\n0000.50kg\r\n0p4\r\x03")[0]["net"], true);
}

#[test]
fn a_frame_begins_at_the_last_start_before_its_end() {
    assert_eq!(said("toledo-8217", b"W\xFF\x00\x02\x0201.235\r")[0]["weight"], "1.235");
    assert_eq!(said("prix", b"\x02012\x0201235\x03")[0]["weight"], "1.235");
    assert_eq!(said("cas-dc1", b"\x01\x02S 0\x01\x02S 01.235kgd\x03\x04").last().unwrap()["weight"], "1.235");
}

#[test]
fn what_waited_in_the_cable_is_not_the_answer() {
    let mut dialogue = dialogue("mt-sics");
    assert!(matches!(dialogue.step(at(0)), Step::Send(_)));
    // no answer in time: the line must fall quiet before the next question, and what comes late is no answer to it
    assert!(!matches!(dialogue.step(at(501)), Step::Send(_)));
    hear(&mut dialogue, b"S S      9.999 kg\r\n", 520);
    assert!(!matches!(dialogue.step(at(540)), Step::Send(_)), "not while the late answer may go on");
    assert!((570..700).any(|ms| matches!(dialogue.step(at(ms)), Step::Send(_))));
}

#[test]
fn bit_7_is_said_and_never_masked() {
    let lines = said("toledo-8217", b"\x82\x30\xB1\x2E\xB2\x33\x35\x8D");
    assert!(lines[0]["garbled"].as_str().unwrap().contains("7E1 or 7O1"), "{lines:?}");
}

#[test]
fn weights_are_exact() {
    assert_eq!(said("mt-sics", b"S S      0.1 kg\r\n")[0]["micrograms"], 100_000_000);
    assert_eq!(said("toledo-8217", b"\x0202.49\r")[0]["micrograms"], 1_129_445_001);
}

#[test]
fn bits_5_and_6_of_a_toledo_are_only_believed_where_makers_agree() {
    for bits in 0x40..0x80_u8 {
        let line = &said("toledo-8217", &[0x02, b'?', bits, 0x0D])[0];
        assert!(line["fault"].is_null() || bits & 0x18 == 0x08, "bit 6 is no fault: {line}");
    }
    let ps60 = Family::named("toledo-8217").unwrap().model("ps60");
    let line = &says("toledo-8217", Profile { model: ps60, ..Profile::default() }, b"\x02?a\r")[0];
    assert!(line["net"].is_null(), "{line}");
}

#[test]
fn a_weight_sent_while_it_moves_is_not_used() {
    let moving = &b"\n001.200kg\r\n10\r\x03"[..];
    assert_eq!(said("nci-scp", moving)[0]["stability"], "moving");
    assert_eq!(fires("nci-scp", &[moving; 30]), 0);
    assert_eq!(fires("nci-scp", &[moving, b"\n001.200kg\r\n00\r\x03"]), 1);
}

#[test]
fn implied_decimals_and_units_are_checked() {
    for (protocol, unit, bytes) in [
        ("magellan", Unit::Pound, &b"S14401235\r"[..]),
        ("magellan", Unit::Kilogram, b"S1440249\r"),
        ("toledo-8217", Unit::Kilogram, b"\x0202.49\r"),
        ("toledo-8217", Unit::Pound, b"\x0201.235\r"),
        ("dialog-06", Unit::Kilogram, b"\x0202\x1B1\x1B00249\x1B000299\x1B000745\x03"),
        ("mt-sics", Unit::Kilogram, b"S S    235.00 g\r\n"),
    ] {
        let lines = says(protocol, in_unit(unit), bytes);
        assert!(lines[0]["garbled"].is_string(), "{protocol}: {lines:?}");
    }
}

#[test]
fn a_scale_that_tells_a_load_once_is_not_asked_to_be_sure() {
    let mut dialogue = dialogue("dialog-06");
    let mut results = 0;
    for ms in 0..3_000 {
        if let Step::Send(bytes) = dialogue.step(at(ms)) {
            let answer: &[u8] = match &bytes[..] {
                b"\x04\x05" if results == 0 => {
                    results += 1;
                    b"\x0202\x1B3\x1B01235\x1B000001\x1B000001\x03"
                }
                b"\x04\x0208\x03" => b"\x0209\x1B21\x03",
                b"\x04\x05" => b"\x15",
                _ => b"\x06",
            };
            let events = hear(&mut dialogue, answer, ms);
            let frames = events.iter().filter(|event| matches!(event, Event::Frame(..))).count();
            assert!(frames == 0 || answer.len() > 20, "not moved since is no reading: {events:?}");
        }
    }
    assert_eq!(results, 1);
}

#[test]
fn a_demand_for_checksums_is_told_and_not_answered_by_default() {
    let mut dialogue = dialogue("dialog-06");
    assert!(matches!(dialogue.step(at(0)), Step::Send(_)));
    let events = hear(&mut dialogue, b"\x0211\x1B247\x03", 5);
    assert!(events.iter().any(|event| matches!(event, Event::Barred(Bar::ChecksumsWanted, _))), "{events:?}");
}

#[test]
fn binary_bytes_among_text_survive() {
    assert_eq!(said("st-gs", b"ST,GS,1\xC4,  13.500 kg\r\n")[0]["weight"], "13.500");
    let kg = in_unit(Unit::Kilogram);
    assert_eq!(says("digi-ds425", kg, b"\x00\r0  1.235\r4  0.000\r\n")[0]["stability"], "stable");
    assert!(
        says("digi-ds425", kg, b"\r0  1.235\r4  0.000\r\n").iter().all(|line| line.get("weight").is_none())
    );
    // a checksum that happens to be the end of a frame
    assert_eq!(said("cas-dc1", b"\x01\x02S 01.235kgd\x03\x04")[0]["weight"], "1.235");
}

#[test]
fn fault_texts_that_look_like_weights_are_faults() {
    for (protocol, bytes) in [
        ("mt-sics", &b"S S Error 10b\r\n"[..]),
        ("st-gs", b"OL,+999999.9  g\r\n"),
        ("cas-dc1", b"\x01\x02SFFFFFFFkg\x19\x03\x04"),
        ("nci-scp", b"\n^^^^^^kg\r\n02\r\x03"),
        ("sma", b"\nE1G  ----------kg \r"),
        ("sbi", b"Stat       High     \r\n"),
        ("berkel", b"\x02\x3900000\x09\x03"),
    ] {
        let line = &said(protocol, bytes)[0];
        assert!(
            line["weight"].is_null() && (line["range"] != "in" || line["fault"].is_string()),
            "{protocol}: {line}"
        );
    }
}

#[test]
fn pounds_with_ounces_and_decimal_commas_are_exact() {
    assert_eq!(said("mt-sics", b"S D 12:07.50 lb:oz\r\n")[0]["weight"], "199.5");
    assert_eq!(said("nci-scp", b"\n1LB 02.5OZ\r\nS00\r\x03")[0]["weight"], "18.5");
    assert_eq!(said("st-gs", b"WT,+001,2346 kg\r\n")[0]["weight"], "1.2346");
}

#[test]
fn a_sics_scale_is_asked_for_its_weight_now_and_never_for_changes() {
    let mut dialogue = dialogue("mt-sics");
    for ms in 0..5_000 {
        if let Step::Send(bytes) = dialogue.step(at(ms)) {
            assert_eq!(bytes, b"SI\r\n", "SR tells nothing below an eighth of the last weight");
            hear(&mut dialogue, b"S S      1.235 kg\r\n", ms);
        }
    }
}

#[test]
fn a_scanner_scale_says_zero_in_one_way_and_is_asked_what_it_always_answers() {
    let lines = said("magellan", b"S143\rS1440000\rS08F4006381333931\r");
    assert_eq!((&lines[0]["zero"], &lines[0]["stability"]), (&true.into(), &"stable".into()));
    assert_eq!(lines[2]["answer"], "barcode");
    assert_eq!(
        dialogue("magellan").step(at(0)),
        Step::Send(b"S14\r".to_vec()),
        "S11 is silent until the load rests"
    );
}

#[test]
fn other_goods_without_an_empty_plate_between_are_weighed() {
    let goods = [
        &b"S143\r"[..],
        b"S14401235\r",
        b"S14401235\r",
        b"S141\r",
        b"S141\r",
        b"S14400500\r",
        b"S14400500\r",
    ];
    let twice = goods.iter().flat_map(|frame| [*frame, *frame, *frame]).collect::<Vec<_>>();
    assert_eq!(fires("magellan", &twice), 2);
}
