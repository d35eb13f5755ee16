//! Mode "fit": decoded, cut to the aspect, resized, coded again.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::planes::{Plane, Planes};
use super::{File, Mode, Picture, Settings, Unfit};
use crate::jpeg::{Image, Rect};

/// Cuts the aspect out of the middle and resizes it; a picture that is smaller than the width asked for is
/// never enlarged, since that adds bytes and shows nothing.
pub(super) fn fit(planes: &Planes, settings: &Settings) -> Result<Picture, Unfit> {
    let part = settings.aspect.within(Rect::whole(planes.luma.width, planes.luma.height));
    let width = u32::from(settings.width.pixels()).min(part.width);
    let height = scaled(part.height, width, part.width);
    let file = planes.resized(part, width, height)?.coded(settings.quality)?;
    Ok(Picture { width, height, mode: Mode::Fit, file: File::Coded(file) })
}

/// `length` × `numerator` ÷ `denominator`, to the nearest pixel, at least one.
fn scaled(length: u32, numerator: u32, denominator: u32) -> u32 {
    let denominator = u64::from(denominator.max(1));
    let scaled = (u64::from(length) * u64::from(numerator) + denominator / 2) / denominator;
    u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
}

/// Decodes a JPEG image of any coding that the decoder knows.
pub(super) fn decode(image: &Image<'_>) -> Result<Planes, Unfit> {
    let header = image.header();
    let (width, height) = (usize::from(header.width), usize::from(header.height));
    let grey = header.components().len() == 1;
    let space = if grey { ColorSpace::Luma } else { ColorSpace::YCbCr };
    let [head, tables, tail] = image.pieces();
    let joined;
    let file = if tables.is_empty() {
        head
    } else {
        joined = [head, tables, tail].concat();
        &joined
    };
    let options = DecoderOptions::new_fast()
        .jpeg_set_out_colorspace(space)
        .set_strict_mode(true)
        .set_max_width(width)
        .set_max_height(height);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    let samples = decoder.decode().map_err(|error| Unfit::NotDecodable(error.to_string()))?;
    let plane = |samples| Plane { width: header.width.into(), height: header.height.into(), samples };
    if grey {
        return complete(Planes { luma: plane(samples), chroma: None });
    }
    let kind = |which| samples.iter().skip(which).step_by(3).copied().collect();
    complete(Planes { luma: plane(kind(0)), chroma: Some([plane(kind(1)), plane(kind(2))]) })
}

/// Refuses planes that the decoder filled only in part.
fn complete(planes: Planes) -> Result<Planes, Unfit> {
    let full = |plane: &Plane| {
        u64::try_from(plane.samples.len()) == Ok(u64::from(plane.width) * u64::from(plane.height))
    };
    let all = full(&planes.luma) && planes.chroma.iter().flatten().all(full);
    if all { Ok(planes) } else { Err(Unfit::NotDecodable("samples are missing".to_owned())) }
}
