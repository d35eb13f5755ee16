//! One weighing's request: sent, sent again where that is safe, answered or not.
//!
//! When a request is sent again:
//!
//! | what happened | again |
//! |---|---|
//! | some of it never left this machine | at once: the service cannot have it whole |
//! | a connection that was open before ended or died, without a byte of an answer | at once |
//! | the same on a connection made for this request | no: the service may have it |
//! | any byte of an answer, then the end | no |
//! | 5xx, or no answer in time | once, after a short pause, while there are tokens |
//! | 429 that asks for a shorter silence than the deadline leaves | once, after that silence |
//! | 401 or 403, and the key's file holds another key now | at once |
//!
//! Every attempt names the same weighing, so that the service can tell.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Method, StatusCode};
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::line::{Lost, Reply, Unread};
use super::{Inner, MOST_MESSAGE, WEIGHING_HEADER, chance, lock};
use crate::recognition::answer::{self, Recognition};
use crate::recognition::failure::Failure;
use crate::recognition::fault;
use crate::recognition::key::ApiKey;

/// An answer is waited for so long after the deadline; it is kept for the reports.
const LATE: Duration = Duration::from_secs(30);
/// The pause before a second try of a request that failed over there, at least and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(300));
/// A second try that has less time than this is not worth making.
const ROOM: Duration = Duration::from_millis(500);
/// No request is sent more often, whatever happens to it.
const MOST_ATTEMPTS: u8 = 4;

/// How a request went, for the outcome line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Whether the connection had been open before; false when none came about.
    pub reused: bool,
    /// `http/1.1` or `h2`.
    pub protocol: &'static str,
    /// How many times the request was sent; 0 when there was no key or no connection to send it with.
    pub attempts: u8,
    /// Counts the connections of this process; 0 when none came about.
    pub connection: u64,
}

/// A request and what became of it.
#[derive(Debug)]
pub struct Attempted {
    /// The answer, or why there is none.
    pub result: Result<Recognition, Failure>,
    /// How it went.
    pub facts: Facts,
}

/// An answer that came after the deadline.
#[derive(Debug)]
pub struct Late {
    /// The weighing it belongs to.
    pub weighing: String,
    /// The answer.
    pub recognition: Recognition,
}

/// A request under way, seen by whoever waits for it and by whoever carries it.
#[derive(Debug)]
struct Flight {
    body: Bytes,
    weighing: String,
    until: Instant,
    facts: Mutex<Facts>,
    stage: Mutex<&'static str>,
    /// Who was first: the answer or the deadline.
    end: AtomicU8,
}

const UNDER_WAY: u8 = 0;
const ANSWERED: u8 = 1;
const OVERDUE: u8 = 2;

/// Somebody waits for the answer; an answer for which nobody waits any more is a late one.
struct Waiting<'a> {
    flight: &'a Flight,
    flights: &'a watch::Sender<u32>,
}

impl<'a> Waiting<'a> {
    fn new(flight: &'a Flight, flights: &'a watch::Sender<u32>) -> Self {
        flights.send_modify(|flights| *flights = flights.saturating_add(1));
        Self { flight, flights }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.flights.send_modify(|flights| *flights = flights.saturating_sub(1));
        let end = &self.flight.end;
        // whichever came first stands
        let _ = end.compare_exchange(UNDER_WAY, OVERDUE, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// An attempt that brought no recognition.
struct Missed {
    failure: Failure,
    again: Again,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Never,
    /// The service provably does not have the request.
    Safely,
    /// By convention: a kept connection ended without a byte of an answer.
    Kept,
    /// The service failed, or took too long.
    AfterPause,
}

/// Which second tries a request has had.
#[derive(Default)]
struct Tries {
    resent: bool,
    retried: bool,
    other_key: bool,
}

/// Sends a request and waits for its answer until the deadline; afterwards others wait for it.
pub(super) async fn fly(inner: &Arc<Inner>, body: Bytes, weighing: &str, within: Duration) -> Attempted {
    let flight = Arc::new(Flight {
        body,
        weighing: weighing.to_owned(),
        until: Instant::now() + within,
        facts: Mutex::new(Facts { reused: false, protocol: "http/1.1", attempts: 0, connection: 0 }),
        stage: Mutex::new("getting ready"),
        end: AtomicU8::new(UNDER_WAY),
    });
    let waiting = Waiting::new(&flight, &inner.flights);
    let mut carrying = tokio::spawn(carry(Arc::clone(inner), Arc::clone(&flight)));
    let result = tokio::select! {
        biased;
        carried = &mut carrying => Some(carried),
        () = tokio::time::sleep_until(flight.until) => {
            if flight.end.swap(OVERDUE, Ordering::AcqRel) == ANSWERED {
                // it came in this very moment
                Some(carrying.await)
            } else {
                wait_for_late(inner, carrying);
                None
            }
        }
    };
    let result = match result {
        Some(Ok(result)) => result,
        Some(Err(error)) => Err(Failure::NotUnderstood { reason: error.to_string() }),
        None => {
            let overdue = Failure::Deadline { within, stage: *lock(&flight.stage) };
            inner.settle(Some(&overdue));
            Err(overdue)
        }
    };
    drop(waiting);
    let facts = *lock(&flight.facts);
    Attempted { result, facts }
}

/// Lets a request go on after its deadline, unless too many do already.
fn wait_for_late(inner: &Inner, carrying: JoinHandle<Result<Recognition, Failure>>) {
    match Arc::clone(&inner.late_at_once).try_acquire_owned() {
        Ok(permit) => {
            tokio::spawn(async move {
                // what it brings, it has handed over itself
                let _ = carrying.await;
                drop(permit);
            });
        }
        Err(_) => carrying.abort(),
    }
}

/// Carries a request to its end, be that in time or late.
async fn carry(inner: Arc<Inner>, flight: Arc<Flight>) -> Result<Recognition, Failure> {
    let result = timeout_at(flight.until + LATE, inner.attempts(&flight)).await;
    let result =
        result.unwrap_or(Err(Failure::Deadline { within: LATE, stage: "waiting for a late answer" }));
    if flight.end.compare_exchange(UNDER_WAY, ANSWERED, Ordering::AcqRel, Ordering::Acquire).is_ok() {
        inner.settle(result.as_ref().err());
        return result;
    }
    if let Ok(recognition) = result {
        inner.shelf.count(|tally| tally.late += 1);
        let late = Late { weighing: flight.weighing.clone(), recognition };
        if inner.late.try_send(late).is_err() {
            tracing::warn!(weighing = flight.weighing, "nobody fetches late answers: this one is dropped");
        }
    }
    Err(Failure::Deadline { within: LATE, stage: "over" })
}

impl Inner {
    /// Takes note of how a weighing ended.
    fn settle(&self, failure: Option<&Failure>) {
        self.note(failure);
        let mut manners = lock(&self.manners);
        match failure {
            None => manners.succeeded(),
            Some(failure) => manners.failed(failure, Instant::now()),
        }
        drop(manners);
        self.shelf.wake.notify_one();
    }

    async fn attempts(&self, flight: &Flight) -> Result<Recognition, Failure> {
        lock(&self.manners).may_ask(Instant::now())?;
        let mut key = self.key()?;
        let mut tries = Tries::default();
        loop {
            let missed = match self.attempt(flight, &key, &tries).await {
                Ok(recognition) => return Ok(recognition),
                Err(missed) => missed,
            };
            let over = Instant::now() >= flight.until || lock(&flight.facts).attempts >= MOST_ATTEMPTS;
            if over || !self.again(flight, &missed, &mut tries, &mut key).await {
                return Err(missed.failure);
            }
            tracing::debug!(weighing = flight.weighing, failure = %missed.failure, "sent again");
        }
    }

    /// Whether the request may be sent again, after the pause that belongs to it.
    async fn again(&self, flight: &Flight, missed: &Missed, tries: &mut Tries, key: &mut ApiKey) -> bool {
        if let Failure::KeyRefused { .. } = missed.failure {
            let other = self.read_key().ok().filter(|other| other != key && !tries.other_key);
            tries.other_key = true;
            return other.map(|other| *key = other).is_some();
        }
        match missed.again {
            Again::Never => false,
            Again::Safely | Again::Kept => {
                let safely = missed.again == Again::Safely;
                self.shelf.count(|tally| {
                    tally.resent_safely += u64::from(safely && !tries.resent);
                    tally.resent_kept += u64::from(!safely && !tries.resent);
                });
                !std::mem::replace(&mut tries.resent, true)
            }
            Again::AfterPause => {
                let pause = if let Failure::Throttled { retry_after: Some(after), .. } = &missed.failure {
                    *after
                } else {
                    PAUSE.0 + PAUSE.1.saturating_sub(PAUSE.0).mul_f64(chance())
                };
                let room = Instant::now() + pause + ROOM <= flight.until;
                if !room || std::mem::replace(&mut tries.retried, true) {
                    return false;
                }
                if !lock(&self.manners).may_retry(&missed.failure) {
                    return false;
                }
                self.shelf.count(|tally| tally.retried += 1);
                sleep(pause).await;
                true
            }
        }
    }

    async fn attempt(&self, flight: &Flight, key: &ApiKey, tries: &Tries) -> Result<Recognition, Missed> {
        *lock(&flight.stage) = "connecting";
        let asked = Instant::now();
        let never = |failure| Missed { failure, again: Again::Never };
        let mut loan = self.shelf.obtain().await.map_err(never)?;
        let Some(line) = loan.line() else {
            return Err(never(Failure::NotUnderstood { reason: "no connection".to_owned() }));
        };
        let kept = line.view.opened < asked;
        let mut request =
            self.request(Method::POST, "recognition/", line.is_http2(), Full::new(flight.body.clone()));
        request.headers_mut().insert(super::KEY_HEADER, key.header());
        if let Ok(weighing) = HeaderValue::try_from(&flight.weighing) {
            request.headers_mut().insert(WEIGHING_HEADER, weighing);
        }
        {
            let mut facts = lock(&flight.facts);
            facts.attempts = facts.attempts.saturating_add(1);
            (facts.reused, facts.connection, facts.protocol) = (kept, line.id, line.protocol());
        }
        *lock(&flight.stage) = "waiting for the answer";
        self.shelf.count(|tally| tally.reused += u64::from(kept));
        line.view.requests = line.view.requests.saturating_add(1);
        let resent = line.info().resent;
        let patience = self.patience(flight, tries);
        match timeout_at(patience, line.exchange(request, answer::MOST_BYTES)).await {
            Ok(Ok(reply)) => {
                loan.pace(flight.body.len(), resent);
                self.learn(&reply);
                let result = self.read(&reply, key);
                // a line that carried half an answer is of no use, one to a failing back end is not worth keeping
                if reply.body.is_err() {
                    loan.abandon();
                } else if !matches!(reply.status.as_u16(), 502..=504) {
                    loan.give_back();
                }
                result
            }
            Ok(Err(lost)) => {
                loan.abandon();
                Err(self.lost(lost, kept))
            }
            Err(_) => {
                loan.abandon();
                let within = Duration::from_millis(self.settings.session.response_ms.get().into());
                let failure = Failure::Deadline { within, stage: "waiting for the answer" };
                Err(Missed { failure, again: Again::AfterPause })
            }
        }
    }

    /// How long this attempt is waited for: less than to the end only where a second try has room and is
    /// still allowed.
    fn patience(&self, flight: &Flight, tries: &Tries) -> Instant {
        let response = Duration::from_millis(self.settings.session.response_ms.get().into());
        let give_up = Instant::now() + response;
        let room = give_up + PAUSE.1 + ROOM <= flight.until;
        if room && !tries.retried { give_up } else { flight.until + LATE }
    }

    fn lost(&self, lost: Lost, kept: bool) -> Missed {
        let again = match lost {
            Lost { answered: true, .. } => Again::Never,
            Lost { incomplete: true, .. } => Again::Safely,
            Lost { .. } if kept => Again::Kept,
            Lost { .. } => Again::Never,
        };
        let host = self.dialer.authority().to_owned();
        Missed { failure: Failure::Broken { host, why: lost.why }, again }
    }

    fn read(&self, reply: &Reply, key: &ApiKey) -> Result<Recognition, Missed> {
        let never = |failure| Missed { failure, again: Again::Never };
        let content_type = text(&reply.headers, &CONTENT_TYPE);
        if reply.status == StatusCode::OK {
            let body = reply.body.as_ref().map_err(|unread| {
                never(match unread {
                    Unread::TooLong => Failure::NotUnderstood {
                        reason: format!("it is longer than {} KB", answer::MOST_BYTES / 1024),
                    },
                    Unread::Broken(why) => {
                        Failure::Broken { host: self.dialer.authority().to_owned(), why: why.clone() }
                    }
                })
            })?;
            return answer::read(content_type, body)
                .map_err(|reason| never(Failure::NotUnderstood { reason: key.scrub(&reason) }));
        }
        // an error's body only makes the sentence: what can be read of it will do
        let body = reply.body.as_deref().unwrap_or_default();
        let body = body.get(..MOST_MESSAGE).unwrap_or(body);
        let message = answer::message(content_type, body).map(|message| key.scrub(&message));
        let now = self.clock.utc_at(self.clock.now());
        let retry_after = text(&reply.headers, &RETRY_AFTER).and_then(|text| fault::retry_after(text, now));
        let failure = fault::of_status(reply.status, text(&reply.headers, &LOCATION), retry_after, message);
        let passes =
            matches!(failure, Failure::ServerError { .. } | Failure::Throttled { retry_after: Some(_), .. });
        let again = if passes { Again::AfterPause } else { Again::Never };
        Err(Missed { failure, again })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
