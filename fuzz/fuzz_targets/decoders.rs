//! Any bytes into any decoder: no panic, memory within bounds, JSON out.
//!
//! The first byte picks the family, the second the settings, the rest is the wire.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scalecam::scale::{FAMILIES, Heard, Profile, report};
use scalecam::weight::Unit;

/// No family has a longer frame.
const MOST_HELD: usize = 256;

fuzz_target!(|bytes: &[u8]| {
    let [family, settings, wire @ ..] = bytes else { return };
    let family = FAMILIES[usize::from(*family) % FAMILIES.len()];
    let unit = [None, Some(Unit::Gram), Some(Unit::Kilogram), Some(Unit::Pound), Some(Unit::Ounce)]
        [usize::from(settings & 0x0F) % 5];
    let decimals = (settings & 0x80 != 0).then_some(settings >> 4 & 0x07);
    let profile = Profile { unit, decimals, ..Profile::default() };
    let mut decoder = (family.decoder)(&profile);
    for &byte in wire {
        if let Some(frame) = decoder.push(byte) {
            if let Heard::Reading(reading) = &frame.heard {
                assert!(reading.fault.is_none() || reading.quantity.is_none());
            }
            assert!(frame.raw.len() <= MOST_HELD);
            assert!(report::line(family.name, &frame).starts_with("{\"protocol\":"));
        }
        assert!(decoder.pending().len() <= MOST_HELD);
    }
});
