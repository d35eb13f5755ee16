//! Checkout-Dialog: a price first, then the question for the result, and after a no the question why.
//!
//! A result is given once for each load; "not moved since" afterwards is the scale's own word that the load is
//! still the same. Before it trusts a till the scale may demand checksums; without them it does not weigh.

use super::{Checksums, Exchange, Next, Task};
use crate::scale::dialogue::{Bar, Event};
use crate::scale::{Frame, Heard, Reading};
use crate::stamp::Stamp;

/// "The result?"
const ASK: &[u8] = b"\x04\x05";
/// "Why not?"
const WHY: &[u8] = b"\x04\x0208\x03";
/// Zero is a bad price on some scales, so one cent stands for no price.
const PRICE: &str = "000001";
/// "Not ready" is answered by the same question so many times; then the price is taken for lost.
const PATIENCE: u32 = 10;
/// Characters of a text.
const TEXT: usize = 13;

pub(in crate::scale) struct Dialog {
    checksums: Option<Checksums>,
    step: Step,
    showing: bool,
    /// The text that goes with the price, filled to its length.
    text: Option<String>,
    /// The scale has a price and the result for it was not given yet.
    priced: bool,
    not_ready: u32,
    /// The last thing the scale said about the load was a result.
    told: bool,
    /// How often the checksums were sent for this record.
    checksums_sent: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A price was sent.
    Price,
    /// The result was asked for.
    Result,
    /// The reason was asked for.
    Reason,
    /// Checksums were sent.
    Checksums,
}

impl Dialog {
    pub(in crate::scale) const fn new(checksums: Option<Checksums>) -> Self {
        Self {
            checksums,
            step: Step::Price,
            showing: false,
            text: None,
            priced: false,
            not_ready: 0,
            told: false,
            checksums_sent: 0,
        }
    }

    /// Record 01, or 05 with a text and no tare.
    fn price(&mut self) -> Vec<u8> {
        self.step = Step::Price;
        self.priced = false;
        match &self.text {
            Some(text) => show_record(text),
            None => format!("\x04\x0201\x1B{PRICE}\x1B\x03").into_bytes(),
        }
    }

    fn ask(&mut self) -> Next {
        self.step = Step::Result;
        Next::Say(ASK.to_vec())
    }

    fn answer(&mut self, word: &'static str, detail: Option<&str>, at: Stamp, tell: &mut Vec<Event>) -> Next {
        match (self.step, word) {
            (Step::Price, "ack") => {
                (self.priced, self.not_ready, self.checksums_sent) = (true, 0, 0);
                if self.showing { Next::Done } else { self.ask() }
            }
            (Step::Price | Step::Result, "nak") => {
                self.step = Step::Reason;
                Next::Say(WHY.to_vec())
            }
            (_, "checksum-challenge") => self.challenged(detail, at, tell),
            (Step::Checksums, "ack") => Next::Say(ASK.to_vec()),
            // The record that led to the challenge was not taken and is sent again.
            (Step::Checksums, "checksums-accepted") => Next::Say(self.price()),
            (_, "checksums-refused") => {
                tell.push(Event::Barred(Bar::ChecksumsRefused, at));
                self.refused(word)
            }
            (Step::Result | Step::Reason, "not-moved-since") if !self.showing => {
                self.priced = false;
                if self.told {
                    tell.push(Event::Unchanged(at));
                }
                Next::Done
            }
            (Step::Result | Step::Reason, "not-ready") if !self.showing => {
                self.not_ready += 1;
                self.priced = self.not_ready < PATIENCE;
                Next::Done
            }
            // A late answer to what was asked before.
            (Step::Result | Step::Reason, "ack") => Next::Wait,
            _ => self.refused(word),
        }
    }

    fn refused(&mut self, word: &'static str) -> Next {
        (self.priced, self.told) = (false, false);
        if std::mem::take(&mut self.showing) {
            self.text = None;
            return Next::Refused(word);
        }
        Next::Done
    }

    fn challenged(&mut self, detail: Option<&str>, at: Stamp, tell: &mut Vec<Event>) -> Next {
        let challenge = detail.and_then(|detail| u8::from_str_radix(detail, 16).ok());
        match (&self.checksums, challenge) {
            (Some(checksums), Some(challenge)) if self.checksums_sent == 0 => {
                (self.step, self.checksums_sent) = (Step::Checksums, 1);
                Next::Say(checksums.answer(challenge))
            }
            (Some(_), _) => {
                self.checksums_sent = 0;
                tell.push(Event::Barred(Bar::ChecksumsRefused, at));
                self.refused("checksum-challenge")
            }
            (None, _) => {
                tell.push(Event::Barred(Bar::ChecksumsWanted, at));
                self.refused("checksum-challenge")
            }
        }
    }

    fn read(&mut self, reading: &Reading) -> Next {
        self.told = reading.quantity.is_some();
        // A moving load keeps its price: only the question is repeated.
        self.priced = reading.quantity.is_none() && reading.stability == crate::scale::Stability::Moving;
        if self.showing { Next::Wait } else { Next::Done }
    }
}

impl Exchange for Dialog {
    fn begin(&mut self, task: &Task) -> Vec<u8> {
        self.checksums_sent = 0;
        self.showing = *task != Task::Weigh;
        match task {
            Task::Weigh if self.priced => {
                self.step = Step::Result;
                return ASK.to_vec();
            }
            Task::Weigh => {}
            Task::Show(text) => self.text = Some(text.clone()),
            Task::Clear => self.text = None,
        }
        self.price()
    }

    fn hear(&mut self, frame: Frame, at: Stamp, tell: &mut Vec<Event>) -> Next {
        match &frame.heard {
            Heard::Reading(reading) => {
                let next = self.read(reading);
                tell.push(Event::Frame(frame, at));
                next
            }
            Heard::Garbled(_) => {
                // It may have been the one result for other goods.
                (self.priced, self.told) = (false, false);
                tell.push(Event::Frame(frame, at));
                if self.showing { Next::Wait } else { Next::Done }
            }
            Heard::Answer(answer) => {
                let (word, detail) = (answer.word, answer.detail.clone());
                if !matches!(word, "ack" | "nak" | "not-moved-since" | "not-ready") {
                    tell.push(Event::Frame(frame, at));
                }
                self.answer(word, detail.as_deref(), at, tell)
            }
        }
    }

    fn missed(&mut self, _mute: bool, _at: Stamp, _tell: &mut Vec<Event>) -> Next {
        (self.priced, self.told) = (false, false);
        Next::Missed
    }
}

/// Record 05: price, no tare, thirteen characters.
pub(in crate::scale) fn show_record(text: &str) -> Vec<u8> {
    let mut record = format!("\x04\x0205\x1B{PRICE}\x1B0000\x1B").into_bytes();
    let characters = text.chars().map(crate::scale::mt_sics::plain);
    record.extend(characters.chain(std::iter::repeat(b' ')).take(TEXT));
    record.push(0x03);
    record
}
