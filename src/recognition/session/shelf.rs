//! Where connections lie between requests, and what is known about them all.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::line::Line;
use super::policy::{self, IdleLimit, Step, View};
use super::{chance, lock};
use crate::recognition::failure::Failure;
use crate::recognition::settings::Refresh;

/// Uploads shorter than that say nothing about how much the line can carry.
const TELLING: usize = 30 * 1024;
/// A line is never slowed down below this, in bytes a second: 256 kbit/s.
const LEAST_PACE: u32 = 32 * 1024;
/// A connection that ends sooner than this, and never carried anything, was not let in at all.
const LET_IN: Duration = Duration::from_secs(3);
/// So many pings in a row that were received and not answered: the service does not answer pings.
const UNANSWERED: u32 = 2;

/// What the session did so far; for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Connections made.
    pub connections: u64,
    /// Those of them that resumed an earlier TLS session.
    pub resumed: u64,
    /// Attempts to connect that failed.
    pub failed_connections: u64,
    /// Connections that the service ended while they were idle.
    pub closed_by_service: u64,
    /// Connections replaced by count or age.
    pub replaced: u64,
    /// Requests that went over a connection that was open before.
    pub reused: u64,
    /// Requests that had to wait for a connection.
    pub waited: u64,
    /// Requests sent again because the service provably did not have them.
    pub resent_safely: u64,
    /// Requests sent again because a kept connection ended without a byte of an answer.
    pub resent_kept: u64,
    /// Requests sent again because the service failed.
    pub retried: u64,
    /// Pings answered.
    pub pings: u64,
    /// Pings that were not.
    pub failed_pings: u64,
    /// Answers that came after the deadline.
    pub late: u64,
}

/// The connections that are not in use.
#[derive(Debug)]
pub(super) struct Shelf {
    state: Mutex<State>,
    /// The service's host and port.
    host: String,
    /// Changes whenever a connection comes or an attempt fails.
    news: watch::Sender<()>,
    /// The keeper has something to look at.
    pub(super) wake: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    started: Instant,
    idle: Vec<Line>,
    lent: usize,
    asked: Option<Instant>,
    armed: Option<Instant>,
    last_weighing: Option<Instant>,
    failed: Option<(Instant, u32, Failure)>,
    /// Drawn anew at every failure.
    chance: f64,
    /// Connections in a row that were not let in.
    turned_away: u32,
    limit: IdleLimit,
    pings: bool,
    unanswered: u32,
    /// Connections older than this one are not put back.
    oldest: u64,
    pace: Option<u32>,
    tally: Tally,
}

/// A connection in use. What is not given back is gone.
#[derive(Debug)]
pub(super) struct Loan<'a> {
    shelf: &'a Shelf,
    line: Option<Line>,
}

impl Shelf {
    pub(super) fn new(wake: Arc<Notify>, host: String) -> Self {
        let state = State {
            started: Instant::now(),
            idle: Vec::new(),
            lent: 0,
            asked: None,
            armed: None,
            last_weighing: None,
            failed: None,
            chance: chance(),
            turned_away: 0,
            limit: IdleLimit::default(),
            pings: true,
            unanswered: 0,
            oldest: 0,
            pace: None,
            tally: Tally::default(),
        };
        Self { state: Mutex::new(state), host, news: watch::Sender::default(), wake }
    }

    /// Takes a connection for a weighing, as soon as there is one. Fails only with an attempt to connect that
    /// began after the question.
    pub(super) async fn obtain(&self) -> Result<Loan<'_>, Failure> {
        let asked = Instant::now();
        let mut news = self.news.subscribe();
        let mut waited = false;
        loop {
            {
                let mut state = lock(&self.state);
                state.last_weighing = Some(asked);
                if let Some(line) = state.take(true, &self.host) {
                    state.tally.waited += u64::from(waited);
                    state.lent += 1;
                    return Ok(Loan { shelf: self, line: Some(line) });
                }
                match &state.failed {
                    Some((began, _, failure)) if *began >= asked => return Err(failure.clone()),
                    Some(_) | None => {}
                }
                if !waited {
                    state.asked = Some(asked);
                }
            }
            waited = true;
            self.wake.notify_one();
            // the sender lives in this shelf
            let _ = news.changed().await;
        }
    }

    /// Takes the connection for a ping, if there is one and nobody else has it.
    pub(super) fn borrow(&self) -> Option<Loan<'_>> {
        let mut state = lock(&self.state);
        let line = state.take(false, &self.host)?;
        state.lent += 1;
        Some(Loan { shelf: self, line: Some(line) })
    }

    /// The load has left zero: a weighing is coming.
    pub(super) fn arm(&self) {
        let mut state = lock(&self.state);
        let now = Instant::now();
        state.armed = Some(now);
        if state.idle.is_empty() && state.lent == 0 {
            state.asked = Some(now);
        }
        drop(state);
        self.wake.notify_one();
    }

    /// When the load last left zero.
    pub(super) fn armed(&self) -> Option<Instant> {
        lock(&self.state).armed
    }

    /// What the keeper does next.
    pub(super) fn next(&self, refresh: &Refresh, recovery: Option<Instant>) -> Step {
        let mut state = lock(&self.state);
        let now = Instant::now();
        state.sweep(now, &self.host);
        policy::next(&View {
            now,
            started: state.started,
            idle: state.idle.last().map(|line| line.view),
            lent: state.lent,
            asked: state.asked,
            armed: state.armed,
            last_weighing: state.last_weighing,
            ever: state.tally.connections > 0,
            failed: state.failed.as_ref().map(|(began, times, _)| (*began, *times)),
            chance: state.chance,
            recovery,
            pings: state.pings,
            limit: state.limit.at(now),
            refresh,
        })
    }

    /// Takes note of an attempt to connect that began at that moment. A new connection takes the place of the
    /// ones before it when it is meant to replace them.
    pub(super) fn dialled(&self, began: Instant, result: Result<Line, Failure>, replaces: bool) {
        let mut state = lock(&self.state);
        match result {
            Ok(line) => {
                state.failed = None;
                state.asked = None;
                state.tally.connections += 1;
                state.tally.resumed += u64::from(line.resumed);
                if replaces {
                    state.tally.replaced += 1;
                    state.oldest = line.id;
                    state.idle.clear();
                }
                if let Some(pace) = state.pace {
                    line.limit_pace(pace);
                }
                state.idle.push(line);
            }
            Err(failure) => {
                let times = state.failed.as_ref().map_or(0, |(_, times, _)| *times);
                state.failed = Some((began, times.saturating_add(1), failure));
                state.chance = chance();
                state.tally.failed_connections += 1;
            }
        }
        drop(state);
        self.news.send_replace(());
    }

    /// Takes note of a ping. One that arrived and was not answered tells that the service does not know pings,
    /// as does one after which it closes the connection.
    pub(super) fn pinged(&self, answered: bool, arrived: bool, closes: bool) {
        let mut state = lock(&self.state);
        state.tally.pings += u64::from(answered);
        state.tally.failed_pings += u64::from(!answered);
        if answered {
            state.turned_away = 0;
        }
        state.unanswered = if !answered && arrived { state.unanswered + 1 } else { 0 };
        state.pings = state.pings && !closes && state.unanswered < UNANSWERED;
    }

    /// Why the service does not let anybody in, if the last connection was made and ended at once.
    pub(super) fn turned_away(&self) -> Option<Failure> {
        let state = lock(&self.state);
        let failure = state.failed.as_ref().map(|(_, _, failure)| failure.clone());
        failure.filter(|_| state.turned_away > 0)
    }

    /// Whether the last connection was made and ended at once: another one proves nothing yet.
    pub(super) fn is_doubtful(&self) -> bool {
        lock(&self.state).turned_away > 0
    }

    /// Whether pings are of use.
    pub(super) fn pings(&self) -> bool {
        lock(&self.state).pings
    }

    /// The service says how long it keeps an idle connection.
    pub(super) fn announced(&self, limit: Duration) {
        lock(&self.state).limit.announced(limit, Instant::now());
    }

    /// Counts something.
    pub(super) fn count(&self, change: impl FnOnce(&mut Tally)) {
        change(&mut lock(&self.state).tally);
    }

    /// What was counted.
    pub(super) fn tally(&self) -> Tally {
        lock(&self.state).tally
    }
}

impl State {
    /// The connection used last, if there is one that will do.
    fn take(&mut self, for_a_weighing: bool, host: &str) -> Option<Line> {
        let now = Instant::now();
        self.sweep(now, host);
        while let Some(line) = self.idle.pop() {
            let idle = now.duration_since(line.view.heard);
            if !for_a_weighing || !self.limit.is_ending(idle, line.info().round_trip, now) {
                self.limit.outlived(idle);
                return Some(line);
            }
        }
        None
    }

    /// Lets go of what the other side has ended, and learns from it.
    fn sweep(&mut self, now: Instant, host: &str) {
        let ended = self.idle.extract_if(.., |line| line.is_closed());
        for line in ended {
            let (opened, heard) = (line.view.opened, line.view.heard);
            self.tally.closed_by_service += 1;
            if heard == opened && now.duration_since(opened) < LET_IN {
                // as good as a failed attempt: making the next one at once would go on for ever
                self.turned_away = self.turned_away.saturating_add(1);
                let failure = Failure::Broken { host: host.to_owned(), why: line.end().to_owned() };
                self.failed = Some((opened, self.turned_away, failure));
                self.chance = chance();
            } else {
                self.limit.closed_after(now.duration_since(heard), now);
            }
        }
    }
}

impl Loan<'_> {
    /// The connection.
    pub(super) fn line(&mut self) -> Option<&mut Line> {
        self.line.as_mut()
    }

    /// Puts the connection back, unless it is over or was replaced meanwhile.
    pub(super) fn give_back(mut self) {
        let Some(line) = self.line.take() else { return };
        let mut state = lock(&self.shelf.state);
        if !line.is_closed() && line.id >= state.oldest {
            state.turned_away = 0;
            // one is enough: the other was made while this one was in use, and its window is still small
            state.idle.clear();
            state.idle.push(line);
        }
        drop(state);
        self.shelf.news.send_replace(());
    }

    /// Resets the connection: what is under way on it is of no use any more.
    pub(super) fn abandon(mut self) {
        if let Some(line) = self.line.take() {
            line.abandon();
        }
    }

    /// Slows the line down to what it has shown to carry, once segments were lost: a burst that a router on
    /// the way cannot hold costs more than the slower pace.
    pub(super) fn pace(&mut self, uploaded: usize, resent_before: u32) {
        let Some(line) = self.line.as_ref().filter(|_| uploaded >= TELLING) else { return };
        let info = line.info();
        let mut state = lock(&self.shelf.state);
        if info.resent > resent_before || state.pace.is_some() {
            let lost = info.resent > resent_before;
            let best = pace(line.quickest(), state.pace, lost);
            state.pace = Some(best);
            drop(state);
            line.limit_pace(best);
        }
    }
}

/// A fifth more than what got through just now. It grows with the line; while segments are lost it shrinks too, by
/// half at the most, since one upload may have met a burst of somebody else's.
fn pace(delivery_rate: u64, before: Option<u32>, lost: bool) -> u32 {
    let rate = u32::try_from(delivery_rate).unwrap_or(u32::MAX);
    let least = before.map_or(0, |before| if lost { before / 2 } else { before });
    rate.saturating_add(rate / 5).max(LEAST_PACE).max(least)
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        {
            let mut state = lock(&self.shelf.state);
            state.lent = state.lent.saturating_sub(1);
        }
        self.shelf.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_follows_the_line_up_and_while_it_loses_down_again() {
        assert_eq!(pace(1_000_000, None, true), 1_200_000);
        assert_eq!(pace(1_250_000, Some(1_200_000), false), 1_500_000);
        assert_eq!(pace(500_000, Some(1_200_000), false), 1_200_000, "a short upload says little");
        assert_eq!(pace(900_000, Some(1_200_000), true), 1_080_000);
        assert_eq!(pace(100_000, Some(1_200_000), true), 600_000);
        assert_eq!(pace(0, None, true), LEAST_PACE);
        assert_eq!(pace(u64::MAX, None, true), u32::MAX);
    }
}
