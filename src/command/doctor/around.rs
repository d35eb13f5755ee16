//! The checks of everything but the scale.

use std::path::Path;
use std::time::Duration;

use chrono::Datelike;

use super::Finding;
use crate::camera;
use crate::config::Config;
use crate::picture;
use crate::recognition::reports::OutboxFile;
use crate::recognition::{self, KeySource, Session};
use crate::stamp::Clock;

/// A camera is open and its exposure settled within this.
const CAMERA: Duration = Duration::from_secs(5);
/// A service that does not answer within this is not there.
const SERVICE: Duration = Duration::from_secs(10);
/// No box runs this program in another year.
const YEARS: std::ops::Range<i32> = 2026..2100;
/// Less room than this on the disk is soon none.
const LITTLE_ROOM: u64 = 100 * 1024 * 1024;

/// The device's name; nothing to say where it is set.
pub(super) fn device(config: &Config) -> Option<Finding> {
    if config.device_id.is_some() {
        return None;
    }
    Some(match crate::host::machine_serial() {
        Some(serial) => Finding::ok("device", format!("device.id is the machine's serial number, {serial}")),
        None => Finding::fail(
            "device",
            "device.id is not set, and this machine tells no serial number to use instead",
            "set device.id to the name that the service knows",
        ),
    })
}

/// Whether the camera delivers pictures that can be sent.
pub(super) async fn camera(config: &Config) -> Finding {
    let clock = Clock::system();
    let name = config.camera.source.to_string();
    let camera = match camera::start(&config.camera, clock.clone()) {
        Ok(camera) => camera,
        Err(error) => return Finding::fail("camera", format!("{name}: {error}"), "see the kernel's log"),
    };
    let limit = CAMERA + config.camera.warm_up;
    let (mut after, mut unfit) = (clock.now(), None);
    let made = async {
        loop {
            let frame = camera.ring().first_after(after).await;
            match picture::prepare(&frame, &config.picture) {
                Err(why) if !why.is_by_settings() => (after, unfit) = (frame.taken, Some(why)),
                made => return made.map(|made| (made, frame)),
            }
        }
    };
    let (made, frame) = match tokio::time::timeout(limit, made).await {
        Ok(Ok(made)) => made,
        Ok(Err(why)) => {
            let advice =
                "correct camera or picture in the settings; `scalecam capture` shows what would be sent";
            return Finding { code: 78, ..Finding::fail("camera", format!("{name}: {why}"), advice) };
        }
        Err(_) => return without_picture(config, &camera, unfit, limit),
    };
    if config.camera.source.is_simulated() {
        return Finding::warn("camera", format!("{name}: SIMULATION"), "set camera.kind for a real lane");
    }
    if let Some(what) = camera.ring().refused() {
        return Finding::warn(
            "camera",
            format!("{name}: it delivers pictures, but not as the settings want it: {what}"),
            "correct camera.controls in the settings",
        );
    }
    let delivers = format!(
        "{name}: it delivers pictures; {}x{}, {} bytes would be sent (mode {})",
        made.width(),
        made.height(),
        made.len(),
        made.mode().name()
    );
    if let Some(remark) = made.remark() {
        let advice = "nothing to do where that is good enough; otherwise choose another mode of the camera or the picture";
        return Finding::warn("camera", format!("{delivers}, {remark}"), advice);
    }
    if !config.picture.masks.is_empty() && config.picture.drawn_on.is_none() {
        let (width, height) = picture::size_of(&frame).unwrap_or((frame.width, frame.height));
        return Finding::warn(
            "camera",
            format!(
                "{delivers}, but should the camera deliver another size one day, the masks lie elsewhere in it"
            ),
            format!(
                "look at the picture that `scalecam capture` makes, and if the masks cover what they should, set \
                 picture.drawn_on = [{width}, {height}]"
            ),
        );
    }
    Finding::ok("camera", delivers)
}

/// Why there was no picture to be made.
fn without_picture(
    config: &Config,
    camera: &camera::Camera,
    unfit: Option<picture::Unfit>,
    limit: Duration,
) -> Finding {
    let name = &config.camera.source;
    if let camera::Source::V4l2 { device } = name
        && let Some(held) = Finding::held_by_agent("camera", name, &camera::holders(device))
    {
        return held;
    }
    let says = match (camera.ring().state(), unfit) {
        (camera::State::Lost(why), _) => why.to_string(),
        (camera::State::Live | camera::State::Opening, Some(why)) => format!("{name}: {why}"),
        (camera::State::Live | camera::State::Opening, None) => {
            format!("{name}: no picture within {} s", limit.as_secs())
        }
    };
    Finding::fail("camera", says, "`scalecam devices` lists the cameras, their names and who holds them")
}

/// Whether the clock can be right: certificates and times of weighings need it.
pub(super) fn clock() -> Finding {
    let clock = Clock::system();
    let now = clock.utc_at(clock.now());
    let shown = crate::stamp::iso_utc(now);
    if YEARS.contains(&now.year()) {
        return Finding::ok("clock", shown);
    }
    Finding::fail(
        "clock",
        format!("{shown} cannot be"),
        "let the clock be set by the network (timedatectl set-ntp true); certificates are checked against it",
    )
}

/// Whether a pause costs the next picture round trips.
pub(super) fn window() -> Finding {
    match recognition::window_kept() {
        Some(true) => Finding::ok("session-window", "the kernel keeps the window of an idle connection"),
        Some(false) => Finding::warn(
            "session-window",
            "the kernel shrinks the window of an idle connection: after a pause a picture takes longer",
            "net.ipv4.tcp_slow_start_after_idle = 0, as the package's sysctl.d/60-scalecam.conf sets it",
        ),
        None => Finding::ok("session-window", "cannot be read here"),
    }
}

/// Whether there is a key. It is never shown.
pub(super) fn key(config: &Config) -> Finding {
    match KeySource::from_environment(config.recognition.api_key_file.clone()).read() {
        Ok(_) => Finding::ok("key", "there is an API key"),
        // The sentence says what to do.
        Err(why) => Finding::fail("key", why.to_string(), "").without_advice(),
    }
}

/// Whether reports have a place, are whole, and have room.
pub(super) fn outbox(config: &Config, settings_file: &Path) -> Finding {
    let Some(file) = config.reports.place_of_service(settings_file) else {
        return Finding::warn(
            "outbox",
            "reports.file is not set, and no service manager gives a folder here",
            "nothing to do where the service runs under systemd; otherwise set reports.file",
        );
    };
    let folder = file.parent().unwrap_or(Path::new("/"));
    if let Err(errno) = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK) {
        let says = format!("{}: {}", folder.display(), std::io::Error::from(errno));
        if config.reports.place().is_none() {
            return Finding::warn(
                "outbox",
                says,
                "run this as the superuser, who may look into the service's folder",
            );
        }
        return Finding::fail("outbox", says, "make that folder, and give it to the user of the service");
    }
    let room = rustix::fs::statvfs(folder).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    if room.is_ok_and(|room| room < LITTLE_ROOM) {
        let says = format!("{}: less than 100 MB are free", folder.display());
        return Finding::warn("outbox", says, "make room before reports are refused");
    }
    match OutboxFile::open(&file) {
        Ok(None) => Finding::ok("outbox", format!("{}: nothing waits yet", file.display())),
        Ok(Some(outbox)) => match outbox.counts() {
            Ok(counts) if counts.quarantined > 0 => Finding::warn(
                "outbox",
                format!("{} reports wait, {} are in quarantine", counts.waiting, counts.quarantined),
                "`scalecam outbox list` says why",
            ),
            Ok(counts) => Finding::ok("outbox", format!("{} reports wait", counts.waiting)),
            Err(error) => {
                Finding::fail("outbox", error.to_string(), "`scalecam outbox verify` checks the file")
            }
        },
        Err(error) => Finding::fail("outbox", error.to_string(), "`scalecam outbox verify` checks the file"),
    }
}

/// Whether the service answers, proves who it is, and takes the key: the same session as the agent's.
pub(super) async fn service(config: &Config) -> Finding {
    let key = KeySource::from_environment(config.recognition.api_key_file.clone());
    let session = match Session::open(config.recognition.clone(), key, Clock::system()) {
        Ok(session) => session,
        Err(error) => return Finding::fail("service", error.to_string(), "correct recognition.ca_file"),
    };
    session.arm();
    let mut states = session.state();
    let known = states.wait_for(|state| !matches!(state, recognition::State::Starting));
    let state = tokio::time::timeout(SERVICE, known).await;
    let url = config.recognition.url.to_string();
    match state.map(|state| state.map(|state| state.clone())) {
        Ok(Ok(recognition::State::Connected)) => Finding::ok("service", format!("{url}: connected")),
        Ok(Ok(recognition::State::Unreachable(failure) | recognition::State::KeyRefused(failure))) => {
            let advice = "name resolution, the way out, a proxy, the clock: in this order";
            Finding::fail("service", failure.to_string(), advice)
        }
        Ok(Ok(recognition::State::NoKey(why))) => {
            Finding::fail("service", why.to_string(), "").without_advice()
        }
        Ok(Ok(recognition::State::Starting) | Err(_)) | Err(_) => {
            let says = format!("{url}: no answer within {} s", SERVICE.as_secs());
            Finding::fail("service", says, "name resolution, the way out, a proxy: in this order")
        }
    }
}
