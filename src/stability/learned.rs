//! The division of a scale whose settings do not say it.

use crate::weight::{Division, Quantity};

/// Learns the division from the readings: divisions are 1, 2 or 5 steps of the last digit, so it begins with
/// 5 and falls when a weight is seen that 5 (or 2) steps cannot show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Learned {
    place: Option<Division>,
    step: u64,
}

impl Learned {
    /// Before the first reading.
    pub(super) const NOTHING: Self = Self { place: None, step: 5 };

    /// Takes a number the scale showed.
    pub(super) fn see(&mut self, quantity: Quantity) {
        if self.place.is_none_or(|place| place > quantity.last_place()) {
            *self = Self { place: Some(quantity.last_place()), step: 5 };
        }
        if self.place != Some(quantity.last_place()) {
            return;
        }
        while self.step > 1 && !quantity.digits().is_multiple_of(self.step) {
            self.step = if self.step == 5 { 2 } else { 1 };
        }
    }

    /// The largest division that can show every number so far.
    pub(super) fn division(self) -> Division {
        let micrograms = self.place.map_or(1_000_000, Division::micrograms).saturating_mul(self.step);
        Division::from_micrograms(micrograms).unwrap_or(Division::GRAM)
    }
}
