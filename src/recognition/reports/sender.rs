//! Sends the reports that wait: one at a time, in the pauses between weighings.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::desk::Desk;
use super::kept::{Item, Limits, Refused};
use super::ledger::Bounds;
use super::report::{BATCH_PATH, Kind, Report};
use super::settings::{Audit, Settings};
use super::verdict::{self, Verdict};
use super::{OutboxState, milliseconds};
use crate::recognition::failure::Failure;
use crate::recognition::session::{Courier, chance};
use crate::recognition::trust;
use crate::stamp::{Clock, iso_utc};

/// How often old reports and recognitions without one are looked for.
const SWEEP: Duration = Duration::from_mins(1);
/// Reports looked at together.
const HEADS: u32 = 64;
/// From so many events on they are sent together, and no more than so many.
const BATCH: (usize, usize) = (10, 50);

/// What the sender works with.
pub(super) struct Sender {
    pub(super) settings: Settings,
    pub(super) audit: Audit,
    /// Weighings that found no room on their way into the audit trail.
    pub(super) missed: Arc<AtomicU64>,
    pub(super) desk: Desk,
    pub(super) courier: Courier,
    pub(super) clock: Clock,
    pub(super) wake: Arc<Notify>,
    pub(super) state: watch::Sender<OutboxState>,
}

/// Who waits for how long.
#[derive(Default)]
struct Pauses {
    one: HashMap<i64, Instant>,
    all: Option<Instant>,
    times: u32,
    /// The service does not take batches, or not these reports in one.
    no_batches: bool,
    alone: HashSet<i64>,
    trouble: Option<String>,
}

impl Pauses {
    /// Takes note of what an answer says about all reports.
    fn note(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::AllLater(why, pause) => {
                let pause = pause.unwrap_or_else(|| verdict::pause_of_all(self.times, chance()));
                self.all = Some(Instant::now() + pause);
                self.times = self.times.saturating_add(1);
                self.trouble = Some(why.clone());
            }
            Verdict::Sent | Verdict::Quarantine(_) | Verdict::Later(_) => {
                (self.all, self.times, self.trouble) = (None, 0, None);
            }
        }
    }
}

impl Sender {
    /// Runs until the outbox is dropped.
    pub(super) async fn run(self) {
        let mut pauses = Pauses::default();
        let mut sweep = Instant::now();
        loop {
            if sweep <= Instant::now() {
                sweep = Instant::now() + SWEEP;
                let swept = self.sweep().await;
                self.publish(swept.err(), &pauses).await;
            }
            match self.desk.ask(|store| Ok(store.heads(HEADS)?)).await {
                Ok(heads) => {
                    let next = self.send_due(heads, &mut pauses).await;
                    self.publish(None, &pauses).await;
                    self.rest(next.unwrap_or(sweep).min(sweep)).await;
                }
                Err(refused) => {
                    self.publish(Some(refused), &pauses).await;
                    self.rest(sweep).await;
                }
            }
        }
    }

    async fn rest(&self, until: Instant) {
        tokio::select! {
            () = sleep_until(until) => {}
            () = self.wake.notified() => {}
        }
    }

    /// Sends what is due and says when the next one is; none when nothing waits.
    async fn send_due(&self, heads: Vec<Item>, pauses: &mut Pauses) -> Option<Instant> {
        let now = Instant::now();
        pauses.one.retain(|id, _| heads.iter().any(|item| item.id == *id));
        pauses.alone.retain(|id| heads.iter().any(|item| item.id == *id));
        if let Some(until) = pauses.all.filter(|until| *until > now) {
            return (!heads.is_empty()).then_some(until);
        }
        let waits = |item: &Item| pauses.one.get(&item.id).copied().filter(|until| *until > now);
        let (due, later): (Vec<Item>, Vec<Item>) = heads.into_iter().partition(|item| waits(item).is_none());
        if due.is_empty() {
            return later.iter().filter_map(waits).min();
        }
        self.courier.quiet().await;
        let together: Vec<Item> = due
            .iter()
            .filter(|item| item.kind == Kind::Transaction && !pauses.alone.contains(&item.id))
            .take(BATCH.1)
            .cloned()
            .collect();
        let done = if together.len() >= BATCH.0 && !pauses.no_batches {
            self.send_together(together, pauses).await
        } else if let Some(item) = due.into_iter().next() {
            self.send_one(item, pauses).await
        } else {
            Ok(())
        };
        if let Err(refused) = done {
            // what cannot be taken off the list would be sent again and again
            pauses.trouble = Some(refused.to_string());
            pauses.all = Some(Instant::now() + SWEEP);
        }
        // there may be more: look again at once
        Some(now)
    }

    async fn send_one(&self, item: Item, pauses: &mut Pauses) -> Result<(), Refused> {
        let path = item.kind.path(&item.recognition);
        let result = self.courier.post(&path, &item.key, Bytes::from(item.body)).await;
        let verdict = verdict::verdict(result.as_ref().map(|_| ()));
        pauses.note(&verdict);
        let id = item.id;
        match verdict {
            Verdict::Sent => self.desk.ask(move |store| Ok(store.sent(&[id])?)).await,
            Verdict::Quarantine(why) => {
                tracing::warn!(report = item.key, recognition = item.recognition, why, "put into quarantine");
                self.desk.ask(move |store| Ok(store.failed(id, true, &why)?)).await
            }
            Verdict::Later(why) => {
                let pause = verdict::pause_of_one(item.attempts, chance());
                pauses.one.insert(id, Instant::now() + pause);
                self.desk.ask(move |store| Ok(store.failed(id, false, &why)?)).await
            }
            Verdict::AllLater(..) => Ok(()),
        }
    }

    /// Sends events of several recognitions in one request. Those that the answer does not name as taken go
    /// one by one afterwards, so that each gets an answer of its own.
    async fn send_together(&self, items: Vec<Item>, pauses: &mut Pauses) -> Result<(), Refused> {
        let Some(first) = items.first() else { return Ok(()) };
        let key = first.key.clone();
        let result = self.courier.post(BATCH_PATH, &key, batch(&items)).await;
        let answer = match result {
            Err(failure @ Failure::Refused { .. }) => {
                tracing::info!(%failure, "the service takes no batches of events: they are sent one by one");
                pauses.no_batches = true;
                return Ok(());
            }
            Err(failure) => {
                let verdict = verdict::verdict(Err(&failure));
                pauses.note(&verdict);
                if let Verdict::Later(_) = verdict {
                    pauses.alone.extend(items.iter().map(|item| item.id));
                }
                return Ok(());
            }
            Ok(answer) => answer,
        };
        let taken = verdict::taken(&answer);
        let (sent, alone): (Vec<&Item>, Vec<&Item>) =
            items.iter().partition(|item| taken.contains(&item.recognition));
        pauses.alone.extend(alone.iter().map(|item| item.id));
        let sent: Vec<i64> = sent.iter().map(|item| item.id).collect();
        pauses.note(&Verdict::Sent);
        self.desk.ask(move |store| Ok(store.sent(&sent)?)).await
    }

    /// Reports the recognitions that nobody reported, and puts aside what is too old; only when the clock can
    /// be trusted.
    async fn sweep(&self) -> Result<(), Refused> {
        let set = trust::clock_not_set(&self.clock).is_none();
        let now = self.clock.utc_at(self.clock.now());
        let bounds = bounds(&self.audit, set.then(|| now.timestamp_millis()));
        self.desk.ask(move |store| Ok(store.prune(bounds, set.then(|| now.timestamp_millis()))?)).await?;
        if !set {
            return Ok(());
        }
        let (now_ms, limits) = (now.timestamp_millis(), limits(&self.settings));
        let days = u64::from(self.settings.most_days.get());
        let too_old = now_ms - milliseconds(Duration::from_hours(24 * days));
        let minutes = u64::from(self.settings.unused_after_minutes.get());
        let unused = (minutes > 0).then(|| now_ms - milliseconds(Duration::from_mins(minutes)));
        let swept = self.desk.ask(move |store| {
            let old = store.age(too_old, now_ms)?;
            let report = || {
                let body = Report::unused().body(now).unwrap_or_default();
                (ulid::Ulid::generate().to_string(), body)
            };
            let unused = match unused {
                Some(before) => store.report_unused(before, now_ms, limits, report)?,
                None => 0,
            };
            Ok((old, unused))
        });
        let (old, unused) = swept.await?;
        if old > 0 {
            tracing::warn!(reports = old, "too old: put into quarantine");
        }
        if unused > 0 {
            tracing::debug!(recognitions = unused, "reported as unused");
        }
        Ok(())
    }

    /// Tells the state, and the log when something is wrong that was not wrong before.
    async fn publish(&self, refused: Option<Refused>, pauses: &Pauses) {
        let counts = self.desk.ask(|store| Ok(store.counts()?)).await;
        let aside = self.desk.aside().await;
        let missed = self.missed.load(Ordering::Relaxed);
        let unwritten = || self.desk.broken().map(Refused::from);
        let broken = refused.or_else(|| counts.as_ref().err().cloned()).or_else(unwritten);
        let broken = broken.map(|refused| refused.to_string());
        let counts = counts.unwrap_or_default();
        let full = counts.waiting + counts.quarantined >= limits(&self.settings).items;
        let trouble = if let Some(broken) = broken {
            Some(format!("reports cannot be kept: {broken}"))
        } else if full {
            Some("too many reports wait: no more are accepted".to_owned())
        } else if let Some(why) = &pauses.trouble {
            let since = counts.oldest.and_then(chrono::DateTime::from_timestamp_millis).map(iso_utc);
            Some(format!("{} reports wait since {}: {why}", counts.waiting, since.unwrap_or_default()))
        } else if let Some(file) = aside.first() {
            let name = file.display();
            Some(format!(
                "the file was damaged and what could be read was taken over; `scalecam outbox list --file {name}` shows \
                 what was in it, take it away when you have looked"
            ))
        } else if counts.quarantined > 0 {
            Some(format!("{} reports are in quarantine: `scalecam outbox list` says why", counts.quarantined))
        } else if missed > 0 {
            Some(format!("{missed} weighings are missing in the audit trail: the disk is too slow"))
        } else {
            None
        };
        self.state.send_if_modified(|state| {
            if let Some(trouble) = trouble.as_ref().filter(|_| state.trouble.is_none()) {
                tracing::warn!("{trouble}");
            }
            let next = OutboxState { counts, missed, trouble };
            let changed = *state != next;
            *state = next;
            changed
        });
    }
}

/// How much may wait.
pub(super) fn limits(settings: &Settings) -> Limits {
    Limits {
        items: settings.most_items.get().into(),
        bytes: u64::from(settings.most_megabytes.get()) * 1024 * 1024,
    }
}

/// How much of the audit trail is kept.
fn bounds(audit: &Audit, now: Option<i64>) -> Bounds {
    let (days, hours) = (u64::from(audit.most_days.get()), u64::from(audit.picture_hours.get()));
    let megabytes = |count: u32| i64::from(count) * 1024 * 1024;
    let ago = |now: i64, hours: u64| now - milliseconds(Duration::from_hours(hours));
    Bounds {
        since: now.map(|now| (ago(now, 24 * days), ago(now, hours))),
        bytes: megabytes(audit.most_megabytes.get()),
        picture_bytes: megabytes(audit.picture_megabytes.get()),
    }
}

/// The events, each with the recognition it is about.
fn batch(items: &[Item]) -> Bytes {
    let events: Vec<String> = items
        .iter()
        .map(|item| {
            let id = serde_json::to_string(&item.recognition).unwrap_or_default();
            let rest = item.body.trim_start_matches('{');
            format!(r#"{{"recognition_id":{id},{rest}"#)
        })
        .collect();
    Bytes::from(format!(r#"{{"transaction_events":[{}]}}"#, events.join(",")))
}
