//! The practice service's own authority and certificate, made at start and gone at its end.

use std::sync::Arc;

use chrono::{Datelike, TimeDelta};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::options::{Certificate, Options};
use crate::stamp::Clock;

/// The names it is reached by.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The service's own authority: it vouches for the service, and for the clients that must prove who they are.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    pub(super) fn new() -> Result<Self, String> {
        issuer("scalecam practice authority").map(Self).map_err(|error| error.to_string())
    }

    /// Its certificate as PEM, for those who shall trust it.
    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a client and its key, as PEM.
    pub(super) fn client_pem(&self) -> Result<String, String> {
        let made = || {
            let key = KeyPair::generate()?;
            let mut params = CertificateParams::new(vec!["practice-client".to_owned()])?;
            params.distinguished_name.push(DnType::CommonName, "scalecam practice client");
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2099, 1, 1);
            Ok(params.signed_by(&key, &self.0)?.pem() + &key.serialize_pem())
        };
        made().map_err(|error: rcgen::Error| error.to_string())
    }

    /// The service's side of TLS.
    pub(super) fn tls(&self, options: &Options) -> Result<ServerConfig, String> {
        let key = KeyPair::generate().map_err(|error| error.to_string())?;
        let leaf = self.leaf(options, &key).map_err(|error| error.to_string())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let config = if options.client_certificate {
            let mut trusted = RootCertStore::empty();
            trusted.add(self.0.der().clone()).map_err(|error| error.to_string())?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(trusted), provider);
            config.with_client_cert_verifier(verifier.build().map_err(|error| error.to_string())?)
        } else {
            config.with_no_client_auth()
        };
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = config.with_single_cert(vec![leaf], private).map_err(|error| error.to_string())?;
        let spoken: &[&[u8]] = if options.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        config.alpn_protocols = spoken.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }

    fn leaf(&self, options: &Options, key: &KeyPair) -> Result<CertificateDer<'static>, rcgen::Error> {
        let params = leaf(options)?;
        let signed = match options.certificate {
            Certificate::SelfSigned => params.self_signed(key)?,
            Certificate::UnknownAuthority => {
                let stranger = issuer("an authority that nobody knows")?;
                params.signed_by(key, &stranger)?
            }
            Certificate::Good | Certificate::Expired | Certificate::NotYetValid | Certificate::WrongName => {
                params.signed_by(key, &self.0)?
            }
        };
        Ok(signed.der().clone())
    }
}

fn issuer(name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2099, 1, 1);
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn leaf(options: &Options) -> Result<CertificateParams, rcgen::Error> {
    let (kind, address) = (options.certificate, options.address.to_string());
    let names = if kind == Certificate::WrongName {
        vec!["another.example"]
    } else {
        NAMES.into_iter().chain([address.as_str()]).collect()
    };
    let ((year, month, day), to) = match kind {
        Certificate::Expired => ((2020, 1, 1), 2021),
        Certificate::NotYetValid => ((2098, 1, 1), 2099),
        Certificate::Good
        | Certificate::WrongName
        | Certificate::SelfSigned
        | Certificate::UnknownAuthority => (yesterday(), 2099),
    };
    let mut params = CertificateParams::new(names.into_iter().map(str::to_owned).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, "scalecam practice service");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = date_time_ymd(year, month, day);
    params.not_after = date_time_ymd(to, 1, 1);
    Ok(params)
}

/// A real service's certificate is not much older: a box whose clock was never set must not find it valid.
fn yesterday() -> (i32, u8, u8) {
    let clock = Clock::system();
    let day = clock.utc_at(clock.now()).date_naive() - TimeDelta::days(1);
    let part = |part: u32| u8::try_from(part).unwrap_or(1);
    (day.year(), part(day.month()), part(day.day()))
}
