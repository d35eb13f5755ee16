//! `cas-dc1`: ENQ is answered by ACK, then DC1 by a frame with a check.

use super::{Fits, Language, Speaker, xor, zeros};
use crate::practice::scale::indicator::Indicator;
use crate::scale::Range;

pub(super) const LANGUAGES: &[Language] = &[
    Language {
        name: "cas-dc1",
        title: "CAS PD-II (ECR type 6), SW-II, AP-1; Ohaus Aviator",
        fits: Fits::KG_OR_LB,
        speaker: || Box::new(Cas { asks_first: true, asked: false }),
    },
    Language {
        name: "cas-dc1/direct",
        title: "CAS firmware that answers DC1 without ENQ",
        fits: Fits::KG_OR_LB,
        speaker: || Box::new(Cas { asks_first: false, asked: false }),
    },
];

const SOH: u8 = 0x01;
const STX: u8 = 0x02;
const ETX: u8 = 0x03;
const EOT: u8 = 0x04;
const ENQ: u8 = 0x05;
const ACK: u8 = 0x06;
const DC1: u8 = 0x11;

struct Cas {
    /// Whether DC1 needs an ENQ before it.
    asks_first: bool,
    asked: bool,
}

fn frame(scale: &Indicator, say: &mut Vec<u8>) {
    let now = scale.indication();
    let state = if now.stable { 'S' } else { 'U' };
    let sign = if now.negative { '-' } else { ' ' };
    let number = match now.range {
        Range::Over => "F".repeat(7),
        Range::In | Range::Under => format!("{sign}{}", zeros(now.shown, 6)),
    };
    let body = format!("{state}{number}{}", now.shown.unit());
    say.extend([SOH, STX]);
    say.extend(body.bytes());
    say.extend([xor(body.as_bytes()), ETX, EOT]);
}

impl Speaker for Cas {
    fn hear(&mut self, byte: u8, scale: &mut Indicator, say: &mut Vec<u8>) {
        match byte {
            ENQ => {
                self.asked = true;
                say.push(ACK);
            }
            DC1 if self.asked || !self.asks_first => {
                self.asked = false;
                frame(scale, say);
            }
            // anything else ends the handshake
            _ => self.asked = false,
        }
    }

    fn tick(&mut self, _scale: &mut Indicator, _say: &mut Vec<u8>) {}
}
