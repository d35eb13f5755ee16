//! Which family bytes of an unknown scale belong to. Pure.
//!
//! Every family decodes the same bytes. The one that makes readings of most of them, and of which no other family
//! makes as much, is what the scale speaks; how sure that is goes with the number of readings.

use super::{FAMILIES, Family, Framing, Garbled, Heard, Profile, report};

/// Below this many percent nothing is claimed.
pub const SURE: u8 = 80;

/// Readings shown as an example.
const SAMPLE: usize = 5;

/// An answer of this many bytes is a record; `ES CR LF` and the like are words of several languages.
const RECORD: usize = 7;

/// What one reading, two, three and more of them are worth at most, in percent: one good frame may be chance.
const WORTH: [u8; 4] = [0, 70, 88, 98];

/// A family that may be the one.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The family.
    pub family: &'static Family,
    /// How sure, in percent.
    pub confidence: u8,
    /// The first readings, as `decode` prints them.
    pub sample: Vec<String>,
}

/// What the bytes tell.
#[derive(Clone, Debug)]
pub struct Guess {
    /// The families that understand anything, the surest first.
    pub candidates: Vec<Candidate>,
    /// The parity that stands in bit 7, where it does: the port read eight bits of a scale that sends seven.
    pub parity: Option<Framing>,
}

impl Guess {
    /// The family that the bytes belong to, if that is sure enough.
    #[must_use]
    pub fn sure(&self) -> Option<&Candidate> {
        self.candidates.first().filter(|candidate| candidate.confidence >= SURE)
    }
}

/// Looks at bytes as a port with eight data bits and no parity reads them.
#[must_use]
pub fn guess(bytes: &[u8]) -> Guess {
    let parity = parity(bytes);
    let bytes: Vec<u8> = match parity {
        Some(_) => bytes.iter().map(|byte| byte & 0x7F).collect(),
        None => bytes.to_vec(),
    };
    let mut heard: Vec<(usize, u8, Candidate)> =
        FAMILIES.iter().filter_map(|family| understood(family, &bytes)).collect();
    heard.sort_by_key(|(share, ..)| std::cmp::Reverse(*share));
    let shares: Vec<usize> = heard.iter().map(|(share, ..)| *share).collect();
    let candidates = heard.into_iter().enumerate().map(|(place, (share, worth, candidate))| {
        // What another family understands as well speaks for neither.
        let rival = shares.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, share)| *share);
        let rival = rival.max().unwrap_or(0);
        let share = if rival * 10 >= share * 9 { share / 2 } else { share };
        let confidence = u8::try_from(share * usize::from(worth) / 100).unwrap_or(0);
        Candidate { confidence, ..candidate }
    });
    let mut candidates: Vec<Candidate> = candidates.collect();
    candidates.sort_by_key(|candidate| std::cmp::Reverse(candidate.confidence));
    Guess { candidates, parity }
}

/// How many percent of the bytes a family makes readings of, and what their number is worth.
fn understood(family: &'static Family, bytes: &[u8]) -> Option<(usize, u8, Candidate)> {
    let mut decoder = (family.decoder)(&Profile::default());
    let (mut good, mut bad, mut readings, mut sample) = (0_usize, 0_usize, 0_usize, Vec::new());
    let mut frames: Vec<_> = bytes.iter().filter_map(|&byte| decoder.push(byte)).collect();
    frames.extend(decoder.silence());
    for (place, frame) in frames.iter().enumerate() {
        match &frame.heard {
            Heard::Reading(_) => {
                good += frame.raw.len();
                readings += 1;
                if sample.len() < SAMPLE {
                    sample.push(report::line(family.name, frame));
                }
            }
            // A whole record without a weight tells the language as well as one with it.
            Heard::Answer(_) if frame.raw.len() >= RECORD => {
                good += frame.raw.len();
                readings += 1;
                if sample.len() < SAMPLE {
                    sample.push(report::line(family.name, frame));
                }
            }
            // Single characters and short words mean the same to many.
            Heard::Answer(_) if frame.raw.len() > 1 => good += frame.raw.len(),
            Heard::Answer(_) => {}
            // A stream is joined in the middle of a frame; and a unit that only the settings know is no fault.
            Heard::Garbled(Garbled::NoUnit | Garbled::Decimals) => good += frame.raw.len(),
            Heard::Garbled(_) if place == 0 => {}
            Heard::Garbled(_) => bad += frame.raw.len(),
        }
    }
    let begun = bytes.len().min(frames.first().map_or(0, |frame| frame.raw.len()));
    let whole = bytes.len().saturating_sub(decoder.pending().len());
    // Up to one frame at the start may have been joined late, unless it was understood.
    let whole = whole.saturating_sub(begun).max(good).max(1);
    let share = good.saturating_sub(bad).saturating_mul(100) / whole;
    let worth = WORTH.get(readings).or(WORTH.last()).copied().unwrap_or(0);
    (readings > 0).then_some((share.min(100), worth, Candidate { family, confidence: 0, sample }))
}

/// The parity that bit 7 of every byte is, if it is one and not always unset.
fn parity(bytes: &[u8]) -> Option<Framing> {
    let odd = bytes.iter().filter(|byte| byte.count_ones() % 2 == 1).count();
    // Nothing but noise agrees on so many bytes by chance once in 2^8.
    if bytes.len() < 8 || bytes.iter().all(|byte| byte & 0x80 == 0) {
        return None;
    }
    // A byte or two at the start may be cut by the opening of the port.
    let slips = bytes.len() / 16;
    if odd <= slips {
        Some(Framing::SevenEvenOne)
    } else if bytes.len() - odd <= slips {
        Some(Framing::SevenOddOne)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a scale of the family sends in a second or two.
    fn stream(family: &Family) -> Vec<u8> {
        let readings = family.samples.iter().filter(|sample| sample.len() > 5);
        readings.copied().cycle().take(12).flatten().copied().collect()
    }

    #[test]
    fn each_family_is_found_in_its_own_bytes_and_no_other_is_claimed() {
        for family in FAMILIES {
            let found = guess(&stream(family));
            let named = found.sure().map(|candidate| candidate.family.name);
            assert!(named.is_none_or(|name| name == family.name), "{}: {named:?}", family.name);
            assert!(
                found.candidates.iter().any(|candidate| candidate.family == *family),
                "{} is not among the candidates",
                family.name
            );
        }
    }

    #[test]
    fn most_families_are_found_for_sure() {
        let sure = FAMILIES.iter().filter(|family| guess(&stream(family)).sure().is_some()).count();
        assert!(sure >= 14, "{sure}");
    }

    #[test]
    fn one_frame_is_not_enough_and_noise_is_nothing() {
        assert!(guess(b"S S      1.235 kg\r\n").sure().is_none());
        assert!(guess(&b"S S      1.235 kg\r\n".repeat(3)).sure().is_some());
        for noise in [&b"hello world\r\n".repeat(20)[..], &[0xFF; 200], &[0; 200], b""] {
            assert!(guess(noise).sure().is_none());
        }
    }

    #[test]
    fn parity_in_bit_7_is_told_from_eight_bits() {
        let text = b"ST,GS,+  1.234kg\r\n".repeat(4);
        let with = |odd: u32| -> Vec<u8> {
            text.iter().map(|byte| if byte.count_ones() % 2 == odd { *byte } else { byte | 0x80 }).collect()
        };
        assert_eq!(guess(&with(0)).parity, Some(Framing::SevenEvenOne));
        assert_eq!(guess(&with(1)).parity, Some(Framing::SevenOddOne));
        assert_eq!(guess(&text).parity, None);
        assert_eq!(guess(&with(0)).sure().map(|candidate| candidate.family.name), Some("st-gs"));
    }
}
