//! A pseudo-terminal with the scale at one end: the host opens the other like any serial port.
//!
//! The scale keeps no handle on the host's end. So the kernel tells when no host is there, and what the
//! scale says meanwhile is lost as on a real cable, rather than kept for a later host as a stale weight.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, QueueSelector};

/// A pseudo-terminal could not be had. Each is a sentence a technician can act on.
#[derive(Debug, thiserror::Error)]
#[error("no pseudo-terminal for the practice scale: {doing}: {source} (is /dev/pts mounted, and not full?)")]
pub struct NoTerminal {
    doing: &'static str,
    #[source]
    source: Errno,
}

/// The scale's end of a pseudo-terminal. Dropping it pulls the cable: the host's end is gone.
#[derive(Debug)]
pub(super) struct Terminal {
    master: OwnedFd,
    path: PathBuf,
}

impl Terminal {
    /// Opens a pseudo-terminal whose host end hands bytes through as they are, also before a host sets it.
    pub(super) fn open() -> Result<Self, NoTerminal> {
        let failed = |doing: &'static str| move |source| NoTerminal { doing, source };
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = rustix::pty::openpt(flags).map_err(failed("opening /dev/ptmx"))?;
        rustix::pty::grantpt(&master).map_err(failed("granting it"))?;
        rustix::pty::unlockpt(&master).map_err(failed("unlocking it"))?;
        let name = rustix::pty::ptsname(&master, Vec::new()).map_err(failed("asking its name"))?;
        let path = PathBuf::from(std::ffi::OsString::from_vec(name.into_bytes()));
        rustix::io::ioctl_fionbio(&master, true).map_err(failed("making it non-blocking"))?;
        let terminal = Self { master, path };
        terminal.tidy().map_err(failed("making it raw"))?;
        Ok(terminal)
    }

    /// Where the host opens it: `/dev/pts/5`.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn end(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }

    /// Puts the host's end in order while nobody has it: raw, empty, open to all. A host that was killed
    /// leaves it locked against a second opener; then this fails with "busy" unless run by root.
    pub(super) fn tidy(&self) -> Result<(), Errno> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let host_end = rustix::fs::open(&self.path, flags, Mode::empty())?;
        rustix::termios::ioctl_tiocnxcl(&host_end)?;
        let mut settings = rustix::termios::tcgetattr(&host_end)?;
        settings.make_raw();
        rustix::termios::tcsetattr(&host_end, OptionalActions::Now, &settings)?;
        rustix::termios::tcflush(&host_end, QueueSelector::IOFlush)
    }

    /// Whether a host has its end open.
    pub(super) fn has_host(&self) -> bool {
        let mut ends = [PollFd::new(&self.master, PollFlags::IN)];
        let asked = poll(&mut ends, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }));
        let [end] = ends;
        asked.is_ok() && !end.revents().contains(PollFlags::HUP)
    }

    /// What the host sent, or nothing.
    pub(super) fn hear(&self) -> Vec<u8> {
        let mut buffer = [0; 256];
        // no host (EIO) and no bytes (EAGAIN) are the same here: the next look tells them apart
        let count = rustix::io::read(&self.master, &mut buffer).unwrap_or(0);
        buffer.get(..count).unwrap_or_default().to_vec()
    }

    /// Says it to the host. What does not fit because the host does not read is lost, as on a real line.
    pub(super) fn say(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match rustix::io::write(&self.master, bytes) {
                Ok(count) if count > 0 => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}
