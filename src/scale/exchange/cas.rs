//! CAS: ENQ, ACK, DC1, block. NAK to ENQ means not ready; the ENQ is repeated.

use super::{Exchange, Next, Task};
use crate::scale::dialogue::Event;
use crate::scale::{Frame, Heard};
use crate::stamp::Stamp;

const ENQ: u8 = 0x05;
/// "The weight alone."
const DC1: u8 = 0x11;

#[derive(Debug, Default)]
pub(in crate::scale) struct Cas {
    fetching: bool,
}

impl Exchange for Cas {
    fn begin(&mut self, _task: &Task) -> Vec<u8> {
        self.fetching = false;
        vec![ENQ]
    }

    fn hear(&mut self, frame: Frame, at: Stamp, tell: &mut Vec<Event>) -> Next {
        match &frame.heard {
            Heard::Answer(answer) if answer.refused => Next::Done,
            Heard::Answer(_) if self.fetching => Next::Wait,
            Heard::Answer(_) => {
                self.fetching = true;
                Next::Say(vec![DC1])
            }
            Heard::Reading(_) | Heard::Garbled(_) => {
                tell.push(Event::Frame(frame, at));
                Next::Done
            }
        }
    }
}
