//! The JPEG file format, as far as a camera's frames need it. Pure.
//!
//! Layout by ITU-T T.81: markers are `FF xx`; SOI `FFD8` opens the image, EOI `FFD9` ends it, and byte
//! stuffing keeps `FFD9` out of the entropy-coded data.

/// Why bytes are not a whole JPEG image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The bytes do not begin with SOI.
    #[error("the frame does not begin like a JPEG image")]
    NoStart,
    /// There is no EOI: the frame was cut.
    #[error("the frame was cut: its end marker is missing")]
    NoEnd,
}

const SOI: [u8; 2] = [0xFF, 0xD8];
const EOI: [u8; 2] = [0xFF, 0xD9];

/// The image without the padding that cameras put behind it; refused if its start or end is missing.
///
/// The end is searched from behind, and only zeros and a second end marker may follow it: whatever else
/// stands there is an older picture left in the buffer, and then the frame's own end may be missing.
pub fn whole(bytes: &[u8]) -> Result<&[u8], Damage> {
    if !bytes.starts_with(&SOI) {
        return Err(Damage::NoStart);
    }
    let padding = bytes.iter().rev().take_while(|&&byte| byte == 0).count();
    let image = bytes.get(..bytes.len() - padding).unwrap_or_default();
    if image.ends_with(&EOI) { Ok(image) } else { Err(Damage::NoEnd) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_trimmed_and_a_cut_frame_is_refused() {
        assert_eq!(whole(&[0xFF, 0xD8, 1, 2, 0xFF, 0xD9, 0, 0, 0]), Ok(&[0xFF, 0xD8, 1, 2, 0xFF, 0xD9][..]));
        assert_eq!(whole(&[0xFF, 0xD8, 1, 2, 0xFF]), Err(Damage::NoEnd));
        assert_eq!(whole(&[0xFF, 0xD8, 1, 2, 0, 0]), Err(Damage::NoEnd));
        assert_eq!(whole(&[1, 0xFF, 0xD8, 0xFF, 0xD9]), Err(Damage::NoStart));
        assert_eq!(whole(&[]), Err(Damage::NoStart));
    }
}
