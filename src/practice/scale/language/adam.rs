//! `adam`: an `AZextra` answers for a new weight only and is silent otherwise; a `CPWplus` always answers and
//! never says whether the load rests.

use super::{Command, Fits, Language, Line, Speaker, blanks};
use crate::practice::scale::event::What;
use crate::practice::scale::indicator::{Indicator, Rest};
use crate::scale::Range;
use crate::weight::{Quantity, Weight};

pub(super) const LANGUAGES: &[Language] = &[
    Language {
        name: "adam",
        title: "Adam AZextra: answers once for each new weight",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Adam { model: Model::AzExtra, line: Line::default(), given: false }),
    },
    Language {
        name: "adam/cpwplus",
        title: "Adam CPWplus: gross, net and tare on demand",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Adam { model: Model::CpwPlus, line: Line::default(), given: false }),
    },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Model {
    AzExtra,
    CpwPlus,
}

struct Adam {
    model: Model,
    line: Line,
    /// The present weight was told already.
    given: bool,
}

impl Adam {
    fn print(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        let now = scale.indication();
        let usable = now.stable && now.range == Range::In && !now.negative;
        if !usable || now.shown.weight() == Weight::ZERO {
            return;
        }
        if std::mem::replace(&mut self.given, true) {
            return scale.tell(What::Beep);
        }
        say.extend(format!("{}{}\r\n", blanks(now.shown, 7), now.shown.unit()).bytes());
    }
}

/// `G +   2.00 kg`
fn on_demand(letter: char, number: Quantity, scale: &Indicator, say: &mut Vec<u8>) {
    // what a CPWplus says out of range is not known, so it says nothing
    if scale.indication().range == Range::In {
        let sign = if number.weight() < Weight::ZERO { '-' } else { '+' };
        say.extend(format!("{letter} {sign}{} {}\r\n", blanks(number, 7), number.unit()).bytes());
    }
}

impl Speaker for Adam {
    fn hear(&mut self, byte: u8, scale: &mut Indicator, say: &mut Vec<u8>) {
        let Some(Command::Line(line)) = self.line.push(byte, b'\n') else { return };
        let now = scale.indication();
        match (self.model, line.strip_suffix(b"\r").unwrap_or(&line)) {
            (Model::AzExtra, b"P") => self.print(scale, say),
            // on the one T takes the tare; on the other T reads it and Z takes it
            (Model::AzExtra, b"T") | (Model::CpwPlus, b"Z") => {
                let _the_next_weight_tells = scale.tare(Rest::Needed);
            }
            (Model::AzExtra, b"Z") => {
                let _the_next_weight_tells = scale.zero(Rest::Needed);
            }
            (Model::CpwPlus, b"G") => on_demand('G', now.gross, scale, say),
            (Model::CpwPlus, b"N") => on_demand('N', now.shown, scale, say),
            (Model::CpwPlus, b"T") => on_demand('T', now.tare, scale, say),
            _ => {}
        }
    }

    fn tick(&mut self, scale: &mut Indicator, _say: &mut Vec<u8>) {
        if !scale.indication().stable {
            self.given = false;
        }
    }
}
