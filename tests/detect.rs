//! `scalecam detect`, against practice scales that remember every byte they were sent.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::process::{Command, Output, Stdio};

use scalecam::practice::scale::{Options, PracticeScale};
use serde_json::Value;

const HARMLESS: [&[u8]; 4] = [b"W\r", b"\x05", b"SI\r\n", b"\x04\x0208\x03"];

fn detect(arguments: &[&str]) -> (Option<i32>, Value) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_scalecam"))
        .arg("detect")
        .args(arguments)
        .arg("--json")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&stdout).into_owned();
    let said = String::from_utf8_lossy(&stderr).into_owned();
    (status.code(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text:?} {said:?}")))
}

/// Whether the bytes are harmless requests and nothing else.
fn is_harmless(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Some(rest) = HARMLESS.iter().find_map(|request| bytes.strip_prefix(*request)) else {
            return false;
        };
        bytes = rest;
    }
    true
}

fn found(protocol: &str) {
    let scale = PracticeScale::start(Options::new(protocol)).unwrap();
    scale.put(1235);
    let (code, findings) = detect(&[scale.path().unwrap().to_str().unwrap()]);
    assert_eq!(code, Some(0), "{findings}");
    assert_eq!(findings["protocol"], protocol, "{findings}");
    assert!(findings["confidence"].as_u64().unwrap() >= 80, "{findings}");
    assert!(!findings["readings"].as_array().unwrap().is_empty(), "{findings}");
    let usual = scalecam::scale::Family::named(protocol).unwrap().line;
    assert_eq!(findings["framing"], serde_json::to_value(usual.framing).unwrap(), "{findings}");
    let settings = findings["settings"].as_str().unwrap();
    assert!(settings.contains(&format!("protocol = \"{protocol}\"")), "{settings}");
    assert!(is_harmless(&scale.heard()), "{}", scale.heard().escape_ascii());
}

#[test]
fn a_scale_that_answers_is_found_by_harmless_requests() {
    found("toledo-8217");
    found("mt-sics");
}

#[test]
fn a_stream_is_found_without_a_word() {
    let scale = PracticeScale::start(Options::new("st-gs")).unwrap();
    let (code, findings) = detect(&[scale.path().unwrap().to_str().unwrap()]);
    assert_eq!((code, &findings["protocol"]), (Some(0), &Value::from("st-gs")), "{findings}");
    assert_eq!(scale.heard(), b"");
}

#[test]
fn a_capture_is_looked_at_without_a_port() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("capture");
    let text = b"ST,GS,+  1.234kg\r\n".repeat(6);
    let odd: Vec<u8> =
        text.iter().map(|byte| if byte.count_ones() % 2 == 1 { *byte } else { byte | 0x80 }).collect();
    for (bytes, code, protocol, framing) in [
        (text.clone(), 0, Value::from("st-gs"), Value::Null),
        (odd, 0, Value::from("st-gs"), Value::from("7O1")),
        (b"neither this nor that\r\n".repeat(9), 1, Value::Null, Value::Null),
        (Vec::new(), 1, Value::Null, Value::Null),
    ] {
        std::fs::write(&file, &bytes).unwrap();
        let (ended, findings) = detect(&["--file", file.to_str().unwrap()]);
        assert_eq!(
            (ended, &findings["protocol"], &findings["framing"]),
            (Some(code), &protocol, &framing),
            "{findings}"
        );
        let remark = findings["remark"].as_str().unwrap();
        assert_eq!(remark.starts_with("silence"), bytes.is_empty(), "{remark}");
    }
}

#[test]
fn a_port_that_is_not_there_is_said() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_scalecam")).args(["detect", "/dev/no-such-port"]).output().unwrap();
    assert_eq!(output.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no such device"));
}

/// Every language whose questions are harmless, or that needs none, at the settings it leaves the factory with.
#[test]
fn each_that_can_be_found_harmlessly_is_found() {
    for (language, family) in [
        ("toledo-8217/ps60", "toledo-8217"),
        ("nci-scp", "nci-scp"),
        ("nci-scp/ecr", "nci-scp"),
        ("nci-scp/3835", "nci-scp"),
        ("dialog-06", "dialog-06"),
        ("st-gs/tiger", "st-gs"),
        ("st-gs/cas22", "st-gs"),
        ("st-gs/and", "st-gs"),
        ("sma", "sma"),
        ("toledo-continuous", "toledo-continuous"),
        ("toledo-continuous/plain", "toledo-continuous"),
        ("prix", "prix"),
        ("prix/prt5", "prix"),
        ("sbi/auto", "sbi"),
        ("radwag", "radwag"),
        ("digi-ds425", "digi-ds425"),
        ("rinstrum", "rinstrum"),
    ] {
        let scale = PracticeScale::start(Options::new(language)).unwrap();
        scale.put(1235);
        let clock = scalecam::stamp::Clock::system();
        let began = clock.now();
        let (code, findings) = detect(&[scale.path().unwrap().to_str().unwrap()]);
        assert_eq!((code, &findings["protocol"]), (Some(0), &Value::from(family)), "{language}: {findings}");
        assert!(clock.now().since(began).as_secs() < 30, "{language}");
        assert!(is_harmless(&scale.heard()), "{language}: {}", scale.heard().escape_ascii());
        let usual = scalecam::scale::Family::named(family).unwrap().line;
        assert_eq!(findings["baud"], usual.baud, "{language}: {findings}");
    }
}

/// What only a question could tell that is not asked: nothing is claimed, and it is said what there is.
#[test]
fn those_that_cannot_be_found_harmlessly_are_not_claimed() {
    let scale = PracticeScale::start(Options::new("cas-dc1")).unwrap();
    scale.put(1235);
    let (code, findings) = detect(&[scale.path().unwrap().to_str().unwrap()]);
    assert_eq!((code, &findings["found"]), (Some(1), &Value::from(false)), "{findings}");
    let remark = findings["remark"].as_str().unwrap();
    assert!(remark.contains("cas-dc1") && remark.contains("berkel"), "{remark}");
    assert!(is_harmless(&scale.heard()), "{}", scale.heard().escape_ascii());
}
