//! Signs of life: what a weighing cannot do without beats, and the watchdog is only fed while all of that does.
//!
//! Reports, sinks and the local interface have none: a disk or a till that hangs must not take the weighings along.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::stamp::Stamp;

/// The sign of life of one thread or task. Clones share it.
#[derive(Clone, Debug)]
pub struct Pulse {
    name: &'static str,
    limit: Duration,
    last: Arc<AtomicU64>,
}

impl Pulse {
    /// A pulse that beat just now and must beat again within `limit`.
    #[must_use]
    pub fn new(name: &'static str, limit: Duration, now: Stamp) -> Self {
        Self { name, limit, last: Arc::new(AtomicU64::new(now.as_nanos())) }
    }

    /// Says "I am alive and getting on".
    pub fn beat(&self, now: Stamp) {
        self.last.fetch_max(now.as_nanos(), Ordering::Relaxed);
    }

    /// Whose pulse it is.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it has not beaten for longer than it may.
    #[must_use]
    pub fn is_late(&self, now: Stamp) -> bool {
        now.since(Stamp::from_nanos(self.last.load(Ordering::Relaxed))) > self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_is_late_one_nanosecond_past_its_limit() {
        let pulse = Pulse::new("camera", Duration::from_millis(1), Stamp::from_millis(10));
        assert!(!pulse.is_late(Stamp::from_millis(11)));
        assert!(pulse.is_late(Stamp::from_nanos(11_000_001)));
        pulse.clone().beat(Stamp::from_millis(11));
        assert!(!pulse.is_late(Stamp::from_millis(12)));
    }
}
