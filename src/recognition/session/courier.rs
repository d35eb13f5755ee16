//! What is not the live lane: reports, sent in the pauses between weighings over a connection of their own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER};
use reqwest::{Client, Response, redirect};
use tokio::time::{Instant, sleep, timeout};

use super::{Inner, KEY_HEADER, MOST_MESSAGE, WEIGHING_HEADER};
use crate::recognition::answer;
use crate::recognition::failure::Failure;
use crate::recognition::fault;
use crate::recognition::trust::{self, NoTrust};

/// A report has time.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Its connection is let go soon: reports come in bursts.
const IDLE: Duration = Duration::from_secs(20);
/// Between the load leaving zero and the weighing's request nothing else is sent.
const ARMED: Duration = Duration::from_secs(3);
/// In a shop that is never quiet, a report waits no longer than this.
const PATIENCE: Duration = Duration::from_mins(1);

/// Sends what may wait.
pub(in crate::recognition) struct Courier {
    inner: Arc<Inner>,
    client: Client,
}

/// Without its client, which knows the proxy's password.
impl std::fmt::Debug for Courier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Courier")
    }
}

impl Courier {
    pub(super) fn new(inner: Arc<Inner>) -> Result<Self, NoTrust> {
        let setup = |error: reqwest::Error| NoTrust::Setup { why: error.to_string() };
        let mut builder = Client::builder().no_proxy();
        if let Some(proxy) = inner.settings.proxy_to_service() {
            let mut proxy = reqwest::Proxy::all(proxy.as_str()).map_err(setup)?;
            if let Some(user) = &inner.user {
                proxy = proxy.basic_auth(user.name(), user.password());
            }
            builder = builder.proxy(proxy);
        }
        let client = builder
            .tls_backend_preconfigured(trust::for_http1(&inner.tls))
            .user_agent(concat!("scalecam/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(TIMEOUT)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(setup)?;
        Ok(Self { inner, client })
    }

    /// Waits until no weighing is under way or about to come, for a while at most.
    pub(in crate::recognition) async fn quiet(&self) {
        let mut flights = self.inner.flights.subscribe();
        let quiet = async {
            loop {
                // the sender lives as long as this does
                let _ = flights.wait_for(|flights| *flights == 0).await;
                match self
                    .inner
                    .shelf
                    .armed()
                    .map(|at| (at + ARMED).saturating_duration_since(Instant::now()))
                {
                    Some(left) if !left.is_zero() => sleep(left).await,
                    Some(_) | None => return,
                }
            }
        };
        // whoever waits longer than that goes on nevertheless
        let _ = timeout(PATIENCE, quiet).await;
    }

    /// Sends one report under its key; the answer's body, if it was taken.
    pub(in crate::recognition) async fn post(
        &self,
        below: &str,
        key: &str,
        body: Bytes,
    ) -> Result<Vec<u8>, Failure> {
        let api_key = self.inner.key()?;
        let request = self
            .client
            .post(format!("{}{below}", self.inner.settings.url))
            .header(KEY_HEADER, api_key.header())
            .header(WEIGHING_HEADER, key)
            .header(CONTENT_TYPE, "application/json")
            .header("accept", "application/json")
            .body(body);
        let response = request.send().await.map_err(|error| self.failure(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response).await;
        if status.is_success() {
            return Ok(body);
        }
        if matches!(status.as_u16(), 401 | 403) {
            // whether its file holds another one is seen at the next attempt
            let _ = self.inner.read_key();
        }
        let message = answer::message(text(&headers, &CONTENT_TYPE), &body);
        let now = self.inner.clock.utc_at(self.inner.clock.now());
        Err(fault::of_status(
            status,
            text(&headers, &LOCATION),
            text(&headers, &RETRY_AFTER).and_then(|text| fault::retry_after(text, now)),
            message.map(|message| api_key.scrub(&message)),
        ))
    }

    fn failure(&self, error: &reqwest::Error) -> Failure {
        let host = self.inner.dialer.authority();
        if error.is_timeout() {
            return Failure::Deadline { within: TIMEOUT, stage: "waiting for the answer to a report" };
        }
        fault::of_client(error, host, &self.inner.clock)
    }
}

/// As much of a body as is of interest; the rest ends with the connection.
async fn read(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < MOST_MESSAGE
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(MOST_MESSAGE);
    body
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
