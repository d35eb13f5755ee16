//! `mt-sics`: lines in capitals, the second word of an answer says how it stands, text on the display.

use std::time::Duration;

use super::{Command, Fits, Language, Line, Speaker, blanks};
use crate::practice::scale::indicator::{Indicator, Refused, Rest};
use crate::scale::Range;
use crate::stamp::Stamp;
use crate::weight::{Quantity, Unit};

pub(super) const LANGUAGES: &[Language] = &[Language {
    name: "mt-sics",
    title: "Mettler Toledo MT-SICS level 0 and 1, KERN KCP",
    fits: Fits::ANYTHING,
    speaker: || Box::<Sics>::default(),
}];

/// A command that waits for rest gives up after this time; makers let it be set, 5 s is a common choice.
const PATIENCE: Duration = Duration::from_secs(5);
/// `SIR` repeats at this pace.
const REPEAT: Duration = Duration::from_millis(100);
const SERIAL: &str = "PRACTICE";

/// What a waiting command does once the load rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    Weigh,
    Zero,
    Tare,
}

impl Waiting {
    const fn word(self) -> &'static str {
        match self {
            Self::Weigh => "S",
            Self::Zero => "Z",
            Self::Tare => "T",
        }
    }
}

#[derive(Default)]
struct Sics {
    line: Line,
    waiting: Option<(Waiting, Stamp)>,
    repeat: Option<Stamp>,
}

fn answer(say: &mut Vec<u8>, text: &str) {
    say.extend(text.bytes());
    say.extend(*b"\r\n");
}

/// Ten characters for the number, one blank, the unit.
fn number(quantity: Quantity) -> String {
    format!("{:>10} {}", quantity.to_string(), quantity.unit())
}

const fn refusal(why: Refused) -> &'static str {
    match why {
        Refused::Moving => "I",
        Refused::Over => "+",
        Refused::Under => "-",
    }
}

fn weight_now(scale: &Indicator, say: &mut Vec<u8>) {
    let now = scale.indication();
    match now.range {
        Range::In => {
            let word = if now.stable { 'S' } else { 'D' };
            answer(say, &format!("S {word} {}", number(now.shown)));
        }
        Range::Over => answer(say, "S +"),
        Range::Under => answer(say, "S -"),
    }
}

fn show(text: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
    let quoted = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
    match quoted {
        Some(text) if !text.contains(&b'"') => {
            scale.show(text);
            answer(say, "D A");
        }
        _ => answer(say, "D L"),
    }
}

/// `TA 0.050 kg`: sets a tare that is known.
fn preset(argument: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
    let mut words = argument.splitn(2, |byte| *byte == b' ');
    let tare = words.next().zip(words.next().and_then(Unit::from_wire));
    let tare = tare.and_then(|(digits, unit)| Quantity::parse(digits, unit).ok());
    match tare.map(|tare| scale.preset_tare(tare)) {
        Some(Ok(())) => answer(say, &format!("TA A {}", number(scale.indication().tare))),
        Some(Err(_)) | None => answer(say, "TA L"),
    }
}

fn about(command: &[u8], scale: &Indicator, say: &mut Vec<u8>) {
    match command {
        b"I0" => {
            let commands = ["I0", "I1", "I2", "I3", "I4", "@", "S", "SI", "SIR", "Z", "ZI"];
            for command in commands {
                answer(say, &format!("I0 B 0 \"{command}\""));
            }
            for command in ["D", "DW", "T", "TI", "TA"] {
                answer(say, &format!("I0 B 1 \"{command}\""));
            }
            answer(say, "I0 A 1 \"TAC\"");
        }
        b"I1" => answer(say, "I1 A \"01\" \"2.30\" \"2.20\" \"\" \"\""),
        b"I2" => {
            let capacity = scale.capacity();
            answer(say, &format!("I2 A \"practice scale {} {}\"", blanks(capacity, 1), capacity.unit()));
        }
        b"I3" => answer(say, concat!("I3 A \"", env!("CARGO_PKG_VERSION"), " practice\"")),
        _ => answer(say, &format!("I4 A \"{SERIAL}\"")),
    }
}

impl Sics {
    fn obey(&mut self, command: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
        // every command ends the one before
        self.waiting = None;
        self.repeat = None;
        let until = scale.now() + PATIENCE;
        match command {
            b"S" => self.waiting = Some((Waiting::Weigh, until)),
            b"Z" => self.waiting = Some((Waiting::Zero, until)),
            b"T" => self.waiting = Some((Waiting::Tare, until)),
            b"SI" => weight_now(scale, say),
            b"SIR" => self.repeat = Some(scale.now()),
            b"ZI" | b"TI" => at_once(command == b"ZI", scale, say),
            b"TA" => answer(say, &format!("TA A {}", number(scale.indication().tare))),
            b"TAC" => {
                scale.set_tare(0);
                answer(say, "TAC A");
            }
            b"DW" => {
                scale.show_weight();
                answer(say, "DW A");
            }
            b"@" => {
                scale.show_weight();
                about(b"I4", scale, say);
            }
            b"I0" | b"I1" | b"I2" | b"I3" | b"I4" => about(command, scale, say),
            _ => match (command.strip_prefix(b"D "), command.strip_prefix(b"TA ")) {
                (Some(text), _) => show(text, scale, say),
                (_, Some(tare)) => preset(tare, scale, say),
                _ => answer(say, "ES"),
            },
        }
    }

    fn serve_waiting(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        let Some((waiting, until)) = self.waiting else { return };
        let now = scale.indication();
        let done = match (waiting, now.range) {
            (_, Range::Over) => Err(Refused::Over),
            (_, Range::Under) => Err(Refused::Under),
            (_, Range::In) if !now.stable => Err(Refused::Moving),
            (Waiting::Weigh, Range::In) => Ok(()),
            (Waiting::Zero, Range::In) => scale.zero(Rest::Needed),
            (Waiting::Tare, Range::In) => scale.tare(Rest::Needed),
        };
        match (done, waiting) {
            (Err(Refused::Moving), _) if scale.now() < until => return,
            (Err(why), _) => answer(say, &format!("{} {}", waiting.word(), refusal(why))),
            (Ok(()), Waiting::Weigh) => weight_now(scale, say),
            (Ok(()), Waiting::Zero) => answer(say, "Z A"),
            (Ok(()), Waiting::Tare) => {
                answer(say, &format!("T S {}", number(scale.indication().tare)));
            }
        }
        self.waiting = None;
    }
}

/// `ZI` and `TI` do not wait; they say whether the load rested.
fn at_once(zero: bool, scale: &mut Indicator, say: &mut Vec<u8>) {
    let word = if scale.indication().stable { "S" } else { "D" };
    let done = if zero { scale.zero(Rest::NotNeeded) } else { scale.tare(Rest::NotNeeded) };
    let text = match (done, zero) {
        (Ok(()), true) => format!("ZI {word}"),
        (Ok(()), false) => format!("TI {word} {}", number(scale.indication().tare)),
        (Err(why), true) => format!("ZI {}", refusal(why)),
        (Err(why), false) => format!("TI {}", refusal(why)),
    };
    answer(say, &text);
}

impl Speaker for Sics {
    fn hear(&mut self, byte: u8, scale: &mut Indicator, say: &mut Vec<u8>) {
        match self.line.push(byte, b'\n') {
            None => {}
            Some(Command::TooLong) => answer(say, "ES"),
            Some(Command::Line(line)) if line.iter().any(|byte| !byte.is_ascii()) => answer(say, "ET"),
            Some(Command::Line(line)) => {
                self.obey(line.strip_suffix(b"\r").unwrap_or(&line), scale, say);
                self.serve_waiting(scale, say);
            }
        }
    }

    fn tick(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        self.serve_waiting(scale, say);
        if let Some(due) = self.repeat
            && due <= scale.now()
        {
            self.repeat = Some(scale.now() + REPEAT);
            weight_now(scale, say);
        }
    }
}
