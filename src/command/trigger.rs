//! `scalecam trigger`: asks the running agent for one weighing now.

use super::{Exit, Settings, give, runtime};
use crate::control::{self, NoAgent};

pub(super) fn run(settings: &Settings) -> Result<(), Exit> {
    let answer = runtime()?.block_on(control::trigger(&settings.config));
    match answer {
        Ok(line) => give(&line),
        Err(error @ NoAgent::NotRunning(_)) => Err(Exit::unavailable(error)),
        Err(error @ (NoAgent::Refused | NoAgent::Io(_))) => Err(Exit::failed(error)),
    }
}
