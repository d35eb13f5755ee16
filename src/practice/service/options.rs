//! How the practice service behaves: its certificate, its key, its pace, and the faults it makes on command.

use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::time::Duration;

/// How the practice service behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens: on this machine alone, unless others shall practise with it.
    pub address: IpAddr,
    /// The port; 0 = any that is free.
    pub port: u16,
    /// The key it wants; none = every key that is not empty will do.
    pub api_key: Option<String>,
    /// What it shows for a certificate.
    pub certificate: Certificate,
    /// Whether it wants a certificate from its clients, one of its own authority.
    pub client_certificate: bool,
    /// How long it thinks before it answers.
    pub delay: Duration,
    /// After how long without a request it closes a connection; none = never.
    pub idle: Option<Duration>,
    /// Whether it speaks HTTP/2 with those who want it; its faults below HTTP are for HTTP/1.1.
    pub http2: bool,
    /// The longest request it takes, in bytes; a longer one is answered with 413.
    pub most_bytes: usize,
    /// Whether it remembers the pictures themselves, for [`super::Service::take_requests`].
    pub pictures: bool,
    /// What it does to the recognitions to come, one fault each; afterwards it behaves.
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            api_key: None,
            certificate: Certificate::Good,
            client_certificate: false,
            delay: Duration::ZERO,
            idle: None,
            http2: false,
            most_bytes: 8 * 1024 * 1024,
            pictures: false,
            faults: Vec::new(),
        }
    }
}

/// What the service shows for a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// One for this machine, signed by the practice authority.
    #[default]
    Good,
    /// One whose time is over.
    Expired,
    /// One whose time has not come.
    NotYetValid,
    /// One made out to another name.
    WrongName,
    /// One that vouches for itself.
    SelfSigned,
    /// One signed by an authority that nobody knows.
    UnknownAuthority,
}

/// The word names no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected good, expired, not-yet-valid, wrong-name, self-signed or unknown-authority")]
pub struct UnknownCertificate;

impl FromStr for Certificate {
    type Err = UnknownCertificate;

    fn from_str(text: &str) -> Result<Self, UnknownCertificate> {
        Ok(match text {
            "good" => Self::Good,
            "expired" => Self::Expired,
            "not-yet-valid" => Self::NotYetValid,
            "wrong-name" => Self::WrongName,
            "self-signed" => Self::SelfSigned,
            "unknown-authority" => Self::UnknownAuthority,
            _ => return Err(UnknownCertificate),
        })
    }
}

/// Where a redirect leads to unless it says so: nowhere.
const ELSEWHERE: &str = "https://elsewhere.example/v1/15/recognition/";

/// What goes wrong with one recognition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: this one is answered.
    None,
    /// The request is read and never answered.
    Hang,
    /// The connection is closed, politely and unannounced, in place of an answer.
    Close,
    /// The connection is reset in place of an answer.
    Reset,
    /// The connection is reset as soon as the request's head is there.
    ResetEarly,
    /// A few bytes of an answer, then the connection is closed.
    PartialHead,
    /// An answer, and then the connection is closed although it was not announced.
    CloseAfter,
    /// An answer that announces the end of the connection.
    AnnouncedClose,
    /// An error with that status and perhaps a `Retry-After`.
    Status(u16, Option<String>),
    /// 200 with something that is not JSON.
    Nonsense,
    /// 200 with a web page, as the login page of a network gives it.
    WebPage,
    /// 200 with a picture.
    Picture,
    /// 307 to that address.
    Redirect(String),
    /// An answer that is cut in the middle.
    Truncate,
    /// An answer without an end.
    Endless,
    /// An answer's head without an end.
    EndlessHead,
    /// One announcement after the other that the answer will come (100), without an end.
    EndlessInterim,
    /// An answer that announces 10 GB and begins to send them.
    Huge,
    /// An answer, one byte in a tenth of a second.
    Dribble,
    /// An answer, one byte a second.
    Slow,
}

/// The word names no fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected none, hang, close, reset, reset-early, partial-head, close-after, announced-close, nonsense, web-page, \
     picture, redirect, redirect:ADDRESS, truncate, endless, endless-head, endless-interim, huge, dribble, slow, \
     status:CODE or status:CODE:RETRY-AFTER"
)]
pub struct UnknownFault;

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        Ok(match text {
            "none" => Self::None,
            "hang" => Self::Hang,
            "close" => Self::Close,
            "reset" => Self::Reset,
            "reset-early" => Self::ResetEarly,
            "partial-head" => Self::PartialHead,
            "close-after" => Self::CloseAfter,
            "announced-close" => Self::AnnouncedClose,
            "nonsense" => Self::Nonsense,
            "web-page" => Self::WebPage,
            "picture" => Self::Picture,
            "redirect" => Self::Redirect(ELSEWHERE.to_owned()),
            "truncate" => Self::Truncate,
            "endless" => Self::Endless,
            "endless-head" => Self::EndlessHead,
            "endless-interim" => Self::EndlessInterim,
            "huge" => Self::Huge,
            "dribble" => Self::Dribble,
            "slow" => Self::Slow,
            _ => {
                if let Some(address) = text.strip_prefix("redirect:") {
                    return Ok(Self::Redirect(address.to_owned()));
                }
                let rest = text.strip_prefix("status:").ok_or(UnknownFault)?;
                let (code, after) =
                    rest.split_once(':').map_or((rest, None), |(code, after)| (code, Some(after)));
                let code = code.parse().ok().filter(|code| (200..=599).contains(code)).ok_or(UnknownFault)?;
                Self::Status(code, after.map(str::to_owned))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_by_name() {
        assert_eq!("status:503".parse(), Ok(Fault::Status(503, None)));
        assert_eq!("status:429:7".parse(), Ok(Fault::Status(429, Some("7".to_owned()))));
        assert_eq!("dribble".parse(), Ok(Fault::Dribble));
        assert_eq!("redirect:https://a:1/".parse(), Ok(Fault::Redirect("https://a:1/".to_owned())));
        for wrong in ["", "status", "status:", "status:99", "status:600", "Hang"] {
            assert_eq!(wrong.parse::<Fault>(), Err(UnknownFault), "{wrong}");
        }
        let listed = UnknownFault.to_string();
        for word in listed.trim_start_matches("expected ").split([',', ' ']).filter(|word| word.contains('-'))
        {
            assert!(
                word.starts_with("status")
                    || word.ends_with("ADDRESS")
                    || word.parse::<Fault>().is_ok()
                    || word.contains("AFTER"),
                "{word}"
            );
        }
    }
}
