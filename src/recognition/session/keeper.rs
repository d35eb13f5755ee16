//! Keeps the connection: makes it before it is needed, again when it was lost, and a new one when it is old.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use tokio::time::{Instant, sleep_until, timeout};

use super::line::{Line, Reply};
use super::policy::Step;
use super::{Inner, MOST_MESSAGE, lock};
use crate::recognition::failure::Failure;

/// A living line answers a ping within so many round trips, …
const TRIPS: u32 = 3;
/// … but a service may take that long to think.
const PING_LEAST: Duration = Duration::from_millis(300);
/// Whoever was left alone because it failed gets more time for its first answer.
const RECOVERY: Duration = Duration::from_secs(3);

/// Runs until the session is dropped.
pub(super) async fn keep(inner: Arc<Inner>) {
    loop {
        let recovery = lock(&inner.manners).recovery();
        let step = inner.shelf.next(&inner.settings.session, recovery);
        if let Some(failure) = inner.shelf.turned_away() {
            inner.note(Some(&failure));
        }
        match step {
            Step::Dial => inner.dial(false).await,
            Step::Replace => inner.dial(true).await,
            Step::Ping => inner.ping_idle().await,
            Step::Rest(until) => {
                let until = async {
                    match until {
                        Some(until) => sleep_until(until).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = inner.shelf.wake.notified() => {}
                    () = until => {}
                }
            }
        }
    }
}

/// What became of a ping.
enum Pinged {
    /// The service answered.
    Answered(Reply),
    /// The line is dead.
    Dead(String),
    /// The service received it and did not answer.
    Unanswered,
}

impl Inner {
    async fn dial(&self, replaces: bool) {
        let began = Instant::now();
        let mut result = self.dialer.dial().await;
        if replaces
            && let Ok(line) = &mut result
            && self.shelf.pings()
        {
            // it takes the old one's place only when it has proved itself
            if let Pinged::Dead(why) = self.ping(line, RECOVERY).await {
                result = Err(Failure::Broken { host: self.dialer.authority().to_owned(), why });
            }
        }
        if let Ok(line) = &result {
            tracing::debug!(line = line.id, resumed = line.resumed, replaces, "connected");
        }
        if result.is_err() || !self.shelf.is_doubtful() {
            self.note(result.as_ref().err());
        }
        self.shelf.dialled(began, result, replaces);
    }

    async fn ping_idle(&self) {
        let Some(mut loan) = self.shelf.borrow() else { return };
        let Some(line) = loan.line() else { return };
        let recovering = lock(&self.manners).recovery().is_some();
        if recovering && !self.shelf.pings() {
            // an open connection is all that can be known of a service that does not answer pings
            lock(&self.manners).pinged(Ok(()), Instant::now());
            return loan.give_back();
        }
        let usual = (line.info().round_trip * TRIPS).max(PING_LEAST);
        let (began, limit) = (Instant::now(), if recovering { RECOVERY } else { usual });
        match self.ping(line, limit).await {
            Pinged::Answered(reply) => {
                let closes = line.is_closed();
                self.shelf.pinged(true, true, closes);
                let failure = self.health(&reply);
                lock(&self.manners).pinged(failure.as_ref().map_or(Ok(()), Err), began);
                self.note(failure.as_ref());
                loan.give_back();
            }
            outcome @ (Pinged::Dead(_) | Pinged::Unanswered) => {
                let arrived = matches!(outcome, Pinged::Unanswered);
                self.shelf.pinged(false, arrived, false);
                let why = if let Pinged::Dead(why) = outcome { why } else { "no answer".to_owned() };
                tracing::debug!(%why, arrived, "the idle connection did not answer a ping");
                let failure = Failure::Broken { host: self.dialer.authority().to_owned(), why };
                lock(&self.manners).pinged(Err(&failure), Instant::now());
                loan.abandon();
            }
        }
    }

    async fn ping(&self, line: &mut Line, limit: Duration) -> Pinged {
        let request = self.request(hyper::Method::GET, "", line.is_http2(), Full::new(Bytes::new()));
        match timeout(limit, line.exchange(request, MOST_MESSAGE)).await {
            Ok(Ok(reply)) => {
                self.learn(&reply);
                Pinged::Answered(reply)
            }
            Ok(Err(lost)) => Pinged::Dead(lost.why),
            Err(_) if line.info().unacknowledged == 0 => Pinged::Unanswered,
            Err(_) => Pinged::Dead(format!("no answer within {} ms", limit.as_millis())),
        }
    }

    /// What a ping's answer says about the service; a path that it does not know is as good as any.
    fn health(&self, reply: &Reply) -> Option<Failure> {
        match reply.status.as_u16() {
            status @ (401 | 403) if lock(&self.key).is_ok() => {
                Some(Failure::KeyRefused { status, message: None })
            }
            status @ 500..=599 => Some(Failure::ServerError { status, message: None }),
            _ => None,
        }
    }
}
