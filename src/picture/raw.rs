//! Raw camera formats: rows of samples, fed to the encoder as they are.
//!
//! JPEG means samples from 0 to 255 (JFIF 1.02), so those of a limited range are stretched to that: without it the
//! picture is flat. `Grey` has no such convention and is taken as it is.

use jpeg_encoder::{ImageBuffer, JpegColorType, SamplingFactor};

use super::planes::{MIDDLE, Planes, code};
use super::{File, Picture, Quality, RawRange, Settings, Unfit};
use crate::camera::{Frame, PixelFormat};
use crate::jpeg::{Plane, Rect, length};

/// Codes a part of a raw frame, or all of it, in its own size and chrominance resolution.
///
/// The part begins at the even pixel at or before its edges, where a chrominance sample begins.
pub(super) fn cut(frame: &Frame, settings: &Settings) -> Result<Picture, Unfit> {
    let raw = Raw::new(frame, settings.raw_range)?;
    let area = settings.area(frame.width, frame.height)?;
    let part = Rect { left: area.left / 2 * 2, top: area.top / 2 * 2, ..area };
    let masks: Vec<Rect> = settings.masks.rects().collect();
    let file = File::Coded(raw.coded(part, &masks, settings.quality)?);
    Ok(Picture { width: part.width, height: part.height, mode: settings.mode, remark: None, file })
}

/// Cuts and resizes a raw frame.
pub(super) fn fit(frame: &Frame, settings: &Settings) -> Result<Picture, Unfit> {
    let mut planes = Raw::new(frame, settings.raw_range)?.planes();
    let area = settings.area(frame.width, frame.height)?;
    for mask in settings.masks.rects() {
        planes.grey_out(mask);
    }
    super::fit::fit(&planes, area, settings)
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
        let (luma, blue) = match range {
            RawRange::Limited => (full_range(16, 219, 0), full_range(128, 224, 128)),
            RawRange::Full => (full_range(0, 255, 0), full_range(0, 255, 0)),
        };
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
            PixelFormat::Grey => {
                (Kind { values: full_range(0, 255, 0), ..luma }, None, across.saturating_mul(down))
            }
            PixelFormat::Jpeg => {
                return Err(Unfit::NotDecodable("a JPEG frame has no raw samples".to_owned()));
            }
        };
        if frame.bytes.len() != needed || needed == 0 {
            return Err(Unfit::Length { found: frame.bytes.len(), needed });
        }
        Ok(Self { bytes: &frame.bytes, luma, chroma })
    }

    /// Appends the samples of a part of a row, each so many `TIMES`.
    fn append<const TIMES: usize>(&self, kind: &Kind, (y, left): (u32, u32), width: u32, row: &mut Vec<u8>) {
        let start = kind.start + length(y) * kind.stride + length(left) * kind.step;
        let samples = self.bytes.get(start..).unwrap_or_default().iter().step_by(kind.step);
        let end = row.len();
        row.resize(end + length(width) * TIMES, 0);
        let (places, _) = row.get_mut(end..).unwrap_or_default().as_chunks_mut();
        for (place, &sample) in places.iter_mut().zip(samples) {
            *place = [kind.values.get(usize::from(sample)).copied().unwrap_or_default(); TIMES];
        }
    }

    fn plane(&self, kind: &Kind) -> Plane {
        let mut samples = Vec::with_capacity(length(kind.width) * length(kind.height));
        for y in 0..kind.height {
            self.append::<1>(kind, (y, 0), kind.width, &mut samples);
        }
        Plane { width: kind.width, height: kind.height, samples }
    }

    fn planes(&self) -> Planes {
        let luma = self.plane(&self.luma);
        let chroma = self.chroma.as_ref().map(|kinds| kinds.each_ref().map(|kind| self.plane(kind)));
        Planes { area: Rect::whole(luma.width, luma.height), luma, chroma }
    }

    fn coded(&self, part: Rect, masks: &[Rect], quality: Quality) -> Result<Vec<u8>, Unfit> {
        let factor = match &self.chroma {
            Some([blue, _]) if blue.height == self.luma.height => SamplingFactor::F_2_1,
            Some(_) => SamplingFactor::F_2_2,
            None => SamplingFactor::F_1_1,
        };
        code(Part { raw: self, area: part, masks }, quality, factor)
    }
}

/// A part of a raw frame, handed to the encoder row by row.
struct Part<'a> {
    raw: &'a Raw<'a>,
    area: Rect,
    masks: &'a [Rect],
}

impl Part<'_> {
    /// The columns of a row that masks grey out, counted from the part's edge. They are moved apart to even
    /// pixels and rows, so that no chrominance sample shows what is masked.
    fn masked(&self, y: u32) -> impl Iterator<Item = std::ops::Range<usize>> {
        let part = self.area;
        let touched = self
            .masks
            .iter()
            .filter(move |mask| mask.top / 2 * 2 <= y && y < mask.bottom().next_multiple_of(2));
        touched.map(move |mask| {
            let from = (mask.left / 2 * 2).clamp(part.left, part.right()) - part.left;
            let to = mask.right().next_multiple_of(2).clamp(part.left, part.right()) - part.left;
            length(from)..length(to)
        })
    }
}

impl ImageBuffer for Part<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        if self.raw.chroma.is_some() { JpegColorType::Ycbcr } else { JpegColorType::Luma }
    }

    fn width(&self) -> u16 {
        u16::try_from(self.area.width).unwrap_or(0)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.area.height).unwrap_or(0)
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let (raw, part) = (self.raw, self.area);
        let y = part.top + u32::from(y);
        let starts = buffers.each_ref().map(Vec::len);
        let [luma, chroma @ .., _] = &mut *buffers;
        raw.append::<1>(&raw.luma, (y, part.left), part.width, luma);
        for (kind, buffer) in raw.chroma.iter().flatten().zip(chroma) {
            let y = if kind.height == raw.luma.height { y } else { y / 2 };
            let end = buffer.len() + length(part.width);
            // The encoder wants a sample for every pixel, and takes every second one again.
            raw.append::<2>(kind, (y, part.left / 2), part.width.div_ceil(2), buffer);
            buffer.truncate(end);
        }
        for columns in self.masked(y) {
            for (buffer, start) in buffers.iter_mut().zip(starts) {
                let row = buffer.get_mut(start..).unwrap_or_default();
                row.get_mut(columns.clone()).unwrap_or_default().fill(MIDDLE);
            }
        }
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
