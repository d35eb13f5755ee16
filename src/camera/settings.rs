//! The `[camera]` table of the settings.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Choice, Controls, NoRule, Policy, Rule};
use crate::bounded::Bounded;

/// Where the frames come from and what they should be like.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Settings {
    /// The camera itself.
    pub source: Source,
    /// Pixels across that are wanted; the nearest mode of the camera is taken.
    pub width: Width,
    /// Pixels down that are wanted.
    pub height: Height,
    /// Frames a second that are wanted.
    pub fps: FrameRate,
    /// From the exposure to the stamp: a frame counts as taken this much before its stamp.
    pub latency: Duration,
    /// After the stream's start, while exposure settles: frames of this time are never chosen.
    pub warm_up: Duration,
    /// How long a weighing waits for its frame.
    pub frame_wait: Duration,
    /// Which frame a weighing gets.
    pub choice: Choice,
    /// What the camera's controls are set to, at every opening.
    pub controls: Controls,
}

/// A camera of one kind, with what that kind needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A camera of the kernel's video interface.
    V4l2 {
        /// How it is found: by a stable name such as `/dev/v4l/by-id/…`, or by `VENDOR:PRODUCT[:SERIAL]`.
        device: Rule,
    },
    /// The JPEG files of a folder, served as a live camera.
    Folder {
        /// The folder.
        folder: PathBuf,
    },
    /// A drawn plate with the frame's number.
    Synthetic,
}

impl Source {
    /// Whether the frames are drawn and show no goods. (A folder's pictures may be a real camera's, put
    /// there by another program.)
    #[must_use]
    pub const fn is_simulated(&self) -> bool {
        match self {
            Self::V4l2 { .. } | Self::Folder { .. } => false,
            Self::Synthetic => true,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4l2 { device } => write!(f, "camera {device}"),
            Self::Folder { folder } => write!(f, "camera folder {}", folder.display()),
            Self::Synthetic => write!(f, "synthetic camera (simulation)"),
        }
    }
}

/// 160 pixels across is the smallest mode that cameras offer (QQVGA), 7680 the largest (8K UHD).
pub type Width = Bounded<160, 7_680>;
/// 120 pixels down is the smallest mode that cameras offer (QQVGA), 4320 the largest (8K UHD).
pub type Height = Bounded<120, 4_320>;
/// The fastest UVC cameras give 240 frames a second.
pub type FrameRate = Bounded<1, 240>;
/// A second of camera latency is far beyond any camera that is of use on a scale.
type LatencyMillis = Bounded<0, 1_000>;
/// Exposure settles within a second or two; a minute is surely a slip of the pen.
type WarmUpMillis = Bounded<0, 60_000>;
/// A shopper who waited ten seconds for a picture has left.
type WaitMillis = Bounded<1, 10_000>;
/// Later frames keep the shopper waiting.
type WindowMillis = Bounded<1, 1_000>;
type StillMillis = Bounded<0, 2_000>;
type StillLimitMillis = Bounded<1, 5_000>;
/// Blocks of a thousand.
type Changed = Bounded<1, 999>;

/// 640 × 360 holds the 600 × 360 that the service prefers.
const WIDTH: Width = Width::new(640);
const HEIGHT: Height = Height::new(360);
const FPS: FrameRate = FrameRate::new(30);
const LATENCY: LatencyMillis = LatencyMillis::new(0);
/// Automatic exposure and white balance of common UVC cameras need half a second to a second.
const WARM_UP_V4L2: WarmUpMillis = WarmUpMillis::new(1_000);
const WARM_UP_OTHERS: WarmUpMillis = WarmUpMillis::new(0);
const WAIT: WaitMillis = WaitMillis::new(1_000);

/// The ring keeps six frames, 200 ms at 30 frames a second.
const WINDOW: WindowMillis = WindowMillis::new(200);
/// Zero: the scene is not looked at, and no frame is decoded.
const STILL: StillMillis = StillMillis::new(0);
/// Hands are gone half a second after the scale has settled, or they stay.
const STILL_LIMIT: StillLimitMillis = StillLimitMillis::new(500);
/// One in a hundred blocks: a finger tip at the edge of a picture of the whole plate.
const CHANGED: Changed = Changed::new(10);

const CHOICE: Choice = Choice {
    policy: Policy::First,
    window: WINDOW.as_millis(),
    still: STILL.as_millis(),
    still_limit: STILL_LIMIT.as_millis(),
    most_changed: CHANGED.get(),
};

/// The names of the kinds of camera.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    V4l2,
    Folder,
    Synthetic,
}

/// The table as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    kind: Kind,
    device: Option<String>,
    folder: Option<PathBuf>,
    #[serde(default = "width")]
    width: Width,
    #[serde(default = "height")]
    height: Height,
    #[serde(default = "fps")]
    fps: FrameRate,
    #[serde(default = "latency")]
    latency_ms: LatencyMillis,
    warm_up_ms: Option<WarmUpMillis>,
    #[serde(default = "wait")]
    frame_wait_ms: WaitMillis,
    #[serde(default)]
    choice: Policy,
    #[serde(default = "window")]
    choice_window_ms: WindowMillis,
    #[serde(default = "still")]
    still_ms: StillMillis,
    #[serde(default = "still_limit")]
    still_limit_ms: StillLimitMillis,
    #[serde(default = "changed")]
    still_change_permille: Changed,
    #[serde(default)]
    controls: Controls,
}

impl Table {
    fn choice(&self) -> Choice {
        Choice {
            policy: self.choice,
            window: self.choice_window_ms.as_millis(),
            still: self.still_ms.as_millis(),
            still_limit: self.still_limit_ms.as_millis(),
            most_changed: self.still_change_permille.get(),
        }
    }
}

const fn window() -> WindowMillis {
    WINDOW
}

const fn still() -> StillMillis {
    STILL
}

const fn still_limit() -> StillLimitMillis {
    STILL_LIMIT
}

const fn changed() -> Changed {
    CHANGED
}

const fn width() -> Width {
    WIDTH
}

const fn height() -> Height {
    HEIGHT
}

const fn fps() -> FrameRate {
    FPS
}

const fn latency() -> LatencyMillis {
    LATENCY
}

const fn wait() -> WaitMillis {
    WAIT
}

/// What a kind of camera needs and the table does not say, or says wrongly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum Wrong {
    #[error(
        "camera.device is missing: kind = \"v4l2\" needs the camera's name, for example \
         \"/dev/v4l/by-id/usb-…-video-index0\" (`scalecam devices` lists them)"
    )]
    Device,
    #[error("camera.folder is missing: kind = \"folder\" needs the folder whose *.jpg files are served")]
    Folder,
    #[error(transparent)]
    Rule(#[from] NoRule),
}

impl TryFrom<Table> for Settings {
    type Error = Wrong;

    fn try_from(table: Table) -> Result<Self, Wrong> {
        let choice = table.choice();
        let (source, warm_up) = match table.kind {
            Kind::V4l2 => {
                let device = table.device.filter(|rule| !rule.is_empty()).ok_or(Wrong::Device)?;
                (Source::V4l2 { device: device.parse()? }, WARM_UP_V4L2)
            }
            Kind::Folder => {
                let folder = table.folder.filter(|path| !path.as_os_str().is_empty()).ok_or(Wrong::Folder)?;
                (Source::Folder { folder }, WARM_UP_OTHERS)
            }
            Kind::Synthetic => (Source::Synthetic, WARM_UP_OTHERS),
        };
        Ok(Self {
            source,
            choice,
            width: table.width,
            height: table.height,
            fps: table.fps,
            latency: table.latency_ms.as_millis(),
            warm_up: table.warm_up_ms.unwrap_or(warm_up).as_millis(),
            frame_wait: table.frame_wait_ms.as_millis(),
            controls: table.controls,
        })
    }
}

impl Settings {
    /// The settings of a camera with everything else at its default.
    #[must_use]
    pub fn of(source: Source) -> Self {
        let warm_up = match source {
            Source::V4l2 { .. } => WARM_UP_V4L2,
            Source::Folder { .. } | Source::Synthetic => WARM_UP_OTHERS,
        };
        Self {
            source,
            width: WIDTH,
            height: HEIGHT,
            fps: FPS,
            latency: LATENCY.as_millis(),
            warm_up: warm_up.as_millis(),
            frame_wait: WAIT.as_millis(),
            choice: CHOICE,
            controls: Controls::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn each_kind_needs_its_own_key_and_the_rest_has_defaults() {
        let folder = read("kind = 'folder'\nfolder = '/srv/frames'").unwrap();
        assert_eq!(folder, Settings::of(Source::Folder { folder: "/srv/frames".into() }));
        assert_eq!((folder.width.get(), folder.height.get(), folder.fps.get()), (640, 360, 30));
        assert_eq!((folder.warm_up, folder.latency), (Duration::ZERO, Duration::ZERO));
        let v4l2 = read("kind = 'v4l2'\ndevice = '/dev/video0'").unwrap();
        assert_eq!((v4l2.warm_up, v4l2.frame_wait), (Duration::from_secs(1), Duration::from_secs(1)));
        assert_eq!(read("kind = 'synthetic'\nwarm_up_ms = 40").unwrap().warm_up, Duration::from_millis(40));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let message = |text: &str| read(text).unwrap_err();
        assert!(message("kind = 'folder'").starts_with("camera.folder is missing: kind = \"folder\" needs"));
        assert!(message("kind = 'folder'\nfolder = ''").starts_with("camera.folder is missing"));
        assert!(message("kind = 'v4l2'").starts_with("camera.device is missing: kind = \"v4l2\" needs"));
        assert!(
            message("kind = 'v4l2'\ndevice = 'video0'").starts_with("camera.device = \"video0\" is neither")
        );
        assert!(message("kind = 'synthetic'\nfsp = 3").starts_with("unknown field `fsp`, expected one of"));
        assert_eq!(
            message("kind = 'webcam'"),
            "unknown variant `webcam`, expected one of `v4l2`, `folder`, `synthetic`"
        );
    }

    #[test]
    fn limits_hold_on_both_sides_and_are_told() {
        let fps = |number: i64| read(&format!("kind = 'synthetic'\nfps = {number}"));
        assert_eq!(fps(1).unwrap().fps.get(), 1);
        assert_eq!(fps(240).unwrap().fps.get(), 240);
        for number in [0, 241] {
            let message = format!("invalid value: integer `{number}`, expected a whole number from 1 to 240");
            assert_eq!(fps(number).unwrap_err(), message);
        }
        assert!(fps(-1).unwrap_err().starts_with("invalid value: integer `-1`"));
        assert!(
            read("kind = 'synthetic'\nfps = 'fast'").unwrap_err().contains("a whole number from 1 to 240")
        );
    }
}
