//! A decoded picture as planes of luminance and chrominance, as JPEG keeps them: resizing and coding
//! it needs no detour over red, green and blue.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};

use super::{Quality, Unfit};
use crate::jpeg::Rect;

/// One plane of samples, row by row without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plane {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) samples: Vec<u8>,
}

impl Plane {
    fn row(&self, y: u32) -> &[u8] {
        let width = usize_from(self.width);
        let start = usize_from(y.min(self.height.saturating_sub(1))) * width;
        self.samples.get(start..start + width).unwrap_or_default()
    }

    /// Resizes a part, whose edges may lie between samples.
    fn resized(&self, part: [f64; 4], width: u32, height: u32, resizer: &mut Resizer) -> Result<Self, Unfit> {
        let coded = |error: &dyn std::fmt::Display| Unfit::NotCodable(error.to_string());
        let source =
            ImageRef::new(self.width, self.height, &self.samples, PixelType::U8).map_err(|e| coded(&e))?;
        let mut target = Image::new(width, height, PixelType::U8);
        let [left, top, across, down] = part;
        // Bilinear here is a triangle as wide as the reduction, so every source sample counts: nothing aliases.
        let how = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .crop(left, top, across, down);
        resizer.resize(&source, &mut target, &how).map_err(|e| coded(&e))?;
        Ok(Self { width, height, samples: target.into_vec() })
    }
}

/// A picture in full range (0 to 255) YCbCr; without chrominance it is grey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planes {
    pub(super) luma: Plane,
    /// Blue and red difference, both of one size, at most that of the luminance.
    pub(super) chroma: Option<[Plane; 2]>,
}

impl Planes {
    /// A part of the picture in another size; the chrominance comes out at half that size both ways.
    pub(super) fn resized(&self, part: Rect, width: u32, height: u32) -> Result<Self, Unfit> {
        let mut resizer = Resizer::new();
        let edges = [part.left, part.top, part.width, part.height].map(f64::from);
        let luma = self.luma.resized(edges, width, height, &mut resizer)?;
        let Some([blue, red]) = &self.chroma else { return Ok(Self { luma, chroma: None }) };
        let across = f64::from(blue.width) / f64::from(self.luma.width);
        let down = f64::from(blue.height) / f64::from(self.luma.height);
        let [left, top, part_width, part_height] = edges;
        let edges = [left * across, top * down, part_width * across, part_height * down];
        let (width, height) = (width.div_ceil(2), height.div_ceil(2));
        let blue = blue.resized(edges, width, height, &mut resizer)?;
        let red = red.resized(edges, width, height, &mut resizer)?;
        Ok(Self { luma, chroma: Some([blue, red]) })
    }

    /// The picture as a JPEG file, chrominance at half size both ways.
    pub(super) fn coded(&self, quality: Quality) -> Result<Vec<u8>, Unfit> {
        code(self, quality, SamplingFactor::F_2_2)
    }
}

/// Codes a picture that is handed over row by row.
pub(super) fn code(
    image: impl ImageBuffer,
    quality: Quality,
    factor: SamplingFactor,
) -> Result<Vec<u8>, Unfit> {
    // Half a byte a pixel holds nearly every picture at quality 90; larger ones grow.
    let room = usize::from(image.width()) * usize::from(image.height()) / 2;
    let mut file = Vec::with_capacity(room);
    let mut encoder = Encoder::new(&mut file, quality.percent());
    encoder.set_sampling_factor(factor);
    encoder.encode_image(image).map_err(|error| Unfit::NotCodable(error.to_string()))?;
    Ok(file)
}

impl ImageBuffer for &Planes {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        if self.chroma.is_some() { JpegColorType::Ycbcr } else { JpegColorType::Luma }
    }

    fn width(&self) -> u16 {
        u16::try_from(self.luma.width).unwrap_or(0)
    }

    fn height(&self) -> u16 {
        u16::try_from(self.luma.height).unwrap_or(0)
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let y = u32::from(y);
        let [luma, chroma @ .., _] = buffers;
        luma.extend_from_slice(self.luma.row(y));
        for (plane, buffer) in self.chroma.iter().flatten().zip(chroma) {
            // The encoder wants a sample for every pixel and takes the first of each four again.
            let end = buffer.len() + usize_from(self.luma.width);
            let row = plane.row(if plane.height == self.luma.height { y } else { y / 2 });
            if plane.width == self.luma.width {
                buffer.extend_from_slice(row);
            } else {
                buffer.extend(row.iter().flat_map(|&sample| [sample; 2]));
            }
            buffer.resize(end, row.last().copied().unwrap_or(128));
        }
    }
}

/// A length in memory. Pictures are smaller than the address space of every machine this runs on.
pub(super) fn usize_from(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
