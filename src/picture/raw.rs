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

/// Where samples of one kind stand in the frame.
#[derive(Clone, Copy)]
struct Layout {
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
}

/// A raw frame of the right length.
struct Raw<'a> {
    bytes: &'a [u8],
    luma: Layout,
    chroma: Option<[Layout; 2]>,
    stretch: Option<Stretch>,
}

impl<'a> Raw<'a> {
    fn new(frame: &'a Frame, range: RawRange) -> Result<Self, Unfit> {
        let (width, height) = (frame.width, frame.height);
        let (across, down) = (length(width), length(height));
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let luma = Layout { start: 0, step: 1, stride: across, width, height };
        let (luma, chroma, needed) = match frame.format {
            PixelFormat::Yuyv => {
                let stride = length(half_width).saturating_mul(4);
                let chroma = |start| Layout { start, step: 4, stride, width: half_width, height };
                (
                    Layout { step: 2, stride, ..luma },
                    Some([chroma(1), chroma(3)]),
                    stride.saturating_mul(down),
                )
            }
            PixelFormat::Nv12 => {
                let stride = length(half_width).saturating_mul(2);
                let start = across.saturating_mul(down);
                let chroma =
                    |start| Layout { start, step: 2, stride, width: half_width, height: half_height };
                let needed = start.saturating_add(stride.saturating_mul(length(half_height)));
                (luma, Some([chroma(start), chroma(start.saturating_add(1))]), needed)
            }
            PixelFormat::Grey => (luma, None, across.saturating_mul(down)),
            PixelFormat::Jpeg => {
                return Err(Unfit::NotDecodable("a JPEG frame has no raw samples".to_owned()));
            }
        };
        if frame.bytes.len() != needed || needed == 0 {
            return Err(Unfit::Length { found: frame.bytes.len(), needed });
        }
        let stretch = (chroma.is_some() && range == RawRange::Limited).then(Stretch::new);
        Ok(Self { bytes: &frame.bytes, luma, chroma, stretch })
    }

    /// The samples of a part of a row.
    fn row(&self, layout: &Layout, y: u32, left: u32, width: u32) -> impl Iterator<Item = u8> {
        let start = layout.start + length(y) * layout.stride + length(left) * layout.step;
        let samples = self.bytes.get(start..).unwrap_or_default();
        samples.iter().copied().step_by(layout.step).take(length(width))
    }

    fn plane(&self, layout: &Layout, stretch: Option<&[u8; 256]>) -> Plane {
        let mut samples = Vec::with_capacity(length(layout.width) * length(layout.height));
        for y in 0..layout.height {
            let row = self.row(layout, y, 0, layout.width);
            samples.extend(row.map(|sample| stretched(stretch, sample)));
        }
        Plane { width: layout.width, height: layout.height, samples }
    }

    fn planes(&self) -> Planes {
        let luma = self.plane(&self.luma, self.stretch.as_ref().map(|stretch| &stretch.luma));
        let by = self.stretch.as_ref().map(|stretch| &stretch.chroma);
        let chroma = self.chroma.map(|layouts| layouts.map(|layout| self.plane(&layout, by)));
        Planes { area: Rect::whole(self.luma.width, self.luma.height), luma, chroma }
    }

    fn coded(&self, part: Rect, masks: &[Rect], quality: Quality) -> Result<Vec<u8>, Unfit> {
        let factor = match self.chroma {
            Some([blue, _]) if blue.height == self.luma.height => SamplingFactor::F_2_1,
            Some(_) => SamplingFactor::F_2_2,
            None => SamplingFactor::F_1_1,
        };
        code(Part { raw: self, part, masks }, quality, factor)
    }
}

/// A part of a raw frame, handed to the encoder row by row.
struct Part<'a> {
    raw: &'a Raw<'a>,
    part: Rect,
    masks: &'a [Rect],
}

impl Part<'_> {
    /// The columns of a row that masks grey out, counted from the part's edge. They are moved apart to even
    /// pixels and rows, so that no chrominance sample shows what is masked.
    fn masked(&self, y: u32) -> impl Iterator<Item = std::ops::Range<usize>> {
        let part = self.part;
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
        u16::try_from(self.part.width).unwrap_or(0)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.part.height).unwrap_or(0)
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let (raw, part) = (self.raw, self.part);
        let y = part.top + u32::from(y);
        let starts = buffers.each_ref().map(Vec::len);
        let [luma, chroma @ .., _] = &mut *buffers;
        let by = raw.stretch.as_ref().map(|stretch| &stretch.luma);
        luma.extend(raw.row(&raw.luma, y, part.left, part.width).map(|sample| stretched(by, sample)));
        let by = raw.stretch.as_ref().map(|stretch| &stretch.chroma);
        for (layout, buffer) in raw.chroma.iter().flatten().zip(chroma) {
            let y = if layout.height == raw.luma.height { y } else { y / 2 };
            let end = buffer.len() + length(part.width);
            let row = raw.row(layout, y, part.left / 2, part.width.div_ceil(2));
            // The encoder wants a sample for every pixel, and takes every second one again.
            buffer.extend(row.flat_map(|sample| [stretched(by, sample); 2]));
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

/// The way from video range to full range.
struct Stretch {
    luma: [u8; 256],
    chroma: [u8; 256],
}

impl Stretch {
    fn new() -> Self {
        Self { luma: from_range(16, 219, 0), chroma: from_range(128, 224, 128) }
    }
}

/// For each sample its value when `steps` around `origin` become 255 around `target`.
fn from_range(origin: i32, steps: i32, target: i32) -> [u8; 256] {
    let mut sample = -1;
    [(); 256].map(|()| {
        sample += 1;
        let scaled = (sample - origin) * 255;
        let rounded = (scaled + scaled.signum() * steps / 2) / steps + target;
        u8::try_from(rounded.clamp(0, 255)).unwrap_or(u8::MAX)
    })
}

fn stretched(by: Option<&[u8; 256]>, sample: u8) -> u8 {
    by.and_then(|table| table.get(usize::from(sample))).copied().unwrap_or(sample)
}
