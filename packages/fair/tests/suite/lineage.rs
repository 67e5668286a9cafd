use imajin_fair::{LineageError, Manifest};
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
    assert!(refused.to_string().contains("0.1"), "{refused}");
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
    assert!(matches!(check(&a, [a.clone(), b]), Err(LineageError::Cycle { .. })));
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
    assert_eq!(check(chain(17).last().unwrap(), chain(17)), Err(LineageError::TooDeep));
}
