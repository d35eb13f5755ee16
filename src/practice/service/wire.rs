//! What a faulty service does to its connection, below HTTP.

use std::io;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What a huge answer announces.
const HUGE: u64 = 10_000_000_000;

/// What is done to the connection in place of an answer.
#[derive(Clone, Debug)]
pub(super) enum Wire {
    /// Closed politely: `close_notify`, then FIN.
    Close,
    /// Reset.
    Reset,
    /// A few bytes of a head, then closed.
    PartialHead,
    /// A whole answer, then closed although nothing announced it.
    Whole(Bytes),
    /// An answer cut in the middle.
    Half(Bytes),
    /// An answer, one byte at a time, with that pause between two.
    Dribble(Bytes, Duration),
    /// A beginning, and then the same again and again.
    Endless(Endless),
}

/// What has no end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Endless {
    /// The body.
    Body,
    /// The head.
    Head,
    /// The announcements before the head.
    Interim,
    /// Nothing, strictly, but nobody wants that much.
    Huge,
}

/// Does it; ends when the connection is over.
pub(super) async fn act(wire: Wire, mut stream: TlsStream<TcpStream>) {
    let done = match wire {
        Wire::Close => Ok(()),
        Wire::Reset => {
            // with nothing lingering, the kernel sends RST in place of FIN when the socket is dropped
            let _ = stream.get_ref().0.set_zero_linger();
            return;
        }
        Wire::PartialHead => send(&mut stream, b"HTTP/1.1 200 O").await,
        Wire::Whole(body) => send(&mut stream, &whole(&body)).await,
        Wire::Half(body) => {
            let whole = whole(&body);
            let half = whole.get(..whole.len() - body.len() / 2).unwrap_or_default().to_vec();
            send(&mut stream, &half).await
        }
        Wire::Dribble(body, pause) => dribble(&mut stream, &whole(&body), pause).await,
        Wire::Endless(what) => endless(&mut stream, what).await,
    };
    if done.is_ok() {
        let _ = stream.shutdown().await;
        // until the other side has seen it: dropping a socket with unread bytes would reset it
        let mut rest = [0; 1_024];
        let _ = tokio::time::timeout(Duration::from_secs(1), async {
            while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
        })
        .await;
    }
}

fn whole(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-scalecam-practice: true\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

async fn send(stream: &mut TlsStream<TcpStream>, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

async fn dribble(stream: &mut TlsStream<TcpStream>, bytes: &[u8], pause: Duration) -> io::Result<()> {
    for byte in bytes {
        send(stream, &[*byte]).await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

async fn endless(stream: &mut TlsStream<TcpStream>, what: Endless) -> io::Result<()> {
    let status = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let (head, chunk) = match what {
        Endless::Body => (
            format!("{status}transfer-encoding: chunked\r\n\r\n"),
            [b"1000\r\n".as_slice(), &[b' '; 4_096], b"\r\n"].concat(),
        ),
        Endless::Head => (status.to_owned(), b"x-more: and more, and more, and more\r\n".repeat(64)),
        Endless::Interim => (String::new(), b"HTTP/1.1 100 Continue\r\n\r\n".repeat(64)),
        Endless::Huge => (format!("{status}content-length: {HUGE}\r\n\r\n"), vec![b' '; 16_384]),
    };
    stream.write_all(head.as_bytes()).await?;
    loop {
        send(stream, &chunk).await?;
    }
}
