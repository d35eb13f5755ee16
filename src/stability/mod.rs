//! Readings become settled weighings. Pure: readings and their moments come in, a [`Settled`] comes out.
//!
//! ```text
//! Empty ──load──▶ Loading ──at rest──▶ Settling ──held──▶ Fired ──zero for a while──▶ Empty
//!                    ▲                    │                 └──at rest elsewhere──▶ Settling
//!                    └──moved, garbled, out of range, silent──┘
//! ```
//!
//! The scale's own word on stability comes first, since it is computed at a finer resolution than it sends;
//! where it gives none the agent watches a window of its own. Everything is measured in time, never in
//! numbers of readings, because scales send between 2 and 50 a second.

mod learned;
mod load;
mod tared;

pub use load::{Load, Moved, Yardstick};

use std::time::Duration;

use crate::scale::Reading;
use crate::stamp::Stamp;
use crate::weight::{Division, Quantity, Weight};
use learned::Learned;

/// A placement is new when its weight is further from the last than this many divisions …
const REARM_DIVISIONS: u64 = 5;
/// … and than this part of the last weight.
const REARM_PERCENT: u64 = 2;
/// How long the plate must be empty before the same weight counts as a new placement.
const REARM_DWELL: Duration = Duration::from_millis(300);
/// A hold never spans a silence longer than this.
const MAX_GAP: Duration = Duration::from_millis(600);
/// No two weighings closer together than this.
const COOLDOWN: Duration = Duration::from_millis(500);
/// Without the scale's word, this many readings at least must agree.
const OWN_WINDOW_READINGS: u32 = 3;
/// The least load in divisions, where the settings give none.
const MIN_LOAD_DIVISIONS: u64 = 10;
/// The least load where the settings give none.
const MIN_LOAD: Weight = Weight::from_grams(20);

/// What a site may change about settling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The division; learned from the readings where the settings do not say.
    pub division: Option<Division>,
    /// The least load that is weighed; the larger of 20 g and ten divisions where the settings do not say.
    pub min_load: Option<Weight>,
    /// The hold on top of the scale's own word.
    pub settle: Duration,
    /// The window where the scale gives no word.
    pub settle_unflagged: Duration,
}

/// A weight that came to rest. Only [`Detector`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    quantity: Quantity,
    at: Stamp,
    since: Stamp,
}

impl Settled {
    /// What the scale showed.
    #[must_use]
    pub const fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// When the last byte of the frame that settled it arrived.
    #[must_use]
    pub const fn at(&self) -> Stamp {
        self.at
    }

    /// How long it took from the first sign of the load.
    #[must_use]
    pub const fn took(&self) -> Duration {
        self.at.since(self.since)
    }
}

/// Readings that rest together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hold {
    from: Stamp,
    low: Weight,
    high: Weight,
    readings: u32,
    flagged: bool,
}

impl Hold {
    fn begin(weight: Weight, flagged: bool, at: Stamp) -> Self {
        Self { from: at, low: weight, high: weight, readings: 1, flagged }
    }

    /// The hold with one more reading, or a new hold from that reading if it is more than a division off.
    fn with(self, weight: Weight, flagged: bool, at: Stamp, band: Division) -> Self {
        let (low, high) = (self.low.min(weight), self.high.max(weight));
        if low.apart(high) > band.micrograms() {
            return Self::begin(weight, flagged, at);
        }
        Self {
            low,
            high,
            readings: self.readings.saturating_add(1),
            flagged: self.flagged && flagged,
            ..self
        }
    }

    fn is_long_enough(self, at: Stamp, rules: &Rules) -> bool {
        let held = at.since(self.from);
        if self.flagged {
            held >= rules.settle
        } else {
            held >= rules.settle_unflagged && self.readings >= OWN_WINDOW_READINGS
        }
    }
}

/// Where a placement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placement {
    /// Nothing on the plate.
    Empty,
    /// Something moves on the plate.
    Loading { since: Stamp },
    /// A load at rest that has not been held for long enough.
    Settling { since: Stamp, hold: Hold },
    /// This placement was weighed.
    Fired {
        weight: Weight,
        /// Since when the load is not what was weighed.
        left: Option<Stamp>,
        /// Since when the plate is empty.
        zero: Option<Stamp>,
        /// Other goods at rest.
        elsewhere: Option<Hold>,
    },
}

/// The names of the states, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Nothing on the plate.
    Empty,
    /// Something moves on the plate.
    Loading,
    /// At rest, not yet held for long enough.
    Settling,
    /// Weighed; waiting for the goods to leave.
    Fired,
}

/// Finds the moments at which a weighing settles: exactly one for each placement.
#[derive(Clone, Debug)]
pub struct Detector {
    rules: Rules,
    placement: Placement,
    learned: Learned,
    /// The load that rests, for as long as nothing says that it does not.
    resting: Option<Load>,
    /// What the weighed goods may show from now on, since a tare was set for them: as much less, and the tare.
    tared: Option<(Weight, Weight)>,
    /// The next weight is told once and never again.
    once: bool,
    last_event: Option<Stamp>,
    last_fired: Option<Stamp>,
}

impl Detector {
    /// A detector for a plate nobody has looked at: an item that is on it already fires once.
    #[must_use]
    pub const fn new(rules: Rules) -> Self {
        Self {
            rules,
            placement: Placement::Empty,
            learned: Learned::NOTHING,
            resting: None,
            tared: None,
            once: false,
            last_event: None,
            last_fired: None,
        }
    }

    /// The same plate under other rules: what was weighed is not weighed again.
    #[must_use]
    pub fn under(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// The present state.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match self.placement {
            Placement::Empty => Phase::Empty,
            Placement::Loading { .. } => Phase::Loading,
            Placement::Settling { .. } => Phase::Settling,
            Placement::Fired { .. } => Phase::Fired,
        }
    }

    /// Since when the load has been moving or not held for long enough, if it has.
    #[must_use]
    pub const fn unsettled_since(&self) -> Option<Stamp> {
        match self.placement {
            Placement::Loading { since } | Placement::Settling { since, .. } => Some(since),
            Placement::Empty | Placement::Fired { .. } => None,
        }
    }

    /// The division in force: configured, or as small as the readings so far require.
    #[must_use]
    pub fn division(&self) -> Division {
        self.rules.division.unwrap_or_else(|| self.learned.division())
    }

    /// Takes a reading; says what it means, and whether with it a weighing settled.
    pub fn hear(&mut self, reading: &Reading, at: Stamp) -> (Load, Option<Settled>) {
        if let Some(quantity) = reading.quantity {
            self.learned.see(quantity);
        }
        let load = Load::of(reading, self.division());
        (load, self.take(load, at))
    }

    /// The scale says that the load is still the one it weighed last: it counts as read once more. Nothing if that
    /// weight was not heard here.
    pub fn unchanged(&mut self, at: Stamp) -> Option<(Load, Option<Settled>)> {
        let load = self.resting?;
        Some((load, self.take(load, at)))
    }

    /// Takes an event that is no reading, or a reading that was classified already.
    pub fn take(&mut self, load: Load, at: Stamp) -> Option<Settled> {
        if self.last_event.is_some_and(|last| at.since(last) > MAX_GAP) {
            self.placement = self.after(Load::Silent, at);
        }
        self.last_event = Some(at);
        self.resting = match load {
            Load::Resting { .. } => Some(load),
            // Neither says anything of the load.
            Load::Garbled | Load::Silent => self.resting,
            Load::AtZero | Load::Moving(_) | Load::Withheld | Load::Outside => None,
        };
        self.placement = self.after(load, at);
        self.fire(load, at)
    }

    /// The settled goods moved away before their picture was taken: the same weight may settle once more.
    pub fn undo(&mut self, at: Stamp) {
        if matches!(self.placement, Placement::Fired { .. }) {
            self.placement = Placement::Loading { since: at };
        }
    }

    /// The next weight is of other goods than the last, by the word of a scale that tells each load at rest once:
    /// there is nothing more to wait for.
    pub fn anew(&mut self, at: Stamp) {
        self.undo(at);
        self.once = true;
    }

    /// What later readings are held against when a weight was settled.
    #[must_use]
    pub fn yardstick(&self, settled: Weight) -> Yardstick {
        Yardstick { settled, band: self.division(), delta: self.rearm_delta(settled) }
    }

    fn min_load(&self) -> Weight {
        self.rules.min_load.unwrap_or_else(|| {
            let divisions = i64::try_from(self.division().times(MIN_LOAD_DIVISIONS)).unwrap_or(i64::MAX);
            MIN_LOAD.max(Weight::from_micrograms(divisions))
        })
    }

    fn rearm_delta(&self, last: Weight) -> u64 {
        let part = last.micrograms().unsigned_abs() / 100 * REARM_PERCENT;
        self.division().times(REARM_DIVISIONS).max(part)
    }

    /// The one table of moves: where a placement stands after an event.
    fn after(&self, load: Load, at: Stamp) -> Placement {
        use Placement::{Empty, Fired, Loading, Settling};
        let band = self.division();
        let min_load = self.min_load();
        match (self.placement, load) {
            (Empty, Load::AtZero | Load::Garbled | Load::Silent)
            | (Loading { .. } | Settling { .. }, Load::AtZero) => Empty,
            (Empty, Load::Moving(weight)) if weight <= min_load => Empty,
            (Empty, Load::Moving(_) | Load::Withheld | Load::Outside) => Loading { since: at },

            (Empty | Loading { .. } | Settling { .. }, Load::Resting { quantity, .. })
                if quantity.weight() <= min_load =>
            {
                Empty
            }
            (Empty, Load::Resting { quantity, flagged }) => {
                Settling { since: at, hold: Hold::begin(quantity.weight(), flagged, at) }
            }
            (Loading { since }, Load::Resting { quantity, flagged }) => {
                Settling { since, hold: Hold::begin(quantity.weight(), flagged, at) }
            }
            (Settling { since, hold }, Load::Resting { quantity, flagged }) => {
                Settling { since, hold: hold.with(quantity.weight(), flagged, at, band) }
            }
            // A hold never spans a movement, a broken line or a silence.
            (
                Loading { since } | Settling { since, .. },
                Load::Moving(_) | Load::Withheld | Load::Outside | Load::Garbled | Load::Silent,
            ) => Loading { since },

            (fired @ Fired { .. }, load) => self.after_fired(fired, load, at),
        }
    }

    fn after_fired(&self, fired: Placement, load: Load, at: Stamp) -> Placement {
        let Placement::Fired { weight, left, zero, elsewhere } = fired else { return fired };
        let weight = self.known_by(weight, load);
        let stay = |left, zero, elsewhere| Placement::Fired { weight, left, zero, elsewhere };
        match load {
            Load::AtZero => {
                let zero = zero.unwrap_or(at);
                if at.since(zero) >= REARM_DWELL {
                    Placement::Empty
                } else {
                    stay(left.or(Some(at)), Some(zero), None)
                }
            }
            Load::Resting { quantity, flagged } => {
                let now = quantity.weight();
                if weight.apart(now) <= self.rearm_delta(weight) {
                    return stay(None, None, None);
                }
                let hold = match elsewhere {
                    Some(hold) => hold.with(now, flagged, at, self.division()),
                    None => Hold::begin(now, flagged, at),
                };
                if now <= self.min_load() && hold.is_long_enough(at, &self.rules) {
                    return Placement::Empty;
                }
                stay(left.or(Some(at)), None, Some(hold))
            }
            Load::Moving(now) if weight.apart(now) <= self.rearm_delta(weight) => stay(left, None, None),
            Load::Moving(_) | Load::Withheld | Load::Outside => stay(left.or(Some(at)), None, None),
            // A broken frame is no sign of a load, so it does not interrupt an empty plate.
            Load::Garbled => stay(left, zero, None),
            Load::Silent => stay(left, None, None),
        }
    }

    /// Fires if the load rests, is heavy enough and was held for long enough.
    fn fire(&mut self, load: Load, at: Stamp) -> Option<Settled> {
        let Load::Resting { quantity, flagged } = load else { return None };
        let last_word = flagged && self.once;
        let (since, hold) = match self.placement {
            Placement::Settling { since, hold } => (since, hold),
            Placement::Fired { left, elsewhere: Some(hold), .. } => (left.unwrap_or(hold.from), hold),
            Placement::Empty | Placement::Loading { .. } | Placement::Fired { elsewhere: None, .. } => {
                return None;
            }
        };
        let cooling = self.last_fired.is_some_and(|last| at.since(last) < COOLDOWN);
        let long_enough = last_word || hold.is_long_enough(at, &self.rules);
        if cooling || quantity.weight() <= self.min_load() || !long_enough {
            return None;
        }
        (self.last_fired, self.once, self.tared) = (Some(at), false, None);
        self.placement =
            Placement::Fired { weight: quantity.weight(), left: None, zero: None, elsewhere: None };
        Some(Settled { quantity, at, since })
    }
}
