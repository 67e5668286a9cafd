use imajin_did::PublicKey;
use imajin_kernel::Timestamp;
use imajin_key_log::{EntryDraft, EntryHash, KeyHistory, KeyLog};

use crate::{Person, at, hidden, key};

/// An entry counts from its first receipt, or not at all.
fn history(log: &KeyLog, head: Option<EntryHash>) -> KeyHistory {
    let counted = |hash: EntryHash| {
        let about = log.receipts.iter().filter(|receipt| receipt.payload.entry == hash);
        about.map(|receipt| Timestamp::from_millis(receipt.timestamp)).min()
    };
    KeyHistory::of(log, head, &counted)
}

fn keys(seeds: &[u8]) -> Vec<PublicKey> {
    seeds.iter().map(|seed| key(*seed).public()).collect()
}

#[test]
fn a_key_counts_until_it_is_replaced() {
    let mut person = Person::new();
    person.now = at(1);
    let draft = EntryDraft::addition(&person.state(), &key(4).public(), person.now);
    person.accept(draft.sign(&[&key(1)]).unwrap()).unwrap();
    person.now = at(2);
    let rotation = person.rotation();
    person.accept(rotation).unwrap();
    let history = history(&person.log, person.state().head);
    assert_eq!(history.in_force(at(-1)), keys(&[1]), "before anything was published");
    assert_eq!(history.in_force(at(0)), keys(&[1]));
    assert_eq!(history.in_force(at(1)), keys(&[1, 4]));
    assert_eq!(history.in_force(at(2)), keys(&[2]));
    assert_eq!(history.in_force(at(2000)), keys(&[2]));
}

#[test]
fn what_a_recovery_displaced_counted_until_then() {
    let mut person = Person::new();
    person.now = at(1);
    let rotation = person.rotation();
    person.accept(rotation).unwrap();
    // Never witnessed: it never counted.
    let state = person.entry(0).state().unwrap();
    let stray = EntryDraft::addition(&state, &key(30).public(), person.now);
    person.log.entries.push(stray.sign(&[&key(1)]).unwrap());
    person.now = at(3);
    let recovery = person.recovery_after(0);
    person.accept(recovery).unwrap();
    let history = history(&person.log, person.state().head);
    assert_eq!(history.in_force(at(0)), keys(&[1]));
    assert_eq!(history.in_force(at(2)), keys(&[2]));
    assert_eq!(history.in_force(at(3)), keys(&[5]));
}

#[test]
fn without_a_log_the_key_that_the_did_is_counts() {
    assert_eq!(KeyHistory::implicit(&key(1).did()).in_force(at(0)), keys(&[1]));
    let draft = EntryDraft::inception(&key(1).public(), hidden(&key(2)), None, at(0));
    let log = KeyLog {
        entries: vec![draft.sign(&[&key(1)]).unwrap()],
        receipts: Vec::new(),
    };
    assert_eq!(history(&log, None).in_force(at(9)), keys(&[1]));
}
