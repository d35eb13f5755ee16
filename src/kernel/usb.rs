//! Resetting a USB device, for cameras that come back in no other way.

use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use rustix::ioctl::{NoArg, Opcode, ioctl, opcode};

/// `USBDEVFS_RESET` of `linux/usbdevice_fs.h`.
const RESET: Opcode = opcode::none(b'U', 20);

/// Resets the device behind a node of `/dev/bus/usb`, as if it were plugged in anew.
///
/// # Errors
/// `EACCES` when the node may not be written to: it belongs to root unless a udev rule says otherwise.
pub fn reset(node: &Path) -> io::Result<()> {
    let device = open(node, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    // SAFETY: the request takes no argument; a device that is no USB device answers ENOTTY.
    unsafe { ioctl(&device, NoArg::<RESET>::new())? };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_the_kernels_and_other_devices_refuse_it() {
        assert_eq!(RESET, 0x5514);
        let error = reset(Path::new("/dev/null")).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::NOTTY.raw_os_error()));
    }
}
