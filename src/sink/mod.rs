//! Where outcomes go. Every outcome, failure included, is offered to every sink.
//!
//! Each sink is a task with a queue of its own, so that a slow or broken one delays neither the others nor the
//! next weighing. Devices (the scale's display, a till) come first, since a shopper waits for them; records
//! (standard output, a file, a program) follow with the time the devices took.

mod beep;
mod command;
mod display;
mod file;
mod price;
mod serial;
mod settings;
mod stdout;
mod tare;
mod text;

pub use settings::{BeepOn, Settings};
pub use text::{NotATemplate, Template};

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::outcome::{Barcode, Outcome};
use crate::serial::Link;

/// Outcomes that may wait for one sink: a minute of weighings at the quickest lane. When it is full the new
/// outcome is not offered to that sink, and that is said.
const QUEUE: usize = 64;
/// How long the records wait to hear how long the devices took. A display confirms within two answers of the
/// scale, about 50 ms at 9600 baud.
const DEVICES_LIMIT: Duration = Duration::from_millis(150);

/// One place that outcomes go to.
trait Sink: Send {
    /// Takes one outcome. An error is a sentence for the log; the next outcome is offered all the same.
    fn take(&mut self, outcome: &Outcome) -> impl Future<Output = Result<(), String>> + Send;

    /// A bar code passed the scanner of a scanner-scale.
    fn scanned(&mut self, _barcode: &Barcode) -> impl Future<Output = Result<(), String>> + Send {
        std::future::ready(Ok(()))
    }

    /// The plate is empty again.
    fn plate_emptied(&mut self) {}
}

enum Delivery {
    Outcome { outcome: Arc<Outcome>, done: Option<oneshot::Sender<()>> },
    Scanned(Arc<Barcode>),
    PlateEmptied,
}

/// The way to one sink's task.
#[derive(Debug)]
struct Queue {
    name: String,
    deliveries: mpsc::Sender<Delivery>,
}

/// All sinks of one agent.
#[derive(Debug)]
pub struct Sinks {
    devices: Vec<Queue>,
    records: Vec<Queue>,
    tasks: JoinSet<()>,
}

impl Sinks {
    /// Starts the tasks. `link` is the conversation with the scale, for its display.
    #[must_use]
    pub fn start(settings: &[Settings], link: &Arc<Link>) -> Self {
        let mut sinks = Self { devices: Vec::new(), records: Vec::new(), tasks: JoinSet::new() };
        for setting in settings {
            let name = setting.name();
            let (deliveries, queue) = mpsc::channel(QUEUE);
            let way = Queue { name: name.clone(), deliveries };
            match setting {
                Settings::Stdout => {
                    sinks.tasks.spawn(serve(name, stdout::Stdout, queue));
                    sinks.records.push(way);
                }
                Settings::File { path } => {
                    sinks.tasks.spawn(serve(name, file::File::new(path.clone()), queue));
                    sinks.records.push(way);
                }
                Settings::Command { run, time_limit } => {
                    let command = command::Command::new(run.clone(), *time_limit);
                    sinks.tasks.spawn(serve(name, command, queue));
                    sinks.records.push(way);
                }
                Settings::ScaleDisplay(texts) => {
                    let display = display::ScaleDisplay::new(Arc::clone(link), texts.clone());
                    sinks.tasks.spawn(serve(name, display, queue));
                    sinks.devices.push(way);
                }
                Settings::ScalePrice => {
                    sinks.tasks.spawn(serve(name, price::ScalePrice::new(Arc::clone(link)), queue));
                    sinks.devices.push(way);
                }
                Settings::ScaleTare { otherwise } => {
                    let tare = tare::ScaleTare::new(Arc::clone(link), *otherwise);
                    sinks.tasks.spawn(serve(name, tare, queue));
                    sinks.devices.push(way);
                }
                Settings::ScaleBeep { on } => {
                    sinks.tasks.spawn(serve(name, beep::ScaleBeep::new(Arc::clone(link), *on), queue));
                    sinks.devices.push(way);
                }
                Settings::Serial { port, texts } => {
                    let serial = serial::Serial::new(port.clone(), texts.clone());
                    sinks.tasks.spawn(serve(name, serial, queue));
                    sinks.devices.push(way);
                }
            }
        }
        sinks
    }

    /// Offers an outcome to the devices and waits, for a short time at most, until they have taken it.
    /// Answers whether there was a device that took it.
    pub async fn write_back(&self, outcome: &Arc<Outcome>) -> bool {
        let mut waits = JoinSet::new();
        for device in &self.devices {
            let (done, taken) = oneshot::channel();
            device.offer(Delivery::Outcome { outcome: Arc::clone(outcome), done: Some(done) });
            waits.spawn(taken);
        }
        let all = async {
            let mut taken = false;
            while let Some(wait) = waits.join_next().await {
                taken |= matches!(wait, Ok(Ok(())));
            }
            taken
        };
        tokio::time::timeout(DEVICES_LIMIT, all).await.unwrap_or(false)
    }

    /// Offers an outcome to the records.
    pub fn record(&self, outcome: &Arc<Outcome>) {
        for record in &self.records {
            record.offer(Delivery::Outcome { outcome: Arc::clone(outcome), done: None });
        }
    }

    /// Passes a bar code on to the records.
    pub fn scanned(&self, barcode: &Arc<Barcode>) {
        for record in &self.records {
            record.offer(Delivery::Scanned(Arc::clone(barcode)));
        }
    }

    /// Tells the devices that the plate is empty again.
    pub fn plate_emptied(&self) {
        for device in &self.devices {
            device.offer(Delivery::PlateEmptied);
        }
    }

    /// Lets every sink finish what it was given, up to a limit; what is left then is said and given up.
    pub async fn drain(mut self, limit: Duration) {
        self.devices.clear();
        self.records.clear();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, all).await.is_err() {
            warn!("sinks did not finish within {} ms; what they had left is lost", limit.as_millis());
        }
    }
}

impl Queue {
    fn offer(&self, delivery: Delivery) {
        if self.deliveries.try_send(delivery).is_err() {
            warn!(sink = %self.name, "the sink does not keep up; this outcome is not written to it");
        }
    }
}

/// Takes deliveries until nobody sends any more. Trouble is said once, and once more when it is over.
async fn serve(name: String, mut sink: impl Sink, mut queue: mpsc::Receiver<Delivery>) {
    let mut trouble: Option<String> = None;
    while let Some(delivery) = queue.recv().await {
        let (outcome, done) = match delivery {
            Delivery::Outcome { outcome, done } => (outcome, done),
            Delivery::PlateEmptied => {
                sink.plate_emptied();
                continue;
            }
            Delivery::Scanned(barcode) => {
                if let Err(why) = sink.scanned(&barcode).await {
                    warn!(sink = %name, "a bar code was lost: {why}");
                }
                continue;
            }
        };
        match sink.take(&outcome).await {
            Ok(()) => {
                if trouble.take().is_some() {
                    info!(sink = %name, "the sink works again");
                }
                if let Some(done) = done {
                    // The lane may have stopped waiting.
                    let _ = done.send(());
                }
            }
            Err(why) => {
                if trouble.as_deref() != Some(&why) {
                    warn!(sink = %name, weighing = %outcome.weighing, "{why}");
                }
                trouble = Some(why);
            }
        }
    }
}
