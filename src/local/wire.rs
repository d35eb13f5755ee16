//! The bytes of one connection: an answer that nobody fetches ends it, and what the HTTP engine answers by itself says
//! what was wrong in a body, too.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::problem::Problem;

/// Whoever reads nothing for so long is gone or stuck.
const STALLED: Duration = Duration::from_secs(10);

/// A connection's stream. `too_slow` is set when it ends because a request's head took too long.
pub(super) struct Wire<S: AsyncWrite + Unpin> {
    stream: S,
    too_slow: Arc<AtomicBool>,
    /// Bytes of a request have come since the last answer began.
    begun: bool,
    /// What is written in place of the engine's own bare answer.
    instead: Vec<u8>,
    stalled: Pin<Box<Sleep>>,
    waits: bool,
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(stream: S, too_slow: Arc<AtomicBool>) -> Self {
        Self {
            stream,
            too_slow,
            begun: false,
            instead: Vec::new(),
            stalled: Box::pin(sleep(STALLED)),
            waits: false,
        }
    }

    /// Writes, and fails when nothing could be written for too long.
    fn write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(context, bytes) {
            self.waits = false;
            return Poll::Ready(written);
        }
        if !self.waits {
            self.waits = true;
            self.stalled.as_mut().reset(Instant::now() + STALLED);
        }
        ready!(self.stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn write_instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.instead.is_empty() {
            let bytes = std::mem::take(&mut self.instead);
            let written = self.write(context, &bytes);
            self.instead = bytes;
            let written = ready!(written)?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.instead.drain(..written.min(self.instead.len()));
        }
        Poll::Ready(Ok(()))
    }
}

/// What to say in place of the engine's answer to a request that never became one. Every answer of ours has a
/// type, the engine's has none.
fn in_place_of(answer: &[u8]) -> Option<Vec<u8>> {
    let status = StatusCode::from_bytes(answer.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?;
    if answer.windows(b"content-type:".len()).any(|part| part == b"content-type:") {
        return None;
    }
    let problem = match status {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            Problem::new(status, "too_large", "the request's head may take 8 kB and 100 headers")
        }
        StatusCode::URI_TOO_LONG => Problem::new(status, "too_large", "the path is too long"),
        StatusCode::BAD_REQUEST => Problem::malformed("this is no HTTP/1.1 request"),
        _ => return None,
    };
    Some(whole(&problem))
}

/// A whole answer after which the connection ends.
pub(super) fn whole(problem: &Problem) -> Vec<u8> {
    let (status, body) = (problem.status, problem.json());
    let reason = status.canonical_reason().unwrap_or_default();
    let length = body.len();
    format!(
        "HTTP/1.1 {} {reason}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\ncache-control: no-store\r\n\
         x-content-type-options: nosniff\r\nconnection: close\r\n\r\n{body}",
        status.as_u16(),
    )
    .into_bytes()
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.begun |= buffer.filled().len() > before;
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.write_instead(context))?;
        self.begun &= !bytes.starts_with(b"HTTP/1.1 ");
        if let Some(instead) = in_place_of(bytes) {
            self.instead = instead;
            return Poll::Ready(Ok(bytes.len()));
        }
        self.write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_instead(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_instead(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncWrite + Unpin> Drop for Wire<S> {
    /// A request that never ended is told why the connection does. Its engine has given it up without a word.
    fn drop(&mut self) {
        if self.begun && self.too_slow.load(Ordering::Acquire) {
            let late = Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "too_slow",
                "a request's head must be there within 5 s; send it again, all at once",
            );
            let mut context = Context::from_waker(std::task::Waker::noop());
            // whoever is gone does not hear it
            let _ = Pin::new(&mut self.stream).poll_write(&mut context, &whole(&late));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_ends_the_connection() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let mut wire = Wire::new(ours, Arc::default());
        let began = Instant::now();
        let error = wire.write_all(&[b'x'; 64]).await.unwrap_err();
        assert_eq!((error.kind(), began.elapsed()), (io::ErrorKind::TimedOut, STALLED));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_that_reads_on_is_served() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let reading = async {
            let mut byte = [0; 8];
            for _ in 0..8 {
                tokio::time::advance(STALLED.saturating_sub(Duration::from_millis(1))).await;
                theirs.read_exact(&mut byte).await.unwrap();
            }
        };
        let mut wire = Wire::new(ours, Arc::default());
        let (written, ()) = tokio::join!(wire.write_all(&[b'x'; 64]), reading);
        assert!(written.is_ok());
    }
}
