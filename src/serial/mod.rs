//! The serial port of a scale: opens it, stamps bytes with the time of their arrival, opens it again.
//!
//! One named thread owns the port and its conversation. It does nothing but move bytes and events: what to
//! say and what was said is decided by the pure [`Dialogue`](crate::scale::dialogue::Dialogue).

mod ear;
mod link;
mod port;

pub use ear::Ear;
pub use link::{Event, Link, Setup};
pub use port::{OpenPort, Port, Trouble};
