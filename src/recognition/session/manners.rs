//! How a service in trouble is treated: few retries, a rest after a row of failures, and silence for as long
//! as it asks. Pure: the time comes in as an argument.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::recognition::failure::Failure;

/// So many failures in a row, and the service is left alone …
const IN_A_ROW: u32 = 5;
/// … as well as with more than half of so many failed.
const RECENT: usize = 20;
/// The first and the longest rest.
const RESTS: (Duration, Duration) = (Duration::from_secs(10), Duration::from_mins(1));
/// Tokens for retries, in tenths: ten retries at once, then one for every ten successes.
const TOKENS: u32 = 100;
const FOR_A_RETRY: u32 = 10;
/// A request that timed out may still be at work over there: asking again costs double.
const FOR_A_TIMEOUT: u32 = 20;
const PER_SUCCESS: u32 = 1;
/// A service that asks for silence is not believed to mean longer than that.
const SILENCE: Duration = Duration::from_hours(1);

/// What a service's behaviour so far allows.
#[derive(Debug)]
pub(super) struct Manners {
    in_a_row: u32,
    recent: VecDeque<bool>,
    tokens: u32,
    resting: Option<Resting>,
    silent: Option<(Instant, Failure)>,
}

#[derive(Debug)]
struct Resting {
    until: Instant,
    rest: Duration,
    last: Failure,
    /// The service answered a ping since: one weighing may try.
    half_open: bool,
}

impl Default for Manners {
    fn default() -> Self {
        Self { in_a_row: 0, recent: VecDeque::new(), tokens: TOKENS, resting: None, silent: None }
    }
}

impl Manners {
    /// Whether a weighing may ask now.
    pub(super) fn may_ask(&self, now: Instant) -> Result<(), Failure> {
        let paused = |until: Instant, cause: &Failure| Failure::Paused {
            left: until.saturating_duration_since(now),
            cause: cause.to_string(),
        };
        if let Some((until, cause)) = &self.silent
            && *until > now
        {
            return Err(paused(*until, cause));
        }
        match &self.resting {
            Some(resting) if !resting.half_open => Err(paused(resting.until, &resting.last)),
            Some(_) | None => Ok(()),
        }
    }

    /// When the service is to be asked by a ping whether it has recovered.
    pub(super) fn recovery(&self) -> Option<Instant> {
        self.resting.as_ref().filter(|resting| !resting.half_open).map(|resting| resting.until)
    }

    /// A weighing was answered, or refused for a reason of its own.
    pub(super) fn succeeded(&mut self) {
        self.in_a_row = 0;
        self.resting = None;
        self.silent = None;
        self.tokens = (self.tokens + PER_SUCCESS).min(TOKENS);
        self.record(true);
    }

    /// A weighing failed, retries included.
    pub(super) fn failed(&mut self, failure: &Failure, now: Instant) {
        match failure {
            Failure::Throttled { retry_after: Some(after), .. } => {
                self.silent = Some((now + (*after).min(SILENCE), failure.clone()));
                return;
            }
            Failure::ServerError { .. }
            | Failure::Broken { .. }
            | Failure::Unreachable { .. }
            | Failure::Throttled { retry_after: None, .. }
            | Failure::Deadline { .. } => {}
            Failure::NoKey(_)
            | Failure::Clock { .. }
            | Failure::Tls { .. }
            | Failure::Proxy { .. }
            | Failure::Paused { .. } => {
                return;
            }
            Failure::KeyRefused { .. }
            | Failure::Refused { .. }
            | Failure::Redirected { .. }
            | Failure::NotUnderstood { .. } => return self.succeeded(),
        }
        self.in_a_row += 1;
        self.record(false);
        let half = self.recent.len() == RECENT
            && self.recent.iter().filter(|&&answered| !answered).count() * 2 > RECENT;
        let due = match &self.resting {
            // several were under way when the rest began
            Some(resting) => resting.half_open,
            None => self.in_a_row >= IN_A_ROW || half,
        };
        if due {
            self.rest(failure, now);
        }
    }

    /// A ping was answered, or not; before the rest is over it proves nothing.
    pub(super) fn pinged(&mut self, result: Result<(), &Failure>, now: Instant) {
        let Some(resting) = &mut self.resting else { return };
        match result {
            Ok(()) if resting.until <= now => resting.half_open = true,
            Err(failure) if resting.until <= now => {
                let failure = failure.clone();
                self.rest(&failure, now);
            }
            Ok(()) | Err(_) => {}
        }
    }

    /// Takes the tokens for one more try, if they are there.
    pub(super) fn may_retry(&mut self, failure: &Failure) -> bool {
        let cost = if matches!(failure, Failure::Deadline { .. }) { FOR_A_TIMEOUT } else { FOR_A_RETRY };
        let left = self.tokens.checked_sub(cost);
        self.tokens = left.unwrap_or(self.tokens);
        left.is_some()
    }

    fn rest(&mut self, failure: &Failure, now: Instant) {
        let rest = self.resting.as_ref().map_or(RESTS.0, |before| (before.rest * 2).min(RESTS.1));
        self.resting = Some(Resting { until: now + rest, rest, last: failure.clone(), half_open: false });
        self.recent.clear();
    }

    fn record(&mut self, answered: bool) {
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(answered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> Failure {
        Failure::ServerError { status: 503, message: None }
    }

    fn fail(manners: &mut Manners, times: usize, now: Instant) {
        for _ in 0..times {
            manners.failed(&broken(), now);
        }
    }

    #[test]
    fn five_failures_in_a_row_give_a_rest_and_a_ping_ends_it() {
        let (mut manners, now) = (Manners::default(), Instant::now());
        fail(&mut manners, 4, now);
        assert!(manners.may_ask(now).is_ok());
        manners.succeeded();
        fail(&mut manners, 4, now);
        assert!(manners.may_ask(now).is_ok(), "the row was broken");
        fail(&mut manners, 1, now);
        let Err(Failure::Paused { left, cause }) = manners.may_ask(now) else { panic!("no rest") };
        assert_eq!((left, cause.contains("503")), (RESTS.0, true));
        assert_eq!(manners.recovery(), Some(now + RESTS.0));
        assert!(manners.may_ask(now + RESTS.1).is_err(), "a weighing is never the test");
        manners.pinged(Ok(()), now + RESTS.0 - Duration::from_millis(1));
        assert!(manners.may_ask(now + RESTS.0).is_err(), "the rest was not over");
        manners.pinged(Ok(()), now + RESTS.0);
        assert!(manners.may_ask(now + RESTS.0).is_ok());
        assert_eq!(manners.recovery(), None);
        manners.succeeded();
        fail(&mut manners, 4, now);
        assert!(manners.may_ask(now).is_ok(), "all is forgotten");
    }

    #[test]
    fn rests_become_longer_while_it_goes_on() {
        let (mut manners, mut now) = (Manners::default(), Instant::now());
        fail(&mut manners, 5, now);
        for seconds in [20, 40, 60, 60] {
            now = manners.recovery().unwrap();
            manners.pinged(Err(&broken()), now - Duration::from_millis(1));
            assert_eq!(manners.recovery(), Some(now), "before its time a ping proves nothing bad");
            manners.pinged(Err(&broken()), now);
            assert_eq!(manners.recovery(), Some(now + Duration::from_secs(seconds)));
        }
        manners.pinged(Ok(()), now);
        fail(&mut manners, 1, now);
        assert!(manners.may_ask(now).is_err(), "the first weighing after the ping failed again");
    }

    #[test]
    fn more_than_half_of_twenty_is_too_many() {
        let (mut manners, now) = (Manners::default(), Instant::now());
        for _ in 0..10 {
            manners.succeeded();
            fail(&mut manners, 1, now);
        }
        assert!(manners.may_ask(now).is_ok(), "ten of twenty");
        fail(&mut manners, 1, now);
        assert!(manners.may_ask(now).is_err(), "eleven of twenty");
    }

    #[test]
    fn silence_is_kept_as_long_as_it_was_asked_for() {
        let (mut manners, now) = (Manners::default(), Instant::now());
        let throttled =
            |seconds| Failure::Throttled { retry_after: Some(Duration::from_secs(seconds)), message: None };
        manners.failed(&throttled(7), now);
        assert!(manners.may_ask(now + Duration::from_millis(6_999)).is_err());
        assert!(manners.may_ask(now + Duration::from_secs(7)).is_ok());
        manners.failed(&throttled(1_000_000), now);
        assert!(manners.may_ask(now + SILENCE).is_ok(), "nobody means eleven days");
    }

    #[test]
    fn retries_are_few() {
        let mut manners = Manners::default();
        let granted = |manners: &mut Manners| (0..20).filter(|_| manners.may_retry(&broken())).count();
        assert_eq!(granted(&mut manners), 10);
        (0..9).for_each(|_| manners.succeeded());
        assert_eq!(granted(&mut manners), 0);
        manners.succeeded();
        assert_eq!(granted(&mut manners), 1);
        let timeout = Failure::Deadline { within: Duration::from_secs(3), stage: "waiting" };
        let mut manners = Manners::default();
        assert_eq!((0..20).filter(|_| manners.may_retry(&timeout)).count(), 5);
    }

    #[test]
    fn what_the_service_refuses_says_nothing_about_its_health() {
        let (mut manners, now) = (Manners::default(), Instant::now());
        for _ in 0..30 {
            manners.failed(&Failure::Refused { status: 422, message: None }, now);
        }
        assert!(manners.may_ask(now).is_ok());
    }
}
