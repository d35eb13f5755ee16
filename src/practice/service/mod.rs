//! The practice recognition service: the real one's interface over real TLS on this machine.
//!
//! It makes its own authority and certificate at start, checks every field as the real service does, keeps
//! connections open, and sees the same product for the same weight. Every answer carries the header
//! `x-scalecam-practice`, and its ids begin with `5ca1ecab`. On command it fails in all the ways a service,
//! a network or a certificate can fail.

mod catalogue;
mod certificate;
mod check;
mod options;
mod orders;
mod reports;
mod serve;
mod spoil;
mod wire;

pub use catalogue::{Product, catalogue, product_for};
pub use options::{Certificate, Fault, Options, UnknownCertificate, UnknownFault};
pub use orders::{Order, UnknownOrder};

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use certificate::Authority;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The path of the version that is practised.
const BASE: &str = "/v1/15/";
/// How many requests are remembered; the oldest are forgotten first.
const REMEMBERED: usize = 1_024;
/// How many keys of reports are counted; further ones are not.
const KEYS: usize = 100_000;

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum Unable {
    /// The port is not to be had.
    #[error("the practice service cannot listen on {address}: {source}")]
    Listen {
        /// Where it wanted to listen.
        address: SocketAddr,
        /// The system's own words.
        source: io::Error,
    },
    /// No certificate could be made.
    #[error("the practice service cannot make its certificate: {why}")]
    Certificate {
        /// The reason.
        why: String,
    },
}

/// What the service has seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// TCP connections.
    pub connections: u64,
    /// TLS handshakes that the other side did not accept, or did not finish.
    pub failed_handshakes: u64,
    /// Connections that are over.
    pub closed: u64,
    /// Requests for a recognition, faults included.
    pub recognitions: u64,
    /// Those that were answered with 200.
    pub answered: u64,
    /// Requests that report something, faults included.
    pub reports: u64,
    /// All other requests.
    pub others: u64,
    /// Bytes of all bodies.
    pub bytes: u64,
}

/// One request for a recognition, as the service saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Counts the connections, from 1.
    pub connection: u64,
    /// The status it was answered with; 0 when it was not answered properly.
    pub status: u16,
    /// The `id` of the recognition; empty when there is none.
    pub recognition_id: String,
    /// The product that was seen; none for an empty plate.
    pub product_id: Option<&'static str>,
    /// The device's id.
    pub device_id: String,
    /// The camera's name.
    pub camera_type: String,
    /// The time of the picture as it was written.
    pub capture_time: String,
    /// The weight in grams as it was written.
    pub weight_grams: Option<String>,
    /// The header that names the weighing.
    pub idempotency_key: Option<String>,
    /// Bytes, width and height of the picture.
    pub picture: (usize, usize, usize),
    /// The picture's file, if [`Options::pictures`] asks for it; otherwise nothing.
    pub file: Vec<u8>,
    /// What is wrong with it, or what the real service may dislike.
    pub remarks: Vec<String>,
}

/// One report, as the service saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The path below the base address.
    pub path: String,
    /// The status it was answered with; 0 when it was not answered properly.
    pub status: u16,
    /// The header that names the report.
    pub idempotency_key: Option<String>,
    /// What it said.
    pub body: String,
}

/// The running service; it stops when this is dropped.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    authority: Authority,
    ca_pem: String,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    options: Mutex<Options>,
    tls: Mutex<Arc<rustls::ServerConfig>>,
    counters: watch::Sender<Counters>,
    faults: Mutex<VecDeque<Fault>>,
    received: Mutex<VecDeque<Received>>,
    report_faults: Mutex<VecDeque<Fault>>,
    reports: Mutex<VecDeque<Report>>,
    keys: Mutex<BTreeMap<String, u64>>,
}

impl Service {
    /// Makes a certificate, listens and begins to serve; must be called inside a runtime.
    pub async fn start(options: Options) -> Result<Self, Unable> {
        let unable = |why| Unable::Certificate { why };
        let authority = Authority::new().map_err(unable)?;
        let tls = authority.tls(&options).map_err(unable)?;
        let address = SocketAddr::new(options.address, options.port);
        let unable = |source| Unable::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(unable)?;
        let address = listener.local_addr().map_err(unable)?;
        let shared = Arc::new(Shared {
            counters: watch::Sender::default(),
            faults: Mutex::new(options.faults.iter().cloned().collect()),
            received: Mutex::default(),
            report_faults: Mutex::default(),
            reports: Mutex::default(),
            keys: Mutex::default(),
            options: Mutex::new(options),
            tls: Mutex::new(Arc::new(tls)),
        });
        let task = tokio::spawn(serve::accept(listener, Arc::clone(&shared)));
        Ok(Self { address, ca_pem: authority.pem(), authority, shared, task })
    }

    /// The base address, as `recognition.url` wants it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}{BASE}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority to trust, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// A certificate for a client and its key as PEM: what it wants with `Options::client_certificate`.
    pub fn client_pem(&self) -> Result<String, Unable> {
        self.authority.client_pem().map_err(|why| Unable::Certificate { why })
    }

    /// Behaves otherwise from now on: a new certificate holds for new connections, as does a new idle limit.
    /// Where it listens stays as it is.
    pub fn change(&self, change: impl FnOnce(&mut Options)) -> Result<(), Unable> {
        let mut options = lock(&self.shared.options);
        change(&mut options);
        let tls = self.authority.tls(&options).map_err(|why| Unable::Certificate { why })?;
        *lock(&self.shared.tls) = Arc::new(tls);
        Ok(())
    }

    /// What it has seen so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        *self.shared.counters.borrow()
    }

    /// The same, now and whenever it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Counters> {
        self.shared.counters.subscribe()
    }

    /// Takes the remembered requests for recognitions out, oldest first.
    #[must_use]
    pub fn take_requests(&self) -> Vec<Received> {
        lock(&self.shared.received).drain(..).collect()
    }

    /// Takes the remembered reports out, oldest first; one that was sent twice stands there twice.
    #[must_use]
    pub fn take_reports(&self) -> Vec<Report> {
        lock(&self.shared.reports).drain(..).collect()
    }

    /// How often each report was taken, by its key; only those that were sent by themselves.
    #[must_use]
    pub fn keys_taken(&self) -> BTreeMap<String, u64> {
        lock(&self.shared.keys).clone()
    }

    /// Does these faults to the reports to come, one each.
    pub fn script_reports(&self, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.shared.report_faults).extend(faults);
    }

    /// Does these faults to the recognitions to come, one each.
    pub fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.shared.faults).extend(faults);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn count(&self, change: impl FnOnce(&mut Counters)) {
        self.counters.send_modify(change);
    }

    fn remember(&self, received: Received) {
        let mut remembered = lock(&self.received);
        if remembered.len() >= REMEMBERED {
            remembered.pop_front();
        }
        remembered.push_back(received);
    }

    fn remember_report(&self, report: Report) {
        if let Some(key) = report.idempotency_key.as_ref().filter(|_| report.status == 200) {
            let mut keys = lock(&self.keys);
            if keys.len() < KEYS || keys.contains_key(key) {
                *keys.entry(key.clone()).or_insert(0) += 1;
            }
        }
        let mut remembered = lock(&self.reports);
        if remembered.len() >= REMEMBERED {
            remembered.pop_front();
        }
        remembered.push_back(report);
        drop(remembered);
        // whoever watches was woken at the arrival; now there is something to take
        self.counters.send_modify(|_| ());
    }

    fn next_fault(&self) -> Fault {
        lock(&self.faults).pop_front().unwrap_or(Fault::None)
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
