//! The row of segments: markers, their payloads, and the entropy-coded data between them.

use wide::u8x16;

use super::Damage;

/// The markers' second bytes (T.81 table B.1).
pub(super) mod marker {
    /// Start of a baseline frame; the others of its kind run up to `CF`.
    pub(crate) const SOF0: u8 = 0xC0;
    pub(crate) const SOF1: u8 = 0xC1;
    pub(crate) const SOF2: u8 = 0xC2;
    pub(crate) const SOF15: u8 = 0xCF;
    pub(crate) const DHT: u8 = 0xC4;
    /// Reserved.
    pub(crate) const JPG: u8 = 0xC8;
    /// Conditioning of arithmetic coding.
    pub(crate) const DAC: u8 = 0xCC;
    pub(crate) const RST0: u8 = 0xD0;
    pub(crate) const RST7: u8 = 0xD7;
    pub(crate) const EOI: u8 = 0xD9;
    pub(crate) const SOS: u8 = 0xDA;
    pub(crate) const DQT: u8 = 0xDB;
    pub(crate) const DRI: u8 = 0xDD;
    pub(crate) const APP0: u8 = 0xE0;
    pub(crate) const APP14: u8 = 0xEE;
    pub(crate) const APP15: u8 = 0xEF;
    pub(crate) const COM: u8 = 0xFE;
}

/// A place in the file, moving forwards only.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Takes a marker and answers its second byte. Any number of `FF` may fill the room before it (B.1.1.2).
    pub(super) fn marker(&mut self) -> Result<u8, Damage> {
        let rest = self.rest();
        let filling = rest.iter().take_while(|&&byte| byte == 0xFF).count();
        match rest.get(filling) {
            None => Err(Damage::NoEnd),
            Some(0) => Err(Damage::NoMarker { offset: self.at }),
            Some(_) if filling == 0 => Err(Damage::NoMarker { offset: self.at }),
            Some(&marker) => {
                self.at += filling + 1;
                Ok(marker)
            }
        }
    }

    /// Takes the payload of a segment whose marker has just been taken.
    pub(super) fn payload(&mut self, marker: u8) -> Result<&'a [u8], Damage> {
        let malformed = Damage::Malformed { marker, offset: self.at.saturating_sub(2) };
        let (length, _) = self.rest().split_first_chunk().ok_or(Damage::NoEnd)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length < 2 {
            return Err(malformed);
        }
        let payload = self.rest().get(2..length).ok_or(Damage::NoEnd)?;
        self.at += length;
        Ok(payload)
    }

    /// Skips entropy-coded data up to the next marker, which is not taken.
    pub(super) fn skip_entropy(&mut self) -> Result<(), Damage> {
        let found = marker_in(self.rest()).ok_or(Damage::NoEnd)?;
        self.at += found;
        Ok(())
    }
}

/// Where the first `FF` is that no zero follows: a marker's, or one that fills the room before it.
///
/// Nearly every frame is searched from end to end, and about one byte in two hundred is a stuffed `FF`: looking at both
/// bytes of each place at once costs a third of going from one `FF` to the next.
fn marker_in(bytes: &[u8]) -> Option<usize> {
    let (_, behind) = bytes.split_first()?;
    let is_marker = |(&byte, &next): (&u8, &u8)| byte == 0xFF && next != 0;
    let (chunks, _) = bytes.as_chunks::<64>();
    let pairs = chunks.iter().zip(behind.as_chunks::<64>().0);
    let quiet = pairs.take_while(|(chunk, behind)| !has_marker(chunk, behind)).count();
    let (rest, behind) = (bytes.get(quiet * 64..)?, behind.get(quiet * 64..)?);
    rest.iter().zip(behind).position(is_marker).map(|place| quiet * 64 + place)
}

/// Whether one of 64 bytes is `FF` and the one behind it is not zero.
#[inline]
fn has_marker(bytes: &[u8; 64], behind: &[u8; 64]) -> bool {
    let pairs = bytes.as_chunks::<16>().0.iter().zip(behind.as_chunks::<16>().0);
    let found = pairs.fold(u8x16::ZERO, |found, (&bytes, &behind)| {
        let (is_ff, is_zero) =
            (u8x16::from(bytes).simd_eq(u8x16::splat(0xFF)), u8x16::from(behind).simd_eq(u8x16::ZERO));
        found | (is_ff & !is_zero)
    });
    found.any()
}

/// Appends a segment. None that is written here comes near the 65,533 bytes it can hold.
pub(super) fn append(file: &mut Vec<u8>, marker: u8, payload: &[&[u8]]) {
    let length = 2 + payload.iter().map(|part| part.len()).sum::<usize>();
    file.extend_from_slice(&[0xFF, marker]);
    file.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    for part in payload {
        file.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_wherever_it_stands_and_a_stuffed_byte_is_none() {
        for length in [0, 1, 2, 63, 64, 65, 66, 127, 128, 129, 200] {
            let stuffed: Vec<u8> = [0xFF, 0, 0, 7].into_iter().cycle().take(length).collect();
            assert_eq!(marker_in(&stuffed), None, "{length}");
            for place in 0..length.saturating_sub(1) {
                let mut bytes = stuffed.clone();
                bytes[place..place + 2].copy_from_slice(&[0xFF, 0xD9]);
                // An FF before it belongs to it.
                let filled = place > 0 && bytes[place - 1] == 0xFF;
                assert_eq!(marker_in(&bytes), Some(place - usize::from(filled)), "{length}");
            }
        }
        // The last byte has nothing behind it that could make it a marker.
        assert_eq!(marker_in(&[0, 0xFF]), None);
        assert_eq!(marker_in(&[0, 0xFF, 0xFF, 0xD9]), Some(1));
    }
}
