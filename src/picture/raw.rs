//! Raw camera formats: rows of samples, fed to the encoder as they are.
//!
//! Cameras send luminance from 16 to 235 and chrominance from 16 to 240 unless they say otherwise (ITU-R BT.601,
//! and V4L2's default quantisation for YCbCr formats); JPEG means 0 to 255 (JFIF 1.02), so both are stretched.
//! Without that the picture is flat. `Grey` has no such convention and is taken as it is.

use jpeg_encoder::{ImageBuffer, JpegColorType, SamplingFactor};

use super::planes::{Plane, Planes, code, usize_from};
use super::{File, Mode, Picture, Quality, Settings, Unfit};
use crate::camera::{Frame, PixelFormat};
use crate::jpeg::Rect;

/// Codes a raw frame in its own size and chrominance resolution.
pub(super) fn pass(frame: &Frame, settings: &Settings) -> Result<Picture, Unfit> {
    let raw = Raw::new(frame)?;
    let part = Rect::whole(frame.width, frame.height);
    let file = raw.coded(part, settings.quality)?;
    Ok(Picture { width: part.width, height: part.height, mode: Mode::Pass, file: File::Coded(file) })
}

/// Cuts and resizes a raw frame.
pub(super) fn planes(frame: &Frame) -> Result<Planes, Unfit> {
    Ok(Raw::new(frame)?.planes())
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
    fn new(frame: &'a Frame) -> Result<Self, Unfit> {
        let (width, height) = (frame.width, frame.height);
        let (across, down) = (usize_from(width), usize_from(height));
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let luma = Layout { start: 0, step: 1, stride: across, width, height };
        let (luma, chroma, needed) = match frame.format {
            PixelFormat::Yuyv => {
                let stride = usize_from(half_width).saturating_mul(4);
                let chroma = |start| Layout { start, step: 4, stride, width: half_width, height };
                (
                    Layout { step: 2, stride, ..luma },
                    Some([chroma(1), chroma(3)]),
                    stride.saturating_mul(down),
                )
            }
            PixelFormat::Nv12 => {
                let stride = usize_from(half_width).saturating_mul(2);
                let start = across.saturating_mul(down);
                let chroma =
                    |start| Layout { start, step: 2, stride, width: half_width, height: half_height };
                let needed = start.saturating_add(stride.saturating_mul(usize_from(half_height)));
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
        let stretch = chroma.is_some().then(Stretch::new);
        Ok(Self { bytes: &frame.bytes, luma, chroma, stretch })
    }

    /// The samples of a part of a row.
    fn row(&self, layout: &Layout, y: u32, left: u32, width: u32) -> impl Iterator<Item = u8> {
        let start = layout.start + usize_from(y) * layout.stride + usize_from(left) * layout.step;
        let samples = self.bytes.get(start..).unwrap_or_default();
        samples.iter().copied().step_by(layout.step).take(usize_from(width))
    }

    fn plane(&self, layout: &Layout, stretch: Option<&[u8; 256]>) -> Plane {
        let mut samples = Vec::with_capacity(usize_from(layout.width) * usize_from(layout.height));
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
        Planes { luma, chroma }
    }

    fn coded(&self, part: Rect, quality: Quality) -> Result<Vec<u8>, Unfit> {
        let factor = match self.chroma {
            Some([blue, _]) if blue.height == self.luma.height => SamplingFactor::F_2_1,
            Some(_) => SamplingFactor::F_2_2,
            None => SamplingFactor::F_1_1,
        };
        code(Part { raw: self, part }, quality, factor)
    }
}

/// A part of a raw frame, handed to the encoder row by row.
struct Part<'a> {
    raw: &'a Raw<'a>,
    part: Rect,
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
        let [luma, chroma @ .., _] = buffers;
        let by = raw.stretch.as_ref().map(|stretch| &stretch.luma);
        luma.extend(raw.row(&raw.luma, y, part.left, part.width).map(|sample| stretched(by, sample)));
        let by = raw.stretch.as_ref().map(|stretch| &stretch.chroma);
        for (layout, buffer) in raw.chroma.iter().flatten().zip(chroma) {
            let y = if layout.height == raw.luma.height { y } else { y / 2 };
            let end = buffer.len() + usize_from(part.width);
            let row = raw.row(layout, y, part.left / 2, part.width.div_ceil(2));
            // The encoder wants a sample for every pixel, and takes every second one again.
            buffer.extend(row.flat_map(|sample| [stretched(by, sample); 2]));
            buffer.truncate(end);
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
