//! Carries what happens from the lane to the readers and the counters, in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::events::Hub;
use super::metrics::Meters;
use super::sight::Sight;
use crate::lane::Heard;
use crate::outcome::Outcome;
use crate::scale;
use crate::stamp::iso_utc;

/// The camera is looked at this often; whatever else changes says so by itself.
const LOOK: Duration = Duration::from_millis(500);

/// A reading as it is told.
#[derive(Serialize)]
struct Told {
    at: String,
    simulated: bool,
    reading: Option<Box<RawValue>>,
}

/// Runs until the lane has ended.
pub(super) async fn run(
    hub: Arc<Hub>,
    meters: Arc<Meters>,
    sight: Sight,
    mut outcomes: broadcast::Receiver<Arc<Outcome>>,
    mut heard: broadcast::Receiver<Heard>,
) {
    let (mut lane, mut service, mut reports) =
        (sight.lane.clone(), sight.service.clone(), sight.reports.clone());
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut health = sight.health();
    loop {
        tokio::select! {
            outcome = outcomes.recv() => match outcome {
                Ok(outcome) => {
                    meters.weighed(&outcome);
                    hub.outcome(outcome.json());
                }
                Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "outcomes were not told to local programs"),
                Err(RecvError::Closed) => return,
            },
            Ok(heard) = heard.recv() => {
                meters.heard(&heard.frame.heard);
                if hub.is_heard() {
                    hub.reading(told(&sight, &heard));
                }
                continue;
            }
            Ok(()) = lane.changed() => {}
            Ok(()) = service.changed() => {}
            Ok(()) = changed(&mut reports) => {}
            _ = look.tick() => {}
        }
        // what is counted in passing is no change of state
        let now = sight.health();
        if now.parts != health.parts {
            hub.state(serde_json::to_string(&now).unwrap_or_default());
        }
        health = now;
    }
}

fn told(sight: &Sight, heard: &Heard) -> String {
    let line = scale::report::line(sight.protocol, &heard.frame);
    let told = Told {
        at: iso_utc(sight.clock.utc_at(heard.at)),
        simulated: sight.simulated,
        reading: RawValue::from_string(line).ok(),
    };
    // a text, a flag and what is JSON already
    serde_json::to_string(&told).unwrap_or_default()
}

async fn changed<T>(watched: &mut Option<watch::Receiver<T>>) -> Result<(), watch::error::RecvError> {
    match watched {
        Some(watched) => watched.changed().await,
        None => std::future::pending().await,
    }
}
