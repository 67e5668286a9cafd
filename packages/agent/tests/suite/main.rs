//! The public behaviour of `imajin-agent` on its own machine: its folder, its journal, and a site that puts it off.
#![cfg(test)]

mod altered;
mod market;
mod moved;
mod shown;
mod undecided;
mod waiting;

use std::io::Write;
use std::path::Path;

use imajin_agent::{AgentHome, Door, Journal, Limits, Purchase, PurchaseState, Run};
use imajin_imagxp::Purpose;
use imajin_kernel::{Code, Span, Timestamp};
use imajin_money::Money;

const NOW: Timestamp = Timestamp::from_seconds(1_900_000_000);

fn usd(text: &str) -> Money {
    format!("{text} USD").parse().unwrap()
}

fn purchase(id: &str, price: &str, state: PurchaseState) -> Purchase {
    Purchase {
        id: id.to_owned(),
        at: NOW,
        url: format!("https://site.example/{id}"),
        purpose: Purpose::Summary,
        publisher: "site.example".to_owned(),
        broker: "https://broker.example/broker".to_owned(),
        price: usd(price),
        door: Door::Claim,
        run: None,
        claims: Vec::new(),
        dispute: None,
        page: None,
        state,
    }
}

fn journal(folder: &Path) -> Journal {
    Journal::open(folder.join("spent.jsonl")).unwrap()
}

fn promised() -> PurchaseState {
    PurchaseState::Promised {
        visa: "visa".to_owned(),
    }
}

fn shown() -> PurchaseState {
    PurchaseState::Shown {
        visa: Some("visa".to_owned()),
        reason: "it cost nothing".to_owned(),
    }
}

fn unspent() -> PurchaseState {
    PurchaseState::Unspent {
        reason: "it is not there".to_owned(),
    }
}

#[test]
fn what_is_written_is_there_after_the_process_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = journal(folder.path());
    one.write(&purchase("a", "0.10", PurchaseState::Intended)).unwrap();
    one.write(&purchase("a", "0.10", promised())).unwrap();
    drop(one);
    let mut one = journal(folder.path());
    let found = one.open_find("https://site.example/a", Purpose::Summary).unwrap();
    assert_eq!(found.state, promised());
    assert_eq!(one.open_find("https://site.example/a", Purpose::Quotation), None);
    let receipt = "rcp_1".to_owned();
    one.write(&purchase("a", "0.10", PurchaseState::Paid { receipt }))
        .unwrap();
    let one = journal(folder.path());
    assert_eq!(one.open_find("https://site.example/a", Purpose::Summary), None);
    assert_eq!(one.list().len(), 1);
}

#[test]
fn a_line_that_a_power_cut_has_broken_off_is_forgotten_and_the_next_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    journal(folder.path())
        .write(&purchase("a", "0.10", PurchaseState::Intended))
        .unwrap();
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(folder.path().join("spent.jsonl"))
        .unwrap();
    file.write_all(br#"{"id":"b","at":"#).unwrap();
    let mut one = journal(folder.path());
    assert_eq!(one.list().len(), 1);
    one.write(&purchase("c", "0.10", unspent())).unwrap();
    assert_eq!(journal(folder.path()).list().len(), 2);
    std::fs::write(folder.path().join("spent.jsonl"), "no line\n{}\n").unwrap();
    let damaged = Journal::open(folder.path().join("spent.jsonl")).err().unwrap();
    assert!(damaged.detail.contains("line 1"), "{damaged}");
}

#[test]
fn what_is_on_its_way_counts_as_spent_and_what_came_to_nothing_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = journal(folder.path());
    one.write(&purchase("a", "0.10", PurchaseState::Intended)).unwrap();
    one.write(&purchase("b", "0.20", promised())).unwrap();
    one.write(&purchase("c", "0.40", unspent())).unwrap();
    assert_eq!(one.spent(usd("0").asset, None), usd("0.30").amount);
    // What was shown without a receipt is spent, too.
    one.write(&purchase("d", "0.05", shown())).unwrap();
    assert_eq!(one.spent(usd("0").asset, None), usd("0.35").amount);
    one.write(&purchase("d", "0.05", unspent())).unwrap();
    let limits = Limits {
        per_day: vec![usd("0.50")],
        total: vec![usd("0.60")],
    };
    assert_eq!(one.spent(usd("0").asset, None), usd("0.30").amount);
    one.allow(usd("0.20"), &limits, NOW).unwrap();
    let refused = one.allow(usd("0.21"), &limits, NOW).unwrap_err();
    assert_eq!(refused.code, Code::Forbidden);
    assert!(refused.detail.contains("the limit of a day is 0.50 USD"), "{refused}");
    // A day later only the limit of all times counts.
    let later = NOW.plus(Span::hours(25));
    one.allow(usd("0.30"), &limits, later).unwrap();
    let refused = one.allow(usd("0.31"), &limits, later).unwrap_err();
    assert!(refused.detail.contains("the limit of all times"), "{refused}");
    one.allow("9.00 EUR".parse().unwrap(), &limits, NOW).unwrap();
}

#[test]
fn a_run_has_a_budget_of_its_own_and_another_run_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = journal(folder.path());
    let of = |run: &str, id: &str, price: &str, state| Purchase {
        run: Some(run.to_owned()),
        ..purchase(id, price, state)
    };
    let receipt = "rcp_1".to_owned();
    one.write(&of("r", "a", "0.10", PurchaseState::Paid { receipt }))
        .unwrap();
    one.write(&of("r", "b", "0.20", promised())).unwrap();
    one.write(&of("r", "c", "0.40", unspent())).unwrap();
    one.write(&of("s", "d", "5.00", promised())).unwrap();
    let run = |budget: Option<&str>| Run {
        id: "r".to_owned(),
        budget: budget.map(usd),
    };
    one.run_allow(usd("0.20"), &run(Some("0.50"))).unwrap();
    let refused = one.run_allow(usd("0.21"), &run(Some("0.50"))).unwrap_err();
    assert!(refused.detail.contains("0.50 USD, and 0.30 USD is spent"), "{refused}");
    assert!(one.run_allow("0.01 EUR".parse().unwrap(), &run(Some("0.50"))).is_err());
    assert!(one.run_allow(usd("0.01"), &run(None)).is_err());
    assert_eq!(one.of_run("r").count(), 3);
    let found = journal(folder.path()).paid_find("rcp_1").cloned().unwrap();
    assert_eq!(journal(folder.path()).paid_find(&found.url), Some(&found));
    assert_eq!(one.paid_find("https://site.example/b"), None);
    one.write(&of("r", "b", "0.20", shown())).unwrap();
    for name in ["https://site.example/b", "b"] {
        assert_eq!(one.paid_find(name).unwrap().id, "b");
    }
    assert_eq!(one.paid_find("a").unwrap().id, "a");
}

#[test]
fn one_process_at_a_time_has_the_folder_and_keys_take_each_others_place() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(AgentHome::open(folder.path()).err().unwrap().code, Code::NotFound);
    assert!(AgentHome::create(folder.path(), "10.0.0.1", None).is_err());
    let mut home = AgentHome::create(folder.path(), "bot.example.org", None).unwrap();
    assert_eq!(AgentHome::open(folder.path()).err().unwrap().code, Code::Conflict);
    let first = home.key().unwrap().thumbprint();
    home.key_add().unwrap();
    let second = home.key().unwrap().thumbprint();
    assert_ne!(first, second);
    assert_eq!(home.manifest().unwrap().keys.len(), 2);
    drop(home);
    assert_eq!(
        AgentHome::create(folder.path(), "bot.example.org", None)
            .err()
            .unwrap()
            .code,
        Code::Conflict
    );
    let mut home = AgentHome::open(folder.path()).unwrap();
    assert_eq!(home.keys_drop().unwrap(), 1);
    assert_eq!(home.key().unwrap().thumbprint(), second);
    assert_eq!(home.manifest().unwrap().keys.len(), 1);
}
