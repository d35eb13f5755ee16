//! Any text as settings: read, or refused with the file's name. No panic.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use scalecam::config::Config;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(refused) = Config::parse(text, Path::new("fuzzed.toml")) {
        assert!(refused.to_string().starts_with("fuzzed.toml"), "{refused}");
    }
});
