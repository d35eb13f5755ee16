//! Photographs as a camera's frames, in every format: those of the folder that `SCALECAM_FRAMES` names, textured pictures
//! where there are none.

use std::sync::Arc;

use jpeg_encoder::SamplingFactor;
use scalecam::camera::{Frame, PixelFormat};
use scalecam::jpeg::{self, Image, Rect, Scale};
use scalecam::stamp::Stamp;

use super::pictures;

pub(crate) const SIZES: [(u16, u16); 2] = [(1280, 720), (1920, 1080)];

/// The mode that gives the service's preferred size; there are no photographs of it, but of twice its size.
pub(crate) const SMALL: (u16, u16) = (640, 360);

/// A photograph at half its size, as the same camera would code it in its smaller mode.
fn halved(file: &[u8]) -> Vec<u8> {
    let image = Image::read(file).unwrap();
    let whole = Rect::whole(image.header().width.into(), image.header().height.into());
    let decoded = jpeg::decode(&image, whole, &[], Scale::Half).unwrap();
    jpeg::encode(&decoded.planes.iter().collect::<Vec<_>>(), 80).unwrap()
}

/// All photographs of a size as frames of a format.
pub(crate) fn of(format: PixelFormat, size: (u16, u16)) -> Vec<Arc<Frame>> {
    let read = |file: &[u8]| Image::read(file).map(|image| (image.header().width, image.header().height));
    let mut files = pictures::photographs();
    let twice = (size.0 * 2, size.1 * 2);
    if size == SMALL && files.iter().any(|file| read(file) == Ok(twice)) {
        files = files.iter().filter(|file| read(file) == Ok(twice)).map(|file| halved(file)).collect();
    }
    files.retain(|file| read(file) == Ok(size));
    if files.is_empty() {
        files.push(pictures::Kind::new(size.0, size.1, Some(SamplingFactor::F_2_1)).file());
    }
    let bytes = |file: Vec<u8>| if format == PixelFormat::Jpeg { file } else { raw(format, size, &file) };
    files.into_iter().map(|file| frame(format, size, bytes(file))).collect()
}

fn frame(format: PixelFormat, (width, height): (u16, u16), bytes: Vec<u8>) -> Arc<Frame> {
    let (width, height, taken) = (width.into(), height.into(), Stamp::from_millis(0));
    let full_range = true;
    Arc::new(Frame { sequence: 1, taken, format, width, height, full_range, bytes, warming_up: false })
}

/// A raw frame that shows what a file shows, whose chrominance must be halved across and whole down.
fn raw(format: PixelFormat, (width, height): (u16, u16), file: &[u8]) -> Vec<u8> {
    let whole = Rect::whole(width.into(), height.into());
    let decoded = jpeg::decode(&Image::read(file).unwrap(), whole, &[], Scale::Full).unwrap();
    let [luma, blue, red] = [0, 1, 2].map(|kind| &decoded.planes[kind]);
    let chroma = |row| {
        let pairs = blue.row(row).iter().zip(red.row(row)).take(usize::from(width) / 2);
        pairs.flat_map(|(blue, red)| [*blue, *red])
    };
    let mut bytes = Vec::new();
    for row in 0..u32::from(height) {
        let luma = luma.row(row).iter().take(usize::from(width)).copied();
        if format == PixelFormat::Yuyv {
            bytes.extend(luma.zip(chroma(row)).flat_map(|(luma, chroma)| [luma, chroma]));
        } else {
            bytes.extend(luma);
        }
    }
    if format == PixelFormat::Nv12 {
        bytes.extend((0..u32::from(height)).step_by(2).flat_map(chroma));
    }
    bytes
}
