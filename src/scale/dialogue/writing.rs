//! Orders in the conversation: what is written between two questions, and what the scale says to it.

use super::{
    ANSWER, Asked, Confirmed, Dialogue, Event, Kind, NO_ANSWER, NotWritten, Step, Task, Turn, Write,
};
use crate::scale::exchange::Next;
use crate::scale::{Frame, Heard};
use crate::stamp::Stamp;

impl Dialogue {
    /// Queues a text for the display; the next free turn sends it. A text that still waits is superseded.
    pub fn show(&mut self, text: &str) -> Option<Event> {
        self.order(Task::Show(text.to_owned()))
    }

    /// Gives the display back to the weight.
    pub fn clear(&mut self) -> Option<Event> {
        self.order(Task::Clear)
    }

    /// Queues something to be written; the next free turn sends it. One of the same kind that still waits is
    /// superseded. What the scale cannot take is dropped.
    pub fn order(&mut self, order: Task) -> Option<Event> {
        let kind = order.kind()?;
        self.writes.of(kind)?;
        let waiting = self.orders.iter_mut().find(|waiting| waiting.kind() == Some(kind));
        let Some(waiting) = waiting else {
            self.orders.push_back(order);
            return None;
        };
        let old = std::mem::replace(waiting, order);
        (!old.takes_back()).then_some(Event::Written(kind, Err(NotWritten::Superseded)))
    }

    /// What the bytes that were just sent write, if anything.
    #[must_use]
    pub const fn writes(&self) -> Option<Kind> {
        match self.turn {
            Turn::Awaiting { asked: Asked::Write { kind, .. }, .. } => Some(kind),
            Turn::Awaiting { asked: Asked::Weight(_), .. } | Turn::Idle { .. } | Turn::Draining { .. } => {
                None
            }
        }
    }

    /// The next order, if there is one.
    pub(super) fn write(&mut self, now: Stamp) -> Option<Step> {
        let order = self.orders.pop_front()?;
        let kind = order.kind()?;
        let Write { bytes, confirmed } = self.writes.of(kind)?;
        let told = !order.takes_back();
        let bytes = match confirmed {
            // Its own conversation has no words for it when it has no bytes.
            Confirmed::ByScript => Some(self.script.begin(&order)).filter(|bytes| !bytes.is_empty()),
            Confirmed::ByAnswer | Confirmed::ByReading | Confirmed::ByNothing => {
                bytes(&order, self.seen, &self.profile)
            }
        };
        let verdict = match bytes {
            None => Err(NotWritten::NoWords),
            Some(bytes) if bytes.is_empty() => Ok(()),
            Some(bytes) => {
                if let Task::Tare(tare) = order {
                    self.telling.push_back(Event::Taring(tare, now));
                }
                let limit = if confirmed == Confirmed::ByNothing { NO_ANSWER } else { ANSWER };
                return Some(self.send(bytes, Asked::Write { kind, confirmed, told }, limit, now));
            }
        };
        if told {
            self.telling.push_back(Event::Written(kind, verdict));
        }
        Some(self.step(now))
    }
}

/// A frame came while an answer to something written was awaited.
pub(super) fn hear(confirmed: Confirmed, frame: Frame, at: Stamp, tell: &mut Vec<Event>) -> Next {
    let next = match (&frame.heard, confirmed) {
        // A cable that sends back what was written, and what a scanner says by itself.
        (Heard::Answer(answer), _) if matches!(answer.word, "echo" | "barcode") => Next::Wait,
        (Heard::Answer(answer), _) if answer.refused => Next::Refused(answer.word),
        // The answer comes in two steps.
        (Heard::Answer(answer), Confirmed::ByAnswer) if answer.word == "accepted" => Next::Wait,
        (Heard::Answer(_), Confirmed::ByAnswer) | (Heard::Reading(_), Confirmed::ByReading) => Next::Done,
        // A stream goes on around it.
        (Heard::Answer(_) | Heard::Reading(_) | Heard::Garbled(_), _) => Next::Wait,
    };
    tell.push(Event::Frame(frame, at));
    next
}

/// What was written has been answered, or not. Says where the conversation goes on.
pub(super) fn done(next: &Next, kind: Kind, told: bool, at: Stamp, events: &mut Vec<Event>) -> Turn {
    let (verdict, turn) = match next {
        Next::Refused(word) => (Err(NotWritten::Refused(word)), Turn::Idle { ask_at: at }),
        Next::Missed => (Err(NotWritten::NoAnswer), Turn::Draining { since: at }),
        Next::Done | Next::Wait | Next::WaitFor(_) | Next::Say(_) => (Ok(()), Turn::Idle { ask_at: at }),
    };
    events.extend(told.then_some(Event::Written(kind, verdict)));
    turn
}
