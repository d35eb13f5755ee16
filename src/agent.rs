//! The running agent: settings become threads and tasks, and those an end.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::camera::{self, Camera};
use crate::config::{Config, PortName};
use crate::lane::{Ask, Lane, Shop, Stopped};
use crate::local::{Around, CannotOpen, Local, Sight};
use crate::outcome::Outcome;
use crate::practice::scale::{Options, Pace, PracticeError, PracticeScale, Programme};
use crate::pulse::Pulse;
use crate::recognition::reports::Outbox;
use crate::recognition::{self, KeySource, NoTrust, Session};
use crate::serial::Link;
use crate::sink::Sinks;
use crate::stability::Detector;
use crate::stamp::{Clock, Stamp};

/// Events of the scale that may wait for the lane: two seconds of the fastest scale. The lane only ever
/// passes them on, so it is never far behind.
const EVENTS: usize = 128;
/// Hand triggers that may wait for the lane.
const ASKS: usize = 4;
/// The lane must beat within this; it does so every second.
const LANE_PULSE: Duration = Duration::from_secs(10);
/// The camera's thread must beat within this; it does so every half second.
const CAMERA_PULSE: Duration = Duration::from_secs(10);
/// How long the weighing in hand may take to finish at the end.
pub const FINISH: Duration = Duration::from_secs(4);
/// How long the requests of local programs may take after that.
const CLOSE: Duration = Duration::from_secs(1);
/// How long the sinks may take meanwhile.
const DRAIN: Duration = Duration::from_secs(4);
/// And the disk, for what is to be reported. Together below the service manager's own limit.
const NOTED: Duration = Duration::from_secs(1);

/// Why the agent cannot start. A missing device or network is no such reason: it runs, says so, and heals.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    /// The device has no name.
    #[error("device.id is not set, and this machine tells no serial number to use instead: set device.id")]
    NoDeviceId,
    /// The trust root in the settings cannot be used.
    #[error(transparent)]
    Trust(#[from] NoTrust),
    /// The practice scale in the settings cannot be made.
    #[error("scale.port: {0}")]
    Practice(#[from] PracticeError),
    /// The local interface cannot be opened.
    #[error(transparent)]
    Local(#[from] CannotOpen),
    /// The kernel gives no more threads or descriptors.
    #[error("the kernel refuses a thread or a descriptor: {0}")]
    Kernel(#[from] std::io::Error),
}

/// A running agent.
#[derive(Debug)]
pub struct Agent {
    lane: JoinHandle<Stopped>,
    halt: oneshot::Sender<()>,
    asks: mpsc::Sender<Ask>,
    outcomes: broadcast::Receiver<Arc<Outcome>>,
    sight: Sight,
    local: Option<Local>,
    link: Arc<Link>,
    camera: Camera,
    lane_pulse: Pulse,
    /// Last, so that its terminal outlives everybody who reads it.
    practice: Option<PracticeScale>,
}

impl Agent {
    /// Starts everything that the settings describe. `plate` is what an agent before it left, so that goods
    /// that were weighed are not weighed again. Must be called inside a runtime.
    pub fn start(config: &Config, plate: Option<Detector>, clock: &Clock) -> Result<Self, CannotStart> {
        let device_id = config.device_id.clone().or_else(crate::host::machine_serial);
        let device_id = device_id.ok_or(CannotStart::NoDeviceId)?;
        let key = KeySource::from_environment(config.recognition.api_key_file.clone());
        let session = Session::open(config.recognition.clone(), key, clock.clone())?;
        let (practice, device) = scale(config)?;
        let camera = camera::start(&config.camera, clock.clone())?;
        let (events, from_scale) = mpsc::channel(EVENTS);
        let link = Arc::new(Link::start(config.link(device), clock.clone(), events)?);

        let outbox = outbox(config, &session, clock).map(Arc::new);
        // The outbox takes over the late answers; without one they are only told.
        if let Some(late) = session.late() {
            tokio::spawn(tell(late));
        }
        let (service, counters) = (session.state(), session.counters());
        let shop = Arc::new(Shop {
            device_id,
            simulated: config.is_simulated(),
            products: Arc::clone(&config.products),
            checksum: config.checksum.clone(),
            ring: Arc::clone(camera.ring()),
            camera: config.camera.clone(),
            picture: config.picture.clone(),
            recognition: config.recognition.clone(),
            session,
            outbox: outbox.clone(),
            sinks: Sinks::start(&config.sinks, &link),
            clock: clock.clone(),
            bodies: Mutex::default(),
            placement: AtomicU64::new(0),
            smaller: AtomicU8::new(0),
        });
        let rules = config.rules();
        let detector = plate.map_or_else(|| Detector::new(rules), |before| before.under(rules));
        let lane_pulse = Pulse::new("lane", LANE_PULSE, clock.now());
        let lane = Lane::new(shop, detector, config.trigger.manual, lane_pulse.clone());
        let (halt, told_to_stop) = oneshot::channel();
        let (asks, to_lane) = mpsc::channel(ASKS);
        let sight = Sight {
            simulated: config.is_simulated(),
            protocol: config.scale.family.name,
            clock: clock.clone(),
            lane: lane.status(),
            camera: Arc::clone(camera.ring()),
            frames: camera.tally(),
            service,
            session: counters,
            reports: outbox.as_ref().map(|outbox| outbox.state()),
        };
        let local = Local::open(&config.local, || Around {
            sight: sight.clone(),
            asks: asks.clone(),
            outbox,
            outcomes: lane.outcomes(),
            heard: lane.heard(),
        })?;
        Ok(Self {
            sight,
            local,
            outcomes: lane.outcomes(),
            lane: tokio::spawn(lane.run(from_scale, to_lane, told_to_stop, FINISH)),
            halt,
            asks,
            link,
            camera,
            lane_pulse,
            practice,
        })
    }

    /// Passes a hand trigger on. Dropping it, when too many wait already, answers it.
    pub fn ask(&self, ask: Ask) {
        if self.asks.try_send(ask).is_err() {
            warn!("a hand trigger was refused: too many wait already");
        }
    }

    /// Every outcome from now on.
    #[must_use]
    pub fn outcomes(&self) -> broadcast::Receiver<Arc<Outcome>> {
        self.outcomes.resubscribe()
    }

    /// The practice scale, if the settings ask for one.
    #[must_use]
    pub const fn practice(&self) -> Option<&PracticeScale> {
        self.practice.as_ref()
    }

    /// The present state in one line, worst news first.
    #[must_use]
    pub fn status_line(&self) -> String {
        self.sight.line()
    }

    /// Whose thread or task stands still, if any does.
    #[must_use]
    pub fn stuck(&self, now: Stamp) -> Option<&'static str> {
        if now.since(self.camera.heartbeat().last()) > CAMERA_PULSE {
            return Some("camera");
        }
        [&self.lane_pulse, &self.link.pulse()].into_iter().find(|pulse| pulse.is_late(now)).map(Pulse::name)
    }

    /// Lets the weighing in hand finish, then ends everything. Gives the plate's state for an agent after it.
    pub async fn stop(self) -> Option<Detector> {
        // The lane may have ended by itself.
        let _ = self.halt.send(());
        let stopped = match self.lane.await {
            Ok(stopped) => stopped,
            Err(error) => {
                warn!("the lane broke off: {error}");
                return None;
            }
        };
        if let Some(shop) = Arc::into_inner(stopped.shop) {
            let close = async {
                if let Some(local) = self.local {
                    local.close(CLOSE).await;
                }
            };
            tokio::join!(shop.sinks.drain(DRAIN), close);
            if let Some(outbox) = shop.outbox {
                outbox.drain(NOTED).await;
            }
        }
        info!("stopped");
        Some(stopped.detector)
    }
}

/// The scale's device, and the practice scale behind it if the settings ask for one.
fn scale(config: &Config) -> Result<(Option<PracticeScale>, PathBuf), CannotStart> {
    if let Some(advice) = config.advice() {
        warn!("{advice}");
    }
    match &config.scale.port {
        PortName::Device(device) => Ok((None, device.clone())),
        PortName::Practice(family) => {
            let programme = Some(Programme::endless(1, Pace::default()));
            let scale = PracticeScale::start(Options { programme, ..Options::new(family.name) })?;
            let device = scale.path().unwrap_or_default();
            warn!(terminal = %device.display(), "SIMULATION: a practice scale that speaks {}", family.name);
            Ok((Some(scale), device))
        }
    }
}

/// Tells what came too late to be shown. Ends with the session, which holds the other end.
async fn tell(mut late: mpsc::Receiver<recognition::Late>) {
    while let Some(answer) = late.recv().await {
        info!(
            weighing = answer.weighing,
            recognition_id = answer.recognition.id.as_str(),
            "an answer came after its deadline; it is not shown"
        );
    }
}

/// The reports, where there is a place to keep them. What is wrong with the place stops nothing.
fn outbox(config: &Config, session: &Session, clock: &Clock) -> Option<Outbox> {
    let Some(file) = config.reports.place() else {
        info!(
            "nothing is reported to the service: reports.file is not set, and the service manager gives no folder"
        );
        return None;
    };
    match Outbox::open(file, config.reports.clone(), config.audit.clone(), session, clock.clone()) {
        Ok(outbox) => Some(outbox),
        Err(error) => {
            warn!("nothing is reported to the service: {error}");
            None
        }
    }
}
