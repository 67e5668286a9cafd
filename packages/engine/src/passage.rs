use std::ops::Range;

/// The most bytes of a passage's text; one word may go beyond it.
pub const PASSAGE_BYTES_MAX: usize = 1_200;
/// From here on a passage ends with its sentence.
const ENOUGH: usize = 700;
/// From here on a passage ends with its paragraph.
const LEAST: usize = 250;
/// What has no white space for so long is no word; it is taken in pieces.
const WORD_BYTES_MAX: usize = 256;

/// A piece of a document that can be quoted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// What it says: its words with one space between them, and a line break between paragraphs.
    pub text: String,
    /// Where it stands: these bytes of the document, from the first byte of the first word to the last of the last.
    pub source: Range<usize>,
}

/// Cuts what an extractor finds into passages, in one pass.
#[derive(Default)]
pub(crate) struct Cutter {
    passages: Vec<Passage>,
    text: String,
    source: Option<Range<usize>>,
    word: String,
    word_source: Option<Range<usize>>,
    /// A paragraph has ended since the last word.
    paragraph: bool,
    /// The next word belongs to the last one without a space.
    glued: bool,
}

impl Cutter {
    /// Text that stands at `source`. Where both have the same bytes, each word gets its own place, else the place of
    /// all of it.
    pub(crate) fn text(&mut self, text: &str, source: &Range<usize>, is_verbatim: bool) {
        for (at, character) in text.char_indices() {
            if character.is_whitespace() {
                self.word_end();
                continue;
            }
            let place = if is_verbatim {
                let start = source.start.saturating_add(at);
                start..start.saturating_add(character.len_utf8())
            } else {
                source.clone()
            };
            self.word.push(character);
            let begin = self.word_source.as_ref().map_or(place.start, |before| before.start);
            self.word_source = Some(begin..place.end);
            if self.word.len() >= WORD_BYTES_MAX {
                self.word_end();
                self.glued = true;
            }
        }
    }

    /// A word ends here, if there is one.
    pub(crate) fn word_end(&mut self) {
        let Some(place) = self.word_source.take() else {
            self.glued = false;
            return;
        };
        if !self.text.is_empty() && !self.glued {
            self.text.push(if self.paragraph { '\n' } else { ' ' });
        }
        (self.paragraph, self.glued) = (false, false);
        self.text.push_str(&self.word);
        let begin = self.source.as_ref().map_or(place.start, |before| before.start);
        self.source = Some(begin..place.end);
        let ends_sentence = self.word.ends_with(['.', '!', '?', '…', '。', ':']);
        self.word.clear();
        if self.text.len() >= PASSAGE_BYTES_MAX || (self.text.len() >= ENOUGH && ends_sentence) {
            self.passage_end();
        }
    }

    /// A paragraph ends here.
    pub(crate) fn paragraph_end(&mut self) {
        self.word_end();
        self.paragraph = true;
        if self.text.len() >= LEAST {
            self.passage_end();
        }
    }

    /// A heading begins here: what follows is about something else.
    pub(crate) fn heading(&mut self) {
        self.word_end();
        self.passage_end();
    }

    fn passage_end(&mut self) {
        if let Some(source) = self.source.take() {
            let text = std::mem::take(&mut self.text);
            self.passages.push(Passage { text, source });
        }
        (self.paragraph, self.glued) = (false, false);
    }

    /// All of them, in the order of the document.
    pub(crate) fn finish(mut self) -> Vec<Passage> {
        self.heading();
        self.passages
    }
}
