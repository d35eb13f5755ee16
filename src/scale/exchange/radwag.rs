//! Radwag: a request is accepted first and answered second; one sent in between would lose the answer.

use std::time::Duration;

use super::{Exchange, Next, Task};
use crate::scale::dialogue::Event;
use crate::scale::{Frame, Heard};
use crate::stamp::Stamp;

/// From "accepted" to the weight: an immediate weight is a matter of milliseconds, a filter of one second and
/// a slow line are allowed for.
const RESULT: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub(in crate::scale) struct Radwag;

impl Exchange for Radwag {
    fn begin(&mut self, _task: &Task) -> Vec<u8> {
        b"SI\r\n".to_vec()
    }

    fn hear(&mut self, frame: Frame, at: Stamp, tell: &mut Vec<Event>) -> Next {
        let next = match &frame.heard {
            Heard::Answer(answer) if answer.word == "accepted" => return Next::WaitFor(RESULT),
            Heard::Answer(answer) if answer.word == "echo" => return Next::Wait,
            Heard::Answer(_) | Heard::Reading(_) | Heard::Garbled(_) => Next::Done,
        };
        tell.push(Event::Frame(frame, at));
        next
    }
}
