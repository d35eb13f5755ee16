//! Berkel: ENQ, ACK, DC1, block, the same block back, CR. A weight counts once the scale has said that what it
//! got back is what it sent.

use super::{Exchange, Next, Task};
use crate::scale::dialogue::Event;
use crate::scale::{Frame, Garbled, Heard};
use crate::stamp::Stamp;

const ENQ: u8 = 0x05;
const DC1: u8 = 0x11;

#[derive(Debug, Default)]
pub(in crate::scale) struct Berkel {
    step: Step,
}

#[derive(Debug, Default)]
enum Step {
    /// "Is there data?"
    #[default]
    Asked,
    /// "Give it."
    Fetching,
    /// "This is what I heard."
    Confirming(Frame),
}

impl Exchange for Berkel {
    fn begin(&mut self, _task: &Task) -> Vec<u8> {
        self.step = Step::Asked;
        vec![ENQ]
    }

    fn hear(&mut self, frame: Frame, at: Stamp, tell: &mut Vec<Event>) -> Next {
        let step = std::mem::take(&mut self.step);
        match (step, &frame.heard) {
            (Step::Asked, Heard::Answer(answer)) if answer.word == "ack" => {
                self.step = Step::Fetching;
                Next::Say(vec![DC1])
            }
            (Step::Asked | Step::Fetching, Heard::Reading(_)) => {
                let echo = frame.raw.clone();
                self.step = Step::Confirming(frame);
                Next::Say(echo)
            }
            (Step::Confirming(held), Heard::Answer(answer)) => {
                tell.push(Event::Frame(if answer.word == "match" { held } else { unconfirmed(held) }, at));
                Next::Done
            }
            (Step::Fetching, Heard::Answer(answer)) if answer.word == "ack" => {
                self.step = Step::Fetching;
                Next::Wait
            }
            // No data, or weigh again: it is asked again later. A block that says other than the one before it
            // confirms nothing.
            (Step::Asked | Step::Fetching | Step::Confirming(_), _) => {
                tell.push(Event::Frame(frame, at));
                Next::Done
            }
        }
    }

    fn missed(&mut self, _mute: bool, at: Stamp, tell: &mut Vec<Event>) -> Next {
        if let Step::Confirming(held) = std::mem::take(&mut self.step) {
            tell.push(Event::Frame(unconfirmed(held), at));
        }
        Next::Missed
    }
}

fn unconfirmed(held: Frame) -> Frame {
    Frame { heard: Heard::Garbled(Garbled::NotConfirmed), ..held }
}
