//! The machine that TCP connects to, the service or its proxy: its name, its addresses, its socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::lock;

/// Name, TCP and TLS together; whatever takes longer is not a line to weigh on.
pub(super) const CONNECT: Duration = Duration::from_secs(3);
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

/// A machine and what is known of its addresses.
#[derive(Debug)]
pub(super) struct Hop {
    host: String,
    port: u16,
    /// The addresses that worked last time, the best one first.
    good: Mutex<Vec<SocketAddr>>,
}

impl Hop {
    pub(super) const fn new(host: String, port: u16) -> Self {
        Self { host, port, good: Mutex::new(Vec::new()) }
    }

    /// Host and port, as messages name it.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Connects to the first address that answers, and gives all of them with that one in front.
    pub(super) async fn connect(&self) -> io::Result<(TcpStream, Vec<SocketAddr>)> {
        let good = lock(&self.good).clone();
        let asking = tokio::net::lookup_host((self.host.as_str(), self.port));
        let found = if good.is_empty() {
            asking.await
        } else {
            timeout(RESOLVE, asking).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        };
        first(&addresses(&self.host, found, good)?).await
    }

    /// These addresses have proved to be those of the right machine.
    pub(super) fn remember(&self, addresses: Vec<SocketAddr>) {
        *lock(&self.good) = addresses;
    }
}

/// Both families in turn; the last good addresses when the name does not resolve.
fn addresses(
    host: &str,
    found: io::Result<impl Iterator<Item = SocketAddr>>,
    good: Vec<SocketAddr>,
) -> io::Result<Vec<SocketAddr>> {
    match found {
        Ok(found) => Ok(in_turn(found)),
        Err(error) if good.is_empty() => {
            Err(io::Error::new(error.kind(), format!("the name {host} does not resolve: {error}")))
        }
        Err(error) => {
            tracing::debug!(%error, "the name does not resolve: the last good addresses are used");
            Ok(good)
        }
    }
}

/// The first address that answers, and all of them with that one in front.
async fn first(addresses: &[SocketAddr]) -> io::Result<(TcpStream, Vec<SocketAddr>)> {
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

    #[test]
    fn a_name_that_does_not_resolve_gives_way_to_the_last_good_addresses() {
        let good: Vec<SocketAddr> = vec!["192.0.2.1:443".parse().unwrap()];
        let other: SocketAddr = "192.0.2.9:443".parse().unwrap();
        let unresolved = || Err::<std::iter::Once<SocketAddr>, _>(io::Error::other("no such name"));
        assert_eq!(addresses("h", unresolved(), good.clone()).unwrap(), good);
        assert_eq!(addresses("h", Ok(std::iter::once(other)), good).unwrap(), [other]);
        let error = addresses("h.example", unresolved(), Vec::new()).unwrap_err().to_string();
        assert_eq!(error, "the name h.example does not resolve: no such name");
    }

    #[tokio::test]
    async fn what_answered_once_is_remembered() {
        let door = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hop = Hop::new("127.0.0.1".to_owned(), door.local_addr().unwrap().port());
        assert_eq!(hop.authority(), door.local_addr().unwrap().to_string());
        let (_, all) = hop.connect().await.unwrap();
        hop.remember(all);
        assert_eq!(*lock(&hop.good), [door.local_addr().unwrap()]);
        assert_eq!(Hop::new("::1".to_owned(), 1).authority(), "[::1]:1");
    }

    /// An address that takes no more connections, and those that fill its queue.
    async fn silent() -> (SocketAddr, Vec<TcpStream>, tokio::net::TcpListener) {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let door = socket.listen(1).unwrap();
        let (address, mut filling) = (door.local_addr().unwrap(), Vec::new());
        while let Ok(stream) = timeout(Duration::from_millis(50), TcpStream::connect(address)).await {
            filling.push(stream.unwrap());
        }
        (address, filling, door)
    }

    #[tokio::test]
    async fn an_address_that_is_silent_or_refuses_costs_a_pause_at_most() {
        let door = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = door.local_addr().unwrap();
        let refuses = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (silent, _filling, _door) = silent().await;
        let (_, all) = first(&[silent, refuses, good]).await.unwrap();
        assert_eq!(all, [good, silent, refuses], "the one that answers is in front next time");
        assert_eq!(first(&[refuses]).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert!(first(&[]).await.is_err());
    }
}
