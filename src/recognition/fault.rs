//! Reads what a library's error means: a name that does not resolve, a certificate, a line that broke.

use std::error::Error;
use std::io;
use std::time::Duration;

use chrono::{DateTime, Utc};
use hyper::StatusCode;

use super::answer::readable;
use super::failure::Failure;
use super::trust;
use crate::stamp::Clock;

/// Why no connection came about.
pub(super) fn of_connecting(error: &io::Error, host: &str, clock: &Clock) -> Failure {
    let host = host.to_owned();
    match find::<rustls::Error>(error) {
        Some(tls) => of_tls(tls, host, clock),
        None => Failure::Unreachable { host, why: innermost(error) },
    }
}

/// Why a request that may wait brought no answer.
pub(super) fn of_client(error: &reqwest::Error, host: &str, clock: &Clock) -> Failure {
    let (host, why) = (host.to_owned(), innermost(error));
    match find::<rustls::Error>(error) {
        Some(tls) => of_tls(tls, host, clock),
        None if error.is_connect() => Failure::Unreachable { host, why },
        None => Failure::Broken { host, why },
    }
}

fn of_tls(error: &rustls::Error, host: String, clock: &Clock) -> Failure {
    match trust::clock_not_set(clock) {
        Some(now) if trust::is_not_yet_valid(error) => Failure::Clock { now },
        _ => Failure::Tls { host, why: trust::explain(error) },
    }
}

/// What a status other than 200 means.
pub(super) fn of_status(
    status: StatusCode,
    location: Option<&str>,
    retry_after: Option<Duration>,
    message: Option<String>,
) -> Failure {
    let code = status.as_u16();
    match code {
        401 | 403 => Failure::KeyRefused { status: code, message },
        429 => Failure::Throttled { retry_after, message },
        // 408: the service gave up waiting for the request; that is the line's fault, not the request's
        408 | 500..=599 => Failure::ServerError { status: code, message },
        300..=399 => Failure::Redirected { status: code, to: readable(location.unwrap_or("no address")) },
        400..=499 => Failure::Refused { status: code, message },
        _ => Failure::NotUnderstood { reason: format!("status {code} instead of 200") },
    }
}

/// Whatever a service asks for, nobody waits longer: the numbers come from outside and must not overflow.
pub(super) const LONGEST: Duration = Duration::from_hours(24);

/// Reads `Retry-After`: seconds, or a date; a day at most.
pub(super) fn retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some((date.to_utc() - now).to_std().unwrap_or(Duration::ZERO).min(LONGEST))
}

/// Looks for an error of one kind among the causes, also where an I/O error carries it inside.
pub(super) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = inside.and_then(|inside| find(inside)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The first cause, which is the one that says something.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    if let Some(tls) = find::<rustls::Error>(error) {
        return readable(&trust::explain(tls));
    }
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    readable(&last.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        assert_eq!(retry_after("7", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Wed, 18 Nov 2026 11:06:50 GMT", now), Some(Duration::from_secs(10)));
        assert_eq!(retry_after("Wed, 18 Nov 2026 11:06:30 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after("-3", now), None);
        assert_eq!(retry_after("18446744073709551615", now), Some(LONGEST));
        assert_eq!(retry_after("99999999999999999999999", now), None);
        assert_eq!(retry_after("Fri, 31 Dec 9999 23:59:59 GMT", now), Some(LONGEST));
    }

    #[test]
    fn an_error_is_found_inside_an_io_error() {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
        assert!(find::<rustls::Error>(&wrapped).is_some());
        assert!(find::<rustls::Error>(&io::Error::other("no")).is_none());
    }

    #[test]
    fn every_status_has_its_word() {
        let kind = |code| of_status(StatusCode::from_u16(code).unwrap(), None, None, None).kind();
        for (code, word) in [
            (204, "not_understood"),
            (307, "redirected"),
            (400, "refused"),
            (401, "refused"),
            (403, "refused"),
            (404, "refused"),
            (408, "server_error"),
            (413, "refused"),
            (422, "refused"),
            (429, "throttled"),
            (500, "server_error"),
            (503, "server_error"),
        ] {
            assert_eq!(kind(code), word, "{code}");
        }
    }
}
