//! Whom the session trusts: the box's own roots, bundled ones where the box has none, and one more file.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rustls::client::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::identity;
use super::key::KeySource;
use super::settings::Settings;
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
    /// Another file of the settings cannot be used.
    #[error("recognition.{setting}: {}: {why}", .path.display())]
    File {
        /// The setting.
        setting: &'static str,
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
    settings: &Settings,
    source: &KeySource,
    clock: &Clock,
) -> Result<ClientConfig, NoTrust> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_details(Arc::clone(&provider), Arc::new(WallTime(clock.clone())))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| NoTrust::Setup { why: error.to_string() })?;
    // asked once more: nothing but the check of the settings stands between this and the open network
    let builder = if settings.accept_any_certificate_on_loopback && settings.objection().is_none() {
        tracing::warn!(
            "INSECURE: recognition.accept_any_certificate_on_loopback is set, so nobody on this machine has to \
             prove that they are the service"
        );
        builder.dangerous().with_custom_certificate_verifier(Arc::new(AnybodyHere(provider)))
    } else {
        builder.with_root_certificates(roots(settings.ca_file.as_deref())?)
    };
    let mut config = match identity::client(settings, source)? {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).map_err(|error| NoTrust::File {
            setting: "client_certificate_file",
            path: settings.client_certificate_file.clone().unwrap_or_default(),
            why: format!("it cannot be used with its key: {error}"),
        })?,
    };
    let offered: &[&[u8]] = if settings.session.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    config.max_fragment_size = Some(RECORD);
    Ok(config)
}

/// The same for those who speak nothing but HTTP/1.1: the reports, and the way to a proxy.
pub(super) fn for_http1(config: &ClientConfig) -> ClientConfig {
    let mut config = config.clone();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
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

/// Takes whatever certificate is shown; only ever asked about an address of this machine.
#[derive(Debug)]
struct AnybodyHere(Arc<CryptoProvider>);

impl ServerCertVerifier for AnybodyHere {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let here = matches!(name, ServerName::IpAddress(address) if IpAddr::from(*address).is_loopback());
        if here { Ok(ServerCertVerified::assertion()) } else { Err(CertificateError::UnknownIssuer.into()) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
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
    if let rustls::Error::AlertReceived(alert) = error {
        return of_alert(*alert);
    }
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

/// What the other side says before it hangs up.
fn of_alert(alert: AlertDescription) -> String {
    let about_ours = matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::DecryptError
    );
    if alert == AlertDescription::CertificateRequired {
        "it wants a certificate of this machine: set recognition.client_certificate_file".to_owned()
    } else if about_ours {
        format!("it does not accept the certificate in recognition.client_certificate_file ({alert:?})")
    } else {
        format!("it ends the handshake ({alert:?})")
    }
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
        let none = KeySource::new(None, PathBuf::new());
        for path in [&empty, &absent, &broken] {
            let settings = Settings { ca_file: Some(path.clone()), ..Settings::default() };
            let refused = client_config(&settings, &none, &Clock::system()).unwrap_err();
            assert!(refused.to_string().contains(path.to_str().unwrap()), "{refused}");
        }
        let config = client_config(&Settings::default(), &none, &Clock::system()).unwrap();
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
