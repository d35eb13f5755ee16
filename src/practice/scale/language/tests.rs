use super::*;
use crate::practice::scale::event::What;
use crate::practice::scale::physics::Character;
use crate::stamp::Stamp;
use crate::weight::Unit;

/// A scale and its speaker on the bench, with a clock that moves when told.
struct Bench {
    scale: Indicator,
    speaker: Box<dyn Speaker>,
    millis: u64,
}

impl Bench {
    fn with(name: &str, division: &str, unit: Unit) -> Self {
        let division = Quantity::parse(division.as_bytes(), unit).unwrap();
        let scale = Indicator::new(Stamp::from_millis(0), division, 15_000, &Character::default(), 5);
        let language = Language::named(name).unwrap();
        assert!((language.fits.takes)(division), "{name} cannot say {division}");
        let speaker = (language.speaker)();
        let mut bench = Self { scale, speaker, millis: 0 };
        bench.pass(1_000);
        bench
    }

    fn of(name: &str) -> Self {
        Self::with(name, "0.005", Unit::Kilogram)
    }

    /// Lets time pass and hears what is said by itself.
    fn pass(&mut self, millis: u64) -> Vec<u8> {
        let mut said = Vec::new();
        for _ in 0..millis / 5 {
            self.millis += 5;
            self.scale.advance(Stamp::from_millis(self.millis));
            if self.scale.powered() {
                self.speaker.tick(&mut self.scale, &mut said);
            }
        }
        said
    }

    /// What is said to these bytes at once.
    fn ask(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut said = Vec::new();
        for &byte in bytes {
            if self.scale.powered() {
                self.speaker.hear(byte, &mut self.scale, &mut said);
            }
        }
        said
    }

    /// Puts an item down and waits until it rests; what is said meanwhile is lost.
    fn weigh(&mut self, grams: i32) {
        self.put(grams);
        self.pass(2_000);
        assert!(self.scale.indication().stable);
    }

    /// Puts an item down, a twentieth of a second ago.
    fn put(&mut self, grams: i32) {
        self.scale.put(Stamp::from_millis(self.millis), grams);
        self.pass(50);
    }

    fn take_away(&mut self) {
        self.scale.take_away(Stamp::from_millis(self.millis));
        self.pass(2_000);
    }
}

/// Bytes as people read them.
fn said(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[test]
fn every_language_has_its_own_name_and_the_family_comes_first() {
    let names: Vec<_> = Language::all().map(|language| language.name).collect();
    let different: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!(different.len(), names.len());
    for family in LANGUAGES {
        assert!(!family[0].name.contains('/'));
        for variant in &family[1..] {
            assert!(variant.name.starts_with(&format!("{}/", family[0].name)));
        }
    }
    assert!(Language::named("morse").is_none());
}

#[test]
fn nobody_is_upset_by_noise_and_nobody_keeps_more_than_a_line() {
    let mut chance = crate::practice::scale::chance::Chance::new(9);
    for language in Language::all() {
        let mut bench = Bench::of(language.name);
        let noise: Vec<u8> = (0..20_000).map(|_| chance.byte()).collect();
        let answers = bench.ask(&noise).len() + bench.pass(1_000).len();
        assert!(answers < 60 * noise.len(), "{} answers {answers} bytes", language.name);
        let mut bench = Bench::of(language.name);
        let endless = bench.ask(&vec![b'1'; 20_000]).len();
        assert!(endless < 100, "{} answers {endless} bytes to a line that never ends", language.name);
    }
}

mod adam;
mod berkel;
mod cas_dc1;
mod dialog_06;
mod digi_ds425;
mod magellan;
mod mt_sics;
mod nci_scp;
mod ohaus;
mod prix;
mod radwag;
mod rinstrum;
mod sbi;
mod sma;
mod st_gs;
mod toledo_8217;
mod toledo_continuous;
