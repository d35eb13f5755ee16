//! The commands as a technician and a script meet them: exit codes, and data on standard output alone.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn scalecam(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_scalecam"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn decode_gives_one_json_line_for_each_reading() {
    let done = scalecam(
        &["decode", "--protocol", "mt-sics"],
        b"S S     1.235 kg\r\nS S Error 10b\r\nS S 1OO.00 g\r\nS S ",
    );
    assert_eq!((done.status.code(), text(&done.stderr)), (Some(0), String::new()));
    let lines: Vec<Value> =
        text(&done.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [good, fault, garbled, cut] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((&good["weight"], &good["micrograms"]), (&"1.235".into(), &1_235_000_000_i64.into()));
    assert!(fault["weight"].is_null() && fault["fault"].is_string());
    assert_eq!(garbled["garbled"], "a digit of the weight is not a digit");
    assert_eq!((&cut["incomplete"], &cut["raw"]), (&true.into(), &"53 20 53 20".into()));
}

#[test]
fn decode_reads_hex_and_says_where_it_is_none() {
    let done = scalecam(&["decode", "--protocol", "toledo-8217", "--hex"], b"02 30 31 2E 32 33 35 0D\n");
    assert!(text(&done.stdout).contains(r#""weight":"1.235","unit":"kg""#));
    let done = scalecam(&["decode", "--protocol", "toledo-8217", "--hex"], b"02 3g");
    assert_eq!((done.status.code(), done.stdout.len()), (Some(2), 0));
}

#[test]
fn wrong_usage_is_2_and_says_what_there_is() {
    let done = scalecam(&["decode", "--protocol", "mt-six"], b"");
    assert_eq!(done.status.code(), Some(2));
    assert!(text(&done.stderr).contains("expected one of toledo-8217, "), "{}", text(&done.stderr));
    assert_eq!(scalecam(&["no-such-command"], b"").status.code(), Some(2));
    assert_eq!(scalecam(&[], b"").status.code(), Some(2));
    assert_eq!(scalecam(&["--help"], b"").status.code(), Some(0));
}

#[test]
fn bad_settings_are_78_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "[scale]\nport = \"/dev/x\"\nprotocoll = \"mt-sics\"\n").unwrap();
    let file = file.to_str().unwrap();
    for command in
        [&["check", "--config", file][..], &["run", "--config", file], &["watch", "--config", file]]
    {
        let done = scalecam(command, b"");
        assert_eq!((done.status.code(), done.stdout.len()), (Some(78), 0), "{command:?}");
        assert!(
            text(&done.stderr).contains(&format!("{file}:3:1: scale.protocoll: unknown field")),
            "{}",
            text(&done.stderr)
        );
    }
    assert_eq!(scalecam(&["check", "--config", "/no/such/file"], b"").status.code(), Some(78));
}

#[test]
fn good_settings_are_said_to_be_good() {
    let done = scalecam(&["check", "--config", concat!(env!("CARGO_MANIFEST_DIR"), "/config.toml")], b"");
    assert_eq!((done.status.code(), done.stdout.len()), (Some(0), 0));
    assert!(text(&done.stderr).contains("the settings are good"));
}

#[test]
fn a_trigger_without_an_agent_is_69() {
    let done = scalecam(&["trigger", "--config", "/no/such/agent.toml"], b"");
    assert_eq!((done.status.code(), done.stdout.len()), (Some(69), 0));
    assert!(text(&done.stderr).contains("no agent is running"));
}

#[test]
fn a_missing_camera_is_69() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let settings = "[device]\nid = \"a\"\n[scale]\nport = \"sim:mt-sics\"\n[camera]\nkind = \"folder\"\nfolder = \"/no/such\"\nframe_wait_ms = 1\n";
    std::fs::write(&file, settings).unwrap();
    let output = folder.path().join("x.jpg");
    let done =
        scalecam(&["capture", "--config", file.to_str().unwrap(), "--output", output.to_str().unwrap()], b"");
    assert_eq!(done.status.code(), Some(69));
    assert!(text(&done.stderr).contains("/no/such"), "{}", text(&done.stderr));
    assert!(!output.exists());
}

#[test]
fn watch_shows_readings_with_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(
        &file,
        "[device]\nid = \"a\"\n[scale]\nport = \"sim:mt-sics\"\n[camera]\nkind = \"synthetic\"\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let done = scalecam(&["watch", "--config", file, "--readings", "3", "--json"], b"");
    assert_eq!(done.status.code(), Some(0));
    let lines: Vec<Value> =
        text(&done.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines.iter().all(|line| line["unit"] == "kg" && line["raw"].as_str().unwrap().ends_with("0D 0A"))
    );
    assert!(text(&done.stderr).contains("SIMULATION"));
    let table = scalecam(&["watch", "--config", file, "--readings", "1"], b"");
    assert!(
        text(&table.stdout).contains("0.000 kg") && text(&table.stdout).contains("53 20 "),
        "{}",
        text(&table.stdout)
    );
}

#[test]
fn the_demo_is_right_and_marked_as_simulation() {
    let done = scalecam(&["demo", "--weighings", "2", "--protocol", "toledo-8217"], b"");
    let said = text(&done.stderr);
    assert_eq!(done.status.code(), Some(0), "{said}");
    let outcomes: Vec<Value> =
        text(&done.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes.iter().all(|outcome| outcome["simulated"] == true && outcome["result"] == "recognised"));
    assert!(said.contains("SIMULATION") && said.contains("2 of 2 right"), "{said}");
}
