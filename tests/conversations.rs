//! Conversations of more than one step, against scripted scales: friendly, hostile and silent ones.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::struct_excessive_bools,
    missing_docs
)]

use std::time::Duration;

use proptest::prelude::*;
use scalecam::scale::dialogue::{Bar, Dialogue, Event, Step};
use scalecam::scale::{
    Checksums, FAMILIES, Family, Garbled, Heard, Kind, NotWritten, Profile, Stability, Terms,
};
use scalecam::stamp::Stamp;

fn at(ms: u64) -> Stamp {
    Stamp::from_millis(ms)
}

/// A host and a scripted scale: `answer` gets every request and says what comes back, 5 ms later.
struct Bench {
    dialogue: Dialogue,
    now: u64,
    sent: Vec<Vec<u8>>,
    events: Vec<Event>,
}

impl Bench {
    fn with(protocol: &str, terms: &Terms) -> Self {
        let family = Family::named(protocol).unwrap();
        let dialogue = Dialogue::begin(family, &Profile::default(), terms, Duration::ZERO, at(0));
        Self { dialogue, now: 0, sent: Vec::new(), events: Vec::new() }
    }

    fn of(protocol: &str) -> Self {
        Self::with(protocol, &Terms::default())
    }

    fn hear(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.events.extend(self.dialogue.hear(byte, at(self.now)));
        }
    }

    fn play(&mut self, ms: u64, mut answer: impl FnMut(&[u8]) -> Vec<u8>) {
        let end = self.now + ms;
        let mut due: Option<(u64, Vec<u8>)> = None;
        while self.now < end {
            match self.dialogue.step(at(self.now)) {
                Step::Send(bytes) => {
                    due = Some((self.now + 5, answer(&bytes)));
                    self.sent.push(bytes);
                }
                Step::Tell(event) => self.events.push(event),
                Step::ListenUntil(until) => {
                    let until = until.as_nanos().div_ceil(1_000_000).max(self.now + 1).min(end);
                    match due.take_if(|(when, _)| *when <= until) {
                        Some((when, bytes)) => {
                            self.now = when;
                            self.hear(&bytes);
                        }
                        None => self.now = until,
                    }
                }
            }
        }
    }

    fn weights(&self) -> Vec<String> {
        let weight = |event: &Event| match event {
            Event::Frame(frame, _) => match &frame.heard {
                Heard::Reading(reading) => Some(reading.quantity?.to_string()),
                Heard::Answer(_) | Heard::Garbled(_) => None,
            },
            _ => None,
        };
        self.events.iter().filter_map(weight).collect()
    }

    fn garbled(&self, why: Garbled) -> usize {
        let is =
            |event: &&Event| matches!(event, Event::Frame(frame, _) if frame.heard == Heard::Garbled(why));
        self.events.iter().filter(is).count()
    }

    fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| is(event)).count()
    }

    fn silences(&self) -> usize {
        self.count(|event| matches!(event, Event::Silent(_)))
    }
}

const CAS: &[u8] = b"\x01\x02S 01.235kgd\x03\x04";

#[test]
fn cas_fetches_after_the_acknowledgement_and_asks_again_after_a_no() {
    let mut bench = Bench::of("cas-dc1");
    let mut asked = 0;
    bench.play(2_000, |bytes| match bytes {
        b"\x05" => {
            asked += 1;
            if asked % 3 == 0 { vec![0x15] } else { vec![0x06] }
        }
        b"\x11" => CAS.to_vec(),
        other => panic!("{other:?}"),
    });
    assert!(
        bench.weights().len() >= 5
            && bench.weights().iter().all(|weight| weight == "01.235" || weight == "1.235")
    );
    assert_eq!(bench.silences(), 0);
}

#[test]
fn cas_that_acknowledges_and_says_no_more_is_silent_only_when_it_never_speaks() {
    let mut bench = Bench::of("cas-dc1");
    bench.play(5_000, |bytes| if bytes == b"\x05" { vec![0x06, 0x06] } else { Vec::new() });
    assert!(bench.weights().is_empty());
    let late = bench.sent.windows(2).filter(|pair| pair[0] == b"\x11" && pair[1] == b"\x11").count();
    assert_eq!(late, 0, "each fetch follows a question of its own");
}

const BERKEL: &[u8] = b"\x02\x2901235\x1C\x03";

#[test]
fn a_berkel_weight_counts_when_its_echo_is_confirmed() {
    for (verdict, weights, refused) in [(0x0D, true, false), (0x06, false, true), (0x18, false, true)] {
        let mut bench = Bench::of("berkel");
        bench.play(1_000, |bytes| match bytes {
            b"\x05" => vec![0x06],
            b"\x11" => BERKEL.to_vec(),
            echo => {
                assert_eq!(echo, BERKEL);
                vec![verdict]
            }
        });
        assert_eq!(!bench.weights().is_empty(), weights, "{verdict:02X}");
        assert_eq!(bench.garbled(Garbled::NotConfirmed) > 0, refused, "{verdict:02X}");
    }
    let mut mute = Bench::of("berkel");
    mute.play(3_000, |bytes| match bytes {
        b"\x05" => vec![0x06],
        b"\x11" => BERKEL.to_vec(),
        _ => Vec::new(),
    });
    assert!(mute.weights().is_empty() && mute.garbled(Garbled::NotConfirmed) > 0);
}

#[test]
fn berkel_without_data_is_asked_again_and_nothing_is_made_of_it() {
    let mut bench = Bench::of("berkel");
    bench.play(2_000, |bytes| if bytes == b"\x05" { vec![0x00] } else { panic!("{bytes:?}") });
    assert!(bench.weights().is_empty() && bench.sent.len() > 4);
    assert_eq!(bench.silences(), 0);
}

#[test]
fn the_silence_of_prt5_is_zero_and_that_of_prt3_is_a_silence() {
    let mut prt5 = Bench::of("prix");
    prt5.play(1_000, |_| b"\x0201235\x03".to_vec());
    prt5.play(5_000, |_| Vec::new());
    assert!(prt5.count(|event| matches!(event, Event::Empty(_))) > 5);
    assert_eq!(prt5.silences(), 0);

    let mut prt3 = Bench::of("prix");
    prt3.play(500, |_| b"\x0200000\x03".to_vec());
    prt3.play(5_000, |_| Vec::new());
    let mut never = Bench::of("prix");
    never.play(5_000, |_| Vec::new());
    let mut half = Bench::of("prix");
    half.play(500, |_| b"\x0201235\x03".to_vec());
    half.play(5_000, |_| b"\x0201".to_vec());
    for bench in [prt3, never, half] {
        assert_eq!(bench.count(|event| matches!(event, Event::Empty(_))), 0);
        assert_eq!(bench.silences(), 1);
    }
}

#[test]
fn radwag_gets_no_second_request_before_the_result() {
    let mut bench = Bench::of("radwag");
    bench.play(50, |_| b"SI A\r\n".to_vec());
    assert_eq!(bench.sent.len(), 1);
    bench.play(1_900, |_| panic!("asked before the result came"));
    bench.hear(b"SI        1.235 kg \r\n");
    bench.play(50, |_| Vec::new());
    assert_eq!((bench.weights(), bench.sent.len()), (vec!["1.235".to_owned()], 2));
}

#[test]
fn a_barcode_does_not_stand_for_the_answer_of_a_magellan() {
    let mut bench = Bench::of("magellan");
    bench.play(2, |_| Vec::new());
    bench.hear(b"S08F4006381333931\r");
    bench.play(100, |_| panic!("asked again before the answer"));
    bench.hear(b"S14401235\r");
    assert_eq!(bench.weights(), ["1.235"]);
    assert!(bench.sent.iter().all(|bytes| bytes == b"S14\r"));
    let barcode = |event: &Event| matches!(event, Event::Frame(frame, _) if matches!(&frame.heard, Heard::Answer(answer) if answer.word == "barcode"));
    assert_eq!(bench.count(barcode), 1);
}

#[test]
fn an_az_extra_is_found_and_its_silence_is_neither_zero_nor_a_lost_cable() {
    let mut bench = Bench::of("adam");
    let item = |bytes: &[u8]| if bytes == b"P\r\n" { b"  1.234kg\r\n".to_vec() } else { Vec::new() };
    let mut told = 0;
    bench.play(3_000, |bytes| {
        let answer = if told == 0 { item(bytes) } else { Vec::new() };
        told += usize::from(!answer.is_empty());
        answer
    });
    bench.play(20_000, |bytes| {
        assert_eq!(bytes, b"P\r\n");
        Vec::new()
    });
    assert_eq!((bench.weights().len(), bench.silences()), (1, 0));
    assert_eq!(bench.count(|event| matches!(event, Event::Empty(_))), 0);
    bench.play(700, item);
    assert!(bench.count(|event| matches!(event, Event::Anew(_))) >= 2, "{:?}", bench.events);

    let mut cpw = Bench::of("adam");
    cpw.play(2_000, |bytes| {
        assert_eq!(bytes, b"G\r\n");
        b"G +   2.00 kg\r\n".to_vec()
    });
    assert!(cpw.weights().len() > 5);
    cpw.play(6_000, |_| Vec::new());
    assert_eq!(cpw.silences(), 1);
}

#[test]
fn a_sartorius_that_prints_by_itself_is_never_asked() {
    let line = b"+   123.56 g  \r\n";
    let mut bench = Bench::of("sbi");
    for _ in 0..50 {
        bench.hear(line);
        bench.play(200, |_| panic!("ESC P would switch the stream off"));
    }
    assert_eq!(bench.weights().len(), 50);
}

#[test]
fn a_request_that_switched_the_stream_of_a_sartorius_on_is_the_last() {
    let line = b"+   123.56 g  \r\n";
    let mut bench = Bench::of("sbi");
    bench.play(2_100, |_| line.to_vec());
    assert_eq!(bench.sent.len(), 1, "listened first, then asked once");
    for _ in 0..50 {
        bench.hear(line);
        bench.play(300, |_| panic!("it streams"));
    }
    let mut printer = Bench::of("sbi");
    printer.play(10_000, |_| line.to_vec());
    assert!(printer.sent.len() > 20, "{}", printer.sent.len());
    assert!(printer.sent.iter().all(|bytes| bytes == b"\x1BP\r\n"));
}

#[test]
fn the_first_report_after_opening_and_every_cut_one_are_dropped() {
    let mut bench = Bench::of("hid-pos");
    let report = |grams: u8| [3, 4, 2, 0, grams, 0];
    assert_eq!(bench.dialogue.hear_report(&report(20), at(0)), []);
    let heard = bench.dialogue.hear_report(&report(30), at(10));
    assert!(matches!(&heard[..], [Event::Frame(frame, _)] if matches!(&frame.heard, Heard::Reading(reading)
        if reading.quantity.unwrap().to_string() == "30" && reading.stability == Stability::Stable)));
    let heard = bench.dialogue.hear_report(&report(40)[..4], at(20));
    assert!(matches!(&heard[..], [Event::Frame(frame, _)] if frame.heard == Heard::Garbled(Garbled::Cut)));
    assert_eq!(bench.dialogue.hear_report(&report(50), at(30)).len(), 1, "the next stands alone");
    bench.now = 30;
    bench.play(600_000, |_| panic!("nothing is said to it"));
    assert_eq!(bench.silences(), 0, "it may sleep");
}

/// A price-computing scale with one result for each load.
#[derive(Default)]
struct Counter {
    code: &'static str,
    load: Option<&'static str>,
    given: bool,
    priced: bool,
    trusts: bool,
    shown: Option<Vec<u8>>,
    demands: bool,
}

impl Counter {
    fn answer(&mut self, bytes: &[u8]) -> Vec<u8> {
        let bytes = bytes.strip_prefix(b"\x04").unwrap();
        match bytes {
            b"\x05" if self.code == "11" => {
                self.code = "";
                self.trusts = true;
                b"\x0211\x1B1\x03".to_vec()
            }
            b"\x05" => self.result(),
            b"\x0208\x03" => format!("\x0209\x1B{}\x03", self.code).into_bytes(),
            [0x02, b'1', b'0', 0x1B, pairs @ .., 0x03] => {
                assert_eq!(pairs, b"71146DE6");
                self.code = "11";
                vec![0x06]
            }
            [0x02, b'0', b'1' | b'5', 0x1B, rest @ .., 0x03] => {
                if self.demands && !self.trusts {
                    return b"\x0211\x1B247\x03".to_vec();
                }
                assert!(rest.starts_with(b"000001\x1B"), "{rest:?}");
                if let Some(text) = rest.strip_prefix(b"000001\x1B0000\x1B") {
                    assert_eq!(text.len(), 13);
                    self.shown = Some(text.to_vec());
                }
                self.priced = true;
                vec![0x06]
            }
            other => panic!("{other:?}"),
        }
    }

    fn result(&mut self) -> Vec<u8> {
        self.code = match self.load {
            None => "30",
            Some("moving") => "20",
            Some(_) if self.given => "21",
            Some(_) if !self.priced => "22",
            Some(grams) => {
                (self.given, self.priced) = (true, false);
                return format!("\x0202\x1B3\x1B{grams}\x1B000001\x1B000001\x03").into_bytes();
            }
        };
        if matches!(self.load, None | Some("moving")) {
            self.given = false;
        }
        vec![0x15]
    }
}

#[test]
fn a_dialog_scale_tells_each_load_once_and_then_that_it_is_unchanged() {
    let (mut bench, mut scale) = (Bench::of("dialog-06"), Counter::default());
    bench.play(1_000, |bytes| scale.answer(bytes));
    let zero = |event: &Event| matches!(event, Event::Frame(frame, _) if matches!(&frame.heard, Heard::Reading(reading) if reading.zero == Some(true)));
    assert!(bench.count(zero) >= 3, "empty is said");
    scale.load = Some("moving");
    let before = bench.sent.len();
    bench.play(1_000, |bytes| scale.answer(bytes));
    let prices = bench.sent[before..].iter().filter(|bytes| bytes.starts_with(b"\x04\x0201")).count();
    assert!(prices <= 1, "a moving load keeps its price: only the question is repeated");
    scale.load = Some("01235");
    bench.play(2_000, |bytes| scale.answer(bytes));
    assert_eq!(bench.weights(), ["1.235"]);
    let unchanged = |event: &Event| matches!(event, Event::Unchanged(_));
    assert!(bench.count(unchanged) >= 4, "{:?}", bench.events);
    let gaps: Vec<u64> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Unchanged(when) => Some(when.as_nanos() / 1_000_000),
            _ => None,
        })
        .collect();
    assert!(gaps.windows(2).all(|pair| pair[1] - pair[0] < 600), "{gaps:?}");
    assert_eq!(bench.silences(), 0);
}

#[test]
fn unchanged_since_a_result_that_was_not_heard_is_nothing() {
    let (mut bench, mut scale) =
        (Bench::of("dialog-06"), Counter { load: Some("01235"), ..Counter::default() });
    bench.play(1_500, |bytes| {
        let mut answer = scale.answer(bytes);
        if answer.len() > 20 {
            answer[8] = b' ';
        }
        answer
    });
    assert!(bench.weights().is_empty());
    assert_eq!(bench.count(|event| matches!(event, Event::Unchanged(_))), 0);
}

#[test]
fn checksums_are_answered_only_where_the_site_has_them() {
    let demanding = || Counter { load: Some("01235"), demands: true, ..Counter::default() };
    let (mut bench, mut scale) = (Bench::of("dialog-06"), demanding());
    bench.play(1_000, |bytes| scale.answer(bytes));
    assert!(bench.weights().is_empty());
    assert!(bench.count(|event| matches!(event, Event::Barred(Bar::ChecksumsWanted, _))) > 0);
    assert!(bench.sent.iter().all(|bytes| !bytes.starts_with(b"\x04\x0210")));

    let terms = Terms { checksums: Some(Checksums::parse("4711 F336").unwrap()), ..Terms::default() };
    let (mut bench, mut scale) = (Bench::with("dialog-06", &terms), demanding());
    bench.play(1_000, |bytes| scale.answer(bytes));
    assert_eq!(bench.weights(), ["1.235"]);
    assert_eq!(bench.count(|event| matches!(event, Event::Barred(..))), 0);

    let mut bench = Bench::with("dialog-06", &terms);
    bench.play(2_000, |_| b"\x0211\x1B247\x03".to_vec());
    assert!(bench.count(|event| matches!(event, Event::Barred(Bar::ChecksumsRefused, _))) > 0);
}

#[test]
fn a_text_on_a_dialog_scale_goes_with_the_price_and_stays() {
    let (mut bench, mut scale) =
        (Bench::of("dialog-06"), Counter { load: Some("01235"), ..Counter::default() });
    bench.play(600, |bytes| scale.answer(bytes));
    bench.dialogue.show("Banana, ripe and long");
    bench.play(600, |bytes| scale.answer(bytes));
    assert!(bench.events.contains(&Event::Written(Kind::Text, Ok(()))), "{:?}", bench.events);
    assert_eq!(scale.shown.take().as_deref(), Some(&b"Banana, ripe "[..]));
    bench.play(600, |bytes| scale.answer(bytes));
    assert_eq!(scale.shown.take().as_deref(), Some(&b"Banana, ripe "[..]), "the next price brings it again");
    bench.dialogue.clear();
    bench.play(600, |bytes| scale.answer(bytes));
    scale.shown = None;
    bench.play(600, |bytes| scale.answer(bytes));
    assert_eq!(scale.shown, None);

    let mut bench = Bench::of("dialog-06");
    bench.dialogue.show("x");
    bench.play(
        600,
        |bytes| if bytes == b"\x04\x0208\x03" { b"\x0209\x1B13\x03".to_vec() } else { vec![0x15] },
    );
    assert!(
        bench.events.contains(&Event::Written(Kind::Text, Err(NotWritten::Refused("bad-text")))),
        "{:?}",
        bench.events
    );
}

/// What may be said to a scale that was not asked to change: everything else might be an order.
fn is_harmless(protocol: &str, bytes: &[u8]) -> bool {
    match protocol {
        "toledo-8217" => bytes == b"W",
        "nci-scp" => bytes == b"W\r",
        "mt-sics" | "radwag" => bytes == b"SI\r\n",
        "sma" => bytes == b"\nW\r",
        "ohaus" => bytes == b"IP\r\n",
        "cas-dc1" => matches!(bytes, b"\x05" | b"\x11"),
        // its own block back: never one that begins as an order does
        "berkel" => matches!(bytes, b"\x05" | b"\x11") || (bytes.len() == 9 && bytes[1] & 0x28 == 0x28),
        "prix" => bytes == b"\x05",
        "magellan" => bytes == b"S14\r",
        "adam" => matches!(bytes, b"G\r\n" | b"P\r\n"),
        "sbi" => bytes == b"\x1BP\r\n",
        "dialog-06" => matches!(bytes, b"\x04\x05" | b"\x04\x0208\x03" | b"\x04\x0201\x1B000001\x1B\x03"),
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever comes back (frames of the family, late, twice, halved, changed, and noise), only harmless bytes are
    /// sent, and not without a pause.
    #[test]
    fn only_harmless_bytes_are_sent_whatever_comes_back(
        which in any::<prop::sample::Index>(),
        answers in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..6, any::<u8>()), 40),
    ) {
        let family = *which.get(FAMILIES);
        let mut bench = Bench::of(family.name);
        let mut next = answers.iter().cycle();
        bench.play(4_000, |_| {
            let (sample, fate, byte) = next.next().unwrap();
            let mut bytes = sample.get(family.samples).to_vec();
            match fate {
                0 => bytes.clear(),
                1 => bytes.truncate(bytes.len() / 2),
                2 => bytes = bytes.repeat(2),
                3 => { let place = usize::from(*byte) % bytes.len(); bytes[place] = *byte; }
                4 => bytes = vec![*byte; 3],
                _ => {}
            }
            bytes
        });
        for bytes in &bench.sent {
            prop_assert!(is_harmless(family.name, bytes), "{}: {}", family.name, bytes.escape_ascii());
        }
        prop_assert!(bench.sent.len() < 2_000);
    }
}

#[test]
fn a_custom_scale_is_asked_as_the_settings_say() {
    use scalecam::scale::custom::{FAMILY, Rules, pattern};
    let rules = Rules {
        end: b"\r".to_vec(),
        pattern: pattern("(?<state>[SM])(?<weight>[0-9.]+)(?<unit>kg)").unwrap(),
        stable: vec![b"S".to_vec()],
        moving: vec![b"M".to_vec()],
        request: Some(b"?\r".to_vec()),
        poll: Duration::from_millis(100),
        ..Rules::default()
    };
    let terms = Terms { custom: Some(std::sync::Arc::new(rules)), ..Terms::default() };
    let dialogue = Dialogue::begin(&FAMILY, &Profile::default(), &terms, Duration::ZERO, at(0));
    let mut bench = Bench { dialogue, now: 0, sent: Vec::new(), events: Vec::new() };
    bench.play(1_000, |bytes| {
        assert_eq!(bytes, b"?\r");
        b"S1.235kg\r".to_vec()
    });
    assert!((9..=11).contains(&bench.weights().len()), "{:?}", bench.weights());
    bench.play(5_000, |_| Vec::new());
    assert_eq!(bench.silences(), 1);
}
