//! The practice service's own authority and certificate, made at start and gone at its end.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::options::{Certificate, Options};

/// The names it is reached by.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Its side of TLS, and the authority's certificate as PEM for those who shall trust it.
pub(super) fn make(options: &Options) -> Result<(ServerConfig, String), String> {
    let kind = options.certificate;
    let authority = authority().map_err(|error| error.to_string())?;
    let stranger = authority_of_nobody().map_err(|error| error.to_string())?;
    let signer = if kind == Certificate::UnknownAuthority { &stranger } else { &authority };
    let key = KeyPair::generate().map_err(|error| error.to_string())?;
    let leaf =
        leaf(options).and_then(|params| params.signed_by(&key, signer)).map_err(|error| error.to_string())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(vec![leaf.der().clone()], private))
        .map_err(|error| error.to_string())?;
    let spoken: &[&[u8]] = if options.http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = spoken.iter().map(|name| name.to_vec()).collect();
    Ok((config, authority.pem()))
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    issuer("scalecam practice authority")
}

fn authority_of_nobody() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    issuer("an authority that nobody knows")
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
    let (from, to) = match kind {
        Certificate::Expired => (2020, 2021),
        Certificate::NotYetValid => (2098, 2099),
        Certificate::Good | Certificate::WrongName | Certificate::UnknownAuthority => (2020, 2099),
    };
    let mut params = CertificateParams::new(names.into_iter().map(str::to_owned).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, "scalecam practice service");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    Ok(params)
}
