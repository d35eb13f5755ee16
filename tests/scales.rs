//! What holds for every protocol family, run for each entry of `FAMILIES`: a new family is enrolled by its
//! entry.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    missing_docs
)]

use proptest::prelude::*;
use scalecam::scale::{FAMILIES, Family, Frame, Garbled, Heard, Profile, Reading, Talk, report};
use scalecam::weight::Unit;

/// No family has a longer frame; what a decoder holds stays below it whatever comes in.
const MOST_HELD: usize = 256;

/// The settings a family needs for its samples.
fn profile(family: &Family) -> Profile {
    let unit = (!family.sends_unit && family.name != "toledo-8217").then_some(Unit::Kilogram);
    Profile { unit, ..Profile::default() }
}

/// Families whose frames carry a checksum.
const CHECKED: [&str; 3] = ["cas-dc1", "toledo-continuous", "berkel"];

/// The one family whose frames do not come over a line: the kernel hands its reports over whole, so that there
/// is no noise between them, and nothing in them tells where one begins.
fn comes_over_a_line(family: &Family) -> bool {
    family.name != "hid-pos"
}

/// Hears bytes cut into pieces; a decoder sees no pieces, only what it held at each cut.
fn hear(family: &Family, pieces: &[&[u8]]) -> Vec<Frame> {
    let mut decoder = (family.decoder)(&profile(family));
    let mut frames = Vec::new();
    for piece in pieces {
        frames.extend(piece.iter().filter_map(|&byte| decoder.push(byte)));
        assert!(decoder.pending().len() <= MOST_HELD, "{}: holds too much", family.name);
    }
    frames
}

fn readings(frames: &[Frame]) -> Vec<&Reading> {
    frames
        .iter()
        .filter_map(|frame| match &frame.heard {
            Heard::Reading(reading) => Some(reading),
            Heard::Answer(_) | Heard::Garbled(_) => None,
        })
        .collect()
}

fn micrograms(frames: &[Frame]) -> Vec<i64> {
    readings(frames)
        .into_iter()
        .filter_map(|reading| reading.quantity)
        .map(|sent| sent.weight().micrograms())
        .collect()
}

/// A family, and some of its samples in some order.
fn talk(which: fn(&Family) -> bool) -> impl Strategy<Value = (&'static Family, Vec<&'static [u8]>)> {
    let families: Vec<&'static Family> = FAMILIES.iter().copied().filter(|family| which(family)).collect();
    prop::sample::select(families).prop_flat_map(|family| {
        (Just(family), prop::collection::vec(prop::sample::select(family.samples.to_vec()), 1..6))
    })
}

/// Noise: any bytes, or the very characters the family's frames are made of, which is what comes closest to
/// a frame.
fn noise(family: &'static Family, longest: usize) -> impl Strategy<Value = Vec<u8>> {
    let mut alphabet: Vec<u8> = family.samples.concat();
    alphabet.sort_unstable();
    alphabet.dedup();
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..longest),
        prop::collection::vec(prop::sample::select(alphabet), 0..longest),
    ]
}

#[test]
fn names_are_their_own_and_findable() {
    for family in FAMILIES {
        assert!(std::ptr::eq(Family::named(family.name).unwrap(), *family), "{}", family.name);
        assert!(!family.samples.is_empty() && !family.title.is_empty(), "{}", family.name);
    }
    assert!(Family::named("no-such-scale").is_none());
}

#[test]
fn every_sample_is_one_whole_frame() {
    for family in FAMILIES {
        let mut weights = 0;
        for sample in family.samples {
            let mut decoder = (family.decoder)(&profile(family));
            let frames: Vec<Frame> = sample.iter().filter_map(|&byte| decoder.push(byte)).collect();
            assert_eq!(frames.len(), 1, "{} {:?}", family.name, sample.escape_ascii().to_string());
            assert!(decoder.pending().is_empty(), "{}", family.name);
            assert_eq!(frames[0].raw, *sample, "{}", family.name);
            assert!(!matches!(frames[0].heard, Heard::Garbled(_)), "{} {:?}", family.name, frames[0]);
            weights += micrograms(&frames).len();
        }
        assert!(weights > 0, "{} has no sample with a weight", family.name);
    }
}

#[test]
fn a_cut_frame_is_pending_and_a_reset_forgets_it() {
    for family in FAMILIES {
        for sample in family.samples.iter().filter(|sample| sample.len() > 1) {
            for at in 1..sample.len() {
                let (begun, rest) = sample.split_at(at);
                let mut decoder = (family.decoder)(&profile(family));
                assert!(begun.iter().all(|&byte| decoder.push(byte).is_none()), "{}", family.name);
                assert_eq!(decoder.pending(), begun, "{}", family.name);
                decoder.reset();
                assert!(decoder.pending().is_empty(), "{}", family.name);
                let mut frames: Vec<Frame> = rest.iter().filter_map(|&byte| decoder.push(byte)).collect();
                // a line that lost only its name still tells the whole number
                let (half, whole) = (micrograms(&frames), micrograms(&hear(family, &[sample])));
                assert!(half.is_empty() || half == whole, "{}: half a frame weighs {half:?}", family.name);
                frames.clear();
                decoder.reset();
                frames.extend(sample.iter().filter_map(|&byte| decoder.push(byte)));
                assert_eq!(frames, hear(family, &[sample]), "{}", family.name);
            }
        }
    }
}

#[test]
fn endless_noise_is_held_within_bounds() {
    for family in FAMILIES {
        let mut decoder = (family.decoder)(&profile(family));
        let first = family.samples[0];
        for byte in first[..first.len() - 1].iter().copied().chain(std::iter::repeat_n(b'1', 100_000)) {
            decoder.push(byte);
            assert!(decoder.pending().len() <= MOST_HELD, "{}", family.name);
        }
        // and a frame after it is heard, once the line or frame that never ended has been left
        let frames: Vec<Frame> = first.repeat(3).into_iter().filter_map(|byte| decoder.push(byte)).collect();
        assert!(micrograms(&frames).len() >= 2, "{} does not recover", family.name);
    }
}

/// What is sent without being asked for by the settings changes nothing on any scale: no `Z`, `T`, `C`, `R`, `X`
/// (zero, tare, clear, reset, off) alone, no lone `S` (starts the set-up of some).
#[test]
fn only_harmless_requests_are_sent() {
    const HARMLESS: [&[u8]; 10] = [
        b"W",
        b"W\r",
        b"\x05",
        b"SI\r\n",
        b"\x04\x05",
        b"\nW\r",
        b"S14\r",
        b"\x1BP\r\n",
        b"G\r\n",
        b"IP\r\n",
    ];
    for family in FAMILIES {
        if let Talk::Poll { request, .. } = family.talk {
            assert!(HARMLESS.contains(&request), "{}: {}", family.name, request.escape_ascii());
        }
    }
}

/// Any one byte of a frame changed to any other value.
#[test]
fn no_changed_byte_gets_past_a_checksum() {
    let mut tried = 0;
    for family in FAMILIES.iter().filter(|family| CHECKED.contains(&family.name)) {
        for sample in family.samples {
            let sent = micrograms(&hear(family, &[sample]));
            for place in 0..sample.len() {
                for byte in (0..=u8::MAX).filter(|byte| *byte != sample[place]) {
                    let mut changed = sample.to_vec();
                    changed[place] = byte;
                    let heard = micrograms(&hear(family, &[&changed]));
                    assert!(heard.is_empty() || heard == sent, "{}: {}", family.name, changed.escape_ascii());
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 10_000, "{tried}");
}

/// The wrong framing at the port: parity in bit 7 of every character.
#[test]
fn parity_read_as_a_data_bit_is_said_and_is_never_a_weight() {
    for family in FAMILIES.iter().filter(|family| comes_over_a_line(family)) {
        for sample in family.samples.iter().filter(|sample| sample.len() > 1) {
            for odd in [false, true] {
                let parity = |byte: u8| if (byte.count_ones() % 2 == 1) == odd { byte } else { byte | 0x80 };
                let bytes: Vec<u8> = sample.iter().map(|&byte| parity(byte & 0x7F)).collect();
                let frames = hear(family, &[&bytes]);
                if bytes.iter().all(|byte| byte & 0x80 == 0) {
                    continue;
                }
                assert!(micrograms(&frames).is_empty(), "{}: {}", family.name, bytes.escape_ascii());
                let said =
                    frames.iter().filter(|frame| frame.heard == Heard::Garbled(Garbled::Parity)).count();
                assert_eq!(said, 1, "{}: {} as {frames:?}", family.name, bytes.escape_ascii());
            }
        }
    }
}

proptest! {
    #[test]
    fn how_the_port_cut_the_stream_cannot_matter((family, samples) in talk(|_| true), cuts in prop::collection::vec(1_usize..9, 1..40)) {
        let bytes = samples.concat();
        let mut pieces = Vec::new();
        let mut rest = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        // nor what came before: no frame is coloured by the last one
        let alone: Vec<Frame> = samples.iter().flat_map(|sample| hear(family, &[sample])).collect();
        prop_assert_eq!(hear(family, &pieces), alone);
    }

    #[test]
    fn noise_around_frames_is_never_another_weight(
        (family, samples, noises) in talk(comes_over_a_line).prop_flat_map(|(family, samples)| {
            let count = samples.len() + 1;
            (Just(family), Just(samples), prop::collection::vec(noise(family, 24), count))
        })
    ) {
        // noise made of the family's characters may be a frame by chance; then it is none
        prop_assume!(noises.iter().all(|noise| micrograms(&hear(family, &[noise])).is_empty()));
        let mut bytes = noises[0].clone();
        for (sample, noise) in samples.iter().zip(&noises[1..]) {
            bytes.extend_from_slice(sample);
            bytes.extend_from_slice(noise);
        }
        let allowed: Vec<i64> = family.samples.iter().flat_map(|sample| micrograms(&hear(family, &[sample]))).collect();
        for heard in micrograms(&hear(family, &[&bytes])) {
            prop_assert!(allowed.contains(&heard), "{}: {heard} µg out of {}", family.name, bytes.escape_ascii());
        }
    }

    #[test]
    fn any_bytes_are_heard_without_harm(index in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let family = *index.get(FAMILIES);
        hear(family, &[&bytes]);
        for line in report::lines(family, &profile(family), &bytes) {
            let shown: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(&shown["protocol"], family.name);
        }
    }

    #[test]
    fn no_reading_has_both_a_fault_and_a_weight((family, samples) in talk(|_| true), place in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = samples.concat();
        *place.get_mut(&mut bytes) = byte;
        for reading in readings(&hear(family, &[&bytes])) {
            prop_assert!(reading.fault.is_none() || reading.quantity.is_none(), "{}", family.name);
        }
    }
}
