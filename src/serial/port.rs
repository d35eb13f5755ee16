//! One open serial port.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serialport::{DataBits, Parity, SerialPort, StopBits};

use crate::kernel;
use crate::scale::{Framing, Line};

/// How long a write may wait for room. A scale takes a request of a few bytes at once; what takes longer is
/// a line held by flow control.
const WRITE_LIMIT: Duration = Duration::from_millis(500);

/// The length of a scale's report, and from one to the next (DYMO, about ten a second).
const REPORT: usize = 6;
const REPORT_PACE: Duration = Duration::from_millis(100);

/// Which port, and how the line is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The device, by a name that survives a replug: `/dev/serial/by-id/…`.
    pub path: PathBuf,
    /// Speed and framing.
    pub line: Line,
}

/// Why a port cannot be used. Each sentence names the device and says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// There is no such device.
    #[error("serial port {path}: there is no such device; plug the adapter in, or correct the path")]
    Missing {
        /// The device.
        path: PathBuf,
    },
    /// Somebody else has it.
    #[error("serial port {path}: in use by {holders}; stop that program, only one can talk to a scale")]
    Busy {
        /// The device.
        path: PathBuf,
        /// Who has it, with process number.
        holders: String,
    },
    /// The user may not open it.
    #[error("serial port {path}: permission denied; add the user of this program to the group dialout")]
    Denied {
        /// The device.
        path: PathBuf,
    },
    /// The user may not open a device that is no serial port.
    #[error(
        "scale {path}: permission denied; give the user of this program the device by a udev rule for hidraw"
    )]
    DeniedReports {
        /// The device.
        path: PathBuf,
    },
    /// The path is no serial port.
    #[error("serial port {path}: this is not a serial port")]
    NotSerial {
        /// The device.
        path: PathBuf,
    },
    /// The device went away while it was open.
    #[error("serial port {path}: the device is gone; plug the adapter in again")]
    Gone {
        /// The device.
        path: PathBuf,
    },
    /// The line does not take bytes.
    #[error("serial port {path}: the line took no bytes for {} ms; check cable and flow control", WRITE_LIMIT.as_millis())]
    Stuck {
        /// The device.
        path: PathBuf,
    },
    /// Anything else the kernel said.
    #[error("serial port {path}: {reason}")]
    Other {
        /// The device.
        path: PathBuf,
        /// What the kernel said.
        reason: String,
    },
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    /// Bytes can be read.
    Readable,
    /// Somebody rang.
    Rung,
    /// The time is over.
    Timeout,
}

/// A port that is open, exclusively. Dropping it closes it at once.
#[derive(Debug)]
pub struct OpenPort {
    fd: OwnedFd,
    path: PathBuf,
    /// A file of captured reports, which are handed over one by one.
    captured: bool,
}

impl OpenPort {
    /// Opens the port exclusively (`TIOCEXCL` and `flock`), raises DTR and RTS, and throws away what was
    /// received under the old line settings.
    pub fn open(port: &Port) -> Result<Self, Trouble> {
        let path = &port.path;
        let (data, parity, stop) = framing(port.line.framing);
        let opened = serialport::new(path.to_string_lossy(), port.line.baud)
            .data_bits(data)
            .parity(parity)
            .stop_bits(stop)
            .dtr_on_open(true)
            .open_native();
        let mut tty = opened.map_err(|error| refused(path, &error))?;
        // A pseudo-terminal has no such line; a scale that needs it has.
        let _ = tty.write_request_to_send(true);
        let fd = kernel::take_fd(tty);
        let nonblocking = rustix::fs::fcntl_setfl(&fd, OFlags::NONBLOCK);
        let flushed = rustix::termios::tcflush(&fd, rustix::termios::QueueSelector::IFlush);
        nonblocking.and(flushed).map_err(|errno| lost(path, errno))?;
        // Only some drivers have the switch; the others are quick already.
        let _ = kernel::low_latency(fd.as_fd());
        Ok(Self { fd, path: path.clone(), captured: false })
    }

    /// Opens a device that hands whole reports over, such as `/dev/hidraw0`. It has no line to set and nothing is
    /// written to it.
    pub(super) fn open_reports(path: &Path) -> Result<Self, Trouble> {
        let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let owned = path.to_owned();
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT | Errno::NXIO | Errno::NODEV => Trouble::Missing { path: owned },
            Errno::ACCESS | Errno::PERM => Trouble::DeniedReports { path: owned },
            errno => Trouble::Other { path: owned, reason: io::Error::from(errno).to_string() },
        })?;
        let kind = rustix::fs::fstat(&fd).map(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode));
        let captured = kind == Ok(rustix::fs::FileType::RegularFile);
        Ok(Self { fd, path: path.to_owned(), captured })
    }

    /// Waits for bytes, for the bell, or for so long.
    pub(super) fn wait(&self, bell: BorrowedFd<'_>, limit: Duration) -> Result<Woken, Trouble> {
        if self.captured {
            return self.wait_for_the_next(bell, limit);
        }
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN), PollFd::from_borrowed_fd(bell, PollFlags::IN)];
        let limit = Timespec::try_from(limit).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        match rustix::event::poll(&mut fds, Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(lost(&self.path, errno)),
        }
        let [port, bell] = fds.map(|fd| fd.revents());
        if !port.is_empty() {
            return Ok(Woken::Readable);
        }
        Ok(if bell.is_empty() { Woken::Timeout } else { Woken::Rung })
    }

    /// A file is always readable: its reports come at the pace of a scale.
    fn wait_for_the_next(&self, bell: BorrowedFd<'_>, limit: Duration) -> Result<Woken, Trouble> {
        let mut fds = [PollFd::from_borrowed_fd(bell, PollFlags::IN)];
        let paced = limit.min(REPORT_PACE);
        let limit = Timespec::try_from(paced).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        match rustix::event::poll(&mut fds, Some(&limit)) {
            Ok(0) if paced == REPORT_PACE => Ok(Woken::Readable),
            Ok(0) | Err(Errno::INTR) => Ok(Woken::Timeout),
            Ok(_) => Ok(Woken::Rung),
            Err(errno) => Err(lost(&self.path, errno)),
        }
    }

    /// Reads what is there, at least one byte if [`Woken::Readable`]; nothing where that was a false alarm.
    pub(super) fn read<'a>(&self, buffer: &'a mut [u8]) -> Result<&'a [u8], Trouble> {
        let most = if self.captured { REPORT } else { buffer.len() };
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        match rustix::io::read(&self.fd, &mut *buffer) {
            // What is written to the file later is read then.
            Ok(0) if self.captured => Ok(&[]),
            // Readable and empty: the adapter was unplugged.
            Ok(0) => Err(Trouble::Gone { path: self.path.clone() }),
            Ok(count) => Ok(buffer.get(..count).unwrap_or_default()),
            Err(Errno::AGAIN | Errno::INTR) => Ok(&[]),
            Err(errno) => Err(lost(&self.path, errno)),
        }
    }

    /// Writes all the bytes; a line that takes none for half a second is stuck.
    pub fn write_all(&self, mut bytes: &[u8]) -> Result<(), Trouble> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.fd, bytes) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait_for_room()?,
                Err(errno) => return Err(lost(&self.path, errno)),
            }
        }
        Ok(())
    }

    fn wait_for_room(&self) -> Result<(), Trouble> {
        let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
        let limit = Timespec::try_from(WRITE_LIMIT).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        match rustix::event::poll(&mut fds, Some(&limit)) {
            Ok(0) => Err(Trouble::Stuck { path: self.path.clone() }),
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(lost(&self.path, errno)),
        }
    }
}

impl Drop for OpenPort {
    fn drop(&mut self) {
        // A pseudo-terminal stays exclusive while anybody holds it, so the lock is taken back by hand.
        let _ = rustix::termios::ioctl_tiocnxcl(&self.fd);
    }
}

fn framing(framing: Framing) -> (DataBits, Parity, StopBits) {
    match framing {
        Framing::SevenEvenOne => (DataBits::Seven, Parity::Even, StopBits::One),
        Framing::SevenOddOne => (DataBits::Seven, Parity::Odd, StopBits::One),
        Framing::SevenEvenTwo => (DataBits::Seven, Parity::Even, StopBits::Two),
        Framing::SevenNoneTwo => (DataBits::Seven, Parity::None, StopBits::Two),
        Framing::EightNoneOne => (DataBits::Eight, Parity::None, StopBits::One),
        Framing::EightNoneTwo => (DataBits::Eight, Parity::None, StopBits::Two),
        Framing::EightEvenOne => (DataBits::Eight, Parity::Even, StopBits::One),
        Framing::EightOddOne => (DataBits::Eight, Parity::Odd, StopBits::One),
    }
}

/// Turns a failed opening into the sentence that helps. The library's own words lose the cause, so the file
/// system and the list of open files are asked.
fn refused(path: &Path, error: &serialport::Error) -> Trouble {
    let path = path.to_owned();
    match std::fs::metadata(&path) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Trouble::Missing { path },
        Err(denied) if denied.kind() == io::ErrorKind::PermissionDenied => return Trouble::Denied { path },
        Ok(_) | Err(_) => {}
    }
    let holders = kernel::holders_of(&path);
    if !holders.is_empty() {
        let names: Vec<_> = holders.iter().map(ToString::to_string).collect();
        return Trouble::Busy { path, holders: names.join(", ") };
    }
    match error.kind() {
        serialport::ErrorKind::Io(io::ErrorKind::PermissionDenied) => Trouble::Denied { path },
        serialport::ErrorKind::NoDevice if is_busy(error) => {
            Trouble::Busy { path, holders: "a program of another user".to_owned() }
        }
        serialport::ErrorKind::Io(_) | serialport::ErrorKind::Unknown if is_not_a_tty(error) => {
            Trouble::NotSerial { path }
        }
        serialport::ErrorKind::NoDevice
        | serialport::ErrorKind::InvalidInput
        | serialport::ErrorKind::Unknown
        | serialport::ErrorKind::Io(_) => Trouble::Other { path, reason: error.description.clone() },
    }
}

fn is_busy(error: &serialport::Error) -> bool {
    let text = error.description.to_ascii_lowercase();
    text.contains("busy") || text.contains("ebusy") || text.contains("lock")
}

fn is_not_a_tty(error: &serialport::Error) -> bool {
    let text = error.description.to_ascii_lowercase();
    text.contains("typewriter") || text.contains("inappropriate ioctl") || text.contains("enotty")
}

fn lost(path: &Path, errno: Errno) -> Trouble {
    let path = path.to_owned();
    match errno {
        Errno::IO | Errno::NODEV | Errno::NXIO | Errno::PIPE => Trouble::Gone { path },
        errno => Trouble::Other { path, reason: io::Error::from(errno).to_string() },
    }
}
