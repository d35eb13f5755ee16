//! `toledo-8217`: single letters without terminator; a weight frame only at rest, in range and not below
//! zero, otherwise a status frame.

use std::time::Duration;

use super::{Fits, Language, Speaker, zeros};
use crate::practice::scale::indicator::{Indication, Indicator, Refused, Rest};
use crate::scale::Range;
use crate::stamp::Stamp;
use crate::weight::Quantity;

pub(super) const LANGUAGES: &[Language] = &[
    Language {
        name: "toledo-8217",
        title: "Mettler Toledo Ariva, Viva, Diva (8217)",
        fits: Fits::KG_3_OR_LB_2,
        speaker: || Box::new(Toledo::new(Model::Diva)),
    },
    Language {
        name: "toledo-8217/ps60",
        title: "PS60, 8213, EH-SCP: Brecknell 67xx, Rice Lake BenchPro",
        fits: Fits::KG_3_OR_LB_2,
        speaker: || Box::new(Toledo::new(Model::Ps60)),
    },
];

const STX: u8 = 0x02;
const CR: u8 = 0x0D;

const MOVING: u8 = 1;
const OVER: u8 = 1 << 1;
const UNDER: u8 = 1 << 2;
const OUTSIDE_ZERO_RANGE: u8 = 1 << 3;
const CENTRE_OF_ZERO: u8 = 1 << 4;
const BIT_5: u8 = 1 << 5;
const ALWAYS: u8 = 1 << 6;

/// Tare commands are answered after this time (Mettler Diva service manual).
const TARE_ANSWER: Duration = Duration::from_millis(150);

/// The makers differ in bit 5 of the status and in some letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Model {
    /// Bit 5 says net; there is no `S` and no `X`.
    Diva,
    /// Bit 5 is always set; `S` asks for the status, `X` switches the scale off.
    Ps60,
}

/// A tare command that is being carried out.
#[derive(Debug)]
enum Tare {
    Take { digits: Vec<u8>, answer: Stamp },
    Clear { answer: Stamp },
}

struct Toledo {
    model: Model,
    echo: bool,
    tare: Option<Tare>,
    /// A zero command waits for the next measurement.
    zeroing: Option<Stamp>,
    /// Whether the result of the self-test was fetched already.
    confidence_read: bool,
}

impl Toledo {
    const fn new(model: Model) -> Self {
        Self { model, echo: false, tare: None, zeroing: None, confidence_read: false }
    }

    fn weight(&self, scale: &Indicator, say: &mut Vec<u8>, number: fn(&Indication) -> Quantity) {
        let now = scale.indication();
        if !now.stable || now.range != Range::In || now.negative {
            return self.status(scale, 0, say);
        }
        let number = number(&now);
        // two digits stand before the point: 01.235 kg, 02.49 lb
        let point = usize::from(number.decimals() > 0);
        let width = usize::from(number.decimals()).saturating_add(2).saturating_add(point);
        say.push(STX);
        say.extend(zeros(number, width).bytes());
        if now.net {
            say.push(b'N');
        }
        say.push(CR);
    }

    fn status(&self, scale: &Indicator, more: u8, say: &mut Vec<u8>) {
        let now = scale.indication();
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let status = ALWAYS
            | flag(!now.stable, MOVING)
            | flag(now.range == Range::Over, OVER)
            | flag(now.range == Range::Under || now.negative, UNDER)
            | flag(now.zero, CENTRE_OF_ZERO)
            | flag(now.net || self.model == Model::Ps60, BIT_5)
            | more;
        say.extend([STX, b'?', status, CR]);
    }

    /// `T` stands alone or is followed by five digits; only the time tells which.
    fn take_tare(&self, digits: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
        let division = scale.division();
        let preset = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok());
        let _kept_as_it_was = match (digits.len(), preset) {
            (5, Some(digits)) => {
                scale.preset_tare(Quantity::new(false, digits, division.decimals(), division.unit()))
            }
            (0, _) => scale.tare(Rest::Needed),
            _ => Err(Refused::Under),
        };
        self.status(scale, 0, say);
    }
}

impl Speaker for Toledo {
    fn hear(&mut self, byte: u8, scale: &mut Indicator, say: &mut Vec<u8>) {
        if self.echo && byte != b'F' {
            return say.push(byte);
        }
        if let Some(Tare::Take { digits, .. }) = &mut self.tare
            && byte.is_ascii_digit()
            && digits.len() < 6
        {
            return digits.push(byte);
        }
        let soon = scale.now() + TARE_ANSWER;
        match (byte, self.model) {
            (b'W', _) => self.weight(scale, say, |now| now.shown),
            (b'H', _) => self.weight(scale, say, |now| now.fine),
            (b'Z', _) => self.zeroing = Some(scale.next()),
            (b'T', _) => self.tare = Some(Tare::Take { digits: Vec::new(), answer: soon }),
            (b'C', _) => self.tare = Some(Tare::Clear { answer: soon }),
            (b'S', Model::Ps60) => self.status(scale, 0, say),
            (b'X', Model::Ps60) => scale.switch_off(),
            (b'A', Model::Diva) => say.extend([STX, CR]),
            (b'A', Model::Ps60) => say.extend([STX, b'?', CR]),
            (b'B', _) => {
                let passed = if std::mem::replace(&mut self.confidence_read, true) { 0x00 } else { b'@' };
                say.extend([STX, b'?', passed, CR]);
            }
            (b'E' | b'F', _) => {
                self.echo = byte == b'E';
                say.extend([STX, byte, CR]);
            }
            _ => {}
        }
    }

    fn tick(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        if self.zeroing.take_if(|due| *due <= scale.now()).is_some() {
            let outside = scale.zero(Rest::Needed).is_err_and(|why| why != Refused::Moving);
            self.status(scale, if outside { OUTSIDE_ZERO_RANGE } else { 0 }, say);
        }
        let now = scale.now();
        match self.tare.take_if(|(Tare::Take { answer, .. } | Tare::Clear { answer })| *answer <= now) {
            Some(Tare::Take { digits, .. }) => self.take_tare(&digits, scale, say),
            Some(Tare::Clear { .. }) => {
                if scale.indication().stable {
                    scale.set_tare(0);
                }
                self.status(scale, 0, say);
            }
            None => {}
        }
    }
}
