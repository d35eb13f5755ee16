//! Frames from makers' manuals and what each must be taken for, through the code that `decode` runs.
//!
//! `tests/data/scale-vectors.json`: each case names its protocol, the settings where the wire does not say
//! everything, the bytes, and for every line that must come out the keys that matter. `garbled` is compared
//! as a part of the sentence.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use scalecam::scale::{Family, Profile, bytes_from_hex, report};
use scalecam::weight::Unit;
use serde_json::{Map, Value};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    protocol: String,
    name: String,
    hex: String,
    #[serde(default)]
    settings: Settings,
    says: Vec<Map<String, Value>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    unit: Option<Unit>,
    decimals: Option<u8>,
}

fn agrees(said: &Value, expected: &Map<String, Value>) -> bool {
    expected.iter().all(|(key, value)| match (key.as_str(), said.get(key), value) {
        ("garbled", Some(Value::String(said)), Value::String(part)) => said.contains(part.as_str()),
        (_, said, value) => said == Some(value),
    })
}

#[test]
fn every_vector_is_taken_for_what_it_is() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("data/scale-vectors.json")).unwrap();
    let mut wrong = Vec::new();
    for Case { protocol, name, hex, settings, says } in &cases {
        let family = Family::named(protocol).unwrap_or_else(|| panic!("no family {protocol}"));
        let profile = Profile { unit: settings.unit, decimals: settings.decimals, ..Profile::default() };
        let lines = report::lines(family, &profile, &bytes_from_hex(hex).unwrap());
        let said: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        if said.len() != says.len() || !said.iter().zip(says).all(|(said, expected)| agrees(said, expected)) {
            wrong.push(format!(
                "{protocol} {name}\n  expected {}\n  said     {lines:#?}",
                serde_json::to_string(says).unwrap()
            ));
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
