//! TCP's own account of a connection, and the pace at which it may send.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

/// Enough for every field that is read here; newer kernels have more, older ones leave the rest out.
const INFO_BYTES: usize = 256;

/// What the kernel knows about a connection: some of `struct tcp_info` of `linux/tcp.h`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpInfo {
    /// The smoothed round trip.
    pub round_trip: Duration,
    /// How many segments may be under way without acknowledgement.
    pub window: u32,
    /// Segments under way without acknowledgement.
    pub unacknowledged: u32,
    /// Segments that were sent again, since the connection was made.
    pub resent: u32,
    /// Bytes that the other side has acknowledged, since the connection was made.
    pub acknowledged_bytes: u64,
    /// Bytes that wait in this machine and were never sent.
    pub unsent_bytes: u32,
    /// How quickly the last bytes got through, in bytes a second.
    pub delivery_rate: u64,
}

/// Asks for the account of a connection.
///
/// # Errors
/// The kernel's answer when the descriptor is no TCP socket, and `Unsupported` when the kernel is older than
/// 4.9 and counts no unsent bytes.
pub fn tcp_info(socket: impl AsFd) -> io::Result<TcpInfo> {
    let mut bytes = [0_u8; INFO_BYTES];
    let mut length = libc::socklen_t::try_from(INFO_BYTES).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: the kernel writes at most `length` bytes to `bytes`, which is that long and made of plain bytes,
    // and the number it wrote to `length`; both outlive the call, and the descriptor is open while borrowed.
    let status = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            bytes.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    let known = bytes.get(..usize::try_from(length).unwrap_or(0)).unwrap_or(&bytes);
    read(known).ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))
}

/// Picks the fields out of the kernel's structure, by their place in `linux/tcp.h`; it only ever grew behind.
fn read(bytes: &[u8]) -> Option<TcpInfo> {
    let word = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    let long = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes);
    Some(TcpInfo {
        round_trip: Duration::from_micros(u64::from(word(68)?)),
        window: word(80)?,
        unacknowledged: word(24)?,
        resent: word(100)?,
        acknowledged_bytes: long(120)?,
        unsent_bytes: word(144)?,
        delivery_rate: long(160).unwrap_or(0),
    })
}

/// Sends no quicker than that many bytes a second: a burst that a router on the way cannot hold is lost.
///
/// # Errors
/// The kernel's answer when the descriptor is no socket.
pub fn limit_pace(socket: BorrowedFd<'_>, bytes_a_second: u32) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<u32>()).unwrap_or(0);
    // SAFETY: the kernel reads exactly the four bytes of `bytes_a_second`, which lives during the call.
    let status = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MAX_PACING_RATE,
            (&raw const bytes_a_second).cast(),
            length,
        )
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_account_counts_what_was_acknowledged() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        let before = tcp_info(&near).unwrap().acknowledged_bytes;
        near.write_all(&[7; 1_000]).unwrap();
        far.read_exact(&mut [0; 1_000]).unwrap();
        far.write_all(b"x").unwrap();
        near.read_exact(&mut [0]).unwrap();
        let after = tcp_info(&near).unwrap();
        assert_eq!(after.acknowledged_bytes - before, 1_000);
        assert_eq!((after.unsent_bytes, after.unacknowledged), (0, 0));
        assert!(after.round_trip > Duration::ZERO && after.window > 0);
        limit_pace(near.as_fd(), 1_000_000).unwrap();
    }

    #[test]
    fn bytes_that_nobody_takes_stay_unsent() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _far = listener.accept().unwrap();
        near.set_nonblocking(true).unwrap();
        // until the send buffer is full: the other side never reads, so its window closes
        let chunk = vec![7; 65_536];
        while near.write(&chunk).is_ok() {}
        assert!(tcp_info(&near).unwrap().unsent_bytes > 0);
    }

    #[test]
    fn what_is_no_tcp_socket_is_refused() {
        assert!(tcp_info(std::io::stdin()).is_err() || cfg!(miri));
        assert_eq!(read(&[0; 100]), None, "an old kernel's structure is too short");
    }
}
