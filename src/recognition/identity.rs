//! What this machine shows of itself beside the key: a certificate to the service, a user name to a proxy.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::key::KeySource;
use super::settings::Settings;
use super::trust::NoTrust;

/// The systemd credentials that come before the files of the settings.
const CLIENT_KEY: &str = "client-key";
const PROXY_CREDENTIALS: &str = "proxy-credentials";
/// No chain of certificates and no password is longer.
const MOST_BYTES: u64 = 256 * 1024;

/// The certificates and the key by which this machine proves who it is.
pub(super) type Client = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Reads the client's certificate and its key, if the settings name them. Without a file of its own the key
/// stands in the certificate's file.
pub(super) fn client(settings: &Settings, source: &KeySource) -> Result<Option<Client>, NoTrust> {
    let Some(path) = &settings.client_certificate_file else { return Ok(None) };
    let refused = |setting, path: &Path, why: &str| NoTrust::File {
        setting,
        path: path.to_owned(),
        why: why.to_owned(),
    };
    let text = read(path).map_err(|why| refused("client_certificate_file", path, &why))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| {
        refused("client_certificate_file", path, "expected PEM text with BEGIN CERTIFICATE")
    })?;
    let key_path = source.credential(CLIENT_KEY).or_else(|| settings.client_key_file.clone());
    let key_path = key_path.unwrap_or_else(|| path.clone());
    let text = read(&key_path).map_err(|why| refused("client_key_file", &key_path, &why))?;
    // the reason is left out: nothing of what the file holds may stand in a message
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        refused("client_key_file", &key_path, "expected PEM text with BEGIN PRIVATE KEY, not encrypted")
    })?;
    Ok(Some((chain, key)))
}

/// A user name and password for a proxy. They print as `…`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ProxyUser {
    name: String,
    password: String,
}

impl fmt::Debug for ProxyUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl ProxyUser {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn password(&self) -> &str {
        &self.password
    }

    /// The header's value that carries both (RFC 7617).
    pub(super) fn basic(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.name, self.password)))
    }
}

/// Reads the user name and password for the proxy, if the settings or a credential name them.
pub(super) fn proxy_user(settings: &Settings, source: &KeySource) -> Result<Option<ProxyUser>, NoTrust> {
    if settings.proxy.is_none() {
        return Ok(None);
    }
    let path = source.credential(PROXY_CREDENTIALS).or_else(|| settings.proxy_credentials_file.clone());
    let Some(path) = path else { return Ok(None) };
    let refused = |why: String| NoTrust::File { setting: "proxy_credentials_file", path: path.clone(), why };
    let bytes = read(&path).map_err(refused)?;
    let text = str::from_utf8(&bytes).unwrap_or_default().trim_end_matches(['\r', '\n']);
    let split = text.split_once(':').filter(|(name, password)| {
        !name.is_empty() && !name.chars().chain(password.chars()).any(char::is_control)
    });
    let (name, password) = split.ok_or_else(|| refused("expected one line, user:password".to_owned()))?;
    Ok(Some(ProxyUser { name: name.to_owned(), password: password.to_owned() }))
}

fn read(path: &PathBuf) -> Result<Vec<u8>, String> {
    // asked before it is opened: opening a pipe would wait for its other end
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_proxys_password_is_read_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("proxy");
        let settings =
            settings(&format!("proxy = 'http://h:1'\nproxy_credentials_file = '{}'", file.display()));
        let none = KeySource::new(None, PathBuf::new());
        std::fs::write(&file, "till:pass:word \n").unwrap();
        let user = proxy_user(&settings, &none).unwrap().unwrap();
        assert_eq!((user.name(), user.password()), ("till", "pass:word "));
        assert_eq!(user.basic(), "Basic dGlsbDpwYXNzOndvcmQg");
        assert_eq!(format!("{user:?}"), "…");
        for wrong in ["", "till", ":password", "till:two\nlines", "\u{1}:x"] {
            std::fs::write(&file, wrong).unwrap();
            let refused = proxy_user(&settings, &none).unwrap_err().to_string();
            assert!(
                refused.contains("user:password") && refused.contains("recognition.proxy_credentials_file")
            );
        }
        std::fs::write(folder.path().join("proxy-credentials"), "a:b").unwrap();
        let handed = KeySource::new(Some(folder.path()), PathBuf::new());
        assert_eq!(
            proxy_user(&settings, &handed).unwrap().unwrap().name(),
            "a",
            "the credential comes first"
        );
        std::fs::remove_file(&file).unwrap();
        assert!(proxy_user(&settings, &none).unwrap_err().to_string().contains("No such file"));
    }

    #[test]
    fn a_file_without_a_key_is_refused_without_repeating_it() {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["a".to_owned()]).unwrap();
        let (pem, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&pem, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let none = KeySource::new(None, PathBuf::new());
        let both = |key: &Path| {
            let text = format!(
                "client_certificate_file = '{}'\nclient_key_file = '{}'",
                pem.display(),
                key.display()
            );
            client(&settings(&text), &none)
        };
        assert_eq!(both(&key).unwrap().unwrap().0.len(), 1);
        for wrong in [&pem, &folder.path().join("absent"), &folder.path().to_owned()] {
            let refused = both(wrong).unwrap_err().to_string();
            assert!(refused.starts_with("recognition.client_key_file: "), "{refused}");
        }
        let alone = settings(&format!("client_certificate_file = '{}'", pem.display()));
        assert!(client(&alone, &none).is_err(), "the certificate's file holds no key");
        std::fs::write(&pem, made.cert.pem() + &made.signing_key.serialize_pem()).unwrap();
        assert!(client(&alone, &none).unwrap().is_some());
    }
}
