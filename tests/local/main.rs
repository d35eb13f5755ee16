//! The local interface, asked by a till and by those who should not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod contract;
mod follow;
mod http;
mod refuse;
mod schema;
mod shop;
