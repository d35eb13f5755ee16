//! Whether a camera's automatic exposure has come to rest after the start of its stream. Pure.

use std::time::Duration;

use crate::stamp::Stamp;

/// Follows the mean brightness of a stream's first frames.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Exposure {
    /// The frames that are alike, up to the last one.
    steady: Option<Steady>,
}

#[derive(Clone, Copy, Debug)]
struct Steady {
    since: Stamp,
    frames: u32,
    darkest: u8,
    brightest: u8,
}

/// For this long the brightness must not move. A control that still works changes it with every frame or every
/// second one, and a camera at 5 frames a second has shown two frames by then.
const AT_REST: Duration = Duration::from_millis(300);
/// So many frames must have been alike: fewer may be the same by chance.
const FRAMES: u32 = 4;
/// Steps of 255 by which means may differ that are the same: lamps flicker by more than noise.
const SAME: u8 = 3;
/// Means of a picture in which exposure has come to rest. A sensor that has not begun shows black, one that is not
/// ruled yet white, and both stand still.
const SEEN: std::ops::RangeInclusive<u8> = 10..=245;

impl Exposure {
    /// Takes the mean brightness of the next frame; answers whether exposure is at rest.
    pub(super) fn watch(&mut self, mean: u8, taken: Stamp) -> bool {
        let first = Steady { since: taken, frames: 1, darkest: mean, brightest: mean };
        let joined = self.steady.map_or(first, |steady| Steady {
            frames: steady.frames.saturating_add(1),
            darkest: steady.darkest.min(mean),
            brightest: steady.brightest.max(mean),
            ..steady
        });
        let steady = if joined.brightest - joined.darkest <= SAME { joined } else { first };
        self.steady = SEEN.contains(&mean).then_some(steady);
        self.steady.is_some_and(|steady| steady.frames >= FRAMES && taken.since(steady.since) >= AT_REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At which frame, from 1, exposure is at rest.
    fn at_rest(means: &[u8], every_ms: u64) -> Option<usize> {
        let mut exposure = Exposure::default();
        let mut at = (0..).map(|frame| Stamp::from_millis(1_000 + frame * every_ms));
        means.iter().position(|&mean| exposure.watch(mean, at.next().unwrap())).map(|place| place + 1)
    }

    #[test]
    fn a_brightness_that_stands_still_for_long_enough_is_at_rest() {
        assert_eq!(at_rest(&[100; 9], 50), Some(7));
        assert_eq!(at_rest(&[100; 9], 49), Some(8));
        // Slow cameras must have shown enough frames.
        assert_eq!(at_rest(&[100; 9], 200), Some(4));
    }

    #[test]
    fn noise_is_no_movement_and_a_ramp_is() {
        assert_eq!(at_rest(&[100, 103, 101, 100, 102, 103, 100], 50), Some(7));
        assert_eq!(at_rest(&[100, 104, 100, 104, 100, 104, 100, 104], 50), None);
        let ramp: Vec<u8> = (20..120).step_by(2).collect();
        assert_eq!(at_rest(&ramp, 33), None);
        let settling = [[20; 5], [60; 5], [90; 5], [110; 5], [110; 5], [110; 5]].concat();
        assert_eq!(at_rest(&settling, 33), Some(26));
    }

    #[test]
    fn black_and_white_are_never_at_rest() {
        for (mean, rests) in [(0, false), (9, false), (10, true), (245, true), (246, false), (255, false)] {
            assert_eq!(at_rest(&[mean; 30], 33).is_some(), rests, "{mean}");
        }
    }
}
