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
    let wished = settings.area(camera.width.get(), camera.height.get());
    match (wished, &camera.source) {
        // The drawn camera has exactly the mode that is asked for. Others have their own, which may be larger, but
        // masks that cover all of what is asked for were surely not meant.
        (Err(unfit), camera::Source::Synthetic)
        | (Err(unfit @ picture::Unfit::AllMasked { .. }), camera::Source::V4l2 { .. }) => {
            let reason = format!("{unfit} (camera.width and camera.height ask for this size)");
            Err(Objection { at, key: "picture".to_owned(), reason })
        }
        (Ok(_) | Err(_), _) => Ok(settings),
    }
}
