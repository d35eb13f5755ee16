//! A day at a checkout, in virtual time: bursts, pauses, and services that close what is idle.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod bench;

use std::time::Duration;

use bench::{Bench, PATIENT};
use scalecam::practice::service::Options;
use scalecam::recognition::State;

/// How long a load takes from leaving zero to settling.
const SETTLING: Duration = Duration::from_millis(800);

/// A pause before the next goods: mostly within a burst, sometimes between customers, seldom over lunch.
fn pause(noise: &mut u64) -> Duration {
    let mut draw = |below: u64| {
        *noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*noise >> 33) % below
    };
    let millis = match draw(100) {
        0..70 => 500 + draw(5_000),
        70..95 => 5_000 + draw(90_000),
        95..99 => 100_000 + draw(600_000),
        _ => 1_000_000 + draw(3_000_000),
    };
    Duration::from_millis(millis)
}

#[tokio::test(start_paused = true)]
async fn no_weighing_of_a_day_waits_for_a_connection() {
    for limit in [5, 30, 75] {
        let idle = Some(Duration::from_secs(limit));
        let bench = Bench::connected(Options { idle, ..Options::default() }).await;
        let mut noise = limit;
        for number in 0..1_000 {
            tokio::time::sleep(pause(&mut noise)).await;
            bench.session.arm();
            tokio::time::sleep(SETTLING).await;
            let attempted = bench.weigh(number + 1, PATIENT).await;
            assert!(attempted.result.is_ok(), "weighing {number}: {:?}", attempted.result);
            let facts = attempted.facts;
            assert!(facts.reused && facts.attempts == 1, "limit {limit} s, weighing {number}: {facts:?}");
        }
        let tally = bench.session.tally();
        assert_eq!((tally.waited, tally.reused), (0, 1_000));
        assert_eq!(tally.resent_safely + tally.resent_kept + tally.retried, 0);
        assert!(bench.until(|_| true).await == State::Connected);
    }
}
