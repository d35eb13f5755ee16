//! Frames between a start and an end character, both of seven bits.

use super::{Answer, Decoder, Frame, Garbled, Heard, Profile};

/// The bit that is clear in every character of seven bits.
pub(super) const BIT_7: u8 = 0x80;

/// How the frames of a family begin and end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope {
    /// The first character of every frame; it begins a new one wherever it stands.
    pub(super) start: u8,
    /// The characters that end a frame.
    pub(super) ends: &'static [u8],
    /// The length at which a frame is given up.
    pub(super) limit: usize,
    /// What a family makes of the bytes between start and end.
    pub(super) read: fn(&[u8], Profile) -> Heard,
    /// The answers of one character, which are heard between frames.
    pub(super) alone: fn(u8) -> Option<Answer>,
}

/// The decoder of a family whose frames stand in an envelope.
///
/// Bytes outside frames are ignored. Start and end are recognised with bit 7 set as well, so that a port with
/// the wrong framing yields one [`Garbled::Parity`] for each frame and not silence.
#[derive(Debug)]
pub(super) struct EnvelopeDecoder {
    envelope: Envelope,
    profile: Profile,
    held: Vec<u8>,
}

impl EnvelopeDecoder {
    pub(super) fn new(envelope: Envelope, profile: Profile) -> Self {
        Self { envelope, profile, held: Vec::with_capacity(envelope.limit) }
    }

    fn read(&self, raw: &[u8]) -> Heard {
        if raw.iter().any(|byte| byte & BIT_7 != 0) {
            return Heard::Garbled(Garbled::Parity);
        }
        let body = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
        (self.envelope.read)(body, self.profile)
    }
}

impl Decoder for EnvelopeDecoder {
    fn push(&mut self, byte: u8) -> Option<Frame> {
        let character = byte & !BIT_7;
        if character == self.envelope.start {
            self.held.clear();
            self.held.push(byte);
            return None;
        }
        if self.held.is_empty() {
            let heard = Heard::Answer((self.envelope.alone)(byte)?);
            return Some(Frame { raw: vec![byte], heard });
        }
        self.held.push(byte);
        if self.envelope.ends.contains(&character) {
            let raw = std::mem::take(&mut self.held);
            let heard = self.read(&raw);
            return Some(Frame { raw, heard });
        }
        if self.held.len() < self.envelope.limit {
            return None;
        }
        let raw = std::mem::take(&mut self.held);
        let heard = Heard::Garbled(Garbled::Endless(raw.len()));
        Some(Frame { raw, heard })
    }

    fn pending(&self) -> &[u8] {
        &self.held
    }

    fn reset(&mut self) {
        self.held.clear();
    }
}
