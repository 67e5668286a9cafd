//! What is too much. Files come from strangers, so everything that a file can ask for has an end.

/// How many bytes of a file are held in memory to copy, hash or compare it.
pub const COPY_BYTES: usize = 64 * 1024;
/// The longest text of a manifest inside a file: 256 KiB of JSON whose every byte may need six to be plain ASCII.
pub const TEXT_BYTES_MAX: usize = 6 * 256 * 1024;
/// The longest block: the text and what stands around it.
pub const BLOCK_BYTES_MAX: usize = TEXT_BYTES_MAX + 64 * 1024;
/// How much of a file's beginning decides what it is.
pub const HEAD_BYTES: usize = 4 * 1024;
/// How far into a file a head, a prolog or front matter is searched for its end.
pub const OPENING_BYTES_MAX: usize = 1024 * 1024;
/// The most segments before a JPEG's image.
pub const JPEG_SEGMENTS_MAX: usize = 4_096;
/// The most chunks of a WebP.
pub const WEBP_CHUNKS_MAX: usize = 100_000;
/// The most boxes at the top level of an MP4.
pub const MP4_BOXES_MAX: usize = 1_000_000;
/// The most logical streams of an Ogg file.
pub const OGG_STREAMS_MAX: usize = 64;
/// The most members of a ZIP archive.
pub const ZIP_MEMBERS_MAX: usize = 65_534;
/// The most sections of a PDF's cross-reference table.
pub const PDF_SECTIONS_MAX: usize = 100_000;
/// The longest dictionary at the end of a PDF, and how deep its values nest.
pub const PDF_TRAILER_BYTES_MAX: usize = 64 * 1024;
/// How deep the values of that dictionary nest.
pub const PDF_DEPTH_MAX: usize = 32;
