//! Cameras of the kernel's video interface, captured for months on end.
//!
//! ```text
//! node ──open──▶ Capture (mode, stream) ──Harvester──▶ newest good frame ──nokhwa::Camera──▶ ring
//!   ▲                                                           │ silent, failing, gone
//!   └──── opened again, with growing pauses ◀──── Ladder ◀──────┘
//! ```
//!
//! The old handle is closed before anything is opened, and the name is looked up anew at every opening: a
//! camera that comes back gets another number.

mod backend;
mod capture;
mod device;
mod fault;
mod harvest;
mod identity;
mod ladder;
mod list;
mod modes;
mod node;
mod order;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use nokhwa::Camera;
use nokhwa::utils::{ControlValueSetter, KnownCameraControl};
use tracing::{info, warn};

use super::Settings;
use super::controls::{Controls, Setting};
use super::desk::{Desk, Driver, End};
use capture::Capture;
use device::Device;
use fault::{Fault, Step, sentence};
pub use identity::{NoRule, Rule};
use ladder::{Ladder, Remedy};
pub use list::{Listed, ListedMode, list};
use modes::{Mode, Wish};
use node::Node;

use crate::kernel::Holder;

/// Where a camera comes from: the file system in the agent, a script in tests.
trait Place {
    /// Opens the camera that the settings name.
    fn open(&mut self) -> Result<Box<dyn Device>, Fault>;
    /// The name by which it is spoken of.
    fn name(&self) -> PathBuf;
    /// The other programs that have it open.
    fn holders(&self) -> Vec<Holder>;
    /// Whether the camera that was opened is still the one that the settings mean, and the only one.
    fn look_again(&self) -> Result<(), Fault>;
    /// What resets the USB device, which may take its time.
    fn usb_reset(&self) -> std::io::Result<Reset>;
}

/// Resets a USB device.
type Reset = Box<dyn FnOnce() -> std::io::Result<()> + Send>;

/// A camera of the same kind that is plugged in later makes the name of the first one ambiguous.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How long the kernel may take to reset a device: a dead one is asked again and again for half a minute.
const RESET: Duration = Duration::from_mins(1);

/// The camera of the kernel's video interface.
pub(super) struct V4l2 {
    place: Box<dyn Place>,
    wish: Wish,
    warm_up: Duration,
    controls: Controls,
    ladder: Ladder,
    /// The sequence of the newest frame: it counts on when the camera is opened again.
    sequence: u64,
    opened: bool,
    /// Whether the camera was not there when it was last tried.
    is_absent: bool,
    /// How long a stream's first frame is waited for.
    patience: Duration,
    /// The mode that was told last.
    mode: Option<Mode>,
}

/// An open camera: what nokhwa works with, and the same capture for what nokhwa has no words for.
struct Open {
    camera: Camera,
    capture: Rc<RefCell<Capture>>,
}

/// Why the camera that is meant can never be used, as far as it is there and can be asked: then the settings are wrong,
/// and waiting is in vain.
#[must_use]
pub fn misfit(rule: &Rule) -> Option<String> {
    let mut place = Node::new(rule.clone());
    let asked = place.open().and_then(|device| {
        let identity = capture::identify(&*device)?;
        capture::format_of(&*device, &identity).map(|_| ())
    });
    asked.err().filter(Fault::is_misfit).map(|fault| sentence(&fault, &place.name(), &[]))
}

/// The other programs that have the camera open which is meant, as far as this user may see them.
#[must_use]
pub fn holders(rule: &Rule) -> Vec<Holder> {
    Node::new(rule.clone()).holders()
}

impl V4l2 {
    pub(super) fn new(rule: Rule, settings: &Settings) -> Self {
        Self::at(Box::new(Node::new(rule)), settings)
    }

    fn at(place: Box<dyn Place>, settings: &Settings) -> Self {
        let (width, height) = (settings.width.get(), settings.height.get());
        Self {
            place,
            wish: Wish { width, height, fps: settings.fps.get() },
            warm_up: settings.warm_up,
            controls: settings.controls.clone(),
            ladder: Ladder::default(),
            sequence: 0,
            opened: false,
            is_absent: false,
            patience: capture::FIRST,
            mode: None,
        }
    }

    fn open(&mut self, desk: &Rc<Desk>) -> Result<Open, Fault> {
        let device = self.place.open()?;
        if std::mem::replace(&mut self.opened, true) {
            desk.tally.count(|counts| counts.reopens += 1);
        }
        let mut capture = Capture::new(device, Rc::clone(desk), self.wish, self.warm_up, self.sequence)?;
        capture.wait_for_first(self.patience);
        let mode = capture.mode();
        if self.mode.replace(mode) != Some(mode) {
            info!(camera = desk.name, "the camera's mode is {mode}: {}", mode.reason(self.wish));
        }
        let capture = Rc::new(RefCell::new(capture));
        let camera = backend::camera(&capture, &self.place.name().to_string_lossy());
        let mut open = Open { camera, capture };
        let refused = open.set_controls(&self.controls);
        // said once, however often the camera is opened again
        let before = desk.ring.refused();
        desk.ring.set_refused(&refused);
        if let Some(what) = desk.ring.refused().filter(|what| before.as_ref() != Some(what)) {
            warn!(camera = desk.name, "the camera did not take all of its controls: {what}");
        }
        open.start()?;
        Ok(open)
    }

    /// Delivers frames until something ends that; a stream that fell silent is started again once.
    fn deliver(&mut self, open: &mut Open, desk: &Desk) -> (Fault, Remedy) {
        loop {
            let fault = open.stream(desk, &*self.place);
            self.sequence = open.capture.borrow().sequence();
            if matches!(fault, Fault::Stopped) || fault.is_gone() {
                return (fault, Remedy::Reopen);
            }
            desk.tally.count(|counts| counts.stalls += 1);
            let delivered_for = open.capture.borrow().delivered_for();
            if delivered_for.is_zero() {
                // It may be one of those that are slow to start.
                self.patience = capture::FIRST_OF_SLOW;
                open.capture.borrow_mut().wait_for_first(self.patience);
            }
            let remedy = self.ladder.failed(delivered_for);
            if remedy != Remedy::RestartStream {
                return (fault, remedy);
            }
            desk.lose(&format!("{}; its stream is started again", self.explain(&fault)));
            desk.tally.count(|counts| counts.restarts += 1);
            if let Err(fault) = open.restart() {
                return (fault, Remedy::Reopen);
            }
        }
    }

    fn explain(&mut self, fault: &Fault) -> String {
        self.is_absent = fault.is_absent();
        if self.is_absent && self.opened {
            // It was there before: its absence is one event, whichever step met it.
            return sentence(&fault::unplugged(), &self.place.name(), &[]);
        }
        let holders = if fault.is_busy() { self.place.holders() } else { Vec::new() };
        sentence(fault, &self.place.name(), &holders)
    }

    /// Takes the remedy that is due once the device is closed, and says how it goes on.
    fn apply(&mut self, remedy: Remedy, desk: &Desk) -> String {
        match remedy {
            Remedy::RestartStream | Remedy::Reopen => "; it is opened again".to_owned(),
            Remedy::ResetUsb => match self.place.usb_reset().and_then(|reset| in_peace(reset, desk)) {
                Ok(()) => {
                    desk.tally.count(|counts| counts.usb_resets += 1);
                    "; its USB device was reset".to_owned()
                }
                Err(error) => {
                    format!("; its USB device cannot be reset ({error}): unplug it and plug it in again")
                }
            },
            Remedy::AskForReplug => ": unplug it and plug it in again".to_owned(),
        }
    }
}

/// Lets a reset take its time, while the camera's thread shows that it is alive.
fn in_peace(reset: Reset, desk: &Desk) -> std::io::Result<()> {
    const SLICE: Duration = Duration::from_millis(100);
    let (tell, told) = mpsc::channel();
    // Whether anybody still waits for the answer is not the reset's business.
    let work = move || drop(tell.send(reset()));
    std::thread::Builder::new().name("usb-reset".to_owned()).spawn(work)?;
    for _ in 0..RESET.as_millis() / SLICE.as_millis() {
        match told.recv_timeout(SLICE) {
            Ok(answer) => return answer,
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) if desk.is_stopped() => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
    }
    Err(std::io::ErrorKind::TimedOut.into())
}

impl Driver for V4l2 {
    fn run(&mut self, desk: &Rc<Desk>) -> End {
        let (fault, remedy) = match self.open(desk) {
            // The camera is closed at the end of this arm, before anything else is tried.
            Ok(mut open) => self.deliver(&mut open, desk),
            Err(fault) if fault.is_gone() => return End::Lost(self.explain(&fault)),
            Err(fault) => (fault, self.ladder.failed(Duration::ZERO)),
        };
        let why = self.explain(&fault);
        match fault {
            Fault::Stopped => End::Stopped,
            Fault::Silent { .. } | Fault::Refused { .. } | Fault::Unfit(_) if fault.is_gone() => {
                End::Lost(why)
            }
            Fault::Silent { .. } | Fault::Refused { .. } | Fault::Unfit(_) => {
                End::Lost(why + &self.apply(remedy, desk))
            }
        }
    }

    /// Looking for a camera that is not there costs next to nothing, and the shop waits for the one that is
    /// plugged in again. One that is there and fails needs peace.
    fn longest_pause(&self) -> Duration {
        if self.is_absent { Duration::from_millis(250) } else { Duration::from_secs(5) }
    }
}

impl Open {
    /// Sets the controls and reads them back; returns what the camera refused.
    fn set_controls(&mut self, controls: &Controls) -> Vec<String> {
        if controls.is_empty() {
            return Vec::new();
        }
        let (plan, untold) = {
            let capture = self.capture.borrow();
            let (offered, untold) = capture.device().controls();
            (controls.plan(&offered, |control, place| capture.device().menu_word(control, place)), untold)
        };
        let mut refused = plan.refused;
        refused.extend(untold.map(|error| format!("it cannot describe one of its controls: {error}")));
        for Setting { id, name, value } in plan.settings {
            let control = KnownCameraControl::Other(id.into());
            let set = self.camera.set_camera_control(control, ControlValueSetter::Integer(value.into()));
            let now = self.capture.borrow().device().value(id).ok();
            match (set, now) {
                (Err(error), _) => refused.push(format!("{name} = {value} was refused: {error}")),
                (Ok(()), Some(now)) if now != value => refused.push(format!("{name} = {value} became {now}")),
                (Ok(()), _) => {}
            }
        }
        refused
    }

    fn start(&mut self) -> Result<(), Fault> {
        self.camera.open_stream().map_err(|error| self.fault(Step::StartStream, &error))
    }

    fn restart(&mut self) -> Result<(), Fault> {
        self.camera.stop_stream().map_err(|error| self.fault(Step::StartStream, &error))?;
        self.start()
    }

    /// Moves frames into the ring until there are no more.
    fn stream(&mut self, desk: &Desk, place: &dyn Place) -> Fault {
        let mut due = desk.clock.now() + LOOK_AGAIN;
        loop {
            if desk.clock.now() >= due {
                due = desk.clock.now() + LOOK_AGAIN;
                if let Err(fault) = place.look_again() {
                    return fault;
                }
            }
            let bytes = match self.camera.frame_raw() {
                Ok(bytes) => bytes.into_owned(),
                Err(error) => return self.fault(Step::Capture, &error),
            };
            if let Some(mut frame) = self.capture.borrow_mut().take_about() {
                frame.bytes = bytes;
                desk.deliver(frame);
            }
        }
    }

    /// The fault behind an error of nokhwa.
    fn fault(&self, step: Step, error: &nokhwa::NokhwaError) -> Fault {
        let kept = self.capture.borrow_mut().take_fault();
        kept.unwrap_or_else(|| Fault::Refused { step, error: std::io::Error::other(error.to_string()) })
    }
}
