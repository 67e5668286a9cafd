use std::fmt;

use serde::{Serialize, Serializer};

use crate::error::Fault;
use crate::format::{flac, html, jpeg, mp3, mp4, ogg, pdf, png, svg, text, webp, zip};
use crate::layout::Layout;
use crate::name::Name;
use crate::source::Source;

/// A format that can carry a manifest so that it can be taken out again byte for byte.
///
/// Containers know where a block stands and which bytes it has. They do not know what a manifest is, and none of them
/// holds more of the file than its block and its opening.
pub(crate) trait Container: Sync {
    /// Whether a file that begins like this, with this name, is of the format.
    fn detect(&self, head: &[u8], name: &Name) -> bool;

    /// The block that [`Container::embed`] made, if it is there.
    fn locate(&self, file: &mut Source<'_>) -> Result<Option<Block>, Fault>;

    /// The file with a block. The same file and text always give the same bytes; there must be no block in it yet.
    fn embed(&self, file: &mut Source<'_>, text: &str) -> Result<Layout, Fault>;

    /// The text of the manifest, if there is one.
    fn extract(&self, file: &mut Source<'_>) -> Result<Option<String>, Fault> {
        Ok(self.locate(file)?.map(|block| block.text))
    }

    /// The file without a block: the very bytes from before [`Container::embed`].
    fn strip(&self, file: &mut Source<'_>) -> Result<Layout, Fault> {
        let block = self.locate(file)?;
        Ok(block.map_or_else(|| Layout::whole(file.length()), |block| block.original))
    }
}

/// What a file carries.
#[derive(Debug)]
pub(crate) struct Block {
    /// The manifest, as it is written there.
    pub(crate) text: String,
    /// The file without it.
    pub(crate) original: Layout,
}

/// A format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// WebP.
    Webp,
    /// SVG.
    Svg,
    /// PDF.
    Pdf,
    /// MP3, or anything else behind an `ID3v2` tag.
    Mp3,
    /// MP4, MOV, M4A, HEIC, AVIF: the ISO base media file format.
    Mp4,
    /// HTML.
    Html,
    /// Markdown and plain text.
    Text,
    /// FLAC.
    Flac,
    /// Ogg.
    Ogg,
    /// ZIP and what is made of it: EPUB, DOCX, ODT.
    Zip,
}

impl Format {
    /// All of them, in the order in which a file is asked whether it is one.
    pub const ALL: [Self; 12] = [
        Self::Jpeg,
        Self::Png,
        Self::Webp,
        Self::Pdf,
        Self::Mp4,
        Self::Flac,
        Self::Ogg,
        Self::Zip,
        Self::Mp3,
        Self::Text,
        Self::Svg,
        Self::Html,
    ];

    /// What it is called.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Webp => "WebP",
            Self::Svg => "SVG",
            Self::Pdf => "PDF",
            Self::Mp3 => "MP3",
            Self::Mp4 => "MP4",
            Self::Html => "HTML",
            Self::Text => "text",
            Self::Flac => "FLAC",
            Self::Ogg => "Ogg",
            Self::Zip => "ZIP",
        }
    }

    /// The format of a file that begins like this and has this name.
    pub(crate) fn detect(head: &[u8], name: &Name) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| format.container().detect(head, name))
    }

    pub(crate) fn container(self) -> &'static dyn Container {
        match self {
            Self::Jpeg => &jpeg::Jpeg,
            Self::Png => &png::Png,
            Self::Webp => &webp::Webp,
            Self::Svg => &svg::Svg,
            Self::Pdf => &pdf::Pdf,
            Self::Mp3 => &mp3::Mp3,
            Self::Mp4 => &mp4::Mp4,
            Self::Html => &html::Html,
            Self::Text => &text::Text,
            Self::Flac => &flac::Flac,
            Self::Ogg => &ogg::Ogg,
            Self::Zip => &zip::Zip,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Format {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
