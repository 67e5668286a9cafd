//! The vocabulary that every crate shares: identifiers, time, randomness and the closed list of problem codes.
//!
//! Nothing in here does I/O or knows a service. Two rules make the rest of the project deterministic and testable:
//! time comes from a [`Clock`], randomness from a [`Random`], and both are handed in, bundled as an [`Env`].

mod env;
pub mod id;
mod problem;
mod random;
mod time;

pub use env::Env;
pub use problem::{Code, Problem};
pub use random::{Random, SeededRandom, SystemRandom};
pub use time::{Clock, ManualClock, Span, SystemClock, Timestamp};
