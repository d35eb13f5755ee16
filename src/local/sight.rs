//! What can be seen of the running agent from outside its lane.

use std::sync::Arc;

use serde::Serialize;
use tokio::sync::watch;

use crate::camera::{self, Ring, Tally};
use crate::lane::{ScaleState, Status};
use crate::recognition::reports::OutboxState;
use crate::recognition::{self, Counters};
use crate::stamp::Clock;

/// The agent as it can be seen. Everything in it is read without waiting.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Whether any part is simulated.
    pub simulated: bool,
    /// The scale's protocol.
    pub protocol: &'static str,
    /// The time.
    pub clock: Clock,
    /// The lane.
    pub lane: watch::Receiver<Status>,
    /// The camera.
    pub camera: Arc<Ring>,
    /// What the camera counts.
    pub frames: Tally,
    /// The service.
    pub service: watch::Receiver<recognition::State>,
    /// What the session counts.
    pub session: Counters,
    /// The reports, where they are kept.
    pub reports: Option<watch::Receiver<OutboxState>>,
}

/// How the agent is, part by part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Whether every part works.
    pub ok: bool,
    /// Whether any part is simulated.
    pub simulated: bool,
    /// The version of the program.
    pub version: &'static str,
    /// Weighings since the start.
    pub weighings: u64,
    /// The last one's result.
    pub last: Option<String>,
    /// The parts.
    pub parts: Parts,
}

/// The parts of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parts {
    /// The scale.
    pub scale: Part,
    /// The camera.
    pub camera: Part,
    /// The service.
    pub service: Part,
    /// The reports; none where nothing is reported.
    pub reports: Option<Part>,
}

/// How one part is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Whether it works.
    pub ok: bool,
    /// One word for its state, for programs.
    pub state: &'static str,
    /// The same for people, with what to do.
    pub message: String,
}

impl Part {
    fn new(ok: bool, state: &'static str, message: impl Into<String>) -> Self {
        Self { ok, state, message: message.into() }
    }
}

impl Sight {
    /// How the agent is.
    #[must_use]
    pub fn health(&self) -> Health {
        let lane = self.lane.borrow().clone();
        let parts = Parts {
            scale: scale(&lane.scale),
            camera: self.camera(),
            service: service(&self.service.borrow()),
            reports: self.reports.as_ref().map(|reports| of_reports(&reports.borrow())),
        };
        let all = [Some(&parts.scale), Some(&parts.camera), Some(&parts.service), parts.reports.as_ref()];
        let ok = all.into_iter().flatten().all(|part| part.ok);
        Health {
            ok,
            simulated: self.simulated,
            version: env!("CARGO_PKG_VERSION"),
            weighings: lane.weighings,
            last: lane.last,
            parts,
        }
    }

    /// The present state in one line, worst news first.
    #[must_use]
    pub fn line(&self) -> String {
        let Health { parts, weighings, last, .. } = self.health();
        let mut all = [parts.scale, parts.camera, parts.service];
        all.sort_by_key(|part| part.ok);
        let said = all.map(|part| part.message).join("; ");
        let trouble = parts.reports.filter(|part| !part.ok).map(|part| format!("; {}", part.message));
        let last = last.unwrap_or_else(|| "none yet".to_owned());
        format!("{said}{}; {weighings} weighings, last {last}", trouble.unwrap_or_default())
    }

    fn camera(&self) -> Part {
        match self.camera.state() {
            camera::State::Opening => Part::new(false, "opening", "camera: opening"),
            camera::State::Live => match self.camera.refused() {
                None => Part::new(true, "live", "camera: ok"),
                Some(what) => {
                    Part::new(true, "live", format!("camera: ok, but not as the settings want it: {what}"))
                }
            },
            camera::State::Lost(why) => Part::new(false, "lost", &*why),
        }
    }
}

fn scale(state: &ScaleState) -> Part {
    let word = match state {
        ScaleState::Opening => "opening",
        ScaleState::Listening => "listening",
        ScaleState::Speaking => "speaking",
        ScaleState::Silent => "silent",
        ScaleState::Unreadable(_) => "unreadable",
        ScaleState::Lost(_) => "lost",
    };
    Part::new(*state == ScaleState::Speaking, word, state.to_string())
}

fn service(state: &recognition::State) -> Part {
    match state {
        recognition::State::Starting => Part::new(false, "connecting", "service: connecting"),
        recognition::State::Connected => Part::new(true, "connected", "service: ok"),
        recognition::State::Unreachable(failure) => {
            Part::new(false, "unreachable", format!("service: {failure}"))
        }
        recognition::State::KeyRefused(failure) => {
            Part::new(false, "key_refused", format!("service: {failure}"))
        }
        recognition::State::NoKey(why) => Part::new(false, "no_key", format!("service: {why}")),
    }
}

fn of_reports(state: &OutboxState) -> Part {
    match &state.trouble {
        None => Part::new(true, "kept", "reports: ok"),
        Some(trouble) => Part::new(false, "trouble", format!("reports: {trouble}")),
    }
}

/// The words for the states of the parts, for whoever counts them.
pub(super) const WORDS: [(&str, &[&str]); 4] = [
    ("scale", &["opening", "listening", "speaking", "silent", "unreadable", "lost"]),
    ("camera", &["opening", "live", "lost"]),
    ("service", &["connecting", "connected", "unreachable", "key_refused", "no_key"]),
    ("reports", &["kept", "trouble"]),
];
