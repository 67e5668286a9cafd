use std::collections::{BTreeMap, BTreeSet};

use imajin_engine::{Document, DocumentId, Hit, Index, IndexFull, IndexLimits, MediaType, passages, terms};
use proptest::prelude::*;

use crate::{config, id, plain};

const DEMO: [(&str, &str); 3] = [
    (
        "holds",
        "A hold is money that waits. It is captured or voided, and it expires by itself.",
    ),
    (
        "names",
        "A node gets a name from its registry. The name is a subdomain, and its owner keeps it.",
    ),
    (
        "splits",
        "The money of a sale is split along the manifest. What is left over goes to the largest remainder.",
    ),
];

fn demo() -> Index {
    let mut index = Index::new(IndexLimits::default());
    for (name, text) in DEMO {
        index.insert(&id(name), &plain(text)).unwrap();
    }
    index
}

fn found(index: &Index, question: &str) -> Vec<String> {
    let hits = index.search(question, 10);
    hits.into_iter().map(|hit| hit.document.as_str().to_owned()).collect()
}

#[test]
fn a_question_finds_the_passage_that_answers_it() {
    let index = demo();
    assert_eq!(found(&index, "What is a hold?")[0], "holds");
    assert_eq!(found(&index, "Who keeps the subdomains?")[0], "names");
    assert_eq!(found(&index, "where does the remainder go")[0], "splits");
    assert_eq!(found(&index, "zebra"), Vec::<String>::new());
    assert_eq!(found(&index, ""), Vec::<String>::new());
    assert_eq!(index.search("money", 1).len(), 1);
}

#[test]
fn a_document_can_be_changed_and_removed() {
    let mut index = demo();
    index
        .insert(&id("holds"), &plain("Nothing about it any more."))
        .unwrap();
    assert_eq!(found(&index, "hold"), Vec::<String>::new());
    assert_eq!(found(&index, "nothing"), ["holds"]);
    assert!(index.remove(&id("holds")) && !index.remove(&id("holds")));
    assert_eq!(
        (found(&index, "nothing"), index.len(), index.is_empty()),
        (vec![], 2, false)
    );
    let digests: Vec<_> = index.documents().map(|(id, digest)| (id.as_str(), *digest)).collect();
    assert_eq!(
        digests,
        [
            ("names", plain(DEMO[1].1).digest()),
            ("splits", plain(DEMO[2].1).digest())
        ]
    );
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let limits = IndexLimits {
        documents_max: 2,
        passages_max: 3,
        entries_max: 20,
        terms_max: 1_000,
    };
    let mut index = Index::new(limits);
    index.insert(&id("one"), &plain("alpha beta")).unwrap();
    index.insert(&id("two"), &plain("gamma")).unwrap();
    assert_eq!(index.insert(&id("three"), &plain("delta")), Err(IndexFull), "documents");
    let long = (0..30)
        .map(|number| format!("word{number}"))
        .collect::<Vec<_>>()
        .join(" ");
    assert_eq!(index.insert(&id("two"), &plain(&long)), Err(IndexFull), "entries");
    let many = format!("{}\n\n", "a ".repeat(200)).repeat(4);
    assert_eq!(index.insert(&id("two"), &plain(&many)), Err(IndexFull), "passages");
    assert_eq!(found(&index, "gamma"), ["two"], "the earlier version is still there");
    assert_eq!(index.len(), 2);
}

#[test]
fn different_terms_are_bounded_and_what_is_dead_makes_room() {
    let limits = IndexLimits {
        terms_max: 1_000,
        ..IndexLimits::default()
    };
    let mut index = Index::new(limits);
    let words = |round: usize, count: usize| {
        let words: Vec<String> = (0..count).map(|number| format!("r{round}n{number}")).collect();
        words.join(" ")
    };
    assert_eq!(index.insert(&id("all"), &plain(&words(0, 1_001))), Err(IndexFull));
    for round in 0..10 {
        index.insert(&id("changing"), &plain(&words(round, 450))).unwrap();
        assert!(index.bytes() < 300_000, "{}", index.bytes());
    }
    assert_eq!(index.insert(&id("other"), &plain(&words(77, 600))), Err(IndexFull));
    assert_eq!(found(&index, "r9n7"), ["changing"]);
    index.remove(&id("changing"));
    index.insert(&id("other"), &plain(&words(77, 600))).unwrap();
}

#[test]
fn an_index_through_which_much_has_passed_stays_small() {
    let limits = IndexLimits {
        entries_max: 30_000,
        ..IndexLimits::default()
    };
    let mut index = Index::new(limits);
    for round in 0..200 {
        let text = (0..100)
            .map(|number| format!("r{round}n{number}"))
            .collect::<Vec<_>>()
            .join(" ");
        index.insert(&id("changing"), &plain(&text)).unwrap();
        assert_eq!(found(&index, &format!("r{round}n7")), ["changing"]);
    }
    assert_eq!(found(&index, "r198n7"), Vec::<String>::new());
}

/// The model: BM25 in floats over all passages, from the formula.
#[expect(
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "the model is a float, and does not share a line with the integers"
)]
fn model(documents: &BTreeMap<String, String>, question: &str) -> BTreeMap<(String, usize), f64> {
    let mut all: Vec<((String, usize), Vec<String>)> = Vec::new();
    for (name, text) in documents {
        for (ordinal, passage) in passages(&plain(text)).iter().enumerate() {
            all.push(((name.clone(), ordinal), terms(&passage.text).collect()));
        }
    }
    let count = all.len() as f64;
    let average = all.iter().map(|(_, terms)| terms.len()).sum::<usize>() as f64 / count;
    let wanted: BTreeSet<String> = terms(question).collect();
    let mut scores = BTreeMap::new();
    for (place, words) in &all {
        let mut score = 0.0;
        for term in &wanted {
            let times = words.iter().filter(|word| *word == term).count().min(63) as f64;
            let found = all.iter().filter(|(_, words)| words.contains(term)).count() as f64;
            let norm = 1.2 * (0.25 + 0.75 * words.len() as f64 / average);
            score += ((count + 1.0) / (found + 0.5)).log2() * times * 2.2 / (times + norm);
        }
        if words.iter().any(|word| wanted.contains(word)) {
            scores.insert(place.clone(), score);
        }
    }
    scores
}

fn any_text() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec!["alpha", "beta", "gamma", "delta", "the", "\n\n"]);
    prop::collection::vec(words, 1..140).prop_map(|words| words.join(" "))
}

fn key(hit: &Hit) -> (String, usize) {
    (hit.document.as_str().to_owned(), hit.ordinal)
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    #[expect(
        clippy::float_arithmetic,
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "compares with the model"
    )]
    fn after_any_history_the_search_is_that_of_the_formula(
        steps in prop::collection::vec((0_u8..5, prop::option::weighted(0.75, any_text())), 1..25),
        question in prop::sample::select(vec!["alpha", "beta the", "gamma delta alpha", "the", "zeta"]),
    ) {
        let (mut index, mut documents) = (Index::new(IndexLimits::default()), BTreeMap::new());
        for (name, text) in steps {
            let name = format!("d{name}");
            if let Some(text) = text {
                index.insert(&id(&name), &plain(&text)).unwrap();
                documents.insert(name, text);
            } else {
                prop_assert_eq!(index.remove(&id(&name)), documents.remove(&name).is_some());
            }
        }
        let mut rebuilt = Index::new(IndexLimits::default());
        for (name, text) in &documents {
            rebuilt.insert(&id(name), &plain(text)).unwrap();
        }
        let hits = index.search(question, 1_000);
        prop_assert_eq!(&hits, &rebuilt.search(question, 1_000), "a history leaves no trace");
        let expected = model(&documents, question);
        let found: BTreeSet<_> = hits.iter().map(key).collect();
        prop_assert_eq!(found, expected.keys().cloned().collect::<BTreeSet<_>>());
        for hit in &hits {
            let exact = expected[&key(hit)] * 65_536.0;
            prop_assert!((hit.score as f64 - exact).abs() <= exact * 0.001 + 64.0, "{} and {}", hit.score, exact);
        }
        prop_assert!(hits.is_sorted_by_key(|hit| std::cmp::Reverse(hit.score)));
    }
}

#[test]
fn kinds_of_document_can_be_mixed() {
    let mut index = demo();
    let html = Document::new(MediaType::Html, b"<p>A <b>ze</b>bra</p>").unwrap();
    let name: DocumentId = id("animals");
    index.insert(&name, &html).unwrap();
    let hits = index.search("zebras", 3);
    assert_eq!(
        (hits.len(), &hits[0].document, hits[0].digest),
        (1, &name, html.digest())
    );
}
