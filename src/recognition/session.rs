//! The one session: a client that lives as long as the process and keeps its connection open.
//!
//! Measured at a round trip of 50 ms with a request of 130 KB: a new connection costs 306 ms, a kept one 51 ms.
//! So the connection is made before the first weighing needs it, kept by TCP's own keep-alive, made again in
//! the background when it was lost, and replaced (settings) only by one that already works.

mod kept;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};
use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::answer::{self, Recognition};
use super::failure::Failure;
use super::fault::{self, Broken};
use super::key::{ApiKey, KeySource, NoKey};
use super::settings::Settings;
use super::trust::{self, NoTrust};
use crate::stamp::Clock;
use kept::{Kept, Refused};

/// The header that carries the key.
const KEY_HEADER: &str = "tiliter-api-key";
/// The header that names the weighing, so that the service may recognise a second try of the same request.
const WEIGHING_HEADER: &str = "idempotency-key";
/// How much of an error's body is read: it only makes a sentence.
const MOST_MESSAGE: usize = 16 * 1024;
/// How long one attempt to make the connection beforehand may take, TLS and the answer included.
const WARM_UP: Duration = Duration::from_secs(5);
/// The first and the longest pause between attempts to reach a service that does not answer.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

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

/// How a request went, for the outcome line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Whether the connection had been open before; false when none came about.
    pub reused: bool,
    /// `http/1.1` or `h2`.
    pub protocol: &'static str,
    /// How many times the request was sent; 0 when there was no key to send it with.
    pub attempts: u8,
}

/// A request and what became of it.
#[derive(Debug)]
pub struct Attempted {
    /// The answer, or why there is none.
    pub result: Result<Recognition, Failure>,
    /// How it went.
    pub facts: Facts,
}

/// The one session with the service.
#[derive(Debug)]
pub struct Session {
    inner: Arc<Inner>,
    keeper: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    host: String,
    tls: rustls::ClientConfig,
    clock: Clock,
    source: KeySource,
    key: Mutex<Result<ApiKey, NoKey>>,
    kept: Mutex<Arc<Kept>>,
    /// The keeper has something to do: the connection was lost, or the key changed.
    wake: Notify,
    state: watch::Sender<State>,
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
        let tls = trust::client_config(settings.ca_file.as_deref(), &clock)?;
        let url = settings.url.as_str();
        let host = url.split('/').nth(2).unwrap_or(url).to_owned();
        let kept = Kept::new(&tls)?;
        let inner = Arc::new(Inner {
            key: Mutex::new(source.read()),
            kept: Mutex::new(Arc::new(kept)),
            wake: Notify::new(),
            state: watch::Sender::new(State::Starting),
            settings,
            host,
            tls,
            clock,
            source,
        });
        let keeper = tokio::spawn(keep(Arc::clone(&inner)));
        Ok(Self { inner, keeper })
    }

    /// What is known about the service, now and whenever it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<State> {
        self.inner.state.subscribe()
    }

    /// Reads the key again.
    pub fn reload_key(&self) -> Result<(), NoKey> {
        let read = self.inner.read_key();
        self.inner.wake.notify_one();
        read.map(|_| ())
    }

    /// Sends one weighing's request and waits for its answer, both not longer than `within`.
    ///
    /// There is one second try at most, at once: when a connection that had been open before was closed before
    /// anything of the answer came (the other side had closed it while it was idle), or when the key was
    /// refused and its file meanwhile holds another one.
    pub async fn recognise(&self, body: Bytes, weighing: &str, within: Duration) -> Attempted {
        let mut facts = Facts { reused: false, protocol: "http/1.1", attempts: 0 };
        let until = Instant::now() + within;
        let result = tokio::time::timeout_at(until, self.inner.attempts(&body, weighing, &mut facts)).await;
        let result = result.unwrap_or(Err(Failure::Deadline { within }));
        self.inner.note(result.as_ref().err());
        if matches!(*self.inner.state.borrow(), State::Unreachable(_)) {
            self.inner.wake.notify_one();
        }
        Attempted { result, facts }
    }
}

impl Inner {
    async fn attempts(
        &self,
        body: &Bytes,
        weighing: &str,
        facts: &mut Facts,
    ) -> Result<Recognition, Failure> {
        let key = self.key()?;
        match self.attempt(body, weighing, &key, facts).await {
            Err(Broken { failure, looks_stale: true }) if facts.reused => {
                tracing::debug!(%failure, "the kept connection had been closed: trying once more");
                self.attempt(body, weighing, &key, facts).await
            }
            Err(Broken { failure: Failure::KeyRefused { status, message }, .. }) => match self.read_key() {
                Ok(other) if other != key => self.attempt(body, weighing, &other, facts).await,
                _ => return Err(Failure::KeyRefused { status, message }),
            },
            result => result,
        }
        .map_err(|broken| broken.failure)
    }

    async fn attempt(
        &self,
        body: &Bytes,
        weighing: &str,
        key: &ApiKey,
        facts: &mut Facts,
    ) -> Result<Recognition, Broken> {
        let kept = Arc::clone(&lock(&self.kept));
        facts.attempts = facts.attempts.saturating_add(1);
        let connects = kept.connects();
        let request = kept
            .client
            .post(format!("{}recognition/", self.settings.url))
            .header(KEY_HEADER, key.header())
            .header(WEIGHING_HEADER, weighing)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(body.clone());
        facts.reused = false;
        let sent = request.send().await;
        facts.reused = kept.was_reused(connects, sent.as_ref().ok());
        let response = sent.map_err(|error| fault::read(&error, &self.host, &self.clock))?;
        facts.protocol = if response.version() == reqwest::Version::HTTP_2 { "h2" } else { "http/1.1" };
        self.answer(response, key).await.map_err(|failure| Broken { failure, looks_stale: false })
    }

    /// Reads the answer to its end, but no more of it than an answer can have.
    async fn answer(&self, response: Response, key: &ApiKey) -> Result<Recognition, Failure> {
        let (status, headers) = (response.status(), response.headers().clone());
        let content_type = text(&headers, &CONTENT_TYPE);
        let most = if status.is_success() { answer::MOST_BYTES } else { MOST_MESSAGE };
        let body = kept::read_bounded(response, most).await;
        if status == reqwest::StatusCode::OK {
            let body = body.map_err(|refused| match refused {
                Refused::TooLong => Failure::NotUnderstood {
                    reason: format!("it is longer than {} KB", answer::MOST_BYTES / 1024),
                },
                Refused::Broken(error) => fault::read(&error, &self.host, &self.clock).failure,
            })?;
            return answer::read(content_type, &body)
                .map_err(|reason| Failure::NotUnderstood { reason: key.scrub(&reason) });
        }
        // an error's body only makes the sentence: what can be read of it will do
        let message = body.ok().and_then(|body| answer::message(content_type, &body));
        let now = self.clock.utc_at(self.clock.now());
        Err(fault::of_status(
            status,
            text(&headers, &LOCATION),
            text(&headers, &RETRY_AFTER).and_then(|text| fault::retry_after(text, now)),
            message.map(|message| key.scrub(&message)),
        ))
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
            Some(Failure::NoKey(no_key)) => State::NoKey(no_key.clone()),
            Some(failure @ Failure::KeyRefused { .. }) => State::KeyRefused(failure.clone()),
            Some(
                failure @ (Failure::Unreachable { .. }
                | Failure::Broken { .. }
                | Failure::Clock { .. }
                | Failure::Tls { .. }
                | Failure::Deadline { .. }),
            ) => State::Unreachable(failure.clone()),
        };
        self.state.send_if_modified(|state| {
            let news = std::mem::discriminant(state) != std::mem::discriminant(&next);
            if news {
                match &next {
                    State::Starting => {}
                    State::Connected => tracing::info!(host = %self.host, "the service answers"),
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

/// Makes the connection before it is needed, and again when it was lost or has become old.
async fn keep(inner: Arc<Inner>) {
    let mut pause = PAUSES.0;
    loop {
        let kept = Arc::clone(&lock(&inner.kept));
        let failure = inner.warm(&kept).await.err();
        inner.note(failure.as_ref());
        if failure
            .as_ref()
            .is_some_and(|failure| failure.is_passing() || matches!(failure, Failure::Tls { .. }))
        {
            // full jitter: a shop's registers must not all come back in the same moment
            let part = pause.mul_f64(jitter());
            pause = (pause * 2).min(PAUSES.1);
            tokio::time::sleep(part).await;
            continue;
        }
        pause = PAUSES.0;
        tokio::select! {
            () = inner.wake.notified() => {}
            () = kept.due(&inner.settings.session) => inner.replace().await,
        }
    }
}

impl Inner {
    /// One cheap request that leaves an open connection behind.
    async fn warm(&self, kept: &Kept) -> Result<(), Failure> {
        let key = self.key();
        let mut request = kept.client.get(self.settings.url.as_str()).header(ACCEPT, "application/json");
        if let Ok(key) = &key {
            request = request.header(KEY_HEADER, key.header());
        }
        let exchange = async {
            let sent = request.send().await;
            let response = sent.map_err(|error| fault::read(&error, &self.host, &self.clock).failure)?;
            kept.note(&response);
            let status = response.status();
            // read to its end, else the connection cannot be used again
            let _ = kept::read_bounded(response, MOST_MESSAGE).await;
            match status.as_u16() {
                code @ (401 | 403) => Err(Failure::KeyRefused { status: code, message: None }),
                _ => Ok(()),
            }
        };
        let warmed = tokio::time::timeout(WARM_UP, exchange).await;
        warmed.unwrap_or(Err(Failure::Deadline { within: WARM_UP }))?;
        key.map(|_| ()).map_err(Failure::from)
    }

    /// Puts a connection that works in the place of one that has become old. A request that is under way ends
    /// on the old one.
    async fn replace(&self) {
        let Ok(fresh) = Kept::new(&self.tls) else { return };
        if self.warm(&fresh).await.is_ok() {
            tracing::debug!("the connection was replaced by a new one");
            *lock(&self.kept) = Arc::new(fresh);
        } else {
            // the old one still works: try again later
            lock(&self.kept).postpone();
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &reqwest::header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// From 0 to 1.
fn jitter() -> f64 {
    let random = u32::try_from(ulid::Ulid::generate().random() & 0xFFFF_FFFF).unwrap_or(0);
    f64::from(random) / f64::from(u32::MAX)
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
