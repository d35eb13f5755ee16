//! The conversation with one scale: what to send and when, and what the answers mean. Pure.
//!
//! A scale that streams is only listened to. A scale that answers is asked again unhurriedly while nothing
//! changes, and back to back as soon as something does, so that an idle lane costs nothing and a settling
//! load is seen at the speed of the line. Nothing is sent that changes the scale unless a sink of the settings orders it.

mod words;
mod writing;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

pub use words::{Bar, Event, Step};

use super::custom::Custom;
use super::exchange::{Exchange, Next, Question, Terms};
use super::write::{ANSWER, Confirmed, Kind, NO_ANSWER, NotWritten, Task, Write, Writes};
use super::{Decoder, Family, Frame, Garbled, Heard, Profile, Reading, Stability, Talk};
use crate::stamp::Stamp;
use crate::weight::Quantity;

/// The shortest time from one question to the next. At 9600 baud an answer takes twice as long; a scale on USB answers
/// within a millisecond, and asking it thousands of times a second tells nothing new and keeps a small box busy.
const QUICKEST: Duration = Duration::from_millis(10);

/// A frame whose next byte is later than this was cut. FTDI adapters hold bytes back for up to 16 ms and a
/// loaded USB bus adds to it, so this is well above both.
const INTER_BYTE: Duration = Duration::from_millis(100);
/// After a missed answer the line must be quiet for this long before the next request, so that a late
/// answer is never taken for the answer to a later question.
const QUIET: Duration = Duration::from_millis(50);
/// … but a line that never falls quiet is asked again after this.
const QUIET_LIMIT: Duration = Duration::from_millis(500);
/// So many missed answers in a row mean that the cable is out or the scale is off.
const MISSED_POLLS: u32 = 5;

/// What was asked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Nothing is outstanding; the next request is due then.
    Idle { ask_at: Stamp },
    /// An answer is outstanding; `mute` while not one byte of it has come.
    Awaiting { asked: Asked, until: Stamp, mute: bool },
    /// An answer was missed: let the line fall quiet.
    Draining { since: Stamp },
}

/// What an answer is awaited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    /// A question for the weight, begun then.
    Weight(Stamp),
    /// Something written; `told` if someone waits to hear what became of it.
    Write { kind: Kind, confirmed: Confirmed, told: bool },
}

/// The conversation with one scale.
pub struct Dialogue {
    talk: Talk,
    writes: Writes,
    profile: Profile,
    decoder: Box<dyn Decoder>,
    script: Box<dyn Exchange>,
    /// How long readings must stay the same before polling is unhurried.
    calm_after: Duration,
    turn: Turn,
    /// What is to be written: one of each kind at most.
    orders: VecDeque<Task>,
    /// What the scale last sent, for the unit and the decimal places that it takes its orders in.
    seen: Option<Quantity>,
    /// What the exchange says next.
    saying: Option<Vec<u8>>,
    /// What the agent is told before anything else happens.
    telling: VecDeque<Event>,
    missed: u32,
    silent: bool,
    /// The next report was left from before the port was opened.
    stale: bool,
    last_byte: Stamp,
    last_frame: Stamp,
    last_reading: Option<Reading>,
    same_since: Stamp,
}

impl std::fmt::Debug for Dialogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialogue")
            .field("turn", &self.turn)
            .field("missed", &self.missed)
            .finish_non_exhaustive()
    }
}

impl Dialogue {
    /// A conversation that begins now on a line that was just opened. `hold` is the longest time that the
    /// settling of a load may take after its last change; polling stays brisk for that long.
    #[must_use]
    pub fn begin(family: &Family, profile: &Profile, terms: &Terms, hold: Duration, now: Stamp) -> Self {
        let talk = terms.custom.as_ref().map_or(family.talk_of(profile.model), |rules| rules.talk());
        let script: Box<dyn Exchange> = match talk {
            Talk::Poll { request, .. } => Box::new(Question(request)),
            Talk::Converse { script, .. } => script(terms, profile),
            Talk::Stream { .. } | Talk::Reports => Box::new(Question(b"")),
        };
        Self {
            talk,
            writes: family.writes_of(profile.model),
            profile: *profile,
            decoder: match &terms.custom {
                Some(rules) => Box::new(Custom::new(Arc::clone(rules), *profile)),
                None => (family.decoder)(profile),
            },
            script,
            calm_after: hold + Duration::from_secs(1),
            turn: Turn::Idle { ask_at: now },
            orders: VecDeque::new(),
            seen: None,
            saying: None,
            telling: VecDeque::new(),
            missed: 0,
            silent: false,
            stale: matches!(talk, Talk::Reports),
            last_byte: now,
            last_frame: now,
            last_reading: None,
            same_since: now,
        }
    }

    /// Takes a byte that arrived at that moment.
    pub fn hear(&mut self, byte: u8, at: Stamp) -> Vec<Event> {
        let mut events = Vec::new();
        self.cut_if_late(at, &mut events);
        self.last_byte = at;
        if let Turn::Awaiting { mute, .. } = &mut self.turn {
            *mute = false;
        }
        if let Some(frame) = self.decoder.push(byte) {
            self.take(frame, at, &mut events);
        }
        events
    }

    /// Takes a whole report that arrived at that moment: no frame reaches over its ends.
    pub fn hear_report(&mut self, report: &[u8], at: Stamp) -> Vec<Event> {
        let mut events = Vec::new();
        self.fell_silent(&mut events);
        for &byte in report {
            events.extend(self.hear(byte, at));
        }
        self.fell_silent(&mut events);
        if !events.is_empty() && std::mem::take(&mut self.stale) {
            events.remove(0);
        }
        events
    }

    fn take(&mut self, frame: Frame, at: Stamp, events: &mut Vec<Event>) {
        match &frame.heard {
            Heard::Reading(reading) => self.note(reading, at),
            Heard::Garbled(_) => self.same_since = at,
            Heard::Answer(_) => {}
        }
        if !matches!(frame.heard, Heard::Garbled(_)) {
            self.alive(at);
        }
        match self.turn {
            Turn::Awaiting { asked, .. } => {
                let next = match asked {
                    Asked::Write { confirmed, .. } if confirmed != Confirmed::ByScript => {
                        writing::hear(confirmed, frame, at, events)
                    }
                    Asked::Weight(_) | Asked::Write { .. } => self.script.hear(frame, at, events),
                };
                self.go_on(next, at, events);
            }
            Turn::Idle { .. } | Turn::Draining { .. } => self.script.overhear(frame, at, events),
        }
    }

    fn alive(&mut self, at: Stamp) {
        self.missed = 0;
        self.silent = false;
        self.last_frame = at;
    }

    /// Remembers since when the readings have been the same.
    fn note(&mut self, reading: &Reading, at: Stamp) {
        let still = reading.stability != Stability::Moving && self.last_reading.as_ref() == Some(reading);
        if !still {
            self.same_since = at;
        }
        self.seen = reading.quantity.or(self.seen);
        self.last_reading = Some(reading.clone());
    }

    /// From one question to the next, unhurried and brisk, and how long an answer may take.
    const fn pace(&self) -> (Duration, Duration, Duration) {
        match self.talk {
            Talk::Poll { unhurried, brisk, answer_within, .. }
            | Talk::Converse { unhurried, brisk, answer_within, .. } => (unhurried, brisk, answer_within),
            Talk::Stream { .. } | Talk::Reports => (QUIET, QUIET, ANSWER),
        }
    }

    /// The answer did not come.
    fn missed(&mut self, asked: Asked, mute: bool, now: Stamp, events: &mut Vec<Event>) -> Next {
        match asked {
            Asked::Write { confirmed: Confirmed::ByNothing, .. } => Next::Done,
            Asked::Write { confirmed: Confirmed::ByAnswer | Confirmed::ByReading, .. } => Next::Missed,
            Asked::Weight(_) | Asked::Write { .. } => match self.script.missed(mute, now, events) {
                // There is nothing left to wait for.
                Next::Wait | Next::WaitFor(_) => Next::Missed,
                next @ (Next::Say(_) | Next::Done | Next::Refused(_) | Next::Missed) => next,
            },
        }
    }

    /// Does what the exchange says.
    fn go_on(&mut self, next: Next, at: Stamp, events: &mut Vec<Event>) {
        let (unhurried, brisk, answer_within) = self.pace();
        let Turn::Awaiting { asked, until, mute } = self.turn else { return };
        self.turn = match (next, asked) {
            (Next::Wait, _) => Turn::Awaiting { asked, until, mute },
            (Next::WaitFor(limit), _) => Turn::Awaiting { asked, until: at + limit, mute },
            (Next::Say(bytes), _) => {
                self.saying = Some(bytes);
                Turn::Awaiting { asked, until: at + answer_within, mute: true }
            }
            (Next::Done, Asked::Weight(asked)) => {
                let calm = at.since(self.same_since) >= self.calm_after;
                let next =
                    if calm { (asked + unhurried).max(at) } else { (asked + QUICKEST).max(at + brisk) };
                Turn::Idle { ask_at: next }
            }
            (Next::Refused(_), Asked::Weight(_)) => Turn::Idle { ask_at: at + QUIET },
            (Next::Missed, Asked::Weight(_)) => {
                self.missed = self.missed.saturating_add(1);
                self.same_since = at;
                if self.missed >= MISSED_POLLS && !self.silent {
                    self.silent = true;
                    events.push(Event::Silent(at));
                }
                Turn::Draining { since: at }
            }
            (next @ (Next::Done | Next::Refused(_) | Next::Missed), Asked::Write { kind, told, .. }) => {
                writing::done(&next, kind, told, at, events)
            }
        };
    }

    fn cut_if_late(&mut self, at: Stamp, events: &mut Vec<Event>) {
        if at.since(self.last_byte) > INTER_BYTE {
            self.fell_silent(events);
        }
    }

    /// Ends the frame that has begun, if one has: it is whole if it only waited for an end that not every scale
    /// sends, otherwise it is cut.
    fn fell_silent(&mut self, events: &mut Vec<Event>) {
        let raw = self.decoder.pending().to_vec();
        if raw.is_empty() {
            return;
        }
        if let Some(frame) = self.decoder.silence() {
            self.take(frame, self.last_byte, events);
        } else {
            self.same_since = self.last_byte;
            events.push(Event::Frame(Frame { raw, heard: Heard::Garbled(Garbled::Cut) }, self.last_byte));
        }
    }

    /// What to do now.
    pub fn step(&mut self, now: Stamp) -> Step {
        let mut events = Vec::new();
        self.cut_if_late(now, &mut events);
        self.telling.extend(events);
        if let Some(event) = self.telling.pop_front() {
            return Step::Tell(event);
        }
        if let Some(bytes) = self.saying.take() {
            return Step::Send(bytes);
        }
        let next = match self.turn {
            Turn::Idle { ask_at } => self.step_idle(ask_at, now),
            Turn::Awaiting { until, .. } if now < until => Step::ListenUntil(until),
            Turn::Awaiting { asked, mute, .. } => {
                let mut events = Vec::new();
                let next = self.missed(asked, mute, now, &mut events);
                self.go_on(next, now, &mut events);
                self.telling.extend(events);
                return self.step(now);
            }
            Turn::Draining { since } => {
                let quiet_at = (since.max(self.last_byte) + QUIET).min(since + QUIET_LIMIT);
                if now < quiet_at {
                    return Step::ListenUntil(quiet_at);
                }
                self.turn = Turn::Idle { ask_at: now };
                let mut events = Vec::new();
                self.fell_silent(&mut events);
                self.telling.extend(events);
                return self.step(now);
            }
        };
        match next {
            // A frame that has begun must be looked at again when it would be late.
            Step::ListenUntil(until) if !self.decoder.pending().is_empty() => {
                Step::ListenUntil(until.min(self.last_byte + INTER_BYTE + Duration::from_millis(1)))
            }
            step @ (Step::Send(_) | Step::Tell(_) | Step::ListenUntil(_)) => step,
        }
    }

    fn step_idle(&mut self, ask_at: Stamp, now: Stamp) -> Step {
        if let Some(step) = self.write(now) {
            return step;
        }
        match self.talk {
            Talk::Reports => Step::ListenUntil(now + QUIET_LIMIT),
            Talk::Stream { silent_after } if self.silent => Step::ListenUntil(now + silent_after),
            Talk::Stream { silent_after } if now < self.last_frame + silent_after => {
                Step::ListenUntil(self.last_frame + silent_after)
            }
            Talk::Stream { .. } => {
                self.silent = true;
                Step::Tell(Event::Silent(now))
            }
            Talk::Poll { .. } | Talk::Converse { .. } if now < ask_at => Step::ListenUntil(ask_at),
            Talk::Poll { answer_within, .. } | Talk::Converse { answer_within, .. } => {
                if let Some(until) = self.script.hold_off(now) {
                    return Step::ListenUntil(until);
                }
                let question = self.script.begin(&Task::Weigh);
                self.send(question, Asked::Weight(now), answer_within, now)
            }
        }
    }

    fn send(&mut self, bytes: Vec<u8>, asked: Asked, limit: Duration, now: Stamp) -> Step {
        self.turn = Turn::Awaiting { asked, until: now + limit, mute: true };
        Step::Send(bytes)
    }
}
