//! The stream of a camera: buffers of the driver, mapped, filled and given back.

use std::ffi::c_void;
use std::io;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::time::Duration;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::Video;
use super::layout::{
    Buffer, DQBUF, FLAG_ERROR, MEMORY_MMAP, QBUF, QUERYBUF, REQBUFS, RequestBuffers, STAMP_AT_START,
    STAMP_MASK, STAMP_MONOTONIC, STAMP_SOURCE_MASK, STREAMOFF, STREAMON, VIDEO_CAPTURE,
};
use crate::kernel::call::call;

/// Memory of the driver, mapped for reading.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<c_void>,
    length: usize,
    /// Whether the driver has it, and may write to it at any time.
    queued: bool,
}

/// A buffer that the driver has filled. Giving it back with [`Video::enqueue`] uses it up.
#[derive(Debug)]
pub struct Filled {
    /// Which of the driver's buffers it is.
    pub index: u32,
    /// Bytes of it that belong to the frame.
    pub used: usize,
    /// Counts every frame that the device started.
    pub sequence: u32,
    /// When the frame was taken, by the driver: the time since the start of the monotonic clock, or none
    /// when the driver does not go by that clock.
    pub taken: Option<Duration>,
    /// Whether that is the moment in which the frame was complete, not the one in which its exposure began.
    pub at_end: bool,
    /// Whether the driver says that the data are damaged.
    pub faulty: bool,
}

impl Mapping {
    fn new(device: &Video, buffer: &Buffer) -> io::Result<Self> {
        let length = usize::try_from(buffer.length).unwrap_or(0);
        let place = buffer.offset.into();
        // SAFETY: the kernel chooses the address, so nothing that is mapped already is touched.
        let start = unsafe {
            mmap(std::ptr::null_mut(), length, ProtFlags::READ, MapFlags::SHARED, &device.fd, place)?
        };
        let start = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, length, queued: false })
    }

    /// The first `used` bytes; none while the driver has the buffer.
    fn bytes(&self, used: usize) -> &[u8] {
        if self.queued || used > self.length {
            return &[];
        }
        // SAFETY: `length` readable bytes are mapped at `start` for as long as this mapping lives, and the
        // driver writes only to buffers that are queued. Queuing it again needs the mapping exclusively.
        unsafe { std::slice::from_raw_parts(self.start.cast().as_ptr(), used) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: exactly this range was mapped, and slices of it cannot outlive the mapping.
        let _unmapped = unsafe { munmap(self.start.as_ptr(), self.length) };
    }
}

impl Video {
    /// Asks for buffers, gives all of them to the driver and starts the stream.
    pub fn start(&mut self, count: u32) -> io::Result<()> {
        let started = self.try_start(count);
        if started.is_err() {
            let _as_far_as_it_goes = self.stop();
        }
        started
    }

    fn try_start(&mut self, count: u32) -> io::Result<()> {
        let mut asked =
            RequestBuffers { count, kind: VIDEO_CAPTURE, memory: MEMORY_MMAP, ..Default::default() };
        call(self.as_fd(), &REQBUFS, &mut asked)?;
        for index in 0..asked.count {
            let mut buffer = slot(index);
            call(self.as_fd(), &QUERYBUF, &mut buffer)?;
            self.buffers.push(Mapping::new(self, &buffer)?);
            self.queue(index)?;
        }
        if self.buffers.is_empty() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        call(self.as_fd(), &STREAMON, &mut kind())
    }

    /// Stops the stream and gives its memory back. Every step is taken, whatever the ones before answered.
    ///
    /// # Errors
    /// What the driver answered to stopping; `ENODEV` when the camera was unplugged.
    pub fn stop(&mut self) -> io::Result<()> {
        let stopped = call(self.as_fd(), &STREAMOFF, &mut kind());
        self.buffers.clear();
        let mut none = RequestBuffers { kind: VIDEO_CAPTURE, memory: MEMORY_MMAP, ..Default::default() };
        let freed = call(self.as_fd(), &REQBUFS, &mut none);
        stopped.and(freed)
    }

    /// Takes a filled buffer; `WouldBlock` when there is none.
    pub fn dequeue(&mut self) -> io::Result<Filled> {
        let mut buffer = slot(0);
        call(self.as_fd(), &DQBUF, &mut buffer)?;
        let place = usize::try_from(buffer.index).ok();
        let Some(mapping) = place.and_then(|place| self.buffers.get_mut(place)) else {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the driver named a buffer that it never gave",
            ));
        };
        mapping.queued = false;
        Ok(Filled {
            index: buffer.index,
            used: usize::try_from(buffer.bytes_used).unwrap_or(usize::MAX),
            sequence: buffer.sequence,
            taken: stamp(&buffer),
            at_end: buffer.flags & STAMP_SOURCE_MASK != STAMP_AT_START,
            faulty: buffer.flags & FLAG_ERROR != 0,
        })
    }

    /// The bytes of a filled buffer; empty when the driver claims more than the buffer holds.
    #[must_use]
    pub fn bytes(&self, filled: &Filled) -> &[u8] {
        let place = usize::try_from(filled.index).ok();
        place.and_then(|place| self.buffers.get(place)).map_or(&[], |mapping| mapping.bytes(filled.used))
    }

    /// Gives a buffer back to the driver.
    #[expect(clippy::needless_pass_by_value, reason = "a buffer that was given back is no longer one's own")]
    pub fn enqueue(&mut self, filled: Filled) -> io::Result<()> {
        let Filled { index, .. } = filled;
        self.queue(index)
    }

    fn queue(&mut self, index: u32) -> io::Result<()> {
        let place = usize::try_from(index).ok();
        let Some(mapping) = place.and_then(|place| self.buffers.get_mut(place)) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        // Before the driver has it: from the call on it may write.
        mapping.queued = true;
        call(self.as_fd(), &QBUF, &mut slot(index))
    }
}

impl Drop for Video {
    fn drop(&mut self) {
        if !self.buffers.is_empty() {
            let _already_gone_or_stopped = self.stop();
        }
    }
}

/// What the stream's requests name: the kind of buffers.
fn kind() -> u32 {
    VIDEO_CAPTURE
}

fn slot(index: u32) -> Buffer {
    Buffer { index, kind: VIDEO_CAPTURE, memory: MEMORY_MMAP, ..Default::default() }
}

/// The stamp of a buffer, if the driver took it from the monotonic clock.
fn stamp(buffer: &Buffer) -> Option<Duration> {
    if buffer.flags & STAMP_MASK != STAMP_MONOTONIC {
        return None;
    }
    let seconds = u64::try_from(buffer.seconds).ok()?;
    let micros = u64::try_from(buffer.micros).ok()?;
    let taken = Duration::from_secs(seconds).checked_add(Duration::from_micros(micros))?;
    (!taken.is_zero()).then_some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_monotonic_stamps_count() {
        let taken = |flags| stamp(&Buffer { flags, seconds: 5, micros: 250_000, ..Default::default() });
        assert_eq!(taken(STAMP_MONOTONIC | FLAG_ERROR), Some(Duration::from_millis(5_250)));
        assert_eq!(taken(0), None);
        assert_eq!(taken(0x4000), None);
        assert_eq!(stamp(&Buffer { flags: STAMP_MONOTONIC, ..Default::default() }), None);
    }
}
