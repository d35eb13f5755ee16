//! `scalecam capture`: one picture through the whole camera and picture path.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use super::{Exit, Settings, runtime, say};
use crate::camera::{self, Frame, Source};
use crate::config::Config;
use crate::picture::{self, Picture};
use crate::stamp::{Clock, Stamp, iso_utc};

/// Opening a camera, its first frames and its exposure take a few seconds at most.
const LIMIT: Duration = Duration::from_secs(10);
/// A camera that is not there by then is not waited for any longer.
const THERE: Duration = Duration::from_secs(3);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let config = arguments.settings.read()?;
    crate::host::log();
    if let Source::V4l2 { device } = &config.camera.source
        && let Some(why) = camera::misfit(device)
    {
        return Err(Exit::bad_settings(why));
    }
    let clock = Clock::system();
    let camera = camera::start(&config.camera, clock.clone()).map_err(Exit::failed)?;
    let (picture, taken) = runtime()?.block_on(taken(&camera, &clock, &config))?;
    write(&arguments.output, &picture).map_err(|error| {
        Exit::failed(format!("{}: the picture cannot be written: {error}", arguments.output.display()))
    })?;
    say(format_args!(
        "{}: {}x{}, {} bytes, mode {}{}, taken at {}{}",
        arguments.output.display(),
        picture.width(),
        picture.height(),
        picture.len(),
        picture.mode().name(),
        picture.remark().map(|remark| format!(" ({remark})")).unwrap_or_default(),
        iso_utc(clock.utc_at(taken)),
        if config.camera.source.is_simulated() { ", SIMULATION" } else { "" }
    ));
    Ok(())
}

/// The first picture that can be made, and when its frame was taken. A broken frame gives way to the next one.
async fn taken(camera: &camera::Camera, clock: &Clock, config: &Config) -> Result<(Picture, Stamp), Exit> {
    let asked = clock.now();
    let limit = LIMIT.max(config.camera.warm_up.saturating_mul(2)) + config.camera.choice.longest();
    let (ring, mut why) = (camera.ring(), None);
    let mut after = asked;
    let picture = async {
        loop {
            let seen = |frame: &Frame| picture::seen(frame, &config.picture).ok();
            let frame = config.camera.choice.choose(ring, clock, after, seen).await.frame;
            match picture::prepare(&frame, &config.picture) {
                Err(unfit) if !unfit.is_by_settings() => (after, why) = (frame.taken, Some(unfit)),
                made => return made.map(|made| (made, frame.taken)),
            }
        }
    };
    let made = {
        let mut picture = std::pin::pin!(picture);
        match timeout(THERE, &mut picture).await {
            Err(_) if !matches!(ring.state(), camera::State::Lost(_)) => {
                timeout(limit.saturating_sub(THERE), picture).await
            }
            soon => soon,
        }
    };
    let none = || {
        let why = why.map_or_else(|| ring.why_none(0).to_string(), |why| why.to_string());
        Exit::unavailable(format!("no picture: {why}"))
    };
    made.map_err(|_| none())?.map_err(Exit::bad_settings)
}

/// Writes beside the file and renames, so that a reader never sees half a picture.
fn write(path: &Path, picture: &Picture) -> std::io::Result<()> {
    use std::io::Write;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    let mut file = std::fs::File::create(&beside)?;
    for part in picture.parts() {
        file.write_all(part)?;
    }
    file.sync_all()?;
    std::fs::rename(&beside, path)
}
