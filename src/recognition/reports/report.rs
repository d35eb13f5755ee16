//! What is reported about a recognition, as a till says it and as the service wants it. Pure.
//!
//! The spelling of the service's enumerations is not public: the words stand in [`Method::word`] and are
//! passed on as the till says them in a [`Transaction`], so a correction is one line.

use chrono::{DateTime, Utc};
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::stamp::iso_utc;

/// Whatever a till adds of its own may take that much.
const MOST_EXTRA: usize = 4 * 1024;
/// The service's own limit for the names that a till gives.
const MOST_NAME: usize = 50;
/// For words and texts without a published limit.
const MOST_TEXT: usize = 200;

/// What a person or a program chose after a recognition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// How the choice came about.
    pub method: Method,
    /// What was chosen; it need not be among the products that the service offered. Absent when nothing was.
    #[serde(default)]
    pub product_id: Option<Text<MOST_NAME>>,
    /// How it is sold, in the service's own form.
    #[serde(default)]
    pub sale_info: Option<Extra>,
    /// The till's name for the sale.
    #[serde(default)]
    pub transaction_id: Option<Text<MOST_NAME>>,
    /// The till's name for the line on the receipt.
    #[serde(default)]
    pub line_item_id: Option<Text<MOST_NAME>>,
    /// When the choice was made; absent = now.
    #[serde(default)]
    pub time: Option<Moment>,
}

/// How a choice came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// A program put the product on the receipt.
    Automatic,
    /// A person chose it.
    Manual,
    /// Nothing was chosen, or the weighing was given up.
    Unused,
}

impl Method {
    /// The service's word for it.
    const fn word(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Manual => "manual",
            Self::Unused => "recognition_unused",
        }
    }
}

/// What became of the goods: bought, cancelled, a label printed and not paid …
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transaction {
    /// The service's word for what happened.
    #[serde(rename = "type")]
    pub kind: Text<MOST_TEXT>,
    /// When it happened; absent = now.
    #[serde(default)]
    pub time: Option<Moment>,
    /// More about it.
    #[serde(default)]
    pub detail: Option<Text<MOST_TEXT>>,
    /// Whatever the till adds.
    #[serde(default)]
    pub meta_data: Option<Extra>,
}

/// A report about a recognition.
#[derive(Clone, Debug)]
pub enum Report {
    /// What was chosen.
    Selection(Selection),
    /// What became of the goods.
    Transaction(Transaction),
}

/// The two kinds of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// What was chosen: one for each recognition.
    Selection,
    /// What became of the goods: as many as there is news.
    Transaction,
}

impl Kind {
    /// The word for it in the database.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Selection => "selection",
            Self::Transaction => "transaction",
        }
    }

    pub(super) fn read(word: &str) -> Option<Self> {
        [Self::Selection, Self::Transaction].into_iter().find(|kind| kind.word() == word)
    }

    /// Where the service takes it, below the base address.
    pub(super) fn path(self, recognition_id: &str) -> String {
        let id: String = recognition_id.bytes().map(in_a_path).collect();
        match self {
            Self::Selection => format!("recognition/{id}/selection_report"),
            Self::Transaction => format!("recognition/{id}/transaction_events"),
        }
    }
}

/// Where the service takes several transaction events at once.
pub(super) const BATCH_PATH: &str = "recognition/transaction_events/batch";

/// A byte as it may stand in one step of a path (RFC 3986: unreserved, else encoded).
fn in_a_path(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

/// Why a report makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Senseless {
    /// Something was chosen, but not said what.
    #[error("product_id is missing: it says what was chosen; with method \"unused\" leave it out")]
    NoProduct,
    /// Nothing was chosen, but said what.
    #[error("product_id does not belong to method \"unused\": nothing was chosen")]
    Product,
}

impl Report {
    /// A recognition of which nobody made use.
    pub(super) const fn unused() -> Self {
        Self::Selection(Selection {
            method: Method::Unused,
            product_id: None,
            sale_info: None,
            transaction_id: None,
            line_item_id: None,
            time: None,
        })
    }

    /// Which of the two it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Selection(_) => Kind::Selection,
            Self::Transaction(_) => Kind::Transaction,
        }
    }

    /// The body that the service gets.
    pub fn body(&self, now: DateTime<Utc>) -> Result<String, Senseless> {
        let time = |time: &Option<Moment>| iso_utc(time.as_ref().map_or(now, |moment| moment.0));
        let body = match self {
            Self::Selection(selection) => {
                match (selection.method, &selection.product_id) {
                    (Method::Unused, Some(_)) => return Err(Senseless::Product),
                    (Method::Automatic | Method::Manual, None) => return Err(Senseless::NoProduct),
                    (Method::Unused, None) | (Method::Automatic | Method::Manual, Some(_)) => {}
                }
                serde_json::to_string(&SelectionBody {
                    selection_method: selection.method.word(),
                    selected_product_id: selection.product_id.as_ref().map(Text::as_str),
                    sale_info: selection.sale_info.as_ref(),
                    transaction_id: selection.transaction_id.as_ref().map(Text::as_str),
                    line_item_id: selection.line_item_id.as_ref().map(Text::as_str),
                    selection_time: time(&selection.time),
                })
            }
            Self::Transaction(transaction) => serde_json::to_string(&TransactionBody {
                kind: transaction.kind.as_str(),
                time: time(&transaction.time),
                detail: transaction.detail.as_ref().map(Text::as_str),
                meta_data: transaction.meta_data.as_ref(),
            }),
        };
        // texts, and objects that were parsed already: nothing that could not be written
        Ok(body.unwrap_or_default())
    }
}

#[derive(Serialize)]
struct SelectionBody<'a> {
    selection_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    selected_product_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sale_info: Option<&'a Extra>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_item_id: Option<&'a str>,
    selection_time: String,
}

#[derive(Serialize)]
struct TransactionBody<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta_data: Option<&'a Extra>,
}

/// A text of 1 to `MOST` characters without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<const MOST: usize>(String);

impl<const MOST: usize> Text<MOST> {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de, const MOST: usize> Deserialize<'de> for Text<MOST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text.is_empty() || text.chars().count() > MOST || text.chars().any(char::is_control) {
            let allowed = format!("expected a text of 1 to {MOST} characters without control characters");
            return Err(de::Error::custom(allowed));
        }
        Ok(Self(text))
    }
}

/// A moment with its time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(DateTime<Utc>);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        DateTime::parse_from_rfc3339(&text)
            .map(|time| Self(time.to_utc()))
            .map_err(|_| de::Error::custom("expected a time with its zone, such as 2026-11-22T10:15:30Z"))
    }
}

/// A JSON object of the till's own, passed on as it is.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Extra(Box<RawValue>);

impl<'de> Deserialize<'de> for Extra {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(from)?;
        if raw.get().len() > MOST_EXTRA || !raw.get().starts_with('{') {
            return Err(de::Error::custom("expected an object of at most 4 KB"));
        }
        Ok(Self(raw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_795_000_000_123).unwrap()
    }

    fn selection(text: &str) -> Result<String, String> {
        let selection = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Report::Selection(selection).body(now()).map_err(|error| error.to_string())
    }

    fn transaction(text: &str) -> Result<String, String> {
        let transaction = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Report::Transaction(transaction).body(now()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_selection_is_said_in_the_services_words() {
        assert_eq!(
            selection(r#"{"method":"manual","product_id":"834437"}"#).unwrap(),
            r#"{"selection_method":"manual","selected_product_id":"834437","selection_time":"2026-11-18T11:06:40.123Z"}"#
        );
        assert_eq!(
            selection(
                r#"{"method":"automatic","product_id":"7","sale_info":{"by":"weight","kg":1.10},"transaction_id":"T1","line_item_id":"3","time":"2026-11-18T12:00:00+01:00"}"#
            )
            .unwrap(),
            r#"{"selection_method":"automatic","selected_product_id":"7","sale_info":{"by":"weight","kg":1.10},"transaction_id":"T1","line_item_id":"3","selection_time":"2026-11-18T11:00:00.000Z"}"#
        );
        assert_eq!(
            Report::unused().body(now()).unwrap(),
            r#"{"selection_method":"recognition_unused","selection_time":"2026-11-18T11:06:40.123Z"}"#
        );
        assert_eq!(
            transaction(r#"{"type":"completed","detail":"paid","meta_data":{}}"#).unwrap(),
            r#"{"type":"completed","time":"2026-11-18T11:06:40.123Z","detail":"paid","meta_data":{}}"#
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_to_change() {
        let long = format!(r#"{{"method":"manual","product_id":"{}"}}"#, "x".repeat(51));
        for (text, said) in [
            (r#"{"method":"manual"}"#, "product_id is missing"),
            (r#"{"method":"unused","product_id":"7"}"#, "nothing was chosen"),
            (r#"{"method":"guessed","product_id":"7"}"#, "expected one of `automatic`, `manual`, `unused`"),
            (r#"{"method":"manual","product_id":""}"#, "1 to 50 characters"),
            (long.as_str(), "1 to 50 characters"),
            (r#"{"method":"manual","product_id":"7","when":1}"#, "unknown field `when`"),
            (r#"{"method":"manual","product_id":"7","time":"12:00"}"#, "a time with its zone"),
            (r#"{"method":"manual","product_id":"7","sale_info":[]}"#, "an object of at most 4 KB"),
        ] {
            let refused = selection(text).unwrap_err();
            assert!(refused.contains(said), "{text}: {refused}");
        }
        assert!(transaction("{}").unwrap_err().contains("missing field `type`"));
        assert!(selection(&format!(r#"{{"method":"manual","product_id":"{}"}}"#, "x".repeat(50))).is_ok());
    }

    #[test]
    fn an_id_cannot_leave_its_place_in_the_path() {
        assert_eq!(Kind::Selection.path("5ca1-a"), "recognition/5ca1-a/selection_report");
        assert_eq!(Kind::Transaction.path("../x?y"), "recognition/%2E%2E%2Fx%3Fy/transaction_events");
        assert_eq!(Kind::read(Kind::Transaction.word()), Some(Kind::Transaction));
        assert_eq!(Kind::read("x"), None);
    }
}
