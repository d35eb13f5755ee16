//! Cameras on the kernel's video interface (V4L2), with everything that an agent needs to know of a frame:
//! the bytes used, the driver's error flag, the sequence number and the monotonic stamp.

mod layout;
mod stream;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use serde::Serialize;

use super::call::call;
use layout::{
    CAP_DEVICE_CAPS, CAP_SEVERAL_PLANES, CAP_STREAMING, CAP_VIDEO_CAPTURE, COLORSPACE_JPEG, CONTINUOUS,
    Capability, ControlQuery, ControlValue, DISCRETE, ENUM_FMT, ENUM_FRAMEINTERVALS, ENUM_FRAMESIZES,
    FIELD_NONE, Format, FormatDescription, Fract, FrameIntervals, FrameSizes, G_CTRL, MenuQuery, NEXT_CTRL,
    PIX_MAGIC, Pix, QUANTIZATION_DEFAULT, QUANTIZATION_FULL, QUERYCAP, QUERYCTRL, QUERYMENU, S_CTRL, S_FMT,
    S_PARM, StreamParameters, VIDEO_CAPTURE,
};
pub use stream::Filled;
use stream::Mapping;

/// An open node of the video interface. The stream ends and its memory goes back when it is dropped.
#[derive(Debug)]
pub struct Video {
    fd: OwnedFd,
    buffers: Vec<Mapping>,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The driver, `uvcvideo` for a USB camera.
    pub driver: String,
    /// The name that the camera gives itself.
    pub card: String,
    /// Where it is plugged in.
    pub bus: String,
    /// Whether this very node delivers pictures through mapped memory: not a camera's metadata node, not a
    /// codec's, not one that needs several planes.
    pub captures: bool,
    /// Whether it delivers pictures in several planes, as the sensors on a board's own camera socket do.
    pub in_planes: bool,
}

/// A pixel format by the four characters of its code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FourCc(pub [u8; 4]);

/// The layout of the frames, as the driver settled it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What the pixels are.
    pub format: FourCc,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Bytes from one row to the next; of no meaning for compressed formats.
    pub stride: u32,
    /// Whether the samples of YCbCr formats use all values from 0 to 255, as the driver says.
    pub full_range: bool,
}

/// A time between frames, in seconds as a fraction: 1/30, 2/15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Interval {
    /// The number of seconds …
    pub numerator: u32,
    /// … for this number of frames.
    pub denominator: u32,
}

/// One entry of a driver's list of sizes or of intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<T> {
    /// Exactly this one; there may be more entries.
    One(T),
    /// Everything from the first to the second in steps of the third; the only entry.
    Range(T, T, T),
}

/// A control as the driver describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its number.
    pub id: u32,
    /// Its name as people read it: `Exposure, Auto`.
    pub name: String,
    /// What values it takes.
    pub kind: ControlKind,
    /// The least value.
    pub minimum: i32,
    /// The greatest value.
    pub maximum: i32,
    /// Values are `minimum` plus a multiple of this.
    pub step: i32,
    /// The value after power-up.
    pub default: i32,
    /// `V4L2_CTRL_FLAG_…`: 1 disabled, 4 read only, 16 inactive at present.
    pub flags: u32,
}

/// What values a control takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlKind {
    /// A number.
    Integer,
    /// 0 or 1.
    Switch,
    /// One of a list of words, by its place.
    Menu,
    /// One of a list of numbers, by its place.
    NumberMenu,
    /// Anything else, which is not offered.
    Other,
}

impl Video {
    /// Opens a node without waiting for anything.
    pub fn open(node: &Path) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(Self { fd: open(node, flags, Mode::empty())?, buffers: Vec::new() })
    }

    /// What the node is.
    pub fn identity(&self) -> io::Result<Identity> {
        let mut told = Capability::default();
        call(self.fd.as_fd(), &QUERYCAP, &mut told)?;
        let own = told.capabilities & CAP_DEVICE_CAPS != 0;
        let capabilities = if own { told.device_caps } else { told.capabilities };
        let wanted = CAP_VIDEO_CAPTURE | CAP_STREAMING;
        Ok(Identity {
            driver: text(&told.driver),
            card: text(&told.card),
            bus: text(&told.bus_info),
            captures: capabilities & wanted == wanted,
            in_planes: capabilities & CAP_SEVERAL_PLANES != 0,
        })
    }

    /// The pixel format at this place of the driver's list; none behind its end.
    pub fn format(&self, index: u32) -> io::Result<Option<FourCc>> {
        let mut entry = FormatDescription { index, kind: VIDEO_CAPTURE, ..Default::default() };
        let known = self.listed(&ENUM_FMT, &mut entry)?;
        Ok(known.then_some(FourCc(entry.pixel_format.to_le_bytes())))
    }

    /// The sizes at this place of the driver's list for a format, as width and height.
    pub fn sizes(&self, format: FourCc, index: u32) -> io::Result<Option<Entry<(u32, u32)>>> {
        let mut entry = FrameSizes { index, pixel_format: format.code(), ..Default::default() };
        let known = self.listed(&ENUM_FRAMESIZES, &mut entry)?;
        let [least_width, most_width, step_across, least_height, most_height, step_down] = entry.sizes;
        let sizes = match entry.kind {
            DISCRETE => Entry::One((least_width, most_width)),
            // Of a continuous range only the ends are given.
            CONTINUOUS => Entry::Range((least_width, least_height), (most_width, most_height), (1, 1)),
            _ => {
                Entry::Range((least_width, least_height), (most_width, most_height), (step_across, step_down))
            }
        };
        Ok(known.then_some(sizes))
    }

    /// The intervals at this place of the driver's list for a format and size.
    pub fn intervals(
        &self,
        format: FourCc,
        (width, height): (u32, u32),
        index: u32,
    ) -> io::Result<Option<Entry<Interval>>> {
        let pixel_format = format.code();
        let mut entry = FrameIntervals { index, pixel_format, width, height, ..Default::default() };
        let known = self.listed(&ENUM_FRAMEINTERVALS, &mut entry)?;
        let [first, last, step] = entry.intervals.map(Interval::from);
        let intervals =
            if entry.kind == DISCRETE { Entry::One(first) } else { Entry::Range(first, last, step) };
        Ok(known.then_some(intervals))
    }

    /// Asks for a format and size; the driver answers with the nearest that it has.
    pub fn set_format(&self, format: FourCc, width: u32, height: u32) -> io::Result<Layout> {
        let pixel_format = format.code();
        let mut wanted = Format::of(Pix { width, height, pixel_format, field: FIELD_NONE, ..Pix::default() });
        wanted.pix.private = PIX_MAGIC;
        call(self.fd.as_fd(), &S_FMT, &mut wanted)?;
        let pix = wanted.pix;
        Ok(Layout {
            format: FourCc(pix.pixel_format.to_le_bytes()),
            width: pix.width,
            height: pix.height,
            stride: pix.bytes_per_line,
            full_range: is_full_range(&pix),
        })
    }

    /// Asks for a time between frames; the driver answers with the nearest that it has.
    pub fn set_interval(&self, interval: Interval) -> io::Result<Interval> {
        let Interval { numerator, denominator } = interval;
        let mut wanted = StreamParameters::with(Fract { numerator, denominator });
        call(self.fd.as_fd(), &S_PARM, &mut wanted)?;
        Ok(wanted.interval.into())
    }

    /// The control with the lowest number above `id`; none behind the last.
    pub fn control_after(&self, id: u32) -> io::Result<Option<Control>> {
        self.control(id | NEXT_CTRL)
    }

    /// The control with this number; none if there is none.
    pub fn control(&self, id: u32) -> io::Result<Option<Control>> {
        let mut query = ControlQuery { id, ..Default::default() };
        let known = self.listed(&QUERYCTRL, &mut query)?;
        Ok(known.then(|| Control {
            id: query.id,
            name: text(&query.name),
            // enum v4l2_ctrl_type
            kind: match query.kind {
                1 => ControlKind::Integer,
                2 => ControlKind::Switch,
                3 => ControlKind::Menu,
                9 => ControlKind::NumberMenu,
                _ => ControlKind::Other,
            },
            minimum: query.minimum,
            maximum: query.maximum,
            step: query.step,
            default: query.default,
            flags: query.flags,
        }))
    }

    /// The word at this place of a control's menu; none where the menu has a hole.
    pub fn menu_word(&self, control: &Control, index: u32) -> io::Result<Option<String>> {
        let mut query = MenuQuery { id: control.id, index, ..Default::default() };
        let known = self.listed(&QUERYMENU, &mut query)?;
        Ok(known.then(|| match (control.kind, query.name.first_chunk()) {
            // The same place holds a number of 64 bits there.
            (ControlKind::NumberMenu, Some(&number)) => i64::from_ne_bytes(number).to_string(),
            _ => text(&query.name),
        }))
    }

    /// The present value of a control.
    pub fn value(&self, id: u32) -> io::Result<i32> {
        let mut control = ControlValue { id, value: 0 };
        call(self.fd.as_fd(), &G_CTRL, &mut control)?;
        Ok(control.value)
    }

    /// Sets a control; what became of it is read back by [`Video::value`].
    pub fn set_value(&self, id: u32, value: i32) -> io::Result<()> {
        call(self.fd.as_fd(), &S_CTRL, &mut ControlValue { id, value })
    }

    /// Asks for an entry of a list: false behind its end, which the kernel tells by `EINVAL`.
    fn listed<T: super::call::Plain>(
        &self,
        request: &super::call::Request<T>,
        entry: &mut T,
    ) -> io::Result<bool> {
        match call(self.fd.as_fd(), request, entry) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(false),
            // Drivers without such a list at all.
            Err(error) if rustix::io::Errno::from_io_error(&error) == Some(rustix::io::Errno::NOTTY) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Video {
    /// Readable when a buffer is filled.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl FourCc {
    fn code(self) -> u32 {
        u32::from_le_bytes(self.0)
    }
}

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(String::from_utf8_lossy(&self.0).trim_end())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Fract> for Interval {
    fn from(fract: Fract) -> Self {
        Self { numerator: fract.numerator, denominator: fract.denominator }
    }
}

/// Text that ends at the first zero, as the kernel writes names.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// Whether a driver's samples use all values. Where it does not say, JPEG's colours do and others do not
/// (`V4L2_MAP_QUANTIZATION_DEFAULT`).
const fn is_full_range(pix: &Pix) -> bool {
    match pix.quantization {
        _ if pix.private != PIX_MAGIC => false,
        QUANTIZATION_FULL => true,
        QUANTIZATION_DEFAULT => pix.colorspace == COLORSPACE_JPEG,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_camera_says_so_and_is_not_touched() {
        let null = Video::open(Path::new("/dev/null")).unwrap();
        let errno = |error: io::Error| rustix::io::Errno::from_io_error(&error);
        assert_eq!(null.identity().map_err(errno), Err(Some(rustix::io::Errno::NOTTY)));
        assert_eq!(null.format(0).unwrap(), None);
        assert!(Video::open(Path::new("/dev/no-camera")).is_err());
    }

    #[test]
    fn names_end_at_the_first_zero() {
        assert_eq!(text(b"UVC Camera\0\0junk"), "UVC Camera");
        assert_eq!(text(b"full"), "full");
        assert_eq!(FourCc(*b"Y16 ").to_string(), "Y16");
    }
}
