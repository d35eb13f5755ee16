//! `custom`: a protocol that the settings describe, for scales that speak none of the others.
//!
//! A frame is everything up to its end; a regular expression over its bytes names what is what. Bytes, not text: a
//! flag with bit 7 set is a byte like any other.

use std::sync::Arc;
use std::time::Duration;

use regex::bytes::{Captures, Regex, RegexBuilder};

use super::dialogue::Event;
use super::exchange::{Exchange, Next};
use super::{
    Decoder, Family, Frame, Framing, Garbled, Heard, Line, Profile, Range, Reading, Stability, Talk, Task,
    Writes, number,
};
use crate::stamp::Stamp;
use crate::weight::{Quantity, Unit};

/// A scale of the settings.
pub static FAMILY: Family = Family {
    name: "custom",
    title: "a line protocol described in the settings",
    line: Line { baud: 9600, framing: Framing::EightNoneOne },
    talk: Talk::Stream { silent_after: SILENT_AFTER },
    sends_stability: true,
    sends_unit: true,
    models: &[],
    writes: Writes::NONE,
    decoder: |profile| Box::new(Custom::new(Arc::default(), *profile)),
    samples: &[b"ST   1.235 kg\r\n"],
};

/// A stream says something within this.
const SILENT_AFTER: Duration = Duration::from_secs(2);
/// A frame that is longer than this has lost its end.
const LONGEST: usize = 256;
/// A compiled expression may take so many bytes.
const REGEX_LIMIT: usize = 256 * 1024;
/// A line of a word, a number and a unit, which is what most scales print.
const PATTERN: &str =
    r" *(?<state>[A-Z]+)?[ ,]*(?<weight>[+-]? *[0-9]+(?:[.,][0-9]+)?) *(?<unit>[A-Za-z]+) *\r?";

/// What the settings say.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The bytes that end a frame.
    pub end: Vec<u8>,
    /// What a frame without its end looks like, from its first byte to its last. Its named groups: `weight` (must be
    /// there), `unit`, `state`, `sign`.
    pub pattern: Regex,
    /// What `state` is for a load at rest.
    pub stable: Vec<Vec<u8>>,
    /// … and for one that moves.
    pub moving: Vec<Vec<u8>>,
    /// … and above the scale's range.
    pub over: Vec<Vec<u8>>,
    /// … and below it.
    pub under: Vec<Vec<u8>>,
    /// What asks for the weight; nothing for a scale that sends by itself.
    pub request: Option<Vec<u8>>,
    /// From one request to the next.
    pub poll: Duration,
    /// How long an answer may take.
    pub answer_within: Duration,
}

impl Default for Rules {
    #[expect(clippy::expect_used, reason = "the expression is a constant, and a test compiles it")]
    fn default() -> Self {
        Self {
            end: b"\n".to_vec(),
            pattern: pattern(PATTERN).expect("the expression is a constant"),
            stable: vec![b"ST".to_vec()],
            moving: vec![b"US".to_vec()],
            over: vec![b"OL".to_vec()],
            under: vec![b"UL".to_vec()],
            request: None,
            poll: Duration::from_millis(200),
            answer_within: Duration::from_millis(500),
        }
    }
}

/// Compiles an expression over bytes that must match a whole frame.
pub fn pattern(text: &str) -> Result<Regex, String> {
    let whole = format!(r"\A(?:{text})\z");
    let compiled = RegexBuilder::new(&whole).unicode(false).size_limit(REGEX_LIMIT).build();
    let compiled = compiled.map_err(|error| error.to_string())?;
    if !compiled.capture_names().flatten().any(|name| name == "weight") {
        return Err("it has no group (?<weight>…)".to_owned());
    }
    let known = |name: &str| matches!(name, "weight" | "unit" | "state" | "sign");
    if let Some(other) = compiled.capture_names().flatten().find(|name| !known(name)) {
        return Err(format!("the group {other} means nothing; use weight, unit, state and sign"));
    }
    Ok(compiled)
}

impl Rules {
    /// How the scale is talked to.
    #[must_use]
    pub fn talk(&self) -> Talk {
        if self.request.is_none() {
            return FAMILY.talk;
        }
        Talk::Converse {
            script: |terms, _| Box::new(Ask(terms.custom.clone().unwrap_or_default())),
            unhurried: self.poll,
            brisk: self.poll,
            answer_within: self.answer_within,
        }
    }

    fn read(&self, body: &[u8], profile: Profile) -> Heard {
        let Some(groups) = self.pattern.captures(body) else {
            return Heard::Garbled(Garbled::Layout("the frame does not match scale.custom.pattern"));
        };
        self.weigh(&groups, profile).into()
    }

    fn weigh(&self, groups: &Captures<'_>, profile: Profile) -> Result<Reading, Garbled> {
        let group = |name| groups.name(name).map(|found| found.as_bytes().trim_ascii());
        let is = |words: &[Vec<u8>], state: &[u8]| words.iter().any(|word| word == state);
        let stability = match group("state") {
            Some(state) if is(&self.stable, state) => Stability::Stable,
            Some(state) if is(&self.moving, state) => Stability::Moving,
            Some(state) if is(&self.over, state) => return Ok(Reading::outside(Range::Over)),
            Some(state) if is(&self.under, state) => return Ok(Reading::outside(Range::Under)),
            Some(_) => {
                return Err(Garbled::Layout(
                    "the state is none of the words for stable, moving, over and under",
                ));
            }
            None => Stability::Unknown,
        };
        let sign = group("sign").unwrap_or_default();
        let text = [sign, group("weight").unwrap_or_default()].concat();
        let pointless = !text.iter().any(|byte| matches!(byte, b'.' | b','));
        match (group("unit"), profile.decimals) {
            (unit, Some(decimals)) if pointless && decimals > 0 => {
                let unit = unit.map(number::unit).transpose()?.or(profile.unit).ok_or(Garbled::NoUnit)?;
                let whole = Quantity::parse(&text, Unit::Gram)?;
                let negative = text.contains(&b'-');
                let sent = Quantity::new(negative, whole.digits(), decimals, unit);
                Ok(Reading::of(profile.admit(sent, false)?, stability))
            }
            (Some(unit), _) => Ok(Reading::of(number::quantity(&text, unit, profile)?, stability)),
            (None, _) => number::reading(&text, profile, stability),
        }
    }
}

/// A decoder for what the settings describe.
#[must_use]
pub fn decoder(rules: Arc<Rules>, profile: Profile) -> Box<dyn Decoder> {
    Box::new(Custom::new(rules, profile))
}

/// Asks with the request of the settings.
struct Ask(Arc<Rules>);

impl Exchange for Ask {
    fn begin(&mut self, _task: &Task) -> Vec<u8> {
        self.0.request.clone().unwrap_or_default()
    }

    fn hear(&mut self, frame: Frame, at: Stamp, tell: &mut Vec<Event>) -> Next {
        tell.push(Event::Frame(frame, at));
        Next::Done
    }
}

/// The decoder of a scale of the settings.
#[derive(Debug)]
pub(super) struct Custom {
    rules: Arc<Rules>,
    profile: Profile,
    held: Vec<u8>,
    /// A frame went over the limit: what follows belongs to it until the next end.
    adrift: bool,
}

impl Custom {
    pub(super) fn new(rules: Arc<Rules>, profile: Profile) -> Self {
        Self { rules, profile, held: Vec::with_capacity(LONGEST), adrift: false }
    }
}

impl Decoder for Custom {
    fn push(&mut self, byte: u8) -> Option<Frame> {
        self.held.push(byte);
        if self.held.ends_with(&self.rules.end) {
            let raw = std::mem::take(&mut self.held);
            if std::mem::take(&mut self.adrift) {
                return None;
            }
            let body = raw.get(..raw.len() - self.rules.end.len()).unwrap_or_default();
            let heard = (!body.trim_ascii().is_empty()).then(|| self.rules.read(body, self.profile))?;
            return Some(Frame { raw, heard });
        }
        if self.held.len() < LONGEST {
            return None;
        }
        let raw = std::mem::take(&mut self.held);
        if std::mem::replace(&mut self.adrift, true) {
            return None;
        }
        Some(Frame { heard: Heard::Garbled(Garbled::Endless(raw.len())), raw })
    }

    fn pending(&self) -> &[u8] {
        if self.adrift { &[] } else { &self.held }
    }

    fn reset(&mut self) {
        self.held.clear();
        self.adrift = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(rules: Rules, profile: Profile, bytes: &[u8]) -> Vec<Heard> {
        let mut decoder = Custom::new(Arc::new(rules), profile);
        bytes.iter().filter_map(|&byte| decoder.push(byte)).map(|frame| frame.heard).collect()
    }

    fn shown(heard: &Heard) -> String {
        match heard {
            Heard::Reading(reading) => {
                let sent = reading.quantity.map(|sent| format!("{sent} {}", sent.unit())).unwrap_or_default();
                format!("{sent} {:?} {:?}", reading.stability, reading.range)
            }
            Heard::Answer(_) | Heard::Garbled(_) => format!("{heard:?}"),
        }
    }

    #[test]
    fn the_default_reads_what_most_scales_print() {
        let lines =
            b"ST   1.235 kg\r\nUS,+  0.980 kg\r\nOL,+999.999 kg\r\n  12.73 g\r\n\r\nXX 1.0 kg\r\nhello\r\n";
        let heard = hear(Rules::default(), Profile::default(), lines);
        let heard: Vec<_> = heard.iter().map(shown).collect();
        assert_eq!(
            heard[..4],
            ["1.235 kg Stable In", "0.980 kg Moving In", " Unknown Over", "12.73 g Unknown In"]
        );
        assert!(heard[4..].iter().all(|line| line.starts_with("Garbled")) && heard.len() == 6, "{heard:?}");
    }

    #[test]
    fn a_flag_with_bit_7_is_a_byte_like_any_other() {
        let rules = || Rules {
            end: vec![0x03],
            pattern: pattern(r"\x02(?<state>[\x80-\xFF])(?<sign>[ -])(?<weight>[0-9]{5})").unwrap(),
            stable: vec![vec![0xC0]],
            moving: vec![vec![0x80]],
            ..Rules::default()
        };
        let profile = Profile { unit: Some(Unit::Kilogram), decimals: Some(3), ..Profile::default() };
        let heard = hear(rules(), profile, b"\x02\xC0 01235\x03\x02\x80-00012\x03\x02\x41 01235\x03");
        assert_eq!(shown(&heard[0]), "1.235 kg Stable In");
        assert_eq!(shown(&heard[1]), "-0.012 kg Moving In");
        assert!(matches!(heard[2], Heard::Garbled(_)));
        let unknown = Profile { decimals: Some(3), ..Profile::default() };
        assert_eq!(hear(rules(), unknown, b"\x02\xC0 01235\x03"), [Heard::Garbled(Garbled::NoUnit)]);
    }

    #[test]
    fn a_frame_that_never_ends_is_said_once_and_left_at_the_next_end() {
        let bytes = [&[b'1'; 5_000][..], b"\nST 1.235 kg\n"].concat();
        let heard = hear(Rules::default(), Profile::default(), &bytes);
        assert_eq!(heard.len(), 2);
        assert_eq!(heard[0], Heard::Garbled(Garbled::Endless(LONGEST)));
        assert_eq!(shown(&heard[1]), "1.235 kg Stable In");
    }

    #[test]
    fn an_expression_must_name_the_weight_and_nothing_unknown() {
        assert!(pattern("(?<weight>[0-9]+)").is_ok());
        for bad in ["[0-9]+", "(?<weight>[0-9]+", "(?<weight>.)(?<colour>.)", "(?<weight>(.{999}){999})"] {
            assert!(pattern(bad).is_err(), "{bad}");
        }
    }
}
