use imajin_key_log::{EntryDraft, KeyLog, KeyLogError, Merged, Status};

use crate::{Person, at, hidden, key, witnesses};

fn seen(person: &Person) -> Merged {
    KeyLog::default()
        .merge(None, &person.log, person.now, &witnesses)
        .unwrap()
}

#[test]
fn a_log_is_pinned_and_extended() {
    let mut person = Person::new();
    let mirror = seen(&person);
    assert_eq!(mirror.pin, Some(person.entry(0).hash().unwrap()));
    let entry = person.rotation();
    person.accept(entry).unwrap();
    let later = mirror
        .log
        .merge(mirror.pin, &person.log, person.now, &witnesses)
        .unwrap();
    assert!(later.changed);
    assert_eq!(later.pin, later.state.head);
    assert_eq!(later.state.keys, [key(2).public()]);
    // An older version takes nothing back.
    let older = later.log.merge(later.pin, &mirror.log, person.now, &witnesses).unwrap();
    assert!(!older.changed);
    assert_eq!(older.state, later.state);
}

#[test]
fn a_version_without_the_pinned_head_is_contested_unless_a_recovery_displaced_it() {
    let mut person = Person::new();
    person.log.receipts.clear();
    let fork = person.rotation();
    // The mirror has seen a version that nobody witnessed.
    let mut other = person.log.clone();
    let state = person.entry(0).state().unwrap();
    let draft = EntryDraft::rotation(
        &state,
        vec![key(2).public()],
        hidden(&key(40)),
        state.recovery,
        person.now,
    );
    other.entries.push(draft.sign(&[&key(1), &key(2)]).unwrap());
    let mirror = KeyLog::default().merge(None, &other, person.now, &witnesses).unwrap();
    // What comes now was witnessed, and would win by that: but the pin is not displaced by right.
    person.accept(fork).unwrap();
    let merged = mirror
        .log
        .merge(mirror.pin, &person.log, person.now, &witnesses)
        .unwrap();
    assert_eq!(merged.state.status, Status::Contested);
    assert_eq!(merged.pin, mirror.pin);
    assert_eq!(
        merged.log.verify(person.now, &witnesses).unwrap().status,
        Status::Active
    );
    // A recovery ends it.
    person.now = at(1);
    let entry = person.recovery_after(0);
    person.accept(entry).unwrap();
    let merged = merged
        .log
        .merge(merged.pin, &person.log, person.now, &witnesses)
        .unwrap();
    assert_eq!(
        (merged.state.status, merged.state.keys),
        (Status::Active, vec![key(5).public()])
    );
}

#[test]
fn a_version_of_another_identity_or_with_a_bad_entry_changes_nothing() {
    let person = Person::new();
    let mirror = seen(&person);
    let foreign = EntryDraft::inception(&key(7).public(), None, None, person.now)
        .sign(&[&key(7)])
        .unwrap();
    let other = KeyLog {
        entries: vec![foreign],
        receipts: vec![],
    };
    let merged = mirror.log.merge(mirror.pin, &other, person.now, &witnesses);
    assert_eq!(merged, Err(KeyLogError::OtherDid));
    let mut bad = person.log.clone();
    bad.entries[0].keys.push(key(7).public());
    assert!(mirror.log.merge(mirror.pin, &bad, person.now, &witnesses).is_err());
    let mut orphan = Person::new();
    let entry = orphan.rotation();
    orphan.accept(entry).unwrap();
    orphan.log.entries.remove(0);
    orphan.log.receipts.remove(0);
    assert_eq!(
        KeyLog::default().merge(None, &orphan.log, person.now, &witnesses),
        Err(KeyLogError::PrevUnknown)
    );
}

#[test]
fn receipts_of_strangers_are_not_kept() {
    let mut person = Person::new();
    let entry = person.entry(0).clone();
    for seed in 100..190 {
        person.witness(seed, at(0), &entry);
    }
    person.witness(201, at(0), &entry);
    let other = KeyLog {
        entries: vec![entry],
        receipts: person.log.receipts.split_off(60),
    };
    let merged = KeyLog::default().merge(None, &other, person.now, &witnesses).unwrap();
    assert_eq!(merged.log.receipts.len(), 1);
}

#[test]
fn a_pin_that_is_not_in_the_log_is_missed() {
    let mut person = Person::new();
    let entry = person.rotation();
    person.accept(entry).unwrap();
    let pin = person.state().head.unwrap();
    let short = Person::new().log;
    assert_eq!(
        short.verify_pinned(pin, person.now, &witnesses),
        Err(KeyLogError::PinLost)
    );
    assert_eq!(
        person.log.verify_pinned(pin, person.now, &witnesses),
        Ok(person.state())
    );
}

#[test]
fn an_entry_from_the_future_is_not_merged() {
    let person = Person::new();
    let mirror = seen(&person);
    // Whoever has one device could otherwise stop every later change.
    let draft = EntryDraft::addition(&person.state(), &key(30).public(), at(24 * 365));
    let mut other = person.log.clone();
    other.entries.push(draft.sign(&[&key(1)]).unwrap());
    let merged = mirror.log.merge(mirror.pin, &other, person.now, &witnesses);
    assert_eq!(merged.unwrap_err(), KeyLogError::WrongTime);
    let merged = mirror.log.merge(mirror.pin, &other, at(24 * 365), &witnesses);
    assert!(merged.unwrap().changed, "until its time has come");
}

#[test]
fn what_nobody_speaks_for_need_not_be_kept() {
    let mut person = Person::new();
    let entry = person.rotation();
    person.accept(entry).unwrap();
    let mirror = seen(&person);
    // The key that was replaced can sign any number of entries after the first one.
    let state = person.entry(0).state().unwrap();
    let mut other = person.log.clone();
    for seed in 30..40 {
        let draft = EntryDraft::addition(&state, &key(seed).public(), person.now);
        other.entries.push(draft.sign(&[&key(1)]).unwrap());
    }
    let merged = mirror.log.merge(mirror.pin, &other, person.now, &witnesses).unwrap();
    assert_eq!((merged.log.entries.len(), &merged.state), (12, &mirror.state));
    let kept = merged.log.without_strays(&mirror.log, merged.state.head);
    assert_eq!(kept, mirror.log);
    // One that a witness has seen is evidence, and so is what leads to it.
    let stray = other.entries[5].clone();
    let draft = EntryDraft::addition(&stray.state().unwrap(), &key(50).public(), person.now);
    let witnessed = draft.sign(&[&key(1)]).unwrap();
    other.entries.push(witnessed.clone());
    other
        .receipts
        .push(imajin_key_log::receipt_sign(&key(201), key(201).did(), at(1), &witnessed).unwrap());
    let merged = mirror.log.merge(mirror.pin, &other, at(1), &witnesses).unwrap();
    let kept = merged.log.without_strays(&mirror.log, merged.state.head);
    assert_eq!(kept.entries.len(), 4);
    assert!(kept.entries.contains(&stray) && kept.entries.contains(&witnessed));
    assert_eq!(
        mirror.log.merge(mirror.pin, &kept, at(1), &witnesses).unwrap().state,
        merged.state
    );
}

#[test]
fn the_path_to_a_head_is_in_order() {
    let mut person = Person::new();
    let entry = person.rotation();
    person.accept(entry).unwrap();
    let head = person.state().head.unwrap();
    person.log.entries.reverse();
    let path: Vec<u32> = person.log.path_to(head).iter().map(|entry| entry.seq).collect();
    assert_eq!(path, [0, 1]);
}
