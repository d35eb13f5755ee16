//! Who may change something: whoever can read the token's file.

use std::fmt;
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hyper::header::HeaderValue;
use ring::digest::{Digest, SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use super::CannotOpen;

/// The name of the systemd credential, and of the file in the folder that the service manager gives.
const NAME: &str = "local-token";
/// What a file says in place of a token until somebody puts one there.
const UNSET: &str = "unset";
/// A token that is shorter can be guessed.
const LEAST: usize = 16;
/// A bigger file is some other file.
const MOST: usize = 512;
/// The owner writes, the agent's group reads: the till's user belongs to it.
const MODE: u32 = 0o640;

/// The token, as its digest: what is compared says nothing about it by the time it takes.
#[derive(Clone)]
pub(super) struct Token(Digest);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Token {
    /// The credential first, then the file of the settings, then one of its own.
    pub(super) fn obtain(file: Option<&Path>) -> Result<Self, CannotOpen> {
        let folder = |name| std::env::var_os(name).map(PathBuf::from);
        let credential = folder("CREDENTIALS_DIRECTORY").map(|folder| folder.join(NAME));
        Self::from(credential.as_deref(), file, folder("RUNTIME_DIRECTORY").as_deref())
    }

    fn from(
        credential: Option<&Path>,
        file: Option<&Path>,
        given: Option<&Path>,
    ) -> Result<Self, CannotOpen> {
        if let Some(found) = credential.and_then(|path| read(path).transpose()) {
            return found;
        }
        if let Some(path) = file {
            let missing = || {
                let message =
                    format!("{} does not exist or says \"unset\"; write a token into it", path.display());
                CannotOpen::Token(message)
            };
            return read(path)?.ok_or_else(missing);
        }
        let Some(folder) = given else {
            return Err(CannotOpen::Token(
                "is not set, and the service manager gives no folder to make one in: name a file that holds a token"
                    .to_owned(),
            ));
        };
        let path = folder.join(NAME);
        match read(&path)? {
            Some(token) => Ok(token),
            None => make(&path),
        }
    }

    /// Whether this is the value of an Authorization header with the token.
    pub(super) fn is_in(&self, header: &HeaderValue) -> bool {
        let bytes = header.as_bytes();
        let Some((scheme, token)) = bytes.split_at_checked(7) else { return false };
        scheme.eq_ignore_ascii_case(b"bearer ") && self.is(token.trim_ascii())
    }

    /// The digests differ or not after the same time, whatever the token is.
    fn is(&self, token: &[u8]) -> bool {
        let given = digest(&SHA256, token);
        self.0.as_ref().iter().zip(given.as_ref()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

/// The token in a file; none when there is no file or no token in it yet.
fn read(path: &Path) -> Result<Option<Token>, CannotOpen> {
    let wrong = |why: String| CannotOpen::Token(format!("{}: {why}", path.display()));
    let about = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        about => about.map_err(|error| wrong(error.to_string()))?,
    };
    if !about.is_file() {
        return Err(wrong("it is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(MOST).unwrap_or(u64::MAX);
    std::fs::File::open(path)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .map_err(|error| wrong(error.to_string()))?;
    let token = bytes.trim_ascii();
    if token.is_empty() || token == UNSET.as_bytes() {
        return Ok(None);
    }
    if token.len() < LEAST || bytes.len() > MOST || !token.iter().all(u8::is_ascii_graphic) {
        return Err(wrong(format!(
            "expected a token of {LEAST} to {MOST} printable ASCII characters without blanks"
        )));
    }
    if about.permissions().mode() & 0o007 != 0 {
        tracing::warn!("{}: every user of this box may read the token; chmod 640 it", path.display());
    }
    Ok(Some(Token(digest(&SHA256, token))))
}

/// Makes a token of 256 random bits and writes it where the till finds it.
fn make(path: &Path) -> Result<Token, CannotOpen> {
    let wrong = |why: String| CannotOpen::Token(format!("{}: {why}", path.display()));
    let mut random = [0_u8; 32];
    SystemRandom::new()
        .fill(&mut random)
        .map_err(|_| wrong("the kernel gives no random bytes".to_owned()))?;
    let token = random.iter().fold(String::new(), |token, byte| token + &format!("{byte:02x}"));
    // a reader sees the whole token or none
    let unfinished = path.with_extension("part");
    let write = || {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        writeln!(file, "{token}")?;
        // the service manager's mask would keep the group out
        file.set_permissions(std::fs::Permissions::from_mode(MODE))?;
        std::fs::rename(&unfinished, path)
    };
    write().map_err(|error| wrong(error.to_string()))?;
    tracing::info!(file = %path.display(), "made a token for the local interface");
    Ok(Token(digest(&SHA256, token.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    fn says(result: Result<Token, CannotOpen>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_token_is_made_once_for_the_group_and_found_again() {
        let given = folder(&[]);
        let first = Token::from(None, None, Some(given.path())).unwrap();
        let path = given.path().join(NAME);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.trim().len(), 64);
        let again = Token::from(None, None, Some(given.path())).unwrap();
        for token in [&first, &again] {
            assert!(token.is(text.trim().as_bytes()) && !token.is(b"") && !token.is(text.as_bytes()));
            let header = |text: &str| token.is_in(&HeaderValue::from_str(text).unwrap());
            assert!(
                header(&format!("Bearer {}", text.trim())) && header(&format!("bearer  {}", text.trim()))
            );
            assert!(!header(text.trim()) && !header("Bearer x") && !header("Basic x") && !header(""));
        }
        let other = folder(&[]);
        let other = Token::from(None, None, Some(other.path())).unwrap();
        assert!(!other.is(text.trim().as_bytes()), "no two are the same");
        assert_eq!(format!("{first:?}"), "…");
    }

    #[test]
    fn the_credential_comes_before_the_file_and_the_file_before_one_of_its_own() {
        let files = folder(&[("a", TOKEN), ("b", "fedcba9876543210\n"), ("unset", "unset\n")]);
        let path = |name: &str| files.path().join(name);
        let both = Token::from(Some(&path("a")), Some(&path("b")), None).unwrap();
        assert!(both.is(TOKEN.as_bytes()));
        for absent in ["unset", "absent"] {
            let file = Token::from(Some(&path(absent)), Some(&path("b")), Some(files.path())).unwrap();
            assert!(file.is(b"fedcba9876543210"));
        }
    }

    #[test]
    fn what_is_no_token_is_refused_and_not_repeated() {
        let long = "x".repeat(MOST + 1);
        let files = folder(&[("short", "0123456789abcde"), ("blank", "0123456789 abcdef"), ("long", &long)]);
        for name in ["short", "blank", "long"] {
            let said = says(Token::from(None, Some(&files.path().join(name)), None));
            assert!(said.contains("expected a token") && !said.contains("0123456789"), "{said}");
        }
        assert!(
            says(Token::from(None, Some(&files.path().join("absent")), None))
                .contains("write a token into it")
        );
        assert!(says(Token::from(None, Some(files.path()), None)).contains("it is not a file"));
        assert!(says(Token::from(None, None, None)).contains("is not set"));
    }
}
