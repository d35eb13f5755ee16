//! What can be wrong with a frame that should be a JPEG image.

/// Why bytes are not a whole JPEG image. Offsets count from the image's first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The bytes do not begin with SOI.
    #[error("the frame does not begin like a JPEG image")]
    NoStart,
    /// There is no EOI: the frame was cut.
    #[error("the frame was cut: its end marker is missing")]
    NoEnd,
    /// The image ends, and what follows is neither padding nor a second end marker.
    #[error("something other than padding follows the end of the picture at byte {offset}")]
    AfterEnd {
        /// Where the rest begins.
        offset: usize,
    },
    /// A marker was due and something else was there.
    #[error("a marker was due at byte {offset}")]
    NoMarker {
        /// Where it was due.
        offset: usize,
    },
    /// A marker stands where the standard allows none of its kind: two pictures were spliced, or bytes were lost.
    #[error("marker FF{marker:02X} at byte {offset} cannot stand there: bytes were lost or mixed up")]
    Misplaced {
        /// The marker's second byte.
        marker: u8,
        /// Where it stands.
        offset: usize,
    },
    /// A segment's length or content contradicts itself.
    #[error("the segment of marker FF{marker:02X} at byte {offset} is not well formed")]
    Malformed {
        /// The marker's second byte.
        marker: u8,
        /// Where the marker stands.
        offset: usize,
    },
    /// The picture ended before every colour component had come.
    #[error("the picture ends before its data has come")]
    Incomplete,
    /// Restart markers count the parts of the picture; one is missing, twice there or out of order.
    #[error("a part of the picture is missing: restart marker out of order at byte {offset}")]
    Restart {
        /// Where the count broke.
        offset: usize,
    },
    /// The entropy-coded data make no picture: bytes were changed or lost.
    #[error("the picture's data are corrupt at the latest in unit {unit} of {units}")]
    Corrupt {
        /// The coding unit at which that showed, in reading order.
        unit: u32,
        /// How many the picture has.
        units: u32,
    },
}
