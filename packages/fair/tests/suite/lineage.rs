use imajin_fair::{LineageError, Manifest, Sources};
use serde_json::{Value, json};

use crate::support::{Library, follows, pays};

fn work(id: &str, parents: &[&str], remix: &Value, contributors: &[Value]) -> Manifest {
    let value = json!({"id": id, "derives_from": parents, "terms": {"remix": remix}, "contributors": contributors});
    Manifest::from_value(value).unwrap()
}

fn plain(id: &str, parents: &[&str]) -> Manifest {
    work(id, parents, &json!({}), &[pays(1, "author", 1.0)])
}

fn check(work: &Manifest, others: impl IntoIterator<Item = Manifest>) -> Result<(), LineageError> {
    let library = Library::of(others);
    work.check_lineage(&|id| library.find(id))
}

#[test]
fn a_source_gets_the_royalty_that_it_asks_for() {
    let source = work(
        "fair_s",
        &[],
        &json!({"price": "free", "royalty": 0.1}),
        &[pays(1, "author", 1.0)],
    );
    let entries = |share: f64, rest: f64| [follows("fair_s", share), pays(2, "artist", rest)];
    let enough = work("fair_w", &["fair_s"], &json!({}), &entries(0.1, 0.9));
    assert_eq!(check(&enough, [source.clone()]), Ok(()));
    let less = work("fair_w", &["fair_s"], &json!({}), &entries(0.099_999, 0.900_001));
    let refused = check(&less, [source.clone()]).unwrap_err();
    assert!(matches!(refused, LineageError::RoyaltyTooSmall { .. }));
    let words = "fair_w → fair_s asks for a share of 0.1 and gets 0.099999";
    assert!(refused.to_string().contains(words), "{refused}");
    assert!(matches!(
        check(&plain("fair_w", &["fair_s"]), [source]),
        Err(LineageError::RoyaltyTooSmall { .. })
    ));
}

#[test]
fn a_source_can_forbid_and_must_be_known() {
    let closed = work(
        "fair_s",
        &[],
        &json!({"price": "prohibited"}),
        &[pays(1, "author", 1.0)],
    );
    assert!(matches!(
        check(&plain("fair_w", &["fair_s"]), [closed]),
        Err(LineageError::Prohibited { .. })
    ));
    assert!(matches!(
        check(&plain("fair_w", &["fair_s"]), []),
        Err(LineageError::Missing { .. })
    ));
}

#[test]
fn sources_do_not_lead_back() {
    let (a, b) = (plain("fair_a", &["fair_b"]), plain("fair_b", &["fair_a"]));
    let circle = check(&a, [a.clone(), b]).unwrap_err();
    assert_eq!(
        circle.to_string(),
        "the sources lead in a circle: fair_a → fair_b → fair_a"
    );
}

#[test]
fn sixteen_works_deep_and_no_deeper() {
    let name = |depth: usize| format!("fair_{depth}");
    let chain = |length: usize| -> Vec<Manifest> {
        let link = |depth: usize| match depth {
            1 => plain(&name(1), &[]),
            // Two ways to every source but the first: looked at one by one they would be 2^15.
            _ => plain(&name(depth), &[&name(depth - 1), &name(depth.saturating_sub(2).max(1))]),
        };
        (1..=length).map(link).collect()
    };
    assert_eq!(check(chain(16).last().unwrap(), chain(16)), Ok(()));
    let deep = check(chain(17).last().unwrap(), chain(17)).unwrap_err();
    assert!(matches!(deep, LineageError::TooDeep { .. }), "{deep}");
    assert!(deep.to_string().contains(": fair_17 → fair_16 → "), "{deep}");
}

#[test]
fn a_line_over_a_source_that_was_climbed_from_nearer_counts_in_full() {
    // From the top, fair_15 is one step away; over fair_x it is two, and what lies beneath it one too far.
    let name = |depth: usize| format!("fair_{depth}");
    let mut works: Vec<Manifest> = (2..=15).map(|depth| plain(&name(depth), &[&name(depth - 1)])).collect();
    works.push(plain(&name(1), &[]));
    let top = |parents: &[&str]| plain("fair_w", parents);
    assert_eq!(check(&top(&["fair_15"]), works.clone()), Ok(()));
    works.push(plain("fair_x", &["fair_15"]));
    let deep = check(&top(&["fair_15", "fair_x"]), works).unwrap_err();
    assert!(deep.to_string().ends_with("fair_w → fair_x → fair_15"), "{deep}");
}

#[test]
fn what_is_found_must_be_what_the_id_says() {
    let source = Manifest::from_value(json!({"title": "a", "contributors": [pays(1, "author", 1.0)]})).unwrap();
    let work = plain("fair_w", &[source.id.as_str()]);
    assert_eq!(check(&work, [source.clone()]), Ok(()));
    let mut forged = source.clone();
    forged.contributors = vec![serde_json::from_value(pays(2, "author", 1.0)).unwrap()];
    let refused = check(&work, [forged]).unwrap_err();
    assert!(matches!(refused, LineageError::OtherContent { .. }), "{refused}");
    let renamed = work.check_lineage(&|_id| Some(plain("fair_other", &[]))).unwrap_err();
    assert!(matches!(renamed, LineageError::OtherContent { .. }), "{renamed}");
}

#[test]
fn the_terms_hold_at_every_level() {
    let asks = json!({"price": "free", "royalty": 0.2});
    let root = work("fair_r", &[], &asks, &[pays(1, "author", 1.0)]);
    let thief = plain("fair_t", &["fair_r"]);
    let refused = check(&plain("fair_w", &["fair_t"]), [root.clone(), thief]).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("fair_w → fair_t → fair_r asks for a share of 0.2 and gets nothing")
    );
    // Further down nothing more is owed than what the work in between passes on.
    let honest = work(
        "fair_t",
        &["fair_r"],
        &json!({}),
        &[follows("fair_r", 0.2), pays(2, "artist", 0.8)],
    );
    assert_eq!(check(&plain("fair_w", &["fair_t"]), [root, honest]), Ok(()));
}

#[test]
fn what_has_a_share_must_be_known_but_asks_nothing() {
    let closed = work(
        "fair_s",
        &[],
        &json!({"price": "prohibited"}),
        &[pays(1, "author", 1.0)],
    );
    let thanks = work(
        "fair_w",
        &[],
        &json!({}),
        &[follows("fair_s", 0.1), pays(2, "artist", 0.9)],
    );
    assert!(matches!(check(&thanks, []), Err(LineageError::Missing { .. })));
    assert_eq!(check(&thanks, [closed]), Ok(()));
}

#[test]
fn what_is_missing_is_named_nearest_first() {
    let work = work(
        "fair_w",
        &["fair_a", "fair_b"],
        &json!({}),
        &[follows("fair_c", 0.5), pays(1, "author", 0.5)],
    );
    let library = Library::of([plain("fair_a", &["fair_d", "fair_w"])]);
    let missing: Vec<_> = work
        .sources_missing(&|id| library.find(id))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(missing, ["fair_b", "fair_c", "fair_d"]);
    let sources = Sources::gather(&plain("fair_x", &["fair_1"]), &|_id| Some(plain("fair_1", &[]))).unwrap();
    assert_eq!((sources.depth(), sources.iter().count()), (2, 1));
    assert!(sources.find(&"fair_1".parse().unwrap()).is_some());
}
