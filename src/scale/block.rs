//! Frames of one fixed length, whose bytes may take any value.

use super::envelope::BIT_7;
use super::{Answer, Decoder, Frame, Garbled, Heard, Profile};

/// How the frames of a family are recognised by their structure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// The first byte of every frame.
    pub(super) starts: &'static [u8],
    /// The length of every frame.
    pub(super) length: usize,
    /// Whether every byte is a character of seven bits; bit 7 is then the sign of a wrong framing.
    pub(super) seven_bits: bool,
    /// Whether these first bytes of a frame, bit 7 aside, can still become one.
    pub(super) plausible: fn(&[u8]) -> bool,
    /// What a family makes of a whole frame.
    pub(super) read: fn(&[u8], Profile) -> Heard,
    /// The answers of one byte, which are heard between frames.
    pub(super) alone: fn(u8) -> Option<Answer>,
}

/// The decoder of a family whose frames are blocks.
///
/// A frame that cannot become one is given up at its next possible start, so that a false start in noise or
/// half a frame does not take the good one behind it along.
#[derive(Debug)]
pub(super) struct BlockDecoder {
    block: Block,
    profile: Profile,
    held: Vec<u8>,
}

impl BlockDecoder {
    pub(super) fn new(block: Block, profile: Profile) -> Self {
        Self { block, profile, held: Vec::with_capacity(block.length) }
    }

    fn character(&self, byte: u8) -> u8 {
        if self.block.seven_bits { byte & !BIT_7 } else { byte }
    }

    fn is_start(&self, byte: u8) -> bool {
        self.block.starts.contains(&self.character(byte))
    }

    fn is_plausible(&self) -> bool {
        let characters: Vec<u8> = self.held.iter().map(|&byte| self.character(byte)).collect();
        (self.block.plausible)(&characters)
    }

    /// Drops bytes up to the next start from which the rest is plausible; answers what was dropped.
    fn resynchronise(&mut self) -> Vec<u8> {
        let mut dropped = Vec::new();
        while !self.held.is_empty() && !self.is_plausible() {
            let next = self.held.iter().skip(1).position(|&byte| self.is_start(byte));
            dropped.extend(self.held.drain(..next.map_or(self.held.len(), |place| place + 1)));
        }
        dropped
    }

    fn read(&self, raw: &[u8]) -> Heard {
        if self.block.seven_bits && raw.iter().any(|byte| byte & BIT_7 != 0) {
            return Heard::Garbled(Garbled::Parity);
        }
        (self.block.read)(raw, self.profile)
    }
}

impl Decoder for BlockDecoder {
    fn push(&mut self, byte: u8) -> Option<Frame> {
        if self.held.is_empty() && !self.is_start(byte) {
            let heard = Heard::Answer((self.block.alone)(byte)?);
            return Some(Frame { raw: vec![byte], heard });
        }
        self.held.push(byte);
        let dropped = self.resynchronise();
        // a start that stands alone is noise or a doubled start, more than that was meant as a frame
        if dropped.len() > 2 {
            let heard =
                Heard::Garbled(Garbled::Layout("start, end and what lies between are not in their places"));
            return Some(Frame { raw: dropped, heard });
        }
        if self.held.len() < self.block.length {
            return None;
        }
        let mut raw = std::mem::take(&mut self.held);
        let heard = self.read(&raw);
        if heard == Heard::Garbled(Garbled::Checksum)
            && let Some(next) = raw.iter().skip(1).position(|&byte| self.is_start(byte))
        {
            // what looked like a start may have been noise right before the real one
            self.held = raw.split_off(next + 1);
            raw.extend(self.resynchronise());
        }
        Some(Frame { raw, heard })
    }

    fn pending(&self) -> &[u8] {
        &self.held
    }

    fn reset(&mut self) {
        self.held.clear();
    }
}
