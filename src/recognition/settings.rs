//! The settings of this room. A setting's type holds its rule, so the message points at the very value.

use std::fmt;
use std::path::PathBuf;

use serde::de::{self, Deserializer, Unexpected};
use serde::{Deserialize, Serialize};

use super::route::{ProxyUrl, Straight, proxy_or_none};
use crate::bounded::Bounded;

/// The versioned base: the address without a version is frozen at an older model for legacy customers.
const URL: &str = "https://recognition.services.tiliter.com/v1/15/";
/// Where the package puts the key when no systemd credential carries it.
const API_KEY_FILE: &str = "/etc/scalecam/api-key";
/// What the service calls a camera that is not one of the scanners it knows.
const CAMERA_TYPE: &str = "generic";

/// How long a result may take, in milliseconds: below 100 no network answers, above a minute nobody waits.
pub type DeadlineMs = Bounded<100, 60_000>;
/// How many products the service may offer; its own examples ask for one to six.
pub type MaxOptions = Bounded<1, 50>;
/// When a service that has not answered is asked once more, in milliseconds.
pub type ResponseMs = Bounded<100, 60_000>;
/// After how many requests a connection is replaced; 0 = never by count.
pub type RefreshRequests = Bounded<0, 1_000_000>;
/// After how many minutes a connection is replaced; 0 = never by age.
pub type RefreshMinutes = Bounded<0, 10_080>;

/// The table `[recognition]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The base address: requests go to `{url}recognition/` and below it.
    pub url: ServiceUrl,
    /// The file that holds the key, unless the systemd credential `api-key` does.
    pub api_key_file: PathBuf,
    /// The camera's name with the service: one that the device is registered with.
    pub camera_type: CameraType,
    /// One more trust root, as PEM; empty = none.
    #[serde(deserialize_with = "path_or_none")]
    pub ca_file: Option<PathBuf>,
    /// The certificate by which this machine proves who it is, as PEM; empty = none.
    #[serde(deserialize_with = "path_or_none")]
    pub client_certificate_file: Option<PathBuf>,
    /// The key that belongs to it, as PEM, unless the systemd credential `client-key` holds it; empty = in the
    /// certificate's file.
    #[serde(deserialize_with = "path_or_none")]
    pub client_key_file: Option<PathBuf>,
    /// The HTTP proxy on the way to the service; empty = none.
    #[serde(deserialize_with = "proxy_or_none")]
    pub proxy: Option<ProxyUrl>,
    /// The proxy's user name and password, `user:password`, unless the systemd credential `proxy-credentials`
    /// holds them; empty = it wants none.
    #[serde(deserialize_with = "path_or_none")]
    pub proxy_credentials_file: Option<PathBuf>,
    /// What is reached without the proxy.
    pub proxy_exclude: Vec<Straight>,
    /// For practice on this very machine alone: nobody has to prove who they are.
    pub accept_any_certificate_on_loopback: bool,
    /// From the settled moment to the result, in milliseconds.
    pub deadline_ms: DeadlineMs,
    /// How many products the service may offer; not set = the service's own default (four).
    pub max_options: Option<MaxOptions>,
    /// When the kept connection is replaced.
    pub session: Refresh,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: ServiceUrl(URL.to_owned()),
            api_key_file: PathBuf::from(API_KEY_FILE),
            camera_type: CameraType(CAMERA_TYPE.to_owned()),
            ca_file: None,
            client_certificate_file: None,
            client_key_file: None,
            proxy: None,
            proxy_credentials_file: None,
            proxy_exclude: Vec::new(),
            accept_any_certificate_on_loopback: false,
            deadline_ms: const { DeadlineMs::new(3_000) },
            max_options: None,
            session: Refresh::default(),
        }
    }
}

impl Settings {
    /// The proxy on the way to the service, if there is one and the service is not excluded from it.
    #[must_use]
    pub fn proxy_to_service(&self) -> Option<&ProxyUrl> {
        let host = self.url.host_and_port().0;
        self.proxy.as_ref().filter(|_| !self.proxy_exclude.iter().any(|straight| straight.covers(&host)))
    }

    /// A rule between these settings that is broken: which one, and why.
    #[must_use]
    pub fn objection(&self) -> Option<(&'static str, &'static str)> {
        if self.accept_any_certificate_on_loopback {
            let name = "accept_any_certificate_on_loopback";
            if !self.url.is_loopback() {
                return Some((
                    name,
                    "recognition.url does not lead to this machine by its address (127.0.0.1 or [::1]); towards \
                     anybody else certificates are always checked",
                ));
            }
            if self.proxy_to_service().is_some() {
                return Some((name, "the way to recognition.url leads through recognition.proxy"));
            }
        }
        if self.client_key_file.is_some() && self.client_certificate_file.is_none() {
            return Some(("client_key_file", "client_certificate_file is not set"));
        }
        if self.proxy_credentials_file.is_some() && self.proxy.is_none() {
            return Some(("proxy_credentials_file", "proxy is not set"));
        }
        None
    }
}

/// The table `[recognition.session]`: the kept connection. It is replaced between weighings, never during one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Refresh {
    /// After that many requests; 0 = never by count.
    pub refresh_requests: RefreshRequests,
    /// After that many minutes; 0 = never by age.
    pub refresh_minutes: RefreshMinutes,
    /// Offer HTTP/2 to the service: never quicker for one request at a time, and slower by a round trip or two
    /// where the service keeps to the usual windows of 64 KB (measured).
    pub http2: bool,
    /// A service that has not answered after so many milliseconds is asked once more, if the deadline leaves
    /// room for that.
    pub response_ms: ResponseMs,
}

impl Default for Refresh {
    fn default() -> Self {
        Self {
            refresh_requests: const { RefreshRequests::new(0) },
            refresh_minutes: const { RefreshMinutes::new(30) },
            http2: false,
            response_ms: const { ResponseMs::new(2_500) },
        }
    }
}

/// The service's base address: `https`, a host, and a slash at its end (one that is missing is added).
///
/// There is no plain `http`, not even towards this machine: the key travels with every request.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ServiceUrl(String);

impl ServiceUrl {
    /// The address with its slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host and port as they stand in the address; the port only when it is not 443.
    #[must_use]
    pub fn authority(&self) -> String {
        self.split().0.to_owned()
    }

    /// The path, with a slash at its start and at its end.
    #[must_use]
    pub fn path(&self) -> &str {
        self.split().1
    }

    /// The host without brackets, and the port.
    #[must_use]
    pub fn host_and_port(&self) -> (String, u16) {
        let authority = self.split().0;
        let split = authority.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        // an IPv6 address has colons of its own, but stands in brackets
        let (host, port) = split.unwrap_or((authority, 443));
        (host.trim_start_matches('[').trim_end_matches(']').to_owned(), port)
    }

    /// Whether it names this machine by its address; a name could mean anybody.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host_and_port().0.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }

    fn split(&self) -> (&str, &str) {
        let rest = self.0.strip_prefix("https://").unwrap_or(&self.0);
        rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, "/"))
    }

    /// Reads an address; the error says what is allowed.
    pub fn parse(text: &str) -> Result<Self, NotAServiceUrl> {
        let url = reqwest::Url::parse(text).map_err(|_| NotAServiceUrl)?;
        let plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if url.scheme() != "https" || url.host_str().is_none_or(str::is_empty) || !plain {
            return Err(NotAServiceUrl);
        }
        let mut text = String::from(url);
        if !text.ends_with('/') {
            text.push('/');
        }
        Ok(Self(text))
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a service address must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address like https://host/v1/15/, without user name, password, ? and #")]
pub struct NotAServiceUrl;

impl<'de> Deserialize<'de> for ServiceUrl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::parse(&text).map_err(|_| {
            let allowed = "an address like https://host/v1/15/, without user name, password, ? and #";
            // an address with a password in it is not repeated
            let shown = if text.contains('@') { "…" } else { &text };
            de::Error::invalid_value(Unexpected::Str(shown), &allowed)
        })
    }
}

/// The camera's name with the service: one word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct CameraType(String);

impl CameraType {
    /// The name as the service reads it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for CameraType {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if (1..=50).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(text));
        }
        let allowed = "one word such as generic, MP7000-P, 7879e-C3 or SM6000";
        Err(de::Error::invalid_value(Unexpected::Str(&text), &allowed))
    }
}

fn path_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(from)?;
    Ok(if path.as_os_str().is_empty() { None } else { Some(path) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_set_gives_the_defaults() {
        let settings = read("").unwrap();
        assert_eq!(settings, Settings::default());
        assert_eq!(ServiceUrl::parse(URL).unwrap(), settings.url, "the default follows its own rule");
        assert_eq!(settings.deadline_ms.get(), 3_000);
        assert_eq!(settings.session.refresh_requests.get(), 0);
        assert_eq!(settings.session.refresh_minutes.get(), 30);
        assert!(settings.ca_file.is_none() && settings.max_options.is_none());
    }

    #[test]
    fn every_key_is_read() {
        let settings = read(
            "url = 'https://127.0.0.1:8443/v1/15'\napi_key_file = '/k'\ncamera_type = 'SM6000'\n\
             ca_file = '/ca.pem'\ndeadline_ms = 100\nmax_options = 6\n\
             [session]\nrefresh_requests = 500\nrefresh_minutes = 0\n",
        )
        .unwrap();
        assert_eq!(settings.url.as_str(), "https://127.0.0.1:8443/v1/15/", "the missing slash is added");
        assert_eq!(settings.api_key_file, PathBuf::from("/k"));
        assert_eq!(settings.camera_type.as_str(), "SM6000");
        assert_eq!(settings.ca_file, Some(PathBuf::from("/ca.pem")));
        assert_eq!(settings.deadline_ms.get(), 100);
        assert_eq!(settings.max_options.map(Bounded::get), Some(6));
        assert_eq!(settings.session.refresh_requests.get(), 500);
    }

    #[test]
    fn an_address_falls_into_its_parts() {
        for (text, authority, host, port, path) in [
            ("https://h.example/v1/15", "h.example", "h.example", 443, "/v1/15/"),
            ("https://h.example:443", "h.example", "h.example", 443, "/"),
            ("https://127.0.0.1:8443/a/", "127.0.0.1:8443", "127.0.0.1", 8443, "/a/"),
            ("https://[::1]/a", "[::1]", "::1", 443, "/a/"),
            ("https://[::1]:99/a", "[::1]:99", "::1", 99, "/a/"),
        ] {
            let url = ServiceUrl::parse(text).unwrap();
            assert_eq!((url.authority().as_str(), url.path()), (authority, path), "{text}");
            assert_eq!(url.host_and_port(), (host.to_owned(), port), "{text}");
        }
    }

    #[test]
    fn limits_hold_on_both_sides() {
        for (good, bad) in [
            ("deadline_ms = 100", "deadline_ms = 99"),
            ("deadline_ms = 60000", "deadline_ms = 60001"),
            ("max_options = 1", "max_options = 0"),
            ("max_options = 50", "max_options = 51"),
            ("[session]\nrefresh_minutes = 10080", "[session]\nrefresh_minutes = 10081"),
            ("camera_type = 'TC1'", "camera_type = ''"),
            ("camera_type = 'TC1'", "camera_type = 'T C1'"),
            ("url = 'https://h/'", "url = 'http://h/'"),
            ("url = 'https://h/'", "url = 'https://user@h/'"),
            ("url = 'https://h/'", "url = 'https://h/?a=b'"),
            ("url = 'https://h/'", "url = 'h/v1'"),
            ("deadline_ms = 3000", "deadline_ms = -1"),
            ("deadline_ms = 3000", "dead_line_ms = 3000"),
        ] {
            assert!(read(good).is_ok(), "{good}");
            let message = read(bad).unwrap_err();
            assert!(message.contains("expected"), "{bad}: {message}");
        }
        let message = read("deadline_ms = 0").unwrap_err();
        assert!(message.contains("integer `0`, expected a whole number from 100 to 60000"), "{message}");
    }

    #[test]
    fn an_address_with_a_password_is_not_repeated() {
        let message = read("url = 'https://me:hunter2@h/'").unwrap_err();
        // the parser of the file may quote the line itself; the value named by us is hidden
        assert!(message.contains('…'), "{message}");
    }

    #[test]
    fn a_rule_between_settings_that_is_broken_is_named() {
        let objection = |text: &str| read(text).unwrap().objection();
        assert_eq!(objection(""), None);
        let any = "accept_any_certificate_on_loopback = true\n";
        for (text, setting) in [
            (any.to_owned(), "accept_any_certificate_on_loopback"),
            (format!("{any}url = 'https://localhost/'"), "accept_any_certificate_on_loopback"),
            (
                format!("{any}url = 'https://127.0.0.1/'\nproxy = 'http://h:1'"),
                "accept_any_certificate_on_loopback",
            ),
            ("client_key_file = '/k'".to_owned(), "client_key_file"),
            ("proxy_credentials_file = '/k'".to_owned(), "proxy_credentials_file"),
        ] {
            assert_eq!(objection(&text).map(|(setting, _)| setting), Some(setting), "{text}");
        }
        for text in [
            "url = 'https://127.0.0.1:1/'",
            "url = 'https://[::1]/'\nproxy = 'http://h:1'\nproxy_exclude = ['::1']",
        ] {
            assert_eq!(objection(&format!("{any}{text}")), None, "{text}");
        }
    }
}
