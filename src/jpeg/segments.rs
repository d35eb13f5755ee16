//! The row of segments: markers, their payloads, and the entropy-coded data between them.

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
        loop {
            let rest = self.rest();
            let found = memchr::memchr(0xFF, rest).ok_or(Damage::NoEnd)?;
            match rest.get(found + 1) {
                None => return Err(Damage::NoEnd),
                Some(0) => self.at += found + 2,
                Some(_) => {
                    self.at += found;
                    return Ok(());
                }
            }
        }
    }
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
