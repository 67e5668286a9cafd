//! Puts a `.fair` manifest into the work itself, and takes it out again without a trace.
//!
//! A [`Work`] is a file that somebody opened. Its manifest speaks of the bytes before embedding, and they come back
//! byte for byte: [`Work::original`]. Whether every single byte is in order, the ones of the block around the manifest
//! included, is decided by doing it again: [`Work::verify`] embeds the manifest in the restored original and demands
//! the very file that it was given.
//!
//! Nothing is written here and no file is held in memory: the answer to "how would the file look" is a [`Layout`], a
//! short list of ranges to copy and bytes to insert. `docs/fair-embedding.md` has the exact bytes of every format.

mod bytes;
mod container;
mod crc;
mod envelope;
mod error;
mod format;
mod layout;
pub mod limits;
mod media_type;
mod name;
mod scan;
mod source;
mod verify;
mod work;

pub use container::Format;
pub use envelope::MARK;
pub use error::EmbedError;
pub use layout::Layout;
pub use media_type::media_type;
pub use source::ReadSeek;
pub use verify::{Place, Report, Verdict};
pub use work::{Found, Work};

/// What the sidecar of a file is called: the file's own name and this.
pub const SIDECAR_SUFFIX: &str = ".fair.json";
