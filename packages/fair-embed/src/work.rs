use std::io::Write;

use imajin_fair::{Content, Manifest};

use crate::container::{Block, Format};
use crate::envelope::{MARK, text_of};
use crate::error::{EmbedError, Fault};
use crate::layout::{Layout, View};
use crate::limits::HEAD_BYTES;
use crate::media_type::media_type;
use crate::name::Name;
use crate::scan;
use crate::source::{ReadSeek, Source};

/// An opened file that may carry a manifest.
///
/// Nothing of it is kept between two calls but what it is: whoever changes the file meanwhile gets an error, or a
/// result that does not verify, and never a panic.
pub struct Work<'a> {
    pub(crate) source: Source<'a>,
    name: Name,
    file_name: String,
    format: Option<Format>,
}

/// A manifest that was found in a file.
#[derive(Debug)]
pub struct Found {
    /// The manifest. Nothing about it has been verified yet: [`Work::verify`].
    pub manifest: Manifest,
    /// The file without it.
    pub original: Layout,
    /// The manifest as it is written in the file.
    pub(crate) text: String,
}

impl<'a> Work<'a> {
    /// Looks at the beginning of a file. Its name decides where the bytes alone do not, for example between Markdown
    /// and source code.
    ///
    /// # Errors
    /// [`EmbedError::Io`] only.
    pub fn open(file: &'a mut dyn ReadSeek, file_name: &str) -> Result<Self, EmbedError> {
        let mut source = Source::new(file)?;
        let name = Name::new(file_name);
        let head = match source.bytes_up_to(0, HEAD_BYTES) {
            Ok(head) => head,
            Err(Fault::Io(error)) => return Err(error.into()),
            Err(_) => Vec::new(),
        };
        let format = Format::detect(&head, &name);
        let file_name = file_name.to_owned();
        Ok(Self {
            source,
            name,
            file_name,
            format,
        })
    }

    /// What the file is, if it is something that can carry a manifest.
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    /// The manifest in the file, if there is one.
    ///
    /// # Errors
    /// [`EmbedError::Damaged`] and [`EmbedError::Manifest`] when there is something that is not, or no longer, one.
    pub fn find(&mut self) -> Result<Option<Found>, EmbedError> {
        if let Some(found) = self.find_in_place()? {
            return Ok(Some(found));
        }
        if self.is_marked()? {
            return Err(EmbedError::Damaged {
                reason: "the file has the mark of a manifest, but none where it belongs".to_owned(),
            });
        }
        Ok(None)
    }

    /// The manifest where it belongs. A file that cannot be read as what it seems to be has none.
    pub(crate) fn find_in_place(&mut self) -> Result<Option<Found>, EmbedError> {
        let Some(format) = self.format else {
            return Ok(None);
        };
        let block = match format.container().locate(&mut self.source) {
            Ok(block) => block,
            Err(Fault::Malformed(_) | Fault::Unsuitable(_)) => None,
            Err(fault) => return Err(fault.of(format)),
        };
        let Some(Block { text, original }) = block else {
            return Ok(None);
        };
        let manifest = Manifest::parse(text.as_bytes())?;
        Ok(Some(Found {
            manifest,
            original,
            text,
        }))
    }

    /// Whether our mark is anywhere in the file.
    pub(crate) fn is_marked(&mut self) -> Result<bool, EmbedError> {
        let found = scan::position(&mut self.source, MARK.as_bytes(), 0);
        found.map(|found| found.is_some()).map_err(|fault| self.error(fault))
    }

    /// The file without its manifest: byte for byte what it was before.
    ///
    /// # Errors
    /// As for [`Work::find`].
    pub fn original(&mut self) -> Result<Layout, EmbedError> {
        let found = self.find()?;
        Ok(found.map_or_else(|| Layout::whole(self.source.length()), |found| found.original))
    }

    /// The file as it is.
    pub fn whole(&self) -> Layout {
        Layout::whole(self.source.length())
    }

    /// What a manifest says about the bytes of this layout: digest, size, media type.
    ///
    /// # Errors
    /// [`EmbedError::Io`] only.
    pub fn content(&mut self, layout: &Layout) -> Result<Content, EmbedError> {
        let sha256 = layout.sha256_hex(&mut self.source).map_err(|fault| self.error(fault))?;
        Ok(Content {
            sha256,
            size: Some(layout.length()),
            media_type: Some(media_type(self.format, &self.file_name).to_owned()),
            extra: serde_json::Map::new(),
        })
    }

    /// The file with this manifest, in place of the one that it may have.
    ///
    /// # Errors
    /// [`EmbedError::NeedsSidecar`] when this file cannot carry a manifest so that it can be taken out again;
    /// [`EmbedError::OtherContent`] when the manifest is not about these bytes; and as for [`Work::find`].
    pub fn embed(&mut self, manifest: &Manifest) -> Result<Layout, EmbedError> {
        let original = self.original()?;
        self.check_content(&original, manifest)?;
        let text = text_of(manifest)?;
        let layout = self.embed_text(&original, &text)?;
        if self.is_restored(&layout, &text, &original)? {
            return Ok(layout);
        }
        Err(EmbedError::NeedsSidecar {
            reason: "this file would not come back byte for byte".to_owned(),
        })
    }

    /// Whether the manifest is about these bytes.
    pub(crate) fn check_content(&mut self, layout: &Layout, manifest: &Manifest) -> Result<(), EmbedError> {
        let stated = manifest.content.as_ref().ok_or_else(|| {
            EmbedError::OtherContent("the manifest does not say which bytes it is about (content.sha256)".to_owned())
        })?;
        let actual = self.content(layout)?;
        let same_size = stated.size.is_none() || stated.size == actual.size;
        if same_size && stated.sha256 == actual.sha256 {
            return Ok(());
        }
        Err(EmbedError::OtherContent(format!(
            "the manifest is about other bytes: their SHA-256 is {}, and this file's is {}",
            stated.sha256, actual.sha256
        )))
    }

    /// The file with this text in place of what it carries.
    pub(crate) fn embed_text(&mut self, original: &Layout, text: &str) -> Result<Layout, EmbedError> {
        let Some(format) = self.format else {
            return Err(EmbedError::NeedsSidecar {
                reason: "this kind of file has no place for a manifest".to_owned(),
            });
        };
        let mut view = View::new(original, &mut self.source);
        let mut file = Source::new(&mut view)?;
        let outer = format
            .container()
            .embed(&mut file, text)
            .map_err(|fault| fault.of(format))?;
        Ok(outer.over(original))
    }

    /// Whether a reader of the new file finds the text, and the original without it.
    fn is_restored(&mut self, layout: &Layout, text: &str, original: &Layout) -> Result<bool, EmbedError> {
        let Some(format) = self.format else {
            return Ok(false);
        };
        let mut view = View::new(layout, &mut self.source);
        let mut file = Source::new(&mut view)?;
        // The new file must be taken for what the old one is.
        let head = file.bytes_up_to(0, HEAD_BYTES).map_err(|fault| fault.of(format))?;
        if Format::detect(&head, &self.name) != Some(format) {
            return Ok(false);
        }
        let container = format.container();
        let extracted = container.extract(&mut file).map_err(|fault| fault.of(format))?;
        if extracted.as_deref() != Some(text) {
            return Ok(false);
        }
        let stripped = container
            .strip(&mut file)
            .map_err(|fault| fault.of(format))?
            .over(layout);
        stripped
            .is_same_as(original, &mut self.source)
            .map_err(|fault| fault.of(format))
    }

    /// Writes a layout of this file.
    ///
    /// # Errors
    /// [`EmbedError::Io`] only.
    pub fn write(&mut self, layout: &Layout, out: &mut dyn Write) -> Result<(), EmbedError> {
        layout
            .write_to(&mut self.source, out)
            .map_err(|fault| self.error(fault))
    }

    pub(crate) fn error(&self, fault: Fault) -> EmbedError {
        match (fault, self.format) {
            (Fault::Io(error), _) => error.into(),
            (fault, Some(format)) => fault.of(format),
            (Fault::Malformed(reason) | Fault::Unsuitable(reason) | Fault::Damaged(reason), None) => {
                EmbedError::Damaged { reason }
            }
        }
    }
}
