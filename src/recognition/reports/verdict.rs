//! What the service's answer to a report means for the report. Pure.

use std::time::Duration;

use serde::Deserialize;

use crate::recognition::failure::Failure;

/// The pauses of one report that the service fails on, and of all of them when it cannot be reached.
const ONE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_hours(1));
const ALL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(5));
/// How a batch's answer says that it has taken an event; the words are not published.
const TAKEN: [&str; 4] = ["success", "accepted", "created", "ok"];

/// What becomes of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The service has it.
    Sent,
    /// The service will never take it.
    Quarantine(String),
    /// This one later: the service failed on it.
    Later(String),
    /// All of them later, after that pause if the service named one.
    AllLater(String, Option<Duration>),
}

/// What the answer means.
pub(super) fn verdict(result: Result<(), &Failure>) -> Verdict {
    let Err(failure) = result else { return Verdict::Sent };
    let why = failure.to_string();
    match failure {
        // it is there already: the answer to the first attempt was lost
        Failure::Refused { status: 409, .. } => Verdict::Sent,
        Failure::Refused { .. } => Verdict::Quarantine(why),
        Failure::ServerError { .. } => Verdict::Later(why),
        Failure::Throttled { retry_after, .. } => Verdict::AllLater(why, *retry_after),
        Failure::NoKey(_)
        | Failure::Unreachable { .. }
        | Failure::Broken { .. }
        | Failure::Clock { .. }
        | Failure::Tls { .. }
        | Failure::Proxy { .. }
        | Failure::KeyRefused { .. }
        | Failure::Redirected { .. }
        | Failure::NotUnderstood { .. }
        | Failure::Deadline { .. }
        | Failure::Paused { .. } => Verdict::AllLater(why, None),
    }
}

/// How long one report waits that failed so often; `chance` from 0 to 1 spreads the registers of a shop.
pub(super) fn pause_of_one(attempts: u32, chance: f64) -> Duration {
    spread(doubled(ONE, attempts), chance)
}

/// How long all of them wait when the service could not be reached so often in a row.
pub(super) fn pause_of_all(times: u32, chance: f64) -> Duration {
    spread(doubled(ALL, times), chance)
}

fn doubled((first, longest): (Duration, Duration), times: u32) -> Duration {
    first.saturating_mul(2_u32.checked_pow(times).unwrap_or(u32::MAX)).min(longest)
}

fn spread(pause: Duration, chance: f64) -> Duration {
    pause.mul_f64(0.5 + chance / 2.0)
}

/// One line of a batch's answer.
#[derive(Debug, Deserialize)]
struct Line {
    recognition_id: String,
    #[serde(default)]
    result: Option<String>,
}

/// The recognitions whose events a batch's answer says are taken; the others are sent one by one.
pub(super) fn taken(answer: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        data: Vec<Line>,
    }
    let answer: Answer = serde_json::from_slice(answer).unwrap_or(Answer { data: Vec::new() });
    let is_taken = |line: &Line| {
        line.result.as_deref().is_some_and(|word| TAKEN.iter().any(|taken| taken.eq_ignore_ascii_case(word)))
    };
    answer.data.into_iter().filter(is_taken).map(|line| line.recognition_id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_service_will_never_take_goes_into_quarantine() {
        let refused = |status| Failure::Refused { status, message: None };
        assert_eq!(verdict(Ok(())), Verdict::Sent);
        assert_eq!(verdict(Err(&refused(409))), Verdict::Sent);
        for status in [400, 404, 413, 422] {
            assert!(matches!(verdict(Err(&refused(status))), Verdict::Quarantine(_)), "{status}");
        }
        let failed = Failure::ServerError { status: 500, message: None };
        assert!(matches!(verdict(Err(&failed)), Verdict::Later(_)));
        let after = Some(Duration::from_secs(9));
        let throttled = Failure::Throttled { retry_after: after, message: None };
        assert!(matches!(verdict(Err(&throttled)), Verdict::AllLater(_, pause) if pause == after));
        let key = Failure::KeyRefused { status: 401, message: None };
        assert!(matches!(verdict(Err(&key)), Verdict::AllLater(_, None)), "the key will be put right");
    }

    #[test]
    fn pauses_double_and_have_an_end() {
        assert_eq!(pause_of_one(0, 1.0), Duration::from_secs(1));
        assert_eq!(pause_of_one(3, 1.0), Duration::from_secs(8));
        assert_eq!(pause_of_one(3, 0.0), Duration::from_secs(4));
        assert_eq!(pause_of_one(u32::MAX, 1.0), Duration::from_hours(1));
        assert_eq!(pause_of_all(40, 1.0), Duration::from_mins(5));
    }

    #[test]
    fn a_batch_answers_line_by_line() {
        let answer =
            br#"{"data":[{"recognition_id":"a","result":"Success"},{"recognition_id":"b","result":"failed",
            "reason":"unknown"},{"recognition_id":"c"}]}"#;
        assert_eq!(taken(answer), ["a"]);
        assert!(taken(b"nonsense").is_empty());
    }
}
