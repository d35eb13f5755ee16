//! The conversation with a scale, driven by bytes and time alone.

#![allow(clippy::unwrap_used, clippy::panic, clippy::as_conversions, clippy::cast_precision_loss)]

use std::time::Duration;

use scalecam::scale::dialogue::{Dialogue, Event, Step};
use scalecam::scale::{Family, Garbled, Heard, Kind, NotWritten, Profile, Terms};
use scalecam::stamp::Stamp;

fn at(ms: u64) -> Stamp {
    Stamp::from_millis(ms)
}

fn begin(protocol: &str) -> Dialogue {
    Dialogue::begin(
        Family::named(protocol).unwrap(),
        &Profile::default(),
        &Terms::default(),
        Duration::ZERO,
        at(0),
    )
}

fn hear(dialogue: &mut Dialogue, bytes: &[u8], ms: u64) -> Vec<Event> {
    bytes.iter().flat_map(|&byte| dialogue.hear(byte, at(ms))).collect()
}

/// Plays until `end`: answers every request after `delay` ms with what `answer` says. Gives the moments of the requests.
fn play(
    dialogue: &mut Dialogue,
    from: u64,
    end: u64,
    delay: u64,
    mut answer: impl FnMut(u64, &[u8]) -> Vec<u8>,
) -> Vec<u64> {
    let (mut now, mut asked) = (from, Vec::new());
    let mut due: Option<(u64, Vec<u8>)> = None;
    while now < end {
        match dialogue.step(at(now)) {
            Step::Send(bytes) => {
                asked.push(now);
                due = Some((now + delay, answer(now, &bytes)));
            }
            Step::Tell(_) => {}
            Step::ListenUntil(until) => {
                let until = until.as_nanos().div_ceil(1_000_000).max(now + 1);
                match due.take_if(|(when, _)| *when <= until) {
                    Some((when, bytes)) => {
                        now = when;
                        hear(dialogue, &bytes, now);
                    }
                    None => now = until,
                }
            }
        }
    }
    asked
}

#[test]
fn polling_is_unhurried_while_nothing_changes_and_back_to_back_while_it_does() {
    let mut dialogue = begin("mt-sics");
    let empty = play(&mut dialogue, 0, 5_000, 10, |_, _| b"S S      0.000 kg\r\n".to_vec());
    let late: Vec<_> = empty.iter().filter(|ms| **ms > 2_000).collect();
    assert!((14..=16).contains(&late.len()), "every 200 ms: {late:?}");
    let loading = play(&mut dialogue, 5_000, 6_000, 10, |now, _| {
        format!("S D {:10.3} kg\r\n", now as f64 / 1e3).into_bytes()
    });
    assert!(loading.len() > 80, "back to back, 10 ms an answer: {}", loading.len());
}

#[test]
fn a_scale_that_answers_at_once_is_asked_a_hundred_times_a_second_at_most() {
    let mut dialogue = begin("mt-sics");
    let asked = play(&mut dialogue, 0, 1_000, 0, |now, _| {
        format!("S D {:10.3} kg\r\n", now as f64 / 1e3).into_bytes()
    });
    assert!((95..=101).contains(&asked.len()), "{}", asked.len());
}

#[test]
fn a_request_is_only_ever_the_harmless_one() {
    let mut sent = Vec::new();
    for (protocol, request) in [("mt-sics", &b"SI\r\n"[..]), ("toledo-8217", b"W")] {
        let mut dialogue = begin(protocol);
        play(&mut dialogue, 0, 3_000, 10, |_, bytes| {
            sent.push(bytes == request);
            Vec::new()
        });
    }
    assert!(sent.len() > 5 && sent.iter().all(|&harmless| harmless));
    let mut listener = begin("st-gs");
    assert!(play(&mut listener, 0, 10_000, 0, |_, _| Vec::new()).is_empty());
}

#[test]
fn five_missed_answers_are_a_silence_that_is_told_once_and_heals() {
    let mut dialogue = begin("toledo-8217");
    let (mut now, mut silent, mut requests) = (0, Vec::new(), 0);
    while now < 10_000 {
        match dialogue.step(at(now)) {
            Step::Send(_) => requests += 1,
            Step::Tell(Event::Silent(when)) => silent.push((when, requests)),
            Step::Tell(other) => panic!("{other:?}"),
            Step::ListenUntil(until) => now = until.as_nanos().div_ceil(1_000_000).max(now + 1),
        }
    }
    assert_eq!(silent.len(), 1);
    assert_eq!(silent[0].1, 5);
    let events = hear(&mut dialogue, b"\x0201.235\r", now);
    assert!(matches!(&events[..], [Event::Frame(frame, _)] if matches!(frame.heard, Heard::Reading(_))));
}

#[test]
fn a_stream_is_silent_after_its_own_limit_on_both_sides() {
    let mut dialogue = begin("st-gs");
    hear(&mut dialogue, b"ST,GS,+  1.234kg\r\n", 100);
    assert_eq!(dialogue.step(at(2_099)), Step::ListenUntil(at(2_100)));
    assert_eq!(dialogue.step(at(2_100)), Step::Tell(Event::Silent(at(2_100))));
    assert!(matches!(dialogue.step(at(2_101)), Step::ListenUntil(_)));
}

#[test]
fn garbage_does_not_keep_a_silent_line_alive() {
    let mut dialogue = begin("st-gs");
    for ms in (0..2_000).step_by(50) {
        hear(&mut dialogue, b"garbage\r\n", ms);
    }
    assert_eq!(dialogue.step(at(2_000)), Step::Tell(Event::Silent(at(2_000))));
}

#[test]
fn a_frame_that_stops_in_the_middle_is_garbled_and_not_spliced_with_the_next() {
    let mut dialogue = begin("mt-sics");
    assert!(matches!(dialogue.step(at(0)), Step::Send(_)));
    assert_eq!(hear(&mut dialogue, b"S S     1.2", 10), []);
    let Step::ListenUntil(look) = dialogue.step(at(20)) else { panic!() };
    assert!(look <= at(112), "it looks again when the frame is late");
    let events = hear(&mut dialogue, b"S S     0.500 kg\r\n", 300);
    assert!(matches!(&events[0], Event::Frame(frame, _) if frame.heard == Heard::Garbled(Garbled::Cut)));
    assert!(matches!(&events[1], Event::Frame(frame, _) if matches!(&frame.heard, Heard::Reading(reading)
        if reading.quantity.unwrap().to_string() == "0.500")));
}

#[test]
fn pieces_within_the_limit_are_one_frame() {
    let mut dialogue = begin("toledo-8217");
    let mut events = Vec::new();
    for (index, byte) in b"\x0201.235\r".iter().enumerate() {
        events.extend(dialogue.hear(*byte, at(100 * index as u64)));
    }
    assert!(
        matches!(&events[..], [Event::Frame(frame, when)] if *when == at(700) && matches!(frame.heard, Heard::Reading(_)))
    );
}

#[test]
fn after_a_missed_answer_the_line_must_fall_quiet_before_the_next_question() {
    let mut dialogue = begin("toledo-8217");
    assert!(matches!(dialogue.step(at(0)), Step::Send(_)));
    assert_eq!(dialogue.step(at(499)), Step::ListenUntil(at(500)));
    assert!(matches!(dialogue.step(at(500)), Step::ListenUntil(_)));
    hear(&mut dialogue, b"\xff", 540);
    assert_eq!(dialogue.step(at(560)), Step::ListenUntil(at(590)));
    assert!(matches!(dialogue.step(at(590)), Step::Send(_)));
}

#[test]
fn a_text_waits_for_its_turn_and_its_fate_is_told() {
    let mut dialogue = begin("mt-sics");
    assert_eq!(dialogue.step(at(0)), Step::Send(b"SI\r\n".to_vec()));
    assert_eq!(dialogue.show("Banana"), None);
    assert!(matches!(dialogue.step(at(1)), Step::ListenUntil(_)), "a question is outstanding");
    hear(&mut dialogue, b"S S      1.235 kg\r\n", 10);
    assert_eq!(dialogue.step(at(10)), Step::Send(b"D \"Banana\"\r\n".to_vec()));
    let events = hear(&mut dialogue, b"D A\r\n", 20);
    assert!(events.contains(&Event::Written(Kind::Text, Ok(()))));
    assert!(matches!(dialogue.step(at(20)), Step::Send(_)), "and the next question follows");

    hear(&mut dialogue, b"S S      1.235 kg\r\n", 30);
    dialogue.show("Pear");
    assert!(matches!(dialogue.step(at(31)), Step::Send(_)));
    assert!(
        hear(&mut dialogue, b"ES\r\n", 40)
            .iter()
            .any(|event| matches!(event, Event::Written(Kind::Text, Err(NotWritten::Refused(_)))))
    );

    dialogue.show("Plum");
    assert!(matches!(dialogue.step(at(50)), Step::Send(_)));
    assert_eq!(dialogue.step(at(550)), Step::Tell(Event::Written(Kind::Text, Err(NotWritten::NoAnswer))));
}

#[test]
fn of_two_texts_that_wait_the_newer_is_shown() {
    let mut dialogue = begin("mt-sics");
    assert!(matches!(dialogue.step(at(0)), Step::Send(_)));
    assert_eq!(dialogue.show("old"), None);
    assert_eq!(dialogue.show("new"), Some(Event::Written(Kind::Text, Err(NotWritten::Superseded))));
    hear(&mut dialogue, b"S S      1.235 kg\r\n", 10);
    assert_eq!(dialogue.step(at(10)), Step::Send(b"D \"new\"\r\n".to_vec()));
}
