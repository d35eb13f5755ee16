//! The cable between practice scale and host, and what can be wrong with it. All faults are off unless
//! named. Pure: bytes and time in, bytes with the moment they are due out.

use std::collections::VecDeque;
use std::time::Duration;

use super::chance::Chance;
use crate::stamp::Stamp;

/// Something that goes wrong between scale and host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Before every other frame, a few bytes of noise.
    Garbage,
    /// Frames arrive in pieces of one to three bytes, 5 ms apart.
    Pieces,
    /// The scale says nothing in the last three of every ten seconds.
    Silence,
    /// In every fourth frame one byte arrives with its top bit turned over.
    Parity,
    /// Every fourth frame ends too early.
    Cut,
    /// Every frame comes 300 ms late.
    Late,
    /// The host hears its own bytes, as with a two-wire cable.
    Echo,
}

impl Fault {
    /// Every fault, in the order they are listed to people.
    pub const ALL: [Self; 7] =
        [Self::Garbage, Self::Pieces, Self::Silence, Self::Parity, Self::Cut, Self::Late, Self::Echo];

    /// The name it is chosen by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Garbage => "garbage",
            Self::Pieces => "pieces",
            Self::Silence => "silence",
            Self::Parity => "parity",
            Self::Cut => "cut",
            Self::Late => "late",
            Self::Echo => "echo",
        }
    }

    /// The fault of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|fault| fault.name() == name)
    }
}

/// Between two pieces of a frame: far below the 50 ms after which a host gives a frame up.
const BETWEEN_PIECES: Duration = Duration::from_millis(5);
const LATE: Duration = Duration::from_millis(300);
const SILENCE_EVERY: Duration = Duration::from_secs(10);
const SILENCE_FROM: Duration = Duration::from_secs(7);
/// What waits on the cable; a host that does not read loses what comes after, as on a real line.
const MOST_WAITING: usize = 4_096;

/// The cable: what the scale says goes in, what reaches the host comes out, each at its moment.
#[derive(Debug)]
pub struct Cable {
    faults: Vec<Fault>,
    chance: Chance,
    began: Stamp,
    waiting: VecDeque<(Stamp, u8)>,
}

impl Cable {
    /// A cable with these faults, plugged in at `began`.
    #[must_use]
    pub fn new(began: Stamp, faults: Vec<Fault>, seed: u64) -> Self {
        Self { faults, chance: Chance::new(seed), began, waiting: VecDeque::new() }
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// The host sent these bytes.
    pub fn heard(&mut self, now: Stamp, bytes: &[u8]) {
        if self.has(Fault::Echo) {
            for &byte in bytes {
                self.queue(now, byte);
            }
        }
    }

    /// The scale says one frame.
    pub fn say(&mut self, now: Stamp, frame: &[u8]) {
        if frame.is_empty() || (self.has(Fault::Silence) && self.is_silent(now)) {
            return;
        }
        let mut bytes = frame.to_vec();
        if self.has(Fault::Parity) && self.chance.once_in(4) {
            let struck = self.index_below(bytes.len());
            if let Some(byte) = bytes.get_mut(struck) {
                *byte ^= 0x80;
            }
        }
        if self.has(Fault::Cut) && self.chance.once_in(4) {
            let kept = self.index_below(bytes.len());
            bytes.truncate(kept);
        }
        if self.has(Fault::Garbage) && self.chance.once_in(2) {
            let noise = (0..self.chance.between(1, 6)).map(|_| self.chance.byte()).collect::<Vec<u8>>();
            bytes.splice(0..0, noise);
        }
        let mut due = if self.has(Fault::Late) { now + LATE } else { now };
        let mut left = u64::MAX;
        if self.has(Fault::Pieces) {
            left = self.chance.between(1, 3);
        }
        for byte in bytes {
            if left == 0 {
                due = due + BETWEEN_PIECES;
                left = self.chance.between(1, 3);
            }
            left -= 1;
            self.queue(due, byte);
        }
    }

    fn is_silent(&self, now: Stamp) -> bool {
        let within = now.since(self.began).as_nanos() % SILENCE_EVERY.as_nanos();
        within >= SILENCE_FROM.as_nanos()
    }

    fn index_below(&mut self, length: usize) -> usize {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        usize::try_from(self.chance.between(0, length.saturating_sub(1))).unwrap_or(0)
    }

    /// Bytes never overtake each other on a line.
    fn queue(&mut self, due: Stamp, byte: u8) {
        let due = self.waiting.back().map_or(due, |(last, _)| due.max(*last));
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push_back((due, byte));
        }
    }

    /// The bytes that reach the host by now.
    pub fn due(&mut self, now: Stamp) -> Vec<u8> {
        let count = self.waiting.iter().take_while(|(due, _)| *due <= now).count();
        self.waiting.drain(..count).map(|(_, byte)| byte).collect()
    }

    /// When the next byte reaches the host.
    #[must_use]
    pub fn next(&self) -> Option<Stamp> {
        self.waiting.front().map(|(due, _)| *due)
    }

    /// There is nobody at the other end: what was on its way is lost.
    pub fn drop_waiting(&mut self) {
        self.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: &[u8] = b"ST,GS,+  1.235kg\r\n";

    fn at(millis: u64) -> Stamp {
        Stamp::from_millis(millis)
    }

    fn cable(faults: &[Fault]) -> Cable {
        Cable::new(at(0), faults.to_vec(), 7)
    }

    /// The frames as the host gets them, `count` of them, one every 100 ms, each read out a second later.
    fn frames(faults: &[Fault], count: u64) -> Vec<Vec<u8>> {
        let mut cable = cable(faults);
        (0..count)
            .map(|index| {
                cable.say(at(index * 100), FRAME);
                cable.due(at(index * 100 + 1_000))
            })
            .collect()
    }

    #[test]
    fn a_good_cable_changes_nothing_and_waits_for_nothing() {
        let mut cable = cable(&[]);
        cable.say(at(5), FRAME);
        cable.heard(at(5), b"W");
        assert_eq!(cable.due(at(5)), FRAME);
        assert_eq!(cable.next(), None);
    }

    #[test]
    fn garbage_stands_before_whole_frames() {
        let heard = frames(&[Fault::Garbage], 100);
        assert!(heard.iter().all(|bytes| bytes.ends_with(FRAME)));
        let noisy = heard.iter().filter(|bytes| bytes.len() > FRAME.len()).count();
        assert!((20..80).contains(&noisy), "{noisy} of 100 frames had noise before them");
    }

    #[test]
    fn pieces_come_one_after_the_other_and_are_whole_together() {
        let mut cable = cable(&[Fault::Pieces]);
        cable.say(at(100), FRAME);
        let mut heard = Vec::new();
        let mut pieces = 0;
        while let Some(next) = cable.next() {
            assert_eq!(cable.due(next - Duration::from_nanos(1)), b"");
            let piece = cable.due(next);
            assert!((1..=3).contains(&piece.len()));
            heard.extend(piece);
            pieces += 1;
        }
        assert!(pieces >= FRAME.len() / 3);
        assert_eq!(heard, FRAME);
    }

    #[test]
    fn silence_parity_and_cuts_strike_and_pass() {
        let heard = frames(&[Fault::Silence], 100);
        assert_eq!(heard.iter().filter(|bytes| bytes.is_empty()).count(), 30);
        assert!(heard[69] == FRAME && heard[70].is_empty() && heard[99].is_empty());

        let heard = frames(&[Fault::Parity], 100);
        let struck: Vec<_> = heard.iter().filter(|bytes| bytes.as_slice() != FRAME).collect();
        assert!((10..50).contains(&struck.len()));
        assert!(struck.iter().all(|bytes| bytes.iter().filter(|byte| **byte >= 0x80).count() == 1));

        let heard = frames(&[Fault::Cut], 100);
        let cut: Vec<_> = heard.iter().filter(|bytes| bytes.len() < FRAME.len()).collect();
        assert!((10..50).contains(&cut.len()) && cut.iter().all(|bytes| FRAME.starts_with(bytes)));
    }

    #[test]
    fn late_frames_come_late_and_an_echo_comes_at_once() {
        let mut cable = cable(&[Fault::Late, Fault::Echo]);
        cable.heard(at(0), b"W");
        assert_eq!(cable.due(at(0)), b"W");
        cable.say(at(0), FRAME);
        assert_eq!(cable.due(at(299)), b"");
        assert_eq!(cable.due(at(300)), FRAME);
    }

    #[test]
    fn a_host_that_never_reads_costs_no_more_than_the_bound() {
        let mut cable = cable(&[Fault::Late]);
        for _ in 0..10_000 {
            cable.say(at(0), FRAME);
        }
        assert_eq!(cable.due(at(1_000)).len(), MOST_WAITING);
    }

    #[test]
    fn every_fault_is_found_by_its_name() {
        for fault in Fault::ALL {
            assert_eq!(Fault::named(fault.name()), Some(fault));
        }
        assert_eq!(Fault::named("none"), None);
    }
}
