//! Planes of samples as a baseline file: one scan, the standard tables.

use wide::{bytemuck, f32x4};

use super::bits::Writer;
use super::decode::zigzag;
use super::header::{Coding, Component, Header};
use super::lanes::{SCALES, eight_coefficients, numbers, rounded, sums, transposed, whole};
use super::plane::length;
use super::segments::{append, marker};
use super::symbols::Symbols;
use super::{EOI, Plane, SOI, STANDARD_TABLES};

/// Why planes make no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Uncodable {
    /// A side is zero, or longer than a JPEG header can say.
    #[error("a picture of {width}x{height} cannot be coded: each side must have 1 to 65535 pixels")]
    Size {
        /// Samples across the luminance.
        width: u32,
        /// Samples down.
        height: u32,
    },
    /// There is neither one plane nor three, or chrominance is neither whole nor halved.
    #[error("the planes of luminance and chrominance do not fit each other")]
    Planes,
}

/// Codes luminance alone, or luminance with blue and red difference. The chrominance planes have the size of the
/// luminance, or half of that in one or both directions; odd sizes are halved upwards.
///
/// `quality` is from 1 to 100 in the scale of the IJG library; values outside are taken as the nearest.
pub fn encode(planes: &[&Plane], quality: u8) -> Result<Vec<u8>, Uncodable> {
    let (luma, chroma) = planes.split_first().ok_or(Uncodable::Planes)?;
    let (across, down) = match chroma {
        [] => (1, 1),
        [blue, red] if (blue.width, blue.height) == (red.width, red.height) => {
            (ratio(luma.width, blue.width)?, ratio(luma.height, blue.height)?)
        }
        _ => return Err(Uncodable::Planes),
    };
    let side = |pixels| u16::try_from(pixels).ok().filter(|&pixels| pixels > 0);
    let refused = Uncodable::Size { width: luma.width, height: luma.height };
    let (width, height) = side(luma.width).zip(side(luma.height)).ok_or(refused)?;
    let steps = [scaled(&LUMINANCE, quality), scaled(&CHROMINANCE, quality)];
    // Half a byte a pixel holds nearly every picture at quality 90; larger ones grow.
    let mut file = Vec::with_capacity(length(luma.width) * length(luma.height) / 2 + 1024);
    head(&mut file, (width, height), (across, down), chroma.len(), &steps);
    let (mut writer, [luma_steps, chroma_steps]) = (Writer::new(file), &steps);
    let luma = Outgoing::new(luma, (across, down), 0, luma_steps);
    let chroma = chroma.iter().map(|plane| Outgoing::new(plane, (1, 1), 1, chroma_steps));
    let channels: Option<Vec<Outgoing<'_>>> = std::iter::once(luma).chain(chroma).collect();
    let mut channels = channels.ok_or(Uncodable::Planes)?;
    let units = |pixels: u16, blocks: u8| u32::from(pixels).div_ceil(8 * u32::from(blocks));
    for row in 0..units(height, down) {
        for channel in &mut channels {
            channel.enter(row);
        }
        for column in 0..units(width, across) {
            for channel in &mut channels {
                channel.unit(column, &mut writer);
            }
        }
    }
    let mut file = writer.finish();
    file.extend_from_slice(&EOI);
    Ok(file)
}

/// How many luminance samples there are for a chrominance sample: one or two.
fn ratio(luma: u32, chroma: u32) -> Result<u8, Uncodable> {
    if luma == chroma {
        Ok(1)
    } else if luma.div_ceil(2) == chroma {
        Ok(2)
    } else {
        Err(Uncodable::Planes)
    }
}

/// T.81 table K.1, in natural order.
#[rustfmt::skip]
const LUMINANCE: [u16; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61,
    12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77,
    24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103, 99,
];

/// T.81 table K.2, in natural order.
#[rustfmt::skip]
const CHROMINANCE: [u16; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99,
    18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99,
];

/// A table at a quality, as the IJG library scales it: 50 leaves it as it is, 100 makes every step 1.
fn scaled(table: &[u16; 64], quality: u8) -> [u8; 64] {
    let quality = u16::from(quality.clamp(1, 100));
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    table.map(|step| {
        let scaled = (u32::from(step) * u32::from(percent) + 50) / 100;
        u8::try_from(scaled.clamp(1, 255)).unwrap_or(u8::MAX)
    })
}

/// The numbers of a block in the order of the zigzag.
fn in_zigzag<T: Copy + Default>(block: &[T; 64]) -> [T; 64] {
    let mut ordered = [T::default(); 64];
    for (place, (row, column)) in ordered.iter_mut().zip(zigzag()) {
        *place = block.get(usize::from(row) * 8 + usize::from(column)).copied().unwrap_or_default();
    }
    ordered
}

fn head(
    file: &mut Vec<u8>,
    (width, height): (u16, u16),
    (across, down): (u8, u8),
    chroma: usize,
    steps: &[[u8; 64]; 2],
) {
    file.extend_from_slice(&SOI);
    // Version 1.02, square pixels, no thumbnail (JFIF 1.02).
    append(file, marker::APP0, &[b"JFIF\0", &[1, 2, 0, 0, 1, 0, 1, 0, 0]]);
    for (slot, steps) in (0_u8..).zip(steps) {
        append(file, marker::DQT, &[&[slot], &in_zigzag(steps)]);
    }
    let luma = Component { id: 1, across, down, quantisation: 0 };
    let blue = Component { id: 2, across: 1, down: 1, quantisation: 1 };
    let components = [luma, blue, Component { id: 3, ..blue }];
    let components = components.get(..=chroma).unwrap_or_default();
    Header::new(Coding::Baseline, (width, height), components).write(file, width, height);
    file.extend_from_slice(&STANDARD_TABLES);
    let tables: &[&[u8]] = if chroma == 0 { &[&[1, 1, 0x00]] } else { &[&[3, 1, 0x00, 2, 0x11, 3, 0x11]] };
    append(file, marker::SOS, &[tables.concat().as_slice(), &[0, 63, 0]]);
}

/// A component that is coded.
struct Outgoing<'a> {
    plane: &'a Plane,
    /// Blocks across and down one coding unit.
    across: u32,
    down: u32,
    /// The rows of blocks of the units at hand.
    strips: Vec<Strip<'a>>,
    /// What coefficients are multiplied with, by columns.
    factors: [[f32x4; 2]; 8],
    symbols: &'static Symbols,
    /// The DC coefficient of the last block.
    last: i32,
}

impl<'a> Outgoing<'a> {
    fn new(plane: &'a Plane, (across, down): (u8, u8), slot: u8, steps: &[u8; 64]) -> Option<Self> {
        let mut factors = [[0.0; 8]; 8];
        for ((column, factors), across) in factors.iter_mut().enumerate().zip(SCALES) {
            let steps = steps.iter().skip(column).step_by(8);
            for ((factor, &step), down) in factors.iter_mut().zip(steps).zip(SCALES) {
                *factor = 1.0 / (f32::from(step) * across * down * 8.0);
            }
        }
        let (across, down, factors) = (across.into(), down.into(), factors.map(bytemuck::cast));
        let symbols = Symbols::standard(slot)?;
        Some(Self { plane, across, down, strips: Vec::new(), factors, symbols, last: 0 })
    }

    /// Goes to a row of units.
    fn enter(&mut self, row: u32) {
        self.strips.clear();
        let rows = row * self.down..(row + 1) * self.down;
        self.strips.extend(rows.map(|row| Strip::new(self.plane, row)));
    }

    /// Codes the unit at a place in its row.
    #[inline]
    fn unit(&mut self, column: u32, writer: &mut Writer) {
        for strip in &self.strips {
            for column in column * self.across..(column + 1) * self.across {
                let coefficients = quantised(strip.block(length(column)), &self.factors);
                let [dc, ..] = coefficients;
                let difference = i32::from(dc) - self.last;
                self.last = i32::from(dc);
                writer.with_pen(|pen| self.symbols.write(difference, &coefficients, pen));
            }
        }
    }
}

/// The quantised coefficients of a block by columns.
#[inline]
fn quantised(rows: [[u8; 8]; 8], factors: &[[f32x4; 2]; 8]) -> [i16; 64] {
    let (mut left, mut right) = ([f32x4::ZERO; 8], [f32x4::ZERO; 8]);
    // Sums of eight samples are whole numbers, eight of which are added at once.
    for ((left, right), sums) in left.iter_mut().zip(&mut right).zip(sums(rows.map(whole))) {
        [*left, *right] = numbers(sums);
    }
    let [left, right] = transposed([eight_coefficients(left), eight_coefficients(right)]);
    let (mut left, right) = (eight_coefficients(sums(left)), eight_coefficients(sums(right)));
    // Samples are shifted by 128 (A.3.1), and the first coefficient is here the sum of the block's 64.
    let [first, ..] = &mut left;
    *first -= f32x4::new([8192.0, 0.0, 0.0, 0.0]);
    let mut quantised = [[0; 8]; 8];
    let columns = left.iter().zip(&right).zip(factors);
    for (quantised, ((upper, lower), [by_upper, by_lower])) in quantised.iter_mut().zip(columns) {
        *quantised = rounded(*upper * *by_upper, *lower * *by_lower).to_array();
    }
    bytemuck::cast(quantised)
}

/// Eight rows of a plane, in blocks of eight samples; below the plane its last row goes on.
struct Strip<'a> {
    rows: [&'a [u8]; 8],
    blocks: [&'a [[u8; 8]]; 8],
}

impl<'a> Strip<'a> {
    fn new(plane: &'a Plane, row: u32) -> Self {
        let mut y = row * 8;
        let rows = [(); 8].map(|()| {
            y += 1;
            plane.row((y - 1).min(plane.height.saturating_sub(1)))
        });
        Self { rows, blocks: rows.map(|row| row.as_chunks().0) }
    }

    /// The samples of a block, row by row; behind the plane's right edge its last ones go on.
    #[inline]
    fn block(&self, column: usize) -> [[u8; 8]; 8] {
        let mut samples = [[0; 8]; 8];
        for (samples, blocks) in samples.iter_mut().zip(&self.blocks) {
            match blocks.get(column) {
                Some(inside) => *samples = *inside,
                None => return self.block_at_edge(column),
            }
        }
        samples
    }

    #[cold]
    fn block_at_edge(&self, column: usize) -> [[u8; 8]; 8] {
        self.rows.map(|row| {
            let mut samples = [row.last().copied().unwrap_or_default(); 8];
            for (sample, &inside) in samples.iter_mut().zip(row.get(column * 8..).unwrap_or_default()) {
                *sample = inside;
            }
            samples
        })
    }
}
