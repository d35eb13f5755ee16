//! `magellan`: the scale of a scanner-scale on one cable, with the bar codes in between.

use std::time::Duration;

use super::{Command, Fits, Language, Line, Speaker, plain_digits};
use crate::practice::scale::event::What;
use crate::practice::scale::indicator::Indicator;
use crate::scale::Range;
use crate::stamp::Stamp;
use crate::weight::{Quantity, Unit, Weight};

pub(super) const LANGUAGES: &[Language] = &[Language {
    name: "magellan",
    title: "Datalogic Magellan, PSC: scanner-scale on one cable",
    fits: Fits::KG_3_OR_LB_2,
    speaker: || Box::<Magellan>::default(),
}];

/// After a reset the scale is deaf for so long (CORE-POS waits as long for it).
const RESET: Duration = Duration::from_secs(5);

#[derive(Default)]
struct Magellan {
    line: Line,
    /// The load rested once since it was switched on, so zero was found.
    ready: bool,
    /// The host waits for a weight at rest.
    waiting: bool,
    deaf_until: Option<Stamp>,
}

fn answer(say: &mut Vec<u8>, text: &str) {
    say.extend(text.bytes());
    say.push(b'\r');
}

/// Four digits are pounds, five are kilograms.
fn digits(shown: Quantity) -> String {
    plain_digits(shown, if shown.unit() == Unit::Pound { 4 } else { 5 })
}

impl Magellan {
    fn monitor(&self, scale: &Indicator, say: &mut Vec<u8>) {
        let now = scale.indication();
        match (now.range, now.stable) {
            _ if !self.ready => answer(say, "S140"),
            (Range::Over, _) => answer(say, "S142"),
            (_, false) => answer(say, "S141"),
            (Range::Under, true) => answer(say, "S145"),
            (Range::In, true) if now.negative => answer(say, "S145"),
            (Range::In, true) if now.shown.weight() == Weight::ZERO => answer(say, "S143"),
            (Range::In, true) => answer(say, &format!("S144{}", digits(now.shown))),
        }
    }
}

impl Speaker for Magellan {
    fn hear(&mut self, byte: u8, scale: &mut Indicator, say: &mut Vec<u8>) {
        let Some(Command::Line(line)) = self.line.push(byte, b'\r') else { return };
        if self.deaf_until.is_some() {
            return;
        }
        match line.strip_prefix(b"\n").unwrap_or(&line) {
            b"S14" => self.monitor(scale, say),
            b"S11" => self.waiting = true,
            b"S334" => scale.tell(What::Beep),
            b"S10" => {
                self.waiting = false;
                self.deaf_until = Some(scale.now() + RESET);
            }
            _ => {}
        }
    }

    fn tick(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        self.deaf_until.take_if(|until| *until <= scale.now());
        let now = scale.indication();
        self.ready |= now.stable;
        if let Some(code) = scale.scanned() {
            let kind = if code.len() == 12 { 'A' } else { 'F' };
            answer(say, &format!("S08{kind}{code}"));
        }
        if self.waiting && now.stable && now.range == Range::In && !now.negative {
            self.waiting = false;
            answer(say, &format!("S11{}", digits(now.shown)));
        }
    }
}
