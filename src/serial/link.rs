//! The thread that holds the conversation with the scale.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::EventfdFlags;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, info, warn};

use super::port::{OpenPort, Port, Trouble, Woken};
use crate::pulse::Pulse;
use crate::scale::custom::Rules;
use crate::scale::dialogue::{self, Dialogue, Step};
use crate::scale::{Checksums, Family, Kind, NotWritten, Profile, Talk, Task, Terms, hex_from_bytes};
use crate::stamp::{Clock, Stamp};

/// From one try to open the port to the next, at first; doubled up to the ceiling. Whether an adapter is plugged in again
/// is one call to see, and the shop waits for it, so that there it stays.
const BACK_OFF: Duration = Duration::from_millis(250);
/// A port that is there and cannot be used: to find out who has it takes longer.
const BACK_OFF_CEILING: Duration = Duration::from_secs(2);
/// A line that stays silent for this long is closed and opened again: some adapters need it.
const SILENT_REOPEN: Duration = Duration::from_secs(30);
/// No wait is longer, so that the pulse beats.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// The thread must get on within this.
const PULSE_LIMIT: Duration = Duration::from_secs(10);
/// Orders that may wait: text, price, tare and beep, and the same once more. A further one is refused.
const ORDERS: usize = 8;

/// What the thread tells the lane.
#[derive(Debug)]
pub enum Event {
    /// The port is open.
    Opened,
    /// The port is not open, and why. Told once for each reason, not for each try.
    Lost(Trouble, Stamp),
    /// Something happened in the conversation.
    Said(dialogue::Event),
}

/// What the lane asks of the thread.
struct Order {
    task: Task,
    reply: Option<Reply>,
}

/// Who waits to hear what became of an order.
type Reply = oneshot::Sender<Result<(), NotWritten>>;

/// What a link needs to know.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The port and its line.
    pub port: Port,
    /// The protocol.
    pub family: &'static Family,
    /// What the site knows about the scale.
    pub profile: Profile,
    /// The longest hold of a settling load; polling stays brisk for that long.
    pub hold: Duration,
    /// The file with the checksums that a Dialog scale may demand; read again with every opening of the port.
    pub checksum_file: Option<PathBuf>,
    /// The protocol of the settings, for `custom`.
    pub custom: Option<Arc<Rules>>,
}

/// The running conversation with one scale. Dropping it closes the port and ends the thread.
#[derive(Debug)]
pub struct Link {
    orders: Option<SyncSender<Order>>,
    bell: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
    pulse: Pulse,
}

impl Link {
    /// Starts the thread. Events go to `events`; when nobody takes them the newest are dropped and that is
    /// said once: the lane then stands still, and its watchdog ends the process.
    pub fn start(setup: Setup, clock: Clock, events: mpsc::Sender<Event>) -> std::io::Result<Self> {
        let bell = Arc::new(rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (orders, inbox) = sync_channel(ORDERS);
        let pulse = Pulse::new("scale", PULSE_LIMIT, clock.now());
        let worker = Worker {
            setup,
            clock,
            events,
            inbox,
            bell: Arc::clone(&bell),
            pulse: pulse.clone(),
            replies: Vec::new(),
            told: None,
            overflowed: false,
        };
        let thread = std::thread::Builder::new().name("scale".to_owned()).spawn(move || worker.run())?;
        Ok(Self { orders: Some(orders), bell, thread: Some(thread), pulse })
    }

    /// Writes something to the scale and says what became of it.
    pub async fn write(&self, task: Task) -> Result<(), NotWritten> {
        let (reply, verdict) = oneshot::channel();
        self.order(Order { task, reply: Some(reply) });
        verdict.await.unwrap_or(Err(NotWritten::NotConnected))
    }

    /// Takes back what was written before.
    pub fn take_back(&self, task: Task) {
        self.order(Order { task, reply: None });
    }

    /// The thread's sign of life.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    fn order(&self, order: Order) {
        let Some(orders) = &self.orders else { return };
        match orders.try_send(order) {
            Ok(()) => ring(&self.bell),
            // Full or ended: dropping the order answers it with "not connected".
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.orders = None;
        ring(&self.bell);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn ring(bell: &OwnedFd) {
    // The counter can only overflow after 2^64 rings; then it has rung anyway.
    let _ = rustix::io::write(bell, &1_u64.to_ne_bytes());
}

/// What changes the scale is logged with its bytes: whoever checks the scale may ask for it.
fn log_order(kind: Option<Kind>, bytes: &[u8]) {
    match kind {
        Some(kind @ (Kind::Price | Kind::Tare)) => {
            info!(%kind, bytes = hex_from_bytes(bytes), "written to the scale");
        }
        Some(kind @ (Kind::Text | Kind::Beep)) => {
            debug!(%kind, bytes = hex_from_bytes(bytes), "written to the scale");
        }
        None => {}
    }
}

/// The link was dropped: end the thread.
struct Stop;

/// Why a conversation ended.
enum Ended {
    Stopped,
    Lost(Trouble),
    SilentForLong,
}

struct Worker {
    setup: Setup,
    clock: Clock,
    events: mpsc::Sender<Event>,
    inbox: Receiver<Order>,
    bell: Arc<OwnedFd>,
    pulse: Pulse,
    /// Who waits to hear what became of an order: one of each kind at most.
    replies: Vec<(Kind, Reply)>,
    /// The trouble that was told last.
    told: Option<Trouble>,
    overflowed: bool,
}

impl Worker {
    fn run(mut self) {
        let mut back_off = BACK_OFF;
        loop {
            let opened = match self.setup.family.talk {
                Talk::Reports => OpenPort::open_reports(&self.setup.port.path),
                Talk::Stream { .. } | Talk::Poll { .. } | Talk::Converse { .. } => {
                    OpenPort::open(&self.setup.port)
                }
            };
            match opened {
                Ok(port) => {
                    self.tell(Event::Opened);
                    self.told = None;
                    match self.converse(&port) {
                        Ended::Stopped => return,
                        Ended::Lost(trouble) => self.tell_trouble(trouble),
                        Ended::SilentForLong => {}
                    }
                    back_off = BACK_OFF;
                }
                Err(trouble) => {
                    if matches!(trouble, Trouble::Missing { .. }) {
                        back_off = BACK_OFF;
                    }
                    self.tell_trouble(trouble);
                }
            }
            if self.rest(back_off).is_err() {
                return;
            }
            back_off = (back_off * 2).min(BACK_OFF_CEILING);
        }
    }

    /// Holds the conversation until the port is lost, the scale has been silent for long, or the end.
    fn converse(&mut self, port: &OpenPort) -> Ended {
        let setup = &self.setup;
        let terms = Terms { checksums: self.checksums(), custom: setup.custom.clone() };
        let mut dialogue =
            Dialogue::begin(setup.family, &setup.profile, &terms, setup.hold, self.clock.now());
        let reports = matches!(setup.family.talk, Talk::Reports);
        let mut silent_since = None;
        let mut buffer = [0_u8; 1024];
        loop {
            let now = self.clock.now();
            self.pulse.beat(now);
            if silent_since.is_some_and(|since| now.since(since) > SILENT_REOPEN) {
                return Ended::SilentForLong;
            }
            let outcome = match dialogue.step(now) {
                Step::Send(bytes) => {
                    log_order(dialogue.writes(), &bytes);
                    port.write_all(&bytes).map(|()| Woken::Timeout)
                }
                Step::Tell(event) => {
                    if let dialogue::Event::Silent(at) = event {
                        silent_since.get_or_insert(at);
                    }
                    self.said(event);
                    Ok(Woken::Timeout)
                }
                Step::ListenUntil(until) => port.wait(self.bell.as_fd(), until.since(now).min(LONGEST_WAIT)),
            };
            let heard = match outcome {
                Ok(Woken::Timeout) => continue,
                Ok(Woken::Rung) => {
                    if self.take_orders(&mut dialogue).is_err() {
                        return Ended::Stopped;
                    }
                    continue;
                }
                Ok(Woken::Readable) => port.read(&mut buffer),
                Err(trouble) => return Ended::Lost(trouble),
            };
            match heard {
                Ok(bytes) => {
                    let at = self.clock.now();
                    let events: Vec<_> = if reports {
                        dialogue.hear_report(bytes, at)
                    } else {
                        bytes.iter().flat_map(|&byte| dialogue.hear(byte, at)).collect()
                    };
                    for event in events {
                        silent_since = None;
                        self.said(event);
                    }
                }
                Err(trouble) => return Ended::Lost(trouble),
            }
        }
    }

    /// The checksums of the settings. Without them the scale may weigh all the same, so that their trouble is only
    /// said; a scale that demands them says so itself.
    fn checksums(&self) -> Option<Checksums> {
        let file = self.setup.checksum_file.as_ref()?;
        let read = std::fs::read_to_string(file).map_err(|error| error.to_string());
        match read.and_then(|text| Checksums::parse(&text).map_err(|error| error.to_string())) {
            Ok(checksums) => Some(checksums),
            Err(why) => {
                warn!("scale.checksum_file {}: {why}", file.display());
                None
            }
        }
    }

    fn take_orders(&mut self, dialogue: &mut Dialogue) -> Result<(), Stop> {
        let _ = rustix::io::read(&*self.bell, &mut [0_u8; 8]);
        loop {
            let Order { task, reply } = match self.inbox.try_recv() {
                Ok(order) => order,
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => return Err(Stop),
            };
            let kind = task.kind();
            if let Some(superseded) = dialogue.order(task) {
                self.said(superseded);
            }
            self.replies.extend(kind.zip(reply));
        }
    }

    fn said(&mut self, event: dialogue::Event) {
        match event {
            dialogue::Event::Written(kind, verdict) => self.reply(kind, verdict),
            event @ (dialogue::Event::Frame(..)
            | dialogue::Event::Unchanged(_)
            | dialogue::Event::Empty(_)
            | dialogue::Event::Anew(_)
            | dialogue::Event::Barred(..)
            | dialogue::Event::Taring(..)
            | dialogue::Event::Silent(_)) => {
                self.tell(Event::Said(event));
            }
        }
    }

    /// Answers whoever waits longest for an order of that kind.
    fn reply(&mut self, kind: Kind, verdict: Result<(), NotWritten>) {
        if let Some(place) = self.replies.iter().position(|(waiting, _)| *waiting == kind) {
            // Whoever asked may have stopped waiting.
            let _ = self.replies.remove(place).1.send(verdict);
        }
    }

    /// Tells a trouble once; the same trouble again is only noted for the curious.
    fn tell_trouble(&mut self, trouble: Trouble) {
        // Dropping the replies answers them with "not connected".
        self.replies.clear();
        if self.told.as_ref() == Some(&trouble) {
            debug!(%trouble, "still");
            return;
        }
        self.told = Some(trouble.clone());
        self.tell(Event::Lost(trouble, self.clock.now()));
    }

    fn tell(&mut self, event: Event) {
        let full = matches!(self.events.try_send(event), Err(mpsc::error::TrySendError::Full(_)));
        if full && !self.overflowed {
            warn!("the lane does not take the scale's readings; some are lost");
        }
        self.overflowed = full;
    }

    /// Waits between two tries to open the port; ends early when the link is dropped.
    fn rest(&mut self, limit: Duration) -> Result<(), Stop> {
        let until = self.clock.now() + limit;
        loop {
            let now = self.clock.now();
            self.pulse.beat(now);
            let left = until.since(now);
            if left.is_zero() {
                return Ok(());
            }
            let mut fds = [rustix::event::PollFd::new(&*self.bell, rustix::event::PollFlags::IN)];
            let left = rustix::event::Timespec::try_from(left.min(LONGEST_WAIT)).ok();
            let _ = rustix::event::poll(&mut fds, left.as_ref());
            let _ = rustix::io::read(&*self.bell, &mut [0_u8; 8]);
            loop {
                match self.inbox.try_recv() {
                    // Dropping the order answers it with "not connected".
                    Ok(_) => {}
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Err(Stop),
                }
            }
        }
    }
}
