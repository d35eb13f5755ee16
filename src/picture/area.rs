//! Places in the picture that the settings speak of: the region that counts, and masks.

use serde::Deserialize;

use crate::jpeg::Rect;

/// A rectangle in the settings: `[left, top, width, height]`, in pixels of the camera's picture, not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "[i64; 4]")]
pub struct Area(Rect);

impl Area {
    /// The rectangle.
    #[must_use]
    pub const fn rect(self) -> Rect {
        self.0
    }
}

impl TryFrom<[i64; 4]> for Area {
    type Error = String;

    fn try_from(numbers: [i64; 4]) -> Result<Self, String> {
        // No JPEG picture has a longer side than 65,535 pixels.
        let pixels = numbers.map(|number| u16::try_from(number).map(u32::from));
        match pixels {
            [Ok(left), Ok(top), Ok(width), Ok(height)] if width > 0 && height > 0 => {
                Ok(Self(Rect { left, top, width, height }))
            }
            _ => Err(format!(
                "{numbers:?} is not an area: expected [left, top, width, height] in pixels, each up to 65535, \
                 width and height at least 1"
            )),
        }
    }
}

/// The size of a camera's picture in the settings: `[width, height]`, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "[i64; 2]")]
pub struct Size(u16, u16);

impl Size {
    /// Pixels across and down.
    #[must_use]
    pub fn pixels(self) -> (u32, u32) {
        (self.0.into(), self.1.into())
    }
}

impl TryFrom<[i64; 2]> for Size {
    type Error = String;

    fn try_from(numbers: [i64; 2]) -> Result<Self, String> {
        match numbers.map(u16::try_from) {
            [Ok(width @ 1..), Ok(height @ 1..)] => Ok(Self(width, height)),
            _ => Err(format!(
                "{numbers:?} is not a size: expected [width, height] in pixels, each from 1 to 65535"
            )),
        }
    }
}

/// More masks than anyone draws; it bounds what one picture costs.
const MOST_MASKS: usize = 16;

/// The areas that nobody may see.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Area>")]
pub struct Masks(Vec<Area>);

impl Masks {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// No mask.
    pub const NONE: Self = Self(Vec::new());

    /// The masks' rectangles.
    pub fn rects(&self) -> impl Iterator<Item = Rect> + Clone {
        self.0.iter().map(|area| area.rect())
    }

    /// Whether they leave nothing of an area to see.
    pub(super) fn cover(&self, area: Rect) -> bool {
        // From a pixel that is not covered go up and left for as long as that is possible: what stops it is the
        // edge of the area, or the lower edge and the right edge of masks. It is enough to look there.
        let masks = self.rects().map(|mask| mask.common(area)).filter(|mask| !mask.is_empty());
        let columns = || masks.clone().map(Rect::right).chain([area.left]).filter(|&x| x < area.right());
        let mut rows = masks.clone().map(Rect::bottom).chain([area.top]).filter(|&y| y < area.bottom());
        rows.all(|top| {
            columns().all(|left| {
                let pixel = Rect { left, top, width: 1, height: 1 };
                masks.clone().any(|mask| mask.contains(pixel))
            })
        })
    }
}

impl TryFrom<Vec<Area>> for Masks {
    type Error = String;

    fn try_from(areas: Vec<Area>) -> Result<Self, String> {
        match areas.len() {
            0..=MOST_MASKS => Ok(Self(areas)),
            count => Err(format!("{count} masks are too many: expected up to {MOST_MASKS}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Settings, Unfit};

    fn read(text: &str) -> Result<Settings, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn areas_are_four_numbers_that_make_a_rectangle() {
        for area in ["[0, 0, 1, 1]", "[65535, 65535, 65535, 65535]"] {
            read(&format!("region = {area}\nmasks = [{area}]")).unwrap();
        }
        for area in ["[0, 0, 0, 1]", "[0, 0, 1, 0]", "[-1, 0, 1, 1]", "[0, 65536, 1, 1]"] {
            let error = read(&format!("region = {area}")).unwrap_err();
            assert!(error.starts_with(&format!("{area} is not an area: expected [left, top,")), "{error}");
            read(&format!("masks = [{area}]")).unwrap_err();
        }
        read("region = [0, 0, 1]").unwrap_err();
        let masks = |count| format!("masks = [{}]", ["[0, 0, 1, 1]"].repeat(count).join(", "));
        read(&masks(16)).unwrap();
        assert_eq!(read(&masks(17)).unwrap_err(), "17 masks are too many: expected up to 16");
    }

    #[test]
    fn masks_that_leave_nothing_are_refused() {
        let area = |masks: &str| read(&format!("mode = \"crop\"\nmasks = {masks}")).unwrap().area(70, 30);
        let shown = Rect { left: 10, top: 0, width: 50, height: 30 };
        assert_eq!(area("[[10, 0, 50, 30]]"), Err(Unfit::AllMasked { area: shown }));
        assert_eq!(
            area("[[0, 0, 70, 10], [0, 20, 70, 10], [10, 5, 20, 20], [30, 8, 30, 12]]"),
            Err(Unfit::AllMasked { area: shown })
        );
        for masks in [
            "[]",
            "[[11, 0, 49, 30]]",
            "[[10, 0, 49, 30]]",
            "[[10, 1, 50, 29]]",
            "[[10, 0, 50, 29]]",
            "[[0, 0, 70, 10], [0, 20, 70, 10], [10, 5, 20, 20], [31, 8, 29, 12]]",
            "[[0, 0, 70, 10], [0, 20, 70, 10], [10, 5, 20, 20], [30, 8, 30, 11]]",
        ] {
            assert_eq!(area(masks), Ok(shown), "{masks}");
        }
    }
}
