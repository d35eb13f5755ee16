//! The discrete cosine transform in pieces (T.81, A.3.3), four numbers side by side.
//!
//! A block of eight by eight lies in two halves of four columns, each of eight rows. Eight numbers are transformed as
//! Arai, Agui and Nakajima do it (1988): five multiplications and a factor for each coefficient, [`SCALES`] in both
//! directions, which is left to the quantisation and costs nothing there.

use std::ops::{Add, Sub};

use wide::{bytemuck, f32x4, i8x16, i16x8, i32x4, i32x8, u8x16};

/// `cos(k π / 16) / 2`: the numbers of which the small transforms are made.
const C2: f32x4 = f32x4::splat(0.461_939_78);
const C4: f32x4 = f32x4::splat(0.353_553_4);
const C6: f32x4 = f32x4::splat(0.191_341_71);

/// `cos(k π / 16) √2`, and 1 for the first: [`eight_coefficients`] come out this many times √8 too large, and
/// [`eight_samples`] want their coefficients as many times larger.
pub(super) const SCALES: [f32; 8] =
    [1.0, 1.387_039_8, 1.306_563, 1.175_875_6, 1.0, 0.785_694_96, 0.541_196_1, 0.275_899_38];

/// The four multipliers of the quick transforms: √½, `cos(π / 8)` and `cos(3 π / 8)` in sums and differences.
const HALF_ROOT: f32x4 = f32x4::splat(0.707_106_77);
const LOW: f32x4 = f32x4::splat(0.382_683_43);
const BETWEEN: f32x4 = f32x4::splat(0.541_196_1);
const ABOVE: f32x4 = f32x4::splat(1.306_563);
/// Twice as much of them, since what goes in was halved.
const ROOT: f32x4 = f32x4::splat(core::f32::consts::SQRT_2);
const TURN: f32x4 = f32x4::splat(1.847_759);
const TURN_LESS: f32x4 = f32x4::splat(1.082_392_2);
const TURN_MORE: f32x4 = f32x4::splat(2.613_126);

/// The left and the right half of a block.
pub(super) type Halves = [[f32x4; 8]; 2];

/// From four coefficients in each column to four samples.
#[inline]
pub(super) fn four_samples([r0, r1, r2, r3]: [f32x4; 4]) -> [f32x4; 4] {
    let (sum, difference) = ((r0 + r2) * C4, (r0 - r2) * C4);
    let (outer, inner) = (r1 * C2 + r3 * C6, r1 * C6 - r3 * C2);
    [sum + outer, difference + inner, difference - inner, sum - outer]
}

/// From eight coefficients in each column, times [`SCALES`], to samples that are √8 times as large.
#[inline]
pub(super) fn eight_samples([r0, r1, r2, r3, r4, r5, r6, r7]: [f32x4; 8]) -> [f32x4; 8] {
    let (sum, difference, outer) = (r0 + r4, r0 - r4, r2 + r6);
    let inner = (r2 - r6) * ROOT - outer;
    let (e0, e1, e2, e3) = (sum + outer, difference + inner, difference - inner, sum - outer);
    let (s53, d53, s17, d17) = (r5 + r3, r5 - r3, r1 + r7, r1 - r7);
    let turn = (d53 + d17) * TURN;
    let o0 = s17 + s53;
    let o1 = turn - d53 * TURN_MORE - o0;
    let o2 = (s17 - s53) * ROOT - o1;
    let o3 = turn - d17 * TURN_LESS - o2;
    [e0 + o0, e1 + o1, e2 + o2, e3 + o3, e3 - o3, e2 - o2, e1 - o1, e0 - o0]
}

/// The first steps from eight samples to eight coefficients: what needs no multiplication.
#[inline]
pub(super) fn sums<T: Copy + Add<Output = T> + Sub<Output = T>>(
    [r0, r1, r2, r3, r4, r5, r6, r7]: [T; 8],
) -> [T; 8] {
    let (s0, s1, s2, s3) = (r0 + r7, r1 + r6, r2 + r5, r3 + r4);
    let (outer, inner, slope, bend) = (s0 + s3, s1 + s2, s0 - s3, s1 - s2);
    let (d0, d1, d2, d3) = (r0 - r7, r1 - r6, r2 - r5, r3 - r4);
    [outer + inner, outer - inner, slope, slope + bend, d0, d0 + d1, d1 + d2, d2 + d3]
}

/// From the [`sums`] of eight samples to coefficients that are √8 times [`SCALES`] as large.
#[inline]
pub(super) fn eight_coefficients(
    [mean, fourth, slope, curve, d0, far, middle, near]: [f32x4; 8],
) -> [f32x4; 8] {
    let (curve, middle, common) = (curve * HALF_ROOT, middle * HALF_ROOT, (near - far) * LOW);
    let (low, high) = (near * BETWEEN + common, far * ABOVE + common);
    let (sum, difference) = (d0 + middle, d0 - middle);
    [mean, sum + high, slope + curve, difference - low, fourth, difference + low, slope - curve, sum - high]
}

/// Rows become columns.
#[inline]
pub(super) fn transposed([left, right]: Halves) -> Halves {
    let [l0, l1, l2, l3, l4, l5, l6, l7] = left;
    let [r0, r1, r2, r3, r4, r5, r6, r7] = right;
    let upper_left = f32x4::transpose([l0, l1, l2, l3]);
    let upper_right = f32x4::transpose([r0, r1, r2, r3]);
    let lower_left = f32x4::transpose([l4, l5, l6, l7]);
    let lower_right = f32x4::transpose([r4, r5, r6, r7]);
    [stacked(upper_left, upper_right), stacked(lower_left, lower_right)]
}

#[inline]
const fn stacked([t0, t1, t2, t3]: [f32x4; 4], [b0, b1, b2, b3]: [f32x4; 4]) -> [f32x4; 8] {
    [t0, t1, t2, t3, b0, b1, b2, b3]
}

/// Eight samples as whole numbers.
#[inline]
pub(super) fn whole(samples: [u8; 8]) -> i16x8 {
    // Zeros between bytes make them 16 bits wide, the lower byte being the first on every processor that this is built for.
    bytemuck::cast(u8x16::unpack_low(bytemuck::cast([samples, [0; 8]]), u8x16::ZERO))
}

/// Eight whole numbers as two times four.
#[inline]
pub(super) fn numbers(whole: i16x8) -> [f32x4; 2] {
    let [left, right]: [i32x4; 2] = bytemuck::cast(i32x8::from_i16x8(whole));
    [f32x4::from_i32x4(left), f32x4::from_i32x4(right)]
}

/// Two times four numbers, rounded; they are below 2^22.
#[inline]
pub(super) fn rounded(left: f32x4, right: f32x4) -> i16x8 {
    let whole = if cfg!(any(target_feature = "sse2", all(target_feature = "neon", target_arch = "aarch64"))) {
        [left.fast_round_int(), right.fast_round_int()]
    } else {
        // Where no instruction rounds, this is ten times as quick: behind 2^23 single precision counts in ones, and
        // half of that more keeps negative numbers there too.
        let counted = |numbers: f32x4| {
            bytemuck::cast::<_, i32x4>(numbers + BEHIND) - bytemuck::cast::<_, i32x4>(BEHIND)
        };
        [counted(left), counted(right)]
    };
    i16x8::from_i32x8_saturate(bytemuck::cast(whole))
}

/// 1.5 times 2^23.
const BEHIND: f32x4 = f32x4::splat(12_582_912.0);

/// Two times eight whole numbers as samples, kept between 0 and 255.
#[inline]
pub(super) fn samples(first: i16x8, second: i16x8) -> [u8; 16] {
    u8x16::narrow_i16x8(first, second).to_array()
}

/// A bit for each coefficient that is not zero.
#[inline]
pub(super) fn present(coefficients: &[i16; 64]) -> u64 {
    coefficients.as_chunks::<16>().0.iter().rev().fold(0, |present, &sixteen| {
        // What is not zero stays so when it is narrowed.
        let zero = i8x16::from_i16x16_saturate(sixteen.into()).simd_eq(i8x16::ZERO).to_bitmask();
        (present << 16) | u64::from(!zero & 0xFFFF)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// What T.81 A.3.3 says of one direction, times √8.
    fn by_definition(samples: [f32; 8]) -> [f64; 8] {
        let mut k = -1;
        [(); 8].map(|()| {
            k += 1;
            let angle = |n: u8| (f64::from(2 * n + 1) * f64::from(k) * PI / 16.0).cos();
            let sum: f64 = (0..).zip(samples).map(|(n, sample)| f64::from(sample) * angle(n)).sum();
            if k == 0 { sum } else { sum * 2.0_f64.sqrt() }
        })
    }

    #[test]
    fn coefficients_are_what_the_definition_says_and_lead_back() {
        for samples in [[255.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0]]
        {
            let found = eight_coefficients(sums(samples.map(f32x4::splat)));
            for ((found, expected), scale) in found.iter().zip(by_definition(samples)).zip(SCALES) {
                let [found, ..] = found.to_array();
                assert!(
                    (f64::from(found) - expected * f64::from(scale)).abs() < 1e-3,
                    "{found} for {expected}"
                );
            }
            // Each way makes them √8 times as large, and wants the scales that it makes.
            let strong = found.map(|coefficient| coefficient / f32x4::splat(8.0));
            for (found, expected) in eight_samples(strong).iter().zip(samples) {
                let [found, ..] = found.to_array();
                assert!((found - expected).abs() < 1e-3, "{found} for {expected}");
            }
        }
    }

    #[test]
    fn rounding_is_to_the_nearest_and_what_is_not_zero_shows() {
        let left = f32x4::new([-2.6, -0.4, 0.4, 2.6]);
        let right = f32x4::new([-40_000.0, 40_000.0, 1_000.0, -1_000.0]);
        assert_eq!(rounded(left, right).to_array(), [-3, 0, 0, 3, i16::MIN, i16::MAX, 1_000, -1_000]);
        let mut coefficients = [0; 64];
        for (place, value) in [(0, 1), (7, -1), (8, 256), (15, -256), (40, 0x7F00), (63, i16::MIN)] {
            coefficients[place] = value;
        }
        assert_eq!(present(&coefficients), 1 | 1 << 7 | 1 << 8 | 1 << 15 | 1 << 40 | 1 << 63);
    }
}
