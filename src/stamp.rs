//! Moments on the kernel's monotonic clock, the one clock that readings and frames share.
//!
//! A scale's byte and a camera's frame are compared to tell whether the picture was taken after the
//! weight settled. Wall clocks jump (a box without a clock chip starts in 1970), so nothing is ever
//! compared on them; `CLOCK_MONOTONIC` is also what V4L2 stamps its buffers with.

use std::ops::{Add, Sub};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// A moment on `CLOCK_MONOTONIC`, in nanoseconds since the kernel's arbitrary start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    nanos: u64,
}

impl Stamp {
    /// The moment `nanos` nanoseconds after the clock's start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self { nanos }
    }

    /// The moment `millis` milliseconds after the clock's start.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self { nanos: millis.saturating_mul(1_000_000) }
    }

    /// Nanoseconds since the clock's start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.nanos
    }

    /// The time from `earlier` to this moment; zero when `earlier` is in fact later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }
}

impl Add<Duration> for Stamp {
    type Output = Self;

    fn add(self, later: Duration) -> Self {
        let nanos = u64::try_from(later.as_nanos()).unwrap_or(u64::MAX);
        Self { nanos: self.nanos.saturating_add(nanos) }
    }
}

impl Sub<Duration> for Stamp {
    type Output = Self;

    fn sub(self, sooner: Duration) -> Self {
        let nanos = u64::try_from(sooner.as_nanos()).unwrap_or(u64::MAX);
        Self { nanos: self.nanos.saturating_sub(nanos) }
    }
}

/// Where the time comes from: the kernel in the agent, tokio's (pausable) clock in tests.
#[derive(Clone)]
pub struct Clock {
    source: Arc<dyn Fn() -> (Stamp, DateTime<Utc>) + Send + Sync>,
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl Clock {
    /// The kernel's monotonic and wall clocks.
    #[must_use]
    pub fn system() -> Self {
        Self { source: Arc::new(|| (monotonic(), wall())) }
    }

    /// A clock that follows tokio's, so that a test with paused time decides what time it is.
    ///
    /// It starts at stamp `start` and at the given wall time, and must be made inside a runtime.
    #[must_use]
    pub fn of_tokio(start: Stamp, wall: DateTime<Utc>) -> Self {
        let began = tokio::time::Instant::now();
        Self {
            source: Arc::new(move || {
                let passed = began.elapsed();
                (start + passed, wall + TimeDelta::from_std(passed).unwrap_or(TimeDelta::MAX))
            }),
        }
    }

    /// A clock whose time a test sets, in nanoseconds, without a runtime.
    #[cfg(test)]
    pub(crate) fn set_by(nanos: Arc<std::sync::atomic::AtomicU64>) -> Self {
        let now = move || Stamp::from_nanos(nanos.load(std::sync::atomic::Ordering::Relaxed));
        Self { source: Arc::new(move || (now(), DateTime::UNIX_EPOCH)) }
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Stamp {
        (self.source)().0
    }

    /// The wall time at a recent moment, for people and for the service; never for comparing.
    #[must_use]
    pub fn utc_at(&self, stamp: Stamp) -> DateTime<Utc> {
        let (now, wall) = (self.source)();
        let ago = TimeDelta::from_std(now.since(stamp)).unwrap_or(TimeDelta::zero());
        let ahead = TimeDelta::from_std(stamp.since(now)).unwrap_or(TimeDelta::zero());
        wall - ago + ahead
    }
}

/// A wall time as the service and the outcome line write it: `2026-11-22T10:15:30.123Z`.
#[must_use]
pub fn iso_utc(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn monotonic() -> Stamp {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
    Stamp::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn wall() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_between_stamps_never_goes_below_zero() {
        let (early, late) = (Stamp::from_millis(1_000), Stamp::from_millis(1_250));
        assert_eq!(late.since(early), Duration::from_millis(250));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(early + Duration::from_millis(250), late);
        assert_eq!(late - Duration::from_millis(250), early);
    }

    #[tokio::test(start_paused = true)]
    async fn a_paused_clock_moves_only_when_told() {
        let wall = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let clock = Clock::of_tokio(Stamp::from_millis(5), wall);
        let before = clock.now();
        tokio::time::advance(Duration::from_millis(40)).await;
        assert_eq!(clock.now().since(before), Duration::from_millis(40));
        assert_eq!(iso_utc(clock.utc_at(before)), iso_utc(wall));
        assert_eq!(clock.utc_at(clock.now()) - clock.utc_at(before), TimeDelta::milliseconds(40));
    }

    #[test]
    fn wall_times_are_utc_with_milliseconds_and_a_z() {
        let time = DateTime::from_timestamp_millis(1_795_000_000_123).unwrap();
        assert_eq!(iso_utc(time), "2026-11-18T11:06:40.123Z");
    }
}
