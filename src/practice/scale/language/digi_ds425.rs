//! `digi-ds425`: net and tare over and over, behind a NUL at rest and an SOH in motion.

use std::time::Duration;

use super::{Fits, Language, Speaker, signed};
use crate::practice::scale::indicator::Indicator;
use crate::scale::Range;
use crate::stamp::Stamp;

pub(super) const LANGUAGES: &[Language] = &[
    Language {
        name: "digi-ds425",
        title: "Digi DS-425: 21 bytes, with stability and headers",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Digi::new(true, true)),
    },
    Language {
        name: "digi-ds425/17",
        title: "the same with neither",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Digi::new(false, false)),
    },
    Language {
        name: "digi-ds425/19-stability",
        title: "the same with stability alone",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Digi::new(true, false)),
    },
    Language {
        name: "digi-ds425/19-headers",
        title: "the same with headers alone",
        fits: Fits::ANYTHING,
        speaker: || Box::new(Digi::new(false, true)),
    },
];

/// From one frame to the next.
const EVERY: Duration = Duration::from_millis(100);

struct Digi {
    stability: bool,
    headers: bool,
    next: Stamp,
}

impl Digi {
    const fn new(stability: bool, headers: bool) -> Self {
        Self { stability, headers, next: Stamp::from_nanos(0) }
    }

    fn frame(&self, scale: &Indicator, say: &mut Vec<u8>) {
        let now = scale.indication();
        if now.range != Range::In {
            // the makers' page shows no frame for it, so none is made up
            return;
        }
        if self.stability {
            say.extend([u8::from(!now.stable), b'\r']);
        }
        for (header, number) in [(b'0', now.shown), (b'4', now.tare)] {
            if self.headers {
                say.push(header);
            }
            say.extend(signed(number, 7).bytes());
            say.push(b'\r');
        }
        say.push(b'\n');
    }
}

impl Speaker for Digi {
    fn hear(&mut self, _byte: u8, _scale: &mut Indicator, _say: &mut Vec<u8>) {}

    fn tick(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        if self.next <= scale.now() {
            self.next = scale.now() + EVERY;
            self.frame(scale, say);
        }
    }
}
