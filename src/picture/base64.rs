//! The picture as text, straight into the request body.

use base64::Engine;
use base64::engine::GeneralPurposeConfig;
use bytes::BytesMut;

/// The quickest engine of this machine. On x86-64 and aarch64 it looks for AVX2 or NEON when made, and works
/// without as well; elsewhere (armv7) the crate has the scalar one only.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn engine() -> impl Engine {
    base64::engine::Simd::standard(GeneralPurposeConfig::new())
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn engine() -> impl Engine {
    base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, GeneralPurposeConfig::new())
}

/// How many characters that many bytes become, padding included.
#[must_use]
pub const fn base64_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Appends the base64 text (standard alphabet, padded) of the parts, read as one, to a request body.
///
/// The parts are not joined first: at most two bytes are carried from one to the next.
pub fn append_base64<'a>(parts: impl IntoIterator<Item = &'a [u8]>, body: &mut BytesMut) {
    let engine = engine();
    let (mut carried, mut held) = ([0_u8; 3], 0_usize);
    for mut part in parts {
        while (1..3).contains(&held)
            && let Some((&first, rest)) = part.split_first()
        {
            if let Some(place) = carried.get_mut(held) {
                *place = first;
            }
            held += 1;
            part = rest;
        }
        if held == 3 {
            append(&engine, &carried, body);
            held = 0;
        }
        let (whole, rest) = part.split_at(part.len() - part.len() % 3);
        append(&engine, whole, body);
        for (place, &byte) in carried.iter_mut().zip(rest) {
            *place = byte;
        }
        held = held.max(rest.len());
    }
    append(&engine, carried.get(..held).unwrap_or_default(), body);
}

/// Room in the body is made this much at a time, in text of whole groups: what is made and what is written into it then
/// stay in the processor's nearest memory.
const PIECE: usize = 3 * 2_048;

fn append(engine: &impl Engine, bytes: &[u8], body: &mut BytesMut) {
    for piece in bytes.chunks(PIECE) {
        let start = body.len();
        body.resize(start + base64_len(piece.len()), 0);
        let room = body.get_mut(start..).unwrap_or_default();
        // The room is exactly what the text needs, so this cannot fail; a length it did not fill would be dropped.
        let written = engine.encode_slice(piece, room).unwrap_or(0);
        body.truncate(start + written);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    fn text(parts: &[&[u8]]) -> Vec<u8> {
        let mut body = BytesMut::from(&b"{\"image\":\""[..]);
        append_base64(parts.iter().copied(), &mut body);
        body.strip_prefix(b"{\"image\":\"").unwrap().to_vec()
    }

    #[test]
    fn published_examples() {
        // RFC 4648, section 10.
        for (bytes, expected) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(text(&[bytes.as_bytes()]), expected.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn the_cuts_between_the_parts_cannot_matter(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..400), 0..8),
            tiny in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3), 0..8),
        ) {
            let parts: Vec<&[u8]> = parts.iter().zip(&tiny).flat_map(|(part, tiny)| [&part[..], &tiny[..]]).collect();
            prop_assert_eq!(text(&parts), BASE64_STANDARD.encode(parts.concat()).into_bytes());
        }
    }
}
