//! What the service answered. Pure.
//!
//! Every enumeration has an arm for words that are not known yet, fields that are not known are ignored,
//! numbers keep the digits they were sent with. What is missing or of another type is an error, never a
//! value of our own.

use std::fmt;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

/// No answer is longer. One with fifty products takes about 8 KB.
pub(super) const MOST_BYTES: usize = 256 * 1024;
/// How much of a foreign text stands in a message.
const MOST_SHOWN: usize = 200;
/// How long a name in an answer may be; the service's own limit for a product id is 50.
const MOST_NAME: usize = 200;

/// One recognition.
#[derive(Clone, Debug, Deserialize)]
pub struct Recognition {
    /// The service's name for it: reports refer to it.
    pub id: Name,
    /// What the service found, and the products it offers.
    #[serde(rename = "product_recognition")]
    pub product: ProductRecognition,
    /// Whether a bag was seen; absent in older versions of the service.
    #[serde(default, rename = "bag_recognition")]
    pub bag: Option<Bag>,
}

/// What the service found.
#[derive(Clone, Debug, Deserialize)]
pub struct ProductRecognition {
    /// Its own word for the result.
    #[serde(rename = "result_type")]
    pub result: ResultType,
    /// The products, best first; empty for most results other than `recognised`.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub options: Vec<Candidate>,
}

/// One product that the service offers.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Candidate {
    /// The product's id in the shop's catalogue.
    pub product_id: Name,
    /// How many pieces the weight stands for; absent when the service does not say.
    #[serde(default)]
    pub quantity: Option<Number>,
    /// How sure the service is, 0 to 1; absent unless asked for.
    #[serde(default)]
    pub score: Option<Number>,
}

/// Whether a bag was seen.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Bag {
    /// Whether a bag was seen.
    pub present: bool,
    /// Its kind in the service's own word; no list of them is published.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
}

/// The service's word for a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultType {
    /// Products are offered.
    Recognised,
    /// Packaged goods with a bar code.
    RecognisedBarcodedProduct,
    /// Nothing that the catalogue knows.
    NoKnownProduct,
    /// Something is in the way of the camera.
    Obstructed,
    /// An empty plate.
    Background,
    /// A word that was not published when this was written.
    Unknown(Name),
}

impl ResultType {
    /// The word itself.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Recognised => "recognised",
            Self::RecognisedBarcodedProduct => "recognised_barcoded_product",
            Self::NoKnownProduct => "no_known_product",
            Self::Obstructed => "obstructed",
            Self::Background => "background",
            Self::Unknown(word) => word.as_str(),
        }
    }
}

impl<'de> Deserialize<'de> for ResultType {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = Name::deserialize(from)?;
        Ok(match word.as_str() {
            "recognised" => Self::Recognised,
            "recognised_barcoded_product" => Self::RecognisedBarcodedProduct,
            "no_known_product" => Self::NoKnownProduct,
            "obstructed" => Self::Obstructed,
            "background" => Self::Background,
            _ => Self::Unknown(word),
        })
    }
}

impl Serialize for ResultType {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}

/// A name from an answer: not empty, at most 200 bytes, no control characters.
///
/// Names go on to displays, tills and programs: a line break in one could be read there as a command.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// The name as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text.is_empty() || text.len() > MOST_NAME || text.chars().any(char::is_control) {
            return Err(de::Error::custom(
                "expected a name of 1 to 200 characters without control characters",
            ));
        }
        Ok(Self(text))
    }
}

/// A number exactly as it was written.
#[derive(Clone)]
pub struct Number(Box<RawValue>);

impl Number {
    /// The digits as they were sent.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(from)?;
        match raw.get().as_bytes() {
            [b'-' | b'0'..=b'9', ..] if raw.get().len() <= 40 => Ok(Self(raw)),
            _ => Err(de::Error::custom("expected a number")),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

fn null_is_empty<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Candidate>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Reads the body of an answer; the error is a short reason for people.
pub(super) fn read(content_type: Option<&str>, body: &[u8]) -> Result<Recognition, String> {
    let mut from = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize(&mut from)
        .map_err(|error| {
            let (at, why) = (error.path().to_string(), error.inner().to_string());
            if at == "." { why } else { format!("{at}: {why}") }
        })
        .and_then(|read| from.end().map(|()| read).map_err(|error| error.to_string()));
    read.map_err(|why| {
        if content_type.is_some_and(is_html) {
            "a web page came instead of JSON: a login page of the network, or a wrong url".to_owned()
        } else {
            readable(&why)
        }
    })
}

/// What an error's body says to people: `detail` as a text or a list of findings, `message`, `error`, or
/// plain text; bounded, on one line. None when there is nothing to read.
#[must_use]
pub(super) fn message(content_type: Option<&str>, body: &[u8]) -> Option<String> {
    let text = match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(value) => from_json(&value)?,
        Err(_) if content_type.is_some_and(is_html) => return None,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    Some(readable(&text)).filter(|text| !text.is_empty())
}

fn from_json(value: &serde_json::Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_owned());
    }
    let field = ["detail", "message", "error", "title"].iter().find_map(|name| value.get(name))?;
    if let Some(findings) = field.as_array() {
        let findings: Vec<_> = findings.iter().take(3).filter_map(finding).collect();
        return Some(findings.join("; ")).filter(|text| !text.is_empty());
    }
    field.as_str().map(str::to_owned).or_else(|| from_json(field))
}

/// One finding of a validation: where, and what.
fn finding(value: &serde_json::Value) -> Option<String> {
    let what = value.get("msg").and_then(serde_json::Value::as_str)?;
    let path = value.get("loc").and_then(serde_json::Value::as_array)?;
    let path: Vec<_> =
        path.iter().map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned)).collect();
    Some(format!("{}: {what}", path.join(".")))
}

fn is_html(content_type: &str) -> bool {
    content_type.trim_start().get(..9).is_some_and(|start| start.eq_ignore_ascii_case("text/html"))
}

/// A foreign text fit to stand in a message: one line, bounded.
#[must_use]
pub(super) fn readable(text: &str) -> String {
    let clean: String = text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    let clean = clean.trim();
    match clean.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}…", clean.get(..end).unwrap_or_default()),
        None => clean.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = r#"{"id":"57355cd5-7b9f-4f5e-9a53-0c2b5b1f4a11","new":{"x":[1]},
        "product_recognition":{"result_type":"recognised","options":[
            {"product_id":"834437","quantity":3.0,"score":0.950000000000000000001},{"product_id":"7"}]},
        "bag_recognition":{"present":true,"type":"paper"}}"#;

    fn good(body: &str) -> Recognition {
        read(Some("application/json"), body.as_bytes()).unwrap()
    }

    fn bad(body: &str) -> String {
        read(None, body.as_bytes()).unwrap_err()
    }

    #[test]
    fn an_answer_is_read_and_its_numbers_keep_their_digits() {
        let answer = good(GOOD);
        assert_eq!(answer.id.as_str(), "57355cd5-7b9f-4f5e-9a53-0c2b5b1f4a11");
        assert_eq!(answer.product.result, ResultType::Recognised);
        let [first, second] = &answer.product.options[..] else { panic!("two options") };
        assert_eq!(first.product_id.as_str(), "834437");
        assert_eq!(first.quantity.as_ref().unwrap().text(), "3.0");
        assert_eq!(
            serde_json::to_string(first).unwrap(),
            r#"{"product_id":"834437","quantity":3.0,"score":0.950000000000000000001}"#
        );
        assert!(second.quantity.is_none() && second.score.is_none());
        assert_eq!(answer.bag, Some(Bag { present: true, kind: Some("paper".to_owned()) }));
    }

    #[test]
    fn words_and_fields_that_are_not_known_are_kept_or_ignored() {
        let answer =
            good(r#"{"id":"x","product_recognition":{"result_type":"two_products","options":null}}"#);
        assert_eq!(answer.product.result.word(), "two_products");
        assert!(matches!(answer.product.result, ResultType::Unknown(_)));
        assert!(answer.product.options.is_empty() && answer.bag.is_none());
        let answer = good(
            r#"{"id":"x","product_recognition":{"result_type":"background"},"bag_recognition":{"present":false}}"#,
        );
        assert_eq!(answer.product.result, ResultType::Background);
        assert_eq!(answer.bag, Some(Bag { present: false, kind: None }));
        for word in ["recognised_barcoded_product", "no_known_product", "obstructed"] {
            let answer = good(&format!(r#"{{"id":"x","product_recognition":{{"result_type":"{word}"}}}}"#));
            assert_eq!(answer.product.result.word(), word);
            assert!(!matches!(answer.product.result, ResultType::Unknown(_)));
        }
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_named() {
        for (body, reason) in [
            ("", "EOF"),
            ("[]", "struct Recognition"),
            ("{}", "missing field `id`"),
            (r#"{"id":"x"}"#, "missing field `product_recognition`"),
            (r#"{"id":"x","product_recognition":{}}"#, "missing field `result_type`"),
            (
                r#"{"id":5,"product_recognition":{"result_type":"background"}}"#,
                "id: invalid type: integer `5`",
            ),
            (
                r#"{"id":"x","product_recognition":{"result_type":"recognised","options":[{"product_id":"a\r\nPRINT"}]}}"#,
                "product_recognition.options[0].product_id: expected a name",
            ),
            (
                r#"{"id":"x","product_recognition":{"result_type":"recognised","options":[{"product_id":"a","score":"0.9"}]}}"#,
                "options[0].score: expected a number",
            ),
            (r#"{"id":"","product_recognition":{"result_type":"background"}}"#, "id: expected a name"),
            (r#"{"id":"x","product_recognition":{"result_type":"background"}} trailing"#, "trailing"),
        ] {
            let said = bad(body);
            assert!(said.contains(reason), "{body}: {said}");
        }
        let long = format!(r#"{{"id":["{}"]}}"#, "a".repeat(10_000));
        assert!(bad(&long).chars().count() <= MOST_SHOWN + 1);
        assert!(bad(&"[".repeat(100_000)).contains("recursion") || !bad(&"[".repeat(100_000)).is_empty());
    }

    #[test]
    fn a_web_page_is_told_apart() {
        let said = read(Some("text/html; charset=utf-8"), b"<html>login</html>").unwrap_err();
        assert!(said.contains("web page"), "{said}");
    }

    #[test]
    fn error_bodies_are_read_in_all_their_forms() {
        let said = |body: &str| message(Some("application/json"), body.as_bytes());
        assert_eq!(said(r#"{"detail":"Not authenticated"}"#).unwrap(), "Not authenticated");
        assert_eq!(
            said(r#"{"detail":[{"loc":["body","images",0,"image"],"msg":"not an image","type":"v"},{"loc":["body","device_id"],"msg":"field required"}]}"#).unwrap(),
            "body.images.0.image: not an image; body.device_id: field required"
        );
        assert_eq!(said(r#"{"message":"slow\ndown\u0007"}"#).unwrap(), "slow down");
        assert_eq!(said(r#"{"error":{"message":"quota"}}"#).unwrap(), "quota");
        assert_eq!(said("plain text").unwrap(), "plain text");
        assert_eq!(said(""), None);
        assert_eq!(said("{}"), None);
        assert_eq!(said("[1,2]"), None);
        assert_eq!(message(Some("text/html"), b"<html>502 Bad Gateway</html>"), None);
        assert_eq!(said(&"x".repeat(100_000)).unwrap().chars().count(), MOST_SHOWN + 1);
    }

    proptest! {
        #[test]
        fn no_body_is_too_strange(body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(None, &body);
            let shown = message(None, &body).unwrap_or_default();
            prop_assert!(!shown.chars().any(char::is_control));
        }

        #[test]
        fn a_good_answer_cut_anywhere_is_not_understood(cut in 0..GOOD.len()) {
            prop_assert!(read(None, &GOOD.as_bytes()[..cut]).is_err());
        }
    }
}
