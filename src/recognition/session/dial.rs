//! Makes a connection: name, TCP, TLS, HTTP.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustix::net::sockopt;
use rustls::HandshakeKind;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::line::{Line, Parts};
use super::meter::{Meter, Metered};
use super::{chance, lock};
use crate::recognition::failure::Failure;
use crate::recognition::fault;
use crate::recognition::settings::ServiceUrl;
use crate::recognition::trust::NoTrust;
use crate::stamp::Clock;

/// Name, TCP and TLS together; whatever takes longer is not a line to weigh on.
const CONNECT: Duration = Duration::from_secs(3);
/// A name that does not resolve within this gives way to the addresses that worked last time.
const RESOLVE: Duration = Duration::from_secs(1);
/// Before the next address is tried beside the one that does not answer (RFC 8305 recommends 250 ms).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);
/// No more addresses are tried.
const ADDRESSES: usize = 6;
/// After how long without a sign of life the kernel asks, how often it repeats, and how many times: it keeps
/// the tables of routers fresh, and notices within 35 s that a silent line is dead.
const KEEP_ALIVE: (Duration, Duration, u32) = (Duration::from_secs(20), Duration::from_secs(5), 3);
/// Sent bytes may stay without acknowledgement that long before the kernel gives the line up.
const UNACKNOWLEDGED_MS: u32 = 3_000;
/// An answer's head has a dozen lines; whoever sends more than this is not the service.
const HEAD_BYTES: usize = 64 * 1024;

/// Makes connections to one service.
pub(super) struct Dialer {
    host: String,
    port: u16,
    /// Host and port, as messages and requests name it.
    authority: String,
    name: ServerName<'static>,
    tls: TlsConnector,
    clock: Clock,
    /// The addresses that worked last time.
    good: Mutex<Vec<SocketAddr>>,
    made: AtomicU64,
    ended: Arc<Notify>,
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dialer({})", self.authority)
    }
}

impl Dialer {
    /// `ended` is told whenever one of the connections is over.
    pub(super) fn new(
        url: &ServiceUrl,
        tls: rustls::ClientConfig,
        clock: Clock,
        ended: Arc<Notify>,
    ) -> Result<Self, NoTrust> {
        let (host, port) = url.host_and_port();
        let name =
            ServerName::try_from(host.clone()).map_err(|error| NoTrust::Setup { why: error.to_string() })?;
        Ok(Self {
            authority: url.authority(),
            host,
            port,
            name,
            tls: TlsConnector::from(Arc::new(tls)),
            clock,
            good: Mutex::default(),
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
        match timeout(CONNECT, self.connect()).await {
            Ok(result) => result.map_err(|error| fault::of_connecting(&error, &self.authority, &self.clock)),
            Err(_) => Err(Failure::Unreachable {
                host: self.authority.clone(),
                why: format!("no connection within {} s", CONNECT.as_secs()),
            }),
        }
    }

    async fn connect(&self) -> io::Result<Line> {
        let (tcp, all) = self.tcp().await?;
        // its own descriptor, to ask the kernel about the connection while others read and write it
        let socket = rustix::io::fcntl_dupfd_cloexec(&tcp, 0)?;
        let tls = self.tls.connect(self.name.clone(), tcp).await?;
        *lock(&self.good) = all;
        let resumed = tls.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        let h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2".as_slice());
        let meter = Arc::new(Meter::default());
        let stream = TokioIo::new(Metered::new(tls, Arc::clone(&meter)));
        let id = self.made.fetch_add(1, Ordering::AcqRel) + 1;
        let ended = Arc::clone(&self.ended);
        let chance = chance();
        if h2 {
            let made = http2::Builder::new(TokioExecutor::new()).handshake(stream).await;
            let (sender, driver) = made.map_err(io::Error::other)?;
            return Ok(Line::over_http2(sender, Parts { id, resumed, chance, meter, socket, driver, ended }));
        }
        let made = http1::Builder::new().max_header_size(HEAD_BYTES).handshake(stream).await;
        let (sender, driver) = made.map_err(io::Error::other)?;
        Ok(Line::over_http1(sender, Parts { id, resumed, chance, meter, socket, driver, ended }))
    }

    /// The first address that answers, and all of them with that one in front.
    async fn tcp(&self) -> io::Result<(TcpStream, Vec<SocketAddr>)> {
        let addresses = self.addresses().await?;
        let (mut trying, mut failed) = (JoinSet::new(), None);
        let mut left = addresses.iter().copied();
        loop {
            if let Some(address) = left.next() {
                trying.spawn(async move { (address, connect(address).await) });
            } else if trying.is_empty() {
                return Err(failed.unwrap_or_else(|| io::Error::other("the name has no address")));
            }
            // the next address has its turn when one failed, or when none answered for a while
            let pause = if left.len() > 0 { NEXT_ADDRESS } else { CONNECT };
            match timeout(pause, trying.join_next()).await {
                Ok(Some(Ok((address, Ok(stream))))) => {
                    let others = addresses.iter().copied().filter(|other| *other != address);
                    return Ok((stream, std::iter::once(address).chain(others).collect()));
                }
                Ok(Some(Ok((_, Err(error))))) => failed = Some(error),
                Ok(Some(Err(error))) => failed = Some(error.into()),
                Ok(None) | Err(_) => {}
            }
        }
    }

    /// The service's addresses, both families in turn; the last good ones when the name does not resolve.
    async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let good = lock(&self.good).clone();
        let asking = tokio::net::lookup_host((self.host.as_str(), self.port));
        let found = if good.is_empty() {
            asking.await
        } else {
            timeout(RESOLVE, asking).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        };
        match found {
            Ok(found) => Ok(in_turn(found)),
            Err(error) if good.is_empty() => {
                Err(io::Error::new(error.kind(), format!("the name {} does not resolve: {error}", self.host)))
            }
            Err(error) => {
                tracing::debug!(%error, "the name does not resolve: the last good addresses are used");
                Ok(good)
            }
        }
    }
}

/// The resolver's order, but with the families in turn, so that one that is cut off costs one pause only.
fn in_turn(found: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let found: Vec<_> = found.collect();
    let first_is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (one, other): (Vec<_>, Vec<_>) = found.into_iter().partition(|each| each.is_ipv6() == first_is_v6);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut all = Vec::new();
    while all.len() < ADDRESSES {
        let before = all.len();
        all.extend(one.next());
        all.extend(other.next());
        if all.len() == before {
            break;
        }
    }
    all.truncate(ADDRESSES);
    all
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(&stream, true)?;
    sockopt::set_tcp_keepidle(&stream, KEEP_ALIVE.0)?;
    sockopt::set_tcp_keepintvl(&stream, KEEP_ALIVE.1)?;
    sockopt::set_tcp_keepcnt(&stream, KEEP_ALIVE.2)?;
    sockopt::set_tcp_user_timeout(&stream, UNACKNOWLEDGED_MS)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_take_turns_in_the_resolvers_order() {
        let read =
            |text: &str| -> Vec<SocketAddr> { text.split(' ').map(|each| each.parse().unwrap()).collect() };
        let found = read("[::1]:1 [::2]:1 [::3]:1 1.1.1.1:1 [::4]:1 [::5]:1 2.2.2.2:1");
        let turns = read("[::1]:1 1.1.1.1:1 [::2]:1 2.2.2.2:1 [::3]:1 [::4]:1");
        assert_eq!(in_turn(found.into_iter()), turns);
        assert_eq!(in_turn(read("1.1.1.1:1").into_iter()), read("1.1.1.1:1"));
        assert!(in_turn(std::iter::empty()).is_empty());
    }
}
