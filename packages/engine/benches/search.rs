//! Reading documents, indexing them, and answering from them: `cargo bench -p imajin-engine`.
//!
//! A document is some 9,000 words in about a hundred passages. A question is answered as the node does it without a
//! model: the passages are found, read from their documents again and checked against what was indexed, and written.
#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

use std::collections::BTreeMap;
use std::hint::black_box;

use async_trait::async_trait;
use divan::counter::BytesCount;
use imajin_engine::{
    Document, DocumentId, Documents, Embedded, Engine, EngineError, Index, IndexLimits, MediaType, Output, Question,
    StoredDocument, passages, quotes,
};

/// As many passages as an answer may quote.
const HITS: usize = 8;
const QUESTION: &str = "w1 w300 w1025 w4100 w17";

fn main() {
    divan::main();
}

/// Words with the frequencies of a language: the n-th one occurs about once in n words. The same text for each number.
fn text(number: u64, words: usize) -> String {
    let mut dice = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::new();
    for place in 1..=words {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let rank = (1_u64 << (dice % 16)).saturating_add(dice >> 40 & 0xff);
        text.push('w');
        text.push_str(&rank.to_string());
        text.push_str(if place % 90 == 0 { ".\n\n" } else { " " });
    }
    text
}

fn id(number: u64) -> DocumentId {
    format!("d{number}").parse().unwrap()
}

/// An index of so many documents.
fn index(documents: u64) -> Index {
    let mut index = Index::new(IndexLimits::default());
    for number in 0..documents {
        let source = text(number, 9_000);
        let document = Document::new(MediaType::Text, source.as_bytes()).unwrap();
        index.insert(&id(number), &document).unwrap();
    }
    index
}

/// The documents as their service keeps them, but for its database.
struct Kept(BTreeMap<DocumentId, StoredDocument>);

#[async_trait]
impl Documents for Kept {
    async fn document(&self, id: &DocumentId) -> Result<Option<StoredDocument>, EngineError> {
        Ok(self.0.get(id).cloned())
    }
}

async fn answered(index: &Index, kept: &Kept) -> usize {
    let hits = index.search(QUESTION, HITS);
    let question = Question {
        text: QUESTION.to_owned(),
        quotes: quotes(&hits, kept).await.unwrap(),
        tokens_max: 400,
    };
    let (output, _reader) = Output::new(HITS);
    Embedded.answer(&question, &output).await.unwrap().cited.len()
}

#[divan::bench]
fn a_question_over_ten_thousand_passages(bencher: divan::Bencher<'_, '_>) {
    let index = index(100);
    let each = |number| {
        let source = text(number, 9_000);
        passages(&Document::new(MediaType::Text, source.as_bytes()).unwrap()).len()
    };
    let all: usize = (0..100).map(each).sum();
    assert!(all >= 10_000, "{all} passages");
    let stored = |number| StoredDocument {
        media_type: MediaType::Text,
        bytes: text(number, 9_000).into_bytes(),
        fair: "fair_bench".parse().unwrap(),
    };
    let kept = Kept((0..100).map(|number| (id(number), stored(number))).collect());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    bencher.bench(|| runtime.block_on(answered(&index, &kept)));
}

#[divan::bench]
fn index_of_a_megabyte(bencher: divan::Bencher<'_, '_>) {
    let source = text(1, 180_000);
    let bytes = u64::try_from(source.len()).unwrap();
    let document = Document::new(MediaType::Markdown, source.as_bytes()).unwrap();
    bencher.counter(BytesCount::new(bytes)).bench(|| {
        let mut index = Index::new(IndexLimits::default());
        index.insert(&id(1), &document).unwrap();
        black_box(index)
    });
}

#[divan::bench]
fn five_words_among_twenty_thousand_passages(bencher: divan::Bencher<'_, '_>) {
    let index = index(200);
    bencher.bench(|| index.search(QUESTION, HITS));
}

#[divan::bench]
fn passages_of_a_megabyte(bencher: divan::Bencher<'_, '_>) {
    let source = text(1, 180_000);
    let bytes = u64::try_from(source.len()).unwrap();
    let bencher = bencher.counter(BytesCount::new(bytes));
    bencher.bench(|| Document::new(MediaType::Markdown, source.as_bytes()).map(|document| passages(&document).len()));
}
