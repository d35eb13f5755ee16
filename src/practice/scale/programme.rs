//! What is put on a practice scale and when: a written script, or endless customers from a seed. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use super::chance::Chance;

/// One move of the customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// When, from the moment the programme began.
    pub at: Duration,
    /// What is done.
    pub act: Act,
}

/// What a customer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Puts an item down, in grams; below zero: lifts something off.
    Put(i32),
    /// Takes everything away.
    TakeAway,
}

/// How long endless customers take, as shortest and longest time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From putting an item down to taking it away.
    pub lies: (Duration, Duration),
    /// From taking it away to the next item.
    pub empty: (Duration, Duration),
}

impl Default for Pace {
    /// An unhurried self-checkout: an item lies for 3 to 5 s, the plate is empty for 1.5 to 3 s.
    fn default() -> Self {
        Self {
            lies: (Duration::from_secs(3), Duration::from_secs(5)),
            empty: (Duration::from_millis(1_500), Duration::from_secs(3)),
        }
    }
}

impl Pace {
    /// `times` as quick, for long runs.
    #[must_use]
    pub fn faster(self, times: u32) -> Self {
        let times = times.max(1);
        let quicker = |(short, long): (Duration, Duration)| (short / times, long / times);
        Self { lies: quicker(self.lies), empty: quicker(self.empty) }
    }
}

/// The items of endless customers, in grams: from a lemon to a melon.
const ITEM_GRAMS: (u64, u64) = (50, 2_500);

/// The moves of a practice run, in the order of time.
#[derive(Clone, Debug)]
pub struct Programme {
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    Script(VecDeque<Move>),
    Endless { pace: Pace, chance: Chance, at: Duration, lies: bool },
}

impl Programme {
    /// Exactly these moves. They are sorted by time.
    #[must_use]
    pub fn script(moves: impl IntoIterator<Item = Move>) -> Self {
        let mut moves: Vec<Move> = moves.into_iter().collect();
        moves.sort_by_key(|next| next.at);
        Self { source: Source::Script(moves.into()) }
    }

    /// The plate carries so many grams altogether from each of these milliseconds on.
    #[must_use]
    pub fn loads(steps: &[(u64, i32)]) -> Self {
        let mut before = 0;
        Self::script(steps.iter().map(|&(at_ms, grams)| {
            let more = grams - std::mem::replace(&mut before, grams);
            let act = if grams == 0 { Act::TakeAway } else { Act::Put(more) };
            Move { at: Duration::from_millis(at_ms), act }
        }))
    }

    /// Customers without end: a random item is put down, lies, is taken away, and the plate stays empty for
    /// a while. The same seed gives the same customers.
    #[must_use]
    pub const fn endless(seed: u64, pace: Pace) -> Self {
        Self { source: Source::Endless { pace, chance: Chance::new(seed), at: Duration::ZERO, lies: false } }
    }
}

impl Iterator for Programme {
    type Item = Move;

    fn next(&mut self) -> Option<Move> {
        match &mut self.source {
            Source::Script(moves) => moves.pop_front(),
            Source::Endless { pace, chance, at, lies } => {
                let (low, high) = if *lies { pace.lies } else { pace.empty };
                let (low, high) = (micros(low), micros(high));
                *at = at.saturating_add(Duration::from_micros(chance.between(low, high)));
                *lies = !*lies;
                let act = if *lies { Act::Put(item(chance)) } else { Act::TakeAway };
                Some(Move { at: *at, act })
            }
        }
    }
}

fn item(chance: &mut Chance) -> i32 {
    let (light, heavy) = ITEM_GRAMS;
    i32::try_from(chance.between(light, heavy)).unwrap_or(i32::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_script_of_loads_becomes_moves() {
        let moves: Vec<Move> =
            Programme::loads(&[(100, 500), (900, 800), (1_500, 200), (2_000, 0)]).collect();
        let acts: Vec<Act> = moves.iter().map(|next| next.act).collect();
        assert_eq!(acts, [Act::Put(500), Act::Put(300), Act::Put(-600), Act::TakeAway]);
        assert_eq!(moves[3].at, Duration::from_secs(2));
    }

    proptest! {
        #[test]
        fn customers_alternate_within_their_pace_and_repeat_with_their_seed(seed: u64) {
            let pace = Pace::default();
            let moves: Vec<Move> = Programme::endless(seed, pace).take(60).collect();
            prop_assert_eq!(&moves, &Programme::endless(seed, pace).take(60).collect::<Vec<_>>());
            let mut before = Duration::ZERO;
            for (index, next) in moves.iter().enumerate() {
                let waited = next.at.checked_sub(before).unwrap();
                before = next.at;
                let (low, high) = match next.act {
                    Act::Put(grams) => {
                        prop_assert_eq!(index % 2, 0);
                        prop_assert!((50..=2_500).contains(&grams));
                        pace.empty
                    }
                    Act::TakeAway => pace.lies,
                };
                prop_assert!(low <= waited && waited <= high, "waited {waited:?}");
            }
            let weights: std::collections::HashSet<_> = moves.iter().map(|next| format!("{:?}", next.act)).collect();
            prop_assert!(weights.len() > 20, "the items differ");
        }
    }
}
