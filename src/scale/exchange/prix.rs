//! Prix: ENQ, frame. PRT5 answers nothing at all while nothing is on the plate, so that silence is its zero.
//!
//! A scale that has said zero in digits is none of those: its silence is a silence. Nor is one that never said
//! anything, or one that began to answer.

use super::{Exchange, Next, Task};
use crate::scale::dialogue::Event;
use crate::scale::{Frame, Heard, Profile};
use crate::stamp::Stamp;
use crate::weight::Weight;

const ENQ: u8 = 0x05;

#[derive(Debug)]
pub(in crate::scale) struct Prix {
    /// Whether the silence at zero of a PRT5 is to be expected.
    may_be_prt5: bool,
    speaks: bool,
    says_zero: bool,
}

impl Prix {
    pub(in crate::scale) fn new(profile: &Profile) -> Self {
        Self { may_be_prt5: !profile.is_other_than("prt5"), speaks: false, says_zero: false }
    }
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
        if !mute || !self.speaks || self.says_zero || !self.may_be_prt5 {
            return Next::Missed;
        }
        tell.push(Event::Empty(at));
        Next::Done
    }
}
