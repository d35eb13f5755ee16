//! Reports: the service wants to know what became of every recognition, and gets to know it whatever happens.
//!
//! [`Outbox`] accepts a report only when it is on disk, and sends it until the service has taken it: in the
//! pauses between weighings, over a connection of its own, the reports of one recognition in their order. A
//! report that the service refuses is put into quarantine and the others go on. A recognition that nobody
//! reports is reported as unused after a while.

mod aside;
mod desk;
mod kept;
mod ledger;
mod report;
mod sender;
mod settings;
mod store;
mod verdict;

pub use kept::{Accepted, Counts, Item, Refused, StoreError};
pub use ledger::{Audited, Entry};
pub use report::{Extra, Kind, Method, Moment, Report, Selection, Senseless, Text, Transaction};
pub use settings::{Audit, Settings};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::DateTime;
use ring::digest::{SHA256, digest};
use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::session::Session;
use super::trust;
use crate::stamp::Clock;
use desk::{Desk, Note};
use kept::NewItem;
use sender::{Sender, limits};
use store::Store;

/// What is known about the reports; for the STATUS line and the metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutboxState {
    /// How many wait, and what they take.
    pub counts: Counts,
    /// Weighings that are missing in the audit trail since the start.
    pub missed: u64,
    /// What is wrong, and what to do; none when all is well.
    pub trouble: Option<String>,
}

/// Why a report is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// It says something that cannot be.
    #[error(transparent)]
    Senseless(#[from] Senseless),
    /// It cannot be kept.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// The reports on their way to the service.
#[derive(Debug)]
pub struct Outbox {
    settings: Settings,
    audit: Audit,
    clock: Clock,
    desk: Desk,
    missed: Arc<AtomicU64>,
    wake: Arc<Notify>,
    state: watch::Receiver<OutboxState>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Outbox {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Outbox {
    /// Opens a file and begins to send what waits in it; must be called inside a runtime. It also takes over
    /// the session's late answers, which want a report like the others.
    ///
    /// A file that cannot be used stops nothing: the state says so, reports are refused, and it is tried again.
    pub fn open(
        file: PathBuf,
        settings: Settings,
        audit: Audit,
        session: &Session,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let name = file.display().to_string();
        let desk = Desk::start(file)?;
        let wake = Arc::new(Notify::new());
        let (state, seen) = watch::channel(OutboxState::default());
        let courier = session
            .courier()
            .map_err(|no_trust| StoreError::Other { file: name, why: no_trust.to_string() })?;
        let missed = Arc::new(AtomicU64::new(0));
        let sender = Sender {
            settings: settings.clone(),
            audit: audit.clone(),
            missed: Arc::clone(&missed),
            desk: desk.clone(),
            courier,
            clock: clock.clone(),
            wake: Arc::clone(&wake),
            state,
        };
        let mut tasks = vec![tokio::spawn(sender.run())];
        if let Some(mut late) = session.late() {
            let (desk, clock) = (desk.clone(), clock.clone());
            tasks.push(tokio::spawn(async move {
                while let Some(late) = late.recv().await {
                    tracing::info!(
                        weighing = late.weighing,
                        recognition_id = late.recognition.id.as_str(),
                        "an answer came after its deadline; it is not shown"
                    );
                    saw(&desk, &clock, late.weighing, late.recognition.id.as_str().to_owned());
                }
            }));
        }
        Ok(Self { settings, audit, clock, desk, missed, wake, state: seen, tasks })
    }

    /// Takes note of a recognition, so that it can be reported. Waits for nothing.
    pub fn saw(&self, weighing: &str, recognition_id: &str) {
        saw(&self.desk, &self.clock, weighing.to_owned(), recognition_id.to_owned());
    }

    /// Takes a weighing into the audit trail, if the settings want one. Waits for nothing; what finds no room on
    /// its way is counted and said.
    pub fn record(&self, entry: Entry) {
        if self.audit.most_days.get() == 0 {
            return;
        }
        let now = now(&self.clock);
        if !self.desk.tell(move |store| Ok(store.record(&entry, now)?)) {
            self.missed.fetch_add(1, Ordering::Relaxed);
            self.wake.notify_one();
        }
    }

    /// Whether the trail wants pictures.
    #[must_use]
    pub const fn wants_pictures(&self) -> bool {
        self.audit.most_days.get() > 0 && self.audit.pictures
    }

    /// Accepts a report about a weighing's recognition; when this returns, it is on disk. The same report again
    /// is recognised, also after it was sent.
    pub async fn accept(&self, weighing: &str, report: &Report) -> Result<Accepted, NotAccepted> {
        let body = report.body(self.clock.utc_at(self.clock.now()))?;
        // a time that was left out is no part of what was said
        let said = digest(&SHA256, report.body(DateTime::UNIX_EPOCH)?.as_bytes()).as_ref().to_vec();
        let key = ulid::Ulid::generate().to_string();
        let new = NewItem { key, weighing: weighing.to_owned(), kind: report.kind(), body, said };
        let (limits, now) = (limits(&self.settings), now(&self.clock));
        let accepted = self.desk.write(move |store| store.accept(&new, limits, now)).await;
        self.wake.notify_one();
        Ok(accepted?)
    }

    /// Waits, not longer than `within`, until everything noted so far is on disk.
    pub async fn drain(&self, within: Duration) {
        if tokio::time::timeout(within, self.desk.ask(|_| Ok(()))).await.is_err() {
            tracing::warn!(
                "the disk is too slow: recognitions of the last moments may stay without a report"
            );
        }
    }

    /// What is known about the reports, now and whenever it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<OutboxState> {
        self.state.clone()
    }
}

fn saw(desk: &Desk, clock: &Clock, weighing: String, id: String) {
    let name = weighing.clone();
    if !desk.note(Note { weighing, id, at: now(clock) }) {
        tracing::error!(weighing = name, "the disk is too slow: this recognition will not be reported");
    }
}

/// UTC milliseconds; none while the clock is not set.
fn now(clock: &Clock) -> Option<i64> {
    trust::clock_not_set(clock).is_none().then(|| clock.utc_at(clock.now()).timestamp_millis())
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// The reports in a file, for `scalecam outbox`; the agent may have it open at the same time.
#[derive(Debug)]
pub struct OutboxFile(Store);

impl OutboxFile {
    /// Opens a file that is there; none when there is no such file.
    pub fn open(path: &Path) -> Result<Option<Self>, StoreError> {
        if !path.exists() {
            return Ok(None);
        }
        Store::open(path).map(|store| Some(Self(store)))
    }

    /// Everything that waits or is in quarantine, in the order of acceptance.
    pub fn list(&self) -> Result<Vec<Item>, StoreError> {
        self.0.list()
    }

    /// How much there is.
    pub fn counts(&self) -> Result<Counts, StoreError> {
        self.0.counts()
    }

    /// The last weighings of the audit trail, or one of them, oldest first.
    pub fn audited(&self, most: u32, weighing: Option<&str>) -> Result<Vec<Audited>, StoreError> {
        self.0.audited(most, weighing)
    }

    /// The picture of a weighing, if it is kept.
    pub fn picture(&self, weighing: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.picture(weighing)
    }

    /// What is wrong with the file; empty when nothing is.
    pub fn verify(&self) -> Result<Vec<String>, StoreError> {
        self.0.verify()
    }

    /// Deletes what is in quarantine, or everything; says how many.
    pub fn purge(&mut self, everything: bool) -> Result<u64, StoreError> {
        self.0.purge(everything)
    }

    /// Lets what is in quarantine try again; says how many.
    pub fn release(&mut self) -> Result<u64, StoreError> {
        self.0.release()
    }
}
