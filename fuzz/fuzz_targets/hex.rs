//! Any text into the reader of hexadecimal bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = scalecam::scale::bytes_from_hex(text);
});
