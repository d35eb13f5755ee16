//! What passed the scanner of a scanner-scale: it comes over the scale's wire, and is passed on as it came.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::stamp::iso_utc;

/// A bar code that a scanner-scale read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barcode {
    /// The device as the service knows it.
    pub device_id: String,
    /// The scanner's whole message, `S08F4006381333931`.
    pub message: String,
    /// When its last byte arrived.
    pub at: DateTime<Utc>,
}

#[derive(Serialize)]
struct Line<'a> {
    barcode: &'a str,
    symbology: Option<&'a str>,
    device_id: &'a str,
    scanned_at: String,
    raw: &'a str,
}

/// What stands behind `S08` and before the digits (Datalogic's and PSC's label ids, as CORE-POS reads them).
const LABELS: [(&str, &str); 4] = [("A", "UPC-A"), ("E", "UPC-E"), ("F", "EAN-13"), ("R", "GS1")];

impl Barcode {
    /// The line for programs, without a line end. It has no `weighing`, by which outcomes are known.
    #[must_use]
    pub fn json(&self) -> String {
        let body = self.message.strip_prefix("S08").or_else(|| self.message.strip_prefix("S0"));
        let body = body.unwrap_or(&self.message);
        let label = LABELS.iter().find_map(|(id, name)| Some((body.strip_prefix(id)?, *name)));
        let line = Line {
            barcode: label.map_or(body, |(code, _)| code),
            symbology: label.map(|(_, name)| name),
            device_id: &self.device_id,
            scanned_at: iso_utc(self.at),
            raw: &self.message,
        };
        serde_json::to_string(&line).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barcode_is_told_with_its_kind_where_that_is_known() {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let told = |message: &str| {
            let barcode = Barcode { device_id: "LANE-01".to_owned(), message: message.to_owned(), at };
            serde_json::from_str::<serde_json::Value>(&barcode.json()).unwrap()
        };
        let known = told("S08F4006381333931");
        assert_eq!((&known["barcode"], &known["symbology"]), (&"4006381333931".into(), &"EAN-13".into()));
        assert_eq!(known["scanned_at"], "2027-01-15T08:00:00.000Z");
        let unknown = told("S08Q123");
        assert_eq!((&unknown["barcode"], unknown["symbology"].is_null()), (&"Q123".into(), true));
        assert!(known.get("weighing").is_none());
    }
}
