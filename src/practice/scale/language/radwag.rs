//! `radwag`: a command is first accepted, then answered; a command sent before that is lost.

use std::time::Duration;

use super::{Command, Fits, Language, Line, Speaker, blanks};
use crate::practice::scale::event::What;
use crate::practice::scale::indicator::{Indicator, Refused, Rest};
use crate::scale::Range;
use crate::stamp::Stamp;
use crate::weight::Quantity;

pub(super) const LANGUAGES: &[Language] = &[Language {
    name: "radwag",
    title: "Radwag AS, WPT, WTC, PUE",
    fits: Fits::ANYTHING,
    speaker: || Box::<Radwag>::default(),
}];

/// From one line of the stream to the next.
const EVERY: Duration = Duration::from_millis(100);
/// A command that waits for rest gives up after this time; balances let it be set.
const PATIENCE: Duration = Duration::from_secs(5);

/// A command that was accepted and is not answered yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepted {
    Weigh(&'static str),
    Zero,
    Tare,
}

#[derive(Default)]
struct Radwag {
    line: Line,
    accepted: Option<(Accepted, Stamp)>,
    stream: Option<Stamp>,
}

fn answer(say: &mut Vec<u8>, text: &str) {
    say.extend(text.bytes());
    say.extend(*b"\r\n");
}

/// Command in three, whether it rests, blank, sign, nine characters, blank, unit in three.
fn weight(command: &str, scale: &Indicator, say: &mut Vec<u8>) {
    let now = scale.indication();
    let state = match (now.range, now.stable) {
        (Range::Over, _) => '^',
        (Range::Under, _) => 'v',
        (Range::In, true) => ' ',
        (Range::In, false) => '?',
    };
    let sign = if now.negative { '-' } else { ' ' };
    let (number, unit) = (blanks(now.shown, 9), now.shown.unit().name());
    answer(say, &format!("{command:<3}{state} {sign}{number} {unit:<3}"));
}

impl Radwag {
    fn obey(&mut self, command: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
        if self.accepted.is_some() {
            // sent too early: lost
            return;
        }
        let mut accept = |what, text| {
            self.accepted = Some((what, scale.now() + PATIENCE));
            answer(say, text);
        };
        match command {
            b"S" => accept(Accepted::Weigh("S"), "S A"),
            b"SU" => accept(Accepted::Weigh("SU"), "SU A"),
            b"Z" => accept(Accepted::Zero, "Z A"),
            b"T" => accept(Accepted::Tare, "T A"),
            b"SI" => weight("SI", scale, say),
            b"SUI" => weight("SUI", scale, say),
            b"C1" => {
                self.stream = Some(scale.now());
                answer(say, "C1 A");
            }
            b"C0" => {
                self.stream = None;
                answer(say, "C0 A");
            }
            _ if command == b"BP" || command.starts_with(b"BP ") => {
                scale.tell(What::Beep);
                answer(say, "BP OK");
            }
            _ => match command.strip_prefix(b"UT ") {
                Some(tare) => preset(tare, scale, say),
                None => answer(say, "ES"),
            },
        }
    }

    fn serve(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        let Some((accepted, until)) = self.accepted else { return };
        let now = scale.indication();
        if !now.stable && scale.now() < until {
            return;
        }
        self.accepted = None;
        let (letter, done) = match accepted {
            Accepted::Weigh(command) if now.stable => return weight(command, scale, say),
            Accepted::Weigh(command) => (command, Err(Refused::Moving)),
            Accepted::Zero => ("Z", scale.zero(Rest::Needed)),
            Accepted::Tare => ("T", scale.tare(Rest::Needed)),
        };
        let result = match done {
            Ok(()) => "D",
            Err(Refused::Moving) => "E",
            Err(Refused::Over) => "^",
            Err(Refused::Under) => "v",
        };
        answer(say, &format!("{letter} {result}"));
    }
}

/// `UT 0.050`: a tare in the unit on the display.
fn preset(tare: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
    let tare = Quantity::parse(tare, scale.division().unit());
    let done = tare.is_ok_and(|tare| scale.preset_tare(tare).is_ok());
    answer(say, if done { "UT OK" } else { "ES" });
}

impl Speaker for Radwag {
    fn hear(&mut self, byte: u8, scale: &mut Indicator, say: &mut Vec<u8>) {
        match self.line.push(byte, b'\n') {
            None => {}
            Some(Command::TooLong) => answer(say, "ES"),
            Some(Command::Line(line)) => self.obey(line.strip_suffix(b"\r").unwrap_or(&line), scale, say),
        }
    }

    fn tick(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        self.serve(scale, say);
        if let Some(due) = self.stream
            && due <= scale.now()
        {
            self.stream = Some(scale.now() + EVERY);
            weight("SI", scale, say);
        }
    }
}
