//! The containers, one module each.

pub(crate) mod flac;
pub(crate) mod html;
pub(crate) mod jpeg;
pub(crate) mod mp3;
pub(crate) mod mp4;
pub(crate) mod ogg;
pub(crate) mod pdf;
mod pdf_syntax;
mod pdf_update;
pub(crate) mod png;
pub(crate) mod svg;
pub(crate) mod text;
pub(crate) mod webp;
pub(crate) mod zip;
