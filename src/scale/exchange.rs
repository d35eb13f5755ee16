//! What a question to a scale consists of. Pure: frames and time come in as arguments.
//!
//! Most families answer one request with one frame; the others have a file here. [`Dialogue`] decides when to
//! ask and how long to wait, an [`Exchange`] what to say next and what an answer or a silence means.
//!
//! [`Dialogue`]: super::dialogue::Dialogue

mod adam;
mod berkel;
mod cas;
mod checksum;
mod dialog;
mod hark;
mod magellan;
mod prix;
mod radwag;
mod sbi;

use std::sync::Arc;
use std::time::Duration;

pub(super) use adam::Adam;
pub(super) use berkel::Berkel;
pub(super) use cas::Cas;
pub use checksum::{Checksums, NotChecksums};
pub(super) use dialog::Dialog;
pub(super) use hark::Hark;
pub(super) use magellan::Magellan;
pub(super) use prix::Prix;
pub(super) use radwag::Radwag;
pub(super) use sbi::Sbi;

use super::custom::Rules;
use super::dialogue::Event;
use super::{Frame, Heard, Task};
use crate::stamp::Stamp;

/// What the site hands to a conversation.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// The checksums that a Dialog scale may ask for.
    pub checksums: Option<Checksums>,
    /// The protocol of the settings, for `custom`.
    pub custom: Option<Arc<Rules>>,
}

/// How an exchange goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Listen on.
    Wait,
    /// Listen on, this long from now.
    WaitFor(Duration),
    /// Say this and wait for the answer.
    Say(Vec<u8>),
    /// It is over: answered, or shown.
    Done,
    /// It is over: the scale said no, in a word.
    Refused(&'static str),
    /// It is over: the answer did not come.
    Missed,
}

/// The agent's part in one question after the other. One lives as long as the port is open.
pub trait Exchange: Send {
    /// The bytes that begin an exchange.
    fn begin(&mut self, task: &Task) -> Vec<u8>;

    /// A frame arrived while the exchange was under way. What the agent is to know goes to `tell`.
    fn hear(&mut self, frame: Frame, at: Stamp, tell: &mut Vec<Event>) -> Next;

    /// The answer did not come in time; `mute` if not one byte did.
    fn missed(&mut self, _mute: bool, _at: Stamp, _tell: &mut Vec<Event>) -> Next {
        Next::Missed
    }

    /// A frame arrived that nobody asked for.
    fn overhear(&mut self, frame: Frame, at: Stamp, tell: &mut Vec<Event>) {
        tell.push(Event::Frame(frame, at));
    }

    /// Until when no weight may be asked for, if so.
    fn hold_off(&mut self, _now: Stamp) -> Option<Stamp> {
        None
    }
}

/// One request, one answer.
pub(super) struct Question(pub(super) &'static [u8]);

impl Exchange for Question {
    fn begin(&mut self, _task: &Task) -> Vec<u8> {
        self.0.to_vec()
    }

    fn hear(&mut self, frame: Frame, at: Stamp, tell: &mut Vec<Event>) -> Next {
        // A cable that sends the request back; the answer follows.
        let next = match &frame.heard {
            Heard::Answer(answer) if answer.word == "echo" => Next::Wait,
            // An answer without a weight where one was asked for.
            Heard::Answer(answer) => Next::Refused(answer.word),
            Heard::Reading(_) | Heard::Garbled(_) => Next::Done,
        };
        tell.push(Event::Frame(frame, at));
        next
    }
}
