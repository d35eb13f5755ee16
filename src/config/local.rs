//! The table `[local]`: who may talk to the agent on this box.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::Objection;

/// No box has more addresses that a till would use.
const MOST_ADDRESSES: usize = 8;

/// The local interface; off unless an address or a socket is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Local {
    /// Where it listens.
    pub listen: Vec<SocketAddr>,
    /// A Unix socket on which it listens too.
    pub socket: Option<PathBuf>,
    /// The file with the token for whoever changes something; none = one in the folder that the service manager
    /// gives, made at the start.
    pub token_file: Option<PathBuf>,
    /// Whether an address may be one that other machines reach. Then every request needs the token.
    pub beyond_this_box: bool,
    /// Further names under which it may be asked, besides the addresses themselves and `localhost`.
    pub hosts: Vec<String>,
}

impl Local {
    /// Whether anything listens.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        !self.listen.is_empty() || self.socket.is_some()
    }
}

/// The table as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LocalTable {
    listen: Vec<Spanned<SocketAddr>>,
    #[serde(deserialize_with = "path_or_none")]
    socket: Option<PathBuf>,
    #[serde(deserialize_with = "path_or_none")]
    token_file: Option<PathBuf>,
    beyond_this_box: bool,
    hosts: Vec<Spanned<String>>,
}

impl LocalTable {
    pub(super) fn check(self) -> Result<Local, Objection> {
        let objection = |at: usize, key: &str, reason: String| Objection { at, key: key.to_owned(), reason };
        if let Some(too_many) = self.listen.get(MOST_ADDRESSES) {
            let reason = format!("expected at most {MOST_ADDRESSES} addresses");
            return Err(objection(too_many.span().start, "local.listen", reason));
        }
        let outside = self.listen.iter().find(|address| !address.as_ref().ip().is_loopback());
        if let Some(address) = outside.filter(|_| !self.beyond_this_box) {
            let reason = format!(
                "{} can be reached from other machines; use 127.0.0.1 or [::1], or set local.beyond_this_box = true and \
                 read what that means",
                address.as_ref()
            );
            return Err(objection(address.span().start, "local.listen", reason));
        }
        let bad = self.hosts.iter().find(|host| !is_a_host(host.as_ref()));
        if let Some(host) = bad {
            let reason =
                format!("`{}` is no name with or without a port, such as till-7:8087", host.as_ref());
            return Err(objection(host.span().start, "local.hosts", reason));
        }
        Ok(Local {
            listen: self.listen.into_iter().map(Spanned::into_inner).collect(),
            socket: self.socket,
            token_file: self.token_file,
            beyond_this_box: self.beyond_this_box,
            hosts: self.hosts.into_iter().map(|host| host.into_inner().to_ascii_lowercase()).collect(),
        })
    }
}

/// A name or address as it stands in a Host header.
fn is_a_host(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    !text.is_empty() && text.len() <= 255 && text.chars().all(plain)
}

fn path_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(from)?;
    Ok(Some(path).filter(|path| !path.as_os_str().is_empty()))
}
