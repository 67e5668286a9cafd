//! What a document says, and where.

mod html;
mod markdown;
mod plain;

use crate::passage::Cutter;
use crate::{Document, MediaType, Passage};

/// The passages of a document, in its order. The same bytes always give the same passages.
pub fn passages(document: &Document<'_>) -> Vec<Passage> {
    let mut cutter = Cutter::default();
    match document.media_type() {
        MediaType::Text => plain::extract(document.text(), &mut cutter),
        MediaType::Markdown => markdown::extract(document.text(), &mut cutter),
        MediaType::Html => html::extract(document.text(), &mut cutter),
    }
    cutter.finish()
}
