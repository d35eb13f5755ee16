//! A plate on a spring with a damper: what is put down swings into rest. Pure: time comes in as an argument.
//!
//! Floating point is right here: this is the world that a scale measures, not a weight on its way to a
//! request. What leaves the practice scale is a whole number of divisions.

use std::time::Duration;

use crate::stamp::Stamp;

/// How the plate swings and how the scale judges that it rests.
#[derive(Clone, Debug, PartialEq)]
pub struct Character {
    /// After this time a swing has died down to a thousandth of the step that began it.
    pub settling: Duration,
    /// The damping ratio: towards 0 it rings for long, towards 1 it hardly overshoots. Kept within
    /// 0.05 to 0.95.
    pub damping: f64,
    /// Whether the shown value flickers by a division to either side, as on a shaky counter.
    pub jitter: bool,
    /// The load rests while the shown value spans no more than this many divisions …
    pub rest_divisions: u32,
    /// … over this time.
    pub rest_for: Duration,
    /// From one measurement to the next; at least a millisecond.
    pub conversion: Duration,
}

impl Default for Character {
    /// A counter scale: settled after half a second (a counter scale is given 1.5 s, service manual of the
    /// 6712), at rest when within ±1 d (Rice Lake 120 Plus, factory setting) for 500 ms (CAS AP-1),
    /// measuring 50 times a second.
    fn default() -> Self {
        Self {
            settling: Duration::from_millis(500),
            damping: 0.3,
            jitter: false,
            rest_divisions: 2,
            rest_for: Duration::from_millis(500),
            conversion: Duration::from_millis(20),
        }
    }
}

impl Character {
    /// The same scale in fast motion: `times` as quick in everything, for long runs.
    #[must_use]
    pub fn faster(mut self, times: u32) -> Self {
        let times = times.max(1);
        self.settling /= times;
        self.rest_for /= times;
        self.conversion = (self.conversion / times).max(Duration::from_millis(1));
        self
    }
}

/// The natural logarithm of a thousand: how many time constants a swing takes to a thousandth.
const TO_A_THOUSANDTH: f64 = 6.907_755;

/// The plate: its position in grams as a closed-form function of time, so that no step size matters.
#[derive(Clone, Debug)]
pub struct Plate {
    at: Stamp,
    load: f64,
    /// How far the plate stands from where the load will bring it.
    apart: f64,
    /// Grams a second.
    speed: f64,
    decay: f64,
    swing: f64,
}

impl Plate {
    /// An empty plate at rest.
    #[must_use]
    pub fn empty(at: Stamp, character: &Character) -> Self {
        let decay = TO_A_THOUSANDTH / character.settling.as_secs_f64().max(0.001);
        let damping = character.damping.clamp(0.05, 0.95);
        let swing = decay / damping * (1.0 - damping * damping).sqrt();
        Self { at, load: 0.0, apart: 0.0, speed: 0.0, decay, swing }
    }

    /// Lets time pass; an earlier moment changes nothing.
    pub fn advance(&mut self, to: Stamp) {
        let passed = to.since(self.at).as_secs_f64();
        if passed <= 0.0 {
            return;
        }
        let fade = (-self.decay * passed).exp();
        let (sine, cosine) = (self.swing * passed).sin_cos();
        let pull = (self.speed + self.decay * self.apart) / self.swing;
        let apart = fade * (self.apart * cosine + pull * sine);
        self.speed = fade * (self.swing * (pull * cosine - self.apart * sine)) - self.decay * apart;
        self.apart = apart;
        self.at = to;
    }

    /// From now on the plate carries `grams` altogether.
    pub fn carry(&mut self, at: Stamp, grams: f64) {
        self.advance(at);
        self.apart += self.load - grams;
        self.load = grams;
    }

    /// Where the plate stands, in grams.
    #[must_use]
    pub fn grams(&self) -> f64 {
        self.load + self.apart
    }

    /// What lies on it, in grams.
    #[must_use]
    pub const fn load(&self) -> f64 {
        self.load
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn positions(character: &Character, grams: f64, millis: std::ops::Range<u64>) -> Vec<f64> {
        let mut plate = Plate::empty(Stamp::from_millis(0), character);
        plate.carry(Stamp::from_millis(0), grams);
        millis
            .map(|at| {
                plate.advance(Stamp::from_millis(at));
                plate.grams()
            })
            .collect()
    }

    #[test]
    fn a_load_overshoots_and_comes_to_rest_on_time() {
        let swinging = positions(&Character::default(), 1_000.0, 0..2_000);
        let highest = swinging.iter().copied().fold(0.0, f64::max);
        assert!((1_250.0..1_450.0).contains(&highest), "the highest point was {highest} g");
        assert!(swinging[0].abs() < 1e-9, "it starts where the plate stood");
        assert!(swinging[60..].iter().any(|grams| *grams < 990.0), "it swings back below the load");
        for grams in &swinging[520..] {
            assert!((grams - 1_000.0).abs() < 1.1, "{grams} g after the settling time");
        }
    }

    #[test]
    fn more_damping_overshoots_less_and_a_slow_scale_swings_longer() {
        let highest =
            |character: &Character| positions(character, 500.0, 0..2_000).into_iter().fold(0.0, f64::max);
        let soft = Character { damping: 0.15, ..Character::default() };
        let stiff = Character { damping: 0.8, ..Character::default() };
        assert!(highest(&soft) > highest(&Character::default()));
        assert!(highest(&stiff) < highest(&Character::default()));
        let slow = Character { settling: Duration::from_millis(800), ..Character::default() };
        let late = positions(&slow, 2_500.0, 480..560);
        assert!(late.iter().any(|grams| (grams - 2_500.0).abs() > 5.0), "still swinging at half a second");
    }

    proptest! {
        #[test]
        fn how_often_one_looks_does_not_matter(
            grams in -200.0..15_000.0_f64,
            looks in proptest::collection::vec(0_u64..1_500, 0..40),
            end in 1_500_u64..2_000,
        ) {
            let mut looks = looks;
            looks.sort_unstable();
            let mut watched = Plate::empty(Stamp::from_millis(0), &Character::default());
            watched.carry(Stamp::from_millis(0), grams);
            let mut alone = watched.clone();
            for at in looks {
                watched.advance(Stamp::from_millis(at));
            }
            watched.advance(Stamp::from_millis(end));
            alone.advance(Stamp::from_millis(end));
            prop_assert!((watched.grams() - alone.grams()).abs() < 1e-6);
        }

        #[test]
        fn every_load_ends_at_rest_on_its_weight(
            steps in proptest::collection::vec((0_u64..400, 0.0..15_000.0_f64), 1..8),
            settling in 100_u64..900,
            damping in 0.05..0.95_f64,
        ) {
            let character = Character { settling: Duration::from_millis(settling), damping, ..Character::default() };
            let mut plate = Plate::empty(Stamp::from_millis(0), &character);
            let mut at = 0;
            for (wait, grams) in &steps {
                at += wait;
                plate.carry(Stamp::from_millis(at), *grams);
            }
            plate.advance(Stamp::from_millis(at + 3 * settling));
            prop_assert!((plate.grams() - steps[steps.len() - 1].1).abs() < 0.5);
        }
    }
}
