//! Practice parts: what the agent talks to when nothing is plugged in.
//!
//! They are real parts of the program, chosen by name, and mark everything they say as practice.

pub mod reports;
pub mod scale;
pub mod service;
