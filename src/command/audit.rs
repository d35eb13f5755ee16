//! `scalecam audit`: what was weighed, what was decided, and under which settings.

use std::path::PathBuf;

use super::{Exit, Settings, give, say};
use crate::recognition::reports::OutboxFile;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// The file, where the settings do not name it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How many weighings, the last ones
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: u32,
    /// This weighing alone
    #[arg(long, value_name = "ID")]
    weighing: Option<String>,
    /// Write its picture to a file
    #[arg(long, value_name = "FILE", requires = "weighing")]
    picture: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let place = match &arguments.file {
        Some(file) => Some(file.clone()),
        None => arguments.settings.read()?.reports.place_of_service(&arguments.settings.config),
    };
    let Some(place) = place else {
        return Err(Exit::failed("reports.file is not set; name the file with --file"));
    };
    let Some(file) = OutboxFile::open(&place).map_err(Exit::failed)? else {
        say(format_args!("{}: there is no such file, so nothing was noted", place.display()));
        return Ok(());
    };
    let weighing = arguments.weighing.as_deref();
    let found = file.audited(arguments.last, weighing).map_err(Exit::failed)?;
    if let (Some(weighing), true) = (weighing, found.is_empty()) {
        return Err(Exit::failed(format_args!("there is no weighing {weighing} in {}", place.display())));
    }
    for line in &found {
        give(&serde_json::to_string(line).unwrap_or_default())?;
    }
    if let (Some(output), Some(weighing)) = (&arguments.picture, weighing) {
        let picture = file.picture(weighing).map_err(Exit::failed)?;
        let Some(picture) = picture else {
            return Err(Exit::failed(
                "its picture is not kept: audit.pictures is off, or the service has its selection",
            ));
        };
        std::fs::write(output, picture)
            .map_err(|error| Exit::failed(format_args!("{}: {error}", output.display())))?;
    }
    Ok(())
}
