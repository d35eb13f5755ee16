//! `nci-scp`: letters ended by CR; an answer begins with LF and ends with ETX, weight and status in between.

use super::{Command, Fits, Language, Line, Speaker, zeros};
use crate::practice::scale::indicator::{Indication, Indicator, Rest};
use crate::scale::Range;
use crate::weight::Quantity;

pub(super) const LANGUAGES: &[Language] = &[
    Language {
        name: "nci-scp",
        title: "NCI standard (SCP-01): Weigh-Tronix, Brecknell, Adam MDW, Avery",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Nci::new(Form::Scp01)),
    },
    Language {
        name: "nci-scp/ecr",
        title: "NCI ECR (SCP-02): CAS PD-II type 5, Mettler Diva, Ohaus Aviator",
        fits: Fits::KG_OR_LB,
        speaker: || Box::new(Nci::new(Form::Ecr)),
    },
    Language {
        name: "nci-scp/3835",
        title: "NCI 3835 (SCP-12): UPS WorldShip",
        fits: Fits::KG_OR_LB,
        speaker: || Box::new(Nci::new(Form::N3835)),
    },
];

const ETX: u8 = 0x03;
/// Bits 4 and 5 are always set, so that every status byte can be printed.
const STATUS: u8 = 0x30;
const ANOTHER_FOLLOWS: u8 = 1 << 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Sends the number also while it moves; `X` switches off.
    Scp01,
    /// An `S` before the status, and the status alone unless the number may be used.
    Ecr,
    /// No line end between weight and status.
    N3835,
}

struct Nci {
    form: Form,
    line: Line,
}

impl Nci {
    fn new(form: Form) -> Self {
        Self { form, line: Line::default() }
    }

    fn status(&self, scale: &Indicator, say: &mut Vec<u8>) {
        let now = scale.indication();
        let flag = |set: bool, bit: u8| if set { 1 << bit } else { 0 };
        // the ECR form has no way to say a number below zero
        let under = now.range == Range::Under || (self.form == Form::Ecr && now.negative);
        say.push(STATUS | flag(!now.stable, 0) | flag(now.zero, 1));
        let more = if now.net { ANOTHER_FOLLOWS } else { 0 };
        say.push(STATUS | flag(under, 0) | flag(now.range == Range::Over, 1) | more);
        if now.net {
            say.push(STATUS | flag(true, 2));
        }
    }

    fn status_frame(&self, scale: &Indicator, say: &mut Vec<u8>) {
        say.push(b'\n');
        if self.form == Form::Ecr {
            say.push(b'S');
        }
        self.status(scale, say);
        if self.form != Form::N3835 {
            say.push(b'\r');
        }
        say.push(ETX);
    }

    fn weight(&self, scale: &Indicator, say: &mut Vec<u8>, number: fn(&Indication) -> Quantity) {
        let now = scale.indication();
        if self.form == Form::Ecr && (!now.stable || now.range != Range::In || now.negative) {
            return self.status_frame(scale, say);
        }
        let unit = now.shown.unit().name();
        let number = number(&now);
        let extra = number.decimals().saturating_sub(now.shown.decimals());
        let width = usize::from(extra).saturating_add(6);
        let sign = if now.negative { '-' } else { '0' };
        let text = match (self.form, now.range) {
            (Form::Ecr, _) => format!("{}{}", zeros(number, width), unit.to_uppercase()),
            (_, Range::Over) => format!("{}{unit}", "^".repeat(6)),
            (_, Range::Under) => format!("{}{unit}", "_".repeat(6)),
            (Form::Scp01, Range::In) => format!("{sign}{}{unit}", zeros(number, width)),
            (Form::N3835, Range::In) => {
                let polarity = if now.negative { '-' } else { ' ' };
                format!("{polarity}{}{}", zeros(number, width), unit.to_uppercase())
            }
        };
        say.push(b'\n');
        say.extend(text.bytes());
        say.push(b'\r');
        match self.form {
            Form::Scp01 | Form::Ecr => self.status_frame(scale, say),
            Form::N3835 => {
                self.status(scale, say);
                say.push(ETX);
            }
        }
    }

    fn unit(&self, scale: &Indicator, say: &mut Vec<u8>) {
        say.push(b'\n');
        say.extend(scale.division().unit().name().bytes());
        say.push(b'\r');
        self.status_frame(scale, say);
    }

    fn obey(&self, command: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
        match (command, self.form) {
            (b"W", _) => self.weight(scale, say, |now| now.shown),
            (b"H", Form::Scp01 | Form::Ecr) => self.weight(scale, say, |now| now.fine),
            (b"S", _) => self.status_frame(scale, say),
            (b"Z", _) => {
                let _the_status_tells = scale.zero(Rest::Needed);
                if self.form != Form::N3835 {
                    self.status_frame(scale, say);
                }
            }
            (b"T", Form::Scp01 | Form::Ecr) => {
                let _the_status_tells = scale.tare(Rest::Needed);
                self.status_frame(scale, say);
            }
            // a scale of one unit stays with it
            (b"U", Form::Scp01 | Form::Ecr) => self.unit(scale, say),
            (b"X", Form::Scp01) => scale.switch_off(),
            _ => say.extend([b'\n', b'?', b'\r', ETX]),
        }
    }
}

impl Speaker for Nci {
    fn hear(&mut self, byte: u8, scale: &mut Indicator, say: &mut Vec<u8>) {
        match self.line.push(byte, b'\r') {
            None => {}
            Some(Command::TooLong) => self.obey(b"?", scale, say),
            // a host that ends its lines with CR LF
            Some(Command::Line(line)) => self.obey(line.strip_prefix(b"\n").unwrap_or(&line), scale, say),
        }
    }

    fn tick(&mut self, _scale: &mut Indicator, _say: &mut Vec<u8>) {}
}
