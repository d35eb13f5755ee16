//! A practice scale: a plate with physics that speaks a scale's protocol on a real pseudo-terminal.
//!
//! ```text
//! programme ──items──▶ physics ──▶ indicator ◀──commands── language ◀── pty ◀── host
//!                                       └────── weights ──▶ language ──▶ faults ──▶ pty ──▶ host
//! ```
//!
//! Everything but [`PracticeScale`] and its terminal is pure: bytes and time come in as arguments.

mod chance;
mod event;
mod faults;
mod indicator;
mod language;
mod physics;
mod programme;
mod pty;
mod running;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::watch;

pub use event::{Event, What};
pub use faults::{Cable, Fault};
pub use indicator::{Indication, Indicator, Refused, Rest};
pub use language::{Fits, Language, Speaker};
pub use physics::{Character, Plate};
pub use programme::{Act, Move, Pace, Programme};
pub use pty::NoTerminal;
use running::Desk;

use crate::scale::Range;
use crate::stamp::Clock;
use crate::weight::{Quantity, Unit};

/// What a practice scale is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// The language it speaks: a family's name as in the settings, or `family/variant`.
    pub family: String,
    /// One step of its display, in its unit.
    pub division: Quantity,
    /// Its highest load in grams.
    pub capacity_grams: u32,
    /// How its plate swings and how it judges rest.
    pub character: Character,
    /// The same seed gives the same jitter and the same faults.
    pub seed: u64,
    /// What is put on it by itself; nothing unless told.
    pub programme: Option<Programme>,
    /// What is wrong with its cable; nothing unless told.
    pub faults: Vec<Fault>,
    /// A symbolic link that always leads to its terminal, as udev's stable names do.
    pub link: Option<PathBuf>,
}

impl Options {
    /// A counter scale of 15 kg by 5 g that speaks `family`, with a good cable and an empty plate.
    #[must_use]
    pub fn new(family: &str) -> Self {
        Self {
            family: family.to_owned(),
            division: Quantity::new(false, 5, 3, Unit::Kilogram),
            capacity_grams: 15_000,
            character: Character::default(),
            seed: 1,
            programme: None,
            faults: Vec::new(),
            link: None,
        }
    }
}

/// A practice scale could not be started. Each is a sentence a technician can act on.
#[derive(Debug, thiserror::Error)]
pub enum PracticeError {
    /// No practice scale speaks that.
    #[error("no practice scale speaks \"{name}\"; there are: {}", languages())]
    UnknownFamily {
        /// The name that was asked for.
        name: String,
    },
    /// The language has no way to say weights of that division.
    #[error("a practice scale that speaks {language} shows {}, not steps of {division} {}", fits.words, division.unit())]
    Division {
        /// The language.
        language: &'static str,
        /// What was asked for.
        division: Quantity,
        /// What it can say.
        fits: Fits,
    },
    /// There is no pseudo-terminal to be had.
    #[error(transparent)]
    NoTerminal(#[from] NoTerminal),
    /// The link could not be made.
    #[error("cannot make the link {path} to the practice scale's terminal: {source}")]
    Link {
        /// The link.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is something at the link's place that is not a link; it is left alone.
    #[error("{path} exists and is no symbolic link: choose another place for the practice scale's link")]
    InTheWay {
        /// The place.
        path: PathBuf,
    },
    /// The kernel gave no thread or no event handle.
    #[error("the practice scale could not be started: {0}")]
    Kernel(#[source] std::io::Error),
}

fn languages() -> String {
    Language::all().map(|language| language.name).collect::<Vec<_>>().join(", ")
}

/// How a practice scale stands at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Where a host opens it; none while the cable is pulled.
    pub path: Option<PathBuf>,
    /// Whether a host has it open.
    pub host: bool,
    /// What lies on the plate, in grams, exactly.
    pub load_grams: f64,
    /// The number on the display, or beneath the text on it.
    pub shown: Quantity,
    /// The load rests, by the scale's own judgement.
    pub stable: bool,
    /// Whether the load is within the scale's range.
    pub range: Range,
    /// The centre-of-zero flag.
    pub zero: bool,
    /// The text that the host wrote on the display, until it gave it back to the weight.
    pub text: Option<String>,
    /// How many texts were written so far: it tells two writings of the same text apart.
    pub texts: u64,
}

/// A practice scale at work on a terminal of its own, in a thread of its own, until it is dropped.
#[derive(Debug)]
pub struct PracticeScale {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

impl PracticeScale {
    /// Starts one.
    pub fn start(options: Options) -> Result<Self, PracticeError> {
        Self::start_observed(options, |_| {})
    }

    /// Starts one and tells `observer` everything that happens on it. The observer runs in the scale's
    /// thread: while it takes its time the scale stands still.
    pub fn start_observed(
        options: Options,
        observer: impl FnMut(&Event) + Send + 'static,
    ) -> Result<Self, PracticeError> {
        let (desk, scale) = Desk::set_up(options, Clock::system())?;
        let desk = Arc::new(desk);
        let at_desk = Arc::clone(&desk);
        let thread = std::thread::Builder::new()
            .name("practice-scale".to_owned())
            .spawn(move || scale.run(&at_desk, observer))
            .map_err(PracticeError::Kernel)?;
        Ok(Self { desk, thread: Some(thread) })
    }

    /// Where a host opens it: the link if there is one, otherwise the terminal; none while unplugged.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        self.desk.path()
    }

    /// Puts an item on the plate, in grams, beside what lies there; below zero: lifts something off.
    pub fn put(&self, grams: i32) {
        self.desk.put(grams);
    }

    /// Takes everything off the plate.
    pub fn take_away(&self) {
        self.desk.take_away();
    }

    /// Lets a bar code pass the scanner, in a language that has one.
    pub fn scan(&self, digits: &str) {
        self.desk.scan(digits);
    }

    /// Pulls the cable: the terminal disappears under the host. [`State::path`] tells when it is done.
    pub fn unplug(&self) {
        self.desk.want_plugged(false);
    }

    /// Puts the cable back in: a new terminal, often under another name; the link leads to it.
    pub fn plug_in(&self) {
        self.desk.want_plugged(true);
    }

    /// The text on the display; none while it shows the weight.
    #[must_use]
    pub fn shown(&self) -> Option<String> {
        self.desk.state().text
    }

    /// How the scale stands now.
    #[must_use]
    pub fn state(&self) -> State {
        self.desk.state()
    }

    /// Every change of [`State`] as it happens, to wait for instead of looking again and again.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<State> {
        self.desk.watch()
    }

    /// The last bytes that hosts sent, 4,096 at most, oldest first.
    #[must_use]
    pub fn heard(&self) -> Vec<u8> {
        self.desk.heard()
    }
}

impl Drop for PracticeScale {
    fn drop(&mut self) {
        self.desk.stop();
        if let Some(thread) = self.thread.take() {
            // a panic in the thread was printed there; dropping must not raise another
            let _already_told = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
