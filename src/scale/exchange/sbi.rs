//! Sartorius: `ESC P` prints once, or, where the scale prints by itself, switches that on and off.
//!
//! So the line is listened to before anything is said, a scale that prints by itself is never asked, and after
//! the first answer the agent waits to see whether more come unasked.

use std::time::Duration;

use super::{Exchange, Next, Task};
use crate::scale::Frame;
use crate::scale::dialogue::Event;
use crate::stamp::Stamp;

/// A scale that prints by itself does so at least this often. (No source gives the slowest setting; two
/// seconds are what tells a stream from silence everywhere else.)
const LISTEN: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(in crate::scale) struct Sbi {
    /// No question before this moment.
    not_before: Option<Stamp>,
    /// A question was answered, and nothing unasked came after it.
    proven: bool,
    /// A question was asked since the last line that nobody asked for.
    asked: bool,
}

impl Exchange for Sbi {
    fn begin(&mut self, _task: &Task) -> Vec<u8> {
        self.proven |= self.asked;
        self.asked = false;
        b"\x1BP\r\n".to_vec()
    }

    fn hear(&mut self, frame: Frame, at: Stamp, tell: &mut Vec<Event>) -> Next {
        self.asked = true;
        if !self.proven {
            self.not_before = Some(at + LISTEN);
        }
        tell.push(Event::Frame(frame, at));
        Next::Done
    }

    fn overhear(&mut self, frame: Frame, at: Stamp, tell: &mut Vec<Event>) {
        (self.proven, self.asked) = (false, false);
        self.not_before = Some(at + LISTEN);
        tell.push(Event::Frame(frame, at));
    }

    fn hold_off(&mut self, now: Stamp) -> Option<Stamp> {
        let not_before = *self.not_before.get_or_insert(now + LISTEN);
        (now < not_before).then_some(not_before)
    }
}
