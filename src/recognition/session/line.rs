//! One connection: what is sent over it, what comes back, and what the kernel knows of it.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::HeaderMap;
use hyper::{Request, Response, StatusCode};
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::meter::Meter;
use super::policy::LineView;
use super::watchdog;
use crate::kernel::{self, TcpInfo};
use crate::recognition::fault;

/// How long a connection that is let go may take to say good-bye.
const GOODBYE: Duration = Duration::from_secs(1);

/// One open connection. Dropping it closes it politely, [`Line::abandon`] resets it.
#[derive(Debug)]
pub(super) struct Line {
    /// Counts the connections of this process.
    pub(super) id: u64,
    pub(super) resumed: bool,
    pub(super) view: LineView,
    sender: Sender,
    meter: Arc<Meter>,
    socket: OwnedFd,
    driver: AbortHandle,
    /// What ended it, once it is over.
    end: Arc<OnceLock<String>>,
    /// Dropped with the line: the driver then ends by itself.
    _until: oneshot::Sender<()>,
}

#[derive(Debug)]
enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// What a new connection is made of.
pub(super) struct Parts<C> {
    pub(super) id: u64,
    pub(super) resumed: bool,
    pub(super) chance: f64,
    pub(super) meter: Arc<Meter>,
    pub(super) socket: OwnedFd,
    pub(super) driver: C,
    /// Told when the connection is over.
    pub(super) ended: Arc<Notify>,
}

/// An answer, read to its end or up to what is too much.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Result<Bytes, Unread>,
}

/// Why a body was not read to its end.
#[derive(Debug)]
pub(super) enum Unread {
    TooLong,
    Broken(String),
}

/// No answer came over this connection.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) why: String,
    /// Some of the request never left this machine: the service cannot have it whole.
    pub(super) incomplete: bool,
    /// Something of an answer had come.
    pub(super) answered: bool,
}

impl Line {
    pub(super) fn over_http1<C>(sender: http1::SendRequest<Full<Bytes>>, parts: Parts<C>) -> Self
    where
        C: Future<Output = hyper::Result<()>> + Send + 'static,
    {
        Self::new(Sender::One(sender), parts)
    }

    pub(super) fn over_http2<C>(sender: http2::SendRequest<Full<Bytes>>, parts: Parts<C>) -> Self
    where
        C: Future<Output = hyper::Result<()>> + Send + 'static,
    {
        Self::new(Sender::Two(sender), parts)
    }

    fn new<C>(sender: Sender, parts: Parts<C>) -> Self
    where
        C: Future<Output = hyper::Result<()>> + Send + 'static,
    {
        let now = Instant::now();
        let (until, over) = oneshot::channel();
        let end = Arc::new(OnceLock::new());
        let driving = drive(parts.driver, over, Arc::clone(&end), parts.ended);
        let driver = tokio::spawn(driving).abort_handle();
        let view = LineView { opened: now, heard: now, requests: 0, chance: parts.chance };
        Self {
            id: parts.id,
            resumed: parts.resumed,
            view,
            sender,
            meter: parts.meter,
            socket: parts.socket,
            driver,
            end,
            _until: until,
        }
    }

    /// The protocol's name as the outcome line writes it.
    pub(super) const fn protocol(&self) -> &'static str {
        match self.sender {
            Sender::One(_) => "http/1.1",
            Sender::Two(_) => "h2",
        }
    }

    pub(super) fn is_http2(&self) -> bool {
        matches!(self.sender, Sender::Two(_))
    }

    /// Whether the other side has ended it.
    pub(super) fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::One(sender) => sender.is_closed(),
            Sender::Two(sender) => sender.is_closed(),
        }
    }

    /// Why the other side has ended it, as far as it said so.
    pub(super) fn end(&self) -> &str {
        self.end.get().map_or("it was closed", String::as_str)
    }

    /// What the kernel knows of it; all zero when it does not say.
    pub(super) fn info(&self) -> TcpInfo {
        kernel::tcp_info(&self.socket).unwrap_or_default()
    }

    /// How quickly the last request got through at its quickest, in bytes a second. Once segments are lost the
    /// kernel's own figure falls far below what the line carries.
    pub(super) fn quickest(&self) -> u64 {
        self.meter.quickest().max(self.info().delivery_rate)
    }

    /// Sends no quicker than that many bytes a second.
    pub(super) fn limit_pace(&self, bytes_a_second: u32) {
        // a kernel that cannot pace sends as it always did
        let _ = kernel::limit_pace(self.socket.as_fd(), bytes_a_second);
    }

    /// Resets the connection: nothing that is still in this machine's buffers is sent.
    pub(super) fn abandon(self) {
        let _ = rustix::net::sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO));
        self.driver.abort();
    }

    /// Sends a request and reads its answer, `most` bytes of body at most. Ends by itself only when the answer
    /// is there or the line is dead; how long that may take is the caller's affair.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        most: usize,
    ) -> Result<Reply, Lost> {
        let body_bytes = request.body().size_hint().exact().unwrap_or(0);
        self.meter.begin();
        let sending = async {
            match &mut self.sender {
                Sender::One(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                Sender::Two(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
            }
        };
        let sent = tokio::select! {
            biased;
            sent = sending => sent.map_err(|error| fault::innermost(&error)),
            stalled = watchdog::watch(&self.socket, &self.meter) => Err(stalled),
        };
        let reply = match sent {
            Ok(response) => read(response, most).await,
            Err(why) => return Err(self.lost(why, body_bytes)),
        };
        self.view.heard = Instant::now();
        Ok(reply)
    }

    fn lost(&self, why: String, body_bytes: u64) -> Lost {
        let unsent = kernel::tcp_info(&self.socket).is_ok_and(|info| info.unsent_bytes > 0);
        let incomplete = unsent || self.meter.written() < body_bytes;
        Lost { why, incomplete, answered: self.meter.read() > 0 }
    }
}

async fn drive<C>(driver: C, over: oneshot::Receiver<()>, end: Arc<OnceLock<String>>, ended: Arc<Notify>)
where
    C: Future<Output = hyper::Result<()>>,
{
    tokio::pin!(driver);
    tokio::select! {
        ended = &mut driver => if let Err(error) = ended {
            // only the first word counts
            let _ = end.set(fault::innermost(&error));
        },
        _ = over => {
            let _ = tokio::time::timeout(GOODBYE, driver).await;
        }
    }
    ended.notify_one();
}

async fn read(response: Response<Incoming>, most: usize) -> Reply {
    let (head, mut body) = response.into_parts();
    let mut bytes = BytesMut::new();
    let announced = body.size_hint().lower();
    let mut unread =
        usize::try_from(announced).map_or(true, |announced| announced > most).then_some(Unread::TooLong);
    while unread.is_none()
        && let Some(frame) = body.frame().await
    {
        match frame.map(|frame| frame.into_data().unwrap_or_default()) {
            Ok(data) if bytes.len() + data.len() > most => unread = Some(Unread::TooLong),
            Ok(data) => bytes.extend_from_slice(&data),
            Err(error) => unread = Some(Unread::Broken(fault::innermost(&error))),
        }
    }
    let body = unread.map_or_else(|| Ok(bytes.freeze()), Err);
    Reply { status: head.status, headers: head.headers, body }
}
