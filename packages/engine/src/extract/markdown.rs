use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::passage::Cutter;

/// Markdown: what a reader would see. HTML within it and front matter are left out.
pub(super) fn extract(source: &str, cutter: &mut Cutter) {
    let mut options = Options::empty();
    options.insert(Options::ENABLE_TABLES);
    options.insert(Options::ENABLE_STRIKETHROUGH);
    options.insert(Options::ENABLE_FOOTNOTES);
    options.insert(Options::ENABLE_YAML_STYLE_METADATA_BLOCKS);
    options.insert(Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS);
    let mut is_hidden = false;
    for (event, place) in Parser::new_ext(source, options).into_offset_iter() {
        match event {
            Event::Start(Tag::MetadataBlock(_)) => is_hidden = true,
            Event::End(TagEnd::MetadataBlock(_)) => is_hidden = false,
            Event::Start(Tag::Heading { .. }) => cutter.heading(),
            Event::Text(text) if !is_hidden => {
                let is_verbatim = source.get(place.clone()) == Some(&*text);
                cutter.text(&text, &place, is_verbatim);
            }
            Event::Code(text) => cutter.text(&text, &place, false),
            Event::SoftBreak | Event::HardBreak => cutter.word_end(),
            Event::Rule => cutter.paragraph_end(),
            Event::End(end) => match end {
                TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image => {}
                TagEnd::TableCell => cutter.word_end(),
                _ => cutter.paragraph_end(),
            },
            _ => {}
        }
    }
}
