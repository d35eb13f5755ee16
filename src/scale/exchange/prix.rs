//! Prix: ENQ, frame. PRT5 answers nothing at all while nothing is on the plate, so that silence is its zero.
//!
//! A scale that has said zero in digits is none of those: its silence is a silence. Nor is one that never said
//! anything, or one that began to answer.

use super::{Exchange, Next, Task};
use crate::scale::dialogue::Event;
use crate::scale::{Frame, Heard};
use crate::stamp::Stamp;
use crate::weight::Weight;

const ENQ: u8 = 0x05;

#[derive(Debug, Default)]
pub(in crate::scale) struct Prix {
    speaks: bool,
    says_zero: bool,
}

impl Exchange for Prix {
    fn begin(&mut self, _task: &Task) -> Vec<u8> {
        vec![ENQ]
    }

    fn hear(&mut self, frame: Frame, at: Stamp, tell: &mut Vec<Event>) -> Next {
        if let Heard::Reading(reading) = &frame.heard {
            self.speaks = true;
            self.says_zero |= reading.weight() == Some(Weight::ZERO);
        }
        tell.push(Event::Frame(frame, at));
        Next::Done
    }

    fn missed(&mut self, mute: bool, at: Stamp, tell: &mut Vec<Event>) -> Next {
        if !mute || !self.speaks || self.says_zero {
            return Next::Missed;
        }
        tell.push(Event::Empty(at));
        Next::Done
    }
}
