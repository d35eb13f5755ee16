//! Goods that were weighed and then tared by the host: the scale shows less, and they are still the same goods.

use super::{Detector, Load, Placement};
use crate::weight::Weight;

impl Detector {
    /// The host sets a tare for the goods that were weighed: when the scale shows as much less, they are still the
    /// same goods.
    pub fn tared(&mut self, tare: Weight) {
        let before = self.tared.map_or(Weight::ZERO, |(_, before)| before);
        let shift = before.micrograms().saturating_sub(tare.micrograms());
        if let Placement::Fired { weight, .. } = self.placement {
            let shown = Weight::from_micrograms(weight.micrograms().saturating_add(shift));
            self.tared = Some((shown, tare));
        }
    }

    /// The weight that the goods on the plate are known by, which a tare of the host may have changed.
    pub(super) fn known_by(&self, weight: Weight, load: Load) -> Weight {
        let now = match load {
            Load::Resting { quantity, .. } => quantity.weight(),
            Load::Moving(now) => now,
            Load::AtZero | Load::Withheld | Load::Outside | Load::Garbled | Load::Silent => return weight,
        };
        let is = |known: Weight| known.apart(now) <= self.rearm_delta(known);
        match self.tared {
            Some((shown, _)) if !is(weight) && is(shown) => shown,
            _ => weight,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::scale::{Reading, Stability};
    use crate::stability::{Phase, Rules};
    use crate::stamp::Stamp;
    use crate::weight::{Division, Quantity, Unit};

    fn reading(grams: u64, negative: bool) -> Reading {
        Reading::of(Quantity::new(negative, grams, 3, Unit::Kilogram), Stability::Stable)
    }

    /// Hears the weights, one each tenth of a second, and counts what settles.
    fn settled(detector: &mut Detector, from: u64, weights: &[u64]) -> usize {
        let each = weights.iter().enumerate();
        each.filter(|(place, grams)| {
            let at = Stamp::from_millis(from + 100 * u64::try_from(*place).unwrap());
            detector.hear(&reading(**grams, false), at).1.is_some()
        })
        .count()
    }

    #[test]
    fn goods_that_were_tared_are_not_weighed_again_and_others_are() {
        let rules = Rules {
            division: Division::from_micrograms(5_000_000),
            min_load: None,
            settle: Duration::ZERO,
            settle_unflagged: Duration::ZERO,
        };
        let mut detector = Detector::new(rules);
        assert_eq!(settled(&mut detector, 0, &[0, 500, 500]), 1);
        detector.tared(Weight::from_grams(100));
        assert_eq!(settled(&mut detector, 1_000, &[500, 400, 400, 400, 400, 400, 400]), 0, "the same goods");
        assert_eq!(detector.phase(), Phase::Fired);
        assert_eq!(settled(&mut detector, 2_000, &[900, 900]), 1, "other goods");
        assert_eq!(settled(&mut detector, 3_000, &[500, 500]), 1, "the first weight again");
        let mut untared = Detector::new(rules);
        assert_eq!(settled(&mut untared, 0, &[0, 500, 500]), 1);
        assert_eq!(settled(&mut untared, 1_000, &[400, 400]), 1, "without a tare these are other goods");
    }
}
