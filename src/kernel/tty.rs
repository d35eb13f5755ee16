//! Serial ports: the descriptor behind an opened port, and the driver's low-latency switch.

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};

use rustix::ioctl::{Getter, Opcode, Setter, ioctl};
use serialport::TTYPort;

/// Reads the driver's settings of a port: `TIOCGSERIAL` of `asm-generic/ioctls.h`, the same number on
/// x86-64, aarch64 and armv7.
const TIOCGSERIAL: Opcode = 0x541E;
/// Writes them back: `TIOCSSERIAL`.
const TIOCSSERIAL: Opcode = 0x541F;
/// Hand every byte up at once instead of waiting for more: bit 13 of the flags, `linux/tty_flags.h`.
const ASYNC_LOW_LATENCY: i32 = 1 << 13;

/// `struct serial_struct` of `linux/serial.h`. The pointer and the last word are as wide as the machine.
#[repr(C)]
#[derive(Clone, Copy)]
struct SerialStruct {
    kind: i32,
    line: i32,
    port: u32,
    irq: i32,
    flags: i32,
    xmit_fifo_size: i32,
    custom_divisor: i32,
    baud_base: i32,
    close_delay: u16,
    io_type: u8,
    reserved: u8,
    hub6: i32,
    closing_wait: u16,
    closing_wait2: u16,
    iomem_base: usize,
    iomem_reg_shift: u16,
    port_high: u32,
    iomap_base: usize,
}

/// Takes over the descriptor of a port, so that it can be waited for together with other events.
///
/// The port keeps its settings and its locks. `TIOCEXCL` outlives the descriptor where another end keeps
/// the terminal alive (a pseudo-terminal): undo it with `rustix::termios::ioctl_tiocnxcl` before letting go.
#[must_use]
pub fn take_fd(port: TTYPort) -> OwnedFd {
    let raw = port.into_raw_fd();
    // SAFETY: `into_raw_fd` hands over the only owner of an open descriptor and forgets the port.
    unsafe { OwnedFd::from_raw_fd(raw) }
}

/// Asks the driver to hand up every byte as it arrives (FTDI's chips otherwise wait up to 16 ms for more).
///
/// # Errors
/// Whatever the driver answers: `ENOTTY` where it knows no such switch (`cdc-acm`, pseudo-terminals),
/// `EPERM` where changing it needs more rights. The port works on in either case.
pub fn low_latency(port: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: TIOCGSERIAL fills exactly one `serial_struct`, which is made of integers alone, so that any
    // bytes are a valid value.
    let mut settings = unsafe { ioctl(port, Getter::<TIOCGSERIAL, SerialStruct>::new())? };
    if settings.flags & ASYNC_LOW_LATENCY != 0 {
        return Ok(());
    }
    settings.flags |= ASYNC_LOW_LATENCY;
    // SAFETY: TIOCSSERIAL reads exactly one `serial_struct`; it is the driver's own with one bit more.
    unsafe { ioctl(port, Setter::<TIOCSSERIAL, SerialStruct>::new(settings))? };
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::fs::{Mode, OFlags, open};
    use serialport::TTYPort;

    use super::*;

    #[test]
    fn the_settings_structure_is_as_large_as_the_kernels() {
        let size = if cfg!(target_pointer_width = "64") { 72 } else { 60 };
        assert_eq!(size_of::<SerialStruct>(), size);
        assert_eq!(std::mem::offset_of!(SerialStruct, flags), 16);
        assert_eq!(std::mem::offset_of!(SerialStruct, iomem_base), 48 - if size == 60 { 4 } else { 0 });
    }

    #[test]
    fn a_taken_descriptor_stays_open_and_talks() {
        let (near, far) = TTYPort::pair().unwrap();
        let (near, far) = (take_fd(near), take_fd(far));
        assert_eq!(rustix::io::write(&near, b"S S 1.00 g").unwrap(), 10);
        let mut read = [0; 16];
        assert_eq!(rustix::io::read(&far, &mut read).unwrap(), 10);
    }

    #[test]
    fn a_port_without_the_switch_says_so() {
        let null = open("/dev/null", OFlags::RDWR, Mode::empty()).unwrap();
        let error = low_latency(null.as_fd()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::NOTTY.raw_os_error()));
    }
}
