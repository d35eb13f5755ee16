//! Reads what a library's error means: a name that does not resolve, a certificate, a line that broke.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;

use super::answer::readable;
use super::failure::Failure;
use super::trust;
use crate::stamp::Clock;

/// What became of an attempt that brought no answer.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) failure: Failure,
    /// Whether the line broke as one does that the other side had closed before it saw the request.
    pub(super) looks_stale: bool,
}

/// What an error of the client means.
pub(super) fn read(error: &reqwest::Error, host: &str, clock: &Clock) -> Broken {
    let (host, why) = (host.to_owned(), innermost(error));
    if let Some(tls) = find::<rustls::Error>(error) {
        return Broken { failure: of_tls(tls, host, clock), looks_stale: false };
    }
    if error.is_connect() {
        let why = if error.is_timeout() { "nobody answered".to_owned() } else { why };
        return Broken { failure: Failure::Unreachable { host, why }, looks_stale: false };
    }
    Broken { failure: Failure::Broken { host, why }, looks_stale: is_stale(error) }
}

fn of_tls(error: &rustls::Error, host: String, clock: &Clock) -> Failure {
    match trust::clock_not_set(clock) {
        Some(now) if trust::is_not_yet_valid(error) => Failure::Clock { now },
        _ => Failure::Tls { host, why: trust::explain(error) },
    }
}

fn is_stale(error: &(dyn Error + 'static)) -> bool {
    let by_http = find::<hyper::Error>(error)
        .is_some_and(|error| error.is_incomplete_message() || error.is_canceled() || error.is_closed());
    by_http
        || find::<io::Error>(error).is_some_and(|error| {
            matches!(
                error.kind(),
                ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
                    | ErrorKind::UnexpectedEof
                    | ErrorKind::NotConnected
                    | ErrorKind::TimedOut
            )
        })
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

/// Reads `Retry-After`: seconds, or a date.
pub(super) fn retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some((date.to_utc() - now).to_std().unwrap_or(Duration::ZERO))
}

/// Looks for an error of one kind among the causes, also where an I/O error carries it inside.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
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

fn innermost(error: &(dyn Error + 'static)) -> String {
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
    }

    #[test]
    fn an_error_is_found_inside_an_io_error() {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let wrapped = io::Error::other(io::Error::new(ErrorKind::InvalidData, tls));
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
