//! The JPEG file format, as far as a camera's frames need it. Pure.
//!
//! Layout by ITU-T T.81 (1992): a file is a row of segments, each behind a marker `FF xx`; SOI `FFD8` opens the
//! image, EOI `FFD9` ends it, and byte stuffing keeps markers out of the entropy-coded data, so that a
//! marker found there is one.
//!
//! [`whole`] is the check for every frame of a stream: it looks at both ends only. [`Image::read`] walks the
//! segments and is for the one frame that is chosen.

mod bits;
mod blocks;
mod course;
mod crop;
mod damage;
mod decode;
mod encode;
mod header;
mod huffman;
mod idct;
mod lanes;
mod plane;
mod rect;
mod scan;
mod segments;
mod symbols;
mod tables;
mod walk;

pub use crop::{Cropped, crop, verify};
pub use damage::Damage;
pub use decode::{Decoded, decode};
pub use encode::{Uncodable, encode};
pub use header::{Coding, Component, Header};
pub use idct::Scale;
pub use plane::Plane;
pub(crate) use plane::length;
pub use rect::Rect;
pub use scan::{Closed, Unusual};
pub use tables::STANDARD_TABLES;
pub use walk::Image;

const SOI: [u8; 2] = [0xFF, 0xD8];
const EOI: [u8; 2] = [0xFF, 0xD9];

/// The image without the padding that cameras put behind it; refused if its start or end is missing.
///
/// The end is looked for from behind. Zeros, ones (`FF`) and further end markers may follow it, because
/// cameras fill up to a multiple of their transfer size with these; anything else there is refused, since it
/// may be an older picture's rest behind a cut frame.
pub fn whole(bytes: &[u8]) -> Result<&[u8], Damage> {
    if !bytes.starts_with(&SOI) {
        return Err(Damage::NoStart);
    }
    let mut image = without_filling(bytes);
    if !image.ends_with(&EOI) {
        return Err(Damage::NoEnd);
    }
    while let Some(before) = image.strip_suffix(&EOI).map(without_filling)
        && before.ends_with(&EOI)
    {
        image = before;
    }
    Ok(image)
}

fn without_filling(bytes: &[u8]) -> &[u8] {
    let filling = bytes.iter().rev().take_while(|&&byte| byte == 0x00 || byte == 0xFF).count();
    bytes.get(..bytes.len() - filling).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_trimmed_and_a_cut_frame_is_refused() {
        let image = &[0xFF, 0xD8, 1, 2, 0xFF, 0xD9][..];
        for padding in [&[][..], &[0; 3], &[0xFF; 5], &[0xFF, 0xD9], &[0, 0xFF, 0xD9, 0xFF, 0xD9, 0]] {
            assert_eq!(whole(&[image, padding].concat()), Ok(image), "{padding:x?}");
        }
        for rest in [&[7][..], &[0, 0, 7], &[7, 0xFF, 0xD8], &[0xFF, 0xD8]] {
            assert_eq!(whole(&[image, rest].concat()), Err(Damage::NoEnd), "{rest:x?}");
        }
        assert_eq!(whole(&[0xFF, 0xD8, 1, 2, 0xFF]), Err(Damage::NoEnd));
        assert_eq!(whole(&[0xFF, 0xD8, 1, 2, 0, 0]), Err(Damage::NoEnd));
        assert_eq!(whole(&[1, 0xFF, 0xD8, 0xFF, 0xD9]), Err(Damage::NoStart));
        assert_eq!(whole(&[]), Err(Damage::NoStart));
    }

    #[test]
    fn a_stuffed_byte_before_the_end_belongs_to_the_picture() {
        let image = [0xFF, 0xD8, 1, 0xFF, 0x00, 0xFF, 0xD9];
        assert_eq!(whole(&image), Ok(&image[..]));
    }
}
