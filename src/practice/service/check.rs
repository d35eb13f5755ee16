//! Checks a request the way the real service does, field by field. Pure.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use serde_json::{Map, Value, json};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

use crate::jpeg;
use crate::weight::{Quantity, Unit, Weight};

/// The cameras that the service knows by name.
const CAMERAS: [&str; 8] = ["generic", "MP7000-P", "MP7000-L", "7879e-C3", "TC1", "TD0", "TDI", "SM6000"];
/// The service's own default.
const OPTIONS: usize = 4;
/// Published limits of a picture: 400 × 240 to 1800 × 1080 pixels.
const LEAST: (usize, usize) = (400, 240);
const MOST: (usize, usize) = (1800, 1080);

/// A request that the service takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) device_id: String,
    pub(super) camera_type: String,
    pub(super) capture_time: String,
    /// The weight in grams as it was written.
    pub(super) weight_grams: Option<String>,
    pub(super) max_options: usize,
    pub(super) include_scores: bool,
    /// Bytes, width and height of the picture.
    pub(super) picture: (usize, usize, usize),
    /// The picture itself.
    pub(super) file: Vec<u8>,
    /// What the real service may dislike without refusing it.
    pub(super) warnings: Vec<String>,
}

impl Request {
    pub(super) fn weight(&self) -> Option<Weight> {
        let text = self.weight_grams.as_deref()?;
        Quantity::parse(text.as_bytes(), Unit::Gram).ok().map(Quantity::weight)
    }
}

/// One thing that is wrong with a request: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    path: Vec<Value>,
    what: String,
}

/// The findings as the body of a 422 answer.
pub(super) fn detail(findings: &[Finding]) -> Value {
    let findings: Vec<_> = findings
        .iter()
        .map(|finding| json!({"loc": finding.path, "msg": finding.what, "type": "value_error"}))
        .collect();
    json!({ "detail": findings })
}

/// Reads a request's body; whatever is wrong with it is found at once, not one by one.
pub(super) fn check(body: &[u8]) -> Result<Request, Vec<Finding>> {
    let mut found = Findings::default();
    let object = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return Err(found.only("body must be an object")),
        Err(error) => return Err(found.only(&format!("JSON decode error: {error}"))),
    };
    let mut warnings = Vec::new();
    let at = |name: &str| vec![json!("body"), json!(name)];
    let device_id = found.string(&object, "device_id", &at("device_id"));
    let image = first_image(&object, &mut found);
    let image_at = |name: &str| vec![json!("body"), json!("images"), json!(0), json!(name)];
    let camera_type = found.string(&image, "camera_type", &image_at("camera_type"));
    if !camera_type.is_empty() && !CAMERAS.contains(&camera_type.as_str()) {
        found.add(image_at("camera_type"), &format!("camera type must be one of {}", CAMERAS.join(", ")));
    }
    let capture_time = found.string(&image, "capture_time", &image_at("capture_time"));
    if !capture_time.is_empty() && DateTime::parse_from_rfc3339(&capture_time).is_err() {
        found.add(image_at("capture_time"), "invalid datetime format: expected ISO 8601 with a time zone");
    }
    let (picture, file) = picture(&found.string(&image, "image", &image_at("image")), &mut warnings)
        .unwrap_or_else(|what| {
            found.add(image_at("image"), &what);
            ((0, 0, 0), Vec::new())
        });
    let weight_grams = match object.get("weight_grams") {
        None | Some(Value::Null) => None,
        Some(Value::Number(_)) => exact_weight(body),
        Some(_) => {
            found.add(at("weight_grams"), "value is not a valid number");
            None
        }
    };
    let max_options = whole(&object, "max_options", &mut found).unwrap_or(OPTIONS);
    let include_scores = object.get("include_scores").and_then(Value::as_bool).unwrap_or(false);
    found.end(Request {
        device_id,
        camera_type,
        capture_time,
        weight_grams,
        max_options,
        include_scores,
        picture,
        file,
        warnings,
    })
}

fn first_image(object: &Map<String, Value>, found: &mut Findings) -> Map<String, Value> {
    let at = |rest: Option<u8>| {
        let mut path = vec![json!("body"), json!("images")];
        path.extend(rest.map(|index| json!(index)));
        path
    };
    match object.get("images") {
        None => found.add(at(None), "field required"),
        Some(Value::Array(images)) => match images.first() {
            Some(Value::Object(image)) => return image.clone(),
            Some(_) => found.add(at(Some(0)), "value is not a valid object"),
            None => found.add(at(None), "at least one image is required"),
        },
        Some(_) => found.add(at(None), "value is not a valid list"),
    }
    // with no image to look into, its fields are not found missing one by one
    found.quiet = true;
    Map::new()
}

fn whole(object: &Map<String, Value>, name: &str, found: &mut Findings) -> Option<usize> {
    let value = object.get(name).filter(|value| !value.is_null())?;
    let number = value.as_u64().and_then(|number| usize::try_from(number).ok()).filter(|&number| number > 0);
    if number.is_none() {
        found.add(vec![json!("body"), json!(name)], "value is not a positive integer");
    }
    number
}

/// The digits of the weight as they stand in the body: a binary fraction would not keep them.
fn exact_weight(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Weight<'a> {
        #[serde(borrow)]
        weight_grams: &'a serde_json::value::RawValue,
    }
    serde_json::from_slice::<Weight<'_>>(body).ok().map(|read| read.weight_grams.get().to_owned())
}

/// Bytes, width and height of a picture.
type Size = (usize, usize, usize);

/// The size of a picture in base64, and the picture itself.
fn picture(base64: &str, warnings: &mut Vec<String>) -> Result<(Size, Vec<u8>), String> {
    if base64.is_empty() {
        // found missing already
        return Ok(((0, 0, 0), Vec::new()));
    }
    let bytes = STANDARD.decode(base64).map_err(|error| format!("not base64: {error}"))?;
    let (width, height) = match bytes.as_slice() {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => png_size(&bytes),
        [0xFF, 0xD8, ..] => jpeg_size(&bytes),
        _ => Err("cannot identify the image: expected JPEG or PNG".to_owned()),
    }?;
    if width < LEAST.0 || height < LEAST.1 || width > MOST.0 || height > MOST.1 {
        warnings.push(format!(
            "the picture is {width}x{height}; the service publishes {}x{} to {}x{}",
            LEAST.0, LEAST.1, MOST.0, MOST.1
        ));
    }
    Ok(((bytes.len(), width, height), bytes))
}

fn jpeg_size(bytes: &[u8]) -> Result<(usize, usize), String> {
    jpeg::whole(bytes).map_err(|damage| damage.to_string())?;
    let mut decoder = JpegDecoder::new(ZCursor::new(bytes));
    decoder.decode_headers().map_err(|error| format!("cannot decode the image: {error:?}"))?;
    decoder.dimensions().ok_or_else(|| "cannot decode the image: it has no size".to_owned())
}

/// PNG: the first chunk is IHDR, with width and height at bytes 16 to 23; the last is IEND.
fn png_size(bytes: &[u8]) -> Result<(usize, usize), String> {
    let number = |from: usize| {
        let four = bytes.get(from..from + 4).and_then(|four| <[u8; 4]>::try_from(four).ok());
        four.and_then(|four| usize::try_from(u32::from_be_bytes(four)).ok())
    };
    let whole = bytes.get(12..16) == Some(b"IHDR") && bytes.ends_with(b"IEND\xAE\x42\x60\x82");
    match (number(16), number(20)) {
        (Some(width), Some(height)) if whole => Ok((width, height)),
        _ => Err("the PNG image is not whole".to_owned()),
    }
}

#[derive(Default)]
struct Findings {
    found: Vec<Finding>,
    quiet: bool,
}

impl Findings {
    fn add(&mut self, path: Vec<Value>, what: &str) {
        if !self.quiet {
            self.found.push(Finding { path, what: what.to_owned() });
        }
    }

    fn only(mut self, what: &str) -> Vec<Finding> {
        self.add(vec![json!("body")], what);
        self.found
    }

    fn string(&mut self, object: &Map<String, Value>, name: &str, path: &[Value]) -> String {
        match object.get(name) {
            Some(Value::String(text)) if !text.is_empty() => return text.clone(),
            Some(Value::String(_)) => self.add(path.to_vec(), "must not be empty"),
            Some(_) => self.add(path.to_vec(), "str type expected"),
            None => self.add(path.to_vec(), "field required"),
        }
        String::new()
    }

    fn end(self, request: Request) -> Result<Request, Vec<Finding>> {
        if self.found.is_empty() && !self.quiet { Ok(request) } else { Err(self.found) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        let pixels = vec![90; usize::from(width) * usize::from(height)];
        let encoder = jpeg_encoder::Encoder::new(&mut bytes, 60);
        encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Luma).unwrap();
        bytes
    }

    fn body(picture: &[u8]) -> Value {
        json!({
            "device_id": "LANE-01",
            "images": [{
                "camera_type": "generic",
                "image": STANDARD.encode(picture),
                "capture_time": "2026-11-22T10:15:30.123Z",
            }],
            "weight_grams": 1,
        })
    }

    fn refused(body: &Value) -> String {
        detail(&check(body.to_string().as_bytes()).unwrap_err()).to_string()
    }

    #[test]
    fn a_good_request_is_read_and_its_weight_keeps_its_digits() {
        let text =
            body(&jpeg(640, 360)).to_string().replace("\"weight_grams\":1", "\"weight_grams\":1235.10");
        let request = check(text.as_bytes()).unwrap();
        assert_eq!(request.weight_grams.as_deref(), Some("1235.10"));
        assert_eq!(request.weight(), Some(Weight::from_micrograms(1_235_100_000)));
        assert_eq!((request.picture.1, request.picture.2), (640, 360));
        assert_eq!((request.max_options, request.warnings.len()), (OPTIONS, 0));
    }

    #[test]
    fn a_picture_of_another_size_is_taken_with_a_remark() {
        for (width, height, remarks) in
            [(400, 240, 0), (399, 240, 1), (400, 239, 1), (1800, 1080, 0), (1920, 1080, 1)]
        {
            let request = check(body(&jpeg(width, height)).to_string().as_bytes()).unwrap();
            assert_eq!(request.warnings.len(), remarks, "{width}x{height}");
        }
    }

    #[test]
    fn every_field_that_is_wrong_is_named() {
        let good = body(&jpeg(400, 240));
        for (at, wrong, said) in [
            ("/device_id", json!(5), r#"["body","device_id"],"msg":"str type expected"#),
            ("/device_id", json!(""), "must not be empty"),
            ("/images", json!([]), "at least one image"),
            ("/images", json!({}), "not a valid list"),
            ("/images/0", json!("x"), "not a valid object"),
            (
                "/images/0/camera_type",
                json!("webcam"),
                r#"["body","images",0,"camera_type"],"msg":"camera type must"#,
            ),
            ("/images/0/capture_time", json!("2026-11-22 10:15"), "invalid datetime"),
            ("/images/0/capture_time", json!(null), "str type expected"),
            ("/images/0/image", json!("%%%"), "not base64"),
            ("/images/0/image", json!("AAAA"), "expected JPEG or PNG"),
            ("/images/0/image", json!(STANDARD.encode([0xFF, 0xD8, 1, 2])), "cut"),
            ("/images/0/image", json!(STANDARD.encode([0xFF, 0xD8, 0xFF, 0xD9])), "cannot decode"),
            ("/weight_grams", json!("12"), "not a valid number"),
        ] {
            let mut body = good.clone();
            *body.pointer_mut(at).unwrap() = wrong.clone();
            let said_really = refused(&body);
            assert!(said_really.contains(said), "{at} = {wrong}: {said_really}");
        }
        assert!(refused(&json!([])).contains("must be an object"));
        let both = refused(&json!({"images": [{"camera_type": "generic"}]}));
        assert_eq!(both.matches("field required").count(), 3, "{both}");
    }

    #[test]
    fn a_png_is_as_good_as_a_jpeg() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x58\0\0\x01\x68\x08\x02\0\0\0".to_vec();
        png.extend_from_slice(b"\0\0\0\0IEND\xAE\x42\x60\x82");
        assert_eq!(check(body(&png).to_string().as_bytes()).unwrap().picture.1, 600);
        png.truncate(30);
        assert!(refused(&body(&png)).contains("not whole"));
    }
}
