//! The one thread that touches the file. A disk may block for seconds; nobody else waits for it.

use std::path::PathBuf;

use tokio::sync::{mpsc, oneshot};

use super::kept::{Refused, StoreError};
use super::store::Store;

/// Work that waits for the disk. When it is full, whoever asks waits, and a recognition that was only to be
/// noted is dropped with a line in the log.
const QUEUE: usize = 256;

type Job = Box<dyn FnOnce(&mut Opened) + Send>;

/// The thread's end of the queue.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    jobs: mpsc::Sender<Job>,
}

/// The file, opened when it is first needed and again after an error.
struct Opened {
    path: PathBuf,
    store: Option<Store>,
}

impl Desk {
    /// Starts the thread; it ends with the last `Desk`.
    pub(super) fn start(path: PathBuf) -> Result<Self, StoreError> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let file = path.display().to_string();
        let mut opened = Opened { path, store: None };
        std::thread::Builder::new()
            .name("outbox".to_owned())
            .spawn(move || {
                while let Some(job) = queue.blocking_recv() {
                    job(&mut opened);
                }
            })
            .map(|_| Self { jobs })
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
            None => Store::open(&self.path)?,
        };
        let result = work(&mut store);
        // after an error of the disk the file is opened anew, with all its checks
        if !matches!(result, Err(Refused::Store(_))) {
            self.store = Some(store);
        }
        result
    }
}
