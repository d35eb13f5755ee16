//! What a camera's thread has counted since its start.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

/// The counters, shared between the camera's thread and whoever reports them. A few increments a frame: a
/// lock that nobody waits for is cheap enough.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    counts: Arc<Mutex<Counts>>,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Whole frames put into the ring.
    pub frames: u64,
    /// Whole frames passed over because a newer one was there already.
    pub skipped: u64,
    /// Frames that came out of the driver after a newer one.
    pub late: u64,
    /// Frames that the camera started and the driver never delivered, by the gaps of the sequence.
    pub lost: u64,
    /// Frames that the driver flagged as damaged.
    pub flagged: u64,
    /// Frames that were too short or too long for what they should be.
    pub wrong_size: u64,
    /// Frames without their beginning or their end, and files that could not be read.
    pub damaged: u64,
    /// Times that a running stream fell silent.
    pub stalls: u64,
    /// Times that the stream was stopped and started for that.
    pub restarts: u64,
    /// Times that the device was opened after it had been lost.
    pub reopens: u64,
    /// Times that the USB device was reset.
    pub usb_resets: u64,
}

impl Tally {
    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The counters now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
