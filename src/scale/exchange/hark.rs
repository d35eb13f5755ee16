//! A scale that either sends by itself or answers, as its menu says: listened to first, and asked only while it says
//! nothing unasked.

use std::time::Duration;

use super::{Exchange, Next, Task};
use crate::scale::dialogue::Event;
use crate::scale::{Frame, Heard};
use crate::stamp::Stamp;

/// A stream says something within this; the same time as everywhere else.
const LISTEN: Duration = Duration::from_secs(2);

pub(in crate::scale) struct Hark {
    request: &'static [u8],
    /// No question before this moment.
    not_before: Option<Stamp>,
}

impl Hark {
    pub(in crate::scale) const fn new(request: &'static [u8]) -> Self {
        Self { request, not_before: None }
    }
}

impl Exchange for Hark {
    fn begin(&mut self, _task: &Task) -> Vec<u8> {
        self.request.to_vec()
    }

    fn hear(&mut self, frame: Frame, at: Stamp, tell: &mut Vec<Event>) -> Next {
        let next = match &frame.heard {
            Heard::Answer(answer) => Next::Refused(answer.word),
            Heard::Reading(_) | Heard::Garbled(_) => Next::Done,
        };
        tell.push(Event::Frame(frame, at));
        next
    }

    fn overhear(&mut self, frame: Frame, at: Stamp, tell: &mut Vec<Event>) {
        if matches!(frame.heard, Heard::Reading(_)) {
            self.not_before = Some(at + LISTEN);
        }
        tell.push(Event::Frame(frame, at));
    }

    fn hold_off(&mut self, now: Stamp) -> Option<Stamp> {
        let not_before = *self.not_before.get_or_insert(now + LISTEN);
        (now < not_before).then_some(not_before)
    }
}
