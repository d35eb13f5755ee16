//! Requests to a driver, tied to the structure that each of them exchanges.

use std::io;
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl, opcode};

/// A structure as the kernel lays it out.
///
/// # Safety
/// It is `repr(C)` and made of integers and arrays of integers, so that whatever the kernel writes is a
/// valid value, and no request made with it lets the kernel follow an address in it.
pub(super) unsafe trait Plain: Sized {}

/// One request of a driver's interface. Its number holds the size of the structure, as the kernel's macros
/// `_IOR`, `_IOW` and `_IOWR` make it.
pub(super) struct Request<T> {
    opcode: Opcode,
    exchanged: PhantomData<T>,
}

impl<T: Plain> Request<T> {
    /// The kernel fills the structure.
    pub(super) const fn read(group: u8, number: u8) -> Self {
        Self { opcode: opcode::read::<T>(group, number), exchanged: PhantomData }
    }

    /// The kernel reads the structure.
    pub(super) const fn write(group: u8, number: u8) -> Self {
        Self { opcode: opcode::write::<T>(group, number), exchanged: PhantomData }
    }

    /// The kernel reads the structure and changes it.
    pub(super) const fn update(group: u8, number: u8) -> Self {
        Self { opcode: opcode::read_write::<T>(group, number), exchanged: PhantomData }
    }

    #[cfg(test)]
    pub(super) const fn number(&self) -> Opcode {
        self.opcode
    }
}

struct Exchange<'a, T> {
    request: Opcode,
    value: &'a mut T,
}

// SAFETY: the pointer is that of an exclusively borrowed `T`, and the request's number was made from the
// size of `T`, which is what a driver copies. `T` is `Plain`: any bytes are a valid value.
unsafe impl<T: Plain> Ioctl for Exchange<'_, T> {
    type Output = ();

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.request
    }

    fn as_ptr(&mut self) -> *mut std::ffi::c_void {
        std::ptr::from_mut(self.value).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut std::ffi::c_void) -> rustix::io::Result<()> {
        Ok(())
    }
}

/// Signals that may interrupt one request before it counts as failed.
const INTERRUPTIONS: u32 = 8;

/// Makes a request of the driver behind `device`, again when a signal interrupts it.
pub(super) fn call<T: Plain>(device: BorrowedFd<'_>, request: &Request<T>, value: &mut T) -> io::Result<()> {
    let mut interrupted = 0;
    loop {
        let exchange = Exchange { request: request.opcode, value };
        // SAFETY: the request and the structure belong together, by the type of the request. A driver that
        // does not know the request answers ENOTTY and touches nothing.
        match unsafe { ioctl(device, exchange) } {
            Err(Errno::INTR) if interrupted < INTERRUPTIONS => interrupted += 1,
            answer => return answer.map_err(Into::into),
        }
    }
}
