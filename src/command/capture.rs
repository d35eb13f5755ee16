//! `scalecam capture`: one picture through the whole camera and picture path.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Exit, Settings, runtime, say};
use crate::camera;
use crate::picture;
use crate::stamp::Clock;

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
    let clock = Clock::system();
    let camera = camera::start(&config.camera, clock.clone()).map_err(Exit::failed)?;
    let asked = clock.now();
    let limit = LIMIT.max(config.camera.warm_up.saturating_mul(2));
    let frame = runtime()?.block_on(async {
        let wait = |limit| tokio::time::timeout(limit, camera.ring().first_after(asked));
        match wait(THERE).await {
            Err(_) if !matches!(camera.ring().state(), camera::State::Lost(_)) => {
                wait(limit.saturating_sub(THERE)).await
            }
            soon => soon,
        }
    });
    let frame = frame.map_err(|_| Exit::unavailable(format!("no picture: {}", camera.ring().why_none(0))))?;
    let picture = picture::prepare(&frame, &config.picture).map_err(Exit::failed)?;
    write(&arguments.output, &picture).map_err(|error| {
        Exit::failed(format!("{}: the picture cannot be written: {error}", arguments.output.display()))
    })?;
    say(format_args!(
        "{}: {}x{}, {} bytes, mode {}{}",
        arguments.output.display(),
        picture.width(),
        picture.height(),
        picture.len(),
        picture.mode().name(),
        if config.camera.source.is_simulated() { ", SIMULATION" } else { "" }
    ));
    Ok(())
}

/// Writes beside the file and renames, so that a reader never sees half a picture.
fn write(path: &Path, picture: &picture::Picture) -> std::io::Result<()> {
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
