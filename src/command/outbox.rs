//! `scalecam outbox`: the reports that wait for the service.

use std::path::PathBuf;

use super::{Exit, Settings, give, say};
use crate::recognition::reports::{OutboxFile, StoreError};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// One JSON line for each report that waits or is in quarantine, and why.
    List(Where),
    /// Check the file, page by page and report by report.
    Verify(Where),
    /// Delete the reports in quarantine, or let them try again.
    Purge(PurgeArguments),
}

#[derive(Debug, clap::Args)]
struct Where {
    #[command(flatten)]
    settings: Settings,
    /// The file, where the settings do not name it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct PurgeArguments {
    #[command(flatten)]
    place: Where,
    /// Delete everything, also what still waits to be sent
    #[arg(long, conflicts_with = "release")]
    all: bool,
    /// Delete nothing: what is in quarantine is sent once more
    #[arg(long)]
    release: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Exit> {
    match &arguments.action {
        Action::List(place) => list(place),
        Action::Verify(place) => verify(place),
        Action::Purge(arguments) => purge(arguments),
    }
}

impl Where {
    /// The file; none when there is none yet, so that nothing waits.
    fn open(&self) -> Result<Option<OutboxFile>, Exit> {
        let place = match &self.file {
            Some(file) => Some(file.clone()),
            None => self.settings.read()?.reports.place_of_service(&self.settings.config),
        };
        let Some(place) = place else {
            return Err(Exit::failed("reports.file is not set; name the file with --file"));
        };
        let file = OutboxFile::open(&place).map_err(Exit::failed)?;
        if file.is_none() {
            say(format_args!("{}: there is no such file, so nothing waits", place.display()));
        }
        Ok(file)
    }
}

fn list(place: &Where) -> Result<(), Exit> {
    let Some(file) = place.open()? else { return Ok(()) };
    for item in file.list().map_err(Exit::failed)? {
        give(&serde_json::to_string(&item).unwrap_or_default())?;
    }
    let counts = file.counts().map_err(Exit::failed)?;
    say(format_args!(
        "{} reports wait, {} are in quarantine, {} bytes",
        counts.waiting, counts.quarantined, counts.bytes
    ));
    Ok(())
}

fn verify(place: &Where) -> Result<(), Exit> {
    let Some(file) = place.open()? else { return Ok(()) };
    let found = file.verify().map_err(Exit::failed)?;
    if found.is_empty() {
        say("the file is whole");
        return Ok(());
    }
    for line in &found {
        give(&serde_json::json!({ "found": line }).to_string())?;
    }
    Err(Exit::failed("the file is damaged; keep a copy before anything else is done with it"))
}

fn purge(arguments: &PurgeArguments) -> Result<(), Exit> {
    let Some(mut file) = arguments.place.open()? else { return Ok(()) };
    let (done, what): (Result<u64, StoreError>, _) = if arguments.release {
        (file.release(), "are sent once more")
    } else {
        (file.purge(arguments.all), "were deleted")
    };
    say(format_args!("{} reports {what}", done.map_err(Exit::failed)?));
    Ok(())
}
