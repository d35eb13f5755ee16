//! Any bytes into any decoder: no panic, memory within bounds, JSON out.
//!
//! The first byte picks the family, the second the settings, the third the maker's variant, the rest is the wire. With
//! `SCALECAM_FAMILY=mt-sics` in the environment every run is spent on that family.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use scalecam::scale::{FAMILIES, Family, Heard, Profile, report};
use scalecam::weight::Unit;

/// No family has a longer frame.
const MOST_HELD: usize = 256;

fn only() -> Option<&'static Family> {
    static ONLY: OnceLock<Option<&'static Family>> = OnceLock::new();
    *ONLY.get_or_init(|| {
        let name = std::env::var("SCALECAM_FAMILY").ok()?;
        Some(Family::named(&name).unwrap_or_else(|| panic!("no family {name}")))
    })
}

fuzz_target!(|bytes: &[u8]| {
    let [family, settings, variant, wire @ ..] = bytes else { return };
    let family = only().unwrap_or(FAMILIES[usize::from(*family) % FAMILIES.len()]);
    let unit = [None, Some(Unit::Gram), Some(Unit::Kilogram), Some(Unit::Pound), Some(Unit::Ounce)]
        [usize::from(settings & 0x0F) % 5];
    let decimals = (settings & 0x80 != 0).then_some(settings >> 4 & 0x07);
    // none of the variants as often as each of them
    let model = family.models.get(usize::from(*variant) % (family.models.len() + 1));
    let profile = Profile { unit, decimals, model };
    let mut decoder = (family.decoder)(&profile);
    let check = |frame: scalecam::scale::Frame| {
        if let Heard::Reading(reading) = &frame.heard {
            assert!(reading.fault.is_none() || reading.quantity.is_none());
        }
        assert!(frame.raw.len() <= MOST_HELD);
        assert!(report::line(family.name, &frame).starts_with("{\"protocol\":"));
    };
    for &byte in wire {
        if let Some(frame) = decoder.push(byte) {
            check(frame);
        }
        assert!(decoder.pending().len() <= MOST_HELD);
    }
    if let Some(frame) = decoder.silence() {
        check(frame);
    }
    assert!(decoder.pending().is_empty());
});
