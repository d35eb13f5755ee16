//! What the keeper does next with the connection. Pure: the time and all that is known come in as arguments.
//!
//! A connection is worth keeping warm only while somebody weighs; after that it may go, and is made again when
//! the load leaves zero, which is long before the request needs it.

use std::time::Duration;

use tokio::time::Instant;

use crate::recognition::settings::Refresh;

/// A shop counts as active for that long after a weighing, and after the start.
pub(super) const ACTIVE: Duration = Duration::from_mins(15);
/// A connection without a byte for that long is asked whether it lives, once the load leaves zero. It costs
/// half a kilobyte at most once for each weighing, and the load takes longer to settle than the answer to come.
const PROBE_AFTER: Duration = Duration::from_secs(2);
/// Shorter than the idle limits of most servers and routers, give or take a fifth.
const KEEP_WARM: Duration = Duration::from_secs(25);
/// Below that, keeping warm costs more than it brings: the line is let go and made again.
const KEEP_WARM_LEAST: Duration = Duration::from_secs(3);
/// No replacement while goods are about to be weighed.
const ARMED: Duration = Duration::from_secs(5);
/// After a failed attempt to replace a connection that still works.
const REPLACE_AGAIN: Duration = Duration::from_mins(1);
/// The first and the longest pause between attempts to reach a service that does not answer.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));
/// An observed idle limit is believed that long; then it is found out anew.
const BELIEVED: Duration = Duration::from_hours(1);
/// A connection closed sooner was not closed for being idle.
const LEAST_LIMIT: Duration = Duration::from_secs(3);

/// All that is known when the next step is chosen.
#[derive(Clone, Debug)]
pub(super) struct View<'a> {
    pub(super) now: Instant,
    pub(super) started: Instant,
    /// The connection that is open and not in use.
    pub(super) idle: Option<LineView>,
    /// How many are in use.
    pub(super) lent: usize,
    /// When a weighing last found no connection, or the load last left zero without one.
    pub(super) asked: Option<Instant>,
    /// When the load last left zero.
    pub(super) armed: Option<Instant>,
    pub(super) last_weighing: Option<Instant>,
    /// Whether there ever was a connection.
    pub(super) ever: bool,
    /// When the last attempt that failed began, and how many failed in a row.
    pub(super) failed: Option<(Instant, u32)>,
    /// A chance of its own from 0 to 1 for the pause after that, so that not all registers of a shop come back in the
    /// same moment.
    pub(super) chance: f64,
    /// When the service wants to be asked whether it has recovered.
    pub(super) recovery: Option<Instant>,
    /// Whether the service keeps the connection open after a ping.
    pub(super) pings: bool,
    pub(super) limit: Option<Duration>,
    pub(super) refresh: &'a Refresh,
}

/// What is known of an idle connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineView {
    pub(super) opened: Instant,
    /// When the last byte came or went.
    pub(super) heard: Instant,
    /// Weighings it has carried.
    pub(super) requests: u32,
    /// Its own chance from 0 to 1, so that not all registers of a shop act in the same moment.
    pub(super) chance: f64,
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Make a connection.
    Dial,
    /// Make a connection, and let the old one go when the new one works.
    Replace,
    /// Ask the service for something cheap over the open connection.
    Ping,
    /// Nothing until that moment, or until something happens.
    Rest(Option<Instant>),
}

/// Chooses the next step.
pub(super) fn next(view: &View<'_>) -> Step {
    match &view.idle {
        None => without_line(view),
        Some(line) => with_line(view, line),
    }
}

fn without_line(view: &View<'_>) -> Step {
    let unanswered = |asked: &Instant| view.failed.is_none_or(|(began, _)| *asked > began);
    if view.asked.as_ref().is_some_and(unanswered) {
        return Step::Dial;
    }
    let recovering = view.recovery.is_some_and(|at| at <= view.now);
    let wanted = !view.ever || view.failed.is_some() || is_active(view) || recovering;
    if view.lent > 0 || !wanted {
        return Step::Rest(view.recovery.filter(|_| view.lent == 0));
    }
    match view.failed {
        None => Step::Dial,
        Some((began, times)) => {
            let due = began + pause(times).mul_f64(0.5 + 0.5 * view.chance);
            if due <= view.now { Step::Dial } else { Step::Rest(Some(due)) }
        }
    }
}

fn with_line(view: &View<'_>, line: &LineView) -> Step {
    let armed = view.armed.filter(|&at| at > line.heard);
    let silent = view.now.duration_since(line.heard);
    let probe = armed.is_some() && view.pings && silent >= probe_after(view.limit);
    if probe || view.recovery.is_some_and(|at| at <= view.now) {
        return Step::Ping;
    }
    let mut due = vec![view.recovery];
    if is_active(view) {
        let failed = view.failed.map(|(began, _)| began + REPLACE_AGAIN);
        let armed = view.armed.map(|at| at + ARMED);
        let replace = replace_at(view, line).map(|at| at.max(failed.unwrap_or(at)).max(armed.unwrap_or(at)));
        if replace.is_some_and(|at| at <= view.now) {
            return Step::Replace;
        }
        let ping = keep_warm(view.limit, line.chance).filter(|_| view.pings).map(|after| line.heard + after);
        if ping.is_some_and(|at| at <= view.now) {
            return Step::Ping;
        }
        due.extend([replace, ping]);
    }
    Step::Rest(due.into_iter().flatten().min())
}

fn is_active(view: &View<'_>) -> bool {
    let last = [view.last_weighing, view.armed, Some(view.started)].into_iter().flatten().max();
    last.is_some_and(|last| view.now.duration_since(last) < ACTIVE)
}

/// When the settings want the connection replaced, give or take a tenth.
fn replace_at(view: &View<'_>, line: &LineView) -> Option<Instant> {
    let (most, minutes) = (view.refresh.refresh_requests.get(), view.refresh.refresh_minutes.get());
    let part = 0.9 + 0.2 * line.chance;
    if most > 0 && f64::from(line.requests) >= (f64::from(most) * part).round().max(1.0) {
        return Some(view.now);
    }
    (minutes > 0).then(|| line.opened + Duration::from_mins(u64::from(minutes)).mul_f64(part))
}

fn probe_after(limit: Option<Duration>) -> Duration {
    limit.map_or(PROBE_AFTER, |limit| PROBE_AFTER.min(limit / 2))
}

fn keep_warm(limit: Option<Duration>, chance: f64) -> Option<Duration> {
    let usual = KEEP_WARM.mul_f64(0.8 + 0.4 * chance);
    let before = limit.map(|limit| limit.saturating_sub((limit / 5).max(Duration::from_secs(1))));
    Some(before.map_or(usual, |before| usual.min(before))).filter(|after| *after >= KEEP_WARM_LEAST)
}

/// The longest pause after so many failures in a row.
fn pause(times: u32) -> Duration {
    let doubled = 2_u32.checked_pow(times.saturating_sub(1)).unwrap_or(u32::MAX);
    PAUSES.0.saturating_mul(doubled).min(PAUSES.1)
}

/// After how long without a request the other side closes the connection, as far as that is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct IdleLimit {
    seen: Option<(Duration, Instant)>,
}

impl IdleLimit {
    /// The limit, if it is known and still believed.
    pub(super) fn at(&self, now: Instant) -> Option<Duration> {
        self.seen.filter(|(_, at)| now.duration_since(*at) < BELIEVED).map(|(limit, _)| limit)
    }

    /// The other side closed a connection that had been idle for that long.
    pub(super) fn closed_after(&mut self, idle: Duration, now: Instant) {
        if idle >= LEAST_LIMIT {
            let known = self.at(now).unwrap_or(Duration::MAX);
            self.seen = Some((known.min(idle), now));
        }
    }

    /// The other side says itself how long it waits.
    pub(super) fn announced(&mut self, limit: Duration, now: Instant) {
        self.closed_after(limit, now);
    }

    /// A connection was idle for that long and still carried a request.
    pub(super) fn outlived(&mut self, idle: Duration) {
        if self.seen.is_some_and(|(limit, _)| idle > limit + Duration::from_secs(1)) {
            self.seen = None;
        }
    }

    /// Whether a connection idle for that long is about to be closed: what is sent now may cross the end.
    pub(super) fn is_ending(&self, idle: Duration, round_trip: Duration, now: Instant) -> bool {
        let margin = (round_trip * 4).max(Duration::from_millis(250));
        self.at(now).is_some_and(|limit| idle + margin >= limit && idle <= limit + Duration::from_secs(1))
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
