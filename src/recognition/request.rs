//! The body of a request: JSON in one buffer that is filled, sent and used again. Pure.

use bytes::{BufMut, Bytes, BytesMut};
use chrono::{DateTime, Utc};

use crate::stamp::iso_utc;
use crate::weight::Weight;

/// What a request says beside the picture.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The device as it is registered with the service.
    pub device_id: &'a str,
    /// The camera as the device is registered with it.
    pub camera_type: &'a str,
    /// When the picture was taken.
    pub captured_at: DateTime<Utc>,
    /// What the scale says; absent when unknown.
    pub weight: Option<Weight>,
    /// How many products the service may offer; absent = the service's own default.
    pub max_options: Option<u32>,
}

/// Room for everything but the picture: the names, a time and the fixed text.
const BESIDE_THE_PICTURE: usize = 512;

/// Builds bodies, one after the other, in the same memory.
///
/// The memory of a body is free again as soon as its last holder lets it go, so in the steady state no
/// weighing allocates; a body that is still being sent when the next one is built gets memory of its own.
#[derive(Debug, Default)]
pub struct BodyBuilder {
    buffer: BytesMut,
}

impl BodyBuilder {
    /// A builder without memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The whole body. `append_image` appends the picture's base64 text, about `base64_length` bytes of it,
    /// straight behind what is already there: no other copy of the picture is made.
    pub fn build(
        &mut self,
        about: &About<'_>,
        base64_length: usize,
        append_image: impl FnOnce(&mut BytesMut),
    ) -> Bytes {
        let names = 6 * (about.device_id.len() + about.camera_type.len());
        self.buffer.clear();
        self.buffer.reserve(base64_length.saturating_add(names + BESIDE_THE_PICTURE));
        self.buffer.put_slice(br#"{"device_id":"#);
        self.string(about.device_id);
        self.buffer.put_slice(br#","images":[{"camera_type":"#);
        self.string(about.camera_type);
        self.buffer.put_slice(br#","capture_time":"#);
        self.string(&iso_utc(about.captured_at));
        self.buffer.put_slice(br#","image":""#);
        append_image(&mut self.buffer);
        self.buffer.put_slice(br#""}]"#);
        if let Some(weight) = about.weight {
            self.buffer.put_slice(br#","weight_grams":"#);
            self.buffer.put_slice(decimal_grams(weight).as_bytes());
        }
        if let Some(most) = about.max_options {
            self.buffer.put_slice(br#","max_options":"#);
            self.buffer.put_slice(most.to_string().as_bytes());
        }
        self.buffer.put_u8(b'}');
        self.buffer.split().freeze()
    }

    fn string(&mut self, text: &str) {
        // writing text into memory cannot fail: the writer grows
        let _ = serde_json::to_writer((&mut self.buffer).writer(), text);
    }
}

/// Grams as an exact decimal with a point, as the service and the outcome line write them: `1235.0`.
#[must_use]
pub fn decimal_grams(weight: Weight) -> String {
    let mut text = weight.grams();
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    fn about(device_id: &str) -> About<'_> {
        About {
            device_id,
            camera_type: "generic",
            captured_at: DateTime::from_timestamp_millis(1_795_000_000_123).unwrap(),
            weight: Some(Weight::from_micrograms(1_235_500_000)),
            max_options: None,
        }
    }

    fn body(builder: &mut BodyBuilder, about: &About<'_>, picture: &[u8]) -> Bytes {
        let length = base64::encoded_len(picture.len(), true).unwrap();
        builder.build(about, length, |buffer| buffer.put_slice(STANDARD.encode(picture).as_bytes()))
    }

    #[test]
    fn the_body_is_what_the_service_documents() {
        let text = body(&mut BodyBuilder::new(), &about("LANE-01"), &[0xFF, 0xD8, 0xFF, 0xD9]);
        assert_eq!(
            str::from_utf8(&text).unwrap(),
            r#"{"device_id":"LANE-01","images":[{"camera_type":"generic","capture_time":"2026-11-18T11:06:40.123Z","image":"/9j/2Q=="}],"weight_grams":1235.5}"#
        );
    }

    #[test]
    fn what_is_unknown_is_absent_and_grams_have_a_point() {
        let with = About { max_options: Some(6), weight: Some(Weight::from_grams(1235)), ..about("a") };
        let text = body(&mut BodyBuilder::new(), &with, b"");
        assert!(text.ends_with(br#""}],"weight_grams":1235.0,"max_options":6}"#));
        let text = body(&mut BodyBuilder::new(), &About { weight: None, ..about("a") }, b"");
        assert!(text.ends_with(br#""image":""}]}"#));
    }

    #[test]
    fn the_same_memory_carries_one_body_after_the_other() {
        let mut builder = BodyBuilder::new();
        let first = body(&mut builder, &about("a"), &vec![7; 60_000]).as_ptr_range();
        for size in [60_000, 100, 59_000, 30_000, 60_000] {
            let next = body(&mut builder, &about("a"), &vec![9; size]);
            let near = first.start..first.end.wrapping_add(BESIDE_THE_PICTURE);
            assert!(near.contains(&next.as_ptr()), "a body of {size} bytes allocated");
        }
        let held = body(&mut builder, &about("a"), &vec![1; 60_000]);
        let (before, other) = (held.clone(), body(&mut builder, &about("a"), &vec![2; 60_000]));
        assert_eq!(held, before);
        assert_ne!(held.as_ptr(), other.as_ptr(), "a body in use was written over");
    }

    proptest! {
        #[test]
        fn any_names_and_weights_come_back(
            device_id in any::<String>(), micrograms: i64, picture in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let weight = Weight::from_micrograms(micrograms);
            let about = About { weight: Some(weight), ..about(&device_id) };
            let text = body(&mut BodyBuilder::new(), &about, &picture);
            let read: serde_json::Value = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(read["device_id"].as_str().unwrap(), &device_id);
            let image = &read["images"][0];
            prop_assert_eq!(STANDARD.decode(image["image"].as_str().unwrap()).unwrap(), picture);
            prop_assert_eq!(image["camera_type"].as_str().unwrap(), "generic");
            prop_assert!(read["weight_grams"].is_number());
            let written = [":", &decimal_grams(weight), "}"].concat();
            prop_assert!(text.ends_with(written.as_bytes()));
        }
    }
}
