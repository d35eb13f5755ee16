//! Everything as it happens, as server-sent events (the HTML standard, section 9.2).
//!
//! Outcomes and changes of state are kept for a while, so that a reader that comes back with the last id it saw gets what
//! it missed. Readings are not: one is worth something only while it is new. A reader that does not keep up is told so
//! and sent away; it comes back with the last id it saw.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

/// Events on their way to a reader: five seconds of the fastest scale. A reader further behind is sent away.
const BEHIND: usize = 256;
/// Outcomes and changes kept for those who come back: some minutes of a busy lane.
const KEPT: usize = 256;
/// A comment this often keeps the connection alive and shows that the reader is.
const COMMENT: Duration = Duration::from_secs(15);
/// A reader that lost its connection should come back after so many milliseconds.
const RETRY: &str = "retry: 2000\n\n";

/// One event.
#[derive(Debug)]
pub(super) struct Event {
    number: u64,
    name: &'static str,
    /// One line of JSON.
    data: String,
}

/// Where events are published.
#[derive(Debug)]
pub(super) struct Hub {
    /// Tells this run of the agent from others: an id of another run says nothing here.
    run: String,
    kept: Mutex<Shelf>,
    live: broadcast::Sender<Arc<Event>>,
}

#[derive(Debug, Default)]
struct Shelf {
    published: u64,
    events: VecDeque<Arc<Event>>,
    /// The last one that was kept and is no more.
    forgotten: u64,
    latest: Option<String>,
}

/// What a reader begins with.
#[derive(Debug)]
pub(super) struct Begin {
    missed: bool,
    repeated: Vec<Arc<Event>>,
    live: broadcast::Receiver<Arc<Event>>,
}

impl Hub {
    pub(super) fn new() -> Self {
        Self {
            run: ulid::Ulid::generate().to_string(),
            kept: Mutex::default(),
            live: broadcast::Sender::new(BEHIND),
        }
    }

    /// Tells of an outcome, a line of JSON, which is then the latest.
    pub(super) fn outcome(&self, line: String) {
        self.lock().latest = Some(line.clone());
        self.publish("outcome", line, true);
    }

    /// Tells of a change of state.
    pub(super) fn state(&self, json: String) {
        self.publish("state", json, true);
    }

    /// Tells of a reading.
    pub(super) fn reading(&self, json: String) {
        self.publish("reading", json, false);
    }

    /// Whether anybody listens.
    pub(super) fn is_heard(&self) -> bool {
        self.live.receiver_count() > 0
    }

    /// The latest outcome since the start.
    pub(super) fn latest(&self) -> Option<String> {
        self.lock().latest.clone()
    }

    fn publish(&self, name: &'static str, data: String, keep: bool) {
        let mut kept = self.lock();
        kept.published += 1;
        let event = Arc::new(Event { number: kept.published, name, data });
        if keep {
            if kept.events.len() == KEPT
                && let Some(oldest) = kept.events.pop_front()
            {
                kept.forgotten = oldest.number;
            }
            kept.events.push_back(Arc::clone(&event));
        }
        // under the lock, so that whoever begins now misses nothing and gets nothing twice
        let _ = self.live.send(event);
    }

    /// Begins for a reader that has seen everything up to an id, if it says so.
    pub(super) fn begin(&self, last: Option<&str>) -> Begin {
        let kept = self.lock();
        let seen = last.map(|last| {
            let number = last.strip_prefix(&self.run).and_then(|rest| rest.strip_prefix('-')?.parse().ok());
            number.filter(|number| (kept.forgotten..=kept.published).contains(number))
        });
        let (missed, repeated) = match seen {
            None => (false, Vec::new()),
            Some(None) => (true, kept.events.iter().cloned().collect()),
            Some(Some(seen)) => {
                (false, kept.events.iter().filter(|event| event.number > seen).cloned().collect())
            }
        };
        Begin { missed, repeated, live: self.live.subscribe() }
    }

    fn text(&self, event: &Event) -> String {
        format!("id: {}-{}\nevent: {}\ndata: {}\n\n", self.run, event.number, event.name, event.data)
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes to one reader until it is gone, falls behind, or the interface closes.
    pub(super) async fn tell(
        self: Arc<Self>,
        begin: Begin,
        present: String,
        reader: mpsc::Sender<Bytes>,
        mut stop: watch::Receiver<bool>,
    ) {
        let Begin { missed, repeated, mut live } = begin;
        let mut first = RETRY.to_owned();
        if missed {
            first.push_str("event: missed\ndata: {\"message\":\"events since the last one you saw are no longer there\"}\n\n");
        }
        for event in repeated {
            first.push_str(&self.text(&event));
        }
        // never fails on a text
        let _ = write!(first, "event: state\ndata: {present}\n\n");
        if reader.send(Bytes::from(first)).await.is_err() {
            return;
        }
        let mut comment = interval(COMMENT);
        comment.set_missed_tick_behavior(MissedTickBehavior::Delay);
        comment.reset();
        loop {
            let next = tokio::select! {
                () = closing(&mut stop) => return,
                () = reader.closed() => return,
                _ = comment.tick() => ":\n\n".to_owned(),
                event = live.recv() => match event {
                    Ok(event) => self.text(&event),
                    Err(broadcast::error::RecvError::Lagged(events)) => {
                        let slow = format!(
                            "event: dropped\ndata: {{\"events\":{events},\"message\":\"you read too slowly; come back with \
                             the last id you saw\"}}\n\n"
                        );
                        // whoever does not even take this has gone
                        let _ = reader.send(Bytes::from(slow)).await;
                        return;
                    }
                    Err(broadcast::error::RecvError::Closed) => return,
                },
            };
            if reader.send(Bytes::from(next)).await.is_err() {
                return;
            }
        }
    }
}

/// Waits until the interface closes.
pub(super) async fn closing(stop: &mut watch::Receiver<bool>) {
    // without the other end it has closed, too
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The body of an answer that goes on.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) events: mpsc::Receiver<Bytes>,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.events.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(begin: &Begin) -> Vec<u64> {
        begin.repeated.iter().map(|event| event.number).collect()
    }

    #[test]
    fn who_comes_back_gets_what_was_kept_since() {
        let hub = Hub::new();
        hub.outcome("1".to_owned());
        hub.reading("2".to_owned());
        hub.state("3".to_owned());
        let at = |number: u64| hub.begin(Some(&format!("{}-{number}", hub.run)));
        assert_eq!((at(0).missed, ids(&at(0))), (false, vec![1, 3]));
        assert_eq!(ids(&at(1)), [3]);
        assert_eq!(ids(&at(3)), [0; 0]);
        assert!(at(4).missed, "from the future");
        assert!(hub.begin(Some("01ANOTHERRUN-1")).missed && hub.begin(Some("")).missed);
        let anew = hub.begin(None);
        assert!(!anew.missed && anew.repeated.is_empty());
        assert_eq!(hub.latest().unwrap(), "1");
    }

    #[test]
    fn what_was_forgotten_is_said_and_memory_stays_bounded() {
        let hub = Hub::new();
        for number in 0..=KEPT {
            hub.state(number.to_string());
        }
        let at = |number: u64| hub.begin(Some(&format!("{}-{number}", hub.run)));
        assert!(at(0).missed && !at(1).missed);
        assert_eq!((at(1).repeated.len(), at(0).repeated.len()), (KEPT, KEPT));
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_and_sent_away() {
        let hub = Arc::new(Hub::new());
        let (reader, mut read) = mpsc::channel(1);
        let (_stop, stopped) = watch::channel(false);
        let begin = hub.begin(None);
        for _ in 0..=BEHIND {
            hub.reading("{}".to_owned());
        }
        let telling = tokio::spawn(Arc::clone(&hub).tell(begin, "{}".to_owned(), reader, stopped));
        let mut all = String::new();
        while let Some(bytes) = read.recv().await {
            all.push_str(str::from_utf8(&bytes).unwrap());
        }
        telling.await.unwrap();
        assert!(all.starts_with("retry: 2000\n\nevent: state\ndata: {}\n\n"), "{all}");
        assert!(all.contains("event: dropped\ndata: {\"events\":1,"), "{all}");
    }
}
