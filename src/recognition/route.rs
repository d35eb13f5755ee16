//! The way to the service: straight, or through a proxy. Pure.

use std::fmt;
use std::net::IpAddr;

use serde::de::{self, Deserializer, Unexpected};
use serde::{Deserialize, Serialize};

/// A proxy's address: `http://host:port`, or `https://host:port` where the way to the proxy is encrypted too.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ProxyUrl(String);

impl ProxyUrl {
    /// The address as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the way to the proxy itself is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// The host without brackets, and the port.
    #[must_use]
    pub fn host_and_port(&self) -> (String, u16) {
        let rest = self.0.split_once("://").map_or(self.0.as_str(), |(_, rest)| rest).trim_end_matches('/');
        let usual = if self.is_encrypted() { 443 } else { 80 };
        let split = rest.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = split.unwrap_or((rest, usual));
        (host.trim_start_matches('[').trim_end_matches(']').to_owned(), port)
    }

    fn parse(text: &str) -> Option<Self> {
        let url = reqwest::Url::parse(text).ok()?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && matches!(url.path(), "" | "/");
        let known =
            matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty());
        (plain && known).then(|| Self(String::from(url)))
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a proxy's address; an empty one is none.
pub(super) fn proxy_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ProxyUrl>, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() {
        return Ok(None);
    }
    ProxyUrl::parse(&text).map(Some).ok_or_else(|| {
        // an address with a password in it is not repeated
        let shown = if text.contains('@') { "…" } else { &text };
        let allowed = "an address like http://proxy.example:3128; a user name and password belong into \
                       proxy_credentials_file";
        de::Error::invalid_value(Unexpected::Str(shown), &allowed)
    })
}

/// What is reached without the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Straight {
    /// A host by its name.
    Host(String),
    /// Every host of a domain, and one of that very name.
    Domain(String),
    /// The addresses that begin with so many bits of this one.
    Network(IpAddr, u8),
}

impl Straight {
    /// Whether a host, by its name or its address, is among them.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        match self {
            Self::Host(name) => *name == host,
            Self::Domain(domain) => {
                host == *domain || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
            }
            Self::Network(network, bits) => {
                host.parse().is_ok_and(|address| begins_alike(*network, address, *bits))
            }
        }
    }
}

fn begins_alike(one: IpAddr, other: IpAddr, bits: u8) -> bool {
    let differs = |difference: u128, width: u32| difference.leading_zeros() + width >= 128 + u32::from(bits);
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => differs(u128::from(one.to_bits() ^ other.to_bits()), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => differs(one.to_bits() ^ other.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

impl<'de> Deserialize<'de> for Straight {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let (address, bits) =
            text.split_once('/').map_or((text.as_str(), None), |(address, bits)| (address, Some(bits)));
        if let Ok(address) = address.parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            if let Some(bits) = bits.map_or(Some(most), |bits| bits.parse().ok().filter(|bits| *bits <= most))
            {
                return Ok(Self::Network(address, bits));
            }
        }
        let name = text.strip_prefix('.').unwrap_or(&text).to_ascii_lowercase();
        let fits = |sign: u8| sign.is_ascii_alphanumeric() || matches!(sign, b'-' | b'.' | b'_');
        let usual = !name.is_empty() && name.bytes().all(fits) && !name.starts_with('.');
        match (usual, text.starts_with('.')) {
            (true, true) => Ok(Self::Domain(name)),
            (true, false) => Ok(Self::Host(name)),
            (false, _) => {
                let allowed = "a host, a .domain, an address or a network such as 10.0.0.0/8";
                Err(de::Error::invalid_value(Unexpected::Str(&text), &allowed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Table {
        #[serde(default, deserialize_with = "proxy_or_none")]
        proxy: Option<ProxyUrl>,
        #[serde(default)]
        straight: Vec<Straight>,
    }

    fn read(text: &str) -> Result<Table, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_proxys_address_falls_into_its_parts() {
        for (text, encrypted, host, port) in [
            ("http://proxy.example:3128", false, "proxy.example", 3_128),
            ("http://proxy.example/", false, "proxy.example", 80),
            ("https://proxy.example", true, "proxy.example", 443),
            ("https://[::1]:8080", true, "::1", 8_080),
        ] {
            let proxy = read(&format!("proxy = '{text}'")).unwrap().proxy.unwrap();
            assert_eq!(proxy.is_encrypted(), encrypted, "{text}");
            assert_eq!(proxy.host_and_port(), (host.to_owned(), port), "{text}");
        }
        assert_eq!(read("proxy = ''").unwrap().proxy, None);
        for wrong in ["socks5://h:1", "proxy.example:3128", "http://h/path", "http://h/?a", "http://"] {
            assert!(
                read(&format!("proxy = '{wrong}'")).unwrap_err().contains("expected an address"),
                "{wrong}"
            );
        }
        let message = read("proxy = 'http://me:hunter2@h:1'").unwrap_err();
        assert!(message.contains("proxy_credentials_file") && !message.contains("hunter2"), "{message}");
    }

    #[test]
    fn exclusions_cover_what_they_name_and_nothing_beside_it() {
        let covers = |rule: &str, host: &str| {
            let table = read(&format!("straight = ['{rule}']")).unwrap();
            table.straight.iter().any(|straight| straight.covers(host))
        };
        for (rule, host, expected) in [
            ("h.example", "H.Example.", true),
            ("h.example", "a.h.example", false),
            (".example", "h.example", true),
            (".example", "example", true),
            (".example", "myexample", false),
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/9", "10.128.0.1", false),
            ("10.0.0.7", "10.0.0.7", true),
            ("10.0.0.7", "10.0.0.6", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("0.0.0.0/0", "h.example", false),
            ("fd00::/8", "fd12::1", true),
            ("fd00::/8", "fe80::1", false),
            ("::1", "::1", true),
        ] {
            assert_eq!(covers(rule, host), expected, "{rule} {host}");
        }
        for wrong in ["", ".", "*.example", "10.0.0.0/33", "h:1", "a b"] {
            assert!(
                read(&format!("straight = ['{wrong}']")).unwrap_err().contains("expected a host"),
                "{wrong}"
            );
        }
    }
}
