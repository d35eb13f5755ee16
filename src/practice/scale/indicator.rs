//! The weighing indicator: measures the plate, rounds to divisions, judges rest, keeps zero, tare and the
//! text on the display. Pure: time comes in as an argument, what happened is handed out as events.

mod indication;

use std::collections::VecDeque;
use std::time::Duration;

use super::chance::Chance;
use super::event::What;
use super::physics::{Character, Plate};
use crate::scale::Range;
use crate::stamp::Stamp;
use crate::weight::{Quantity, Weight};
pub use indication::{Indication, Refused, Rest};

/// Above capacity by more than this a scale shows no number (OIML R 76-1, limits of indication: Max + 9 e).
const DIVISIONS_ABOVE_CAPACITY: i64 = 9;
/// Further below zero than this the practice scale shows no number, as many counter scales do.
const DIVISIONS_BELOW_ZERO: i64 = 20;
/// Zero can be set within this part of the capacity (OIML R 76-1: 4 % over all, so 2 % to either side).
const ZERO_RANGE: f64 = 0.02;
/// The display takes no longer text than this.
const LONGEST_TEXT: usize = 64;

/// The indicator of one practice scale.
#[derive(Debug)]
pub struct Indicator {
    plate: Plate,
    division: Quantity,
    grams_per_division: f64,
    capacity: i64,
    rest_divisions: u64,
    jitter: Option<Chance>,
    conversion: Duration,
    /// The measurements that rest is judged over, newest last; none from before the plate was touched.
    recent: VecDeque<i64>,
    /// How many measurements that are.
    window: usize,
    now: Stamp,
    converted: Stamp,
    /// The newest measurement in divisions, from zero, no tare taken off …
    gross: i64,
    /// … and in tenths of a division.
    tenths: i64,
    zero_grams: f64,
    tare: i64,
    rested: bool,
    text: Option<String>,
    texts: u64,
    scanned: Option<String>,
    powered: bool,
    /// Taken out after every measurement, so it holds what one reading of the terminal can cause at most.
    happened: Vec<What>,
}

impl Indicator {
    /// An indicator with nothing on its plate, switched on at `now`.
    ///
    /// `division` is one step of the display in its unit: `0.005 kg`; `capacity_grams` its highest load.
    #[must_use]
    pub fn new(
        now: Stamp,
        division: Quantity,
        capacity_grams: u32,
        character: &Character,
        seed: u64,
    ) -> Self {
        let grams_per_division = (of_whole(division.weight().micrograms()) / 1e6).max(1e-6);
        let conversion = character.conversion.max(Duration::from_millis(1));
        let window = character.rest_for.as_nanos().div_ceil(conversion.as_nanos()).clamp(1, 10_000);
        Self {
            plate: Plate::empty(now, character),
            division,
            grams_per_division,
            capacity: whole(f64::from(capacity_grams) / grams_per_division),
            rest_divisions: u64::from(character.rest_divisions),
            jitter: character.jitter.then(|| Chance::new(seed)),
            conversion,
            recent: VecDeque::new(),
            window: usize::try_from(window).unwrap_or(1).saturating_add(1),
            now,
            converted: now,
            gross: 0,
            tenths: 0,
            zero_grams: 0.0,
            tare: 0,
            rested: false,
            text: None,
            texts: 0,
            scanned: None,
            powered: true,
            happened: Vec::new(),
        }
    }

    /// Lets time pass and measures as often as the scale would; an earlier moment changes nothing.
    pub fn advance(&mut self, to: Stamp) {
        self.now = self.now.max(to);
        let measurements = u32::try_from(self.window).unwrap_or(u32::MAX);
        let remembered = self.conversion.saturating_mul(measurements);
        if self.now.since(self.converted) > remembered {
            // a long gap: only the measurements that rest is still judged on matter
            self.converted = self.now - remembered;
        }
        while self.now.since(self.converted) >= self.conversion {
            self.converted = self.converted + self.conversion;
            self.measure();
        }
    }

    /// The moment up to which time has passed.
    #[must_use]
    pub const fn now(&self) -> Stamp {
        self.now
    }

    /// The moment of the next measurement.
    #[must_use]
    pub fn next(&self) -> Stamp {
        self.converted + self.conversion
    }

    fn measure(&mut self) {
        self.plate.advance(self.converted);
        let divisions = (self.plate.grams() - self.zero_grams) / self.grams_per_division;
        let shake = match self.jitter.as_mut().map(|chance| chance.between(0, 2)) {
            Some(0) => -1.0,
            Some(2) => 1.0,
            _ => 0.0,
        };
        self.tenths = whole((divisions + shake) * 10.0);
        self.gross = whole(divisions + shake);
        self.recent.push_back(self.gross);
        while self.recent.len() > self.window {
            self.recent.pop_front();
        }
        let rests = self.rests();
        if rests && !self.rested {
            self.happened.push(What::Rest { shown: self.indication().shown.to_string() });
        }
        self.rested = rests;
    }

    fn rests(&self) -> bool {
        let (lowest, highest) = (self.recent.iter().min(), self.recent.iter().max());
        let span = lowest.zip(highest).map(|(lowest, highest)| lowest.abs_diff(*highest));
        self.recent.len() >= self.window && span.is_some_and(|span| span <= self.rest_divisions)
    }

    /// What display and flags say now.
    #[must_use]
    pub fn indication(&self) -> Indication {
        let gross = self.gross;
        let net = gross.saturating_sub(self.tare);
        let range = if gross > self.capacity.saturating_add(DIVISIONS_ABOVE_CAPACITY) {
            Range::Over
        } else if gross < -DIVISIONS_BELOW_ZERO {
            Range::Under
        } else {
            Range::In
        };
        Indication {
            shown: self.quantity(net, self.division.decimals()),
            fine: self.quantity(
                self.tenths.saturating_sub(self.tare.saturating_mul(10)),
                self.division.decimals().saturating_add(1),
            ),
            gross: self.quantity(gross, self.division.decimals()),
            tare: self.quantity(self.tare, self.division.decimals()),
            stable: self.rested,
            range,
            zero: self.rested && self.tenths.abs() <= 2,
            net: self.tare != 0,
            negative: net < 0,
        }
    }

    fn quantity(&self, steps: i64, decimals: u8) -> Quantity {
        let digits = steps.unsigned_abs().saturating_mul(self.division.digits());
        Quantity::new(steps < 0, digits, decimals, self.division.unit())
    }

    /// One step of the display.
    #[must_use]
    pub const fn division(&self) -> Quantity {
        self.division
    }

    /// The capacity as the type plate says it.
    #[must_use]
    pub fn capacity(&self) -> Quantity {
        self.quantity(self.capacity, self.division.decimals())
    }

    /// What lies on the plate, in grams.
    #[must_use]
    pub const fn load(&self) -> f64 {
        self.plate.load()
    }

    /// Puts an item on the plate, beside what lies there; a negative weight is lifted off.
    pub fn put(&mut self, at: Stamp, grams: i32) {
        self.advance(at);
        self.touch(self.plate.load() + f64::from(grams));
        self.happened.push(What::Put { grams });
    }

    /// Takes everything off the plate.
    pub fn take_away(&mut self, at: Stamp) {
        self.advance(at);
        self.touch(0.0);
        self.happened.push(What::Taken);
    }

    /// A hand at the plate is motion, however little it changes.
    fn touch(&mut self, grams: f64) {
        self.plate.carry(self.now, grams);
        self.recent.clear();
        self.rested = false;
    }

    /// Makes the present load zero, if it is near enough to the zero the scale was switched on with.
    pub fn zero(&mut self, rest: Rest) -> Result<(), Refused> {
        let gross = self.at_rest(rest)?;
        let reach = ZERO_RANGE * of_whole(self.capacity) * self.grams_per_division;
        let wanted = self.zero_grams + of_whole(gross) * self.grams_per_division;
        if wanted.abs() > reach {
            return Err(if wanted > 0.0 { Refused::Over } else { Refused::Under });
        }
        self.zero_grams = wanted;
        self.tare = 0;
        self.shift(gross);
        self.happened.push(What::Zeroed);
        Ok(())
    }

    /// Takes the present load for the tare.
    pub fn tare(&mut self, rest: Rest) -> Result<(), Refused> {
        let gross = self.at_rest(rest)?;
        if gross <= 0 {
            return Err(Refused::Under);
        }
        self.set_tare(gross);
        Ok(())
    }

    /// Takes so many divisions for the tare; zero clears it.
    pub fn set_tare(&mut self, divisions: i64) {
        self.tare = divisions;
        self.happened.push(What::Tared { tare: self.indication().tare.to_string() });
    }

    /// Takes a weight in the scale's own unit for the tare; it must be whole divisions within the capacity.
    pub fn preset_tare(&mut self, tare: Quantity) -> Result<(), Refused> {
        let more = self.division.decimals().checked_sub(tare.decimals());
        let scale = more.filter(|_| tare.unit() == self.division.unit()).map(|more| 10_u64.pow(more.into()));
        let digits = scale.and_then(|scale| tare.digits().checked_mul(scale)).ok_or(Refused::Under)?;
        let step = self.division.digits().max(1);
        let divisions = i64::try_from(digits / step).unwrap_or(i64::MAX);
        if digits % step != 0 || tare.weight() < Weight::ZERO {
            return Err(Refused::Under);
        }
        if divisions > self.capacity {
            return Err(Refused::Over);
        }
        self.set_tare(divisions);
        Ok(())
    }

    fn at_rest(&self, rest: Rest) -> Result<i64, Refused> {
        match (rest, self.indication()) {
            (_, Indication { range: Range::Over, .. }) => Err(Refused::Over),
            (_, Indication { range: Range::Under, .. }) => Err(Refused::Under),
            (Rest::Needed, Indication { stable: false, .. }) => Err(Refused::Moving),
            _ => Ok(self.gross),
        }
    }

    /// Zero moved by that many divisions: what was measured against the old one is counted anew.
    fn shift(&mut self, divisions: i64) {
        for measured in &mut self.recent {
            *measured = measured.saturating_sub(divisions);
        }
        self.gross = self.gross.saturating_sub(divisions);
        self.tenths = self.tenths.saturating_sub(divisions.saturating_mul(10));
    }

    /// Writes on the display in place of the weight.
    pub fn show(&mut self, text: &[u8]) {
        let text: String = String::from_utf8_lossy(text).chars().take(LONGEST_TEXT).collect();
        self.texts = self.texts.saturating_add(1);
        self.happened.push(What::Text { text: text.clone() });
        self.text = Some(text);
    }

    /// Gives the display back to the weight.
    pub fn show_weight(&mut self) {
        if self.text.take().is_some() {
            self.happened.push(What::TextCleared);
        }
    }

    /// The text on the display, when it does not show the weight.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// How many texts were written on the display since it was switched on.
    #[must_use]
    pub const fn texts(&self) -> u64 {
        self.texts
    }

    /// A bar code passes the scanner, where the scale has one; one at a time.
    pub fn scan(&mut self, digits: &str) {
        self.scanned = Some(digits.to_owned());
        self.happened.push(What::Scanned { digits: digits.to_owned() });
    }

    /// The bar code that passed the scanner and was not told to the host yet.
    pub fn scanned(&mut self) -> Option<String> {
        self.scanned.take()
    }

    /// The host switched the scale off: some protocols can. It stays silent from now on.
    pub fn switch_off(&mut self) {
        self.powered = false;
        self.happened.push(What::SwitchedOff);
    }

    /// Whether the scale is switched on.
    #[must_use]
    pub const fn powered(&self) -> bool {
        self.powered
    }

    /// Something else that whoever watches the scale should know: a price, a beep.
    pub fn tell(&mut self, what: What) {
        self.happened.push(what);
    }

    /// What happened since this was last asked.
    pub fn happened(&mut self) -> Vec<What> {
        std::mem::take(&mut self.happened)
    }
}

/// The nearest whole number; what is beyond an `i64` becomes its end, which no scale shows.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "std has no other way from f64; it saturates"
)]
fn whole(number: f64) -> i64 {
    number.round() as i64
}

/// Exact up to 2^53, which is nine tonnes in micrograms.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "std has no other way to f64")]
const fn of_whole(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests;
