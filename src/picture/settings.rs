//! What the settings say about pictures. Each value's type holds its rule.

use serde::Deserialize;

use super::{Area, Masks, Size, Unfit};
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
    /// The part of the camera's picture that counts: "crop" and "fit" cut the aspect out of its middle. All of it
    /// if nothing is said.
    pub region: Option<Area>,
    /// What nobody may see: greyed out before anything is stored or sent, in every mode.
    pub masks: Masks,
    /// The size of the camera's picture that region and masks were drawn on: in one of another size they would lie
    /// elsewhere, so none is sent. Not looked at if nothing is said, or if there is neither region nor mask.
    pub drawn_on: Option<Size>,
    /// Whether "pass" looks for damage inside the picture as well, as "crop" and "fit" do anyhow.
    pub verify: bool,
    /// What the samples of YUYV and NV12 cameras mean.
    pub raw_range: RawRange,
}

/// What is left of a picture that was too large, step by step: pixels across and quality.
const SMALLER: [(Width, Quality); 4] = [
    (Width(4096), Quality(100)),
    (Width(600), Quality(80)),
    (Width(480), Quality(70)),
    (Width(400), Quality(60)),
];
/// How many steps there are from the camera's own picture.
pub const SMALLER_STEPS: u8 = 4;

impl Settings {
    /// The settings of a file that says nothing about pictures.
    pub const DEFAULT: Self = Self {
        mode: Mode::Crop,
        aspect: Aspect { across: 5, down: 3 },
        width: Width(600),
        quality: Quality(90),
        region: None,
        masks: Masks::NONE,
        drawn_on: None,
        verify: false,
        raw_range: RawRange::Driver,
    };

    /// The same, `steps` smaller, for a service that takes no such pictures: "fit" first, then fewer pixels and a
    /// coarser code. The last step is 400 pixels across, the least that the service takes; there is none below.
    #[must_use]
    pub fn smaller(&self, steps: u8) -> Self {
        if steps == 0 {
            return self.clone();
        }
        // what is fitted already has taken the first step
        let taken = usize::from(steps) - usize::from(self.mode != Mode::Fit);
        let (width, quality) =
            SMALLER.get(taken).or(SMALLER.last()).copied().unwrap_or((Width(400), Quality(60)));
        Self {
            mode: Mode::Fit,
            width: Width(self.width.0.min(width.0)),
            quality: Quality(self.quality.0.min(quality.0)),
            ..self.clone()
        }
    }

    /// Whether a JPEG frame only has its markers looked at, which takes some microseconds.
    #[must_use]
    pub fn is_light(&self) -> bool {
        self.mode == Mode::Pass && self.masks.is_empty() && !self.verify
    }

    /// The part of a camera's picture of that size which is shown. Refused if the region or a mask is not
    /// inside the picture or was drawn on one of another size, or if the masks leave nothing to see.
    ///
    /// A mask is refused rather than cut off, because one that reaches over the edge was made for another
    /// camera mode, and then it no longer covers what it should.
    pub fn area(&self, width: u32, height: u32) -> Result<Rect, Unfit> {
        let speaks_of_places = self.region.is_some() || !self.masks.is_empty();
        if let Some(drawn_on) = self.drawn_on.map(Size::pixels)
            && speaks_of_places
            && drawn_on != (width, height)
        {
            return Err(Unfit::DrawnOnAnother { drawn_on, width, height });
        }
        let picture = Rect::whole(width, height);
        let inside = |what, area: Rect| {
            let outside = Unfit::Outside { what, area, width, height };
            if picture.contains(area) { Ok(area) } else { Err(outside) }
        };
        let region = self.region.map_or(Ok(picture), |region| inside("region", region.rect()))?;
        for mask in self.masks.rects() {
            inside("mask", mask)?;
        }
        let area = match self.mode {
            Mode::Pass => picture,
            Mode::Crop | Mode::Fit => self.aspect.within(region),
        };
        if self.masks.cover(area) { Err(Unfit::AllMasked { area }) } else { Ok(area) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What is done to the camera's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The camera's own JPEG bytes.
    Pass,
    /// Cut to the aspect without loss: nothing is decoded to pixels.
    Crop,
    /// Cut and resized: decoded and coded again.
    Fit,
}

impl Mode {
    /// The mode's name, as in the settings and the outcome.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Crop => "crop",
            Self::Fit => "fit",
        }
    }
}

/// What the samples of a raw camera format mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawRange {
    /// What the driver says of each frame.
    Driver,
    /// Luminance from 16 to 235, chrominance from 16 to 240 (ITU-R BT.601), whatever the driver says.
    Limited,
    /// All from 0 to 255, whatever the driver says.
    Full,
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
        let text = "mode = \"fit\"\naspect = \"4:3\"\nwidth = 640\nquality = 80\nregion = [1, 2, 3, 4]\n\
                    masks = [[5, 6, 7, 8]]\ndrawn_on = [640, 360]\nverify = true\nraw_range = \"full\"";
        let expected = Settings {
            mode: Mode::Fit,
            aspect: Aspect { across: 4, down: 3 },
            width: Width(640),
            quality: Quality(80),
            region: Some(Area::try_from([1, 2, 3, 4]).unwrap()),
            masks: Masks::try_from(vec![Area::try_from([5, 6, 7, 8]).unwrap()]).unwrap(),
            drawn_on: Some(Size::try_from([640, 360]).unwrap()),
            verify: true,
            raw_range: RawRange::Full,
        };
        assert_eq!(read(text).unwrap(), expected);
    }

    #[test]
    fn every_step_is_smaller_than_the_one_before_and_none_is_below_the_least() {
        for mode in ["pass", "crop", "fit"] {
            let settings = read(&format!("mode = \"{mode}\"\nmasks = [[0, 0, 9, 9]]")).unwrap();
            assert_eq!(settings.smaller(0), settings);
            let sizes: Vec<_> = (0..=SMALLER_STEPS)
                .map(|steps| settings.smaller(steps))
                .inspect(|smaller| assert_eq!(smaller.masks, settings.masks))
                .map(|smaller| (smaller.mode != Mode::Fit, smaller.width.0, smaller.quality.0))
                .collect();
            assert!(
                sizes.is_sorted_by(|one, next| one > next || *next == (false, 400, 60)),
                "{mode}: {sizes:?}"
            );
            assert_eq!(settings.smaller(u8::MAX), settings.smaller(SMALLER_STEPS));
            assert_eq!(sizes.last(), Some(&(false, 400, 60)));
        }
        let small = read("mode = \"fit\"\nwidth = 410\nquality = 50").unwrap().smaller(1);
        assert_eq!((small.width.0, small.quality.0), (410, 50), "never larger than the settings want");
    }

    #[test]
    fn a_wrong_value_is_told_with_what_is_allowed() {
        for (text, message) in [
            ("quality = 0", "0 is not a quality: expected 1 to 100"),
            ("quality = 101", "101 is not a quality: expected 1 to 100"),
            ("width = 15", "15 is not a width: expected 16 to 4096 pixels"),
            ("width = 4097", "4097 is not a width: expected 16 to 4096 pixels"),
            ("mode = \"stretch\"", "unknown variant `stretch`, expected one of `pass`, `crop`, `fit`"),
            (
                "drawn_on = [640, 0]",
                "[640, 0] is not a size: expected [width, height] in pixels, each from 1 to 65535",
            ),
            (
                "drawn_on = [65536, 1]",
                "[65536, 1] is not a size: expected [width, height] in pixels, each from 1 to 65535",
            ),
            ("raw_range = \"tv\"", "unknown variant `tv`, expected one of `driver`, `limited`, `full`"),
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

    #[test]
    fn the_area_is_cut_out_of_the_region() {
        let area = |text: &str, width, height| read(text).unwrap().area(width, height);
        let region = "region = [100, 50, 500, 400]\nmode = ";
        assert_eq!(area(&format!("{region}\"pass\""), 640, 480), Ok(Rect::whole(640, 480)));
        let cut = Ok(Rect { left: 100, top: 100, width: 500, height: 300 });
        assert_eq!(area(&format!("{region}\"crop\""), 640, 480), cut);
        assert_eq!(area(&format!("{region}\"fit\""), 600, 450), cut);
        for (width, height) in [(599, 450), (600, 449)] {
            let error = area(&format!("{region}\"fit\""), width, height).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "the region [100, 50, 500, 400] is not inside the camera's picture of {width}x{height}"
                )
            );
        }
        // A smaller mode of the camera shows the same scene, and a mask lies elsewhere in it.
        for places in ["masks = [[0, 0, 3, 3]]", "region = [0, 0, 30, 30]"] {
            let drawn = format!("drawn_on = [1280, 720]\n{places}");
            area(&drawn, 1280, 720).unwrap();
            let error = area(&drawn, 1280, 721).unwrap_err();
            assert_eq!(error, Unfit::DrawnOnAnother { drawn_on: (1280, 720), width: 1280, height: 721 });
            assert!(error.is_by_settings());
            assert!(
                error.to_string().contains("drawn on a picture of 1280x720, and the camera's has 1280x721"),
                "{error}"
            );
        }
        area("drawn_on = [1280, 720]", 640, 480).unwrap();
        let error = area("masks = [[0, 0, 3, 3], [630, 0, 11, 5]]", 640, 480).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the mask [630, 0, 11, 5] is not inside the camera's picture of 640x480"
        );
    }
}
