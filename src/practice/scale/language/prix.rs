//! `prix`: ENQ is answered by five digits between STX and ETX, or by five letters.

use super::{Fits, Language, Speaker, plain_digits};
use crate::practice::scale::event::What;
use crate::practice::scale::indicator::Indicator;
use crate::scale::Range;
use crate::weight::Weight;

pub(super) const LANGUAGES: &[Language] = &[
    Language {
        name: "prix",
        title: "Toledo do Brasil Prix (PRT3), Filizola",
        fits: Fits::KG_3,
        speaker: || Box::new(Prix { prt5: false, frame: None }),
    },
    Language {
        name: "prix/prt5",
        title: "Toledo do Brasil Prix (PRT5): takes a price, silent at zero",
        fits: Fits::KG_3,
        speaker: || Box::new(Prix { prt5: true, frame: None }),
    },
];

const STX: u8 = 0x02;
const ETX: u8 = 0x03;
const ENQ: u8 = 0x05;
/// The digits of a price, two of them decimals.
const PRICE: usize = 6;

struct Prix {
    prt5: bool,
    /// A price that the host has begun to send.
    frame: Option<Vec<u8>>,
}

impl Prix {
    fn answer(&self, scale: &Indicator, say: &mut Vec<u8>) {
        let now = scale.indication();
        let body = match (now.range, now.stable) {
            (Range::Over, _) => "SSSSS".to_owned(),
            (_, false) => "IIIII".to_owned(),
            (Range::Under, true) => "NNNNN".to_owned(),
            (Range::In, true) if now.negative => "NNNNN".to_owned(),
            (Range::In, true) if self.prt5 && now.shown.weight() == Weight::ZERO => return,
            (Range::In, true) => plain_digits(now.shown, 5),
        };
        say.push(STX);
        say.extend(body.bytes());
        say.push(ETX);
    }
}

impl Speaker for Prix {
    fn hear(&mut self, byte: u8, scale: &mut Indicator, say: &mut Vec<u8>) {
        match (byte, &mut self.frame) {
            (ENQ, _) => {
                self.frame = None;
                self.answer(scale, say);
            }
            (STX, _) => self.frame = Some(Vec::new()),
            (ETX, Some(digits)) if self.prt5 && digits.len() == PRICE => {
                let price = std::str::from_utf8(digits).ok().and_then(|price| price.parse().ok());
                self.frame = None;
                if let Some(minor) = price {
                    scale.tell(What::Price { minor });
                }
            }
            (b'0'..=b'9', Some(digits)) if digits.len() < PRICE => digits.push(byte),
            _ => self.frame = None,
        }
    }

    fn tick(&mut self, _scale: &mut Indicator, _say: &mut Vec<u8>) {}
}
