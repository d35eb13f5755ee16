//! How a family talks: who speaks first, how often, over which line, and what its display takes.

use std::time::Duration;

use super::Profile;
use super::exchange::{Exchange, Terms};

/// Who speaks first, and how often.
#[derive(Clone, Copy, Debug)]
pub enum Talk {
    /// The scale sends frames by itself; no valid frame for `silent_after` means that the cable is out.
    Stream {
        /// How long a working scale may say nothing.
        silent_after: Duration,
    },
    /// The device hands whole reports over by itself, and none while it sleeps; one that was left from before the
    /// opening comes first.
    Reports,
    /// The scale answers in more than one step, or answers by saying nothing.
    Converse {
        /// The agent's part in it.
        script: fn(&Terms, &Profile) -> Box<dyn Exchange>,
        /// From one question to the next while nothing happens.
        unhurried: Duration,
        /// From an answer to the next question while the load settles.
        brisk: Duration,
        /// How long each step of the answer may take.
        answer_within: Duration,
    },
    /// The scale answers requests.
    Poll {
        /// The harmless request for the present weight.
        request: &'static [u8],
        /// From one request to the next while nothing happens.
        unhurried: Duration,
        /// From an answer to the next request while the load settles; zero is back to back.
        brisk: Duration,
        /// How long an answer may take before the request counts as missed.
        answer_within: Duration,
    },
}

/// Speed and framing of a serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Bits a second.
    pub baud: u32,
    /// Data bits, parity, stop bits.
    pub framing: Framing,
}

/// The framings that scales use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub enum Framing {
    /// 7 data bits, even parity, 1 stop bit.
    #[serde(rename = "7E1")]
    SevenEvenOne,
    /// 7 data bits, odd parity, 1 stop bit.
    #[serde(rename = "7O1")]
    SevenOddOne,
    /// 7 data bits, even parity, 2 stop bits.
    #[serde(rename = "7E2")]
    SevenEvenTwo,
    /// 7 data bits, no parity, 2 stop bits.
    #[serde(rename = "7N2")]
    SevenNoneTwo,
    /// 8 data bits, no parity, 1 stop bit.
    #[serde(rename = "8N1")]
    EightNoneOne,
    /// 8 data bits, no parity, 2 stop bits.
    #[serde(rename = "8N2")]
    EightNoneTwo,
    /// 8 data bits, even parity, 1 stop bit.
    #[serde(rename = "8E1")]
    EightEvenOne,
    /// 8 data bits, odd parity, 1 stop bit.
    #[serde(rename = "8O1")]
    EightOddOne,
}
