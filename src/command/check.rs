//! `scalecam check`: reads the settings, says what is wrong, touches no device.

use super::{Exit, Settings, say};
use crate::agent::CannotStart;

pub(super) fn run(settings: &Settings) -> Result<(), Exit> {
    let file = settings.config.display();
    let config = settings.read()?;
    if config.device_id.is_none() && crate::host::machine_serial().is_none() {
        return Err(Exit::bad_settings(format!("{file}: {}", CannotStart::NoDeviceId)));
    }
    say(format_args!("{file}: the settings are good"));
    if let Some(advice) = config.advice() {
        say(format_args!("advice: {advice}"));
    }
    if config.is_simulated() {
        say("SIMULATION: scale or camera are simulated; every outcome will say so");
    }
    Ok(())
}
