//! Makes a connection: TCP to the service or its proxy, the way through the proxy, TLS, HTTP.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::HandshakeKind;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::chance;
use super::hop::{CONNECT, Hop};
use super::line::{Line, Parts};
use super::meter::{Meter, Metered};
use super::tunnel;
use crate::recognition::failure::Failure;
use crate::recognition::fault;
use crate::recognition::identity::ProxyUser;
use crate::recognition::settings::Settings;
use crate::recognition::trust::{self, NoTrust};
use crate::stamp::Clock;

/// An answer's head has a dozen lines; whoever sends more than this is not the service.
const HEAD_BYTES: usize = 64 * 1024;

/// Makes connections to one service.
pub(super) struct Dialer {
    /// The service's host and port, as messages and requests name it.
    authority: String,
    name: ServerName<'static>,
    tls: TlsConnector,
    /// Whom TCP connects to.
    hop: Hop,
    proxy: Option<Proxy>,
    clock: Clock,
    made: AtomicU64,
    ended: Arc<Notify>,
}

/// The proxy on the way.
struct Proxy {
    /// The service's host and port, as the proxy wants to hear it.
    target: String,
    user: Option<ProxyUser>,
    /// The proxy's name and the TLS with it, where the way to it is encrypted.
    tls: Option<(ServerName<'static>, TlsConnector)>,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dialer({})", self.authority)
    }
}

impl Dialer {
    /// `ended` is told whenever one of the connections is over.
    pub(super) fn new(
        settings: &Settings,
        user: Option<ProxyUser>,
        tls: &rustls::ClientConfig,
        clock: Clock,
        ended: Arc<Notify>,
    ) -> Result<Self, NoTrust> {
        let named = |host: &str| {
            ServerName::try_from(host.to_owned()).map_err(|error| NoTrust::Setup { why: error.to_string() })
        };
        let (host, port) = settings.url.host_and_port();
        let (name, service) = (named(&host)?, Hop::new(host, port));
        let (hop, proxy) = match settings.proxy_to_service() {
            None => (service, None),
            Some(url) => {
                let (host, port) = url.host_and_port();
                let encrypted = || Ok((named(&host)?, TlsConnector::from(Arc::new(trust::for_http1(tls)))));
                let tls = url.is_encrypted().then(encrypted).transpose()?;
                (Hop::new(host, port), Some(Proxy { target: service.authority(), user, tls }))
            }
        };
        Ok(Self {
            authority: settings.url.authority(),
            name,
            tls: TlsConnector::from(Arc::new(tls.clone())),
            hop,
            proxy,
            clock,
            made: AtomicU64::new(0),
            ended,
        })
    }

    /// Host and port of the service.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// Makes a connection, within the limit.
    pub(super) async fn dial(&self) -> Result<Line, Failure> {
        timeout(CONNECT, self.connect()).await.unwrap_or_else(|_| {
            let why = format!("no connection within {} s", CONNECT.as_secs());
            Err(Failure::Unreachable { host: self.first_host(), why })
        })
    }

    /// Whom messages about TCP name: the service, or the proxy that stands before it.
    fn first_host(&self) -> String {
        if self.proxy.is_some() { self.hop.authority() } else { self.authority.clone() }
    }

    async fn connect(&self) -> Result<Line, Failure> {
        let of_first = |error: io::Error| self.of_first(&error);
        let (mut tcp, all) = self.hop.connect().await.map_err(of_first)?;
        // its own descriptor, to ask the kernel about the connection while others read and write it
        let socket = rustix::io::fcntl_dupfd_cloexec(&tcp, 0).map_err(|error| of_first(error.into()))?;
        let line = match &self.proxy {
            None => self.over(tcp, socket).await?,
            Some(Proxy { target, user, tls: None }) => {
                tunnel::open(&mut tcp, target, user.as_ref()).await.map_err(of_first)?;
                self.over(tcp, socket).await?
            }
            Some(Proxy { target, user, tls: Some((name, tls)) }) => {
                let mut outer: TlsStream<TcpStream> =
                    tls.connect(name.clone(), tcp).await.map_err(of_first)?;
                tunnel::open(&mut outer, target, user.as_ref()).await.map_err(of_first)?;
                self.over(outer, socket).await?
            }
        };
        self.hop.remember(all);
        Ok(line)
    }

    fn of_first(&self, error: &io::Error) -> Failure {
        match fault::find::<tunnel::Closed>(error) {
            Some(closed) => Failure::Proxy { proxy: self.hop.authority(), why: closed.why.clone() },
            None => fault::of_connecting(error, &self.first_host(), &self.clock),
        }
    }

    /// TLS and HTTP with the service, over whatever leads to it.
    async fn over<S>(&self, stream: S, socket: OwnedFd) -> Result<Line, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let failed = |error: io::Error| fault::of_connecting(&error, &self.authority, &self.clock);
        let tls = self.tls.connect(self.name.clone(), stream).await.map_err(failed)?;
        let resumed = tls.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        let h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2".as_slice());
        let meter = Arc::new(Meter::default());
        let stream = TokioIo::new(Metered::new(tls, Arc::clone(&meter)));
        let id = self.made.fetch_add(1, Ordering::AcqRel) + 1;
        let ended = Arc::clone(&self.ended);
        let chance = chance();
        if h2 {
            let made = http2::Builder::new(TokioExecutor::new()).handshake(stream).await;
            let (sender, driver) = made.map_err(io::Error::other).map_err(failed)?;
            return Ok(Line::over_http2(sender, Parts { id, resumed, chance, meter, socket, driver, ended }));
        }
        let made = http1::Builder::new().max_header_size(HEAD_BYTES).handshake(stream).await;
        let (sender, driver) = made.map_err(io::Error::other).map_err(failed)?;
        Ok(Line::over_http1(sender, Parts { id, resumed, chance, meter, socket, driver, ended }))
    }
}
