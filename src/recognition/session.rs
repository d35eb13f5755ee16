//! The one session: a connection that lives between weighings, and everything that keeps it quick.
//!
//! Measured at a round trip of 50 ms with a request of 130 KB: a new connection costs 306 ms, a kept one 51 ms
//! to 202 ms. So the connection is made before a weighing needs it, asked whether it lives when the load leaves
//! zero, made again in the background the moment it is lost, and replaced only by one that already works.
//!
//! [`Session`] is what a weighing sees. `shelf` holds the connections that are not in use, `keeper` looks after
//! them as `policy` decides, `dial` makes them, `line` carries a request, `watchdog` notices a dead one,
//! `flight` is one weighing's request with its few second tries, and `manners` says when not to ask at all.
//! `courier` sends what may wait, over a client of its own.

mod courier;
mod dial;
mod flight;
mod hop;
mod keeper;
mod line;
mod manners;
mod meter;
mod policy;
mod shelf;
mod tunnel;
mod watchdog;

pub(super) use courier::Courier;
pub use flight::{Attempted, Facts, Late};
pub use shelf::Tally;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request};
use tokio::sync::{Notify, Semaphore, mpsc, watch};

use super::failure::Failure;
use super::fault;
use super::identity::{self, ProxyUser};
use super::key::{ApiKey, KeySource, NoKey};
use super::settings::Settings;
use super::trust::{self, NoTrust};
use crate::stamp::Clock;
use dial::Dialer;
use line::Reply;
use manners::Manners;
use shelf::Shelf;

/// The header that carries the key.
const KEY_HEADER: &str = "tiliter-api-key";
/// The header that names the weighing, so that the service may recognise a second try of the same request.
const WEIGHING_HEADER: &str = "idempotency-key";
/// How much of an error's body is read: it only makes a sentence.
const MOST_MESSAGE: usize = 16 * 1024;
/// Answers after the deadline that are waited for at the same time.
const LATE_AT_ONCE: usize = 4;
/// Late answers that nobody has fetched yet; further ones are dropped, and the log says so.
const LATE_KEPT: usize = 64;
/// Tells whether the kernel shrinks an idle connection's window.
const SLOW_START: &str = "/proc/sys/net/ipv4/tcp_slow_start_after_idle";

/// What the session knows about the service; for the STATUS line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing tried yet.
    Starting,
    /// The service answered last time.
    Connected,
    /// The service does not answer, does not prove who it is, or the clock is not set.
    Unreachable(Failure),
    /// There is no key.
    NoKey(NoKey),
    /// The service answers and does not accept the key.
    KeyRefused(Failure),
}

/// The one session with the service.
#[derive(Debug)]
pub struct Session {
    inner: Arc<Inner>,
    late: Mutex<Option<mpsc::Receiver<Late>>>,
    keeper: tokio::task::JoinHandle<()>,
}

/// Tells what a session did so far.
#[derive(Clone, Debug)]
pub struct Counters(Arc<Inner>);

impl Counters {
    /// What it did so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.0.shelf.tally()
    }
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    clock: Clock,
    tls: rustls::ClientConfig,
    user: Option<ProxyUser>,
    source: KeySource,
    key: Mutex<Result<ApiKey, NoKey>>,
    dialer: Dialer,
    shelf: Shelf,
    manners: Mutex<Manners>,
    state: watch::Sender<State>,
    /// Weighings that wait for their answer.
    flights: watch::Sender<u32>,
    late: mpsc::Sender<Late>,
    late_at_once: Arc<Semaphore>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Session {
    /// Opens the session and begins to connect in the background; must be called inside a runtime.
    ///
    /// Proxies of the environment are not used: the way to the service is what the settings say.
    pub fn open(settings: Settings, source: KeySource, clock: Clock) -> Result<Self, NoTrust> {
        let tls = trust::client_config(&settings, &source, &clock)?;
        let user = identity::proxy_user(&settings, &source)?;
        let wake = Arc::new(Notify::new());
        let dialer = Dialer::new(&settings, user.clone(), &tls, clock.clone(), Arc::clone(&wake))?;
        let (late, fetched) = mpsc::channel(LATE_KEPT);
        tell_window();
        let key = source.read();
        let state = match &key {
            Ok(_) => State::Starting,
            Err(no_key) => {
                tracing::error!("{no_key}");
                State::NoKey(no_key.clone())
            }
        };
        let inner = Arc::new(Inner {
            key: Mutex::new(key),
            shelf: Shelf::new(wake, settings.url.authority()),
            manners: Mutex::default(),
            state: watch::Sender::new(state),
            late_at_once: Arc::new(Semaphore::new(LATE_AT_ONCE)),
            flights: watch::Sender::default(),
            settings,
            clock,
            tls,
            user,
            source,
            dialer,
            late,
        });
        let keeper = tokio::spawn(keeper::keep(Arc::clone(&inner)));
        Ok(Self { inner, late: Mutex::new(Some(fetched)), keeper })
    }

    /// What is known about the service, now and whenever it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<State> {
        self.inner.state.subscribe()
    }

    /// What the session did so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.inner.shelf.tally()
    }

    /// What tells what the session did so far, for as long as somebody wants to know.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters(Arc::clone(&self.inner))
    }

    /// Reads the key again.
    pub fn reload_key(&self) -> Result<(), NoKey> {
        self.inner.read_key().map(|_| ())
    }

    /// Says that the load has left zero: a weighing is coming. A connection that has been silent is asked
    /// whether it lives, one that is missing is made, both while the load settles.
    pub fn arm(&self) {
        self.inner.shelf.arm();
    }

    /// The answers that come after their weighing's deadline; the first caller gets them.
    ///
    /// They steer no till, but the service wants a report for every recognition.
    #[must_use]
    pub fn late(&self) -> Option<mpsc::Receiver<Late>> {
        lock(&self.late).take()
    }

    /// What sends reports in the pauses between weighings.
    pub(super) fn courier(&self) -> Result<Courier, NoTrust> {
        Courier::new(Arc::clone(&self.inner))
    }

    /// Sends one weighing's request and waits for its answer, both not longer than `within`.
    ///
    /// The request is sent a second time only when the service provably or by convention did not take it, when
    /// it failed on its side, or when the key was refused and its file meanwhile holds another one.
    pub async fn recognise(&self, body: Bytes, weighing: &str, within: Duration) -> Attempted {
        flight::fly(&self.inner, body, weighing, within).await
    }
}

/// Whether the kernel keeps the congestion window of an idle connection; none when it does not say.
///
/// With `net.ipv4.tcp_slow_start_after_idle = 1`, the default, a request of 130 KB takes four round trips after
/// a pause of a second, with 0 one (measured).
#[must_use]
pub fn window_kept() -> Option<bool> {
    let text = std::fs::read_to_string(SLOW_START).ok()?;
    Some(text.trim() == "0")
}

/// Tells whether the window is kept, and what it costs where it is not.
fn tell_window() {
    match window_kept() {
        Some(true) => {
            tracing::info!("the kernel keeps the window of an idle connection: a pause costs nothing");
        }
        Some(false) => tracing::info!(
            "the kernel shrinks the window of an idle connection ({SLOW_START} is 1): after a pause a picture takes \
             up to three round trips longer; the package's sysctl.d/60-scalecam.conf keeps it"
        ),
        None => {
            tracing::info!("whether the kernel keeps the window of an idle connection cannot be read here");
        }
    }
}

impl Inner {
    /// A request below the base address, with everything that every request carries.
    fn request(&self, method: Method, below: &str, http2: bool, body: Full<Bytes>) -> Request<Full<Bytes>> {
        let url = &self.settings.url;
        let mut request = Request::new(body);
        *request.method_mut() = method;
        // HTTP/1.1 wants the path and a Host header, HTTP/2 the whole address
        let target = if http2 { format!("{url}{below}") } else { format!("{}{below}", url.path()) };
        *request.uri_mut() = target.parse().unwrap_or_default();
        let headers = request.headers_mut();
        if !http2 && let Ok(host) = HeaderValue::try_from(self.dialer.authority()) {
            headers.insert(HOST, host);
        }
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let agent = concat!("scalecam/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        if let Ok(key) = &*lock(&self.key) {
            headers.insert(KEY_HEADER, key.header());
        }
        request
    }

    /// Takes from an answer what it says about the connection: `Keep-Alive: timeout=5`.
    fn learn(&self, reply: &Reply) {
        let text = reply.headers.get("keep-alive").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let seconds = text.split(',').find_map(|part| part.trim().strip_prefix("timeout=")?.parse().ok());
        if let Some(seconds) = seconds {
            self.shelf.announced(Duration::from_secs(seconds).min(fault::LONGEST));
        }
    }

    fn key(&self) -> Result<ApiKey, NoKey> {
        let key = lock(&self.key).clone();
        // a key that was missing is looked for at every weighing, so that putting it there is enough
        key.or_else(|_| self.read_key())
    }

    fn read_key(&self) -> Result<ApiKey, NoKey> {
        let read = self.source.read();
        lock(&self.key).clone_from(&read);
        read
    }

    /// Takes a result to the state, and says so in the log when that is news.
    fn note(&self, failure: Option<&Failure>) {
        let next = match failure {
            None
            | Some(
                Failure::Refused { .. }
                | Failure::Redirected { .. }
                | Failure::Throttled { .. }
                | Failure::ServerError { .. }
                | Failure::NotUnderstood { .. },
            ) => State::Connected,
            Some(Failure::Paused { .. }) => return,
            Some(Failure::NoKey(no_key)) => State::NoKey(no_key.clone()),
            Some(failure @ Failure::KeyRefused { .. }) => State::KeyRefused(failure.clone()),
            Some(
                failure @ (Failure::Unreachable { .. }
                | Failure::Broken { .. }
                | Failure::Clock { .. }
                | Failure::Tls { .. }
                | Failure::Proxy { .. }
                | Failure::Deadline { .. }),
            ) => State::Unreachable(failure.clone()),
        };
        // without a key the rest does not matter: somebody must put one there
        let next = lock(&self.key).as_ref().err().cloned().map_or(next, State::NoKey);
        self.state.send_if_modified(|state| {
            let news = std::mem::discriminant(state) != std::mem::discriminant(&next);
            if news {
                match &next {
                    State::Starting => {}
                    State::Connected => tracing::info!(host = self.dialer.authority(), "the service answers"),
                    State::Unreachable(failure) => tracing::warn!("{failure}"),
                    State::NoKey(no_key) => tracing::error!("{no_key}"),
                    State::KeyRefused(failure) => tracing::error!("{failure}"),
                }
            }
            let changed = *state != next;
            *state = next;
            changed
        });
    }
}

/// A number from 0 to 1.
pub(super) fn chance() -> f64 {
    let random = u32::try_from(ulid::Ulid::generate().random() & 0xFFFF_FFFF).unwrap_or(0);
    f64::from(random) / f64::from(u32::MAX)
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
