//! `sma`: a letter between LF and CR, answered by a line of fixed fields.

use std::time::Duration;

use super::{Command, Fits, Language, Line, Speaker, signed};
use crate::practice::scale::indicator::{Indicator, Rest};
use crate::scale::Range;
use crate::stamp::Stamp;
use crate::weight::Quantity;

pub(super) const LANGUAGES: &[Language] = &[Language {
    name: "sma",
    title: "SMA SCP-0499: Rice Lake, Fairbanks, Cardinal, Detecto, B-TEK",
    fits: Fits::ANYTHING,
    speaker: || Box::<Sma>::default(),
}];

/// A repeated line comes this often at 9600 baud (Fairbanks PR 5410 instruction manual).
const REPEAT: Duration = Duration::from_millis(110);
/// A request that waits for rest gives up after this time; indicators let it be set.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which digits are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digits {
    Shown,
    Fine,
}

#[derive(Default)]
struct Sma {
    line: Line,
    waiting: Option<(Digits, Stamp)>,
    repeat: Option<(Digits, Stamp)>,
}

/// `LF`, status, range, kind, motion, reserved, ten characters, unit in three, `CR`.
fn say_line(status: char, kind: char, moving: bool, number: &str, unit: &str, say: &mut Vec<u8>) {
    let moving = if moving { 'M' } else { ' ' };
    say.extend(format!("\n{status}1{kind}{moving} {number:>10}{unit:<3}\r").bytes());
}

fn weight(digits: Digits, scale: &Indicator, say: &mut Vec<u8>) {
    let now = scale.indication();
    let status = match (now.range, now.zero) {
        (Range::Over, _) => 'O',
        (Range::Under, _) => 'U',
        (Range::In, true) => 'Z',
        (Range::In, false) => ' ',
    };
    let (number, kind) = match (digits, now.net) {
        (Digits::Shown, false) => (now.shown, 'G'),
        (Digits::Shown, true) => (now.shown, 'N'),
        (Digits::Fine, false) => (now.fine, 'g'),
        (Digits::Fine, true) => (now.fine, 'n'),
    };
    say_line(status, kind, !now.stable, &signed(number, 10), unit(number), say);
}

fn unit(number: Quantity) -> &'static str {
    number.unit().name()
}

/// Zero or tare could not be set: a letter for which, dashes for the number.
fn refused(status: char, scale: &Indicator, say: &mut Vec<u8>) {
    let now = scale.indication();
    say_line(status, 'G', !now.stable, &"-".repeat(10), unit(now.shown), say);
}

impl Sma {
    fn obey(&mut self, command: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
        self.waiting = None;
        self.repeat = None;
        let (now, until) = (scale.now(), scale.now() + PATIENCE);
        match command {
            b"W" => weight(Digits::Shown, scale, say),
            b"H" => weight(Digits::Fine, scale, say),
            b"P" => self.waiting = Some((Digits::Shown, until)),
            b"Q" => self.waiting = Some((Digits::Fine, until)),
            b"R" => self.repeat = Some((Digits::Shown, now)),
            b"S" => self.repeat = Some((Digits::Fine, now)),
            b"Z" => match scale.zero(Rest::Needed) {
                Ok(()) => weight(Digits::Shown, scale, say),
                Err(_) => refused('E', scale, say),
            },
            b"T" => match scale.tare(Rest::Needed) {
                Ok(()) => weight(Digits::Shown, scale, say),
                Err(_) => refused('T', scale, say),
            },
            b"M" => {
                let now = scale.indication();
                say_line(' ', 'T', !now.stable, &signed(now.tare, 10), unit(now.tare), say);
            }
            b"C" => {
                scale.set_tare(0);
                weight(Digits::Shown, scale, say);
            }
            // ESC stops what repeats and says nothing
            b"\x1B" => {}
            _ => say.extend(*b"\n?\r"),
        }
    }

    fn serve_waiting(&mut self, scale: &Indicator, say: &mut Vec<u8>) {
        let Some((digits, until)) = self.waiting else { return };
        let now = scale.indication();
        if now.stable && now.range == Range::In {
            self.waiting = None;
            weight(digits, scale, say);
        } else if scale.now() >= until {
            self.waiting = None;
            say_line(' ', 'G', !now.stable, &"-".repeat(10), "", say);
        }
    }
}

impl Speaker for Sma {
    fn hear(&mut self, byte: u8, scale: &mut Indicator, say: &mut Vec<u8>) {
        match self.line.push(byte, b'\r') {
            None => {}
            Some(Command::TooLong) => self.obey(b"?", scale, say),
            Some(Command::Line(line)) => {
                // what stood before the last LF was no command
                if let Some(start) = line.iter().rposition(|byte| *byte == b'\n') {
                    self.obey(line.get(start.saturating_add(1)..).unwrap_or_default(), scale, say);
                    self.serve_waiting(scale, say);
                }
            }
        }
    }

    fn tick(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        self.serve_waiting(scale, say);
        if let Some((digits, due)) = self.repeat
            && due <= scale.now()
        {
            self.repeat = Some((digits, scale.now() + REPEAT));
            weight(digits, scale, say);
        }
    }
}
