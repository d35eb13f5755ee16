//! The camera's thread: one per camera, named `camera`, which does nothing but move frames into the ring.

use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};

use super::desk::{Desk, Driver, End, Woken};
use super::folder::Folder;
use super::synthetic::Synthetic;
use super::v4l2::V4l2;
use super::{Ring, Settings, Source, Tally};
use crate::stamp::{Clock, Stamp};

/// The pause before a lost device is tried again; it doubles up to the kind's own limit.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// A running camera. Dropping it stops its thread and waits for that.
#[derive(Debug)]
pub struct Camera {
    ring: Arc<Ring>,
    heartbeat: Heartbeat,
    tally: Tally,
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

/// When the camera's thread last showed that it is not stuck, for the watchdog. A lost camera beats on:
/// only a thread that hangs does not.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    nanos: Arc<AtomicU64>,
}

impl Heartbeat {
    pub(super) fn of(nanos: Arc<AtomicU64>) -> Self {
        Self { nanos }
    }

    /// The last sign of life. The thread gives one at least every half second.
    #[must_use]
    pub fn last(&self) -> Stamp {
        Stamp::from_nanos(self.nanos.load(Ordering::Relaxed))
    }

    pub(super) fn beat(&self, now: Stamp) {
        self.nanos.store(now.as_nanos(), Ordering::Relaxed);
    }
}

/// Starts the camera that the settings describe. A camera that is not there is not an error: its thread
/// tries to open it until it is.
///
/// # Errors
/// Only when the system gives no more descriptors or threads.
pub fn start(settings: &Settings, clock: Clock) -> io::Result<Camera> {
    let ring = Arc::new(Ring::default());
    let heartbeat = Heartbeat::of(Arc::new(AtomicU64::new(clock.now().as_nanos())));
    let tally = Tally::default();
    let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let desk = Desk {
        ring: Arc::clone(&ring),
        clock,
        stop: Arc::clone(&stop),
        heartbeat: heartbeat.clone(),
        tally: tally.clone(),
        name: settings.source.to_string(),
        latency: settings.latency,
        delivered: Cell::new(false),
    };
    let settings = settings.clone();
    let work = move || serve(&mut *driver(&settings), &Rc::new(desk));
    let thread = std::thread::Builder::new().name("camera".to_owned()).spawn(work)?;
    Ok(Camera { ring, heartbeat, tally, stop, thread: Some(thread) })
}

fn driver(settings: &Settings) -> Box<dyn Driver> {
    match &settings.source {
        Source::Folder { folder } => Box::new(Folder::new(folder.clone(), settings)),
        Source::Synthetic => Box::new(Synthetic::new(settings)),
        Source::V4l2 { device } => Box::new(V4l2::new(device.clone(), settings)),
    }
}

/// Opens the camera again and again, with growing pauses, until it is told to stop.
fn serve(driver: &mut dyn Driver, desk: &Rc<Desk>) {
    let (mut pause, mut longest) = (Duration::ZERO, driver.longest_pause());
    loop {
        desk.delivered.set(false);
        match driver.run(desk) {
            End::Stopped => return,
            End::Lost(why) => desk.lose(&why),
        }
        let before = std::mem::replace(&mut longest, driver.longest_pause());
        pause = if desk.delivered.get() { FIRST_PAUSE } else { next_pause(pause, before, longest) };
        if desk.wait(None, desk.clock.now() + pause) == Woken::Stop {
            return;
        }
    }
}

/// The pause after this one. One whose limit rises belongs to a device that was away and has just been plugged in: it
/// may refuse to be opened while the system still prepares it, and is tried again as quickly as at first.
fn next_pause(pause: Duration, limit_before: Duration, limit: Duration) -> Duration {
    if limit > limit_before { FIRST_PAUSE } else { (pause * 2).clamp(FIRST_PAUSE, limit) }
}

impl Camera {
    /// The frames and the state of the camera.
    #[must_use]
    pub fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// The sign of life of the camera's thread.
    #[must_use]
    pub fn heartbeat(&self) -> Heartbeat {
        self.heartbeat.clone()
    }

    /// What the camera's thread counts.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally.clone()
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        // An event counter refuses only when it is full, and then it has been told already.
        let _told = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_their_limit_and_begin_anew_for_a_device_that_has_just_come_back() {
        let (absent, failing) = (Duration::from_secs(1), Duration::from_secs(5));
        let mut pause = Duration::ZERO;
        for milliseconds in [250, 500, 1000, 1000] {
            pause = next_pause(pause, absent, absent);
            assert_eq!(pause.as_millis(), milliseconds);
        }
        pause = next_pause(pause, absent, failing);
        assert_eq!(pause, FIRST_PAUSE);
        for milliseconds in [500, 1000, 2000, 4000, 5000, 5000] {
            pause = next_pause(pause, failing, failing);
            assert_eq!(pause.as_millis(), milliseconds);
        }
        assert_eq!(next_pause(pause, failing, absent), absent);
    }
}
