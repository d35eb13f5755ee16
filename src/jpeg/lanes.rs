//! The discrete cosine transform in pieces (T.81, A.3.3), four numbers side by side.
//!
//! A block of eight by eight lies in two halves of four columns, each of eight rows.

use wide::{bytemuck, f32x4, i16x8, i32x4, i32x8, u8x16};

/// `cos(k π / 16) / 2`: the numbers of which the transforms are made.
const C1: f32x4 = f32x4::splat(0.490_392_63);
const C2: f32x4 = f32x4::splat(0.461_939_78);
const C3: f32x4 = f32x4::splat(0.415_734_8);
pub(super) const C4: f32x4 = f32x4::splat(0.353_553_4);
const C5: f32x4 = f32x4::splat(0.277_785_12);
const C6: f32x4 = f32x4::splat(0.191_341_71);
const C7: f32x4 = f32x4::splat(0.097_545_16);

/// The left and the right half of a block.
pub(super) type Halves = [[f32x4; 8]; 2];

/// From four coefficients in each column to four samples; also the even half of eight.
#[inline]
pub(super) fn four_samples([r0, r1, r2, r3]: [f32x4; 4]) -> [f32x4; 4] {
    let (sum, difference) = ((r0 + r2) * C4, (r0 - r2) * C4);
    let (outer, inner) = (r1 * C2 + r3 * C6, r1 * C6 - r3 * C2);
    [sum + outer, difference + inner, difference - inner, sum - outer]
}

/// The odd half of eight, which is the same in both directions.
#[inline]
fn odd([r1, r3, r5, r7]: [f32x4; 4]) -> [f32x4; 4] {
    [
        r1 * C1 + r3 * C3 + r5 * C5 + r7 * C7,
        r1 * C3 - r3 * C7 - r5 * C1 - r7 * C5,
        r1 * C5 - r3 * C1 + r5 * C7 + r7 * C3,
        r1 * C7 - r3 * C5 + r5 * C3 - r7 * C1,
    ]
}

/// From eight coefficients in each column to eight samples.
#[inline]
pub(super) fn eight_samples([r0, r1, r2, r3, r4, r5, r6, r7]: [f32x4; 8]) -> [f32x4; 8] {
    let [e0, e1, e2, e3] = four_samples([r0, r2, r4, r6]);
    let [o0, o1, o2, o3] = odd([r1, r3, r5, r7]);
    [e0 + o0, e1 + o1, e2 + o2, e3 + o3, e3 - o3, e2 - o2, e1 - o1, e0 - o0]
}

/// From eight samples in each column to eight coefficients.
#[inline]
pub(super) fn eight_coefficients([r0, r1, r2, r3, r4, r5, r6, r7]: [f32x4; 8]) -> [f32x4; 8] {
    let (s0, s1, s2, s3) = (r0 + r7, r1 + r6, r2 + r5, r3 + r4);
    let [y1, y3, y5, y7] = odd([r0 - r7, r1 - r6, r2 - r5, r3 - r4]);
    let (outer, inner, slope, bend) = (s0 + s3, s1 + s2, s0 - s3, s1 - s2);
    let (y0, y4) = ((outer + inner) * C4, (outer - inner) * C4);
    let (y2, y6) = (slope * C2 + bend * C6, slope * C6 - bend * C2);
    [y0, y1, y2, y3, y4, y5, y6, y7]
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

/// Eight samples as two times four numbers.
#[inline]
pub(super) fn numbers(samples: [u8; 8]) -> [f32x4; 2] {
    let wide = i32x8::from_i16x8(i16x8::from_u8x16_low(bytemuck::cast([samples, [0; 8]])));
    let [left, right]: [i32x4; 2] = bytemuck::cast(wide);
    [f32x4::from_i32x4(left), f32x4::from_i32x4(right)]
}

/// Two times four numbers, rounded.
#[inline]
pub(super) fn rounded(left: f32x4, right: f32x4) -> i16x8 {
    i16x8::from_i32x8_saturate(bytemuck::cast([left.fast_round_int(), right.fast_round_int()]))
}

/// Two times eight whole numbers as samples, kept between 0 and 255.
#[inline]
pub(super) fn samples(first: i16x8, second: i16x8) -> [u8; 16] {
    u8x16::narrow_i16x8(first, second).to_array()
}

/// A bit for each coefficient that is not zero.
#[inline]
pub(super) fn present(coefficients: &[i16; 64]) -> u64 {
    coefficients.as_chunks::<8>().0.iter().rev().fold(0, |present, &eight| {
        let zero = i16x8::from(eight).simd_eq(i16x8::ZERO).to_bitmask();
        (present << 8) | u64::from(!zero & 0xFF)
    })
}
