//! A drawn camera: a plate with produce, the word SIMULATED, and the number of the frame in large digits.
//!
//! The picture is encoded a few times at the start, never per frame. Restart markers after every block of
//! the JPEG make each block independent of the others (ITU-T T.81, E.1.4), so a frame is put together by
//! copying: the still picture, and for each digit the blocks that show it.

mod canvas;

use std::rc::Rc;
use std::time::Duration;

use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder, EncodingError, SamplingFactor};

use super::desk::{Desk, Driver, End, Woken};
use super::pace::Pace;
use super::{Frame, PixelFormat, Settings};

/// Sharp edges of the digits stay readable, and a frame stays small.
const QUALITY: u8 = 85;

/// The camera that draws.
pub(super) struct Synthetic {
    width: u16,
    height: u16,
    pace: Pace,
    warm_up: Duration,
    sequence: u64,
}

impl Synthetic {
    pub(super) fn new(settings: &Settings) -> Self {
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
        Self {
            width: side(settings.width.get()),
            height: side(settings.height.get()),
            pace: Pace::new(settings.fps),
            warm_up: settings.warm_up,
            sequence: 0,
        }
    }
}

impl Driver for Synthetic {
    fn run(&mut self, desk: &Rc<Desk>) -> End {
        let film = match Film::draw(self.width, self.height) {
            Ok(film) => film,
            Err(error) => return End::Lost(format!("the synthetic camera cannot draw its picture: {error}")),
        };
        let warm_at = desk.clock.now() + self.warm_up;
        self.pace.start(desk.clock.now());
        loop {
            match desk.wait(None, self.pace.due()) {
                Woken::Stop => return End::Stopped,
                Woken::Device | Woken::Due => {}
            }
            let taken = desk.clock.now();
            self.pace.step(taken);
            self.sequence += 1;
            let mut bytes = desk.ring.buffer();
            film.frame(self.sequence, &mut bytes);
            desk.deliver(Frame {
                sequence: self.sequence,
                taken,
                format: PixelFormat::Jpeg,
                width: self.width.into(),
                height: self.height.into(),
                full_range: true,
                bytes,
                warming_up: taken < warm_at,
            });
        }
    }

    fn longest_pause(&self) -> Duration {
        Duration::from_secs(1)
    }
}

/// Everything a frame is put together from.
struct Film {
    /// The file up to the first block.
    head: Vec<u8>,
    /// The blocks in order, each without the restart marker that follows it.
    blocks: Vec<Block>,
}

/// One block of the picture, encoded.
enum Block {
    /// The same in every frame.
    Still(Vec<u8>),
    /// A part of a digit of the number: by the digit's value, which is the number divided by `worth`.
    Digit { worth: u64, shown: Vec<Vec<u8>> },
}

impl Film {
    fn draw(width: u16, height: u16) -> Result<Self, Undrawn> {
        let mut still = RgbImage::new(width.into(), height.into());
        canvas::plate(&mut still);
        let (head, blocks) = encode(&still)?;
        let mut blocks: Vec<Block> = blocks.into_iter().map(Block::Still).collect();
        let cells = canvas::cells(&still);
        for value in canvas::DIGITS {
            for cell in &cells {
                canvas::glyph(&mut still, value, cell);
            }
            let (_, drawn) = encode(&still)?;
            for (place, (block, drawn)) in blocks.iter_mut().zip(drawn).enumerate() {
                if let Some(cell) = cells.iter().find(|cell| cell.holds(place)) {
                    block.show(cell.worth, drawn);
                }
            }
        }
        Ok(Self { head, blocks })
    }

    /// Writes the frame with this number.
    fn frame(&self, number: u64, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.head);
        for (block, marker) in self.blocks.iter().zip((0xD0..=0xD7).cycle()) {
            bytes.extend_from_slice(block.encoded(number));
            bytes.extend_from_slice(&[0xFF, marker]);
        }
        // Behind the last block stands the end of the image instead of a restart.
        bytes.pop();
        bytes.push(EOI);
    }
}

impl Block {
    /// Adds what the block shows for the next value of its digit.
    fn show(&mut self, of: u64, drawn: Vec<u8>) {
        match self {
            Self::Still(_) => *self = Self::Digit { worth: of, shown: vec![drawn] },
            Self::Digit { shown, .. } => shown.push(drawn),
        }
    }

    fn encoded(&self, number: u64) -> &[u8] {
        match self {
            Self::Still(bytes) => bytes,
            Self::Digit { worth, shown } => {
                let digit = usize::try_from(number / worth % 10).unwrap_or_default();
                shown.get(digit).map(Vec::as_slice).unwrap_or_default()
            }
        }
    }
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
enum Undrawn {
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    #[error("the encoder wrote no image data")]
    NoScan,
}

const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;

/// Encodes a picture with a restart marker after every block, and takes it apart: the file up to the first
/// block, and the blocks.
fn encode(picture: &RgbImage) -> Result<(Vec<u8>, Vec<Vec<u8>>), Undrawn> {
    let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.set_restart_interval(1);
    encoder.encode(picture.as_raw(), side(picture.width()), side(picture.height()), ColorType::Rgb)?;
    let scan = scan(&file).ok_or(Undrawn::NoScan)?;
    let (head, data) = file.split_at_checked(scan).ok_or(Undrawn::NoScan)?;
    let mut blocks = vec![Vec::new()];
    let mut bytes = data.iter().copied();
    while let Some(byte) = bytes.next() {
        // Inside the data FF is followed by a stuffed zero; anything else is a marker.
        let marker = if byte == 0xFF { bytes.next() } else { None };
        match (marker, blocks.last_mut()) {
            (Some(0xD0..=0xD7), _) => blocks.push(Vec::new()),
            (Some(EOI), _) => break,
            (marker, Some(block)) => block.extend(std::iter::once(byte).chain(marker)),
            (_, None) => {}
        }
    }
    Ok((head.to_vec(), blocks))
}

/// Where the image data begins: behind the segment of the SOS marker.
fn scan(file: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        let &[_, marker, high, low] = file.get(at..)?.first_chunk()?;
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
        if marker == SOS {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::jpeg;

    fn decode(bytes: &[u8]) -> Vec<u8> {
        let bytes = zune_jpeg::zune_core::bytestream::ZCursor::new(bytes);
        zune_jpeg::JpegDecoder::new(bytes).decode().unwrap()
    }

    #[test]
    fn every_number_is_a_whole_picture_and_only_the_digits_differ() {
        for (width, height) in [(640, 360), (160, 120), (643, 361)] {
            let film = Film::draw(width, height).unwrap();
            let frame = |number: u64| {
                let mut bytes = Vec::new();
                film.frame(number, &mut bytes);
                assert_eq!(jpeg::whole(&bytes).unwrap().len(), bytes.len());
                decode(&bytes)
            };
            let pictures: HashSet<Vec<u8>> = (0..=11).map(frame).collect();
            assert_eq!(pictures.len(), 12);
            assert_eq!(frame(1), frame(1_000_000_001));
            let (one, two) = (frame(1), frame(2));
            let differing = one.iter().zip(&two).filter(|(a, b)| a != b).count();
            assert!(differing > 0 && differing < one.len() / 50, "{differing} of {} differ", one.len());
        }
    }

    #[test]
    fn a_spliced_frame_shows_what_encoding_it_whole_shows() {
        let film = Film::draw(640, 360).unwrap();
        let mut spliced = Vec::new();
        film.frame(7_034_512_689, &mut spliced);
        let mut picture = RgbImage::new(640, 360);
        canvas::plate(&mut picture);
        for (cell, digit) in canvas::cells(&picture).iter().zip("034512689".chars()) {
            canvas::glyph(&mut picture, digit, cell);
        }
        let mut whole = Vec::new();
        let mut encoder = Encoder::new(&mut whole, QUALITY);
        encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
        encoder.encode(&picture, 640, 360, ColorType::Rgb).unwrap();
        assert_eq!(decode(&spliced), decode(&whole));
    }
}
