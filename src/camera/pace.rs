//! When the next frame of a made camera is due. Pure.

use std::time::Duration;

use super::FrameRate;
use crate::stamp::Stamp;

/// A frame rate in step with the clock: each due time counts from the start, so delays do not add up.
#[derive(Debug)]
pub(super) struct Pace {
    fps: u32,
    start: Stamp,
    frames: u32,
}

impl Pace {
    pub(super) fn new(fps: FrameRate) -> Self {
        Self { fps: fps.get(), start: Stamp::from_nanos(0), frames: 0 }
    }

    /// Begins anew: the first frame is due at `now`.
    pub(super) fn start(&mut self, now: Stamp) {
        (self.start, self.frames) = (now, 0);
    }

    /// When the next frame is due.
    pub(super) fn due(&self) -> Stamp {
        self.start + Duration::from_secs(1) * self.frames / self.fps
    }

    /// Steps on after the frame that was due. A thread that was held up does not make up for lost frames.
    pub(super) fn step(&mut self, now: Stamp) {
        self.frames += 1;
        if self.frames == self.fps {
            self.start = self.start + Duration::from_secs(1);
            self.frames = 0;
        }
        if self.due() < now {
            let missed = now.since(self.due());
            if missed >= Duration::from_secs(1) / self.fps {
                self.start(now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_neither_drift_nor_rush_after_a_delay() {
        let mut pace = Pace::new(FrameRate::new(30));
        let began = Stamp::from_millis(1_000);
        pace.start(began);
        assert_eq!(pace.due(), began);
        for _ in 0..3_000 {
            let late = pace.due() + Duration::from_millis(5);
            pace.step(late);
        }
        assert_eq!(pace.due(), began + Duration::from_secs(100));
        let woken = pace.due() + Duration::from_secs(7);
        pace.step(woken);
        assert_eq!(pace.due(), woken);
    }
}
