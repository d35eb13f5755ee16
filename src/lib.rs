//! `scalecam`: a settled weighing becomes a picture, a request over one kept session, a result on the device.
//!
//! The rooms stand in the order the data travels; a room uses only those above it (a test holds that).
//!
//! ```text
//! scale ──bytes──▶ serial ──▶ scale ──readings──▶ stability ──Settled──▶ lane ──▶ recognition ──▶ sink
//! camera ──frames──▶ camera::Ring ──the first frame after the settled moment──▶ picture ──┘
//! ```
//!
//! What holds everywhere:
//! - Nothing pure knows the time, a device, a thread or the network: they come in as arguments.
//! - Every settled weighing ends in exactly one outcome, and every sink is offered it.
//! - Only `stability` makes a `Settled`; only `serial` opens a port; only one place holds the connection.
//! - A garbled line is never silence, never zero and never the last weight.
//! - The picture sent was taken after the weight settled, and belongs to this placement.
//! - No queue without a bound, no wait without an end, no retry without a limit.
//! - A bad setting stops the start, with its line and column; it never becomes a default.

pub mod kernel;
pub mod stamp;
pub mod pulse;
pub mod bounded;
pub mod weight;
pub mod scale;
pub mod stability;
pub mod serial;
pub mod jpeg;
pub mod camera;
pub mod picture;
pub mod recognition;
pub mod outcome;
pub mod sink;
pub mod config;
pub mod lane;
pub mod control;
pub mod local;
pub mod host;
pub mod practice;
pub mod agent;
pub mod command;
