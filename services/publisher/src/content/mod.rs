//! Works that are read here: their bytes on disk, and their text made safe for pages.

pub(crate) mod article;
pub(crate) mod downloads;
pub(crate) mod files;
mod flat;
pub(crate) mod token;
