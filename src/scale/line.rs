//! Frames that are lines: everything up to a line feed, or to a carriage return where a family has only that.

use super::envelope::BIT_7;
use super::{Decoder, Frame, Garbled, Heard, Profile};

/// Ends a line.
const LF: u8 = 0x0A;

/// Stands before the line feed, where a scale sends both.
const CR: u8 = 0x0D;

/// Say that the scale's buffer has room again, or has none; sent between lines where its handshake is on, which
/// many makers deliver it with.
const XON: u8 = 0x11;
const XOFF: u8 = 0x13;

/// The line feed of a scale with odd parity at a port that reads eight bits. It ends a line only behind a
/// carriage return, because CAS indicators send a lamp byte that may look the same.
const ODD_LF: u8 = LF | BIT_7;

/// Makes lines out of bytes and holds no more than its limit.
#[derive(Debug)]
pub(super) struct Lines {
    held: Vec<u8>,
    limit: usize,
    end: u8,
    /// A line went over the limit: what follows belongs to it until the next line feed.
    adrift: bool,
}

/// What a byte completed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// A line with its end.
    Line(Vec<u8>),
    /// The part of a line that reached the limit.
    Overlong(Vec<u8>),
}

impl Lines {
    pub(super) fn up_to(limit: usize) -> Self {
        Self { held: Vec::with_capacity(limit), limit, end: LF, adrift: false }
    }

    /// Lines that end in a carriage return; a line feed behind it says nothing.
    pub(super) fn ending_in_cr(limit: usize) -> Self {
        Self { end: CR, ..Self::up_to(limit) }
    }

    fn ends(&self, byte: u8) -> bool {
        if self.end == CR {
            return byte & !BIT_7 == CR;
        }
        byte == LF || (byte == ODD_LF && self.held.last().is_some_and(|last| last & !BIT_7 == CR))
    }

    pub(super) fn push(&mut self, byte: u8) -> Option<Ended> {
        let ends = self.ends(byte);
        if self.adrift {
            self.adrift = !ends;
            return None;
        }
        if self.end == CR && self.held.is_empty() && byte & !BIT_7 == LF {
            return None;
        }
        self.held.push(byte);
        if ends {
            return Some(Ended::Line(std::mem::take(&mut self.held)));
        }
        if self.held.len() < self.limit {
            return None;
        }
        self.adrift = true;
        Some(Ended::Overlong(std::mem::take(&mut self.held)))
    }

    /// Whether the next byte is the first of a line.
    pub(super) fn at_start(&self) -> bool {
        self.held.is_empty() && !self.adrift
    }

    pub(super) fn held(&self) -> &[u8] {
        &self.held
    }

    pub(super) fn reset(&mut self) {
        self.held.clear();
        self.adrift = false;
    }
}

/// What a family makes of a line of seven-bit characters without its end; nothing for a line that says nothing.
pub(super) type ReadLine = fn(&[u8], Profile) -> Option<Heard>;

/// The decoder of a family whose frames are lines of seven-bit characters.
#[derive(Debug)]
pub(super) struct LineDecoder {
    lines: Lines,
    profile: Profile,
    read: ReadLine,
}

impl LineDecoder {
    pub(super) fn new(lines: Lines, profile: Profile, read: ReadLine) -> Self {
        Self { lines, profile, read }
    }
}

impl Decoder for LineDecoder {
    fn push(&mut self, byte: u8) -> Option<Frame> {
        if self.lines.at_start() && matches!(byte, XON | XOFF) {
            return None;
        }
        match self.lines.push(byte)? {
            Ended::Line(raw) => {
                let heard = if raw.iter().any(|byte| byte & BIT_7 != 0) {
                    Heard::Garbled(Garbled::Parity)
                } else {
                    (self.read)(without_end(&raw), self.profile)?
                };
                Some(Frame { raw, heard })
            }
            Ended::Overlong(raw) => {
                let heard = Heard::Garbled(Garbled::Endless(raw.len()));
                Some(Frame { raw, heard })
            }
        }
    }

    fn pending(&self) -> &[u8] {
        self.lines.held()
    }

    fn reset(&mut self) {
        self.lines.reset();
    }
}

/// The line without its line feed and the one carriage return before it, where they are.
pub(super) fn without_end(raw: &[u8]) -> &[u8] {
    let line = raw.strip_suffix(&[LF]).unwrap_or(raw);
    line.strip_suffix(&[CR]).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(limit: usize, bytes: &[u8]) -> Vec<Ended> {
        let mut lines = Lines::up_to(limit);
        bytes.iter().filter_map(|&byte| lines.push(byte)).collect()
    }

    #[test]
    fn a_line_may_be_as_long_as_the_limit() {
        assert_eq!(ends(4, b"abc\n"), [Ended::Line(b"abc\n".to_vec())]);
        assert_eq!(ends(4, b"abcd\n"), [Ended::Overlong(b"abcd".to_vec())]);
    }

    #[test]
    fn an_endless_line_is_said_once_and_ends_at_the_next_line_feed() {
        let expected = [Ended::Overlong(b"abcd".to_vec()), Ended::Line(b"x\n".to_vec())];
        assert_eq!(ends(4, b"abcdefghijklm\nx\n"), expected);
    }

    #[test]
    fn a_line_feed_with_a_parity_bit_ends_a_line_behind_a_carriage_return() {
        assert_eq!(ends(9, b"a\r\x8A"), [Ended::Line(b"a\r\x8A".to_vec())]);
        assert_eq!(ends(9, b"a\x8A,b\n"), [Ended::Line(b"a\x8A,b\n".to_vec())]);
    }

    #[test]
    fn a_line_feed_behind_the_end_says_nothing() {
        let mut lines = Lines::ending_in_cr(9);
        let ended: Vec<Ended> = b"a\rb\r\nc\x8D".iter().filter_map(|&byte| lines.push(byte)).collect();
        let line = |text: &[u8]| Ended::Line(text.to_vec());
        assert_eq!(ended, [line(b"a\r"), line(b"b\r"), line(b"c\x8D")]);
        assert!(lines.held().is_empty());
    }

    #[test]
    fn the_end_is_a_line_feed_with_or_without_a_carriage_return() {
        assert_eq!(without_end(b"ab\r\n"), b"ab");
        assert_eq!(without_end(b"ab\n"), b"ab");
        assert_eq!(without_end(b"a\r\r\n"), b"a\r");
    }
}
