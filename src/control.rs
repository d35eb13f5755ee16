//! The way from `scalecam trigger` to the running agent: an abstract Unix socket named after the settings' file.
//!
//! An abstract name needs no folder, leaves nothing behind after a crash, and can be bound once: a second agent
//! with the same settings is thereby refused. The kernel tells who is on the other side; only the superuser
//! and the agent's own user may trigger.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::debug;

use crate::lane::Ask;

/// A request is one word and a line's end.
const TRIGGER: &[u8] = b"trigger\n";
/// Longer than any weighing: the longest deadline is a minute.
const ANSWER_LIMIT: Duration = Duration::from_secs(65);
/// An outcome line is a few kilobytes.
const MOST_ANSWER: u64 = 1 << 20;
/// Who connects says what it wants within this.
const REQUEST_LIMIT: Duration = Duration::from_secs(2);

/// Why the agent could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum NoAgent {
    /// Nothing listens.
    #[error("no agent is running with the settings {0}; start it, or name its settings with --config")]
    NotRunning(String),
    /// The agent listens and does not serve this user.
    #[error("the agent did not answer; only the superuser and the agent's own user may trigger a weighing")]
    Refused,
    /// The socket failed.
    #[error("the agent could not be asked: {0}")]
    Io(#[from] io::Error),
}

/// The agent's end.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
}

impl Control {
    /// Takes the name that belongs to a settings' file. Fails with `AddrInUse` when another agent has it.
    pub fn bind(settings: &Path) -> io::Result<Self> {
        Ok(Self { listener: UnixListener::bind(name(settings))? })
    }

    /// Serves hand triggers for as long as it is polled.
    pub async fn serve(&self, asks: mpsc::Sender<Ask>) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let asks = asks.clone();
                    tokio::spawn(async move {
                        if let Err(error) = answer(stream, asks).await {
                            debug!(%error, "a hand trigger was not answered");
                        }
                    });
                }
                // Out of descriptors, most likely: let others finish first.
                Err(error) => {
                    debug!(%error, "the control socket");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn answer(mut stream: UnixStream, asks: mpsc::Sender<Ask>) -> io::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    let peer = stream.peer_cred()?.uid();
    if peer != 0 && peer != own {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut request = [0_u8; TRIGGER.len()];
    timeout(REQUEST_LIMIT, stream.read_exact(&mut request)).await??;
    if request != TRIGGER {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let (reply, outcome) = oneshot::channel();
    let asked = asks.try_send(Ask { reply: Some(reply) });
    let line = match (asked, outcome.await) {
        (Ok(()), Ok(outcome)) => outcome.json(),
        (Ok(()) | Err(_), _) => {
            r#"{"result":"failed","error":{"kind":"busy","message":"too many weighings are under way; try again"}}"#
                .to_owned()
        }
    };
    stream.write_all(line.as_bytes()).await?;
    stream.write_all(b"\n").await
}

/// Asks the running agent for one weighing now; gives its outcome line.
pub async fn trigger(settings: &Path) -> Result<String, NoAgent> {
    let connected = UnixStream::connect(name(settings)).await;
    if connected.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        return Err(NoAgent::NotRunning(settings.display().to_string()));
    }
    let mut stream = connected?;
    stream.write_all(TRIGGER).await?;
    let mut line = String::new();
    let mut answer = stream.take(MOST_ANSWER);
    timeout(ANSWER_LIMIT, answer.read_to_string(&mut line)).await.map_err(io::Error::from)??;
    if line.is_empty() { Err(NoAgent::Refused) } else { Ok(line.trim_end().to_owned()) }
}

/// The abstract name: a NUL, then the hash of the settings' real path, since a name holds 107 bytes only.
fn name(settings: &Path) -> String {
    let real = settings.canonicalize().unwrap_or_else(|_| settings.to_owned());
    format!("\0scalecam-{:016x}", fnv1a(real.as_os_str().as_encoded_bytes()))
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): the same in every version of the program.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
