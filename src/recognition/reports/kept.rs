//! Reports as they are kept, and why they are not.

use serde::Serialize;

use super::report::Kind;

/// Why the file of the reports cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("{file}: the disk is full; make room, then reports are accepted again")]
    Full {
        /// The file.
        file: String,
    },
    /// The file or its folder cannot be written.
    #[error("{file}: it cannot be written: {why}")]
    ReadOnly {
        /// The file.
        file: String,
        /// The system's own words.
        why: String,
    },
    /// The file is damaged.
    #[error("{file}: it is damaged ({why}); `scalecam outbox verify` says more, nothing was deleted")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// The file belongs to a later version of this program.
    #[error("{file}: it was written by a later version of scalecam (layout {version})")]
    Later {
        /// The file.
        file: String,
        /// Its layout.
        version: i64,
    },
    /// Anything else.
    #[error("{file}: {why}")]
    Other {
        /// The file.
        file: String,
        /// What went wrong.
        why: String,
    },
}

/// Why a report is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No recognition of that weighing is known.
    #[error("there is no recognition of the weighing {weighing}")]
    Unknown {
        /// The weighing.
        weighing: String,
    },
    /// A selection was reported already.
    #[error("another selection of the weighing {weighing} was reported already")]
    Twice {
        /// The weighing.
        weighing: String,
    },
    /// Too many reports wait.
    #[error("too many reports wait already ({items} of them, {bytes} bytes): is the service reachable?")]
    Full {
        /// How many wait.
        items: u64,
        /// What they take.
        bytes: u64,
    },
    /// They cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) items: u64,
    pub(super) bytes: u64,
}

/// A report to keep.
#[derive(Clone, Debug)]
pub(super) struct NewItem {
    pub(super) key: String,
    pub(super) weighing: String,
    pub(super) kind: Kind,
    pub(super) body: String,
    /// A digest of what was said; the same for a repetition.
    pub(super) said: Vec<u8>,
}

/// A report that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Names it on every attempt to send it.
    pub key: String,
    /// Whether it had been accepted before, so that nothing was added.
    pub repeated: bool,
}

/// A report that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Its place in the order of acceptance.
    pub id: i64,
    /// Names it on every attempt to send it.
    pub key: String,
    /// The recognition it is about.
    pub recognition: String,
    /// What it reports.
    pub kind: Kind,
    /// What the service gets.
    #[serde(skip)]
    pub body: String,
    /// When it was accepted, in UTC milliseconds; none if the clock was not set.
    pub accepted: Option<i64>,
    /// How often it was sent in vain.
    pub attempts: u32,
    /// Whether it is left alone until somebody looks at it.
    pub quarantined: bool,
    /// What the service said last.
    pub reason: Option<String>,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Reports that wait.
    pub waiting: u64,
    /// Reports in quarantine.
    pub quarantined: u64,
    /// What they take, in bytes.
    pub bytes: u64,
    /// When the oldest that waits was accepted, in UTC milliseconds.
    pub oldest: Option<i64>,
}
