//! Recognition: the request, the answer, and the one session that carries them.
//!
//! [`BodyBuilder`] writes a request, [`Session`] sends it over a connection that is kept open for the life of
//! the process, [`Recognition`] is what came back and [`Failure`] why nothing did. The names of the service's
//! interface stand in `request`, `answer` and `reports::report` and nowhere else, so a correction is one line.

mod answer;
mod failure;
mod fault;
mod identity;
mod key;
pub mod reports;
mod request;
mod route;
mod session;
mod settings;
mod trust;

pub use answer::{Bag, Candidate, Name, Number, ProductRecognition, Recognition, ResultType};
pub use failure::Failure;
pub use key::{ApiKey, KeySource, NoKey};
pub use request::{About, BodyBuilder, decimal_grams};
pub use route::{ProxyUrl, Straight};
pub use session::{Attempted, Counters, Facts, Late, Session, State, Tally, window_kept};
pub use settings::{
    CameraType, DeadlineMs, MaxOptions, NotAServiceUrl, Refresh, RefreshMinutes, RefreshRequests, ResponseMs,
    ServiceUrl, Settings,
};
pub use trust::NoTrust;
