//! `dialog-06`: the host sends price, tare and text, then asks for the result; the scale answers with weight
//! and amount, or says no and, asked why, a code. Before it trusts a host it may ask for checksums.

use super::{Fits, Language, Speaker, plain_digits};
use crate::practice::scale::chance::Chance;
use crate::practice::scale::event::What;
use crate::practice::scale::indicator::Indicator;
use crate::scale::Range;
use crate::weight::{Quantity, Unit};

pub(super) const LANGUAGES: &[Language] = &[
    Language {
        name: "dialog-06",
        title: "Checkout-Dialog 06: Mettler Toledo Ariva, Bizerba, Dibal, Cely, Ohaus Aviator",
        fits: FITS,
        speaker: || Box::new(Dialog::new(Trust::Blind)),
    },
    Language {
        name: "dialog-06/challenge",
        title: "the same, asking for the checksums 4711 and F336 as makers' examples do",
        fits: FITS,
        speaker: || Box::new(Dialog::new(Trust::Wanted)),
    },
];

const FITS: Fits = Fits {
    takes: |division| unit_code(division).is_some(),
    words: "kg with three decimals, or lb in steps of 0.01 or 0.005",
};

const STX: u8 = 0x02;
const ETX: u8 = 0x03;
const EOT: u8 = 0x04;
const ENQ: u8 = 0x05;
const ACK: u8 = 0x06;
const NAK: u8 = 0x15;
const ESC: u8 = 0x1B;

/// The longest record, five pairs of checksums, has 44 bytes.
const LONGEST: usize = 64;
/// The text of records 04 and 05.
const TEXT: usize = 13;
/// The text of record 80 (Dibal DPOS400 manual).
const LONG_TEXT: usize = 21;
/// Lighter than this is no weighing (OIML R 76-1: the lightest load is 20 e).
const LIGHTEST: u64 = 20;
/// Checksums are asked for anew after so many weighings (Mettler Diva service manual).
const WEIGHINGS_ON_TRUST: u32 = 50;
/// The pair that makers' examples use.
const CHECKSUM: (u16, u16) = (0x4711, 0xF336);

/// Why there is no result, as record 09 says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    Ok,
    General,
    Record,
    Price,
    Tare,
    Text,
    Moving,
    Unchanged,
    NotReady,
    TooLight,
    BelowZero,
    Over,
}

impl Code {
    const fn digits(self) -> &'static str {
        match self {
            Self::Ok => "00",
            Self::General => "01",
            Self::Record => "10",
            Self::Price => "11",
            Self::Tare => "12",
            Self::Text => "13",
            Self::Moving => "20",
            Self::Unchanged => "21",
            Self::NotReady => "22",
            Self::TooLight => "30",
            Self::BelowZero => "31",
            Self::Over => "32",
        }
    }
}

/// Whether the host has shown that it may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// This scale never asks.
    Blind,
    /// The next record is answered by asking.
    Wanted,
    /// Asked, with this key of two nibbles.
    Asked(u8),
    /// Answered; the host has to ask how that went.
    Answered(bool),
    /// Trusted for so many more weighings.
    Given(u32),
}

struct Dialog {
    trust: Trust,
    chance: Chance,
    record: Option<Vec<u8>>,
    price: Option<u64>,
    code: Code,
    /// The present load was told already.
    given: bool,
}

/// 1 is lb by 0.01, 2 lb by 0.005, 3 kg.
fn unit_code(division: Quantity) -> Option<char> {
    match (division.unit(), division.decimals(), division.digits()) {
        (Unit::Pound, 2, 1) => Some('1'),
        (Unit::Pound, 3, 5) => Some('2'),
        (Unit::Kilogram, 3, _) => Some('3'),
        _ => None,
    }
}

fn number(field: &[u8], lengths: &[usize]) -> Option<u64> {
    let fits = lengths.contains(&field.len()) && field.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(field).ok().filter(|_| fits)?.parse().ok()
}

fn record(body: &str, say: &mut Vec<u8>) {
    say.push(STX);
    say.extend(body.bytes());
    say.push(ETX);
}

impl Dialog {
    const fn new(trust: Trust) -> Self {
        Self { trust, chance: Chance::new(6), record: None, price: None, code: Code::NotReady, given: false }
    }

    fn take(&mut self, bytes: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
        let (head, rest) = bytes.split_at(bytes.len().min(2));
        match head {
            b"01" | b"03" | b"04" | b"05" => self.article(head, rest, scale, say),
            b"80" => self.long_text(rest, scale, say),
            b"08" => record(&format!("09\x1B{}", self.code.digits()), say),
            b"10" => self.checksum(rest, say),
            // showing the logic's version costs the trust
            b"20" => {
                self.doubt();
                say.push(ACK);
            }
            _ => self.refuse(Code::Record, say),
        }
    }

    /// Price, tare and text for the article to be weighed.
    fn article(&mut self, head: &[u8], rest: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
        if matches!(self.trust, Trust::Wanted | Trust::Asked(_) | Trust::Answered(_)) {
            let [key, ..] = self.chance.number().to_le_bytes();
            self.trust = Trust::Asked(key);
            return record(&format!("11\x1B2{key:02X}"), say);
        }
        let fields: Vec<&[u8]> = rest.split(|byte| *byte == ESC).skip(1).collect();
        let (price, tare, text) = match (head, fields.as_slice()) {
            // record 01 ends with one ESC more than it needs
            (b"01", [price] | [price, b""]) => (*price, None, None),
            (b"03", [price, tare]) => (*price, Some(*tare), None),
            (b"04", [price, text]) => (*price, None, Some(*text)),
            (b"05", [price, tare, text]) => (*price, Some(*tare), Some(*text)),
            _ => return self.refuse(Code::General, say),
        };
        let Some(minor) = number(price, &[5, 6]).filter(|price| *price > 0) else {
            return self.refuse(Code::Price, say);
        };
        if text.is_some_and(|text| text.len() != TEXT) {
            return self.refuse(Code::Text, say);
        }
        let unit = scale.division();
        let tare = tare.map(|tare| number(tare, &[4]).ok_or(())).transpose();
        let taken = tare.and_then(|tare| match tare {
            Some(digits) => {
                let tare = Quantity::new(false, digits, unit.decimals(), unit.unit());
                scale.preset_tare(tare).map_err(|_| ())
            }
            None => Ok(()),
        });
        if taken.is_err() {
            return self.refuse(Code::Tare, say);
        }
        if let Some(text) = text {
            scale.show(text.trim_ascii_end());
        }
        scale.tell(What::Price { minor: u32::try_from(minor).unwrap_or(u32::MAX) });
        self.price = Some(minor);
        self.code = Code::Ok;
        say.push(ACK);
    }

    /// Dibal's record for Sharp UP-800: a text of 21 characters, price and amount.
    fn long_text(&mut self, rest: &[u8], scale: &mut Indicator, say: &mut Vec<u8>) {
        let fields: Vec<&[u8]> = rest.split(|byte| *byte == ESC).skip(1).collect();
        let [text, price, amount] = *fields.as_slice() else {
            return self.refuse(Code::General, say);
        };
        let (Some(minor), Some(_)) = (number(price, &[6]).filter(|price| *price > 0), number(amount, &[6]))
        else {
            return self.refuse(Code::Price, say);
        };
        if text.len() != LONG_TEXT {
            return self.refuse(Code::Text, say);
        }
        scale.show(text.trim_ascii_end());
        scale.tell(What::Price { minor: u32::try_from(minor).unwrap_or(u32::MAX) });
        (self.price, self.code) = (Some(minor), Code::Ok);
        say.push(ACK);
    }

    fn refuse(&mut self, code: Code, say: &mut Vec<u8>) {
        self.code = code;
        self.doubt();
        say.push(NAK);
    }

    /// After an error the host has to show its checksums again.
    fn doubt(&mut self) {
        if self.trust != Trust::Blind {
            self.trust = Trust::Wanted;
        }
    }

    /// The host's pairs: the sum turned left by the key's high nibble, its partner right by the low one.
    fn checksum(&mut self, rest: &[u8], say: &mut Vec<u8>) {
        let Trust::Asked(key) = self.trust else {
            return self.refuse(Code::Record, say);
        };
        let (sum, partner) = CHECKSUM;
        let wanted = format!(
            "{:04X}{:04X}",
            sum.rotate_left(u32::from(key >> 4)),
            partner.rotate_right(u32::from(key & 0x0F))
        );
        let pairs = rest.strip_prefix(&[ESC]).unwrap_or(rest);
        self.trust = Trust::Answered(pairs.chunks(8).any(|pair| pair == wanted.as_bytes()));
        say.push(ACK);
    }

    fn result(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        if let Trust::Answered(right) = self.trust {
            self.trust = if right { Trust::Given(WEIGHINGS_ON_TRUST) } else { Trust::Wanted };
            return record(&format!("11\x1B{}", u8::from(right)), say);
        }
        let now = scale.indication();
        let division = scale.division();
        let light = now.shown.digits() < LIGHTEST.saturating_mul(division.digits());
        let code = match (now.range, self.price) {
            _ if !now.stable => Err(Code::Moving),
            (Range::Over, _) => Err(Code::Over),
            (Range::Under, _) => Err(Code::BelowZero),
            (Range::In, _) if now.negative => Err(Code::BelowZero),
            (Range::In, _) if light => Err(Code::TooLight),
            (Range::In, _) if self.given => Err(Code::Unchanged),
            (Range::In, None) => Err(Code::NotReady),
            (Range::In, Some(price)) => Ok(price),
        };
        match code {
            Ok(price) => self.weighed(price, now.shown, division, say),
            Err(code) => {
                self.code = code;
                say.push(NAK);
            }
        }
    }

    fn weighed(&mut self, price: u64, shown: Quantity, division: Quantity, say: &mut Vec<u8>) {
        let grain = 10_u64.pow(u32::from(shown.decimals()));
        let amount = shown.digits().saturating_mul(price).saturating_add(grain / 2) / grain;
        let unit = unit_code(division).unwrap_or('3');
        let weight = plain_digits(shown, 5);
        record(&format!("02\x1B{unit}\x1B{weight}\x1B{price:06}\x1B{amount:06}"), say);
        self.given = true;
        self.price = None;
        self.code = Code::Unchanged;
        self.trust = match self.trust {
            Trust::Given(0) => Trust::Wanted,
            Trust::Given(left) => Trust::Given(left - 1),
            other @ (Trust::Blind | Trust::Wanted | Trust::Asked(_) | Trust::Answered(_)) => other,
        };
    }
}

impl Speaker for Dialog {
    fn hear(&mut self, byte: u8, scale: &mut Indicator, say: &mut Vec<u8>) {
        match (byte, self.record.take()) {
            (STX, _) => self.record = Some(Vec::new()),
            (ETX, Some(bytes)) => self.take(&bytes, scale, say),
            (ENQ, None) => self.result(scale, say),
            // EOT gives up whatever had begun
            (EOT, _) | (_, None) => {}
            (_, Some(mut bytes)) if bytes.len() < LONGEST => {
                bytes.push(byte);
                self.record = Some(bytes);
            }
            (_, Some(_)) => {}
        }
    }

    fn tick(&mut self, scale: &mut Indicator, _say: &mut Vec<u8>) {
        if !scale.indication().stable {
            self.given = false;
        }
    }
}
