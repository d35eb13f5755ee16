//! `rinstrum`: ten frames a second, one letter for how the load stands (format 1).

use std::time::Duration;

use super::{Fits, Language, Speaker, blanks};
use crate::practice::scale::indicator::Indicator;
use crate::scale::Range;
use crate::stamp::Stamp;

pub(super) const LANGUAGES: &[Language] = &[Language {
    name: "rinstrum",
    title: "Rinstrum R320 and others: automatic output, format 1",
    fits: Fits::ANYTHING,
    speaker: || Box::new(Rinstrum { next: Stamp::from_nanos(0) }),
}];

/// Ten a second (R320 manual).
const EVERY: Duration = Duration::from_millis(100);
const STX: u8 = 0x02;
const ETX: u8 = 0x03;

struct Rinstrum {
    next: Stamp,
}

impl Speaker for Rinstrum {
    fn hear(&mut self, _byte: u8, _scale: &mut Indicator, _say: &mut Vec<u8>) {}

    fn tick(&mut self, scale: &mut Indicator, say: &mut Vec<u8>) {
        if self.next > scale.now() {
            return;
        }
        self.next = scale.now() + EVERY;
        let now = scale.indication();
        let state = match (now.range, now.stable) {
            (Range::Over, _) => b'O',
            (Range::Under, _) => b'U',
            (Range::In, false) => b'M',
            (Range::In, true) if now.net => b'N',
            (Range::In, true) => b'G',
        };
        say.extend([STX, if now.negative { b'-' } else { b' ' }]);
        say.extend(blanks(now.shown, 7).bytes());
        say.extend([state, ETX]);
    }
}
