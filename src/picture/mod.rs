//! A frame becomes the picture that is sent. Pure.
//!
//! Mode "pass" sends the camera's own bytes: they are checked, padding is left off, Huffman tables are put in
//! if the frame has none, and nothing is copied. Mode "crop" cuts whole coding units out of the file, so that no
//! pixel changes. Mode "fit" decodes, cuts, resizes and codes again. Masks are grey in every mode.

mod area;
mod base64;
mod fit;
mod planes;
mod raw;
mod settings;

pub use area::{Area, Masks, Size};
pub use base64::{append_base64, base64_len};
pub use settings::{Aspect, Mode, Quality, RawRange, SMALLER_STEPS, Settings, Width};

use std::ops::Range;
use std::sync::Arc;

use crate::camera::{Frame, PixelFormat, Seen};
use crate::jpeg::{self, Closed, Damage, Image, Rect, STANDARD_TABLES, Unusual};

/// A picture ready to be sent.
#[derive(Clone)]
pub struct Picture {
    width: u32,
    height: u32,
    mode: Mode,
    remark: Option<Remark>,
    file: File,
}

/// Why a picture was made in another way than the settings ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// It cannot be cut without loss, and goes as it is.
    Uncut(Unusual),
    /// It cannot be cut and masked without loss, so it was decoded and coded again.
    Recoded(Unusual),
    /// It cannot be looked into for damage, and goes as it is.
    Unverified(Unusual),
}

impl std::fmt::Display for Remark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uncut(why) => {
                write!(f, "sent as it is, because the frame cannot be cut without loss: {why}")
            }
            Self::Recoded(why) => {
                write!(f, "coded again, because the frame cannot be masked without loss: {why}")
            }
            Self::Unverified(why) => write!(f, "sent unverified, because of the frame's kind: {why}"),
        }
    }
}

/// The picture's JPEG file.
#[derive(Clone)]
enum File {
    /// The camera's bytes, and where the standard tables go if it left them out.
    Camera { frame: Arc<Frame>, head: Range<usize>, tables: &'static [u8], tail: Range<usize> },
    /// Coded here.
    Coded(Vec<u8>),
}

/// Without its bytes: pictures are in no log.
impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { width, height, mode, remark, .. } = self;
        write!(f, "Picture({width}x{height}, {}, {remark:?}, {} bytes)", mode.name(), self.len())
    }
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

    /// Why that is not what the settings ask for; nothing if it is.
    #[must_use]
    pub const fn remark(&self) -> Option<Remark> {
        self.remark
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
    Damaged(#[from] Damage),
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
    /// The settings speak of a place where the camera's picture has none.
    #[error("the {what} [{}, {}, {}, {}] is not inside the camera's picture of {width}x{height}",
        area.left, area.top, area.width, area.height)]
    Outside {
        /// "region" or "mask".
        what: &'static str,
        /// Where that is.
        area: Rect,
        /// Pixels across the camera's picture.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// The settings speak of places in a picture of another size.
    #[error(
        "picture.region and picture.masks were drawn on a picture of {}x{}, and the camera's has {width}x{height}: \
         draw them again and correct picture.drawn_on, or set camera.width and camera.height back",
        drawn_on.0, drawn_on.1
    )]
    DrawnOnAnother {
        /// The size that they were drawn on: pixels across and down.
        drawn_on: (u32, u32),
        /// Pixels across the camera's picture.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// Nothing would be left to see.
    #[error("the masks cover the whole picture that would be sent, [{}, {}, {}, {}]",
        area.left, area.top, area.width, area.height)]
    AllMasked {
        /// What would be sent.
        area: Rect,
    },
    /// The frame is whole, but cannot be decoded.
    #[error("the frame cannot be decoded: {0}")]
    NotDecodable(String),
    /// The picture cannot be resized.
    #[error("the picture cannot be resized: {0}")]
    NotResizable(String),
    /// The picture cannot be coded.
    #[error(transparent)]
    NotCodable(#[from] jpeg::Uncodable),
}

impl Unfit {
    /// Whether the settings do not fit the camera's picture, so that no other frame will do either.
    #[must_use]
    pub const fn is_by_settings(&self) -> bool {
        match self {
            Self::Outside { .. } | Self::DrawnOnAnother { .. } | Self::AllMasked { .. } => true,
            Self::Damaged(_)
            | Self::TooLarge { .. }
            | Self::Length { .. }
            | Self::NotDecodable(_)
            | Self::NotResizable(_)
            | Self::NotCodable(_) => false,
        }
    }
}

/// Makes the picture of a frame that the settings ask for.
///
/// A JPEG frame's own header decides its size, up to the size of the camera's mode: a larger one is refused
/// before anything is allocated for it.
pub fn prepare(frame: &Arc<Frame>, settings: &Settings) -> Result<Picture, Unfit> {
    match (frame.format, settings.mode) {
        (PixelFormat::Jpeg, Mode::Pass) if settings.masks.is_empty() => pass(frame, settings),
        (PixelFormat::Jpeg, Mode::Pass | Mode::Crop) => cut(frame, settings),
        (PixelFormat::Jpeg, Mode::Fit) => fit::jpeg(&checked(frame)?, settings),
        (PixelFormat::Yuyv | PixelFormat::Nv12 | PixelFormat::Grey, Mode::Pass | Mode::Crop) => {
            raw::cut(frame, settings)
        }
        (PixelFormat::Yuyv | PixelFormat::Nv12 | PixelFormat::Grey, Mode::Fit) => raw::fit(frame, settings),
    }
}

/// What the picture of a frame will show, and what of that is masked.
///
/// # Errors
/// As far as the markers tell it, why no picture can be made of it.
pub fn seen(frame: &Frame, settings: &Settings) -> Result<Seen, Unfit> {
    let (width, height) = size_of(frame)?;
    Ok(Seen { area: settings.area(width, height)?, masks: settings.masks.rects().collect() })
}

/// Pixels across and down of a frame: what its own header says, or the mode of a raw one.
///
/// # Errors
/// As far as the markers tell it, why no picture can be made of it.
pub fn size_of(frame: &Frame) -> Result<(u32, u32), Unfit> {
    match frame.format {
        PixelFormat::Jpeg => Ok(size(&checked(frame)?)),
        PixelFormat::Yuyv | PixelFormat::Nv12 | PixelFormat::Grey => Ok((frame.width, frame.height)),
    }
}

fn checked(frame: &Frame) -> Result<Image<'_>, Unfit> {
    let image = Image::read(&frame.bytes)?;
    let (width, height) = size(&image);
    let (mode_width, mode_height) = frame.largest();
    if width > mode_width || height > mode_height {
        return Err(Unfit::TooLarge { width, height, mode_width, mode_height });
    }
    Ok(image)
}

fn size(image: &Image<'_>) -> (u32, u32) {
    (image.header().width.into(), image.header().height.into())
}

/// The camera's own bytes.
fn pass(frame: &Arc<Frame>, settings: &Settings) -> Result<Picture, Unfit> {
    let image = checked(frame)?;
    let remark = match settings.verify.then(|| jpeg::verify(&image)) {
        None | Some(Ok(())) => None,
        Some(Err(Closed::Damaged(damage))) => return Err(damage.into()),
        Some(Err(Closed::Unusual(why))) => Some(Remark::Unverified(why)),
    };
    Ok(untouched(frame, &image, remark))
}

fn untouched(frame: &Arc<Frame>, image: &Image<'_>, remark: Option<Remark>) -> Picture {
    let [head, tables, _] = image.pieces();
    let file = File::Camera {
        frame: Arc::clone(frame),
        head: 0..head.len(),
        tables: if tables.is_empty() { &[] } else { &STANDARD_TABLES },
        tail: head.len()..image.bytes().len(),
    };
    let (width, height) = size(image);
    Picture { width, height, mode: Mode::Pass, remark, file }
}

/// A part of the camera's picture, or a masked one, without loss.
fn cut(frame: &Arc<Frame>, settings: &Settings) -> Result<Picture, Unfit> {
    let image = checked(frame)?;
    let (width, height) = size(&image);
    let area = settings.area(width, height)?;
    let masks: Vec<Rect> = settings.masks.rects().collect();
    match jpeg::crop(&image, area, &masks) {
        Ok(cropped) => {
            let (Rect { width, height, .. }, file) = (cropped.area, File::Coded(cropped.file));
            Ok(Picture { width, height, mode: Mode::Crop, remark: None, file })
        }
        Err(Closed::Damaged(damage)) => Err(damage.into()),
        Err(Closed::Unusual(why)) if masks.is_empty() => {
            Ok(untouched(frame, &image, Some(Remark::Uncut(why))))
        }
        Err(Closed::Unusual(why)) => fit::recoded(&image, area, settings, Remark::Recoded(why)),
    }
}
