//! The conversation with one scale: what to send and when, and what the answers mean. Pure.
//!
//! A scale that streams is only listened to. A scale that answers is asked again unhurriedly while nothing
//! changes, and back to back as soon as something does, so that an idle lane costs nothing and a settling
//! load is seen at the speed of the line. Nothing is ever sent that changes the scale.

use std::time::Duration;

use super::{Answer, Decoder, Display, Family, Frame, Garbled, Heard, Profile, Reading, Stability, Talk};
use crate::stamp::Stamp;

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
/// How long a text may take to be accepted.
const TEXT_ANSWER: Duration = Duration::from_millis(500);

/// What the conversation tells the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A frame arrived; the moment is that of its last byte.
    Frame(Frame, Stamp),
    /// The scale has said nothing for too long.
    Silent(Stamp),
    /// What became of the text that was sent to the display.
    Shown(Result<(), NotShown>),
}

/// Why a text is not on the scale's display.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotShown {
    /// The scale refused it.
    #[error("the scale refused the text: {0}")]
    Refused(&'static str),
    /// The scale did not say that it took it.
    #[error("the scale did not confirm the text within {} ms", TEXT_ANSWER.as_millis())]
    NoAnswer,
    /// A newer text took its place before it was sent.
    #[error("a newer text took its place")]
    Superseded,
    /// The port is not open.
    #[error("the scale is not connected")]
    NotConnected,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes, then ask again.
    Send(Vec<u8>),
    /// Tell the agent, then ask again.
    Tell(Event),
    /// Listen until this moment, then ask again.
    ListenUntil(Stamp),
}

/// What was asked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Nothing is outstanding; the next request is due then.
    Idle { ask_at: Stamp },
    /// A request for the weight is outstanding.
    AwaitingWeight { asked: Stamp, until: Stamp },
    /// A text is outstanding; `told` if someone waits to hear what became of it.
    AwaitingText { until: Stamp, told: bool },
    /// An answer was missed: let the line fall quiet.
    Draining { since: Stamp },
}

/// A text for the display.
#[derive(Clone, Debug)]
struct Text {
    bytes: Vec<u8>,
    told: bool,
}

/// The conversation with one scale.
pub struct Dialogue {
    talk: Talk,
    display: Option<Display>,
    decoder: Box<dyn Decoder>,
    /// How long readings must stay the same before polling is unhurried.
    calm_after: Duration,
    turn: Turn,
    text: Option<Text>,
    missed: u32,
    silent: bool,
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
    pub fn begin(family: &Family, profile: &Profile, hold: Duration, now: Stamp) -> Self {
        Self {
            talk: family.talk,
            display: family.display,
            decoder: (family.decoder)(profile),
            calm_after: hold + Duration::from_secs(1),
            turn: Turn::Idle { ask_at: now },
            text: None,
            missed: 0,
            silent: false,
            last_byte: now,
            last_frame: now,
            last_reading: None,
            same_since: now,
        }
    }

    /// Queues a text for the display; the next free turn sends it. A text that still waits is superseded.
    pub fn show(&mut self, text: &str) -> Option<Event> {
        let display = self.display?;
        self.queue(Text { bytes: (display.show)(text), told: true })
    }

    /// Gives the display back to the weight.
    pub fn clear(&mut self) -> Option<Event> {
        let display = self.display?;
        self.queue(Text { bytes: display.clear.to_vec(), told: false })
    }

    fn queue(&mut self, text: Text) -> Option<Event> {
        let superseded = self.text.replace(text).is_some_and(|old| old.told);
        superseded.then_some(Event::Shown(Err(NotShown::Superseded)))
    }

    /// Takes a byte that arrived at that moment.
    pub fn hear(&mut self, byte: u8, at: Stamp) -> Vec<Event> {
        let mut events: Vec<Event> = self.cut_if_late(at).into_iter().collect();
        self.last_byte = at;
        if let Some(frame) = self.decoder.push(byte) {
            events.extend(self.take(frame, at));
        }
        events
    }

    fn take(&mut self, frame: Frame, at: Stamp) -> Vec<Event> {
        let mut events = Vec::new();
        match &frame.heard {
            Heard::Reading(reading) => {
                self.note(reading, at);
                self.answered(at);
            }
            Heard::Garbled(_) => {
                self.same_since = at;
                self.answered(at);
            }
            Heard::Answer(answer) => events.extend(self.take_answer(answer, at)),
        }
        if !matches!(frame.heard, Heard::Garbled(_)) {
            self.missed = 0;
            self.silent = false;
            self.last_frame = at;
        }
        events.push(Event::Frame(frame, at));
        events
    }

    /// Remembers since when the readings have been the same.
    fn note(&mut self, reading: &Reading, at: Stamp) {
        let still = reading.stability != Stability::Moving && self.last_reading.as_ref() == Some(reading);
        if !still {
            self.same_since = at;
        }
        self.last_reading = Some(reading.clone());
    }

    fn answered(&mut self, at: Stamp) {
        if let (Turn::AwaitingWeight { asked, .. }, Talk::Poll { unhurried, brisk, .. }) =
            (self.turn, self.talk)
        {
            let calm = at.since(self.same_since) >= self.calm_after;
            let ask_at = if calm { (asked + unhurried).max(at) } else { at + brisk };
            self.turn = Turn::Idle { ask_at };
        }
    }

    fn take_answer(&mut self, answer: &Answer, at: Stamp) -> Option<Event> {
        match self.turn {
            Turn::AwaitingText { told, .. } => {
                self.turn = Turn::Idle { ask_at: at };
                let verdict = if answer.refused { Err(NotShown::Refused(answer.word)) } else { Ok(()) };
                told.then_some(Event::Shown(verdict))
            }
            Turn::AwaitingWeight { .. } => {
                // An answer without a weight where one was asked for: ask again, unhurriedly.
                self.turn = Turn::Idle { ask_at: at + QUIET };
                None
            }
            Turn::Idle { .. } | Turn::Draining { .. } => None,
        }
    }

    fn cut_if_late(&mut self, at: Stamp) -> Option<Event> {
        if at.since(self.last_byte) > INTER_BYTE { self.cut() } else { None }
    }

    /// Gives up the frame that has begun, if one has.
    fn cut(&mut self) -> Option<Event> {
        let raw = self.decoder.pending().to_vec();
        if raw.is_empty() {
            return None;
        }
        self.decoder.reset();
        self.same_since = self.last_byte;
        Some(Event::Frame(Frame { raw, heard: Heard::Garbled(Garbled::Cut) }, self.last_byte))
    }

    /// What to do now.
    pub fn step(&mut self, now: Stamp) -> Step {
        if let Some(cut) = self.cut_if_late(now) {
            return Step::Tell(cut);
        }
        let next = match self.talk {
            Talk::Stream { silent_after } => self.step_stream(now, silent_after),
            Talk::Poll { .. } => self.step_poll(now),
        };
        match next {
            // A frame that has begun must be looked at again when it would be late.
            Step::ListenUntil(until) if !self.decoder.pending().is_empty() => {
                Step::ListenUntil(until.min(self.last_byte + INTER_BYTE + Duration::from_millis(1)))
            }
            step @ (Step::Send(_) | Step::Tell(_) | Step::ListenUntil(_)) => step,
        }
    }

    fn step_stream(&mut self, now: Stamp, silent_after: Duration) -> Step {
        if let Some(text) = self.text.take() {
            return Step::Send(text.bytes);
        }
        let due = self.last_frame + silent_after;
        if self.silent {
            return Step::ListenUntil(now + silent_after);
        }
        if now < due {
            return Step::ListenUntil(due);
        }
        self.silent = true;
        Step::Tell(Event::Silent(now))
    }

    fn step_poll(&mut self, now: Stamp) -> Step {
        let Talk::Poll { request, answer_within, .. } = self.talk else {
            return Step::ListenUntil(now);
        };
        match self.turn {
            Turn::Idle { ask_at } => {
                if let Some(Text { bytes, told }) = self.text.take() {
                    self.turn = Turn::AwaitingText { until: now + TEXT_ANSWER, told };
                    return Step::Send(bytes);
                }
                if now < ask_at {
                    return Step::ListenUntil(ask_at);
                }
                self.turn = Turn::AwaitingWeight { asked: now, until: now + answer_within };
                Step::Send(request.to_vec())
            }
            Turn::AwaitingWeight { until, .. } | Turn::AwaitingText { until, .. } if now < until => {
                Step::ListenUntil(until)
            }
            Turn::AwaitingText { told, .. } => {
                self.turn = Turn::Draining { since: now };
                if told {
                    Step::Tell(Event::Shown(Err(NotShown::NoAnswer)))
                } else {
                    Step::ListenUntil(now + QUIET)
                }
            }
            Turn::AwaitingWeight { .. } => {
                self.turn = Turn::Draining { since: now };
                self.missed = self.missed.saturating_add(1);
                self.same_since = now;
                if self.missed >= MISSED_POLLS && !self.silent {
                    self.silent = true;
                    return Step::Tell(Event::Silent(now));
                }
                Step::ListenUntil(now + QUIET)
            }
            Turn::Draining { since } => {
                let quiet_at = (since.max(self.last_byte) + QUIET).min(since + QUIET_LIMIT);
                if now < quiet_at {
                    return Step::ListenUntil(quiet_at);
                }
                self.turn = Turn::Idle { ask_at: now };
                if let Some(cut) = self.cut() {
                    return Step::Tell(cut);
                }
                self.step_poll(now)
            }
        }
    }
}
