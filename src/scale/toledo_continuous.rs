//! `toledo-continuous`: the standard continuous output of Mettler Toledo's indicators and their clones.
//!
//! STX, three status words, six digits of weight, six of tare, CR, and on most indicators a checksum: 17 or
//! 18 bytes without a pause. Layout: Rockwell 57C428, Mettler Toledo ICS 425, Rice Lake 880, Fairbanks
//! FB3000, Liden LUW2001 manuals; World Weigh adds a line feed.

use std::time::Duration;

use super::envelope::BIT_7;
use super::{
    Decoder, Family, Frame, Framing, Garbled, Heard, Line, Profile, Range, Reading, Stability, Talk, Writes,
    number,
};
use crate::weight::{Division, Quantity, Unit};

/// Indicators that send without being asked; they go on about five to twenty times a second.
pub(super) static FAMILY: Family = Family {
    name: "toledo-continuous",
    title: "Mettler Toledo 8142, 8530, IND, ICS and clones: Rice Lake, Fairbanks, Cardinal, World Weigh",
    line: Line { baud: 9600, framing: Framing::SevenEvenOne },
    talk: Talk::Stream { silent_after: Duration::from_secs(2) },
    sends_stability: true,
    sends_unit: true,
    models: &[],
    writes: Writes::NONE,
    decoder: |profile| {
        Box::new(Continuous { held: Vec::with_capacity(LENGTH + 1), tail: Tail::Unknown, profile: *profile })
    },
    samples: &[
        b"\x02-0   1235000000\rI",
        b"\x02-8   1180000000\rB",
        b"\x02-1    450    50\r\x15",
        b"\x02-2     12000000\ro",
        b"\x024     250000000\rf",
    ],
};

/// STX to CR.
const LENGTH: usize = 17;

const STX: u8 = 0x02;
const CR: u8 = 0x0D;
const LF: u8 = 0x0A;

/// What the indicator sends behind the CR; the frame itself does not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    /// Not known yet.
    Unknown,
    /// A checksum.
    Checksum,
    /// Nothing, or a line feed.
    Nothing,
}

#[derive(Debug)]
struct Continuous {
    held: Vec<u8>,
    tail: Tail,
    profile: Profile,
}

impl Decoder for Continuous {
    fn push(&mut self, byte: u8) -> Option<Frame> {
        if self.held.len() == LENGTH {
            return Some(self.tail(byte));
        }
        let is_start = byte & !BIT_7 == STX;
        // the second status word of some makers may look like an STX
        if is_start && self.held.len() != 2 {
            self.held.clear();
        } else if self.held.is_empty() {
            return None;
        }
        self.held.push(byte);
        if self.held.len() == LENGTH && byte & !BIT_7 != CR {
            // what looked like a start may have been noise right before the real one
            let next = self.held.iter().skip(1).position(|byte| byte & !BIT_7 == STX);
            let raw = self.held.drain(..next.map_or(LENGTH, |place| place + 1)).collect();
            return Some(Frame { raw, heard: Heard::Garbled(Garbled::Layout("no CR as the 17th byte")) });
        }
        None
    }

    fn pending(&self) -> &[u8] {
        &self.held
    }

    fn reset(&mut self) {
        self.held.clear();
    }

    /// A frame that only waited for its checksum is whole unless this indicator is known to send one.
    fn silence(&mut self) -> Option<Frame> {
        let raw = std::mem::take(&mut self.held);
        let is_whole = raw.len() == LENGTH && self.tail != Tail::Checksum;
        is_whole.then(|| self.frame(raw))
    }
}

impl Continuous {
    /// Takes the byte behind the CR: the checksum, a line feed, or the start of the next frame.
    ///
    /// An indicator that once sent a right checksum is held to it; a wrong one makes the decoder look again.
    fn tail(&mut self, byte: u8) -> Frame {
        let mut raw = std::mem::take(&mut self.held);
        let sum = raw.iter().chain([&byte]).fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        let is_checksum = sum & !BIT_7 == 0;
        let is_start = byte & !BIT_7 == STX;
        let was = self.tail;
        self.tail = match (was, is_checksum) {
            (_, true) => Tail::Checksum,
            (Tail::Unknown | Tail::Nothing, false) if is_start || byte == LF => Tail::Nothing,
            (_, false) => Tail::Unknown,
        };
        if is_start && !is_checksum {
            self.held.push(byte);
        } else {
            raw.push(byte);
        }
        match self.tail {
            Tail::Checksum | Tail::Nothing => self.frame(raw),
            Tail::Unknown => Frame { raw, heard: Heard::Garbled(Garbled::Checksum) },
        }
    }

    fn frame(&self, raw: Vec<u8>) -> Frame {
        let body = raw.get(..LENGTH).unwrap_or(&raw);
        let heard = if body.iter().any(|byte| byte & BIT_7 != 0) {
            Heard::Garbled(Garbled::Parity)
        } else {
            weigh(body, self.profile).into()
        };
        Frame { raw, heard }
    }
}

fn weigh(body: &[u8], profile: Profile) -> Result<Reading, Garbled> {
    let &[_, a, b, c, ref digits @ .., _] = body else { return Err(Garbled::Layout("too short")) };
    let (weight, tare) = digits.split_at_checked(6).unwrap_or_default();
    let bit = |word: u8, place: u8| word & (1 << place) != 0;
    let (net, negative, out_of_range, moving) = (bit(b, 0), bit(b, 1), bit(b, 2), bit(b, 3));
    let stability = if moving { Stability::Moving } else { Stability::Stable };
    let without_weight = Reading { net: Some(net), ..Reading::without_weight(stability) };
    if bit(b, 6) {
        return Ok(Reading { fault: Some("zero-not-captured".into()), ..without_weight });
    }
    if out_of_range {
        let range = if negative { Range::Under } else { Range::Over };
        return Ok(Reading { range, ..without_weight });
    }
    let unit = match (c & 0x07, bit(b, 4)) {
        (0, true) => Unit::Kilogram,
        (0, false) => Unit::Pound,
        (1, _) => Unit::Gram,
        _ => return Err(Garbled::Unit),
    };
    let code = a & 0x07;
    let sent = quantity(weight, code, unit)?;
    let quantity = profile.admit(if negative { sent.negated() } else { sent }, false)?;
    let tare = if tare.trim_ascii().is_empty() { None } else { Some(self::quantity(tare, code, unit)?) };
    let division = division(a, unit);
    Ok(Reading { net: Some(net), tare, division, ..Reading::of(quantity, stability) })
}

/// Six digits with leading blanks and the point that the first status word sets: codes 0 and 1 stand for two
/// zeros and one zero that are not sent, 2 for no point, and so on.
fn quantity(text: &[u8], code: u8, unit: Unit) -> Result<Quantity, Garbled> {
    let digits = number::digits(text.trim_ascii_start())?;
    let factor = match code {
        0 => 100,
        1 => 10,
        _ => 1,
    };
    Ok(Quantity::new(false, digits * factor, code.saturating_sub(2), unit))
}

/// The scale's division: 1, 2 or 5 of the last place.
fn division(a: u8, unit: Unit) -> Option<Division> {
    let step = match a >> 3 & 0x03 {
        1 => "1",
        2 => "2",
        3 => "5",
        _ => return None,
    };
    let step = quantity(step.as_bytes(), a & 0x07, unit).ok()?;
    Division::from_micrograms(step.weight().apart(crate::weight::Weight::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame with the checksum that belongs to it.
    fn with_checksum(frame: &[u8]) -> Vec<u8> {
        let sum = frame.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        [frame, &[sum.wrapping_neg() & !BIT_7]].concat()
    }

    const KILOGRAM: &[u8] = b"\x02-0   1235    00\r";

    fn hear(pieces: &[&[u8]]) -> Vec<Heard> {
        let mut decoder = (FAMILY.decoder)(&Profile::default());
        let mut heard: Vec<Heard> = pieces
            .concat()
            .into_iter()
            .filter_map(|byte| decoder.push(byte))
            .map(|frame| frame.heard)
            .collect();
        heard.extend(decoder.silence().map(|frame| frame.heard));
        heard
    }

    fn reading(a: u8, b: u8, c: u8, digits: &str) -> Result<Reading, Garbled> {
        weigh(&[&[STX, a, b, c], digits.as_bytes(), b"\r"].concat(), Profile::default())
    }

    fn shown(a: u8, b: u8, c: u8, digits: &str) -> String {
        let quantity = reading(a, b, c, digits).unwrap().quantity.unwrap();
        format!("{quantity} {}", quantity.unit())
    }

    #[test]
    fn the_point_and_the_division_come_from_the_first_word() {
        for (a, weight, division) in [
            (0x28, "2000 kg", 100_000_000_000),
            (0x29, "200 kg", 10_000_000_000),
            (0x2A, "20 kg", 1_000_000_000),
            (0x33, "2.0 kg", 200_000_000),
            (0x3C, "0.20 kg", 50_000_000),
            (0x2D, "0.020 kg", 1_000_000),
            (0x2E, "0.0020 kg", 100_000),
            (0x2F, "0.00020 kg", 10_000),
        ] {
            assert_eq!(shown(a, 0x30, 0x20, "    20    00"), weight, "{a:02X}");
            let found = reading(a, 0x30, 0x20, "    20    00").unwrap().division;
            assert_eq!(found.map(Division::micrograms), Some(division), "{a:02X}");
        }
    }

    #[test]
    fn unit_sign_and_motion_are_bits() {
        assert_eq!(shown(0x2D, 0x20, 0x20, "    20    00"), "0.020 lb");
        assert_eq!(shown(0x2D, 0x30, 0x21, "    20    00"), "0.020 g");
        assert_eq!(shown(0x2D, 0x32, 0x20, "    20    00"), "-0.020 kg");
        assert_eq!(reading(0x2D, 0x30, 0x22, "    20    00"), Err(Garbled::Unit));
        assert_eq!(reading(0x2D, 0x38, 0x20, "    20    00").unwrap().stability, Stability::Moving);
        // Fairbanks leaves bit 5 of the second word clear, other clones set bit 6 of the first
        assert_eq!(shown(0x6D, 0x10, 0x20, "    20    00"), "0.020 kg");
    }

    #[test]
    fn out_of_range_and_power_up_are_no_weight() {
        assert_eq!(reading(0x2D, 0x34, 0x20, "            ").unwrap().range, Range::Over);
        assert_eq!(reading(0x2D, 0x36, 0x20, "  1235    00").unwrap().range, Range::Under);
        assert_eq!(reading(0x2D, 0x34, 0x20, "  1235    00").unwrap().quantity, None);
        let power_up = reading(0x2D, 0x70, 0x20, "     0    00").unwrap();
        assert_eq!((power_up.fault.as_deref(), power_up.quantity), (Some("zero-not-captured"), None));
        for digits in ["            ", "  12 5    00", "  12-5    00", "  1235    -1"] {
            assert_eq!(reading(0x2D, 0x30, 0x20, digits), Err(Garbled::NotANumber), "{digits:?}");
        }
    }

    fn weighs(heard: &[Heard]) -> usize {
        heard.iter().filter(|heard| matches!(heard, Heard::Reading(_))).count()
    }

    #[test]
    fn all_three_tails_are_understood() {
        let checked = with_checksum(KILOGRAM);
        let fed = [KILOGRAM, b"\n"].concat();
        for frame in [KILOGRAM, &fed, &checked] {
            for count in 1..4 {
                let heard = hear(&vec![frame; count]);
                assert_eq!((heard.len(), weighs(&heard)), (count, count), "{frame:?}");
            }
        }
    }

    #[test]
    fn a_checksum_is_held_to_and_may_look_like_a_start_or_an_end() {
        let mut seen = Vec::new();
        for grams in 0..2000 {
            let frame = with_checksum(format!("\x02-0 {grams:6}    00\r").as_bytes());
            seen.extend(frame.last().copied());
            let heard = hear(&[&frame, &frame]);
            assert_eq!((heard.len(), weighs(&heard)), (2, 2), "{}", frame.escape_ascii());
            let mut wrong = frame.clone();
            wrong[8] ^= 0x01;
            let heard = hear(&[&frame, &wrong, &frame]);
            assert_eq!((heard.len(), weighs(&heard)), (3, 2), "{}", frame.escape_ascii());
        }
        for special in [STX, CR, LF] {
            assert!(seen.contains(&special), "no frame has the checksum {special:02X}");
        }
    }

    #[test]
    fn half_a_frame_does_not_take_the_next_along() {
        let checked = with_checksum(KILOGRAM);
        for cut in 1..LENGTH {
            let heard = hear(&[&checked[..cut], &checked, &checked]);
            assert!(weighs(&heard) >= 1, "cut at {cut}: {heard:?}");
            assert_eq!(weighs(&hear(&[&checked[cut..], &checked])), 1, "joined at {cut}");
        }
    }

    #[test]
    fn a_false_start_does_not_take_the_frame_behind_it_along() {
        let checked = with_checksum(KILOGRAM);
        for noise in [b"\x02-".as_slice(), b"\x02", b"\x02\x02\x02", b"-\x02-"] {
            assert_eq!(weighs(&hear(&[noise, &checked])), 1, "{noise:?}");
        }
    }

    #[test]
    fn wrong_framing_is_said_for_each_frame() {
        let odd_ones = |byte: u8| if byte.count_ones() % 2 == 1 { byte | BIT_7 } else { byte };
        let frame: Vec<u8> = with_checksum(KILOGRAM).into_iter().map(odd_ones).collect();
        assert_eq!(hear(&[&frame, &frame]), vec![Heard::Garbled(Garbled::Parity); 2]);
    }
}
