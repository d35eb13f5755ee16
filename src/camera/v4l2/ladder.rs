//! What is tried with a camera that fell silent, step by step. Pure.

use std::time::Duration;

/// The next thing to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Stop the stream and start it again.
    RestartStream,
    /// Close the device and open it again.
    Reopen,
    /// Reset the USB device, then open it again.
    ResetUsb,
    /// Only a person can help; open it again all the same.
    AskForReplug,
}

/// How often the camera failed in a row.
#[derive(Debug, Default)]
pub(super) struct Ladder {
    failures: u32,
}

/// A camera that delivered for this long is well again: the next failure starts at the first step.
const WELL: Duration = Duration::from_secs(10);

/// After the first reset, every so many failures another is tried; with pauses of up to 5 s that is about
/// one in a minute.
const RESET_EVERY: u32 = 8;

impl Ladder {
    /// The camera failed after it had delivered for this long.
    pub(super) fn failed(&mut self, delivered_for: Duration) -> Remedy {
        if delivered_for >= WELL {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        match self.failures {
            0 | 1 => Remedy::RestartStream,
            2 => Remedy::Reopen,
            failures if failures % RESET_EVERY == 3 => Remedy::ResetUsb,
            _ => Remedy::AskForReplug,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_is_met_with_the_next_step_and_resets_come_again_but_rarely() {
        let mut ladder = Ladder::default();
        let steps: Vec<Remedy> = (0..11).map(|_| ladder.failed(Duration::ZERO)).collect();
        assert_eq!(steps[..3], [Remedy::RestartStream, Remedy::Reopen, Remedy::ResetUsb]);
        assert!(steps[3..10].iter().all(|step| *step == Remedy::AskForReplug));
        assert_eq!(steps[10], Remedy::ResetUsb);
    }

    #[test]
    fn a_camera_that_was_well_starts_at_the_first_step() {
        let mut ladder = Ladder::default();
        ladder.failed(Duration::ZERO);
        assert_eq!(ladder.failed(Duration::from_millis(9_999)), Remedy::Reopen);
        assert_eq!(ladder.failed(WELL), Remedy::RestartStream);
    }
}
