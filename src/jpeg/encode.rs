//! Planes of samples as a baseline file: one scan, the standard tables.

use wide::{bytemuck, f32x4};

use super::bits::{Pen, Writer};
use super::blocks::category;
use super::decode::zigzag;
use super::header::{Coding, Component, Header};
use super::huffman::{Class, standard};
use super::lanes::{eight_coefficients, numbers, present, rounded, transposed};
use super::plane::length;
use super::segments::{append, marker};
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
    let mut luma = Outgoing::new(luma, 0, luma_steps).ok_or(Uncodable::Planes)?;
    let chroma = chroma.iter().map(|plane| Outgoing::new(plane, 1, chroma_steps));
    let mut chroma: Vec<Outgoing<'_>> = chroma.collect::<Option<_>>().ok_or(Uncodable::Planes)?;
    let (across, down) = (u32::from(across), u32::from(down));
    let units = |pixels: u16, blocks| u32::from(pixels).div_ceil(8 * blocks);
    for (row, column) in (0..units(height, down)).flat_map(|y| (0..units(width, across)).map(move |x| (y, x)))
    {
        for y in row * down..(row + 1) * down {
            for x in column * across..(column + 1) * across {
                luma.block(x, y, &mut writer);
            }
        }
        for channel in &mut chroma {
            channel.block(column, row, &mut writer);
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
    /// What coefficients are multiplied with, by columns.
    factors: [[f32x4; 2]; 8],
    /// Where the coefficients of the zigzag are, by columns.
    order: [u8; 64],
    /// The places in the zigzag of each four coefficients by columns, for every choice of them.
    places: [[u64; 16]; 16],
    /// Codes and their lengths by symbol.
    dc: [(u16, u8); 256],
    ac: [(u16, u8); 256],
    /// The DC coefficient of the last block.
    last: i32,
}

impl<'a> Outgoing<'a> {
    fn new(plane: &'a Plane, slot: u8, steps: &[u8; 64]) -> Option<Self> {
        let mut factors = [[0.0; 8]; 8];
        for (column, factors) in factors.iter_mut().enumerate() {
            for (factor, &step) in factors.iter_mut().zip(steps.iter().skip(column).step_by(8)) {
                *factor = 1.0 / f32::from(step);
            }
        }
        let mut order = [0; 64];
        for (place, (row, column)) in order.iter_mut().zip(zigzag()) {
            *place = column * 8 + row;
        }
        let mut places = [[0; 16]; 16];
        for (place, &column) in order.iter().enumerate() {
            let choices = places.get_mut(usize::from(column / 4))?.iter_mut().enumerate();
            for (_, places) in choices.filter(|(choice, _)| choice >> (column % 4) & 1 == 1) {
                *places |= 1 << place;
            }
        }
        let factors = factors.map(bytemuck::cast);
        let codes = |class| standard(class, slot).map(|table| table.codes_by_symbol());
        Some(Self { plane, factors, order, places, dc: codes(Class::Dc)?, ac: codes(Class::Ac)?, last: 0 })
    }

    /// Codes the block at that place, counted in blocks.
    #[inline]
    fn block(&mut self, column: u32, row: u32, writer: &mut Writer) {
        let coefficients = self.coefficients(column, row);
        let [dc, ..] = coefficients;
        let difference = i32::from(dc) - self.last;
        self.last = i32::from(dc);
        writer.with_pen(|pen| self.code(difference, &coefficients, pen));
    }

    #[inline]
    fn code(&self, difference: i32, coefficients: &[i16; 64], pen: &mut Pen<'_>) {
        let (symbol, bits, size) = category(difference);
        put(&self.dc, symbol, bits, size, pen);
        // Most are zero, and not looked at one by one.
        let (mut rest, mut behind) = (self.in_zigzag(present(coefficients)) & !1, 1);
        while rest != 0 {
            let place = rest.trailing_zeros();
            rest &= rest - 1;
            let mut zeros = place - behind;
            while zeros > 15 {
                // Sixteen zeros (T.81, F.1.2.2).
                put(&self.ac, 0xF0, 0, 0, pen);
                zeros -= 16;
            }
            let column = self.order.get(length(place)).copied().unwrap_or_default();
            let value = coefficients.get(usize::from(column)).copied().unwrap_or_default();
            let (symbol, bits, size) = category(value.into());
            put(&self.ac, length(zeros) * 16 + symbol, bits, size, pen);
            behind = place + 1;
        }
        if behind < 64 {
            put(&self.ac, 0, 0, 0, pen);
        }
    }

    /// From a bit for each coefficient by columns to one for each in the order of the zigzag.
    #[inline]
    fn in_zigzag(&self, present: u64) -> u64 {
        let choices = (0..64).step_by(4).map(|first| present >> first & 15);
        self.places.iter().zip(choices).fold(0, |found, (places, choice)| {
            let place = usize::try_from(choice).unwrap_or_default();
            found | places.get(place).copied().unwrap_or_default()
        })
    }

    /// The quantised coefficients of a block by columns.
    #[inline]
    fn coefficients(&self, column: u32, row: u32) -> [i16; 64] {
        let (mut left, mut right) = ([f32x4::ZERO; 8], [f32x4::ZERO; 8]);
        let rows = samples(self.plane, column, row);
        for ((left, right), row) in left.iter_mut().zip(&mut right).zip(rows) {
            [*left, *right] = numbers(row);
        }
        let [left, right] = transposed([eight_coefficients(left), eight_coefficients(right)]);
        let (mut left, right) = (eight_coefficients(left), eight_coefficients(right));
        // Samples are shifted by 128 (A.3.1), which is 1024 in the first coefficient.
        let [first, ..] = &mut left;
        *first -= f32x4::new([1024.0, 0.0, 0.0, 0.0]);
        let mut quantised = [[0; 8]; 8];
        let columns = left.iter().zip(&right).zip(&self.factors);
        for (quantised, ((upper, lower), [by_upper, by_lower])) in quantised.iter_mut().zip(columns) {
            *quantised = rounded(*upper * *by_upper, *lower * *by_lower).to_array();
        }
        bytemuck::cast(quantised)
    }
}

/// The samples of a block, row by row; behind the plane's edges its last ones go on.
#[inline]
fn samples(plane: &Plane, column: u32, row: u32) -> [[u8; 8]; 8] {
    let (width, start) = (length(plane.width), length(row) * 8 * length(plane.width) + length(column) * 8);
    let mut samples = [[0; 8]; 8];
    if length(column) * 8 + 8 <= width
        && let Some(inside) = plane.samples.get(start..start + 7 * width + 8)
    {
        for (samples, inside) in samples.iter_mut().zip(inside.chunks(width)) {
            *samples = inside.first_chunk().copied().unwrap_or_default();
        }
        return samples;
    }
    for (samples, y) in samples.iter_mut().zip(row * 8..) {
        *samples = at_edge(plane, column, y);
    }
    samples
}

#[cold]
fn at_edge(plane: &Plane, column: u32, y: u32) -> [u8; 8] {
    let row = plane.row(y.min(plane.height.saturating_sub(1)));
    let rest = row.get(length(column) * 8..).unwrap_or_default();
    let mut samples = [row.last().copied().unwrap_or_default(); 8];
    for (sample, &inside) in samples.iter_mut().zip(rest) {
        *sample = inside;
    }
    samples
}

#[inline]
fn put(codes: &[(u16, u8); 256], symbol: usize, bits: u64, size: u32, pen: &mut Pen<'_>) {
    let (code, length) = codes.get(symbol).copied().unwrap_or_default();
    pen.put((u64::from(code) << size) | bits, u32::from(length) + size);
}
