//! From coefficients to samples, in full size or reduced.
//!
//! The reduced sizes take a block's lowest frequencies only and transform them as a smaller block: that leaves
//! out what the smaller picture could not show, and costs less than transforming everything and resizing.
//!
//! Single precision is exact to well below half a step of a sample.

use wide::{bytemuck, f32x4};

use super::lanes::{SCALES, eight_samples, four_samples, rounded, samples, transposed};

/// How much smaller the samples come out than the picture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As it is.
    Full,
    /// Half the width and height.
    Half,
    /// A quarter.
    Quarter,
    /// An eighth: each block's mean.
    Eighth,
}

impl Scale {
    /// Samples across and down a block that has eight in the full size.
    #[must_use]
    pub const fn block(self) -> u32 {
        match self {
            Self::Full => 8,
            Self::Half => 4,
            Self::Quarter => 2,
            Self::Eighth => 1,
        }
    }

    /// What the transform of this size wants a coefficient multiplied with.
    pub(super) fn strength(self, row: u8, column: u8) -> f32 {
        let scale = |place: u8| SCALES.get(usize::from(place)).copied().unwrap_or_default();
        match self {
            Self::Full => scale(row) * scale(column) / 8.0,
            Self::Half | Self::Quarter | Self::Eighth => 1.0,
        }
    }

    /// The first coefficient of middle grey, by which samples are shifted (T.81, A.3.1), as the transform wants it.
    pub(super) fn middle(self) -> f32 {
        1024.0 * self.strength(0, 0)
    }

    /// The largest reduction of `whole` pixels that leaves at least `wanted`.
    #[must_use]
    pub const fn leaving(wanted: u32, whole: u32) -> Self {
        match whole.checked_div(wanted) {
            None | Some(0 | 1) => Self::Full,
            Some(2 | 3) => Self::Half,
            Some(4..=7) => Self::Quarter,
            Some(_) => Self::Eighth,
        }
    }
}

/// The coefficients of a block, dequantised, as strong as the scale wants them, column by column without gaps: as many a
/// column as the scale has samples. Behind them is room for those that the scale leaves out.
///
/// By columns, because the transform turns a block over once.
pub(super) type Block = [f32; 80];

/// Where in a [`Block`] the coefficients go that are left out.
pub(super) const LEFT_OUT: u8 = 64;

/// The samples of a block in full size.
#[inline]
pub(super) fn full(block: &Block) -> [[u8; 8]; 8] {
    let (quarters, _) = block.as_chunks::<4>();
    let half = |first: usize| {
        let mut half = [f32x4::ZERO; 8];
        for (column, quarter) in half.iter_mut().zip(quarters.iter().skip(first).step_by(2)) {
            *column = f32x4::from(*quarter);
        }
        eight_samples(half)
    };
    let [left, right] = transposed([half(0), half(1)]);
    let (left, right) = (eight_samples(left), eight_samples(right));
    let mut rows = [[0; 16]; 4];
    let (left, right) = (left.as_chunks::<2>().0, right.as_chunks::<2>().0);
    for (two, ([l0, l1], [r0, r1])) in rows.iter_mut().zip(left.iter().zip(right)) {
        *two = samples(rounded(*l0, *r0), rounded(*l1, *r1));
    }
    bytemuck::cast(rows)
}

/// The samples of a block in half size.
#[inline]
pub(super) fn half(block: &Block) -> [[u8; 4]; 4] {
    let &[c0, c1, c2, c3, ..] = block.as_chunks::<4>().0 else { return [[128; 4]; 4] };
    let columns = four_samples([c0, c1, c2, c3].map(f32x4::from));
    let [r0, r1, r2, r3] = four_samples(f32x4::transpose(columns));
    bytemuck::cast(samples(rounded(r0, r1), rounded(r2, r3)))
}

/// The samples of a block in a quarter of the size.
#[inline]
pub(super) fn quarter(block: &Block) -> [[u8; 2]; 2] {
    let &[mean, down, across, both, ..] = block;
    let (left, right) = ([mean + across, down + both], [mean - across, down - both]);
    let sample = |[mean, down]: [f32; 2], sign: f32| sample(mean + sign * down);
    [[sample(left, 1.0), sample(right, 1.0)], [sample(left, -1.0), sample(right, -1.0)]]
}

/// The mean of a block.
#[inline]
pub(super) fn eighth(block: &Block) -> [[u8; 1]; 1] {
    let &[mean, ..] = block;
    [[sample(mean)]]
}

/// A sample that is eight times as large, rounded and kept between 0 and 255.
#[inline]
fn sample(eightfold: f32) -> u8 {
    // Behind 2^23 single precision counts in ones, so the lowest byte is the rounded value.
    let [sample, ..] = ((eightfold / 8.0).clamp(0.0, 255.0) + 8_388_608.0).to_bits().to_le_bytes();
    sample
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// The transform as T.81 A.3.3 writes it down, of a block of `size`, from the lowest coefficients of one of 8.
    fn by_definition(block: &Block, size: u8) -> Vec<f64> {
        let wave = |k: u8, n: u8| {
            let strength = if k == 0 { 0.5_f64.sqrt() } else { 1.0 };
            strength * (f64::from(2 * n + 1) * f64::from(k) * PI / f64::from(2 * size)).cos() / 2.0
        };
        let places = || (0..size).flat_map(move |row| (0..size).map(move |column| (row, column)));
        let sample = |(y, x)| {
            let weighted = places()
                .zip(block)
                .map(|((u, v), &coefficient)| f64::from(coefficient) * wave(v, y) * wave(u, x));
            weighted.sum::<f64>().clamp(0.0, 255.0)
        };
        places().map(sample).collect()
    }

    #[test]
    fn all_sizes_are_what_the_definition_says() {
        let mut noise = 1_u32;
        for strength in [0, 3, 40, 400] {
            for size in [8, 4, 2, 1] {
                let mut block = [0.0; 80];
                for coefficient in block.iter_mut().take(usize::from(size) * usize::from(size)) {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let value = i16::try_from((noise >> 16) % (2 * strength + 1)).unwrap();
                    *coefficient = f32::from(value) - f32::from(u16::try_from(strength).unwrap());
                }
                block[0] += 1024.0;
                let mut strong = block;
                for (place, coefficient) in (0..64).zip(&mut strong) {
                    *coefficient *= Scale::Full.strength(place % 8, place / 8);
                }
                let found = match size {
                    8 => full(&strong).concat(),
                    4 => half(&block).concat(),
                    2 => quarter(&block).concat(),
                    _ => eighth(&block).concat(),
                };
                for (found, expected) in found.into_iter().zip(by_definition(&block, size)) {
                    assert!((f64::from(found) - expected).abs() < 0.501, "{size}: {found} for {expected}");
                }
            }
        }
    }

    #[test]
    fn the_reduction_leaves_enough() {
        for (wanted, whole, scale) in [
            (600, 1200, Scale::Half),
            (600, 1199, Scale::Full),
            (600, 2400, Scale::Quarter),
            (600, 2399, Scale::Half),
            (10, 80, Scale::Eighth),
            (10, 79, Scale::Quarter),
            (10, 9, Scale::Full),
            (0, 10, Scale::Full),
        ] {
            assert_eq!(Scale::leaving(wanted, whole), scale);
        }
    }
}
