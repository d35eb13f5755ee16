//! Adam: `CPWplus` always answers `G`; `AZextra` answers `P`, once for each new weight at rest.
//!
//! Which of the two it is shows in the first answer; until then both are asked in turn, since neither takes the
//! other's request for an order. The silence of an `AZextra` may mean zero, a moving load, or a load it has told
//! already, so it says nothing about the load and nothing about the cable. Its answer after a silence is for
//! other goods than the answer before.

use super::{Exchange, Next, Task};
use crate::scale::dialogue::Event;
use crate::scale::{Frame, Heard, Stability};
use crate::stamp::Stamp;

#[derive(Debug, Default)]
pub(in crate::scale) struct Adam {
    model: Model,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Model {
    /// Asked for a `CPWplus`.
    #[default]
    PerhapsCpwPlus,
    /// Asked for an `AZextra`.
    PerhapsAzExtra,
    CpwPlus,
    AzExtra {
        /// It did not answer the last question.
        was_silent: bool,
    },
}

impl Exchange for Adam {
    fn begin(&mut self, _task: &Task) -> Vec<u8> {
        match self.model {
            Model::PerhapsCpwPlus | Model::CpwPlus => b"G\r\n".to_vec(),
            Model::PerhapsAzExtra | Model::AzExtra { .. } => b"P\r\n".to_vec(),
        }
    }

    fn hear(&mut self, frame: Frame, at: Stamp, tell: &mut Vec<Event>) -> Next {
        match &frame.heard {
            Heard::Answer(answer) if answer.word == "echo" => return Next::Wait,
            // Only the one says that the load rests.
            Heard::Reading(reading) if reading.stability == Stability::Stable => {
                if self.model != (Model::AzExtra { was_silent: false }) {
                    tell.push(Event::Anew(at));
                }
                self.model = Model::AzExtra { was_silent: false };
            }
            Heard::Reading(_) => self.model = Model::CpwPlus,
            Heard::Answer(_) | Heard::Garbled(_) => {}
        }
        tell.push(Event::Frame(frame, at));
        Next::Done
    }

    fn missed(&mut self, mute: bool, _at: Stamp, _tell: &mut Vec<Event>) -> Next {
        match (self.model, mute) {
            (Model::PerhapsCpwPlus, true) => self.model = Model::PerhapsAzExtra,
            (Model::PerhapsAzExtra, true) => self.model = Model::PerhapsCpwPlus,
            (Model::AzExtra { .. }, true) => {
                self.model = Model::AzExtra { was_silent: true };
                return Next::Done;
            }
            (_, false) | (Model::CpwPlus, true) => {}
        }
        Next::Missed
    }
}
