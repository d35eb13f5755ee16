//! `scalecam doctor`: one line each, with what to do, and an exit code.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use scalecam::practice::scale::{Fault, Options, PracticeScale};
use scalecam::practice::service::{Options as ServiceOptions, Service};
use serde_json::Value;

fn doctor(folder: &Path, scale: &str, more: &str) -> (Option<i32>, Vec<Value>) {
    doctor_with("kind = \"synthetic\"", folder, scale, more)
}

fn doctor_with(camera: &str, folder: &Path, scale: &str, more: &str) -> (Option<i32>, Vec<Value>) {
    let file = folder.join("config.toml");
    let text = format!(
        "[device]\nid = \"a\"\n[scale]\n{scale}[camera]\n{camera}\n\
         [recognition]\napi_key_file = \"{0}/key\"\nca_file = \"{0}/ca.pem\"\n{more}[reports]\nfile = \"{0}/outbox.db\"\n",
        folder.display()
    );
    fs::write(&file, text).unwrap();
    let done = Command::new(env!("CARGO_BIN_EXE_scalecam"))
        .args(["doctor", "--json", "--config"])
        .arg(&file)
        .env_remove("CREDENTIALS_DIRECTORY")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let report: Value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{text} {}", String::from_utf8_lossy(&done.stderr)));
    (done.status.code(), report["checks"].as_array().unwrap().clone())
}

fn verdict<'a>(checks: &'a [Value], name: &str) -> (&'a str, &'a str) {
    let check = checks.iter().find(|check| check["check"] == name);
    let check = check.unwrap_or_else(|| panic!("no check {name}: {checks:?}"));
    (check["verdict"].as_str().unwrap(), check["says"].as_str().unwrap())
}

fn port(scale: &PracticeScale, protocol: &str) -> String {
    format!("port = \"{}\"\nprotocol = \"{protocol}\"\n", scale.path().unwrap().display())
}

#[test]
fn a_good_lane_is_good_and_every_fault_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let service = runtime.block_on(Service::start(ServiceOptions::default())).unwrap();
    fs::write(folder.path().join("key"), "practice").unwrap();
    fs::write(folder.path().join("ca.pem"), service.ca_pem()).unwrap();
    let scale = PracticeScale::start(Options::new("mt-sics")).unwrap();
    let url = format!("url = \"{}\"\n", service.url());
    let (code, checks) = doctor(folder.path(), &port(&scale, "mt-sics"), &url);
    assert_eq!(code, Some(0), "{checks:?}");
    for name in
        ["settings", "scale-port", "scale-permission", "scale-neighbours", "scale-framing", "scale-answer"]
    {
        assert_eq!(verdict(&checks, name).0, "ok", "{checks:?}");
    }
    for name in ["scale-stability", "clock", "key", "outbox", "service"] {
        assert_eq!(verdict(&checks, name).0, "ok", "{checks:?}");
    }
    assert!(verdict(&checks, "scale-framing").1.contains("0.000 kg"), "{checks:?}");
    assert_eq!(verdict(&checks, "camera"), ("warn", "synthetic camera (simulation): SIMULATION"));
    assert!(scale.heard().chunks(4).all(|bytes| bytes == b"SI\r\n"), "{}", scale.heard().escape_ascii());

    fs::remove_file(folder.path().join("key")).unwrap();
    let (code, checks) =
        doctor(folder.path(), "port = \"/dev/no-such-port\"\nprotocol = \"mt-sics\"\n", &url);
    assert_eq!(code, Some(69));
    assert_eq!((verdict(&checks, "scale-port").0, verdict(&checks, "key").0), ("fail", "fail"));
    let told = |check: &Value| {
        check["verdict"] == "ok"
            || check["do"].is_string()
            || check["says"].as_str().unwrap().contains("write")
    };
    assert!(checks.iter().all(told), "{checks:?}");
    assert!(checks.iter().all(|check| check["check"] != "scale-framing"), "there is nothing to ask");
}

#[test]
fn a_scale_that_speaks_otherwise_or_not_at_all_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let stream = PracticeScale::start(Options::new("st-gs")).unwrap();
    let (code, checks) = doctor(folder.path(), &port(&stream, "toledo-continuous"), "");
    assert_eq!((code, verdict(&checks, "scale-framing").0), (Some(69), "fail"), "{checks:?}");
    let (_, checks) = doctor(folder.path(), &port(&stream, "st-gs"), "");
    assert_eq!(
        (verdict(&checks, "scale-framing").0, verdict(&checks, "scale-stability").0),
        ("ok", "ok"),
        "{checks:?}"
    );
    assert_eq!(stream.heard(), b"", "a stream is only listened to");

    let faults = vec![Fault::Parity, Fault::Cut];
    let noisy = PracticeScale::start(Options { faults, ..Options::new("mt-sics") }).unwrap();
    let (_, checks) = doctor(folder.path(), &port(&noisy, "mt-sics"), "");
    let (verdict_of, says) = verdict(&checks, "scale-framing");
    assert!(verdict_of == "warn" && says.contains("garbled"), "{says}");

    let other = PracticeScale::start(Options::new("cas-dc1")).unwrap();
    let (_, checks) = doctor(folder.path(), &port(&other, "ohaus"), "");
    let silent = verdict(&checks, "scale-framing");
    assert!(silent.0 == "fail" && silent.1.contains("says nothing"), "{silent:?}");
    let advice = checks.iter().find(|check| check["check"] == "scale-framing").unwrap()["do"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(advice.contains("scalecam detect /dev/pts/"), "{advice}");
}

#[test]
fn the_camera_is_good_when_its_picture_could_be_sent() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    fs::create_dir(&pictures).unwrap();
    let mut file = Vec::new();
    let grey = vec![100; 640 * 400];
    let encoder = jpeg_encoder::Encoder::new(&mut file, 80);
    encoder.encode(&grey, 640, 400, jpeg_encoder::ColorType::Luma).unwrap();
    fs::write(pictures.join("one.jpg"), &file).unwrap();
    let camera = format!("kind = \"folder\"\nfolder = \"{}\"", pictures.display());
    let looked = |more: &str| {
        let scale = "port = \"/dev/no-such-port\"\nprotocol = \"mt-sics\"\n";
        let (code, checks) = doctor_with(&camera, folder.path(), scale, more);
        let check = checks.into_iter().find(|check| check["check"] == "camera").unwrap();
        let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
        (code, text("verdict"), text("says"), text("do"))
    };
    let (_, verdict, says, _) = looked("");
    assert!(verdict == "ok" && says.contains("640x384, "), "{says}");
    let (_, verdict, says, advice) = looked("[picture]\nmasks = [[0, 0, 99, 99]]\n");
    assert!(verdict == "warn" && says.contains("the masks lie elsewhere"), "{says}");
    assert!(advice.ends_with("set picture.drawn_on = [640, 400]"), "{advice}");
    assert_eq!(looked("[picture]\nmasks = [[0, 0, 99, 99]]\ndrawn_on = [640, 400]\n").1, "ok");
    let (_, verdict, says, _) = looked("[picture]\nmasks = [[0, 0, 99, 99]]\ndrawn_on = [640, 360]\n");
    assert!(verdict == "fail" && says.contains("drawn on a picture of 640x360"), "{says}");
    let (_, verdict, says, _) = looked("[picture]\nregion = [600, 0, 99, 99]\n");
    assert!(verdict == "fail" && says.contains("is not inside the camera's picture of 640x400"), "{says}");
    fs::write(pictures.join("one.jpg"), &file[..file.len() / 2]).unwrap();
    let (_, verdict, says, _) = looked("");
    assert!(verdict == "fail" && !says.is_empty(), "{says}");
}

#[test]
fn bad_settings_are_78_and_told_as_a_check() {
    let folder = tempfile::tempdir().unwrap();
    let (code, checks) = doctor(folder.path(), "port = \"/dev/x\"\nprotocol = \"mt-six\"\n", "");
    assert_eq!((code, verdict(&checks, "settings").0), (Some(78), "fail"));
    assert_eq!(checks.len(), 1);
}

#[test]
fn a_port_in_use_names_who_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let scale = PracticeScale::start(Options::new("mt-sics")).unwrap();
    let path = scale.path().unwrap();
    let mut holder = Command::new("sleep").arg("60").stdin(fs::File::open(&path).unwrap()).spawn().unwrap();
    let (code, checks) = doctor(folder.path(), &port(&scale, "mt-sics"), "");
    let pid = holder.id();
    holder.kill().unwrap();
    holder.wait().unwrap();
    let held = verdict(&checks, "scale-holder");
    assert!(held.1.contains(&format!("sleep (pid {pid})")), "{held:?}");
    assert_eq!((code, held.0), (Some(69), "fail"));
}

#[test]
fn a_port_that_the_agent_has_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let scale = PracticeScale::start(Options::new("mt-sics")).unwrap();
    let path = scale.path().unwrap();
    let agent = folder.path().join("scalecam");
    fs::copy("/bin/sleep", &agent).unwrap();
    let mut agent = Command::new(agent).arg("60").stdin(fs::File::open(&path).unwrap()).spawn().unwrap();
    let (_, checks) = doctor(folder.path(), &port(&scale, "mt-sics"), "");
    let pid = agent.id();
    agent.kill().unwrap();
    agent.wait().unwrap();
    let held = verdict(&checks, "scale-holder");
    let told = format!(
        "{}: the agent has it (scalecam (pid {pid})), so that it cannot be asked here",
        path.display()
    );
    assert_eq!(held, ("warn", told.as_str()));
}
