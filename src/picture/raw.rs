//! Raw camera formats, taken apart into planes.
//!
//! JPEG means samples from 0 to 255 (JFIF 1.02), so those of a limited range are stretched to that: without it the
//! picture is flat. `Grey` has no such convention and is taken as it is.

use wide::{bytemuck, i16x8, i32x8, u8x16};

use super::planes::Planes;
use super::{File, Picture, RawRange, Settings, Unfit};
use crate::camera::{Frame, PixelFormat};
use crate::jpeg::{Plane, Rect, length};

/// Codes a part of a raw frame, or all of it, in its own size and chrominance resolution.
///
/// The part begins at the even pixel at or before its edges, where a chrominance sample begins.
pub(super) fn cut(frame: &Frame, settings: &Settings) -> Result<Picture, Unfit> {
    let raw = Raw::new(frame, settings.raw_range)?;
    let area = settings.area(frame.width, frame.height)?;
    let (left, top) = (area.left / 2 * 2, area.top / 2 * 2);
    let planes = raw.masked(Rect { left, top, ..area }, settings);
    let (Rect { width, height, .. }, file) = (area, File::Coded(planes.coded(settings.quality)?));
    Ok(Picture { width, height, mode: settings.mode, remark: None, file })
}

/// Cuts and resizes a raw frame.
pub(super) fn fit(frame: &Frame, settings: &Settings) -> Result<Picture, Unfit> {
    let raw = Raw::new(frame, settings.raw_range)?;
    let area = settings.area(frame.width, frame.height)?;
    // From where a chrominance sample begins to where the area ends.
    let (left, top) = (area.left / 2 * 2, area.top / 2 * 2);
    let around = Rect { left, top, width: area.right() - left, height: area.bottom() - top };
    super::fit::fit(&raw.masked(around, settings), area, settings)
}

/// The samples of one kind: where they stand in the frame, and what they mean.
#[derive(Clone, Copy)]
struct Kind {
    /// The first one.
    start: usize,
    /// From one to the next.
    step: Step,
    /// From one row to the next.
    stride: usize,
    /// Samples in a row.
    width: u32,
    /// Rows.
    height: u32,
    range: Range,
}

/// How many bytes it is from one sample to the next.
#[derive(Clone, Copy)]
enum Step {
    One,
    Two,
    Four,
}

impl Step {
    const fn bytes(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
        }
    }
}

impl Kind {
    /// Takes as many samples of a row as there is room for.
    fn take(&self, row: &[u8], into: &mut [u8]) {
        match self.step {
            Step::One => self.take_eights(row, into, |&bytes: &[u8; 8]| {
                bytemuck::cast(u8x16::unpack_low(bytemuck::cast([bytes, [0; 8]]), u8x16::ZERO))
            }),
            Step::Two => self.take_eights(row, into, |&bytes: &[u8; 16]| {
                bytemuck::cast::<_, i16x8>(bytes) & i16x8::splat(0xFF)
            }),
            Step::Four => self.take_eights(row, into, |&bytes: &[u8; 32]| {
                i16x8::from_i32x8_saturate(bytemuck::cast::<_, i32x8>(bytes) & i32x8::splat(0xFF))
            }),
        }
    }

    /// Takes eight samples at a time; the last of a frame may end with its very end.
    #[inline]
    fn take_eights<const BYTES: usize>(
        &self,
        row: &[u8],
        into: &mut [u8],
        samples: impl Fn(&[u8; BYTES]) -> i16x8,
    ) {
        let ((eights, rest), (places, last)) = (row.as_chunks(), into.as_chunks_mut());
        for (place, bytes) in places.iter_mut().zip(eights) {
            *place = self.range.stretched(samples(bytes));
        }
        let left = eights.get(places.len()).map_or(rest, |bytes| bytes.as_slice());
        let missed = places.get_mut(eights.len()).map_or(last, |place| place.as_mut_slice());
        let mut bytes = [0; BYTES];
        for (byte, &left) in bytes.iter_mut().zip(left) {
            *byte = left;
        }
        for (place, sample) in missed.iter_mut().zip(self.range.stretched(samples(&bytes))) {
            *place = sample;
        }
    }
}

/// What sample values mean.
#[derive(Clone, Copy)]
struct Range {
    /// The sample that becomes `target`.
    origin: i16x8,
    /// By how many 32768ths a step grows.
    growth: i16x8,
    target: i16x8,
}

impl Range {
    /// All values from 0 to 255.
    const FULL: Self = Self::new(0, 0, 0);
    /// Luminance of 219 steps above 16: 255/219 is 1 and 5386.4 of 32768.
    const LUMINANCE: Self = Self::new(16, 5_386, 0);
    /// Chrominance of 224 steps around 128: 255/224 is 1 and 4534.9 of 32768.
    const CHROMINANCE: Self = Self::new(128, 4_535, 128);

    const fn new(origin: i16, growth: i16, target: i16) -> Self {
        Self { origin: i16x8::splat(origin), growth: i16x8::splat(growth), target: i16x8::splat(target) }
    }

    /// The samples in full range, rounded to the nearest.
    #[inline]
    fn stretched(&self, samples: i16x8) -> [u8; 8] {
        let steps = samples - self.origin;
        let stretched = steps + steps.mul_scale_round(self.growth) + self.target;
        let [eight, _]: [[u8; 8]; 2] = bytemuck::cast(u8x16::narrow_i16x8(stretched, stretched));
        eight
    }
}

/// A raw frame of the right length.
struct Raw<'a> {
    bytes: &'a [u8],
    luma: Kind,
    chroma: Option<[Kind; 2]>,
}

impl<'a> Raw<'a> {
    fn new(frame: &'a Frame, range: RawRange) -> Result<Self, Unfit> {
        let (width, height) = (frame.width, frame.height);
        let (across, down) = (length(width), length(height));
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let is_full = match range {
            RawRange::Driver => frame.full_range,
            RawRange::Limited => false,
            RawRange::Full => true,
        };
        let (of_luma, of_chroma) =
            if is_full { (Range::FULL, Range::FULL) } else { (Range::LUMINANCE, Range::CHROMINANCE) };
        let luma = Kind { start: 0, step: Step::One, stride: across, width, height, range: of_luma };
        let blue = Kind { start: 1, step: Step::Four, width: half_width, range: of_chroma, ..luma };
        let red = |blue: Kind, apart| Kind { start: blue.start.saturating_add(apart), ..blue };
        let (luma, chroma, needed) = match frame.format {
            PixelFormat::Yuyv => {
                let stride = length(half_width).saturating_mul(4);
                let blue = Kind { stride, ..blue };
                let luma = Kind { step: Step::Two, stride, ..luma };
                (luma, Some([blue, red(blue, 2)]), stride.saturating_mul(down))
            }
            PixelFormat::Nv12 => {
                let (start, stride) = (across.saturating_mul(down), length(half_width).saturating_mul(2));
                let blue = Kind { start, step: Step::Two, stride, height: half_height, ..blue };
                let needed = start.saturating_add(stride.saturating_mul(length(half_height)));
                (luma, Some([blue, red(blue, 1)]), needed)
            }
            PixelFormat::Grey => (Kind { range: Range::FULL, ..luma }, None, across.saturating_mul(down)),
            PixelFormat::Jpeg => {
                return Err(Unfit::NotDecodable("a JPEG frame has no raw samples".to_owned()));
            }
        };
        if frame.bytes.len() != needed || needed == 0 {
            return Err(Unfit::Length { found: frame.bytes.len(), needed });
        }
        Ok(Self { bytes: &frame.bytes, luma, chroma })
    }

    /// The part's samples of one kind, in full range.
    fn plane(&self, kind: &Kind, part: Rect) -> Plane {
        let narrow = kind.width < self.luma.width;
        let flat = kind.height < self.luma.height;
        let (left, width) =
            if narrow { (part.left / 2, part.width.div_ceil(2)) } else { (part.left, part.width) };
        let (top, height) =
            if flat { (part.top / 2, part.height.div_ceil(2)) } else { (part.top, part.height) };
        let mut plane = Plane::even(width, height, 0);
        for y in 0..height {
            let start = kind.start + length(top + y) * kind.stride + length(left) * kind.step.bytes();
            kind.take(self.bytes.get(start..).unwrap_or_default(), plane.row_mut(y));
        }
        plane
    }

    /// A part, with what the settings mask greyed out.
    fn masked(&self, part: Rect, settings: &Settings) -> Planes {
        let chroma = self.chroma.as_ref().map(|kinds| kinds.each_ref().map(|kind| self.plane(kind, part)));
        let mut planes = Planes { area: part, luma: self.plane(&self.luma, part), chroma };
        for mask in settings.masks.rects() {
            planes.grey_out(mask);
        }
        planes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_of_a_limited_range_is_stretched_to_the_nearest_value() {
        for (range, origin, steps, target) in
            [(Range::FULL, 0, 255, 0), (Range::LUMINANCE, 16, 219, 0), (Range::CHROMINANCE, 128, 224, 128)]
        {
            for sample in 0..=255_u8 {
                let exact = f64::from(i32::from(sample) - origin) * 255.0 / f64::from(steps);
                let expected = (exact.round() + f64::from(target)).clamp(0.0, 255.0);
                for found in range.stretched(i16x8::splat(sample.into())) {
                    assert!((f64::from(found) - expected).abs() < 0.5, "{sample}: {found} for {expected}");
                }
            }
        }
    }
}
