//! What is written to scales: the bytes that makers' documents show, and the practice scales that take them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::too_many_lines,
    missing_docs
)]

use std::time::Duration;

use scalecam::practice::scale::{Character, Indicator, Language, What};
use scalecam::scale::dialogue::{Dialogue, Event, Step};
use scalecam::scale::{Checksums, FAMILIES, Family, Kind, NotWritten, Profile, Talk, Task, Terms};
use scalecam::stamp::Stamp;
use scalecam::weight::{Quantity, Unit, Weight};

fn at(ms: u64) -> Stamp {
    Stamp::from_millis(ms)
}

/// A host and a practice scale on a perfect cable.
struct Counter {
    dialogue: Dialogue,
    scale: Indicator,
    speaker: Box<dyn scalecam::practice::scale::Speaker>,
    now: u64,
    sent: Vec<Vec<u8>>,
    happened: Vec<What>,
    events: Vec<Event>,
}

impl Counter {
    fn of(
        language: &str,
        family: &str,
        variant: Option<&str>,
        division: (&str, Unit),
        terms: &Terms,
    ) -> Self {
        let family = Family::named(family).unwrap();
        let division = Quantity::parse(division.0.as_bytes(), division.1).unwrap();
        let model = variant.map(|name| family.model(name).unwrap());
        let profile = Profile { model, ..Profile::default() };
        Self {
            dialogue: Dialogue::begin(family, &profile, terms, Duration::ZERO, at(0)),
            scale: Indicator::new(at(0), division, 15_000, &Character::default(), 4),
            speaker: (Language::named(language).unwrap().speaker)(),
            now: 0,
            sent: Vec::new(),
            happened: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Lets time pass in steps of 5 ms; what either side says arrives with the next step.
    fn play(&mut self, ms: u64) {
        let end = self.now + ms;
        let mut to_scale: Vec<u8> = Vec::new();
        while self.now < end {
            self.now += 5;
            self.scale.advance(at(self.now));
            let mut said = Vec::new();
            for byte in to_scale.drain(..) {
                self.speaker.hear(byte, &mut self.scale, &mut said);
            }
            self.speaker.tick(&mut self.scale, &mut said);
            self.happened.extend(self.scale.happened());
            for byte in said {
                self.events.extend(self.dialogue.hear(byte, at(self.now)));
            }
            loop {
                match self.dialogue.step(at(self.now)) {
                    Step::Send(bytes) => {
                        to_scale.extend(&bytes);
                        self.sent.push(bytes);
                    }
                    Step::Tell(event) => self.events.push(event),
                    Step::ListenUntil(_) => break,
                }
            }
        }
    }

    fn verdicts(&self, kind: Kind) -> Vec<Result<(), NotWritten>> {
        let verdict = |event: &Event| match event {
            Event::Written(of, verdict) if *of == kind => Some(verdict.clone()),
            _ => None,
        };
        self.events.iter().filter_map(verdict).collect()
    }

    fn write(&mut self, task: Task) {
        assert_eq!(self.dialogue.order(task), None);
        self.play(3_000);
    }
}

const KG: (&str, Unit) = ("0.005", Unit::Kilogram);

/// Language, family, variant, what can be written.
const SCALES: &[(&str, &str, Option<&str>, &[Kind])] = &[
    ("toledo-8217", "toledo-8217", None, &[Kind::Tare]),
    ("toledo-8217/ps60", "toledo-8217", Some("ps60"), &[Kind::Tare]),
    ("dialog-06", "dialog-06", None, &[Kind::Text, Kind::Price, Kind::Tare]),
    ("dialog-06", "dialog-06", Some("dibal"), &[Kind::Text, Kind::Price, Kind::Tare]),
    ("dialog-06", "dialog-06", Some("02"), &[Kind::Text, Kind::Price, Kind::Tare]),
    ("mt-sics", "mt-sics", None, &[Kind::Text, Kind::Tare]),
    ("st-gs/and", "st-gs", Some("and"), &[Kind::Tare]),
    ("st-gs/dini", "st-gs", Some("dini"), &[Kind::Text, Kind::Beep]),
    ("magellan", "magellan", None, &[Kind::Beep]),
    ("prix/prt5", "prix", Some("prt5"), &[Kind::Price]),
    ("sbi", "sbi", None, &[Kind::Beep]),
    ("radwag", "radwag", None, &[Kind::Tare, Kind::Beep]),
    ("ohaus", "ohaus", None, &[Kind::Tare]),
];

#[test]
fn every_scale_takes_what_its_family_says_and_goes_on_weighing() {
    for &(language, family, variant, kinds) in SCALES {
        let name = format!("{language} as {variant:?}");
        let mut counter = Counter::of(language, family, variant, KG, &Terms::default());
        counter.scale.put(at(0), 500);
        counter.play(6_000);
        for &kind in kinds {
            let (task, is) = match kind {
                Kind::Text => (Task::Show("Banana".to_owned()), What::Text { text: "Banana".to_owned() }),
                Kind::Price => (Task::Price(299), What::Price { minor: 299 }),
                Kind::Tare => (Task::Tare(Weight::from_grams(20)), What::Tared { tare: "0.020".to_owned() }),
                Kind::Beep => (Task::Beep, What::Beep),
            };
            counter.happened.clear();
            counter.write(task);
            assert_eq!(counter.verdicts(kind), [Ok(())], "{name} {kind}: {:?}", counter.events);
            assert!(counter.happened.contains(&is), "{name} {kind}: {:?}", counter.happened);
        }
        let heard = counter.events.len();
        counter.scale.put(at(counter.now), 300);
        counter.play(4_000);
        let shown = if kinds.contains(&Kind::Tare) { "0.780" } else { "0.800" };
        let read = counter.events[heard..].iter().any(|event| match event {
            Event::Frame(frame, _) => match &frame.heard {
                scalecam::scale::Heard::Reading(reading) => {
                    reading.quantity.is_some_and(|quantity| quantity.to_string() == shown)
                }
                _ => false,
            },
            _ => false,
        });
        assert!(read, "{name}: {shown} was not read after the orders");
        let taring = counter.events.iter().filter(|event| matches!(event, Event::Taring(..))).count();
        assert_eq!(taring, usize::from(kinds.contains(&Kind::Tare)), "{name}");
    }
}

#[test]
fn the_list_above_is_the_whole_truth() {
    for family in FAMILIES {
        for kind in [Kind::Text, Kind::Price, Kind::Tare, Kind::Beep] {
            let variants = std::iter::once(None).chain(family.models.iter().map(Some));
            for model in variants {
                let can = family.writes_of(model).of(kind).is_some();
                let listed =
                    SCALES.iter().any(|(_, name, _, kinds)| *name == family.name && kinds.contains(&kind));
                assert!(
                    !can || listed,
                    "{} {:?} {kind} is not tried here",
                    family.name,
                    model.map(|m| m.name)
                );
            }
        }
    }
}

#[test]
fn a_tare_is_taken_back_and_a_price_too() {
    for (language, family, variant) in [
        ("toledo-8217", "toledo-8217", None),
        ("mt-sics", "mt-sics", None),
        ("radwag", "radwag", None),
        ("ohaus", "ohaus", None),
        ("st-gs/and", "st-gs", Some("and")),
    ] {
        let mut counter = Counter::of(language, family, variant, KG, &Terms::default());
        counter.scale.put(at(0), 500);
        counter.play(6_000);
        counter.write(Task::Tare(Weight::from_grams(20)));
        assert!(counter.scale.indication().net, "{language}");
        counter.write(Task::Tare(Weight::ZERO));
        assert!(!counter.scale.indication().net, "{language}");
        assert_eq!(counter.verdicts(Kind::Tare).len(), 1, "nobody waits for what is taken back");
    }
    let mut dialog = Counter::of("dialog-06", "dialog-06", None, KG, &Terms::default());
    dialog.play(1_000);
    dialog.write(Task::Price(299));
    dialog.write(Task::Price(0));
    let prices: Vec<_> = dialog.happened.iter().filter(|what| matches!(what, What::Price { .. })).collect();
    assert!(prices.contains(&&What::Price { minor: 299 }));
    assert_eq!(prices.last(), Some(&&What::Price { minor: 1 }));
}

#[test]
fn a_tare_that_the_scale_has_no_words_for_is_not_sent() {
    let mut counter = Counter::of("mt-sics", "mt-sics", None, KG, &Terms::default());
    counter.play(2_000);
    counter.write(Task::Tare(Weight::from_micrograms(20_500_000)));
    assert_eq!(
        counter.verdicts(Kind::Tare),
        [Err(NotWritten::NoWords)],
        "half a gram on a scale of whole grams"
    );
    assert!(counter.sent.iter().all(|bytes| !bytes.starts_with(b"TA")));
    let mut refused = Counter::of("mt-sics", "mt-sics", None, KG, &Terms::default());
    refused.play(2_000);
    refused.write(Task::Tare(Weight::from_grams(22)));
    assert_eq!(
        refused.verdicts(Kind::Tare),
        [Err(NotWritten::Refused("bad-parameter"))],
        "not whole divisions"
    );
}

#[test]
fn pounds_are_sent_in_pounds() {
    let mut counter =
        Counter::of("toledo-8217", "toledo-8217", None, ("0.01", Unit::Pound), &Terms::default());
    counter.scale.put(at(0), 500);
    counter.play(4_000);
    counter.write(Task::Tare(Weight::from_grams(100)));
    assert!(counter.sent.contains(&b"T00022".to_vec()), "100 g are 0.22 lb: {:?}", counter.sent.last());
    assert_eq!(counter.scale.indication().tare.to_string(), "0.22");
}

/// The bytes from makers' documents that a host sends: each as the agent's own conversation or order makes it, or, for
/// what is never sent, as the practice scale of the family understands it.
#[test]
fn what_hosts_send_is_sent_and_understood() {
    let mut tried = 0;
    let mut asks = |family: &str, variant: Option<&str>, bytes: &[u8]| {
        tried += 1;
        let language = match variant {
            Some("cpwplus") => format!("{family}/cpwplus"),
            _ => family.to_owned(),
        };
        let mut counter = Counter::of(&language, family, None, KG, &Terms::default());
        counter.scale.put(at(0), 500);
        counter.play(4_000);
        assert!(
            counter.sent.iter().any(|sent| sent == bytes),
            "{family}: {} is never sent",
            bytes.escape_ascii()
        );
    };
    asks("toledo-8217", None, b"W");
    asks("nci-scp", None, b"W\r");
    asks("dialog-06", None, b"\x04\x05");
    asks("dialog-06", None, b"\x04\x0208\x03");
    asks("mt-sics", None, b"SI\r\n");
    asks("cas-dc1", None, b"\x05");
    asks("cas-dc1", None, b"\x11");
    asks("sma", None, b"\nW\r");
    asks("magellan", None, b"S14\r");
    asks("prix", None, b"\x05");
    asks("sbi", None, b"\x1BP\r\n");
    asks("radwag", None, b"SI\r\n");
    asks("berkel", None, b"\x05");
    asks("berkel", None, b"\x11");
    asks("adam", None, b"P\r\n");
    asks("adam", Some("cpwplus"), b"G\r\n");
    asks("ohaus", None, b"IP\r\n");

    let mut orders = |family: &str, variant: Option<&str>, tasks: &[Task], bytes: &[u8]| {
        tried += 1;
        let language = if family == "prix" { "prix/prt5" } else { family };
        let mut counter = Counter::of(language, family, variant, KG, &Terms::default());
        counter.scale.put(at(0), 500);
        counter.play(2_000);
        for task in tasks {
            counter.write(task.clone());
        }
        assert!(counter.sent.iter().any(|sent| sent == bytes), "{family}: {}", bytes.escape_ascii());
    };
    let (price, tare) = (Task::Price(299), Task::Tare(Weight::from_grams(20)));
    let text = Task::Show("BANANAS".to_owned());
    orders("dialog-06", None, std::slice::from_ref(&price), b"\x04\x0201\x1B000299\x1B\x03");
    orders("dialog-06", None, &[price.clone(), tare.clone()], b"\x04\x0203\x1B000299\x1B0020\x03");
    orders(
        "dialog-06",
        None,
        &[price.clone(), tare, text],
        b"\x04\x0205\x1B000299\x1B0020\x1BBANANAS      \x03",
    );
    orders("prix", Some("prt5"), &[price], b"\x02000299\x03");

    let mut and = Counter::of("st-gs/and", "st-gs", Some("and"), KG, &Terms::default());
    and.play(4_000);
    assert!(and.sent.iter().any(|sent| sent == b"Q\r\n"));
    let terms = Terms { checksums: Some(Checksums::parse("4711 F336").unwrap()), ..Terms::default() };
    let mut challenge = Dialogue::begin(
        Family::named("dialog-06").unwrap(),
        &Profile::default(),
        &terms,
        Duration::ZERO,
        at(0),
    );
    assert!(matches!(challenge.step(at(0)), Step::Send(_)));
    for byte in b"\x0211\x1B247\x03" {
        challenge.hear(*byte, at(5));
    }
    let answer =
        std::iter::from_fn(|| Some(challenge.step(at(6)))).find(|step| matches!(step, Step::Send(_)));
    assert_eq!(answer, Some(Step::Send(b"\x04\x0210\x1B71146DE6\x03".to_vec())));
    tried += 2;

    // What would block, change the scale or is only for a scale that prints by itself: never sent, and known.
    for (language, bytes, answered) in [
        ("mt-sics", &b"S\r\n"[..], true),
        ("magellan", b"S11\r", true),
        ("ohaus", b"SLZP\r\n", true),
        ("berkel", b"\x02Z\0\0\0\0\0\x03\x5A", false),
        ("berkel", b"\x02N\0\0\0\0\0\x03\x4E", false),
    ] {
        tried += 1;
        let division = Quantity::parse(b"0.005", Unit::Kilogram).unwrap();
        let mut scale = Indicator::new(at(0), division, 15_000, &Character::default(), 4);
        let mut speaker = (Language::named(language).unwrap().speaker)();
        scale.advance(at(3_000));
        if language == "berkel" {
            scale.put(at(3_000), 100);
            scale.advance(at(6_000));
        }
        scale.happened();
        let mut said = Vec::new();
        for byte in bytes {
            speaker.hear(*byte, &mut scale, &mut said);
        }
        scale.advance(at(7_000));
        speaker.tick(&mut scale, &mut said);
        let changed = scale.happened().iter().any(|what| matches!(what, What::Zeroed | What::Tared { .. }));
        assert_eq!(
            (!said.is_empty() && !changed, changed),
            (answered, !answered),
            "{language} {}",
            bytes.escape_ascii()
        );
    }
    assert_eq!(tried, 28);
}

#[test]
fn the_silent_prt5_and_the_others_are_told_apart_by_the_profile() {
    for (variant, empties) in
        [(None, true), (Some("prt5"), true), (Some("prt3"), false), (Some("filizola"), false)]
    {
        let mut counter = Counter::of("prix/prt5", "prix", variant, KG, &Terms::default());
        counter.scale.put(at(0), 500);
        counter.play(3_000);
        counter.scale.take_away(at(counter.now));
        counter.play(4_000);
        let empty = counter.events.iter().any(|event| matches!(event, Event::Empty(_)));
        assert_eq!(empty, empties, "{variant:?}");
    }
}

#[test]
fn a_scale_that_streams_is_never_asked_and_one_that_does_not_is() {
    for (language, variant, asked) in
        [("st-gs/and", "and", true), ("st-gs/dini", "dini", true), ("st-gs", "and-18", false)]
    {
        let mut counter = Counter::of(language, "st-gs", Some(variant), KG, &Terms::default());
        counter.play(6_000);
        assert_eq!(!counter.sent.is_empty(), asked, "{language}: {:?}", counter.sent);
    }
    // the line of another maker: the stream is heard, refused and said, and nothing is sent into it
    let family = Family::named("st-gs").unwrap();
    assert!(matches!(family.talk_of(family.model("and")), Talk::Converse { .. }));
    let mut counter = Counter::of("st-gs", "st-gs", Some("tiger-18"), KG, &Terms::default());
    counter.play(3_000);
    let readings = counter.events.iter().filter(|event| {
        matches!(event, Event::Frame(frame, _) if matches!(frame.heard, scalecam::scale::Heard::Reading(_)))
    });
    assert_eq!(readings.count(), 0);
}
