//! A practice USB scale: reports through a named pipe, as the kernel's `hidraw` hands them over.
//!
//! A kernel with `uhid` could show it as a device; the pipe needs no rights and looks the same to the agent.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, OFlags};

use super::scale::{Character, Indicator};
use crate::scale::Range;
use crate::stamp::Clock;
use crate::weight::{Quantity, Unit};

/// From one report to the next.
const EVERY: Duration = Duration::from_millis(100);
/// Its highest load in grams.
const CAPACITY: u32 = 15_000;

/// What is done at the plate.
enum Hand {
    Put(i32),
    TakeAway,
}

/// A practice USB scale at work, until it is dropped; its pipe goes with it.
#[derive(Debug)]
pub struct ReportScale {
    pipe: PathBuf,
    hands: Option<Sender<Hand>>,
    thread: Option<JoinHandle<()>>,
}

impl ReportScale {
    /// Makes the pipe and starts to report.
    ///
    /// # Errors
    /// The kernel's, also when there is something at that place.
    pub fn start(pipe: &Path) -> std::io::Result<Self> {
        rustix::fs::mknodat(CWD, pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        // Both ends, so that a host that comes and goes never ends the pipe.
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let end = std::fs::File::from(rustix::fs::open(pipe, flags, Mode::empty())?);
        let (hands, orders) = channel();
        let thread = std::thread::Builder::new()
            .name("practice-reports".to_owned())
            .spawn(move || report(end, &orders, &Clock::system()))?;
        Ok(Self { pipe: pipe.to_owned(), hands: Some(hands), thread: Some(thread) })
    }

    /// Puts an item on the plate, in grams, beside what lies there.
    pub fn put(&self, grams: i32) {
        self.hand(Hand::Put(grams));
    }

    /// Takes everything off the plate.
    pub fn take_away(&self) {
        self.hand(Hand::TakeAway);
    }

    fn hand(&self, hand: Hand) {
        if let Some(hands) = &self.hands {
            // The thread ends with the sender, not before.
            let _ = hands.send(hand);
        }
    }
}

impl Drop for ReportScale {
    fn drop(&mut self) {
        self.hands = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.pipe);
    }
}

fn report(mut end: std::fs::File, orders: &Receiver<Hand>, clock: &Clock) {
    let division = Quantity::new(false, 5, 0, Unit::Gram);
    let mut scale = Indicator::new(clock.now(), division, CAPACITY, &Character::default().faster(3), 1);
    loop {
        match orders.recv_timeout(EVERY) {
            Ok(Hand::Put(grams)) => scale.put(clock.now(), grams),
            Ok(Hand::TakeAway) => scale.take_away(clock.now()),
            Err(RecvTimeoutError::Timeout) => {
                scale.advance(clock.now());
                scale.happened();
                // A pipe that nobody reads is full; the next report says more.
                let _ = end.write(&of(&scale));
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Report id, state, unit, exponent, weight from the low byte on (USB HID point of sale tables, usage page 8Dh).
fn of(scale: &Indicator) -> [u8; 6] {
    const GRAMS: u8 = 2;
    let now = scale.indication();
    let state = match now.range {
        Range::Over => 6,
        Range::Under => 5,
        Range::In if now.negative => 5,
        Range::In if !now.stable => 3,
        Range::In if now.zero => 2,
        Range::In => 4,
    };
    let [low, high] = u16::try_from(now.shown.digits()).unwrap_or(u16::MAX).to_le_bytes();
    [3, state, GRAMS, 0, low, high]
}
