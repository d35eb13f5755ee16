//! Raw camera formats, taken apart into planes.
//!
//! JPEG means samples from 0 to 255 (JFIF 1.02), so those of a limited range are stretched to that: without it the
//! picture is flat. `Grey` has no such convention and is taken as it is.

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
    let planes = raw.masked(Rect { left: area.left / 2 * 2, top: area.top / 2 * 2, ..area }, settings);
    let (Rect { width, height, .. }, file) = (area, File::Coded(planes.coded(settings.quality)?));
    Ok(Picture { width, height, mode: settings.mode, remark: None, file })
}

/// Cuts and resizes a raw frame.
pub(super) fn fit(frame: &Frame, settings: &Settings) -> Result<Picture, Unfit> {
    let raw = Raw::new(frame, settings.raw_range)?;
    let area = settings.area(frame.width, frame.height)?;
    super::fit::fit(&raw.masked(Rect::whole(frame.width, frame.height), settings), area, settings)
}

/// The samples of one kind: where they stand in the frame, and what they mean.
#[derive(Clone)]
struct Kind {
    /// The first one.
    start: usize,
    /// From one to the next.
    step: usize,
    /// From one row to the next.
    stride: usize,
    /// Samples in a row.
    width: u32,
    /// Rows.
    height: u32,
    /// The full-range value of each sample.
    values: [u8; 256],
}

impl Kind {
    /// Takes every `STEP`th sample of a row; the last one may stand at its very end.
    #[inline]
    fn take<const STEP: usize>(&self, row: &[u8], into: &mut [u8]) {
        let value = |sample: u8| self.values.get(usize::from(sample)).copied().unwrap_or_default();
        let (steps, rest) = row.as_chunks::<STEP>();
        let samples = steps.iter().map(|step| step.first()).chain([rest.first()]).flatten();
        for (place, &sample) in into.iter_mut().zip(samples) {
            *place = value(sample);
        }
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
        let as_it_is = full_range(0, 255, 0);
        let (luma, blue) =
            if is_full { (as_it_is, as_it_is) } else { (full_range(16, 219, 0), full_range(128, 224, 128)) };
        let luma = Kind { start: 0, step: 1, stride: across, width, height, values: luma };
        let blue = Kind { start: 1, step: 4, stride: 0, width: half_width, height, values: blue };
        let red = |blue: &Kind, apart| Kind { start: blue.start.saturating_add(apart), ..blue.clone() };
        let (luma, chroma, needed) = match frame.format {
            PixelFormat::Yuyv => {
                let stride = length(half_width).saturating_mul(4);
                let blue = Kind { stride, ..blue };
                let chroma = [blue.clone(), red(&blue, 2)];
                (Kind { step: 2, stride, ..luma }, Some(chroma), stride.saturating_mul(down))
            }
            PixelFormat::Nv12 => {
                let (start, stride) = (across.saturating_mul(down), length(half_width).saturating_mul(2));
                let blue = Kind { start, step: 2, stride, height: half_height, ..blue };
                let needed = start.saturating_add(stride.saturating_mul(length(half_height)));
                (luma, Some([blue.clone(), red(&blue, 1)]), needed)
            }
            PixelFormat::Grey => (Kind { values: as_it_is, ..luma }, None, across.saturating_mul(down)),
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
            let start = kind.start + length(top + y) * kind.stride + length(left) * kind.step;
            let row = self.bytes.get(start..).unwrap_or_default();
            // Steps that are known in advance are quick ones.
            match kind.step {
                1 => kind.take::<1>(row, plane.row_mut(y)),
                2 => kind.take::<2>(row, plane.row_mut(y)),
                _ => kind.take::<4>(row, plane.row_mut(y)),
            }
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

/// For each sample its value when `steps` from `origin` on become 255 from `target` on.
fn full_range(origin: i32, steps: i32, target: i32) -> [u8; 256] {
    let mut sample = -1;
    [(); 256].map(|()| {
        sample += 1;
        let scaled = (sample - origin) * 255;
        let rounded = (scaled + scaled.signum() * steps / 2) / steps + target;
        u8::try_from(rounded.clamp(0, 255)).unwrap_or(u8::MAX)
    })
}
