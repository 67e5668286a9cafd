//! Reading documents and finding passages among 20,000 of them.

use imajin_engine::{Document, DocumentId, Index, IndexLimits, MediaType, passages};

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

fn index() -> Index {
    let mut index = Index::new(IndexLimits::default());
    for number in 0..200 {
        let source = text(number, 9_000);
        let id: Result<DocumentId, _> = format!("d{number}").parse();
        if let (Ok(id), Ok(document)) = (id, Document::new(MediaType::Text, source.as_bytes())) {
            // What does not fit is left out of the measurement.
            let _is_full = index.insert(&id, &document).is_err();
        }
    }
    index
}

#[divan::bench]
fn five_words_among_twenty_thousand_passages(bencher: divan::Bencher<'_, '_>) {
    let index = index();
    bencher.bench(|| index.search("w1 w300 w1025 w4100 w17", 8));
}

#[divan::bench]
fn passages_of_a_megabyte(bencher: divan::Bencher<'_, '_>) {
    let source = text(1, 180_000);
    let bytes = u64::try_from(source.len()).unwrap_or(0);
    let bencher = bencher.counter(divan::counter::BytesCount::new(bytes));
    bencher.bench(|| Document::new(MediaType::Markdown, source.as_bytes()).map(|document| passages(&document).len()));
}
