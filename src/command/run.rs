//! `scalecam run`: the agent as a service.

use std::path::Path;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tracing::{error, info, warn};

use super::{Exit, runtime};
use crate::agent::{Agent, CannotStart};
use crate::config::Config;
use crate::control::Control;
use crate::host::{hide_memory, log, notify, watchdog};
use crate::lane::Ask;
use crate::local::CannotOpen;
use crate::stamp::Clock;

/// Hand triggers that may wait while the agent restarts under new settings.
const ASKS: usize = 4;
/// The state is told to the service manager when it changed, this often at most.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// The watchdog is fed this often where the service manager does not say.
const LOOK_EVERY: Duration = Duration::from_secs(5);

pub(super) fn run(file: &Path) -> Result<(), Exit> {
    let config = Config::read(file).map_err(Exit::bad_settings)?;
    log();
    hide_memory();
    let runtime = runtime()?;
    let served = runtime.block_on(serve(file, config));
    // A sink that is stuck in the kernel must not hold the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

/// The signals that the agent hears.
struct Signals {
    end: Signal,
    interrupt: Signal,
    reload: Signal,
    trigger: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            end: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            reload: signal(SignalKind::hangup())?,
            trigger: signal(SignalKind::user_defined1())?,
        })
    }
}

async fn serve(file: &Path, config: Config) -> Result<(), Exit> {
    // Before anything else: a signal that nobody hears ends the process.
    let mut signals = Signals::listen().map_err(Exit::failed)?;
    let control = Control::bind(file).map_err(|error| {
        Exit::failed(format!("another agent is running with the settings {}: {error}", file.display()))
    })?;
    let clock = Clock::system();
    let mut agent = Agent::start(&config, None, &clock).map_err(|error| cannot_start(file, &error))?;
    let (asks, mut from_control) = mpsc::channel(ASKS);
    let control = tokio::spawn(async move { control.serve(asks).await });
    notify(&[NotifyState::Ready, NotifyState::Status(&agent.status_line())]);
    info!(version = env!("CARGO_PKG_VERSION"), settings = %file.display(), "started");

    let mut status = tokio::time::interval(STATUS_EVERY);
    let mut look = tokio::time::interval(watchdog().unwrap_or(LOOK_EVERY));
    status.set_missed_tick_behavior(MissedTickBehavior::Delay);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = String::new();
    let mut config = config;
    loop {
        tokio::select! {
            biased;
            _ = signals.end.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.reload.recv() => (agent, config) = reload(file, agent, config, &clock).await?,
            _ = signals.trigger.recv() => agent.ask(Ask { reply: None }),
            Some(ask) = from_control.recv() => agent.ask(ask),
            _ = look.tick() => match agent.stuck(clock.now()) {
                None => notify(&[NotifyState::Watchdog]),
                Some(part) => error!("{part} stands still; the service manager will start the agent anew"),
            },
            _ = status.tick() => {
                let line = agent.status_line();
                if line != told {
                    notify(&[NotifyState::Status(&line)]);
                    told = line;
                }
            }
        }
    }
    notify(&[NotifyState::Stopping, NotifyState::Status("finishing the weighing in hand")]);
    control.abort();
    agent.stop().await;
    Ok(())
}

/// Reads the settings again. Bad ones are reported, and the old ones stay.
async fn reload(file: &Path, agent: Agent, old: Config, clock: &Clock) -> Result<(Agent, Config), Exit> {
    let monotonic = NotifyState::monotonic_usec_now().map_err(Exit::failed)?;
    notify(&[NotifyState::Reloading, monotonic]);
    let outcome = match Config::read(file) {
        Ok(new) => {
            let plate = agent.stop().await;
            match Agent::start(&new, plate.clone(), clock) {
                Ok(agent) => {
                    info!(settings = %file.display(), "settings read again");
                    Ok((agent, new))
                }
                Err(error) => {
                    warn!("{}: {error}; the settings before stay in force", file.display());
                    let agent =
                        Agent::start(&old, plate, clock).map_err(|error| cannot_start(file, &error))?;
                    Ok((agent, old))
                }
            }
        }
        Err(error) => {
            warn!("{error}; the settings before stay in force");
            Ok((agent, old))
        }
    };
    notify(&[NotifyState::Ready]);
    outcome
}

fn cannot_start(file: &Path, error: &CannotStart) -> Exit {
    let sentence = format!("{}: {error}", file.display());
    match error {
        CannotStart::NoDeviceId
        | CannotStart::Trust(_)
        | CannotStart::Practice(_)
        | CannotStart::Local(CannotOpen::Token(_)) => Exit::bad_settings(sentence),
        CannotStart::Local(CannotOpen::Listen { .. }) | CannotStart::Kernel(_) => Exit::failed(sentence),
    }
}
