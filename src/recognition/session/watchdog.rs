//! Notices a line that died silently: bytes were sent, and nobody acknowledges them any more.
//!
//! A router that lost its table drops what comes without a word. TCP itself would go on for minutes; the bytes
//! acknowledged tell within a few round trips (measured at 50 ms: 554 ms to the answer over a new connection,
//! and no false alarm on a healthy one).

use std::os::fd::AsFd;
use std::time::Duration;

use tokio::time::Instant;

use super::meter::Meter;
use crate::kernel::{self, TcpInfo};

/// No line is called dead sooner: the kernel's own first repetition comes after 200 ms at the least.
const LEAST: Duration = Duration::from_millis(250);
/// In round trips.
const TRIPS: u32 = 4;
/// No answer's head is longer, announcements before it included.
const MOST_HEAD: u64 = 256 * 1024;
/// How often the kernel is asked within the limit.
const LOOKS: u32 = 8;

/// Watches for progress. Pure: the account and the time come in as arguments.
#[derive(Debug)]
struct Progress {
    acknowledged: u64,
    at: Instant,
}

impl Progress {
    /// Takes the account of this moment; answers when nothing was acknowledged for too long.
    fn is_stalled(&mut self, info: &TcpInfo, now: Instant) -> bool {
        let waiting = info.unacknowledged > 0 || info.unsent_bytes > 0;
        if !waiting || info.acknowledged_bytes > self.acknowledged {
            *self = Self { acknowledged: info.acknowledged_bytes, at: now };
            return false;
        }
        now.duration_since(self.at) >= limit(info)
    }
}

fn limit(info: &TcpInfo) -> Duration {
    (info.round_trip * TRIPS).max(LEAST)
}

/// Ends with a sentence when the line is dead, or brings a head without an end; never while it makes progress.
pub(super) async fn watch(socket: &impl AsFd, meter: &Meter) -> String {
    let Ok(first) = kernel::tcp_info(socket) else { return std::future::pending().await };
    let mut progress = Progress { acknowledged: first.acknowledged_bytes, at: Instant::now() };
    loop {
        if meter.read() > MOST_HEAD {
            return format!("more than {} KB came, and the head of an answer was not over", MOST_HEAD / 1024);
        }
        let info = kernel::tcp_info(socket).unwrap_or_default();
        // before anything of this request was acknowledged the kernel tells of the one before
        if info.acknowledged_bytes > first.acknowledged_bytes {
            meter.saw_rate(info.delivery_rate);
        }
        if progress.is_stalled(&info, Instant::now()) {
            return format!("nothing was acknowledged for {} ms", limit(&info).as_millis());
        }
        tokio::time::sleep(limit(&info) / LOOKS).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bytes_that_nobody_acknowledges_for_too_long_stall() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let info = |acknowledged_bytes, unacknowledged, unsent_bytes| TcpInfo {
            round_trip: Duration::from_millis(50),
            acknowledged_bytes,
            unacknowledged,
            unsent_bytes,
            ..TcpInfo::default()
        };
        let mut progress = Progress { acknowledged: 100, at: start };
        assert!(!progress.is_stalled(&info(100, 4, 0), after(249)));
        assert!(progress.is_stalled(&info(100, 4, 0), after(250)));
        assert!(progress.is_stalled(&info(100, 0, 9), after(250)), "unsent bytes wait as well");
        assert!(!progress.is_stalled(&info(101, 4, 0), after(250)), "progress");
        assert!(!progress.is_stalled(&info(101, 4, 0), after(499)));
        assert!(progress.is_stalled(&info(101, 4, 0), after(500)));
        assert!(
            !progress.is_stalled(&info(101, 0, 0), after(9_000)),
            "the service thinks: nothing is under way"
        );
        assert!(
            !progress.is_stalled(&info(101, 1, 0), after(9_249)),
            "the limit counts from the last silence"
        );
        let slow = TcpInfo { round_trip: Duration::from_millis(300), ..info(101, 1, 0) };
        assert!(!progress.is_stalled(&slow, after(10_199)));
        assert!(progress.is_stalled(&slow, after(10_200)), "four round trips");
    }
}
