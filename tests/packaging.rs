//! What is installed beside the program says what the program does, and its copies agree.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what fails here fails the test")]

use std::path::Path;
use std::process::Command;

/// A file of the repository.
fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The settings of a unit, without comments.
fn settings(unit: &str) -> Vec<String> {
    file(unit)
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

fn help(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_scalecam")).args(words).arg("--help").output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_template_differs_from_the_unit_in_the_lanes_name_alone() {
    let one = settings("systemd/scalecam.service");
    let each = settings("systemd/scalecam@.service");
    let as_one: Vec<_> = each
        .iter()
        .map(|line| {
            line.replace("for checkout scale %i", "for a checkout scale")
                .replace("/%i.toml", "/config.toml")
                .replace("scalecam/%i", "scalecam")
        })
        .collect();
    assert_eq!(one, as_one);
    assert_eq!(each.iter().filter(|line| line.contains("%i")).count(), 4);
}

#[test]
fn a_driver_that_is_loaded_late_is_covered_by_its_number() {
    let unit = settings("systemd/scalecam.service");
    for (name, number) in [("ttyUSB", 188), ("ttyACM", 166), ("video4linux", 81)] {
        assert!(unit.contains(&format!("DeviceAllow=char-{name} rw")), "{name}");
        assert!(unit.contains(&format!("DeviceAllow=char-{number} rw")), "{name}");
    }
    // Reports of USB scales have no number of their own, so their driver is loaded first.
    assert!(unit.contains(&"DeviceAllow=char-hidraw r".to_owned()));
    for order in ["Wants=", "After="] {
        let modules = unit
            .iter()
            .filter(|line| line.starts_with(order))
            .any(|line| line.contains("modprobe@hid.service"));
        assert!(modules, "{order}");
    }
}

#[test]
fn the_unit_starts_what_the_program_offers() {
    let unit = settings("systemd/scalecam.service");
    for line in [
        "Type=notify",
        "ExecStart=/usr/bin/scalecam run --config /etc/scalecam/config.toml",
        "ExecReload=+/bin/kill -HUP $MAINPID",
        "RestartPreventExitStatus=78",
        "StartLimitIntervalSec=0",
        "LoadCredential=api-key:/etc/scalecam/api-key",
        "SetCredential=api-key:unset",
    ] {
        assert!(unit.iter().any(|found| found == line), "{line}");
    }
    assert!(help(&["run"]).contains("--config"));
}

/// The words behind `Commands:` in a help text.
fn commands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let words = lines.take_while(|line| !line.is_empty()).filter_map(|line| line.strip_prefix("  "));
    let words =
        words.filter_map(|line| line.split(' ').next()).filter(|word| !word.is_empty() && *word != "help");
    words.map(ToOwned::to_owned).collect()
}

/// Checks that the manual has a line for a command, or for each of its own commands, with every option.
fn is_told(manual: &str, command: &[&str]) {
    let (help, name) = (help(command), command.join(" "));
    let own = commands(&help);
    for word in &own {
        is_told(manual, &[command, &[word]].concat());
    }
    if own.is_empty() {
        let head = [format!(".BR {name} "), format!(".BR \"{name}\" ")];
        let line = manual.lines().find(|line| head.iter().any(|head| line.starts_with(head)));
        let line = line.unwrap_or_else(|| panic!("the manual does not tell of `{name}`"));
        for option in help.split_whitespace().filter(|word| word.starts_with("--")) {
            let option = option.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            assert!(option == "--help" || line.contains(option), "the manual lacks {name} {option}");
        }
    }
}

#[test]
fn the_manual_names_every_command_and_option() {
    let manual = file("systemd/scalecam.8").replace("\\-", "-");
    let commands = commands(&help(&[]));
    assert!(commands.len() >= 8, "{commands:?}");
    for command in &commands {
        is_told(&manual, &[command]);
    }
}

#[test]
fn every_shell_is_completed_by_what_the_program_says() {
    for shell in ["bash", "zsh", "fish"] {
        let completion = file(&format!("systemd/scalecam.{shell}"));
        assert!(completion.contains("--help") && completion.contains("/^Commands:/"), "{shell}");
        assert!(file("Cargo.toml").contains(&format!("[\"systemd/scalecam.{shell}\", ")), "{shell}");
    }
}

#[test]
fn versions_agree() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(file("systemd/debian/changelog").starts_with(&format!("scalecam ({version}-1) ")));
    assert!(file("systemd/scalecam.8").contains(&format!("\"scalecam {version}\"")));
}
