//! `toledo-continuous`: 18 bytes over and over, three of them bits, the last a check.

use std::time::Duration;

use super::{Fits, Language, Speaker};
use crate::practice::scale::indicator::{Indication, Indicator, Rest};
use crate::scale::Range;
use crate::stamp::Stamp;
use crate::weight::{Quantity, Unit};

pub(super) const LANGUAGES: &[Language] = &[
    Language {
        name: "toledo-continuous",
        title: "Toledo standard continuous output (8142, 8530, IND), with checksum",
        fits: FITS,
        speaker: || Box::new(Continuous { checksum: true, next: Stamp::from_nanos(0) }),
    },
    Language {
        name: "toledo-continuous/plain",
        title: "the same without checksum",
        fits: FITS,
        speaker: || Box::new(Continuous { checksum: false, next: Stamp::from_nanos(0) }),
    },
];

const FITS: Fits = Fits {
    takes: |division| division.unit() != Unit::Ounce && layout(division).is_some(),
    words: "kg, lb or g in steps of 1, 2 or 5 of a decimal place",
};

/// Indicators send 5 to 20 frames a second; ten is the middle.
const EVERY: Duration = Duration::from_millis(100);
const STX: u8 = 0x02;
const CR: u8 = 0x0D;
const ALWAYS: u8 = 1 << 5;

struct Continuous {
    checksum: bool,
    next: Stamp,
}

/// The first status byte for a division, and how many of its last digits are left out of the weight field.
fn layout(division: Quantity) -> Option<(u8, u32)> {
    let (mut digits, mut dropped) = (division.digits(), 0_u32);
    while digits >= 10 && digits.is_multiple_of(10) {
        digits /= 10;
        dropped = dropped.saturating_add(1);
    }
    let increment: u8 = match digits {
        1 => 1,
        2 => 2,
        5 => 3,
        _ => return None,
    };
    // code 2 is "no decimals", 0 and 1 are dummy zeros, 7 is five decimals
    let code = u32::from(division.decimals()).saturating_add(2).checked_sub(dropped)?;
    let code = u8::try_from(code).ok().filter(|code| *code <= 7)?;
    Some((ALWAYS | increment << 3 | code, dropped))
}

impl Continuous {
    fn frame(&self, division: Quantity, now: &Indication) -> Vec<u8> {
        let Some((swa, dropped)) = layout(division) else { return Vec::new() };
        let flag = |set: bool, bit: u8| if set { 1 << bit } else { 0 };
        let swb = ALWAYS
            | flag(now.net, 0)
            | flag(now.negative, 1)
            | flag(now.range != Range::In, 2)
            | flag(!now.stable, 3)
            | flag(division.unit() != Unit::Pound, 4);
        let swc = ALWAYS | flag(division.unit() == Unit::Gram, 0);
        let field = |quantity: Quantity| quantity.digits() / 10_u64.pow(dropped);
        let weight = match now.range {
            Range::In => format!("{:>6}", field(now.shown)),
            Range::Over | Range::Under => " ".repeat(6),
        };
        let mut frame = vec![STX, swa, swb, swc];
        frame.extend(format!("{weight}{:0>6}", field(now.tare)).bytes());
        frame.push(CR);
        if self.checksum {
            let sum = frame.iter().fold(0_u8, |sum, byte| sum.wrapping_add(byte & 0x7F));
            frame.push(sum.wrapping_neg() & 0x7F);
        }
        frame
    }
}

impl Speaker for Continuous {
    fn hear(&mut self, byte: u8, scale: &mut Indicator, _say: &mut Vec<u8>) {
        match byte {
            b'Z' => {
                let _the_next_frame_tells = scale.zero(Rest::Needed);
            }
            b'T' => {
                let _the_next_frame_tells = scale.tare(Rest::Needed);
            }
            b'C' => scale.set_tare(0),
            _ => {}
        }
    }

    fn tick(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        if self.next <= scale.now() {
            self.next = scale.now() + EVERY;
            say.extend(self.frame(scale.division(), &scale.indication()));
        }
    }
}
