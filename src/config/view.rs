//! The table `[picture]` beside the camera's.

use toml::Spanned;

use super::Objection;
use crate::{camera, picture};

/// The settings of the picture; what no picture of the camera can satisfy is refused here.
pub(super) fn picture(
    table: Option<Spanned<picture::Settings>>,
    camera: &camera::Settings,
) -> Result<picture::Settings, Objection> {
    let Some(table) = table else { return Ok(picture::Settings::DEFAULT) };
    let (at, settings) = (table.span().start, table.into_inner());
    // The drawn camera has exactly the mode that is asked for, and others are to have the size that was drawn on.
    let is_drawn = matches!(camera.source, camera::Source::Synthetic);
    let drawn_on = settings.drawn_on.filter(|_| !is_drawn).map(picture::Size::pixels);
    let (size, why) = match drawn_on {
        Some(size) => (size, "picture.drawn_on says"),
        None => ((camera.width.get(), camera.height.get()), "camera.width and camera.height ask for"),
    };
    let is_v4l2 = matches!(camera.source, camera::Source::V4l2 { .. });
    match settings.area(size.0, size.1) {
        // Otherwise the camera's own mode may be larger, but masks that cover all of what is asked for were surely not
        // meant.
        Err(unfit)
            if is_drawn
                || drawn_on.is_some()
                || is_v4l2 && matches!(unfit, picture::Unfit::AllMasked { .. }) =>
        {
            Err(Objection { at, key: "picture".to_owned(), reason: format!("{unfit} ({why} this size)") })
        }
        Ok(_) | Err(_) => Ok(settings),
    }
}
