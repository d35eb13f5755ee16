//! Mode "fit": decoded, cut to the aspect, resized, coded again.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::planes::Planes;
use super::{File, Mode, Picture, Remark, Settings, Unfit};
use crate::jpeg::{self, Closed, Image, Plane, Rect, Scale};

/// Decodes no more of a JPEG image than is needed, cuts and resizes it.
pub(super) fn jpeg(image: &Image<'_>, settings: &Settings) -> Result<Picture, Unfit> {
    let area = settings.area(image.header().width.into(), image.header().height.into())?;
    let (width, _) = fitted(area, settings);
    let planes = decode(image, area, settings, Scale::leaving(width, area.width))?;
    fit(&planes, area, settings)
}

/// Resizes an area to the width asked for and codes it.
pub(super) fn fit(planes: &Planes, area: Rect, settings: &Settings) -> Result<Picture, Unfit> {
    let (width, height) = fitted(area, settings);
    let file = File::Coded(planes.resized(area, width, height)?.coded(settings.quality)?);
    Ok(Picture { width, height, mode: Mode::Fit, remark: None, file })
}

/// Cuts an area out in its own size, and codes it.
pub(super) fn recoded(
    image: &Image<'_>,
    area: Rect,
    settings: &Settings,
    why: Remark,
) -> Result<Picture, Unfit> {
    let planes = decode(image, area, settings, Scale::Full)?;
    let Rect { width, height, .. } = area;
    let file = File::Coded(planes.resized(area, width, height)?.coded(settings.quality)?);
    Ok(Picture { width, height, mode: Mode::Fit, remark: Some(why), file })
}

/// The size that an area gets. One that is smaller than the width asked for is never enlarged: that adds bytes
/// and shows nothing.
fn fitted(area: Rect, settings: &Settings) -> (u32, u32) {
    let width = u32::from(settings.width.pixels()).min(area.width);
    // To the nearest pixel, at least one.
    let (height, whole) = (u64::from(area.height) * u64::from(width), u64::from(area.width.max(1)));
    (width, u32::try_from((height + whole / 2) / whole).unwrap_or(u32::MAX).max(1))
}

/// Decodes an area of a JPEG image: what cameras send with no more work than the size needs, other kinds whole.
fn decode(image: &Image<'_>, area: Rect, settings: &Settings, scale: Scale) -> Result<Planes, Unfit> {
    let masks: Vec<Rect> = settings.masks.rects().collect();
    match jpeg::decode(image, area, &masks, scale) {
        Ok(decoded) => {
            let mut planes = decoded.planes.into_iter();
            let luma = planes.next().ok_or(Unfit::NotDecodable("there is no luminance".to_owned()))?;
            let chroma = planes.next().zip(planes.next()).map(|(blue, red)| [blue, red]);
            Ok(Planes { area: decoded.area, luma, chroma })
        }
        Err(Closed::Damaged(damage)) => Err(damage.into()),
        Err(Closed::Unusual(_)) => {
            let mut planes = decode_other(image)?;
            for mask in masks {
                planes.grey_out(mask);
            }
            Ok(planes)
        }
    }
}

/// Decodes a JPEG image of any coding that the decoder knows.
fn decode_other(image: &Image<'_>) -> Result<Planes, Unfit> {
    let header = image.header();
    let (width, height) = (u32::from(header.width), u32::from(header.height));
    let grey = header.components().len() == 1;
    let space = if grey { ColorSpace::Luma } else { ColorSpace::YCbCr };
    let options = DecoderOptions::new_fast()
        .jpeg_set_out_colorspace(space)
        .set_strict_mode(true)
        .set_max_width(header.width.into())
        .set_max_height(header.height.into());
    let file = image.pieces().concat();
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&file), options);
    let samples = decoder.decode().map_err(|error| Unfit::NotDecodable(error.to_string()))?;
    let plane = |samples: Vec<u8>| {
        let whole = samples.len() == jpeg::length(width) * jpeg::length(height);
        let missing = || Unfit::NotDecodable("samples are missing".to_owned());
        whole.then_some(Plane { width, height, samples }).ok_or_else(missing)
    };
    let area = Rect::whole(width, height);
    if grey {
        return Ok(Planes { area, luma: plane(samples)?, chroma: None });
    }
    let kind = |which| plane(samples.iter().skip(which).step_by(3).copied().collect());
    Ok(Planes { area, luma: kind(0)?, chroma: Some([kind(1)?, kind(2)?]) })
}
