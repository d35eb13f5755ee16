//! What the settings say about pictures. Each value's type holds its rule.

use serde::Deserialize;

use crate::jpeg::Rect;

/// The table `[picture]` of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// What is done to the camera's picture.
    pub mode: Mode,
    /// The shape that "crop" and "fit" cut out of the middle.
    pub aspect: Aspect,
    /// Pixels across for "fit".
    pub width: Width,
    /// How well pictures are coded that must be coded again: those of "fit", and raw camera formats.
    pub quality: Quality,
}

impl Settings {
    /// The settings of a file that says nothing about pictures.
    pub const DEFAULT: Self = Self {
        mode: Mode::Pass,
        aspect: Aspect { across: 5, down: 3 },
        width: Width(600),
        quality: Quality(90),
    };
}

impl Default for Settings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What is done to the camera's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Mode {
    /// The camera's own JPEG bytes.
    Pass,
    /// Cropped and resized: decoded and coded again.
    Fit,
}

impl Mode {
    /// The mode's name, as in the settings and the outcome.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fit => "fit",
        }
    }
}

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "pass" => Ok(Self::Pass),
            "fit" => Ok(Self::Fit),
            "crop" => Err("\"crop\" comes with a later version: use \"pass\" or \"fit\"".to_owned()),
            _ => Err(format!("{text:?} is not a mode: expected \"pass\" or \"fit\"")),
        }
    }
}

/// The shape of a picture, width to height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Aspect {
    across: u32,
    down: u32,
}

/// No shape needs finer numbers than a cinema's 239:100.
const FINEST_ASPECT: u32 = 1000;

impl Aspect {
    /// The largest rectangle of this shape in the middle of another, never empty if that is not.
    #[must_use]
    pub fn within(self, area: Rect) -> Rect {
        let (width, height) = (u64::from(area.width), u64::from(area.height));
        let (across, down) = (u64::from(self.across), u64::from(self.down));
        let (width, height) = if width * down >= height * across {
            (nearest(height * across, down).clamp(1, width), height)
        } else {
            (width, nearest(width * down, across).clamp(1, height))
        };
        let narrow = |length| u32::try_from(length).unwrap_or(u32::MAX);
        let (width, height) = (narrow(width).min(area.width), narrow(height).min(area.height));
        Rect {
            left: area.left + (area.width - width) / 2,
            top: area.top + (area.height - height) / 2,
            width,
            height,
        }
    }
}

/// The whole number nearest to a fraction.
fn nearest(numerator: u64, denominator: u64) -> u64 {
    (numerator + denominator / 2) / denominator.max(1)
}

impl TryFrom<String> for Aspect {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = |part: &str| part.parse().ok().filter(|number| (1..=FINEST_ASPECT).contains(number));
        text.split_once(':')
            .and_then(|(across, down)| Some(Self { across: number(across)?, down: number(down)? }))
            .ok_or_else(|| {
                format!("{text:?} is not a shape: expected width:height such as \"5:3\", each from 1 to {FINEST_ASPECT}")
            })
    }
}

/// Pixels across, from 16 (one coding unit) to 4096.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Width(u16);

impl Width {
    /// The number of pixels.
    #[must_use]
    pub const fn pixels(self) -> u16 {
        self.0
    }
}

impl TryFrom<i64> for Width {
    type Error = String;

    fn try_from(pixels: i64) -> Result<Self, String> {
        let fits = u16::try_from(pixels).ok().filter(|pixels| (16..=4096).contains(pixels));
        fits.map(Self).ok_or_else(|| format!("{pixels} is not a width: expected 16 to 4096 pixels"))
    }
}

/// JPEG quality in the customary scale of the IJG library, 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "i64")]
pub struct Quality(u8);

impl Quality {
    /// The number.
    #[must_use]
    pub const fn percent(self) -> u8 {
        self.0
    }
}

impl TryFrom<i64> for Quality {
    type Error = String;

    fn try_from(percent: i64) -> Result<Self, String> {
        let fits = u8::try_from(percent).ok().filter(|percent| (1..=100).contains(percent));
        fits.map(Self).ok_or_else(|| format!("{percent} is not a quality: expected 1 to 100"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        assert_eq!(read("").unwrap(), Settings::DEFAULT);
        let read = read("mode = \"fit\"\naspect = \"4:3\"\nwidth = 640\nquality = 80").unwrap();
        let aspect = Aspect { across: 4, down: 3 };
        assert_eq!(read, Settings { mode: Mode::Fit, aspect, width: Width(640), quality: Quality(80) });
    }

    #[test]
    fn a_wrong_value_is_told_with_what_is_allowed() {
        for (text, message) in [
            ("quality = 0", "0 is not a quality: expected 1 to 100"),
            ("quality = 101", "101 is not a quality: expected 1 to 100"),
            ("width = 15", "15 is not a width: expected 16 to 4096 pixels"),
            ("width = 4097", "4097 is not a width: expected 16 to 4096 pixels"),
            ("mode = \"stretch\"", "\"stretch\" is not a mode: expected \"pass\" or \"fit\""),
            ("mode = \"crop\"", "\"crop\" comes with a later version: use \"pass\" or \"fit\""),
        ] {
            assert_eq!(read(text).unwrap_err(), message);
        }
        for text in ["quality = 1", "quality = 100", "width = 16", "width = 4096", "aspect = \"1000:1\""] {
            read(text).unwrap();
        }
        for aspect in ["5/3", "0:3", "5:0", "5:3:1", "1001:1", "-5:3", ":", "5: 3"] {
            let error = read(&format!("aspect = {aspect:?}")).unwrap_err();
            assert!(error.contains("is not a shape: expected width:height such as \"5:3\""), "{error}");
        }
        assert!(read("qualty = 3").unwrap_err().contains("unknown field"));
    }

    #[test]
    fn the_aspect_is_cut_out_of_the_middle() {
        let cut = |width, height| Settings::DEFAULT.aspect.within(Rect::whole(width, height));
        assert_eq!(cut(640, 360), Rect { left: 20, top: 0, width: 600, height: 360 });
        assert_eq!(cut(1280, 720), Rect { left: 40, top: 0, width: 1200, height: 720 });
        assert_eq!(cut(640, 480), Rect { left: 0, top: 48, width: 640, height: 384 });
        assert_eq!(cut(600, 360), Rect::whole(600, 360));
        assert_eq!(cut(1, 1000), Rect { left: 0, top: 499, width: 1, height: 1 });
        assert_eq!(cut(1000, 1), Rect { left: 499, top: 0, width: 2, height: 1 });
    }
}
