//! What can go wrong between a picture and its result. Every failure has a word for programs, a sentence for
//! people, and an answer to whether trying again makes sense.

use std::time::Duration;

use super::key::NoKey;

/// Why a weighing has no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No request was made: there is no key.
    #[error(transparent)]
    NoKey(#[from] NoKey),
    /// No connection came about.
    #[error("{host} cannot be reached: {why}")]
    Unreachable {
        /// The service's host and port.
        host: String,
        /// The system's own words.
        why: String,
    },
    /// A connection was there and broke.
    #[error("the connection to {host} broke before the answer was complete: {why}")]
    Broken {
        /// The service's host and port.
        host: String,
        /// The system's own words.
        why: String,
    },
    /// Certificates cannot be checked, because this machine does not know the date.
    #[error(
        "the clock is not set: it says {now}, which is before this program was made, so no certificate can be \
         checked; set the time or wait for the time service"
    )]
    Clock {
        /// The wall time.
        now: String,
    },
    /// The other side does not prove that it is the service.
    #[error("{host} does not prove who it is: {why}")]
    Tls {
        /// The service's host and port.
        host: String,
        /// What is wrong with the certificate or the handshake, and what to do.
        why: String,
    },
    /// The proxy on the way does not let anybody through.
    #[error("the proxy {proxy} does not open a way to the service: {why}")]
    Proxy {
        /// The proxy's host and port.
        proxy: String,
        /// Its answer, and what to do.
        why: String,
    },
    /// The service does not accept the key.
    #[error(
        "the service does not accept the API key ({status}{}); put the right one into its file and restart the service",
        said(.message.as_deref())
    )]
    KeyRefused {
        /// 401 or 403.
        status: u16,
        /// What the service said.
        message: Option<String>,
    },
    /// The service does not accept the request.
    #[error("the service refuses the request ({status}{})", said(.message.as_deref()))]
    Refused {
        /// The HTTP status: 4xx.
        status: u16,
        /// What the service said.
        message: Option<String>,
    },
    /// The service points elsewhere. The key goes to the address of the settings and nowhere else.
    #[error(
        "the service points elsewhere ({status}, to {to}): set recognition.url to the address that answers"
    )]
    Redirected {
        /// The HTTP status: 3xx.
        status: u16,
        /// Where it points.
        to: String,
    },
    /// The service wants fewer requests.
    #[error("the service asks for fewer requests (429{})", said(.message.as_deref()))]
    Throttled {
        /// How long it wants to be left alone, if it said so.
        retry_after: Option<Duration>,
        /// What the service said.
        message: Option<String>,
    },
    /// The service failed on its side.
    #[error("the service failed ({status}{})", said(.message.as_deref()))]
    ServerError {
        /// The HTTP status: 5xx, or 408.
        status: u16,
        /// What the service said.
        message: Option<String>,
    },
    /// The answer is not one.
    #[error("the answer cannot be understood: {reason}")]
    NotUnderstood {
        /// What is wrong with it.
        reason: String,
    },
    /// The time for a result was over.
    #[error("no answer within {} ms: still {stage}", .within.as_millis())]
    Deadline {
        /// The time there was.
        within: Duration,
        /// What was going on when it ended.
        stage: &'static str,
    },
    /// The service was not asked: it failed too often, or wants to be left alone.
    #[error("the service is left alone for another {} s, because {cause}", .left.as_secs())]
    Paused {
        /// For how long.
        left: Duration,
        /// What happened before.
        cause: String,
    },
}

fn said(message: Option<&str>) -> String {
    message.map(|message| format!(": {message}")).unwrap_or_default()
}

impl Failure {
    /// The word for programs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NoKey(_) => "no_key",
            Self::Unreachable { .. } | Self::Broken { .. } => "unreachable",
            Self::Clock { .. } => "clock",
            Self::Tls { .. } => "tls",
            Self::Proxy { .. } => "proxy",
            Self::KeyRefused { .. } | Self::Refused { .. } => "refused",
            Self::Redirected { .. } => "redirected",
            Self::Throttled { .. } => "throttled",
            Self::ServerError { .. } => "server_error",
            Self::NotUnderstood { .. } => "not_understood",
            Self::Deadline { .. } => "deadline",
            Self::Paused { .. } => "paused",
        }
    }

    /// Whether the service would take the same request with a smaller picture.
    #[must_use]
    pub const fn wants_smaller(&self) -> bool {
        matches!(self, Self::Refused { status: 413, .. })
    }

    /// Whether the same request may succeed later without anybody doing anything.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::Clock { .. }
            | Self::Throttled { .. }
            | Self::ServerError { .. }
            | Self::Deadline { .. }
            | Self::Paused { .. } => true,
            Self::NoKey(_)
            | Self::Tls { .. }
            | Self::Proxy { .. }
            | Self::KeyRefused { .. }
            | Self::Refused { .. }
            | Self::Redirected { .. }
            | Self::NotUnderstood { .. } => false,
        }
    }
}
