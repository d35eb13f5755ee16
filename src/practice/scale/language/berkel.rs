//! `berkel`: ENQ, ACK, DC1, a frame with a check, and the host says it back to be told whether it was right.

use super::{Fits, Language, Speaker, plain_digits, xor};
use crate::practice::scale::indicator::{Indicator, Rest};
use crate::scale::Range;
use crate::weight::{Quantity, Unit, Weight};

pub(super) const LANGUAGES: &[Language] = &[Language {
    name: "berkel",
    title: "Berkel, Ohaus Aviator, CAS ECR type 0 and 1",
    fits: Fits {
        takes: |division| capacity_code(division).is_some(),
        words: "steps of 0.005 kg, 0.002 kg or 0.01 lb",
    },
    speaker: || Box::<Berkel>::default(),
}];

const NUL: u8 = 0x00;
const STX: u8 = 0x02;
const ETX: u8 = 0x03;
const ENQ: u8 = 0x05;
const ACK: u8 = 0x06;
const CR: u8 = 0x0D;
const DC1: u8 = 0x11;
const CAN: u8 = 0x18;
/// Every frame, in both directions.
const LENGTH: usize = 9;
const ZERO: [u8; LENGTH] = [STX, 0x5A, 0, 0, 0, 0, 0, ETX, 0x5A];
const TARE: [u8; LENGTH] = [STX, 0x4E, 0, 0, 0, 0, 0, ETX, 0x4E];
/// Bits 3 and 5 of the identifier are always set.
const ALWAYS: u8 = 0b10_1000;
const OUT_OF_RANGE: u8 = 1 << 4;

#[derive(Default)]
struct Berkel {
    asked: bool,
    /// What the host is sending.
    frame: Vec<u8>,
    /// What the host has to say back.
    said: Vec<u8>,
}

/// 15 kg by 5 g, 30 lb by 0.01 lb, 6 kg by 2 g (Ohaus Aviator 5000, interface page).
fn capacity_code(division: Quantity) -> Option<u8> {
    match (division.unit(), division.decimals(), division.digits()) {
        (Unit::Kilogram, 3, 5) => Some(1),
        (Unit::Pound, 2, 1) => Some(2),
        (Unit::Kilogram, 3, 2) => Some(3),
        _ => None,
    }
}

impl Berkel {
    fn weight(&mut self, scale: &Indicator, say: &mut Vec<u8>) {
        let now = scale.indication();
        if !now.stable {
            return say.push(CAN);
        }
        let outside = now.range != Range::In || now.negative;
        let id =
            ALWAYS | capacity_code(scale.division()).unwrap_or(0) | if outside { OUT_OF_RANGE } else { 0 };
        let digits = if outside { "00000".to_owned() } else { plain_digits(now.shown, 5) };
        let mut frame = vec![STX, id];
        frame.extend(digits.bytes());
        let check = xor(frame.get(1..).unwrap_or_default());
        frame.extend([check, ETX]);
        say.extend(&frame);
        self.said = frame;
    }

    fn whole_frame(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        let frame = std::mem::take(&mut self.frame);
        if frame == ZERO {
            let _the_next_weight_tells = scale.zero(Rest::Needed);
        } else if frame == TARE {
            let _the_next_weight_tells = scale.tare(Rest::Needed);
        } else if !self.said.is_empty() {
            say.push(if frame == self.said { CR } else { ACK });
            self.said.clear();
        }
    }
}

impl Speaker for Berkel {
    fn hear(&mut self, byte: u8, scale: &mut Indicator, say: &mut Vec<u8>) {
        if !self.frame.is_empty() || byte == STX {
            self.frame.push(byte);
            if self.frame.len() == LENGTH {
                self.whole_frame(scale, say);
            }
            return;
        }
        let now = scale.indication();
        match byte {
            ENQ => {
                // an empty plate is nothing to tell; the manual gives no other cause for NUL
                self.asked = now.stable && now.gross.weight() != Weight::ZERO;
                say.push(if self.asked { ACK } else { NUL });
            }
            DC1 if self.asked => {
                self.asked = false;
                self.weight(scale, say);
            }
            _ => self.asked = false,
        }
    }

    fn tick(&mut self, _scale: &mut Indicator, _say: &mut Vec<u8>) {}
}
