//! A frame becomes the picture that is sent. Pure.
//!
//! Mode "pass" sends the camera's own bytes: they are checked, padding is left off, Huffman tables are put in
//! if the frame has none, and nothing is copied. Mode "fit" decodes, cuts, resizes and codes again.

mod base64;
mod fit;
mod planes;
mod raw;
mod settings;

pub use base64::{append_base64, base64_len};
pub use settings::{Aspect, Mode, Quality, Settings, Width};

use std::ops::Range;
use std::sync::Arc;

use crate::camera::{Frame, PixelFormat};
use crate::jpeg::{self, STANDARD_TABLES};

/// A picture ready to be sent.
#[derive(Clone, Debug)]
pub struct Picture {
    width: u32,
    height: u32,
    mode: Mode,
    file: File,
}

/// The picture's JPEG file.
#[derive(Clone, Debug)]
enum File {
    /// The camera's bytes, and where the standard tables go if it left them out.
    Camera { frame: Arc<Frame>, head: Range<usize>, tables: &'static [u8], tail: Range<usize> },
    /// Coded here.
    Coded(Vec<u8>),
}

impl Picture {
    /// Pixels across.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// Pixels down.
    #[must_use]
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// What was done to the camera's picture.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The JPEG file in parts, to be written one behind the other.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let parts: [&[u8]; 3] = match &self.file {
            File::Camera { frame, head, tables, tail } => {
                let part = |range: &Range<usize>| frame.bytes.get(range.clone()).unwrap_or_default();
                [part(head), tables, part(tail)]
            }
            File::Coded(bytes) => [bytes, &[], &[]],
        };
        parts.into_iter().filter(|part| !part.is_empty())
    }

    /// The length of the JPEG file in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.parts().map(<[u8]>::len).sum()
    }

    /// Whether the file is empty: it never is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Why a frame cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The camera delivered broken bytes.
    #[error(transparent)]
    Damaged(#[from] jpeg::Damage),
    /// The picture says it is larger than the camera's mode.
    #[error(
        "the frame says it is {width}x{height}, more than the camera's mode of {mode_width}x{mode_height}"
    )]
    TooLarge {
        /// Pixels across, by the frame.
        width: u32,
        /// Pixels down, by the frame.
        height: u32,
        /// Pixels across, by the camera's mode.
        mode_width: u32,
        /// Pixels down, by the camera's mode.
        mode_height: u32,
    },
    /// A raw frame whose bytes are not as many as its mode needs.
    #[error("the frame has {found} bytes, its mode needs {needed}")]
    Length {
        /// Bytes used.
        found: usize,
        /// Bytes of a whole frame.
        needed: usize,
    },
    /// The frame is whole, but cannot be decoded.
    #[error("the frame cannot be decoded: {0}")]
    NotDecodable(String),
    /// The picture cannot be coded.
    #[error("the picture cannot be coded: {0}")]
    NotCodable(String),
}

/// The largest picture where no mode was negotiated: 8K UHD, the largest that cameras offer.
const LARGEST: (u32, u32) = (7_680, 4_320);

/// Makes the picture of a frame that the settings ask for.
///
/// A JPEG frame's own header decides its size, up to the size of the camera's mode: a larger one is refused
/// before anything is allocated for it.
pub fn prepare(frame: &Arc<Frame>, settings: &Settings) -> Result<Picture, Unfit> {
    match (frame.format, settings.mode) {
        (PixelFormat::Jpeg, Mode::Pass) => pass(frame),
        (PixelFormat::Jpeg, Mode::Fit) => fit::fit(&fit::decode(&checked(frame)?)?, settings),
        (PixelFormat::Yuyv | PixelFormat::Nv12 | PixelFormat::Grey, Mode::Pass) => raw::pass(frame, settings),
        (PixelFormat::Yuyv | PixelFormat::Nv12 | PixelFormat::Grey, Mode::Fit) => {
            fit::fit(&raw::planes(frame)?, settings)
        }
    }
}

fn checked(frame: &Frame) -> Result<jpeg::Image<'_>, Unfit> {
    let image = jpeg::Image::read(&frame.bytes)?;
    let header = image.header();
    let (width, height) = (u32::from(header.width), u32::from(header.height));
    let within = |negotiated, largest| if negotiated == 0 { largest } else { negotiated };
    let (mode_width, mode_height) = (within(frame.width, LARGEST.0), within(frame.height, LARGEST.1));
    if width > mode_width || height > mode_height {
        return Err(Unfit::TooLarge { width, height, mode_width, mode_height });
    }
    Ok(image)
}

fn pass(frame: &Arc<Frame>) -> Result<Picture, Unfit> {
    let image = checked(frame)?;
    let header = image.header();
    let [head, tables, _] = image.pieces();
    let file = File::Camera {
        frame: Arc::clone(frame),
        head: 0..head.len(),
        tables: if tables.is_empty() { &[] } else { &STANDARD_TABLES },
        tail: head.len()..image.bytes().len(),
    };
    Ok(Picture { width: header.width.into(), height: header.height.into(), mode: Mode::Pass, file })
}
