//! A decoded picture as planes of luminance and chrominance, as JPEG keeps them: resizing and coding
//! it needs no detour over red, green and blue.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::{Quality, Unfit};
use crate::jpeg::{self, Plane, Rect, length};

/// A decoded part of a picture in full range (0 to 255) YCbCr; without chrominance it is grey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planes {
    /// Which part of the picture every plane shows, each in its own resolution.
    pub(super) area: Rect,
    pub(super) luma: Plane,
    /// Blue and red difference.
    pub(super) chroma: Option<[Plane; 2]>,
}

impl Planes {
    /// A part of the picture in another size; the chrominance comes out at half that size both ways.
    pub(super) fn resized(&self, part: Rect, width: u32, height: u32) -> Result<Self, Unfit> {
        let mut resizer = Resizer::new();
        let luma = self.resize(&self.luma, part, width, height, &mut resizer)?;
        let mut half =
            |plane: &Plane| self.resize(plane, part, width.div_ceil(2), height.div_ceil(2), &mut resizer);
        let chroma = match &self.chroma {
            Some([blue, red]) => Some([half(blue)?, half(red)?]),
            None => None,
        };
        Ok(Self { area: part, luma, chroma })
    }

    fn resize(
        &self,
        plane: &Plane,
        part: Rect,
        width: u32,
        height: u32,
        resizer: &mut Resizer,
    ) -> Result<Plane, Unfit> {
        let refused = |error: &dyn std::fmt::Display| Unfit::NotResizable(error.to_string());
        let (across, down) = self.samples_per_pixel(plane);
        let left = f64::from(part.left.saturating_sub(self.area.left)) * across;
        let top = f64::from(part.top.saturating_sub(self.area.top)) * down;
        let (source_width, source_height) = (f64::from(part.width) * across, f64::from(part.height) * down);
        // Means of whole samples where the reduction is by whole numbers; else a triangle as wide as the reduction. Either
        // way every source sample counts, and nothing aliases.
        let whole =
            [left % 1.0, top % 1.0, source_width % f64::from(width), source_height % f64::from(height)];
        let is_whole = whole.iter().all(|part| part.abs() < f64::EPSILON);
        let filter = if is_whole { FilterType::Box } else { FilterType::Bilinear };
        let how = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
        let how = how.crop(left, top, source_width, source_height);
        let source = ImageRef::new(plane.width, plane.height, &plane.samples, PixelType::U8);
        let source = source.map_err(|error| refused(&error))?;
        let mut target = Image::new(width, height, PixelType::U8);
        resizer.resize(&source, &mut target, &how).map_err(|error| refused(&error))?;
        Ok(Plane { width, height, samples: target.into_vec() })
    }

    fn samples_per_pixel(&self, plane: &Plane) -> (f64, f64) {
        let (width, height) = (f64::from(self.area.width), f64::from(self.area.height));
        (f64::from(plane.width) / width, f64::from(plane.height) / height)
    }

    /// Greys out every sample that shows anything of an area.
    pub(super) fn grey_out(&mut self, area: Rect) {
        let whole = self.area;
        let hidden = area.common(whole);
        if hidden.is_empty() {
            return;
        }
        for plane in std::iter::once(&mut self.luma).chain(self.chroma.iter_mut().flatten()) {
            let sample = |pixel: u32, plane: u32, whole: u32| pixel.saturating_mul(plane) / whole.max(1);
            let past =
                |pixel: u32, plane: u32, whole: u32| pixel.saturating_mul(plane).div_ceil(whole.max(1));
            let left = sample(hidden.left - whole.left, plane.width, whole.width);
            let right = past(hidden.right() - whole.left, plane.width, whole.width);
            let top = sample(hidden.top - whole.top, plane.height, whole.height);
            let bottom = past(hidden.bottom() - whole.top, plane.height, whole.height);
            for y in top..bottom {
                let row = plane.row_mut(y).get_mut(length(left)..length(right));
                row.unwrap_or_default().fill(MIDDLE);
            }
        }
    }

    /// The picture as a JPEG file.
    pub(super) fn coded(&self, quality: Quality) -> Result<Vec<u8>, Unfit> {
        let planes: Vec<&Plane> = std::iter::once(&self.luma).chain(self.chroma.iter().flatten()).collect();
        Ok(jpeg::encode(&planes, quality.percent())?)
    }
}

/// Middle grey in luminance, no colour in chrominance.
const MIDDLE: u8 = 128;
