//! The house rules that a machine can hold.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Every source file below `src`.
fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(files.len() > 50);
    files
}

fn short(path: &Path) -> String {
    path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display().to_string()
}

/// The rooms in the order of `lib.rs`.
fn rooms() -> Vec<String> {
    let lib = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    lib.lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect()
}

#[test]
fn no_file_is_longer_than_400_lines() {
    for path in sources() {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 400, "{} has {lines} lines", short(&path));
    }
}

#[test]
fn no_function_is_longer_than_70_lines() {
    for path in sources() {
        let text = fs::read_to_string(&path).unwrap();
        let mut began: Option<(usize, usize, String)> = None;
        for (number, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let head = line.trim_start();
            let is_fn = [
                "fn ",
                "pub fn ",
                "pub(super) fn ",
                "pub(crate) fn ",
                "async fn ",
                "pub async fn ",
                "const fn ",
                "pub const fn ",
            ]
            .iter()
            .any(|start| head.starts_with(start));
            match &began {
                None if is_fn && !line.trim_end().ends_with(['}', ';']) => {
                    began = Some((number, indent, head.to_owned()));
                }
                Some((start, depth, name)) if indent == *depth && head.starts_with('}') => {
                    let length = number - start + 1;
                    assert!(length <= 70, "{}: {name} has {length} lines", short(&path));
                    began = None;
                }
                None | Some(_) => {}
            }
        }
        assert!(began.is_none(), "{}: the end of {began:?} was not found", short(&path));
    }
}

#[test]
fn a_room_uses_only_rooms_above_it() {
    let rooms = rooms();
    assert!(rooms.len() > 15);
    let place = |name: &str| rooms.iter().position(|room| room == name);
    for path in sources() {
        let inside = short(&path);
        let room = inside.trim_start_matches("src/").split(['/', '.']).next().unwrap();
        let Some(own) = place(room) else { continue };
        let text = fs::read_to_string(&path).unwrap();
        let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for (number, line) in shipped.lines().enumerate() {
            if line.trim_start().starts_with("//") || inside.contains("tests") {
                continue;
            }
            for used in line.split("crate::").skip(1) {
                for name in used
                    .trim_start_matches('{')
                    .split(", ")
                    .map(|part| part.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap())
                {
                    if let Some(other) = place(name) {
                        assert!(
                            other <= own,
                            "{inside}:{}: {room} uses {name}, which stands below it",
                            number + 1
                        );
                    }
                    if !used.starts_with('{') {
                        break;
                    }
                }
            }
        }
    }
}

#[test]
fn unsafe_code_stands_in_the_kernel_room_alone() {
    for path in sources() {
        let inside = short(&path);
        if inside.starts_with("src/kernel") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            !text.contains("unsafe {") && !text.contains("unsafe fn") && !text.contains("allow(unsafe_code"),
            "{inside}"
        );
    }
}

#[test]
fn only_the_serial_room_opens_ports_and_only_recognition_holds_a_client() {
    for path in sources() {
        let inside = short(&path);
        let text = fs::read_to_string(&path).unwrap();
        if !inside.starts_with("src/serial") && !inside.starts_with("src/kernel") {
            assert!(!text.contains("serialport::"), "{inside} opens a serial port");
        }
        if !inside.starts_with("src/recognition") {
            assert!(!text.contains("reqwest::"), "{inside} holds an HTTP client");
        }
    }
}

#[test]
fn pure_rooms_know_no_time_no_device_and_no_network() {
    for path in sources() {
        let inside = short(&path);
        let pure = [
            "src/weight.rs",
            "src/scale/",
            "src/stability/",
            "src/jpeg",
            "src/picture/",
            "src/outcome.rs",
            "src/bounded.rs",
        ];
        if !pure.iter().any(|room| inside.starts_with(room)) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let shipped = text.split("#[cfg(test)]").next().unwrap();
        for word in [
            "tokio::",
            "std::thread",
            "std::net",
            "std::fs",
            "rustix::",
            "Instant::now",
            "SystemTime",
            "Clock",
        ] {
            assert!(!shipped.contains(word), "{inside} knows {word}");
        }
    }
}

#[test]
fn there_are_no_drawers() {
    for path in sources() {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            !["util", "utils", "common", "helpers", "types", "constants", "misc"].contains(&stem),
            "{}",
            short(&path)
        );
    }
}
