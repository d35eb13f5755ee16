//! `sbi`: `ESC P` is answered by a line in which a unit says that the load rests.

use std::time::Duration;

use super::{Command, Fits, Language, Line, Speaker, blanks};
use crate::practice::scale::event::What;
use crate::practice::scale::indicator::{Indicator, Rest};
use crate::scale::Range;
use crate::stamp::Stamp;

pub(super) const LANGUAGES: &[Language] = &[
    Language {
        name: "sbi",
        title: "Sartorius and Minebea balances, 16 characters",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Sbi::asked(Form::Short)),
    },
    Language {
        name: "sbi/22",
        title: "the same with an identifier, 22 characters",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Sbi::asked(Form::Long)),
    },
    Language {
        name: "sbi/auto",
        title: "the same set to print by itself: ESC P stops and starts the stream",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Sbi { auto: true, ..Sbi::asked(Form::Short) }),
    },
];

/// From one line of the stream to the next.
const EVERY: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Short,
    Long,
}

struct Sbi {
    form: Form,
    line: Line,
    auto: bool,
    paused: bool,
    next: Stamp,
}

impl Sbi {
    fn asked(form: Form) -> Self {
        Self { form, line: Line::default(), auto: false, paused: false, next: Stamp::from_nanos(0) }
    }

    fn print(&self, scale: &Indicator, say: &mut Vec<u8>) {
        let now = scale.indication();
        let sign = if now.negative { '-' } else { '+' };
        let unit = if now.stable { now.shown.unit().name() } else { "" };
        let (head, body) = match now.range {
            Range::In => {
                (if now.net { "N" } else { "G" }, format!("{sign}{} {unit:<3}", blanks(now.shown, 9)))
            }
            Range::Over => ("Stat", format!("{:^14}", "High")),
            Range::Under => ("Stat", format!("{:^14}", "Low")),
        };
        if self.form == Form::Long {
            say.extend(format!("{head:<6}").bytes());
        }
        say.extend(body.bytes());
        say.extend(*b"\r\n");
    }

    fn obey(&mut self, command: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
        match command {
            b"\x1BP" if self.auto => self.paused = !self.paused,
            b"\x1BP" => self.print(scale, say),
            b"\x1BT" if scale.indication().zero => {
                let _the_next_line_tells = scale.zero(Rest::Needed);
            }
            b"\x1BT" | b"\x1BU" => {
                let _the_next_line_tells = scale.tare(Rest::Needed);
            }
            b"\x1BV" => {
                let _the_next_line_tells = scale.zero(Rest::Needed);
            }
            b"\x1BQ" => scale.tell(What::Beep),
            _ => {}
        }
    }
}

impl Speaker for Sbi {
    fn hear(&mut self, byte: u8, scale: &mut Indicator, say: &mut Vec<u8>) {
        if let Some(Command::Line(line)) = self.line.push(byte, b'\n') {
            self.obey(line.strip_suffix(b"\r").unwrap_or(&line), scale, say);
        }
    }

    fn tick(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        if self.auto && !self.paused && self.next <= scale.now() {
            self.next = scale.now() + EVERY;
            self.print(scale, say);
        }
    }
}
