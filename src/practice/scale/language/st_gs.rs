//! `st-gs`: the comma family. Indicators of CAS, KERN, Tiger and many others say a line ten times a second;
//! A&D scales say theirs when asked.

use std::time::Duration;

use super::{Command, Fits, Language, Line, Speaker, blanks, signed, zeros};
use crate::practice::scale::event::What;
use crate::practice::scale::indicator::{Indication, Indicator, Rest};
use crate::scale::Range;
use crate::stamp::Stamp;
use crate::weight::{Quantity, Unit};

pub(super) const LANGUAGES: &[Language] = &[
    Language {
        name: "st-gs",
        title: "CAS CI/NT, KERN, many indicators: 18 bytes (AND-18)",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Comma::streaming(Layout::And18)),
    },
    Language {
        name: "st-gs/tiger",
        title: "Tiger: comma before the unit",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Comma::streaming(Layout::Tiger)),
    },
    Language {
        name: "st-gs/cas22",
        title: "CAS: 22 bytes with device and lamp byte",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Comma::streaming(Layout::Cas22)),
    },
    Language {
        name: "st-gs/cas10",
        title: "CAS: 10 bytes, the number alone",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Comma::streaming(Layout::Cas10)),
    },
    Language {
        name: "st-gs/and",
        title: "A&D EK, GC, HC, FZ, SJ: lines when asked",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Comma::asked(Layout::AndD)),
    },
    Language {
        name: "st-gs/dini",
        title: "Dini Argeo, extended: lines when asked; takes texts and beeps",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Comma::asked(Layout::Dini)),
    },
];

/// From one line of a stream to the next.
const EVERY: Duration = Duration::from_millis(100);

/// How makers lay the line out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// `ST,GS,+  1.234kg`
    And18,
    /// `ST,GS   1.234,kg`
    Tiger,
    /// `ST,GS,1?,  13.500 kg`, the question mark being a byte of lamps.
    Cas22,
    /// `   1.234`
    Cas10,
    /// `ST,+0001.234 kg`
    AndD,
    /// `ST,1,   1.234kg,   0.000kg`
    Dini,
}

struct Comma {
    layout: Layout,
    line: Line,
    /// When the next line of a stream is due.
    stream: Option<Stamp>,
    /// The host waits for the first line at rest.
    when_stable: bool,
}

impl Comma {
    fn asked(layout: Layout) -> Self {
        Self { layout, line: Line::default(), stream: None, when_stable: false }
    }

    fn streaming(layout: Layout) -> Self {
        Self { stream: Some(Stamp::from_nanos(0)), ..Self::asked(layout) }
    }

    fn obey(&mut self, command: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
        match (self.layout, command) {
            (Layout::Dini, _) => dini(command, scale, say),
            (_, b"Q" | b"R") if self.layout != Layout::AndD => line(self.layout, scale, say),
            (Layout::AndD, b"Q" | b"SI") => line(self.layout, scale, say),
            (Layout::AndD, b"S" | b"\x1BP") => self.when_stable = true,
            (Layout::AndD, b"SIR") => self.stream = Some(scale.now()),
            (Layout::AndD, b"C") => {
                self.stream = None;
                self.when_stable = false;
            }
            (Layout::AndD, b"Z" | b"R" | b"\x1BT") => acknowledge(scale.zero(Rest::Needed).is_ok(), say),
            (Layout::AndD, b"T") => acknowledge(scale.tare(Rest::Needed).is_ok(), say),
            (Layout::AndD, preset) if preset.starts_with(b"PT:") => {
                acknowledge(preset_tare(preset, scale), say);
            }
            (Layout::AndD, _) => say.extend(*b"EC,E01\r\n"),
            // an indicator that streams listens to nothing else
            _ => {}
        }
    }
}

/// `PT:0.020 kg`
fn preset_tare(command: &[u8], scale: &mut Indicator) -> bool {
    let text = command.strip_prefix(b"PT:").unwrap_or_default().trim_ascii();
    let unit_at = text.iter().position(u8::is_ascii_alphabetic).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(unit_at).unwrap_or_default();
    let tare = Unit::from_wire(unit).and_then(|unit| Quantity::parse(number, unit).ok());
    tare.is_some_and(|tare| scale.preset_tare(tare).is_ok())
}

/// A Dini Argeo does what it is told and says so.
fn dini(command: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
    let done = match command {
        b"READ" => return line(Layout::Dini, scale, say),
        b"ZERO" => scale.zero(Rest::Needed).is_ok(),
        b"TARE" => scale.tare(Rest::Needed).is_ok(),
        b"BEEP" => {
            scale.tell(What::Beep);
            true
        }
        _ => match command.strip_prefix(b"DISP") {
            // the line of the display, a comma, the text
            Some([b'0'..=b'9', b'0'..=b'9', b',', text @ ..]) => {
                scale.show(text);
                true
            }
            Some(_) => return say.extend(*b"ERR02\r\n"),
            None => return say.extend(*b"ERR04\r\n"),
        },
    };
    say.extend_from_slice(if done { b"OK\r\n" } else { b"ERR03\r\n" });
}

fn acknowledge(done: bool, say: &mut Vec<u8>) {
    say.extend_from_slice(if done { b"\x06\r\n" } else { b"EC,E02\r\n" });
}

/// One line as the display stands.
fn line(layout: Layout, scale: &Indicator, say: &mut Vec<u8>) {
    let now = scale.indication();
    let unit = now.shown.unit().name();
    let minus = now.negative || now.range == Range::Under;
    let head = match (now.range, now.stable) {
        (Range::Over | Range::Under, _) => "OL",
        (Range::In, true) => "ST",
        (Range::In, false) => "US",
    };
    let kind = if now.net { "NT" } else { "GS" };
    let sign = if minus { '-' } else { '+' };
    match layout {
        Layout::And18 => say.extend(format!("{head},{kind},{sign}{}{unit:>2}", digits(&now, 7)).bytes()),
        Layout::Tiger => {
            let sign = if minus { '-' } else { ' ' };
            say.extend(format!("{head},{kind}{sign}{},{unit:>2}", digits(&now, 7)).bytes());
        }
        Layout::Cas22 => {
            let sign = if minus { '-' } else { ' ' };
            say.extend(format!("{head},{kind},1").bytes());
            say.push(lamps(&now));
            say.extend(format!(",{sign}{} {unit:>2}", digits(&now, 7)).bytes());
        }
        // nothing in this layout could say "no number", and the maker's page shows no other line
        Layout::Cas10 if now.range != Range::In => return,
        Layout::Cas10 => {
            let sign = if minus { '-' } else { ' ' };
            say.extend(format!("{sign}{}", digits(&now, 7)).bytes());
        }
        Layout::Dini => {
            let (number, tare) = (signed(now.shown, 8), signed(now.tare, 8));
            say.extend(format!("{head},1,{number}{unit:>2},{tare}{unit:>2}").bytes());
        }
        Layout::AndD => {
            let number = if now.range == Range::In { zeros(now.shown, 8) } else { "999999.9".to_owned() };
            say.extend(format!("{head},{sign}{number}{unit:>3}").bytes());
        }
    }
    say.extend(*b"\r\n");
}

/// The number, or nines with its point where the scale has none to show.
fn digits(now: &Indication, width: usize) -> String {
    let number = blanks(now.shown, width);
    if now.range == Range::In {
        return number;
    }
    let point = width.saturating_sub(usize::from(now.shown.decimals()).saturating_add(1));
    let nine = |place: usize| if now.shown.decimals() > 0 && place == point { '.' } else { '9' };
    (0..width).map(nine).collect()
}

/// Bit 7 always, 6 at rest, 2 gross, 1 tare, 0 zero.
fn lamps(now: &Indication) -> u8 {
    let lamp = |lit: bool, bit: u8| if lit { 1 << bit } else { 0 };
    0x80 | lamp(now.stable, 6) | lamp(!now.net, 2) | lamp(now.net, 1) | lamp(now.zero, 0)
}

impl Speaker for Comma {
    fn hear(&mut self, byte: u8, scale: &mut Indicator, say: &mut Vec<u8>) {
        match self.line.push(byte, b'\n') {
            None => {}
            Some(Command::TooLong) => self.obey(b"?", scale, say),
            Some(Command::Line(line)) => self.obey(line.strip_suffix(b"\r").unwrap_or(&line), scale, say),
        }
    }

    fn tick(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        let now = scale.indication();
        if self.when_stable && now.stable && now.range == Range::In {
            self.when_stable = false;
            line(self.layout, scale, say);
        }
        if let Some(due) = self.stream
            && due <= scale.now()
        {
            self.stream = Some(scale.now() + EVERY);
            line(self.layout, scale, say);
        }
    }
}
