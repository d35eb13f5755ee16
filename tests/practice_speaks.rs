//! Every language of the practice scales against the agent's own decoders. The two were written apart from
//! each other, from the makers' documents, so that each checks the other.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use scalecam::practice::scale::{Cable, Character, Fault, Indication, Indicator, Language, Speaker};
use scalecam::scale::{Decoder, Family, Frame, Heard, Profile, Range, Reading, Stability};
use scalecam::stamp::Stamp;
use scalecam::weight::{Quantity, Unit, Weight};

/// What a till says to a scale of that language, over and over, and what it knows beforehand.
#[derive(Clone, Copy)]
struct Till {
    language: &'static str,
    division: (&'static str, Unit),
    asks: &'static [&'static [u8]],
    /// Says every whole frame back.
    echoes: bool,
}

const fn till(language: &'static str, asks: &'static [&'static [u8]]) -> Till {
    Till { language, division: ("0.005", Unit::Kilogram), asks, echoes: false }
}

const fn pounds(till: Till) -> Till {
    Till { division: ("0.01", Unit::Pound), ..till }
}

const PRICE: &[u8] = b"\x04\x0201\x1B000299\x1B\x03";

const TILLS: &[Till] = &[
    till("toledo-8217", &[b"W"]),
    pounds(till("toledo-8217/ps60", &[b"W"])),
    till("nci-scp", &[b"W\r"]),
    pounds(till("nci-scp", &[b"W\r"])),
    till("nci-scp/ecr", &[b"W\r"]),
    till("nci-scp/3835", &[b"W\r"]),
    till("dialog-06", &[PRICE, b"\x04\x05", b"\x04\x0208\x03"]),
    pounds(till("dialog-06", &[PRICE, b"\x04\x05", b"\x04\x0208\x03"])),
    till("mt-sics", &[b"SI\r\n"]),
    till("mt-sics", &[b"S\r\n"]),
    till("cas-dc1", &[b"\x05", b"\x11"]),
    pounds(till("cas-dc1/direct", &[b"\x11"])),
    till("st-gs", &[]),
    till("st-gs/tiger", &[]),
    till("st-gs/cas22", &[]),
    till("st-gs/cas10", &[]),
    till("st-gs/and", &[b"Q\r\n"]),
    till("st-gs/dini", &[b"READ\r\n"]),
    till("sma", &[b"\nW\r"]),
    till("toledo-continuous", &[]),
    pounds(till("toledo-continuous", &[])),
    till("toledo-continuous/plain", &[]),
    till("magellan", &[b"S14\r"]),
    pounds(till("magellan", &[b"S14\r"])),
    till("prix", &[b"\x05"]),
    till("prix/prt5", &[b"\x05"]),
    till("sbi", &[b"\x1BP\r\n"]),
    till("sbi/22", &[b"\x1BP\r\n"]),
    till("sbi/auto", &[]),
    Till { echoes: true, ..till("berkel", &[b"\x05", b"\x11"]) },
    Till { echoes: true, ..pounds(till("berkel", &[b"\x05", b"\x11"])) },
    till("radwag", &[b"SI\r\n"]),
    till("radwag", &[b"S\r\n"]),
    till("digi-ds425", &[]),
    till("adam", &[b"P\r\n"]),
    till("adam/cpwplus", &[b"G\r\n"]),
    till("rinstrum", &[]),
    till("ohaus", &[b"IP\r\n"]),
];

/// A practice scale and a decoder, with a clock between them.
struct Counter {
    till: &'static Till,
    scale: Indicator,
    speaker: Box<dyn Speaker>,
    decoder: Box<dyn Decoder>,
    cable: Cable,
    millis: u64,
    frames: Vec<(Frame, Indication)>,
}

impl Counter {
    fn set_up(till: &'static Till, faults: &[Fault], seed: u64) -> Self {
        let (division, unit) = till.division;
        let division = Quantity::parse(division.as_bytes(), unit).unwrap();
        let language = Language::named(till.language).unwrap();
        let family = Family::named(till.language.split('/').next().unwrap()).unwrap();
        // the settings of a site: unit and decimal places as the scale's display shows them
        let profile = Profile { unit: Some(unit), decimals: Some(division.decimals()), ..Profile::default() };
        Self {
            till,
            scale: Indicator::new(Stamp::from_millis(0), division, 15_000, &Character::default(), 4),
            speaker: (language.speaker)(),
            decoder: (family.decoder)(&profile),
            cable: Cable::new(Stamp::from_millis(0), faults.to_vec(), seed),
            millis: 0,
            frames: Vec::new(),
        }
    }

    /// The till hears what has come through the cable by now.
    fn read(&mut self) {
        let now = self.scale.indication();
        let heard = self.cable.due(self.scale.now());
        let mut whole: Vec<Frame> = heard.iter().filter_map(|byte| self.decoder.push(*byte)).collect();
        if self.cable.next().is_none() {
            whole.extend(self.decoder.silence());
        }
        for frame in whole {
            if self.till.echoes && matches!(frame.heard, Heard::Reading(_)) {
                self.say(&frame.raw);
            }
            self.frames.push((frame, now));
        }
    }

    /// The till says something.
    fn say(&mut self, bytes: &[u8]) {
        self.cable.heard(self.scale.now(), bytes);
        for &byte in bytes {
            let mut said = Vec::new();
            self.speaker.hear(byte, &mut self.scale, &mut said);
            self.cable.say(self.scale.now(), &said);
        }
    }

    /// Lets time pass; the till asks every tenth of a second.
    fn pass(&mut self, millis: u64) {
        for _ in 0..millis / 10 {
            self.millis += 10;
            self.scale.advance(Stamp::from_millis(self.millis));
            let mut said = Vec::new();
            self.speaker.tick(&mut self.scale, &mut said);
            self.cable.say(self.scale.now(), &said);
            self.read();
            if self.millis.is_multiple_of(100) {
                for ask in self.till.asks {
                    self.say(ask);
                    self.read();
                }
            }
        }
    }

    /// The readings since this was last asked, each with what the display showed.
    fn readings(&mut self) -> Vec<(Reading, Indication)> {
        let name = self.till.language;
        let frames = std::mem::take(&mut self.frames);
        let readings = frames.into_iter().filter_map(|(frame, now)| match frame.heard {
            Heard::Reading(reading) => Some((reading, now)),
            Heard::Answer(_) => None,
            Heard::Garbled(why) => panic!("{name}: {why}: {}", frame.raw.escape_ascii()),
        });
        readings.collect()
    }
}

/// Whether the scale says that the load rests, or says nothing of it while it does.
fn is_trusted(reading: &Reading, now: Indication) -> bool {
    reading.stability == Stability::Stable || (reading.stability == Stability::Unknown && now.stable)
}

/// What must hold of every reading, whatever the load does.
fn no_reading_lies(name: &str, readings: &[(Reading, Indication)]) {
    for (reading, now) in readings {
        if let Some(weight) = reading.weight() {
            // below zero some languages have nothing but the minus
            let told = now.range == Range::In || (now.range == Range::Under && weight < Weight::ZERO);
            assert!(told, "{name}: a weight outside the range: {reading:?}");
            assert_eq!(weight, now.shown.weight(), "{name}: another weight than the display's: {now:?}");
        }
        match reading.stability {
            Stability::Stable => assert!(now.stable, "{name}: {reading:?} while it moves"),
            Stability::Moving => assert!(!now.stable, "{name}: {reading:?} at rest"),
            Stability::Unknown => {}
        }
        if reading.zero == Some(true) {
            assert_eq!(now.shown.digits(), 0, "{name}: {reading:?}");
        }
        // without a weight it steers nothing, and makers use that bit differently
        if let (Some(net), Some(_)) = (reading.net, reading.weight()) {
            assert_eq!(net, now.net, "{name}: {reading:?}");
        }
    }
}

#[test]
fn every_language_is_understood() {
    for till in TILLS {
        let name = till.language;
        let mut counter = Counter::set_up(till, &[], 4);
        counter.pass(2_000);
        no_reading_lies(name, &counter.readings());

        counter.scale.put(Stamp::from_millis(counter.millis), 1_235);
        counter.pass(4_000);
        let readings = counter.readings();
        no_reading_lies(name, &readings);
        let truth = counter.scale.indication().shown.weight();
        let settled = readings
            .iter()
            .find(|(reading, now)| is_trusted(reading, *now) && reading.weight() == Some(truth));
        assert!(settled.is_some(), "{name}: the settled weight never came: {readings:?}");

        counter.scale.put(Stamp::from_millis(counter.millis), 20_000);
        counter.pass(3_000);
        no_reading_lies(name, &counter.readings());
        counter.scale.take_away(Stamp::from_millis(counter.millis));
        counter.pass(3_000);
        no_reading_lies(name, &counter.readings());
        counter.scale.put(Stamp::from_millis(counter.millis), -500);
        counter.pass(3_000);
        no_reading_lies(name, &counter.readings());
    }
}

/// Noise, pieces, struck bytes, cut frames and echoes may cost readings, never bring a wrong one.
#[test]
fn a_bad_cable_never_brings_a_wrong_weight() {
    for till in TILLS {
        // a till that says frames back would take its own echo for the next frame, for ever
        let echo = if till.echoes { Fault::Pieces } else { Fault::Echo };
        let faults = [Fault::Garbage, Fault::Pieces, Fault::Parity, Fault::Cut, echo];
        let right: usize = (1..=4).map(|seed| right_weights(Counter::set_up(till, &faults, seed))).sum();
        assert!(right > 0, "{}: no weight came through at all", till.language);
    }
}

/// How many weights came through while three loads lay at rest, all of them right.
fn right_weights(mut counter: Counter) -> usize {
    let mut right = 0;
    for grams in [1_235, 0, 740] {
        counter.scale.take_away(Stamp::from_millis(counter.millis));
        counter.scale.put(Stamp::from_millis(counter.millis), grams);
        // what was said before and is still on its way in pieces
        counter.pass(200);
        counter.frames.clear();
        counter.pass(5_000);
        let truth = counter.scale.indication().shown.weight();
        for (frame, now) in counter.frames.drain(..) {
            let Heard::Reading(reading) = frame.heard else { continue };
            if let (Some(weight), true) = (reading.weight(), is_trusted(&reading, now)) {
                let name = counter.till.language;
                assert_eq!(weight, truth, "{name}: {}", frame.raw.escape_ascii());
                right += 1;
            }
        }
    }
    right
}

#[test]
fn every_serial_family_can_be_practised() {
    for family in scalecam::scale::FAMILIES {
        // hid-pos speaks USB reports, which a terminal cannot carry
        let practised = Language::named(family.name).is_some();
        assert_eq!(practised, family.name != "hid-pos", "{}", family.name);
    }
    for language in Language::all() {
        let alike = TILLS.iter().any(|till| till.language == language.name);
        let special =
            ["dialog-06/challenge", "digi-ds425/17", "digi-ds425/19-stability", "digi-ds425/19-headers"];
        assert!(alike || special.contains(&language.name), "{} is not tried here", language.name);
    }
}
