//! What a conversation tells the agent, and what it wants done.

use crate::scale::{Frame, Kind, NotWritten};
use crate::stamp::Stamp;
use crate::weight::Weight;

/// What the conversation tells the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A frame arrived; the moment is that of its last byte.
    Frame(Frame, Stamp),
    /// The scale says that the load is still the one it weighed last.
    Unchanged(Stamp),
    /// The scale says, by the silence that it keeps for that, that nothing is on the plate.
    Empty(Stamp),
    /// The reading that follows is of other goods than the last one: the scale tells each load once.
    Anew(Stamp),
    /// The scale answers and will not weigh.
    Barred(Bar, Stamp),
    /// The scale has said nothing for too long.
    Silent(Stamp),
    /// A tare that the site asked for is about to be sent: from now on the scale may show that much less.
    Taring(Weight, Stamp),
    /// What became of something that was written.
    Written(Kind, Result<(), NotWritten>),
}

/// Why a scale that answers will not weigh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bar {
    /// It wants to know that the till is the one it was approved with.
    #[error(
        "the scale demands checksums: set scale.checksum_file to those agreed with its maker, or switch the demand off in its menu"
    )]
    ChecksumsWanted,
    /// It was not satisfied.
    #[error("the scale refused the checksums: they are not those agreed with its maker")]
    ChecksumsRefused,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send these bytes, then ask again.
    Send(Vec<u8>),
    /// Tell the agent, then ask again.
    Tell(Event),
    /// Listen until this moment, then ask again.
    ListenUntil(Stamp),
}
