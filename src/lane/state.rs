//! What the lane is doing, in one line for people and for the service manager.

use std::fmt;

use crate::serial::Trouble;
use crate::stability::Phase;

/// What is known of the scale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScaleState {
    /// The port has not been opened yet.
    Opening,
    /// The port is open and nothing was heard yet.
    Listening,
    /// The scale speaks.
    Speaking,
    /// The port is open and the scale says nothing, or nothing that can be read.
    Silent,
    /// Bytes arrive, but no frame of the protocol.
    Unreadable(String),
    /// The port is not open.
    Lost(Trouble),
}

impl fmt::Display for ScaleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opening => f.write_str("scale: opening"),
            Self::Listening => f.write_str("scale: port open, waiting for the scale"),
            Self::Speaking => f.write_str("scale: ok"),
            Self::Silent => {
                f.write_str("scale: silent; check that it is on, its cable, baud, framing and protocol")
            }
            Self::Unreadable(why) => write!(f, "scale: not understood: {why}"),
            Self::Lost(trouble) => write!(f, "scale: {trouble}"),
        }
    }
}

/// A lane's present state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The scale.
    pub scale: ScaleState,
    /// The plate.
    pub phase: Phase,
    /// Weighings since the start.
    pub weighings: u64,
    /// The last weighing's result.
    pub last: Option<String>,
}
