//! Whom the session trusts: the box's own roots, bundled ones where the box has none, and one more file.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rustls::client::ClientConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, RootCertStore};

use crate::stamp::{Clock, iso_utc};

/// A clock that shows an earlier time than this was never set: 2026-11-01, just before the first release.
const RELEASED: i64 = 1_793_491_200;

/// The longest TLS record that is sent. The first flight on an idle connection carries ten segments, about
/// 14 KB; with the usual 16 KB record the service could not even read the request's head before the second
/// flight, and one that closes idle connections would not know that a request is under way (measured: the
/// race is then 75 ms wide at a round trip of 50 ms). 4096 costs nothing.
const RECORD: usize = 4_096;

/// Why the trust roots of the settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTrust {
    /// The file of the settings cannot be read, or holds no certificate.
    #[error("recognition.ca_file: {} holds no certificate that can be used: {why}", .path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// TLS itself refuses the settings; a fault of this program.
    #[error("TLS cannot be set up: {why}")]
    Setup {
        /// The reason.
        why: String,
    },
}

/// The one TLS configuration: every connection shares it, and with it the tickets to resume sessions.
pub(super) fn client_config(
    ca_file: Option<&Path>,
    http2: bool,
    clock: &Clock,
) -> Result<ClientConfig, NoTrust> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(WallTime(clock.clone())))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| NoTrust::Setup { why: error.to_string() })?
        .with_root_certificates(roots(ca_file)?)
        .with_no_client_auth();
    let offered: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    config.max_fragment_size = Some(RECORD);
    Ok(config)
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, NoTrust> {
    let mut roots = RootCertStore::empty();
    let (used, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if used == 0 {
        tracing::info!("this machine has no trust roots of its own: the bundled ones are used");
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let Some(path) = ca_file else { return Ok(roots) };
    let refused = |why: String| NoTrust::CaFile { path: path.to_owned(), why };
    let mut count = 0;
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| refused(error.to_string()))? {
        let certificate = certificate.map_err(|error| refused(error.to_string()))?;
        roots.add(certificate).map_err(|error| refused(error.to_string()))?;
        count += 1;
    }
    if count == 0 {
        return Err(refused("expected PEM text with BEGIN CERTIFICATE".to_owned()));
    }
    Ok(roots)
}

/// The wall time for the certificates' dates.
#[derive(Debug)]
struct WallTime(Clock);

impl rustls::time_provider::TimeProvider for WallTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(wall(&self.0).timestamp()).unwrap_or(0);
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

fn wall(clock: &Clock) -> DateTime<Utc> {
    clock.utc_at(clock.now())
}

/// The wall time as text if the clock was evidently never set.
#[must_use]
pub(super) fn clock_not_set(clock: &Clock) -> Option<String> {
    let now = wall(clock);
    (now.timestamp() < RELEASED).then(|| iso_utc(now))
}

/// Whether the error is about a date in the future, as a clock that was never set sees every certificate.
#[must_use]
pub(super) fn is_not_yet_valid(error: &rustls::Error) -> bool {
    matches!(
        error,
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }
        )
    )
}

/// What is wrong with the other side's proof, and what to do about it.
#[must_use]
pub(super) fn explain(error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(reason) = error else { return error.to_string() };
    let advice = if *reason == CertificateError::UnknownIssuer {
        "nobody whom this machine trusts vouches for its certificate; if a proxy of the shop's own inspects the \
         traffic, set recognition.ca_file to its certificate"
    } else if matches!(reason, CertificateError::Expired | CertificateError::ExpiredContext { .. }) {
        "its certificate has expired"
    } else if is_not_yet_valid(error) {
        "its certificate is not valid yet"
    } else if matches!(
        reason,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    ) {
        "its certificate is made out to another name; check recognition.url"
    } else {
        return format!("its certificate is not accepted: {reason}");
    };
    advice.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let (empty, absent) = (folder.path().join("empty.pem"), folder.path().join("absent.pem"));
        let broken = folder.path().join("broken.pem");
        std::fs::write(&empty, "no certificate here\n").unwrap();
        std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        for path in [&empty, &absent, &broken] {
            let refused = client_config(Some(path), false, &Clock::system()).unwrap_err();
            assert!(refused.to_string().contains(path.to_str().unwrap()), "{refused}");
        }
        let config = client_config(None, false, &Clock::system()).unwrap();
        assert_eq!(config.alpn_protocols, [b"http/1.1".to_vec()]);
        assert_eq!(config.max_fragment_size, Some(4_096));
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_in_1970_was_never_set() {
        let start = crate::stamp::Stamp::from_millis(0);
        let of = |seconds| Clock::of_tokio(start, DateTime::from_timestamp(seconds, 0).unwrap());
        assert!(clock_not_set(&of(0)).unwrap().starts_with("1970-01-01T00:00:00"));
        assert!(clock_not_set(&of(RELEASED - 1)).is_some());
        assert!(clock_not_set(&of(RELEASED)).is_none());
    }
}
