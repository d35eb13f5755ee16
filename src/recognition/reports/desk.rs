//! The one thread that touches the file. A disk may block for seconds; nobody else waits for it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::aside::{self, open_whole};
use super::kept::{Refused, StoreError};
use super::store::Store;

/// Work that waits for the disk. When it is full, whoever asks waits, and a recognition that was only to be
/// noted is dropped with a line in the log.
const QUEUE: usize = 256;

/// Recognitions that wait for a disk that takes nothing: ten days of a busy lane, two megabytes.
const NOTES: usize = 10_000;

type Job = Box<dyn FnOnce(&mut Opened) + Send>;

/// The thread's end of the queue.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    jobs: mpsc::Sender<Job>,
    /// Why the last attempt to write failed; none when it did not.
    broken: Arc<Mutex<Option<StoreError>>>,
}

/// The file, opened when it is first needed and again after an error.
struct Opened {
    path: PathBuf,
    store: Option<Store>,
    /// The file was looked through since it was last found damaged.
    whole: bool,
    /// Recognitions that are not on disk yet, for as long as the disk takes nothing.
    notes: VecDeque<Note>,
    broken: Arc<Mutex<Option<StoreError>>>,
}

/// A recognition that took place.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) weighing: String,
    pub(super) id: String,
    pub(super) at: Option<i64>,
}

impl Desk {
    /// Starts the thread; it ends with the last `Desk`.
    pub(super) fn start(path: PathBuf) -> Result<Self, StoreError> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let file = path.display().to_string();
        let broken = Arc::new(Mutex::new(None));
        let (notes, shared) = (VecDeque::new(), Arc::clone(&broken));
        let mut opened = Opened { path, store: None, whole: false, notes, broken: shared };
        std::thread::Builder::new()
            .name("outbox".to_owned())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    job(&mut opened);
                }
            })
            .map(|_| Self { jobs, broken })
            .map_err(|error| StoreError::Other { file, why: error.to_string() })
    }

    /// Does something with the file and waits for it.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Store) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |opened| {
            // nobody waits any more: the work itself is done nevertheless
            let _ = answer.send(opened.with(ask));
        });
        let gone = || StoreError::Other { file: "outbox".to_owned(), why: "its thread has ended".to_owned() };
        self.jobs.send(job).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// The damaged files that were set aside and that nobody has taken away.
    pub(super) async fn aside(&self) -> Vec<PathBuf> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |opened| {
            // nobody waits any more
            let _ = answer.send(aside::beside(&opened.path));
        });
        if self.jobs.send(job).await.is_err() {
            return Vec::new();
        }
        answered.await.unwrap_or_default()
    }

    /// Does something that writes, and remembers whether that was possible.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut Store) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let written = self.ask(write).await;
        match &written {
            Err(Refused::Store(why)) => *lock(&self.broken) = Some(why.clone()),
            Ok(_) => *lock(&self.broken) = None,
            Err(Refused::Unknown { .. } | Refused::Twice { .. } | Refused::Full { .. }) => {}
        }
        written
    }

    /// Takes note of a recognition without waiting; false when too much waits already. What the disk does not
    /// take now it is offered again with whatever comes next.
    pub(super) fn note(&self, note: Note) -> bool {
        let job: Job = Box::new(move |opened| {
            if opened.notes.len() == NOTES
                && let Some(lost) = opened.notes.pop_front()
            {
                tracing::error!(weighing = lost.weighing, "the disk takes nothing: it will not be reported");
            }
            opened.notes.push_back(note);
            let written = opened.with(|_| Ok(()));
            *lock(&opened.broken) = match written {
                Err(Refused::Store(why)) => Some(why),
                Ok(()) | Err(Refused::Unknown { .. } | Refused::Twice { .. } | Refused::Full { .. }) => None,
            };
        });
        self.jobs.try_send(job).is_ok()
    }

    /// Why the last attempt to write failed; none when it did not.
    pub(super) fn broken(&self) -> Option<StoreError> {
        lock(&self.broken).clone()
    }

    /// Has something done without waiting; false when too much waits already.
    pub(super) fn tell(&self, tell: impl FnOnce(&mut Store) -> Result<(), Refused> + Send + 'static) -> bool {
        let job: Job = Box::new(move |opened| {
            if let Err(refused) = opened.with(tell) {
                tracing::error!("{refused}");
            }
        });
        self.jobs.try_send(job).is_ok()
    }
}

impl Opened {
    fn with<T>(&mut self, work: impl FnOnce(&mut Store) -> Result<T, Refused>) -> Result<T, Refused> {
        let mut store = match self.store.take() {
            Some(store) => store,
            None if self.whole => Store::open(&self.path)?,
            None => open_whole(&self.path)?,
        };
        let noted = store.saw_all(self.notes.make_contiguous()).map_err(Refused::from);
        let result = noted.and_then(|()| {
            self.notes.clear();
            work(&mut store)
        });
        // a damaged file is looked through, and set aside, when it is opened again
        self.whole = !matches!(result, Err(Refused::Store(StoreError::Damaged { .. })));
        // after an error of the disk the file is opened anew, with all its checks
        if !matches!(result, Err(Refused::Store(_))) {
            self.store = Some(store);
        }
        result
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
