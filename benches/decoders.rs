//! What a second of a full line at 115,200 baud costs: the decoder alone, and the whole conversation. Fails above half a
//! percent of one core. Processor time of this thread is measured, so that a busy machine does not matter.
//!
//! `cargo bench --bench decoders`

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use scalecam::scale::dialogue::{Dialogue, Step};
use scalecam::scale::{FAMILIES, Family, Profile, Terms};
use scalecam::stamp::Stamp;
use scalecam::weight::Unit;

/// Ten bits a character.
const BYTES_A_SECOND: usize = 11_520;
/// Seconds of stream that are measured.
const SECONDS: u32 = 50;
/// The most a line may take of one core.
const LIMIT_PERCENT: f64 = 0.5;

fn main() {
    let mut worst = 0.0_f64;
    println!(
        "{:<20} {:>10} {:>14}   percent of one core at 115,200 baud",
        "family", "decoder", "conversation"
    );
    for family in FAMILIES {
        let (decoder, conversation) = (percent(|| decode(family)), percent(|| converse(family)));
        worst = worst.max(decoder).max(conversation);
        println!("{:<20} {decoder:>10.4} {conversation:>14.4}", family.name);
    }
    println!("worst: {worst:.4} %, allowed: {LIMIT_PERCENT} %");
    assert!(worst < LIMIT_PERCENT, "a line costs more of a core than it may");
}

/// The percentage of a second that a second of stream takes.
fn percent(mut second: impl FnMut()) -> f64 {
    second();
    let before = processor_time();
    for _ in 0..SECONDS {
        second();
    }
    processor_time().saturating_sub(before).as_secs_f64() / f64::from(SECONDS) * 100.0
}

fn processor_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or_default();
    Duration::new(u64::try_from(now.tv_sec).unwrap_or_default(), nanoseconds)
}

fn profile(family: &Family) -> Profile {
    let unit = (!family.sends_unit && family.name != "toledo-8217").then_some(Unit::Kilogram);
    Profile { unit, ..Profile::default() }
}

/// One frame after the other, as quickly as the line can.
fn stream(family: &Family) -> impl Iterator<Item = u8> {
    family.samples.iter().copied().cycle().flatten().copied().take(BYTES_A_SECOND)
}

fn decode(family: &Family) {
    let mut decoder = (family.decoder)(&profile(family));
    for byte in stream(family) {
        std::hint::black_box(decoder.push(byte));
    }
}

fn converse(family: &Family) {
    let mut now = Stamp::from_millis(0);
    let begun = Dialogue::begin(family, &profile(family), &Terms::default(), Duration::ZERO, now);
    let mut dialogue = begun;
    for (place, byte) in stream(family).enumerate() {
        now = now + Duration::from_nanos(86_806);
        std::hint::black_box(dialogue.hear(byte, now));
        // The port is read about every sixteen bytes.
        if place % 16 == 0 {
            while !matches!(dialogue.step(now), Step::ListenUntil(_)) {}
        }
    }
}
