//! From coefficients to samples, in full size or reduced.
//!
//! The reduced sizes take a block's lowest frequencies only and transform them as a smaller block: that leaves
//! out what the smaller picture could not show, and costs less than transforming everything and resizing.
//!
//! Everything is done on whole rows of numbers at once, which compilers turn into vector instructions on
//! every target; single precision is exact to well below half a step of a sample.

#![expect(
    clippy::inline_always,
    reason = "rows of numbers must stay in registers: a call for each addition took 12 times as long"
)]

use std::ops::{Add, Mul, Sub};

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

/// The coefficients of a block, dequantised, row by row without gaps: as many a row as the scale has samples.
/// Behind them is room for those that the scale leaves out.
pub(super) type Block = [f32; 80];

/// Where in a [`Block`] the coefficients go that are left out.
pub(super) const LEFT_OUT: u8 = 64;

/// `cos(k π / 16) / 2`: the numbers of which the transforms are made (T.81, A.3.3).
const C1: f32 = 0.490_392_63;
const C2: f32 = 0.461_939_78;
const C3: f32 = 0.415_734_8;
const C4: f32 = 0.353_553_4;
const C5: f32 = 0.277_785_12;
const C6: f32 = 0.191_341_71;
const C7: f32 = 0.097_545_16;

/// Numbers that are added and multiplied side by side.
#[derive(Clone, Copy)]
struct Lanes<const N: usize>([f32; N]);

impl<const N: usize> Add for Lanes<N> {
    type Output = Self;

    #[inline(always)]
    fn add(mut self, other: Self) -> Self {
        for (sum, other) in self.0.iter_mut().zip(&other.0) {
            *sum += other;
        }
        self
    }
}

impl<const N: usize> Sub for Lanes<N> {
    type Output = Self;

    #[inline(always)]
    fn sub(mut self, other: Self) -> Self {
        for (difference, other) in self.0.iter_mut().zip(&other.0) {
            *difference -= other;
        }
        self
    }
}

impl<const N: usize> Mul<f32> for Lanes<N> {
    type Output = Self;

    #[inline(always)]
    fn mul(mut self, factor: f32) -> Self {
        for product in &mut self.0 {
            *product *= factor;
        }
        self
    }
}

impl<const N: usize> Lanes<N> {
    #[inline(always)]
    fn reversed(mut self) -> Self {
        self.0.reverse();
        self
    }

    /// The samples: rounded, and kept between 0 and 255.
    #[inline(always)]
    fn samples(self) -> [u8; N] {
        // Behind 2^23 single precision counts in ones, so the lowest byte is the rounded value.
        self.0.map(|value| {
            let [sample, ..] = (value.clamp(0.0, 255.0) + 8_388_608.0).to_bits().to_le_bytes();
            sample
        })
    }
}

/// Four rows from four: the one-dimensional transform of a block of four, and the even half of one of eight.
#[inline(always)]
fn four<const N: usize>([r0, r1, r2, r3]: [Lanes<N>; 4]) -> [Lanes<N>; 4] {
    let (sum, difference) = ((r0 + r2) * C4, (r0 - r2) * C4);
    let (outer, inner) = (r1 * C2 + r3 * C6, r1 * C6 - r3 * C2);
    [sum + outer, difference + inner, difference - inner, sum - outer]
}

/// The odd half of a transform of eight.
#[inline(always)]
fn odd<const N: usize>([r1, r3, r5, r7]: [Lanes<N>; 4]) -> [Lanes<N>; 4] {
    [
        r1 * C1 + r3 * C3 + r5 * C5 + r7 * C7,
        r1 * C3 - r3 * C7 - r5 * C1 - r7 * C5,
        r1 * C5 - r3 * C1 + r5 * C7 + r7 * C3,
        r1 * C7 - r3 * C5 + r5 * C3 - r7 * C1,
    ]
}

/// The samples of a block in full size.
#[inline]
pub(super) fn full(block: &Block) -> [[u8; 8]; 8] {
    let &[r0, r1, r2, r3, r4, r5, r6, r7, ..] = block.as_chunks::<8>().0 else { return [[128; 8]; 8] };
    let [e0, e1, e2, e3] = four([Lanes(r0), Lanes(r2), Lanes(r4), Lanes(r6)]);
    let [o0, o1, o2, o3] = odd([Lanes(r1), Lanes(r3), Lanes(r5), Lanes(r7)]);
    let rows = [e0 + o0, e1 + o1, e2 + o2, e3 + o3, e3 - o3, e2 - o2, e1 - o1, e0 - o0];
    // Along the rows each coefficient adds its wave; the second half mirrors the first.
    rows.map(|Lanes([x0, x1, x2, x3, x4, x5, x6, x7])| {
        let even = Lanes([C4, C4, C4, C4]) * x0
            + Lanes([C2, C6, -C6, -C2]) * x2
            + Lanes([C4, -C4, -C4, C4]) * x4
            + Lanes([C6, -C2, C2, -C6]) * x6;
        let odd = Lanes([C1, C3, C5, C7]) * x1
            + Lanes([C3, -C7, -C1, -C5]) * x3
            + Lanes([C5, -C1, C7, C3]) * x5
            + Lanes([C7, -C5, C3, -C1]) * x7;
        let ([s0, s1, s2, s3], [s4, s5, s6, s7]) =
            ((even + odd).samples(), (even - odd).reversed().samples());
        [s0, s1, s2, s3, s4, s5, s6, s7]
    })
}

/// The samples of a block in half size.
#[inline]
pub(super) fn half(block: &Block) -> [[u8; 4]; 4] {
    let &[r0, r1, r2, r3, ..] = block.as_chunks::<4>().0 else { return [[128; 4]; 4] };
    four([Lanes(r0), Lanes(r1), Lanes(r2), Lanes(r3)]).map(|Lanes([x0, x1, x2, x3])| {
        let row = Lanes([C4, C4, C4, C4]) * x0
            + Lanes([C2, C6, -C6, -C2]) * x1
            + Lanes([C4, -C4, -C4, C4]) * x2
            + Lanes([C6, -C2, C2, -C6]) * x3;
        row.samples()
    })
}

/// The samples of a block in a quarter of the size.
#[inline]
pub(super) fn quarter(block: &Block) -> [[u8; 2]; 2] {
    let &[x0, x1, y0, y1, ..] = block;
    let row = |first: f32, second: f32| Lanes([first + second, first - second]) * (C4 * C4);
    [row(x0 + y0, x1 + y1).samples(), row(x0 - y0, x1 - y1).samples()]
}

/// The mean of a block.
#[inline]
pub(super) fn eighth(block: &Block) -> [[u8; 1]; 1] {
    let &[mean, ..] = block;
    [Lanes([mean * (C4 * C4)]).samples()]
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
                .map(|((v, u), &coefficient)| f64::from(coefficient) * wave(v, y) * wave(u, x));
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
                let found = match size {
                    8 => full(&block).concat(),
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
