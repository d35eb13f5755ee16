//! Listens, and holds every limit on a connection.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::StatusCode;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tracing::{debug, info};

use super::events::{Hub, closing};
use super::guard::Names;
use super::metrics::Meters;
use super::problem::Problem;
use super::token::Token;
use super::wire::{self, Wire};
use super::{CannotOpen, Settings, Sight};
use crate::lane::Ask;
use crate::recognition::reports::Outbox;

/// Connections of one door at the same time.
const CONNECTIONS: usize = 16;
/// Readers of events among them, so that they leave room for reports.
const READERS: usize = 8;
/// A request's head must have come within this. It is also how long an idle connection is kept.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// A request's head may take so many bytes; no buffer is larger.
const MOST_HEAD: usize = 8 * 1024;
/// Connections that the kernel holds while all places are taken.
const WAITING: u32 = 16;
/// How long a connection for which there is no room has to take its answer.
const FAREWELL: Duration = Duration::from_millis(500);
/// Owner and group may connect.
const SOCKET_MODE: u32 = 0o660;

/// What all doors share.
#[derive(Debug)]
pub(super) struct House {
    pub(super) hub: Arc<Hub>,
    pub(super) meters: Arc<Meters>,
    pub(super) sight: Sight,
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) outbox: Option<Arc<Outbox>>,
    pub(super) token: Token,
    /// Whether reading takes the token, too.
    pub(super) always_token: bool,
    pub(super) stopped: watch::Receiver<bool>,
}

/// What the requests of one door see.
#[derive(Debug)]
pub(super) struct Doorway {
    pub(super) house: Arc<House>,
    pub(super) names: Names,
    pub(super) readers: Arc<Semaphore>,
}

/// Something that listens.
#[derive(Debug)]
pub(super) struct Door {
    listener: Listener,
    names: Names,
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Door {
    /// Opens everything that the settings name.
    pub(super) fn open_all(settings: &Settings) -> Result<Vec<Self>, CannotOpen> {
        let mut doors = Vec::new();
        let cannot = |place: String, error: &io::Error| CannotOpen::Listen { place, why: error.to_string() };
        for &address in &settings.listen {
            let listener = listen(address).map_err(|error| cannot(address.to_string(), &error))?;
            let own = listener.local_addr().map_err(|error| cannot(address.to_string(), &error))?;
            info!("the local interface listens on http://{own}");
            let names = Names { port: Some(own.port()), bare: bare(own), whole: settings.hosts.clone() };
            doors.push(Self { listener: Listener::Tcp(listener), names });
        }
        if let Some(path) = &settings.socket {
            let listener = socket(path).map_err(|error| cannot(path.display().to_string(), &error))?;
            info!("the local interface listens on {}", path.display());
            let names =
                Names { port: None, bare: vec!["localhost".to_owned()], whole: settings.hosts.clone() };
            doors.push(Self { listener: Listener::Unix(listener, path.clone()), names });
        }
        Ok(doors)
    }

    /// Serves until the interface closes, and then until the requests in hand are answered.
    pub(super) async fn serve(self, house: Arc<House>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut stop = house.stopped.clone();
        let readers = Arc::new(Semaphore::new(READERS));
        let doorway = Arc::new(Doorway { house, names: self.names.clone(), readers });
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = closing(&mut stop) => break,
                Some(_) = connections.join_next() => continue,
                accepted = self.accept() => accepted,
            };
            let stream = match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    // out of descriptors, most likely: let others finish first
                    debug!(%error, "the local interface");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => {
                    connections.spawn(serve(stream, Arc::clone(&doorway), place));
                }
                Err(_) => turn_away(stream, &doorway.house.meters).await,
            }
        }
        // whoever comes now is refused and not kept waiting
        drop(self);
        while connections.join_next().await.is_some() {}
    }

    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match &self.listener {
            Listener::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            Listener::Unix(listener, _) => Ok(Box::new(listener.accept().await?.0)),
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        if let Listener::Unix(_, path) = &self.listener {
            // whoever cleaned up before did no harm
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A connection of either kind.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // connections of the agent before, which the kernel still remembers, are no reason to fail
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// The names that an address goes by.
fn bare(own: SocketAddr) -> Vec<String> {
    let address = if own.is_ipv6() { format!("[{}]", own.ip()) } else { own.ip().to_string() };
    let mut names = ["127.0.0.1", "[::1]", "localhost"].map(ToOwned::to_owned).to_vec();
    if !names.contains(&address) && !own.ip().is_unspecified() {
        names.push(address);
    }
    names
}

/// Takes the path for a socket; one that an agent before left there is replaced, anything else is not.
fn socket(path: &Path) -> io::Result<UnixListener> {
    if std::fs::symlink_metadata(path).is_ok_and(|about| about.file_type().is_socket()) {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another program listens there"));
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(SOCKET_MODE))?;
    Ok(listener)
}

async fn serve(stream: Box<dyn Stream>, doorway: Arc<Doorway>, place: OwnedSemaphorePermit) {
    let too_slow = Arc::new(AtomicBool::new(false));
    let mut stop = doorway.house.stopped.clone();
    let service = TowerToHyperService::new(super::routes::router(doorway));
    let wire = TokioIo::new(Wire::new(stream, Arc::clone(&too_slow)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(MOST_HEAD)
        .serve_connection(wire, service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.as_mut().await
        }
    };
    if let Err(error) = ended {
        too_slow.store(error.is_timeout(), Ordering::Release);
        debug!(%error, "a connection to the local interface");
    }
    drop(place);
}

/// Says that there is no room, without reading anything.
async fn turn_away(mut stream: Box<dyn Stream>, meters: &Meters) {
    meters.turned_away();
    let full = Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "full",
        "too many connections; close those that are not needed",
    );
    let answer = wire::whole(&full.later(1));
    // a few hundred bytes fit into the kernel's buffer: this waits for nobody
    let _ = tokio::time::timeout(FAREWELL, stream.write_all(&answer)).await;
}
