//! Filled buffers become frames: the newest good one is kept, and every buffer goes back to the driver.

use std::io;
use std::time::Duration;

use super::device::Device;
use super::modes;
use super::order::{Order, Place};
use crate::camera::PixelFormat;
use crate::camera::desk::Desk;
use crate::jpeg::{self, length};
use crate::kernel::video::{Filled, Layout};
use crate::stamp::Stamp;

/// A picture out of the driver.
#[derive(Debug)]
pub(super) struct Shot {
    /// Counts every frame that the camera started, over restarts of the stream.
    pub(super) sequence: u64,
    pub(super) taken: Stamp,
    pub(super) bytes: Vec<u8>,
}

/// What came of a look at the driver's queue.
#[derive(Debug)]
pub(super) enum Harvest {
    /// The newest good frame.
    Shot(Shot),
    /// Buffers, but no good and new frame among them.
    OnlyBad,
    /// Nothing.
    Empty,
}

/// Takes frames of one layout out of a stream.
#[derive(Debug)]
pub(super) struct Harvester {
    layout: Layout,
    pixels: PixelFormat,
    order: Order,
    /// The sequence of the newest frame, over all streams.
    sequence: u64,
    /// The time between two frames.
    frame_time: Duration,
    /// When nothing was waiting in the driver's queue.
    empty_at: Stamp,
}

/// Why a buffer holds no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reject {
    Flagged,
    WrongSize,
    Damaged,
}

/// Less is no picture: two quantisation tables, a frame header and a scan header alone take 106 bytes (T.81).
const SMALLEST_JPEG: usize = 107;

/// Buffers taken in one go before the newest is delivered: a driver that fills them as quickly as they come
/// back must not hold the frame up.
const MOST_AT_ONCE: usize = 16;

impl Harvester {
    /// For a stream that starts at that moment; `sequence` is that of the newest frame before it.
    pub(super) fn new(layout: Layout, sequence: u64, frame_time: Duration, started: Stamp) -> Self {
        let pixels = modes::known(layout.format).unwrap_or(PixelFormat::Jpeg);
        Self { layout, pixels, order: Order::default(), sequence, frame_time, empty_at: started }
    }

    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn pixels(&self) -> PixelFormat {
        self.pixels
    }

    /// Takes everything that the driver has filled, keeps the newest good frame and gives every buffer back.
    ///
    /// # Errors
    /// When the driver refuses to give or to take: the device is lost.
    pub(super) fn harvest(&mut self, device: &mut dyn Device, desk: &Desk) -> io::Result<Harvest> {
        let mut newest: Option<(Filled, Stamp, u64)> = None;
        let (mut came, mut empty) = (0, false);
        while came < MOST_AT_ONCE {
            let filled = match device.dequeue() {
                Ok(filled) => filled,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    empty = true;
                    break;
                }
                Err(error) => return Err(error),
            };
            came += 1;
            let taken = self.begun(&filled, desk.clock.now());
            let is_newer = self.place(&filled, taken, desk);
            let back = match self.look(&filled, device.bytes(&filled)) {
                Ok(_) if is_newer => newest.replace((filled, taken, self.sequence)).map(|(older, ..)| {
                    desk.tally.count(|counts| counts.skipped += 1);
                    older
                }),
                Ok(_) => Some(filled),
                Err(reject) => {
                    refuse(reject, desk);
                    Some(filled)
                }
            };
            if let Some(filled) = back {
                device.enqueue(filled)?;
            }
        }
        if empty {
            self.empty_at = desk.clock.now();
        }
        let Some((filled, taken, sequence)) = newest else {
            return Ok(if came > 0 { Harvest::OnlyBad } else { Harvest::Empty });
        };
        let mut bytes = desk.ring.buffer();
        self.copy(device.bytes(&filled), &filled, &mut bytes);
        device.enqueue(filled)?;
        Ok(Harvest::Shot(Shot { sequence, taken, bytes }))
    }

    /// Puts the frame in order; true when it is newer than all before.
    fn place(&mut self, filled: &Filled, taken: Stamp, desk: &Desk) -> bool {
        let place = self.order.place(filled.sequence, taken);
        let missing = self.order.missing();
        if missing != 0 {
            desk.tally.count(|counts| counts.lost = counts.lost.saturating_add_signed(missing));
        }
        match place {
            Place::Newer(ahead) => {
                self.sequence += u64::from(ahead);
                true
            }
            Place::Late => {
                desk.tally.count(|counts| counts.late += 1);
                false
            }
        }
    }

    /// The bytes of the frame, if the buffer holds a whole one.
    fn look<'a>(&self, filled: &Filled, bytes: &'a [u8]) -> Result<&'a [u8], Reject> {
        if filled.faulty {
            return Err(Reject::Flagged);
        }
        let smallest = if self.pixels == PixelFormat::Jpeg { SMALLEST_JPEG } else { self.raw_size() };
        if bytes.len() < smallest {
            return Err(Reject::WrongSize);
        }
        if self.pixels == PixelFormat::Jpeg {
            jpeg::whole(bytes).map_err(|_| Reject::Damaged)
        } else {
            Ok(bytes)
        }
    }

    /// When the frame's exposure began, as far as the driver tells; never later.
    fn begun(&self, filled: &Filled, now: Stamp) -> Stamp {
        match filled.taken.map(|since_start| (Stamp::from_nanos(0) + since_start).min(now)) {
            Some(end) if filled.at_end => end - self.frame_time,
            Some(start) => start,
            // Without a stamp it may have come at any time since nothing was waiting.
            None => self.empty_at,
        }
    }

    /// Bytes of a raw frame as the driver lays it out.
    fn raw_size(&self) -> usize {
        let last = self.raw_rows().saturating_sub(1);
        // The last row may end with its last pixel.
        usize::try_from(self.layout.stride)
            .unwrap_or(0)
            .saturating_mul(last)
            .saturating_add(self.raw_row(last))
    }

    /// The number of rows of all planes.
    fn raw_rows(&self) -> usize {
        let height = self.layout.height;
        length(if self.pixels == PixelFormat::Nv12 { height + height.div_ceil(2) } else { height })
    }

    /// Bytes of pixels in a row. A pair of chrominance samples belongs to two pixels, also where there is only one left.
    fn raw_row(&self, row: usize) -> usize {
        let (width, pairs) = (length(self.layout.width), length(self.layout.width.div_ceil(2)));
        match self.pixels {
            PixelFormat::Yuyv => pairs * 4,
            PixelFormat::Nv12 if row >= length(self.layout.height) => pairs * 2,
            PixelFormat::Nv12 | PixelFormat::Grey | PixelFormat::Jpeg => width,
        }
    }

    /// Copies the frame, and nothing else that is in the buffer.
    fn copy(&self, buffer: &[u8], filled: &Filled, bytes: &mut Vec<u8>) {
        let Ok(frame) = self.look(filled, buffer) else { return };
        if self.pixels == PixelFormat::Jpeg {
            bytes.extend_from_slice(frame);
            return;
        }
        let stride = length(self.layout.stride).max(self.raw_row(0)).max(1);
        for (row, line) in frame.chunks(stride).take(self.raw_rows()).enumerate() {
            bytes.extend_from_slice(line.get(..self.raw_row(row)).unwrap_or(line));
        }
    }
}

/// Counts a buffer that held no frame.
fn refuse(reject: Reject, desk: &Desk) {
    desk.refuse(|counts| match reject {
        Reject::Flagged => counts.flagged += 1,
        Reject::WrongSize => counts.wrong_size += 1,
        Reject::Damaged => counts.damaged += 1,
    });
}
