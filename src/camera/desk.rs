//! What every kind of camera works at: where frames go, what the time is, when to stop.

use std::cell::Cell;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tracing::{info, warn};

use super::{Counts, Frame, Heartbeat, Ring, State, Tally};
use crate::stamp::{Clock, Stamp};

/// A kind of camera, as the camera's thread drives it.
pub(super) trait Driver {
    /// Opens the device and delivers frames until told to stop or until the device is lost.
    fn run(&mut self, desk: &Rc<Desk>) -> End;

    /// The longest pause between two tries to open the device.
    fn longest_pause(&self) -> Duration;
}

/// Why a driver came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was told to.
    Stopped,
    /// The device does not deliver: what failed, on which device, and what to do.
    Lost(String),
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// The camera is to stop.
    Stop,
    /// The device has something to say.
    Device,
    /// The moment came.
    Due,
}

/// The camera thread's side of things.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) ring: Arc<Ring>,
    pub(super) clock: Clock,
    pub(super) stop: Arc<OwnedFd>,
    pub(super) heartbeat: Heartbeat,
    pub(super) tally: Tally,
    /// What the camera is called in the log.
    pub(super) name: String,
    /// From the exposure to the stamp.
    pub(super) latency: Duration,
    /// Whether frames were delivered since the last loss.
    pub(super) delivered: Cell<bool>,
}

/// The longest the thread is without a sign of life: well under any watchdog's limit.
const SLICE: Timespec = Timespec { tv_sec: 0, tv_nsec: 500_000_000 };

impl Desk {
    /// Waits for the device or the moment `until`, whichever comes first, but never past a stop.
    pub(super) fn wait(&self, device: Option<BorrowedFd<'_>>, until: Stamp) -> Woken {
        loop {
            let now = self.clock.now();
            self.heartbeat.beat(now);
            let left = until.since(now);
            if let Some(woken) = self.poll(device, left) {
                return woken;
            }
            // An interrupted wait comes back early: the loop goes on with what is left of it.
            if left.is_zero() {
                return Woken::Due;
            }
        }
    }

    /// One look at the stop and the device, for at most `limit` and at most a slice.
    fn poll(&self, device: Option<BorrowedFd<'_>>, limit: Duration) -> Option<Woken> {
        let limit = Timespec::try_from(limit).unwrap_or(SLICE).min(SLICE);
        let mut stop = [PollFd::new(&self.stop, PollFlags::IN)];
        let Some(device) = device else {
            let _nothing_or_stop = poll(&mut stop, Some(&limit));
            return stop.iter().any(has_news).then_some(Woken::Stop);
        };
        let [stop] = stop;
        let mut both = [stop, PollFd::from_borrowed_fd(device, PollFlags::IN)];
        let _nothing_or_news = poll(&mut both, Some(&limit));
        match both.iter().position(has_news) {
            Some(0) => Some(Woken::Stop),
            Some(_) => Some(Woken::Device),
            None => None,
        }
    }

    /// Shows that the thread is alive, and whether the camera is to stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.heartbeat.beat(self.clock.now());
        self.poll(None, Duration::ZERO).is_some()
    }

    /// Puts a frame that was taken, by its stamp, at `frame.taken` into the ring.
    pub(super) fn deliver(&self, mut frame: Frame) {
        frame.taken = frame.taken - self.latency;
        self.delivered.set(true);
        self.tally.count(|counts| counts.frames += 1);
        let before = self.ring.state();
        let warming_up = frame.warming_up;
        self.ring.push(Arc::new(frame));
        if before != State::Live && !warming_up {
            info!(camera = self.name, "the camera is live");
        }
    }

    /// Counts a file or a buffer that held no whole frame.
    pub(super) fn refuse(&self, counted: impl FnOnce(&mut Counts)) {
        self.ring.count_broken();
        self.tally.count(counted);
    }

    /// Marks the camera as lost; said once, however often opening it is tried.
    pub(super) fn lose(&self, why: &str) {
        let state = State::Lost(why.into());
        if self.ring.state() != state {
            warn!(camera = self.name, "{why}");
            self.ring.set_state(state);
        }
    }
}

fn has_news(waited: &PollFd<'_>) -> bool {
    !waited.revents().is_empty()
}
