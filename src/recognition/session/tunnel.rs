//! The way through an HTTP proxy: CONNECT (RFC 9110, 9.3.6). Nothing but the service's name and the proxy's own
//! password is said to it; the key travels inside the tunnel.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::recognition::answer::readable;
use crate::recognition::identity::ProxyUser;

/// No proxy's answer has a longer head.
const HEAD_BYTES: usize = 8 * 1024;

/// The proxy does not open a way.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(super) struct Closed {
    pub(super) why: String,
}

/// Asks the proxy at the other end of `stream` for a way to `target`, host and port.
pub(super) async fn open<S>(stream: &mut S, target: &str, user: Option<&ProxyUser>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let agent = concat!("scalecam/", env!("CARGO_PKG_VERSION"));
    let proof = user.map(|user| format!("proxy-authorization: {}\r\n", user.basic())).unwrap_or_default();
    let request =
        format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\nuser-agent: {agent}\r\n{proof}\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    // byte by byte, so that nothing of what comes behind the head is taken; it happens once per connection
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == HEAD_BYTES {
            return Err(closed("its answer has no end".to_owned()));
        }
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(closed("it hangs up without an answer".to_owned()));
            }
            Err(error) => return Err(error),
        }
    }
    read(&head, user.is_some())
}

fn closed(why: String) -> io::Error {
    io::Error::other(Closed { why })
}

/// What the head of its answer says.
fn read(head: &[u8], with_user: bool) -> io::Result<()> {
    let text = String::from_utf8_lossy(head);
    let line = text.lines().next().unwrap_or_default();
    let mut words = line.splitn(3, ' ');
    let version = words.next().unwrap_or_default();
    let status = words.next().unwrap_or_default();
    if !version.starts_with("HTTP/1.") {
        return Err(closed(format!("it answers {:?}, which is not HTTP", readable(line))));
    }
    let said = || readable(line.strip_prefix(version).unwrap_or(line));
    Err(closed(match status {
        "200" => return Ok(()),
        "407" if with_user => {
            format!(
                "it does not accept the user name and password ({}); check recognition.proxy_credentials_file",
                said()
            )
        }
        "407" => {
            format!("it wants a user name and password ({}): set recognition.proxy_credentials_file", said())
        }
        _ => format!("it answers {}", said()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_answer_ends_where_the_tunnel_begins() {
        let (mut near, mut far) = tokio::io::duplex(1_024);
        far.write_all(b"HTTP/1.0 200 Connection established\r\nx: y\r\n\r\nTLS").await.unwrap();
        open(&mut near, "h.example:443", None).await.unwrap();
        let mut rest = [0; 3];
        near.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"TLS");
        let mut asked = vec![0; 1_024];
        let count = far.read(&mut asked).await.unwrap();
        let asked = str::from_utf8(&asked[..count]).unwrap();
        assert!(asked.starts_with("CONNECT h.example:443 HTTP/1.1\r\nhost: h.example:443\r\n"), "{asked}");
        assert!(!asked.contains("authorization") && asked.ends_with("\r\n\r\n"));
    }

    #[tokio::test]
    async fn a_proxy_that_refuses_or_talks_nonsense_is_said() {
        for (answer, said) in [
            (&b"HTTP/1.1 407 Who are you\r\n\r\n"[..], "set recognition.proxy_credentials_file"),
            (b"HTTP/1.1 403 Not\x07allowed\r\n\r\n", "it answers 403 Not allowed"),
            (b"HTTP/1.1 2000 OK\r\n\r\n", "it answers 2000 OK"),
            (b"SSH-2.0-x\r\n\r\n", "not HTTP"),
            (b"HTTP/1.1 200 OK\r\n", "hangs up"),
            (b"", "hangs up"),
            (&[b'x'; 9_000], "no end"),
        ] {
            let (mut near, mut far) = tokio::io::duplex(16_384);
            far.write_all(answer).await.unwrap();
            far.shutdown().await.unwrap();
            let error = open(&mut near, "h:1", None).await.unwrap_err();
            assert!(error.to_string().contains(said), "{said}: {error}");
        }
    }
}
