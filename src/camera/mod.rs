//! Frames: where they come from and how the one that belongs to a moment is found.
//!
//! A camera is a blocking device: one named thread moves frames into the [`Ring`], everything else reads
//! the ring. A lost or silent camera is a normal state that the ring carries, never a wait without an end.

mod choice;
mod controls;
mod desk;
mod exposure;
mod folder;
mod pace;
mod ring;
mod settings;
mod still;
mod synthetic;
mod tally;
mod thread;
mod v4l2;

pub use choice::{Choice, Chosen, Policy};
pub use controls::{Controls, ListedControl, Value};
pub use ring::{NoFrame, Ring};
pub use settings::{FrameRate, Height, Settings, Source, Width};
pub use still::Seen;
pub use tally::{Counts, Tally};
pub use thread::{Camera, Heartbeat, start};
pub use v4l2::{Listed, ListedMode, NoRule, Rule, holders, list, misfit};

use std::sync::Arc;

use crate::stamp::Stamp;

/// One picture as the camera delivered it. Cheap to share; when the ring drops it and nobody else holds it,
/// its buffer is filled again.
#[derive(Debug)]
pub struct Frame {
    /// Counts every frame the camera started, so a gap is a lost frame.
    pub sequence: u64,
    /// When the frame was taken: its stamp (for V4L2 the kernel's) less the camera's latency.
    pub taken: Stamp,
    /// What the bytes are.
    pub format: PixelFormat,
    /// Pixels across, by the negotiated mode. For JPEG the header decides, and this is zero when no mode
    /// was negotiated.
    pub width: u32,
    /// Pixels down, likewise.
    pub height: u32,
    /// Whether the samples of YUYV and NV12 use all values from 0 to 255, as the driver says; others are limited
    /// to 16 to 235. JPEG's always do.
    pub full_range: bool,
    /// The bytes used, not the buffer they came in.
    pub bytes: Vec<u8>,
    /// Whether exposure may still be settling after the stream's start: such a frame is never chosen.
    pub warming_up: bool,
}

impl Frame {
    /// The largest size that the header of a JPEG frame may speak of: the mode's, or, where none was negotiated, 8K
    /// UHD, the largest that the settings allow.
    #[must_use]
    pub const fn largest(&self) -> (u32, u32) {
        (if self.width == 0 { 7_680 } else { self.width }, if self.height == 0 { 4_320 } else { self.height })
    }
}

/// What the bytes of a frame are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// A whole JPEG file, possibly padded, possibly without Huffman tables.
    Jpeg,
    /// Packed 4:2:2, two bytes a pixel: Y U Y V.
    Yuyv,
    /// A plane of Y, then a half-size plane of interleaved U V.
    Nv12,
    /// One byte of luminance a pixel.
    Grey,
}

/// What the camera is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not open yet, or open and its exposure still settling.
    Opening,
    /// Delivering frames.
    Live,
    /// Not delivering; the sentence says what failed, on which device, and what to do.
    Lost(Arc<str>),
}
