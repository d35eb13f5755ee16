//! Checkout-Dialog: a price first, then the question for the result, and after a no the question why.
//!
//! A result is given once for each load; "not moved since" afterwards is the scale's own word that the load is
//! still the same. Before it trusts a till the scale may demand checksums; without them it does not weigh.

use super::{Checksums, Exchange, Next, Task};
use crate::scale::dialogue::{Bar, Event};
use crate::scale::write::in_its_words;
use crate::scale::{Frame, Heard, Profile, Reading};
use crate::stamp::Stamp;
use crate::weight::Quantity;

/// "The result?"
const ASK: &[u8] = b"\x04\x05";
/// "Why not?"
const WHY: &[u8] = b"\x04\x0208\x03";
/// Zero is a bad price on some scales, so one cent stands for no price.
const NO_PRICE: u32 = 1;
/// "Not ready" is answered by the same question so many times; then the price is taken for lost.
const PATIENCE: u32 = 10;
/// Characters of a text in records 04 and 05.
const TEXT: usize = 13;
/// Characters of the long text in Dibal's record 80.
const LONG_TEXT: usize = 21;

pub(in crate::scale) struct Dialog {
    checksums: Option<Checksums>,
    step: Step,
    showing: bool,
    /// What makers differ in: the digits of a price, and the record that takes a text.
    dialect: Dialect,
    /// The text that goes with the price.
    text: Option<String>,
    /// The unit price that the site wants.
    price: u32,
    /// The tare that the site wants, in the scale's last places.
    tare: Option<u64>,
    profile: Profile,
    /// What the scale last sent.
    seen: Option<Quantity>,
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

/// What makers differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// Six digits of price, thirteen characters of text.
    Usual,
    /// Five digits of price, as the oldest scales have.
    ShortPrice,
    /// A record of its own for a long text: Dibal, to Sharp UP-800.
    Dibal,
}

impl Dialog {
    pub(in crate::scale) fn new(checksums: Option<Checksums>, profile: &Profile) -> Self {
        let dialect = match profile.model.map(|model| model.name) {
            Some("02") => Dialect::ShortPrice,
            Some("dibal") => Dialect::Dibal,
            _ => Dialect::Usual,
        };
        Self {
            checksums,
            dialect,
            price: NO_PRICE,
            tare: None,
            profile: *profile,
            seen: None,
            step: Step::Price,
            showing: false,
            text: None,
            priced: false,
            not_ready: 0,
            told: false,
            checksums_sent: 0,
        }
    }

    /// The record for what the site wants: 01 with a price alone, 03 with a tare, 05 with a text, 80 for a Dibal.
    fn record(&mut self) -> Vec<u8> {
        self.step = Step::Price;
        self.priced = false;
        let price = match self.dialect {
            Dialect::Usual | Dialect::Dibal => format!("{:06}", self.price),
            Dialect::ShortPrice => format!("{:05}", self.price),
        };
        let tare = self.tare.map(|tare| format!("{tare:04}"));
        let mut record = vec![0x04, 0x02];
        match (&self.text, self.dialect, tare) {
            (Some(text), Dialect::Dibal, None) => {
                record.extend_from_slice(b"80\x1B");
                record.extend(filled(text, LONG_TEXT));
                record.extend_from_slice(format!("\x1B{price}\x1B{:06}", self.amount()).as_bytes());
            }
            (Some(text), _, tare) => {
                let tare = tare.unwrap_or_else(|| "0000".to_owned());
                record.extend_from_slice(format!("05\x1B{price}\x1B{tare}\x1B").as_bytes());
                record.extend(filled(text, TEXT));
            }
            (None, _, Some(tare)) => record.extend_from_slice(format!("03\x1B{price}\x1B{tare}").as_bytes()),
            (None, _, None) => record.extend_from_slice(format!("01\x1B{price}\x1B").as_bytes()),
        }
        record.push(0x03);
        record
    }

    /// What the goods on the plate cost at the site's price; zero while either is not known.
    fn amount(&self) -> u64 {
        let Some(seen) = self.seen.filter(|_| self.price > NO_PRICE) else { return 0 };
        let grain = 10_u64.saturating_pow(u32::from(seen.decimals()));
        (seen.digits().saturating_mul(self.price.into()).saturating_add(grain / 2) / grain).min(999_999)
    }

    /// Takes note of an order. A price or tare that has no words is left out: nothing, so that it is not sent.
    fn note(&mut self, task: &Task) -> Option<()> {
        match task {
            Task::Weigh | Task::Beep => {}
            Task::Show(text) => self.text = Some(text.clone()),
            Task::Clear => self.text = None,
            Task::Price(minor) => {
                let most = if self.dialect == Dialect::ShortPrice { 99_999 } else { 999_999 };
                self.price = Some(*minor).filter(|minor| *minor <= most)?.max(NO_PRICE);
            }
            Task::Tare(tare) => {
                let words = in_its_words(*tare, self.seen, &self.profile)?;
                self.tare = Some(Some(words.digits()).filter(|digits| *digits <= 9_999)?);
            }
        }
        Some(())
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
            (Step::Checksums, "checksums-accepted") => Next::Say(self.record()),
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
            // Whatever it was that the scale did not like must not spoil the next question.
            (self.text, self.price, self.tare) = (None, NO_PRICE, None);
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
        self.seen = reading.quantity.or(self.seen);
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
            order @ (Task::Weigh
            | Task::Show(_)
            | Task::Clear
            | Task::Price(_)
            | Task::Tare(_)
            | Task::Beep) => {
                if self.note(order).is_none() {
                    return Vec::new();
                }
            }
        }
        self.record()
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

/// A text filled to its length.
fn filled(text: &str, length: usize) -> impl Iterator<Item = u8> {
    text.chars().map(crate::scale::mt_sics::plain).chain(std::iter::repeat(b' ')).take(length)
}
