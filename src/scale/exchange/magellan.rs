//! Magellan: `S14` is always answered, but a barcode may come before the answer.

use super::{Exchange, Next, Task};
use crate::scale::dialogue::Event;
use crate::scale::{Frame, Heard};
use crate::stamp::Stamp;

#[derive(Debug, Default)]
pub(in crate::scale) struct Magellan;

impl Exchange for Magellan {
    fn begin(&mut self, _task: &Task) -> Vec<u8> {
        b"S14\r".to_vec()
    }

    fn hear(&mut self, frame: Frame, at: Stamp, tell: &mut Vec<Event>) -> Next {
        let next = match &frame.heard {
            Heard::Answer(_) => Next::Wait,
            Heard::Reading(_) | Heard::Garbled(_) => Next::Done,
        };
        tell.push(Event::Frame(frame, at));
        next
    }
}
