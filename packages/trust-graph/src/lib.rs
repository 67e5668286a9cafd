//! Who trusts whom.
//!
//! People are joined by ties that somebody has signed: a connection that both have, a vouch, a flag, an evening spent
//! at the same event. [`Graph`] keeps them in memory, in less than 64 bytes each, and answers within microseconds:
//!
//! - [`Graph::check`], [`Graph::path`]: is one within so many steps of another, and along which statements;
//! - [`Graph::within`], [`Graph::mutual`]: who is near, and whom both know;
//! - [`Graph::standing`]: what others have said of somebody;
//! - [`Graph::explain`]: why, and why not;
//! - [`RankIndex`]: how much of one person's trust reaches each of the others.
//!
//! Nothing here is signed, verified or stored: whoever puts a tie in has done that, and names the statement that proves
//! it. Time is passed in. Every change raises [`Graph::version`], which says of an answer what it had seen.

mod edge;
mod explain;
mod graph;
mod near;
mod people;
mod rank;
mod scratch;
mod search;
mod standing;

pub use edge::{Edge, Person, Severity, StatementId, Tie, Weight};
pub use explain::{Explanation, WhyNot};
pub use graph::{Graph, GraphFull};
pub use near::Near;
pub use rank::{Opinion, RankIndex, RankOptions};
pub use search::{HOPS_MAX, Path, Rule, Step};
pub use standing::Standing;
