//! `ohaus`: commands that end in P print; a question mark behind the unit says that the load moves.

use std::time::Duration;

use super::{Command, Fits, Language, Line, Speaker, signed};
use crate::practice::scale::indicator::{Indicator, Refused, Rest};
use crate::scale::Range;
use crate::stamp::Stamp;
use crate::weight::{Quantity, Unit, Weight};

pub(super) const LANGUAGES: &[Language] = &[Language {
    name: "ohaus",
    title: "Ohaus Ranger, Defender, Explorer in their own language",
    fits: Fits::ANYTHING,
    speaker: || Box::<Ohaus>::default(),
}];

/// From one line of the stream to the next.
const EVERY: Duration = Duration::from_millis(100);
/// A print that waits for rest is given up after this time (Explorer manual).
const PATIENCE: Duration = Duration::from_secs(40);

/// What is printed without being asked each time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Auto {
    #[default]
    Off,
    /// Again and again.
    Every { pause: Duration, next: Stamp },
    /// Once for every load that comes to rest; an empty plate too if `zero`.
    AtRest { zero: bool, printed: bool },
}

#[derive(Default)]
struct Ohaus {
    line: Line,
    auto: Auto,
    waiting: Option<Stamp>,
}

fn answer(say: &mut Vec<u8>, text: &str) {
    say.extend(text.bytes());
    say.extend(*b"\r\n");
}

/// Eleven characters, blank, unit in two, blank, question mark or blank, blank, legend in three.
fn print(scale: &Indicator, say: &mut Vec<u8>) {
    let now = scale.indication();
    if now.range != Range::In {
        return answer(say, "ES");
    }
    let state = if now.stable { ' ' } else { '?' };
    let legend = if now.net { "N" } else { "" };
    let unit = now.shown.unit().name();
    answer(say, &format!("{} {unit:<2} {state} {legend:<3}", signed(now.shown, 11)));
}

impl Ohaus {
    fn obey(&mut self, command: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
        match command {
            b"IP" | b"P" => print(scale, say),
            b"SP" => self.waiting = Some(scale.now() + PATIENCE),
            b"CP" => self.auto = Auto::Every { pause: EVERY, next: scale.now() },
            b"0P" => self.auto = Auto::Off,
            b"SLP" => self.auto = Auto::AtRest { zero: false, printed: false },
            b"SLZP" => self.auto = Auto::AtRest { zero: true, printed: false },
            b"Z" => silent_or_refused(scale.zero(Rest::Needed), say),
            b"T" => silent_or_refused(scale.tare(Rest::Needed), say),
            _ if command
                .strip_suffix(b"T")
                .is_some_and(|digits| digits.first().is_some_and(u8::is_ascii_digit)) =>
            {
                preset(command, scale, say);
            }
            _ => match command.strip_suffix(b"P").and_then(seconds) {
                Some(pause) => self.auto = Auto::Every { pause, next: scale.now() },
                None => answer(say, "ES"),
            },
        }
    }

    fn serve_waiting(&mut self, scale: &Indicator, say: &mut Vec<u8>) {
        let Some(until) = self.waiting else { return };
        if scale.indication().stable {
            self.waiting = None;
            print(scale, say);
        } else if scale.now() >= until {
            self.waiting = None;
            answer(say, "ES");
        }
    }
}

/// The `20` of `20T`: grams, whatever the display shows.
fn preset(command: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
    let digits = command.strip_suffix(b"T").unwrap_or_default();
    let division = scale.division();
    let decimals = match division.unit() {
        Unit::Gram => 0,
        Unit::Kilogram => 3,
        Unit::Pound | Unit::Ounce => return answer(say, "ES"),
    };
    let tare = Quantity::parse(digits, Unit::Gram).ok().filter(|tare| tare.decimals() == 0);
    let tare = tare.map(|tare| Quantity::new(false, tare.digits(), decimals, division.unit()));
    match tare {
        Some(tare) => silent_or_refused(scale.preset_tare(tare), say),
        None => answer(say, "ES"),
    }
}

fn silent_or_refused(done: Result<(), Refused>, say: &mut Vec<u8>) {
    if done.is_err() {
        answer(say, "ES");
    }
}

/// The `5` of `5P`.
fn seconds(digits: &[u8]) -> Option<Duration> {
    let seconds = std::str::from_utf8(digits).ok()?.parse::<u16>().ok()?;
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

impl Speaker for Ohaus {
    fn hear(&mut self, byte: u8, scale: &mut Indicator, say: &mut Vec<u8>) {
        match self.line.push(byte, b'\n') {
            None => {}
            Some(Command::TooLong) => answer(say, "ES"),
            Some(Command::Line(line)) => self.obey(line.strip_suffix(b"\r").unwrap_or(&line), scale, say),
        }
    }

    fn tick(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        self.serve_waiting(scale, say);
        let now = scale.indication();
        match &mut self.auto {
            Auto::Every { pause, next } if *next <= scale.now() => {
                *next = scale.now() + *pause;
                print(scale, say);
            }
            Auto::Off | Auto::Every { .. } => {}
            Auto::AtRest { printed, .. } if !now.stable => *printed = false,
            Auto::AtRest { zero, printed } => {
                let wanted = now.range == Range::In && (*zero || now.shown.weight() != Weight::ZERO);
                if wanted && !std::mem::replace(printed, true) {
                    print(scale, say);
                }
            }
        }
    }
}
