//! `st-gs`: A&D's standard format and the family of indicators that write `ST,GS,…`.
//!
//! A line, most often sent without asking. The variants are told apart by length and by where their commas
//! stand, and every width that a maker fixes is held: on a line without a checksum the width is what tells a
//! lost digit from a lighter load.
//!
//! | variant | without line end |
//! |---|---|
//! | A&D (EK-L, GC, HC-i, FZ, SJ) | `HH,` sign and 8 characters, unit 3 |
//! | A&D with comparator | `HH,CC,` sign and 8 characters, unit 3 |
//! | CAS and clones, 18 bytes | `HH,KK,` 8 characters, unit 2 |
//! | the same with a kind of one letter | `HH,K,` 8 characters, unit 2 |
//! | Tiger, 18 bytes | `HH,KK` sign and 7 characters, `,` unit 2 |
//! | CAS, 22 bytes | `HH,KK,` device, lamps, `,` 8 characters, blank, unit 2 |
//! | CAS, 10 bytes | 8 characters; the unit comes from the settings |
//! | Dini Argeo extended | `HH,` channel `,` 8 characters, unit 2 `,` the same for the tare |
//! | Dini Argeo alibi | `HH,` channel `,` 10 characters, unit `,` tare `,` number of the record |
//!
//! The first two letters: `ST` stable, `WT` stable, `US` moving, `OL` and `UL` out of range, `QT` counting.

use std::time::Duration;

use super::envelope::BIT_7;
use super::line::{Ended, Lines, without_end};
use super::write::Confirmed;
use super::{
    Answer, Decoder, Exchange, Family, Frame, Framing, Garbled, Heard, Line, Model, Profile, Range, Reading,
    Stability, Talk, Task, Terms, Write, Writes, exchange, number, write,
};
use crate::weight::{Quantity, Weight};

/// A&D, CAS, KERN, Tiger, Dini Argeo and the many indicators like them.
///
/// The indicators leave the factory with 9600 8N1; A&D's balances with 2400 7E1, which the settings say.
pub(super) static FAMILY: Family = Family {
    name: "st-gs",
    title: "A&D; CAS CI, NT, PDS; KERN EOC, GAB; Tiger; Dini Argeo; indicators that send \"ST,GS,\"",
    line: Line { baud: 9600, framing: Framing::EightNoneOne },
    talk: Talk::Stream { silent_after: Duration::from_secs(2) },
    sends_stability: true,
    sends_unit: true,
    models: MODELS,
    writes: Writes::NONE,
    decoder: |profile| Box::new(StGs { lines: Lines::up_to(LONGEST), profile: *profile }),
    samples: &[
        b"ST,+0001.234 kg\r\n",
        b"US,+0000.980 kg\r\n",
        b"ST,OK,+0001.234 kg\r\n",
        b"WT,+001,2346 kg\r\n",
        b"ST,GS,+  1.234kg\r\n",
        b"US,NT,-  0.050kg\r\n",
        b"ST,G,+  1.234kg\r\n",
        b"ST,GS   1.234,kg\r\n",
        b"ST,GS,1\xC4,  13.500 kg\r\n",
        b"ST,1,   1.234kg,   0.050kg\r\n",
        b"ST,1,     1.234kg,     0.050kg,00001-000123\r\n",
        b"OL,+999999.9  g\r\n",
        b"EC,E01\r\n",
        b"\x06",
    ],
};

/// What the indicators send by themselves; two of them also answer, where their menu says so.
const MODELS: &[Model] = &[
    Model::of("and", "A&D EK-L, GC, HC-i, FZ, SJ: stream, auto-print or command mode")
        .on(Line { baud: 2400, framing: Framing::SevenEvenOne })
        .talking(hark(|_, _| Box::new(exchange::Hark::new(b"Q\r\n"))))
        .taking(Writes { tare: Some(Write::new(Confirmed::ByAnswer, preset)), ..Writes::NONE }),
    Model::of("and-18", "CAS CI, NT, PDS; KERN EOC, GAB; Triner; many indicators: 18 bytes"),
    Model::of("tiger-18", "Tiger: 18 bytes, a comma before the unit and none behind GS"),
    Model::of("cas-22", "CAS: 22 bytes with device and lamp byte"),
    Model::of("cas-10", "CAS: 10 bytes, the number alone"),
    Model::of("dini", "Dini Argeo, extended and alibi: by themselves or asked")
        .talking(hark(|_, _| Box::new(exchange::Hark::new(b"READ\r\n"))))
        .taking(Writes {
            text: Some(Write::new(Confirmed::ByAnswer, text)),
            beep: Some(Write::new(Confirmed::ByAnswer, beep)),
            ..Writes::NONE
        }),
];

/// Listened to, and asked while it is silent.
const fn hark(script: fn(&Terms, &Profile) -> Box<dyn Exchange>) -> Talk {
    Talk::Converse {
        script,
        unhurried: Duration::from_millis(200),
        brisk: Duration::ZERO,
        answer_within: Duration::from_millis(500),
    }
}

/// `PT:0.020kg`, as the scale writes its numbers; zero takes it back.
fn preset(task: &Task, seen: Option<Quantity>, profile: &Profile) -> Option<Vec<u8>> {
    let Task::Tare(tare) = task else { return None };
    let words = write::in_its_words(*tare, seen, profile)?;
    Some(write::line(&["PT:", &words.to_string(), " ", words.unit().name()]))
}

/// `DISP` with the line of the display and the text. The weight comes back by itself.
fn text(task: &Task, _: Option<Quantity>, _: &Profile) -> Option<Vec<u8>> {
    match task {
        Task::Show(text) => {
            let plain: Vec<u8> = text.chars().map(super::mt_sics::plain).collect();
            Some([b"DISP00,", plain.as_slice(), b"\r\n"].concat())
        }
        Task::Clear => Some(Vec::new()),
        Task::Weigh | Task::Price(_) | Task::Tare(_) | Task::Beep => None,
    }
}

/// The buzzer.
fn beep(task: &Task, _: Option<Quantity>, _: &Profile) -> Option<Vec<u8>> {
    (*task == Task::Beep).then(|| b"BEEP\r\n".to_vec())
}

/// Dini Argeo's alibi line is the longest, about 50 bytes.
const LONGEST: usize = 96;

/// "Done", alone or as a line of its own.
const ACK: u8 = 0x06;

#[derive(Debug)]
struct StGs {
    lines: Lines,
    profile: Profile,
}

impl Decoder for StGs {
    fn push(&mut self, byte: u8) -> Option<Frame> {
        // some models send a line end behind it, which is then a line that says nothing
        if byte == ACK && self.lines.at_start() {
            return Some(Frame { raw: vec![ACK], heard: Heard::Answer(Answer::yes("ack")) });
        }
        match self.lines.push(byte)? {
            Ended::Line(raw) => {
                let heard = read(&raw, self.profile)?;
                Some(Frame { raw, heard })
            }
            Ended::Overlong(raw) => {
                let heard = Heard::Garbled(Garbled::Endless(raw.len()));
                Some(Frame { raw, heard })
            }
        }
    }

    fn pending(&self) -> &[u8] {
        self.lines.held()
    }

    fn reset(&mut self) {
        self.lines.reset();
    }
}

fn read(raw: &[u8], profile: Profile) -> Option<Heard> {
    let line = without_end(raw);
    let lamp_at = is_cas_22(line).then_some(CAS_LAMP);
    if raw.iter().enumerate().any(|(place, byte)| byte & BIT_7 != 0 && Some(place) != lamp_at) {
        return Some(Heard::Garbled(Garbled::Parity));
    }
    Some(match line {
        [] => return None,
        b"OK" => Heard::Answer(Answer::yes("ok")),
        [b'E', b'C', b',', code @ ..] | [b'E', b'R', b'R', code @ ..] => Heard::Answer(refusal(code)),
        line => weigh(line, profile).into(),
    })
}

/// A&D's `EC,Enn` and Dini Argeo's `ERRnn`.
fn refusal(code: &[u8]) -> Answer {
    Answer { detail: Some(number::printable(code)), ..Answer::no("error") }
}

/// The first two letters of a line.
#[derive(Clone, Copy, Debug)]
enum Header {
    Stable,
    Moving,
    OutOfRange,
    BelowRange,
    Counting,
}

/// The fields of a line, whatever its variant.
#[derive(Clone, Copy, Debug, Default)]
struct Fields<'a> {
    number: &'a [u8],
    unit: &'a [u8],
    net: Option<bool>,
    tare: Option<&'a [u8]>,
    lamps: Option<u8>,
    /// The variant, by its name in the settings.
    layout: &'static str,
}

/// A line in another layout than the site's scale has.
const OTHER_VARIANT: Garbled = Garbled::Layout("the line is that of another variant than scale.profile says");

fn weigh(line: &[u8], profile: Profile) -> Result<Reading, Garbled> {
    if line.len() == 8 && line.iter().all(|byte| b" +-.,0123456789".contains(byte)) {
        return if profile.is_other_than("cas-10") { Err(OTHER_VARIANT) } else { bare(line, profile) };
    }
    let (header, fields) = fields(line)?;
    if profile.is_other_than(fields.layout) {
        return Err(OTHER_VARIANT);
    }
    let stability = match header {
        Header::Stable => Stability::Stable,
        Header::Moving => Stability::Moving,
        // whatever digits stand there mean nothing, but their sign says which end of the range was left
        Header::OutOfRange if fields.number.trim_ascii_start().starts_with(b"-") => {
            return Ok(Reading::outside(Range::Under));
        }
        Header::OutOfRange => return Ok(Reading::outside(Range::Over)),
        Header::BelowRange => return Ok(Reading::outside(Range::Under)),
        // a number of pieces: at rest or not, it is no weight
        Header::Counting => return Ok(Reading::faulty("counting")),
    };
    let unit = number::unit(fields.unit)?;
    let quantity = profile.admit(number::decimal(fields.number, unit)?, false)?;
    let tare = fields.tare.map(tare).transpose()?;
    let reading = Reading { net: fields.net, tare, ..Reading::of(quantity, stability) };
    fields.lamps.map_or(Ok(reading.clone()), |lamps| with_lamps(reading, lamps))
}

/// CAS's ten bytes: no header, no unit, no word on whether the load rests.
fn bare(line: &[u8], profile: Profile) -> Result<Reading, Garbled> {
    let quantity = number::decimal(line, profile.unit.ok_or(Garbled::NoUnit)?)?;
    Ok(Reading::of(profile.admit(quantity, false)?, Stability::Unknown))
}

fn fields(line: &[u8]) -> Result<(Header, Fields<'_>), Garbled> {
    let header = match line {
        [b'S' | b'W', b'T', b',', ..] => Header::Stable,
        [b'U', b'S', b',', ..] => Header::Moving,
        [b'O', b'L', b',', ..] => Header::OutOfRange,
        [b'U', b'L', b',', ..] => Header::BelowRange,
        [b'Q', b'T', b',', ..] => Header::Counting,
        _ => return Err(Garbled::Layout("expected ST, US, OL, UL, QT or WT and a comma")),
    };
    let fields = cas_or_tiger(line).or_else(|| and(line)).or_else(|| dini(line));
    Ok((header, fields.ok_or(Garbled::Layout("no known length and order of commas"))?))
}

/// Gross or net.
fn kind(letters: &[u8]) -> Option<bool> {
    match letters {
        b"GS" | b"GR" | b"G" => Some(false),
        b"NT" | b"N" => Some(true),
        _ => None,
    }
}

/// Where the lamp byte of CAS's 22 bytes stands.
const CAS_LAMP: usize = 7;

fn is_cas_22(line: &[u8]) -> bool {
    line.len() == 20 && [5, 8].into_iter().all(|place| line.get(place) == Some(&b','))
}

fn cas_or_tiger(line: &[u8]) -> Option<Fields<'_>> {
    let (short, long) = (line.get(3..4).and_then(kind), line.get(3..5).and_then(kind));
    let at = |place: usize| line.get(place).copied();
    let (number, unit, net, layout) = match (line.len(), at(4), at(5)) {
        (20, _, _) if is_cas_22(line) && at(17) == Some(b' ') => {
            (line.get(9..17)?, line.get(18..)?, long?, "cas-22")
        }
        (16, _, Some(b',')) => (line.get(6..14)?, line.get(14..)?, long?, "and-18"),
        (16, _, Some(b' ' | b'-')) if at(13) == Some(b',') => {
            (line.get(5..13)?, line.get(14..)?, long?, "tiger-18")
        }
        (15, Some(b','), _) => (line.get(5..13)?, line.get(13..)?, short?, "and-18"),
        _ => return None,
    };
    let lamps = is_cas_22(line).then(|| at(CAS_LAMP)).flatten();
    Some(Fields { number, unit, net: Some(net), lamps, tare: None, layout })
}

fn and(line: &[u8]) -> Option<Fields<'_>> {
    let from = match (line.len(), line.get(3..6)) {
        (15, _) => 3,
        (18, Some(b"LO," | b"OK," | b"HI," | b"--,")) => 6,
        _ => return None,
    };
    let number = line.get(from..from + 9).filter(|number| matches!(number.first(), Some(b'+' | b'-')))?;
    Some(Fields { number, unit: line.get(from + 9..)?, layout: "and", ..Fields::default() })
}

fn dini(line: &[u8]) -> Option<Fields<'_>> {
    let parts: Vec<&[u8]> = line.split(|byte| *byte == b',').collect();
    let is_channel =
        |channel: &[u8]| (1..=2).contains(&channel.len()) && channel.iter().all(u8::is_ascii_digit);
    let (weight, tare, width, net) = match *parts.as_slice() {
        [_, channel, weight, tare] if is_channel(channel) && weight.len() == 10 => (weight, tare, 8, None),
        // this one is the gross weight by its definition
        [_, channel, weight, tare, _] if is_channel(channel) && matches!(weight.len(), 11..=13) => {
            (weight, tare, 10, Some(false))
        }
        _ => return None,
    };
    let (number, unit) = weight.split_at_checked(width)?;
    Some(Fields { number, unit, net, tare: Some(tare), lamps: None, layout: "dini" })
}

/// A number with its unit behind it.
fn tare(text: &[u8]) -> Result<Quantity, Garbled> {
    let at = text.iter().position(u8::is_ascii_alphabetic).ok_or(Garbled::Unit)?;
    let (number, unit) = text.split_at_checked(at).ok_or(Garbled::Unit)?;
    number::decimal(number.trim_ascii(), number::unit(unit)?)
}

/// CAS's lamp byte: bit 6 stable, bit 4 hold, bit 2 gross, bit 1 tare, bit 0 zero; bit 7 is always set
/// (CI-600D manual). Where it and the letters contradict each other, the more cautious of the two counts.
fn with_lamps(reading: Reading, lamps: u8) -> Result<Reading, Garbled> {
    let lamp = |place: u8| lamps & (1 << place) != 0;
    if !lamp(7) {
        return Err(Garbled::Layout("bit 7 of the lamp byte is clear: the line must have eight data bits"));
    }
    if lamp(4) {
        // a frozen number says nothing about the load that is on the plate now
        return Ok(Reading::faulty("hold"));
    }
    let stability = if lamp(6) { reading.stability } else { Stability::Moving };
    let net = match (lamp(2), lamp(1), reading.net) {
        (true, false, Some(true)) | (false, true, Some(false)) => None,
        (_, _, net) => net,
    };
    let at_zero = reading.net == Some(true) || reading.weight() == Some(Weight::ZERO);
    let zero = match (lamp(0), at_zero) {
        (true, true) => Some(true),
        (true, false) => None,
        (false, _) => Some(false),
    };
    Ok(Reading { stability, zero, net, ..reading })
}

#[cfg(test)]
mod tests;
