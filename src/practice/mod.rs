//! The practice parts: what stands in for the scale and for the service when nothing is plugged in.
//!
//! They are chosen by name and by nothing else, they speak over real terminals and real connections, and
//! everything they say is marked as practice.

pub mod scale;
