use imajin_key_log::{Change, Entry, EntryDraft, KeyLogError, Status};

use crate::{Person, at, hidden, key, witnesses};

/// The other rotation that whoever has both keys could make.
fn other_rotation(person: &Person) -> Entry {
    let state = person.entry(0).state().unwrap();
    EntryDraft::rotation(
        &state,
        vec![key(2).public()],
        hidden(&key(40)),
        state.recovery,
        person.now,
    )
    .sign(&[&key(1), &key(2)])
    .unwrap()
}

/// Two rotations after the first entry, seen by two witnesses at these hours.
fn forked(first: Option<i64>, second: Option<i64>) -> Person {
    let mut person = Person::new();
    let (one, two) = (person.rotation(), other_rotation(&person));
    for (node, seen, entry) in [(201, first, &one), (202, second, &two)] {
        if let Some(hours) = seen {
            person.witness(node, at(hours), entry);
        }
    }
    person.log.entries.extend([one, two]);
    person.now = at(500);
    person
}

#[test]
fn a_forked_entry_is_refused_where_the_first_was_accepted() {
    let mut person = Person::new();
    let (one, two) = (person.rotation(), other_rotation(&person));
    person.accept(one.clone()).unwrap();
    assert_eq!(person.accept(two), Err(KeyLogError::Forked));
    assert_eq!(person.state().head, Some(one.hash().unwrap()));
}

#[test]
fn the_fork_that_alone_was_witnessed_counts() {
    let person = forked(Some(0), None);
    assert_eq!(person.state().head, Some(person.entry(1).hash().unwrap()));
    let person = forked(None, Some(0));
    assert_eq!(person.state().head, Some(person.entry(2).hash().unwrap()));
}

#[test]
fn the_fork_that_was_witnessed_seventy_two_hours_earlier_counts() {
    let person = forked(Some(0), Some(72));
    assert_eq!(person.state().head, Some(person.entry(1).hash().unwrap()));
    let person = forked(Some(90), Some(10));
    assert_eq!(person.state().head, Some(person.entry(2).hash().unwrap()));
}

#[test]
fn forks_that_nobody_can_tell_apart_are_contested() {
    for (first, second) in [(None, None), (Some(0), Some(71)), (Some(5), Some(0))] {
        let person = forked(first, second);
        let state = person.state();
        assert_eq!(state.status, Status::Contested, "{first:?} {second:?}");
        assert_eq!(
            state.keys,
            [key(1).public()],
            "the keys before they part are still listed"
        );
    }
}

#[test]
fn a_receipt_of_a_stranger_settles_nothing() {
    let mut person = forked(None, None);
    let entry = person.entry(1).clone();
    person.witness(150, at(0), &entry);
    assert_eq!(person.state().status, Status::Contested);
}

#[test]
fn a_receipt_from_the_future_settles_nothing() {
    let mut person = forked(None, None);
    let entry = person.entry(1).clone();
    person.witness(200, at(501), &entry);
    assert_eq!(person.state().status, Status::Contested);
}

#[test]
fn a_recovery_ends_a_contest() {
    let mut person = forked(Some(450), Some(470));
    assert_eq!(person.state().status, Status::Contested);
    let entry = person.recovery_after(0);
    assert_eq!(person.accept(entry), Ok(Change::Recovery));
    assert_eq!(
        (person.state().status, person.state().keys),
        (Status::Active, vec![key(5).public()])
    );
}

#[test]
fn a_recovery_displaces_a_thiefs_rotation_within_seventy_two_hours() {
    let mut person = Person::new();
    // The thief has the phone and the key beside it.
    person.accept(other_rotation(&person)).unwrap();
    let state = person.state();
    let more = EntryDraft::addition(&state, &key(41).public(), person.now)
        .sign(&[&key(2)])
        .unwrap();
    person.accept(more).unwrap();
    person.now = at(72).minus(imajin_kernel::Span::millis(1));
    let entry = person.recovery_after(0);
    assert_eq!(person.accept(entry), Ok(Change::Recovery));
    person.now = at(1_000);
    assert_eq!(person.state().keys, [key(5).public()], "and stays displaced");
    // The thief goes on where it was: nothing comes of it.
    let more = EntryDraft::addition(&state, &key(42).public(), person.now)
        .sign(&[&key(2)])
        .unwrap();
    assert_eq!(person.accept(more), Err(KeyLogError::Forked));
}

#[test]
fn a_recovery_that_comes_after_seventy_two_hours_displaces_nothing() {
    let mut person = Person::new();
    person.accept(other_rotation(&person)).unwrap();
    person.now = at(72);
    let entry = person.recovery_after(0);
    assert_eq!(person.accept(entry), Err(KeyLogError::RecoveryTooLate));
    // What follows the head is never too late: the recovery key was not changed.
    let entry = person.recovery_after(1);
    assert_eq!(person.accept(entry), Ok(Change::Recovery));
}

#[test]
fn the_recoverys_own_time_is_that_of_its_receipt() {
    let mut person = Person::new();
    person.accept(other_rotation(&person)).unwrap();
    person.now = at(71);
    let entry = person.recovery_after(0);
    person.accept(entry.clone()).unwrap();
    // Its claimed time does not help it: a witness saw it later.
    person
        .log
        .receipts
        .retain(|receipt| receipt.payload.entry != entry.hash().unwrap());
    person.witness(200, at(72), &entry);
    person.now = at(100);
    assert_eq!(
        person.log.verify(person.now, &witnesses),
        Err(KeyLogError::RecoveryTooLate)
    );
}

#[test]
fn what_nobody_witnessed_is_displaced_at_any_time() {
    let mut person = Person::new();
    person.log.entries.push(other_rotation(&person));
    person.now = at(1_000);
    let entry = person.recovery_after(0);
    assert_eq!(person.accept(entry), Ok(Change::Recovery));
}

#[test]
fn two_first_entries_are_contested() {
    let mut person = Person::new();
    person.log.receipts.clear();
    let other = EntryDraft::inception(&key(1).public(), None, None, person.now)
        .sign(&[&key(1)])
        .unwrap();
    person.log.entries.push(other);
    let state = person.state();
    assert_eq!((state.status, state.head), (Status::Contested, None));
    assert_eq!(state.keys, [key(1).public()]);
}
