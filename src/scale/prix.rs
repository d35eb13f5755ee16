//! `prix`: Toledo do Brasil's PRT1, PRT3 and PRT5, and Filizola.
//!
//! ENQ is answered by five digits in STX … ETX, grams without a point, or by five letters that say why there
//! is no weight. PRT5 does not answer at all while nothing is on the plate. Layout: Prix 3 Plus manual.

use std::time::Duration;

use super::envelope::{Envelope, EnvelopeDecoder};
use super::write::Confirmed;
use super::{
    Family, Framing, Garbled, Heard, Line, Model, Profile, Range, Reading, Stability, Talk, Task, Write,
    Writes, exchange, number,
};
use crate::weight::{Quantity, Unit};

/// Toledo do Brasil, Filizola.
pub(super) static FAMILY: Family = Family {
    name: "prix",
    title: "Toledo do Brasil Prix (PRT1, PRT3, PRT5); Filizola",
    line: Line { baud: 9600, framing: Framing::EightNoneOne },
    talk: Talk::Converse {
        script: |_, profile| Box::new(exchange::Prix::new(profile)),
        unhurried: Duration::from_millis(200),
        brisk: Duration::ZERO,
        answer_within: Duration::from_millis(300),
    },
    sends_stability: true,
    sends_unit: false,
    models: MODELS,
    writes: Writes::NONE,
    decoder: |profile| Box::new(EnvelopeDecoder::new(ENVELOPE, *profile)),
    samples: &[b"\x0201235\x03", b"\x0200000\x03", b"\x02IIIII\x03", b"\x02NNNNN\x03", b"\x02SSSSS\x03"],
};

const MODELS: &[Model] = &[
    Model::of("prt1", "Toledo do Brasil Prix as PRT1"),
    Model::of("prt3", "Toledo do Brasil Prix as PRT3"),
    Model::of("prt5", "Toledo do Brasil Prix as PRT5: takes a price, silent at zero")
        .taking(Writes { price: Some(Write::new(Confirmed::ByNothing, price)), ..Writes::NONE }),
    Model::of("filizola", "Filizola"),
];

/// STX, six digits with two decimals, ETX (Prix 3 Plus manual). No source says how a price is taken back, so it is
/// left to the next one.
fn price(task: &Task, _: Option<Quantity>, _: &Profile) -> Option<Vec<u8>> {
    match task {
        Task::Price(0) => Some(Vec::new()),
        Task::Price(minor) if *minor <= 999_999 => Some(format!("\x02{minor:06}\x03").into_bytes()),
        Task::Price(_) | Task::Weigh | Task::Show(_) | Task::Clear | Task::Tare(_) | Task::Beep => None,
    }
}

/// A frame has 7 bytes; at twice that its end was lost.
const ENVELOPE: Envelope = Envelope { start: 0x02, ends: b"\x03", limit: 14, read, alone: |_| None };

fn read(body: &[u8], profile: Profile) -> Heard {
    match body {
        // Filizola: the first of five characters decides
        [b'I', _, _, _, _] => Heard::Reading(Reading::without_weight(Stability::Moving)),
        [b'N', _, _, _, _] => Heard::Reading(Reading::outside(Range::Under)),
        [b'S', _, _, _, _] => Heard::Reading(Reading::outside(Range::Over)),
        digits => weigh(digits, profile).into(),
    }
}

/// Thousandths of a kilogram, unless the settings know better.
fn weigh(digits: &[u8], profile: Profile) -> Result<Reading, Garbled> {
    if digits.len() != 5 {
        return Err(Garbled::Layout("other than five characters between STX and ETX"));
    }
    let digits = number::digits(digits)?;
    let (unit, implied) = match profile.unit {
        None | Some(Unit::Kilogram) => (Unit::Kilogram, 3),
        Some(Unit::Gram) => (Unit::Gram, 0),
        Some(Unit::Pound | Unit::Ounce) => return Err(Garbled::OtherUnit),
    };
    let quantity = Quantity::new(false, digits, profile.decimals.unwrap_or(implied).min(5), unit);
    Ok(Reading::of(quantity, Stability::Stable))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(body: &[u8], unit: Option<Unit>, decimals: Option<u8>) -> Option<String> {
        match read(body, Profile { unit, decimals, ..Profile::default() }) {
            Heard::Reading(reading) => reading.quantity.map(|sent| format!("{sent} {}", sent.unit())),
            Heard::Answer(_) | Heard::Garbled(_) => None,
        }
    }

    #[test]
    fn the_point_is_implied_or_configured() {
        assert_eq!(shown(b"01235", None, None).as_deref(), Some("1.235 kg"));
        assert_eq!(shown(b"01235", Some(Unit::Gram), None).as_deref(), Some("1235 g"));
        assert_eq!(shown(b"01235", None, Some(2)).as_deref(), Some("12.35 kg"));
        // no Prix and no Filizola weighs in pounds
        assert_eq!(shown(b"01235", Some(Unit::Pound), None), None);
        assert_eq!(shown(b"01235", Some(Unit::Ounce), Some(3)), None);
    }

    #[test]
    fn letters_and_lost_digits_are_no_weight() {
        for body in
            [b"IIIII".as_slice(), b"NNNNN", b"SSSSS", b"0123", b"012355", b" 1235", b"IIII1", b"I1235", b""]
        {
            assert_eq!(shown(body, None, None), None, "{body:?}");
        }
    }
}
