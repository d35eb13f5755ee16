//! What became of one weighing: exactly one outcome for each, failure included.
//!
//! The JSON line is a contract with everybody who scripts against the agent; its names stand in one place,
//! here, and a test holds them.

mod barcode;
mod product;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::recognition::{Facts, Failure, Recognition, ResultType, decimal_grams};
use crate::scale::Stability;
use crate::stamp::iso_utc;
use crate::weight::Quantity;
pub use barcode::Barcode;
pub use product::{Product, Products};

/// What set a weighing off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// The weight came to rest.
    Settled,
    /// Somebody asked for it by hand.
    Manual,
}

/// Why a weighing has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// There is no picture of this moment, or it cannot be used.
    #[error("{0}")]
    NoPicture(String),
    /// The goods moved away before their picture was taken; nothing was sent.
    #[error("the load moved before its picture was taken; it is weighed again when it rests")]
    Disturbed,
    /// Other goods were put down before the service answered; its answer must not be shown for them.
    #[error("other goods were put on the scale before the answer came")]
    Superseded,
    /// The service, the way to it, or its answer.
    #[error(transparent)]
    Recognition(#[from] Failure),
}

impl Failed {
    /// One word for the kind of failure, for programs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NoPicture(_) => "no_picture",
            Self::Disturbed => "disturbed",
            Self::Superseded => "superseded",
            Self::Recognition(failure) => failure.kind(),
        }
    }
}

/// What is known of the picture that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PictureFacts {
    /// Its size as a JPEG file.
    pub bytes: usize,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// How it was made from the frame: `pass`, `crop`, `fit`.
    pub mode: &'static str,
    /// From the settled moment to the frame, in milliseconds: how much newer it is.
    pub frame_age_ms: u64,
    /// The frame's number: a gap to the one before is not a fault, the same number twice would be.
    pub frame: u64,
    /// Whether the scene stood still; nothing when it was not looked at.
    pub still: Option<bool>,
    /// Why it was made in another way than the settings ask for; nothing when it was not.
    pub remark: Option<String>,
}

/// How long each part of the way took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Took {
    /// From the first sign of the load to its rest.
    pub settle: Option<Duration>,
    /// From the settled moment to the chosen frame being at hand.
    pub frame: Option<Duration>,
    /// From the frame to the finished request body.
    pub picture: Option<Duration>,
    /// From handing the request over to the understood answer.
    pub request: Option<Duration>,
    /// From the answer to the devices having taken it.
    pub write_back: Option<Duration>,
    /// From the settled moment to the end of all this.
    pub total: Duration,
}

/// One weighing and what became of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The weighing's own name, sortable by time (a ULID).
    pub weighing: String,
    /// The device as the service knows it.
    pub device_id: String,
    /// Whether scale, camera or service were simulated.
    pub simulated: bool,
    /// What set it off.
    pub trigger: Trigger,
    /// What the scale showed; nothing when it gave no weight (only by hand).
    pub quantity: Option<Quantity>,
    /// Whether that weight was at rest.
    pub stability: Stability,
    /// Whether the load was seen to move while its picture was taken; unknown when the scale said nothing since.
    pub disturbed: Option<bool>,
    /// When the weight settled.
    pub settled_at: DateTime<Utc>,
    /// When the picture was taken.
    pub captured_at: Option<DateTime<Utc>>,
    /// What the service said, or why there is nothing.
    pub result: Result<Recognition, Failed>,
    /// The id of a recognition that took place although its result is not used: it must be reported too.
    pub unused_recognition: Option<String>,
    /// The picture that was sent.
    pub picture: Option<PictureFacts>,
    /// How the request travelled.
    pub session: Option<Facts>,
    /// How long it took.
    pub took: Took,
    /// What products are called, for people.
    pub products: Arc<Products>,
}

impl Outcome {
    /// The product to show: the best option of a recognised result.
    #[must_use]
    pub fn product_id(&self) -> Option<&str> {
        let recognition = self.result.as_ref().ok()?;
        match recognition.product.result {
            ResultType::Recognised => {
                recognition.product.options.first().map(|option| option.product_id.as_str())
            }
            ResultType::RecognisedBarcodedProduct
            | ResultType::NoKnownProduct
            | ResultType::Obstructed
            | ResultType::Background
            | ResultType::Unknown(_) => None,
        }
    }

    /// What the settings say of the product to show.
    #[must_use]
    pub fn product(&self) -> Option<&Product> {
        self.products.get(self.product_id()?)
    }

    /// The service's own word for the result, or `failed`.
    #[must_use]
    pub fn word(&self) -> &str {
        self.result.as_ref().map_or("failed", |recognition| recognition.product.result.word())
    }

    /// The weight in grams as an exact decimal with a point, if there is one.
    #[must_use]
    pub fn grams(&self) -> Option<String> {
        self.quantity.map(|quantity| decimal_grams(quantity.weight()))
    }

    /// The outcome as one line of JSON, without the line's end.
    #[must_use]
    pub fn json(&self) -> String {
        let recognition = self.result.as_ref().ok();
        let options =
            recognition.map(|recognition| recognition.product.options.as_slice()).unwrap_or_default();
        let line = Line {
            weighing: &self.weighing,
            device_id: &self.device_id,
            simulated: self.simulated,
            trigger: self.trigger,
            grams: self.grams().and_then(|grams| RawValue::from_string(grams).ok()),
            weight: self.quantity.map(|quantity| format!("{quantity} {}", quantity.unit())),
            stability: self.stability,
            disturbed: self.disturbed,
            settled_at: iso_utc(self.settled_at),
            captured_at: self.captured_at.map(iso_utc),
            result: self.word(),
            recognition_id: recognition.map(|found| found.id.as_str()).or(self.unused_recognition.as_deref()),
            options: options
                .iter()
                .map(|option| OptionLine {
                    product_id: option.product_id.as_str(),
                    name: self.products.get(option.product_id.as_str()).map(|product| product.name.as_str()),
                    quantity: option.quantity.as_ref(),
                    score: option.score.as_ref(),
                })
                .collect(),
            bag: recognition.and_then(|found| found.bag.as_ref()).map(|bag| bag.present),
            error: self
                .result
                .as_ref()
                .err()
                .map(|failed| ErrorLine { kind: failed.kind(), message: failed.to_string() }),
            picture: self.picture.as_ref(),
            session: self.session.as_ref(),
            ms: self.took.into(),
        };
        serde_json::to_string(&line).unwrap_or_else(|error| {
            serde_json::json!({"weighing": self.weighing, "result": "failed",
                "error": {"kind": "internal", "message": error.to_string()}})
            .to_string()
        })
    }
}

/// The outcome line, in the order of its keys.
#[derive(Serialize)]
struct Line<'a> {
    weighing: &'a str,
    device_id: &'a str,
    simulated: bool,
    trigger: Trigger,
    grams: Option<Box<RawValue>>,
    weight: Option<String>,
    stability: Stability,
    disturbed: Option<bool>,
    settled_at: String,
    captured_at: Option<String>,
    result: &'a str,
    recognition_id: Option<&'a str>,
    options: Vec<OptionLine<'a>>,
    bag: Option<bool>,
    error: Option<ErrorLine>,
    picture: Option<&'a PictureFacts>,
    session: Option<&'a Facts>,
    ms: Milliseconds,
}

#[derive(Serialize)]
struct OptionLine<'a> {
    product_id: &'a str,
    name: Option<&'a str>,
    quantity: Option<&'a crate::recognition::Number>,
    score: Option<&'a crate::recognition::Number>,
}

#[derive(Serialize)]
struct ErrorLine {
    kind: &'static str,
    message: String,
}

/// The durations in milliseconds, to the microsecond.
#[derive(Serialize)]
struct Milliseconds {
    settle: Option<f64>,
    frame: Option<f64>,
    picture: Option<f64>,
    request: Option<f64>,
    write_back: Option<f64>,
    total: f64,
}

impl From<Took> for Milliseconds {
    fn from(took: Took) -> Self {
        Self {
            settle: took.settle.map(milliseconds),
            frame: took.frame.map(milliseconds),
            picture: took.picture.map(milliseconds),
            request: took.request.map(milliseconds),
            write_back: took.write_back.map(milliseconds),
            total: milliseconds(took.total),
        }
    }
}

/// A duration in milliseconds, rounded to the microsecond.
#[must_use]
pub fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}
