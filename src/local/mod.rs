//! The local interface: HTTP for the till and other programs on this box. Off unless the settings ask for it.
//!
//! `door` listens and holds every limit on a connection, `wire` on its bytes; `guard` says who may ask,
//! `routes` what there is, `problem` what was wrong; `events` tells everything as it happens, `sight` the
//! present state, `metrics` the counters, `token` who may change something.
//!
//! Nothing here is on the path of a weighing: the lane tells what happened into channels with a bound and waits
//! for nobody.

mod door;
mod events;
mod guard;
mod metrics;
mod problem;
mod pump;
mod routes;
mod sight;
mod token;
mod wire;

pub use routes::ROUTES;
pub use sight::{Health, Part, Sight};

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;

use crate::config::Local as Settings;
use crate::lane::{Ask, Heard};
use crate::outcome::Outcome;
use crate::recognition::reports::Outbox;
use door::{Door, House};
use events::Hub;
use metrics::Meters;
use token::Token;

/// Why the interface cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum CannotOpen {
    /// Its address or socket cannot be used.
    #[error("local.listen: {place}: {why}")]
    Listen {
        /// The address or the path.
        place: String,
        /// The system's own words.
        why: String,
    },
    /// There is no token.
    #[error("local.token_file: {0}")]
    Token(String),
}

/// What the interface passes on and tells of.
#[derive(Debug)]
pub struct Around {
    /// The present state.
    pub sight: Sight,
    /// Hand triggers.
    pub asks: mpsc::Sender<Ask>,
    /// The reports; none when there is no place to keep them.
    pub outbox: Option<Arc<Outbox>>,
    /// Every outcome.
    pub outcomes: broadcast::Receiver<Arc<Outcome>>,
    /// Everything the scale says.
    pub heard: broadcast::Receiver<Heard>,
}

/// The open interface.
#[derive(Debug)]
pub struct Local {
    stop: watch::Sender<bool>,
    doors: Vec<JoinHandle<()>>,
    pump: JoinHandle<()>,
}

impl Drop for Local {
    fn drop(&mut self) {
        for task in self.doors.iter().chain([&self.pump]) {
            task.abort();
        }
    }
}

impl Local {
    /// Opens what the settings ask for; none when they ask for nothing. Must be called inside a runtime.
    pub fn open(settings: &Settings, around: impl FnOnce() -> Around) -> Result<Option<Self>, CannotOpen> {
        if !settings.is_on() {
            return Ok(None);
        }
        let around = around();
        let token = Token::obtain(settings.token_file.as_deref())?;
        let (hub, meters) = (Arc::new(Hub::new()), Arc::new(Meters::default()));
        let (stop, stopped) = watch::channel(false);
        let house = Arc::new(House {
            hub: Arc::clone(&hub),
            meters: Arc::clone(&meters),
            sight: around.sight.clone(),
            asks: around.asks,
            outbox: around.outbox,
            token,
            always_token: settings.beyond_this_box,
            stopped,
        });
        let doors = Door::open_all(settings)?;
        let pump = pump::run(hub, meters, around.sight, around.outcomes, around.heard);
        Ok(Some(Self {
            doors: doors.into_iter().map(|door| tokio::spawn(door.serve(Arc::clone(&house)))).collect(),
            pump: tokio::spawn(pump),
            stop,
        }))
    }

    /// Takes no more requests, lets those in hand be answered, and ends, all within a time.
    pub async fn close(mut self, within: Duration) {
        self.stop.send_replace(true);
        let doors = std::mem::take(&mut self.doors);
        let ends: Vec<_> = doors.iter().map(JoinHandle::abort_handle).collect();
        let all = async {
            for door in doors {
                // a door that broke off has closed, too
                let _ = door.await;
            }
        };
        if tokio::time::timeout(within, all).await.is_err() {
            ends.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }
}
