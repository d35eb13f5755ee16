//! The key to the service: where it comes from, and how it never comes out again.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use hyper::header::HeaderValue;

/// The name of the systemd credential.
const CREDENTIAL: &str = "api-key";
/// What a file says in place of a key until somebody puts one there.
const UNSET: &str = "unset";
/// No key is longer; a bigger file is some other file.
const MOST_BYTES: u64 = 4_096;

/// The key. It prints as `…` and is never written to a file, a log line or a message.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    header: HeaderValue,
}

impl ApiKey {
    /// The key in `text`, blanks around it removed; none if it cannot stand in a request's header.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let mut header = HeaderValue::from_str(text).ok()?;
        header.set_sensitive(true);
        Some(Self { header })
    }

    /// The key as the value of a header, marked so that nothing on its way prints it.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// The text with every occurrence of the key replaced: a service may repeat what it was sent.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        match self.header.to_str() {
            Ok(key) => text.replace(key, "…"),
            Err(_) => text.to_owned(),
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Why there is no key. Each sentence names the file and says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// There is no such file.
    #[error(
        "there is no API key: {} does not exist; write the key from the service's contract into it", .path.display()
    )]
    Missing {
        /// The file of the settings.
        path: PathBuf,
    },
    /// The service manager hands the key over when it starts the service, and there was none then.
    #[error(
        "there was no API key when the service started: write the key from the service's contract into {}, then \
         restart the service, which hands it over anew", .path.display()
    )]
    NotHandedOver {
        /// The file of the settings.
        path: PathBuf,
    },
    /// The file is there and holds no key yet.
    #[error("there is no API key: {} is empty or says \"unset\"; write the key into it", .path.display())]
    Unset {
        /// The file that was read.
        path: PathBuf,
    },
    /// The file is there and cannot be read.
    #[error("the API key cannot be read from {}: {why}", .path.display())]
    Unreadable {
        /// The file that was tried.
        path: PathBuf,
        /// The system's own words.
        why: String,
    },
    /// What the file holds is not a key.
    #[error(
        "{} does not hold an API key: expected one line of printable ASCII characters without blanks", .path.display()
    )]
    NotAKey {
        /// The file that was read.
        path: PathBuf,
    },
}

/// Where the key is read from, at start, on reload and once more when the service refuses it.
#[derive(Clone, Debug)]
pub struct KeySource {
    credentials: Option<PathBuf>,
    file: PathBuf,
}

impl KeySource {
    /// The systemd credential `api-key` in `credentials` first, else the file of the settings.
    #[must_use]
    pub fn new(credentials: Option<&Path>, file: PathBuf) -> Self {
        Self { credentials: credentials.map(Path::to_owned), file }
    }

    /// The same, with the folder of credentials that systemd names in the environment.
    #[must_use]
    pub fn from_environment(file: PathBuf) -> Self {
        let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Self::new(folder.as_deref(), file)
    }

    /// Where another credential stands, if there is one of that name.
    pub(super) fn credential(&self, name: &str) -> Option<PathBuf> {
        self.credentials.as_ref().map(|folder| folder.join(name)).filter(|path| path.exists())
    }

    /// Reads the key. A credential that is missing or says `unset` leaves the word to the file. Where there is a
    /// place for the credential, the file is as a rule not for this program to read: then what is wrong is that
    /// there was no key at the start.
    pub fn read(&self) -> Result<ApiKey, NoKey> {
        match self.credentials.as_ref().map(|folder| read(&folder.join(CREDENTIAL))) {
            None => read(&self.file),
            Some(Err(NoKey::Missing { .. } | NoKey::Unset { .. })) => match read(&self.file) {
                Err(NoKey::Missing { .. } | NoKey::Unset { .. } | NoKey::Unreadable { .. }) => {
                    Err(NoKey::NotHandedOver { path: self.file.clone() })
                }
                found => found,
            },
            Some(found) => found,
        }
    }
}

fn read(path: &Path) -> Result<ApiKey, NoKey> {
    let unreadable = |error: &std::io::Error| {
        if error.kind() == std::io::ErrorKind::NotFound {
            return NoKey::Missing { path: path.to_owned() };
        }
        NoKey::Unreadable { path: path.to_owned(), why: error.to_string() }
    };
    // asked before it is opened: opening a pipe would wait for its other end
    let about = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !about.is_file() {
        return Err(NoKey::Unreadable { path: path.to_owned(), why: "it is not a file".to_owned() });
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| unreadable(&error))?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    let text = str::from_utf8(&bytes).ok().map(str::trim);
    match text {
        Some("" | UNSET) => Err(NoKey::Unset { path: path.to_owned() }),
        Some(text) if bytes.len() <= usize::try_from(MOST_BYTES).unwrap_or(usize::MAX) => {
            ApiKey::new(text).ok_or_else(|| NoKey::NotAKey { path: path.to_owned() })
        }
        _ => Err(NoKey::NotAKey { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "tk-4f1d9b7c";

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        folder
    }

    #[test]
    fn the_credential_comes_first_and_then_the_file() {
        let credentials = folder(&[("api-key", b" from-systemd\n")]);
        let files = folder(&[("key", b"from-file\r\n"), ("api-key", b"unset\n")]);
        let file = files.path().join("key");
        let key = |credentials: Option<&Path>| KeySource::new(credentials, file.clone()).read().unwrap();
        assert_eq!(key(Some(credentials.path())), ApiKey::new("from-systemd").unwrap());
        assert_eq!(key(None), ApiKey::new("from-file").unwrap());
        assert_eq!(key(Some(files.path())), ApiKey::new("from-file").unwrap(), "unset leaves it to the file");
        let empty = folder(&[]);
        assert_eq!(key(Some(empty.path())), ApiKey::new("from-file").unwrap());
    }

    #[test]
    fn a_key_that_was_not_there_at_the_start_needs_a_restart() {
        let credentials = folder(&[("api-key", b"unset\n")]);
        let files = folder(&[("unset", b"unset\n")]);
        // a folder stands for whatever exists and may not be read
        for name in ["absent", "unset", ""] {
            let file = files.path().join(name);
            let without = KeySource::new(Some(credentials.path()), file.clone()).read().unwrap_err();
            assert_eq!(without, NoKey::NotHandedOver { path: file.clone() });
            let said = without.to_string();
            assert!(said.contains("restart the service") && said.contains(file.to_str().unwrap()), "{said}");
        }
    }

    #[test]
    fn no_key_yet_is_said_with_the_file() {
        let files = folder(&[("unset", b"unset\n"), ("empty", b" \n"), ("full", &[b'x'; 4_097])]);
        let read = |name: &str| KeySource::new(None, files.path().join(name)).read().unwrap_err();
        assert!(matches!(read("unset"), NoKey::Unset { .. }));
        assert!(matches!(read("empty"), NoKey::Unset { .. }));
        assert!(matches!(read("absent"), NoKey::Missing { .. }));
        assert!(matches!(read(""), NoKey::Unreadable { .. }), "a folder is not a file");
        assert!(matches!(read("full"), NoKey::NotAKey { .. }));
        assert!(read("absent").to_string().contains("absent does not exist; write the key"));
        assert!(KeySource::new(None, "/dev/null".into()).read().is_err());
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_refused_and_not_repeated() {
        for bytes in [&b"two\nlines"[..], b"with blank", b"\x01\x02", b"umlaut-\xc3\xa4", b"\xff\xfe"] {
            let files = folder(&[("key", bytes)]);
            let refused = KeySource::new(None, files.path().join("key")).read().unwrap_err();
            assert!(matches!(refused, NoKey::NotAKey { .. }), "{refused}");
            assert!(!refused.to_string().contains("lines") && !refused.to_string().contains("blank "));
        }
    }

    #[test]
    fn the_key_prints_as_an_ellipsis() {
        let key = ApiKey::new(KEY).unwrap();
        assert_eq!(format!("{key} {key:?} {:?}", key.header()), "… … Sensitive");
        assert_eq!(key.scrub(&format!("invalid key {KEY}, {KEY}!")), "invalid key …, …!");
    }
}
