//! The kernel's interfaces that no crate offers safely. All `unsafe` of the crate stands in this folder,
//! each block with its reason; everything that leaves it is safe to call.

#![expect(unsafe_code, reason = "this folder is where the crate meets the kernel; see each block")]

mod call;
mod holder;
mod tcp;
mod tree;
mod tty;
pub mod usb;
pub mod video;

pub use holder::{Holder, holders_of};
pub use tcp::{TcpInfo, limit_pace, tcp_info};
pub use tree::{SerialPort, Tree, Usb};
pub use tty::{low_latency, take_fd};

#[cfg(test)]
pub(crate) use tree::tests::Plant;
