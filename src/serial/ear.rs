//! A port for a short look at an unknown device: what it says by itself and to a harmless question.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::EventfdFlags;

use super::port::{OpenPort, Port, Trouble, Woken};
use crate::stamp::Clock;

/// More than half a minute of the quickest line that is looked at brings.
const MOST_BYTES: usize = 128 * 1024;

/// An open port that is listened to for a time.
#[derive(Debug)]
pub struct Ear {
    port: OpenPort,
    /// Nobody rings it.
    bell: OwnedFd,
    clock: Clock,
}

impl Ear {
    /// Opens the port.
    pub fn open(port: &Port, clock: Clock) -> Result<Self, Trouble> {
        let other =
            |errno: rustix::io::Errno| Trouble::Other { path: port.path.clone(), reason: errno.to_string() };
        let bell = rustix::event::eventfd(0, EventfdFlags::CLOEXEC).map_err(other)?;
        Ok(Self { port: OpenPort::open(port)?, bell, clock })
    }

    /// Opens a device that hands whole reports over.
    pub fn open_reports(path: &Path, clock: Clock) -> Result<Self, Trouble> {
        let other =
            |errno: rustix::io::Errno| Trouble::Other { path: path.to_owned(), reason: errno.to_string() };
        let bell = rustix::event::eventfd(0, EventfdFlags::CLOEXEC).map_err(other)?;
        Ok(Self { port: OpenPort::open_reports(path)?, bell, clock })
    }

    /// Says something.
    pub fn say(&self, bytes: &[u8]) -> Result<(), Trouble> {
        self.port.write_all(bytes)
    }

    /// What is heard within `limit`; ends earlier when something was heard and then nothing for `quiet`.
    pub fn listen(&self, limit: Duration, quiet: Duration) -> Result<Vec<u8>, Trouble> {
        let (mut heard, mut buffer) = (Vec::new(), [0_u8; 1024]);
        let end = self.clock.now() + limit;
        loop {
            let left = end.since(self.clock.now());
            let wait = if heard.is_empty() { left } else { left.min(quiet) };
            if left.is_zero() || heard.len() >= MOST_BYTES {
                return Ok(heard);
            }
            match self.port.wait(self.bell.as_fd(), wait)? {
                Woken::Readable => heard.extend_from_slice(self.port.read(&mut buffer)?),
                Woken::Timeout if !heard.is_empty() => return Ok(heard),
                Woken::Timeout | Woken::Rung => {}
            }
        }
    }
}
