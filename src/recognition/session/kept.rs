//! One client with its connection.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpInfo;
use reqwest::{Client, Response, redirect};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::lock;
use crate::recognition::settings::Refresh;
use crate::recognition::trust::NoTrust;

/// TCP and TLS together; whatever takes longer is not a line to weigh on.
const CONNECT: Duration = Duration::from_secs(3);
/// After how long without a sign of life the kernel asks, how often it repeats, and how many times.
const KEEP_ALIVE: (Duration, Duration, u32) = (Duration::from_secs(20), Duration::from_secs(5), 3);
/// How long sent bytes may stay without acknowledgement before the kernel gives the line up. The client's own
/// default of 30 s is what a silently lost line would cost (measured).
const UNACKNOWLEDGED: Duration = Duration::from_secs(3);
/// When an attempt to replace the connection failed, the next comes after that time.
const POSTPONED: Duration = Duration::from_mins(1);

/// One client with its connection.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) client: Client,
    connects: Arc<AtomicU64>,
    requests: AtomicU32,
    counted: Notify,
    since: Mutex<Instant>,
    local: Mutex<Option<SocketAddr>>,
}

impl Kept {
    pub(super) fn new(tls: &rustls::ClientConfig) -> Result<Self, NoTrust> {
        let connects = Arc::new(AtomicU64::new(0));
        let client = Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .user_agent(concat!("scalecam/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .tcp_keepalive(KEEP_ALIVE.0)
            .tcp_keepalive_interval(KEEP_ALIVE.1)
            .tcp_keepalive_retries(KEEP_ALIVE.2)
            .tcp_user_timeout(UNACKNOWLEDGED)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(None)
            .connector_layer(Counting(Arc::clone(&connects)))
            .build()
            .map_err(|error| NoTrust::Setup { why: error.to_string() })?;
        Ok(Self {
            client,
            connects,
            requests: AtomicU32::new(0),
            counted: Notify::new(),
            since: Mutex::new(Instant::now()),
            local: Mutex::new(None),
        })
    }

    /// How many connections were begun so far.
    pub(super) fn connects(&self) -> u64 {
        self.connects.load(Ordering::Acquire)
    }

    /// Whether an attempt went over a connection that had been open before. An answer tells it by its local
    /// port; without one, no connection was begun since `connects` was asked.
    pub(super) fn was_reused(&self, connects: u64, response: Option<&Response>) -> bool {
        self.requests.fetch_add(1, Ordering::AcqRel);
        self.counted.notify_one();
        match response {
            Some(response) => self.note(response),
            None => self.connects() == connects,
        }
    }

    /// Remembers the connection of an answer, and tells whether it is the same as before.
    pub(super) fn note(&self, response: &Response) -> bool {
        let now = response.extensions().get::<HttpInfo>().map(HttpInfo::local_addr);
        let mut local = lock(&self.local);
        let same = now.is_some() && *local == now;
        *local = now;
        same
    }

    /// Waits until the connection has carried enough requests or has become old.
    pub(super) async fn due(&self, refresh: &Refresh) {
        let most = refresh.refresh_requests.get();
        loop {
            let counted = self.counted.notified();
            if most > 0 && self.requests.load(Ordering::Acquire) >= most {
                return;
            }
            let minutes = u64::from(refresh.refresh_minutes.get());
            let until = *lock(&self.since) + Duration::from_mins(minutes);
            tokio::select! {
                () = counted => {}
                () = tokio::time::sleep_until(until), if minutes > 0 => return,
            }
        }
    }

    /// Leaves the connection in use a while longer.
    pub(super) fn postpone(&self) {
        self.requests.store(0, Ordering::Release);
        *lock(&self.since) = Instant::now() + POSTPONED;
    }
}

/// Why a body was not read to its end.
#[derive(Debug)]
pub(super) enum Refused {
    /// It is longer than it may be.
    TooLong,
    /// The line broke.
    Broken(reqwest::Error),
}

/// Reads a body that is not longer than `most` bytes.
pub(super) async fn read_bounded(mut response: Response, most: usize) -> Result<Vec<u8>, Refused> {
    let announced = response.content_length().unwrap_or(0);
    if usize::try_from(announced).map_or(true, |announced| announced > most) {
        return Err(Refused::TooLong);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Refused::Broken)? {
        if body.len() + chunk.len() > most {
            return Err(Refused::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Counts the connections that the client begins.
#[derive(Clone, Debug)]
struct Counting(Arc<AtomicU64>);

impl<S> tower_layer::Layer<S> for Counting {
    type Service = Counted<S>;

    fn layer(&self, connector: S) -> Counted<S> {
        Counted { connector, connects: Arc::clone(&self.0) }
    }
}

#[derive(Clone, Debug)]
struct Counted<S> {
    connector: S,
    connects: Arc<AtomicU64>,
}

impl<R, S: tower_service::Service<R>> tower_service::Service<R> for Counted<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.connects.fetch_add(1, Ordering::AcqRel);
        self.connector.call(request)
    }
}
