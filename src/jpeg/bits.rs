//! Entropy-coded data as bits, stuffing taken out and put in.

/// Bits held after [`Reader::refill`], at the least: any code with its extra bits (16 + 11) fits.
const HELD: u32 = 32;

/// Reads the bits of one run of entropy-coded data: up to its end, or to the next marker.
///
/// It is small and copied freely: loops work on a copy of their own, which stays in registers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    data: &'a [u8],
    /// The next bits, the first at the top. Below `held` stand either zeros or bits that come anyway.
    bits: u64,
    held: u32,
    /// How many of the bits held were made up behind the end.
    invented: u32,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self { data, bits: 0, held: 0, invented: 0 }
    }

    /// Takes in more bytes if few bits are left. Behind the end come zeros, as many as are wanted;
    /// [`Reader::finish`] tells whether some were used.
    #[inline]
    pub(super) fn refill(&mut self) {
        if self.held >= HELD {
            return;
        }
        if let Some((&chunk, _)) = self.data.split_first_chunk() {
            let word = u64::from_be_bytes(chunk);
            if !has_ff(word) {
                self.bits |= word >> self.held;
                let taken = usize::try_from((63 - self.held) / 8).unwrap_or_default();
                self.data = self.data.get(taken..).unwrap_or_default();
                self.held += 8 * ((63 - self.held) / 8);
                return;
            }
        }
        *self = self.refilled_bytewise();
    }

    #[cold]
    #[inline(never)]
    fn refilled_bytewise(mut self) -> Self {
        while self.held <= 56 {
            let byte = match *self.data {
                [0xFF, 0, ref rest @ ..] => {
                    self.data = rest;
                    0xFF
                }
                [] | [0xFF, ..] => {
                    self.invented += 8;
                    0
                }
                [byte, ref rest @ ..] => {
                    self.data = rest;
                    byte
                }
            };
            self.bits |= u64::from(byte) << (56 - self.held);
            self.held += 8;
        }
        self
    }

    /// The next bits, the first at the top: 32 at the least after a refill.
    #[inline]
    pub(super) const fn ahead(&self) -> u64 {
        self.bits
    }

    /// Leaves behind at most as many bits as a refill promises.
    #[inline]
    pub(super) const fn skip(&mut self, count: u32) {
        self.bits <<= count;
        self.held = self.held.saturating_sub(count);
    }

    /// Whether more bits were used than there are.
    pub(super) const fn is_overrun(&self) -> bool {
        self.held < self.invented
    }

    /// Ends a run: whether it held all bits that were read and no more than a byte's filling behind them;
    /// then the data from the next marker on.
    ///
    /// Some encoders fill up with zero bytes before the marker, so these are left out.
    pub(super) fn finish(self) -> Option<&'a [u8]> {
        let Self { data, bits, held, invented } = self.refilled_bytewise();
        let left = held.checked_sub(invented)?;
        let zeros = left < 8 || bits << (left % 8) == 0;
        let rest = data.iter().position(|&byte| byte != 0).unwrap_or(data.len());
        let rest = data.get(rest..)?;
        (zeros && (rest.is_empty() || rest.starts_with(&[0xFF]))).then_some(rest)
    }
}

/// Whether one of the eight bytes is `FF`.
#[inline]
const fn has_ff(word: u64) -> bool {
    const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    const ONE: u64 = 0x0101_0101_0101_0101;
    // Only `7F + 1` reaches a byte's top bit, so nothing carries into the next byte.
    ((word & LOW) + ONE) & word & !LOW != 0
}

/// Writes bits as entropy-coded data.
#[derive(Debug)]
pub(super) struct Writer {
    file: Vec<u8>,
    /// The last bits, the newest at the bottom; what stands above those held means nothing.
    bits: u64,
    /// Fewer than 64.
    held: u32,
}

impl Writer {
    /// Goes on behind what is already in the file.
    pub(super) const fn new(file: Vec<u8>) -> Self {
        Self { file, bits: 0, held: 0 }
    }

    /// Writes the lowest `count` bits, at most 32; the others are zero.
    #[inline]
    pub(super) fn put(&mut self, bits: u64, count: u32) {
        self.with_pen(|pen| pen.put(bits, count));
    }

    /// Writes much with a pen, whose bits stay in registers.
    #[inline]
    pub(super) fn with_pen<T>(&mut self, write: impl FnOnce(&mut Pen<'_>) -> T) -> T {
        let mut pen = Pen { file: &mut self.file, bits: self.bits, held: self.held };
        let written = write(&mut pen);
        (self.bits, self.held) = (pen.bits, pen.held);
        written
    }

    /// Fills the last byte with ones (T.81, F.1.2.3) and gives the file back.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let filling = (8 - self.held % 8) % 8;
        self.put((1 << filling) - 1, filling);
        let bytes = self.bits.to_be_bytes();
        for &byte in bytes.iter().skip(usize::try_from(8 - self.held / 8).unwrap_or_default()) {
            append_byte(&mut self.file, byte);
        }
        self.file
    }
}

/// Writes bits for a [`Writer`].
pub(super) struct Pen<'a> {
    file: &'a mut Vec<u8>,
    bits: u64,
    held: u32,
}

impl Pen<'_> {
    /// Writes the lowest `count` bits, at most 32; the others are zero.
    #[inline]
    pub(super) fn put(&mut self, bits: u64, count: u32) {
        let free = 64 - self.held;
        if count < free {
            self.bits = self.bits << count | bits;
            self.held += count;
        } else {
            // So few bits fill up only what holds some already, so that no shift is one by 64.
            self.held = count - free;
            append(self.file, self.bits << free | bits >> self.held);
            self.bits = bits;
        }
    }
}

#[inline]
fn append(file: &mut Vec<u8>, word: u64) {
    if has_ff(word) {
        append_bytewise(file, word);
    } else {
        file.extend_from_slice(&word.to_be_bytes());
    }
}

#[cold]
#[inline(never)]
fn append_bytewise(file: &mut Vec<u8>, word: u64) {
    for byte in word.to_be_bytes() {
        append_byte(file, byte);
    }
}

fn append_byte(file: &mut Vec<u8>, byte: u8) {
    file.push(byte);
    if byte == 0xFF {
        file.push(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_ff_is_found() {
        assert!(!has_ff(0xFE7F_80FE_0001_7E00));
        for place in 0..8 {
            assert!(has_ff(0xFF << (8 * place)));
            assert!(!has_ff(0x7F80_7F80_7F80_7F80_u64.rotate_left(8 * place)));
        }
    }

    #[test]
    fn what_is_behind_the_last_bit_is_looked_at() {
        let finish = |data: &'static [u8], used| {
            let mut reader = Reader::new(data);
            for _ in 0..used {
                reader.refill();
                reader.skip(1);
            }
            reader.finish()
        };
        assert_eq!(finish(&[0b1010_1111, 0xFF, 0xD9], 4), Some(&[0xFF, 0xD9][..]));
        assert_eq!(finish(&[0b1010_1111, 0, 0, 0xFF, 0xD9], 4), Some(&[0xFF, 0xD9][..]));
        assert_eq!(finish(&[0b1010_1111], 8), Some(&[][..]));
        assert_eq!(finish(&[0b1010_1111], 9), None);
        assert_eq!(finish(&[0b1010_1111, 0xFF, 0xD9], 9), None);
        assert_eq!(finish(&[0b1010_1111, 1, 0xFF, 0xD9], 4), None);
        assert_eq!(finish(&[0; 40], 4), Some(&[][..]));
        assert_eq!(finish(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 4), None);
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            values in proptest::collection::vec((any::<u32>(), 0..=27_u32, any::<bool>()), 0..300),
        ) {
            let mut writer = Writer::new(vec![7]);
            // Runs of ones make bytes that must be stuffed.
            let values: Vec<(u64, u32)> = values
                .into_iter()
                .map(|(bits, count, ones)| (if ones { u64::MAX } else { u64::from(bits) } & ((1 << count) - 1), count))
                .collect();
            for &(bits, count) in &values {
                writer.put(bits, count);
            }
            let file = writer.finish();
            prop_assert_eq!(file[0], 7);
            let stuffed = file[1..].windows(2).all(|pair| pair[0] != 0xFF || pair[1] == 0);
            prop_assert!(stuffed);
            let mut reader = Reader::new(&file[1..]);
            for &(bits, count) in &values {
                reader.refill();
                prop_assert_eq!((reader.ahead() >> 1) >> (63 - count), bits);
                reader.skip(count);
            }
            prop_assert_eq!(reader.finish(), Some(&[][..]));
        }
    }
}
