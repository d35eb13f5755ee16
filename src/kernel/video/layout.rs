//! The structures and request numbers of `linux/videodev2.h`, for machines of 64 and of 32 bits.

use crate::kernel::call::{Plain, Request};

/// `V4L2_BUF_TYPE_VIDEO_CAPTURE`
pub(super) const VIDEO_CAPTURE: u32 = 1;
/// `V4L2_MEMORY_MMAP`
pub(super) const MEMORY_MMAP: u32 = 1;
/// `V4L2_FIELD_NONE`: whole frames, not half ones.
pub(super) const FIELD_NONE: u32 = 1;
/// `V4L2_BUF_FLAG_ERROR`: the driver says that the data are damaged.
pub(super) const FLAG_ERROR: u32 = 0x40;
/// `V4L2_BUF_FLAG_TIMESTAMP_MASK`
pub(super) const STAMP_MASK: u32 = 0xE000;
/// `V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC`
pub(super) const STAMP_MONOTONIC: u32 = 0x2000;
/// `V4L2_BUF_FLAG_TSTAMP_SRC_MASK`
pub(super) const STAMP_SOURCE_MASK: u32 = 0x0007_0000;
/// `V4L2_BUF_FLAG_TSTAMP_SRC_SOE`: the stamp is of the start of the exposure, not of the end of the frame.
pub(super) const STAMP_AT_START: u32 = 0x0001_0000;
/// `V4L2_CAP_VIDEO_CAPTURE_MPLANE`
pub(super) const CAP_SEVERAL_PLANES: u32 = 0x1000;
/// `V4L2_CAP_DEVICE_CAPS`: the capabilities of this very node are given.
pub(super) const CAP_DEVICE_CAPS: u32 = 0x8000_0000;
/// `V4L2_CAP_VIDEO_CAPTURE`
pub(super) const CAP_VIDEO_CAPTURE: u32 = 0x1;
/// `V4L2_CAP_STREAMING`
pub(super) const CAP_STREAMING: u32 = 0x0400_0000;
/// `V4L2_FRMSIZE_TYPE_DISCRETE`, and of intervals
pub(super) const DISCRETE: u32 = 1;
/// `V4L2_FRMSIZE_TYPE_CONTINUOUS`
pub(super) const CONTINUOUS: u32 = 2;
/// `V4L2_PIX_FMT_PRIV_MAGIC`: what stands behind it in the structure means something.
pub(super) const PIX_MAGIC: u32 = 0xFEED_CAFE;
/// `V4L2_COLORSPACE_JPEG`
pub(super) const COLORSPACE_JPEG: u32 = 7;
/// `V4L2_QUANTIZATION_DEFAULT`
pub(super) const QUANTIZATION_DEFAULT: u32 = 0;
/// `V4L2_QUANTIZATION_FULL_RANGE`
pub(super) const QUANTIZATION_FULL: u32 = 1;
/// `V4L2_CTRL_FLAG_NEXT_CTRL`
pub(super) const NEXT_CTRL: u32 = 0x8000_0000;

/// `struct v4l2_capability`
#[repr(C)]
#[derive(Default)]
pub(super) struct Capability {
    pub(super) driver: [u8; 16],
    pub(super) card: [u8; 32],
    pub(super) bus_info: [u8; 32],
    pub(super) version: u32,
    pub(super) capabilities: u32,
    pub(super) device_caps: u32,
    pub(super) reserved: [u32; 3],
}

/// `struct v4l2_fmtdesc`
#[repr(C)]
#[derive(Default)]
pub(super) struct FormatDescription {
    pub(super) index: u32,
    pub(super) kind: u32,
    pub(super) flags: u32,
    pub(super) description: [u8; 32],
    pub(super) pixel_format: u32,
    pub(super) mbus_code: u32,
    pub(super) reserved: [u32; 3],
}

/// `struct v4l2_format` with its `fmt.pix`; the union is 200 bytes and holds pointers in other variants,
/// hence its alignment.
#[repr(C)]
pub(super) struct Format {
    pub(super) kind: u32,
    pub(super) aligned: [usize; 0],
    pub(super) pix: Pix,
    pub(super) rest: [u8; 152],
}

impl Format {
    pub(super) fn of(pix: Pix) -> Self {
        Self { kind: VIDEO_CAPTURE, aligned: [], pix, rest: [0; 152] }
    }
}

/// `struct v4l2_pix_format`
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Pix {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) pixel_format: u32,
    pub(super) field: u32,
    pub(super) bytes_per_line: u32,
    pub(super) size_image: u32,
    pub(super) colorspace: u32,
    pub(super) private: u32,
    pub(super) flags: u32,
    pub(super) encoding: u32,
    pub(super) quantization: u32,
    pub(super) transfer: u32,
}

/// `struct v4l2_requestbuffers`
#[repr(C)]
#[derive(Default)]
pub(super) struct RequestBuffers {
    pub(super) count: u32,
    pub(super) kind: u32,
    pub(super) memory: u32,
    pub(super) capabilities: u32,
    pub(super) flags: u8,
    pub(super) reserved: [u8; 3],
}

/// `struct v4l2_buffer`. Its time is two words of the machine: on 32 bits this is the layout with 32-bit
/// seconds, which every kernel takes and which lasts for 68 years since the start of the machine.
#[repr(C)]
#[derive(Default)]
pub(super) struct Buffer {
    pub(super) index: u32,
    pub(super) kind: u32,
    pub(super) bytes_used: u32,
    pub(super) flags: u32,
    pub(super) field: u32,
    pub(super) seconds: isize,
    pub(super) micros: isize,
    pub(super) timecode: [u32; 4],
    pub(super) sequence: u32,
    pub(super) memory: u32,
    pub(super) aligned: [usize; 0],
    pub(super) offset: u32,
    pub(super) union_rest: [u8; size_of::<usize>() - 4],
    pub(super) length: u32,
    pub(super) reserved: u32,
    pub(super) request: u32,
}

/// `struct v4l2_fract`
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Fract {
    pub(super) numerator: u32,
    pub(super) denominator: u32,
}

/// `struct v4l2_streamparm` with its `parm.capture`
#[repr(C)]
pub(super) struct StreamParameters {
    pub(super) kind: u32,
    pub(super) capability: u32,
    pub(super) capture_mode: u32,
    pub(super) interval: Fract,
    pub(super) rest: [u32; 46],
}

impl StreamParameters {
    pub(super) fn with(interval: Fract) -> Self {
        Self { kind: VIDEO_CAPTURE, capability: 0, capture_mode: 0, interval, rest: [0; 46] }
    }
}

/// `struct v4l2_frmsizeenum`: width and height, or minimum, maximum and step of each.
#[repr(C)]
#[derive(Default)]
pub(super) struct FrameSizes {
    pub(super) index: u32,
    pub(super) pixel_format: u32,
    pub(super) kind: u32,
    pub(super) sizes: [u32; 6],
    pub(super) reserved: [u32; 2],
}

/// `struct v4l2_frmivalenum`: one interval, or the shortest, the longest and the step.
#[repr(C)]
#[derive(Default)]
pub(super) struct FrameIntervals {
    pub(super) index: u32,
    pub(super) pixel_format: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) kind: u32,
    pub(super) intervals: [Fract; 3],
    pub(super) reserved: [u32; 2],
}

/// `struct v4l2_queryctrl`
#[repr(C)]
#[derive(Default)]
pub(super) struct ControlQuery {
    pub(super) id: u32,
    pub(super) kind: u32,
    pub(super) name: [u8; 32],
    pub(super) minimum: i32,
    pub(super) maximum: i32,
    pub(super) step: i32,
    pub(super) default: i32,
    pub(super) flags: u32,
    pub(super) reserved: [u32; 2],
}

/// `struct v4l2_querymenu`, which is packed; all its members but a 64-bit variant of the name are words.
#[repr(C)]
#[derive(Default)]
pub(super) struct MenuQuery {
    pub(super) id: u32,
    pub(super) index: u32,
    pub(super) name: [u8; 32],
    pub(super) reserved: u32,
}

/// `struct v4l2_control`
#[repr(C)]
#[derive(Default)]
pub(super) struct ControlValue {
    pub(super) id: u32,
    pub(super) value: i32,
}

// SAFETY: all of them are `repr(C)` and made of integers. `Format` and `Buffer` have variants with addresses
// (overlays, user pointers), which the kernel reads only for types and memories that are never set here.
unsafe impl Plain for Capability {}
// SAFETY: as above.
unsafe impl Plain for FormatDescription {}
// SAFETY: as above.
unsafe impl Plain for Format {}
// SAFETY: as above.
unsafe impl Plain for RequestBuffers {}
// SAFETY: as above.
unsafe impl Plain for Buffer {}
// SAFETY: as above.
unsafe impl Plain for StreamParameters {}
// SAFETY: as above.
unsafe impl Plain for FrameSizes {}
// SAFETY: as above.
unsafe impl Plain for FrameIntervals {}
// SAFETY: as above.
unsafe impl Plain for ControlQuery {}
// SAFETY: as above.
unsafe impl Plain for MenuQuery {}
// SAFETY: as above.
unsafe impl Plain for ControlValue {}
// SAFETY: an integer.
unsafe impl Plain for u32 {}

pub(super) const QUERYCAP: Request<Capability> = Request::read(b'V', 0);
pub(super) const ENUM_FMT: Request<FormatDescription> = Request::update(b'V', 2);
pub(super) const S_FMT: Request<Format> = Request::update(b'V', 5);
pub(super) const REQBUFS: Request<RequestBuffers> = Request::update(b'V', 8);
pub(super) const QUERYBUF: Request<Buffer> = Request::update(b'V', 9);
pub(super) const QBUF: Request<Buffer> = Request::update(b'V', 15);
pub(super) const DQBUF: Request<Buffer> = Request::update(b'V', 17);
pub(super) const STREAMON: Request<u32> = Request::write(b'V', 18);
pub(super) const STREAMOFF: Request<u32> = Request::write(b'V', 19);
pub(super) const S_PARM: Request<StreamParameters> = Request::update(b'V', 22);
pub(super) const G_CTRL: Request<ControlValue> = Request::update(b'V', 27);
pub(super) const S_CTRL: Request<ControlValue> = Request::update(b'V', 28);
pub(super) const QUERYCTRL: Request<ControlQuery> = Request::update(b'V', 36);
pub(super) const QUERYMENU: Request<MenuQuery> = Request::update(b'V', 37);
pub(super) const ENUM_FRAMESIZES: Request<FrameSizes> = Request::update(b'V', 74);
pub(super) const ENUM_FRAMEINTERVALS: Request<FrameIntervals> = Request::update(b'V', 75);

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    /// The value on a machine of 64 bits or of 32.
    const fn by_width<T: Copy>(wide: T, narrow: T) -> T {
        if cfg!(target_pointer_width = "64") { wide } else { narrow }
    }

    // The numbers were printed by a C program that includes the kernel's own header, built for x86-64,
    // aarch64 and armv7.
    #[test]
    fn structures_have_the_kernels_sizes() {
        assert_eq!(size_of::<Capability>(), 104);
        assert_eq!(size_of::<FormatDescription>(), 64);
        assert_eq!(size_of::<Format>(), by_width(208, 204));
        assert_eq!(size_of::<Pix>(), 48);
        assert_eq!(size_of::<RequestBuffers>(), 20);
        assert_eq!(size_of::<Buffer>(), by_width(88, 68));
        assert_eq!(size_of::<StreamParameters>(), 204);
        assert_eq!(size_of::<FrameSizes>(), 44);
        assert_eq!(size_of::<FrameIntervals>(), 52);
        assert_eq!(size_of::<ControlQuery>(), 68);
        assert_eq!(size_of::<MenuQuery>(), 44);
        assert_eq!(size_of::<ControlValue>(), 8);
    }

    #[test]
    fn members_stand_where_the_kernel_puts_them() {
        assert_eq!(offset_of!(Format, pix), by_width(8, 4));
        assert_eq!(offset_of!(Buffer, seconds), by_width(24, 20));
        assert_eq!(offset_of!(Buffer, sequence), by_width(56, 44));
        assert_eq!(offset_of!(Buffer, offset), by_width(64, 52));
        assert_eq!(offset_of!(Buffer, length), by_width(72, 56));
        assert_eq!(offset_of!(StreamParameters, interval), 12);
        assert_eq!(offset_of!(FrameIntervals, intervals), 20);
        assert_eq!(offset_of!(ControlQuery, flags), 56);
    }

    #[test]
    fn requests_have_the_kernels_numbers() {
        assert_eq!(QUERYCAP.number(), 0x8068_5600);
        assert_eq!(ENUM_FMT.number(), 0xC040_5602);
        assert_eq!(S_FMT.number(), by_width(0xC0D0_5605, 0xC0CC_5605));
        assert_eq!(REQBUFS.number(), 0xC014_5608);
        assert_eq!(QUERYBUF.number(), by_width(0xC058_5609, 0xC044_5609));
        assert_eq!(QBUF.number(), by_width(0xC058_560F, 0xC044_560F));
        assert_eq!(DQBUF.number(), by_width(0xC058_5611, 0xC044_5611));
        assert_eq!(STREAMON.number(), 0x4004_5612);
        assert_eq!(STREAMOFF.number(), 0x4004_5613);
        assert_eq!(S_PARM.number(), 0xC0CC_5616);
        assert_eq!(G_CTRL.number(), 0xC008_561B);
        assert_eq!(S_CTRL.number(), 0xC008_561C);
        assert_eq!(QUERYCTRL.number(), 0xC044_5624);
        assert_eq!(QUERYMENU.number(), 0xC02C_5625);
        assert_eq!(ENUM_FRAMESIZES.number(), 0xC02C_564A);
        assert_eq!(ENUM_FRAMEINTERVALS.number(), 0xC034_564B);
    }
}
