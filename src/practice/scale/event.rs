//! What happens on a practice scale, one machine-readable line each, marked as practice.

use serde::Serialize;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Always true: nothing here was weighed.
    pub practice: bool,
    /// Milliseconds since the practice scale was started.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

impl Event {
    /// The event as one line of JSON: `{"practice":true,"at_ms":1200,"event":"put","grams":237}`.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What can happen on a practice scale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// An item was put on the plate; below zero: lifted off.
    Put {
        /// Its weight in grams.
        grams: i32,
    },
    /// The plate was emptied.
    Taken,
    /// The load came to rest.
    Rest {
        /// The number on the display, in its unit.
        shown: String,
    },
    /// The host wrote on the display.
    Text {
        /// The text.
        text: String,
    },
    /// The host gave the display back to the weight.
    TextCleared,
    /// The host sent a unit price.
    Price {
        /// The price in minor units of the currency: 299 is 2.99.
        minor: u32,
    },
    /// A bar code passed the scanner.
    Scanned {
        /// Its digits.
        digits: String,
    },
    /// The host made the scale beep.
    Beep,
    /// The host set zero.
    Zeroed,
    /// The host set or cleared the tare.
    Tared {
        /// The tare in the display's unit; zero when it was cleared.
        tare: String,
    },
    /// The host switched the scale off.
    SwitchedOff,
    /// A host opened the terminal.
    HostCame,
    /// The last host closed the terminal.
    HostLeft,
    /// The cable was pulled: the terminal is gone.
    Unplugged,
    /// The cable is in: there is a terminal.
    PluggedIn {
        /// Where a host opens it.
        path: String,
    },
}
