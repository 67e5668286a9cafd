use imajin_kernel::Span;
use imajin_key_log::{Change, EntryDraft, KeyLogError, Status};

use crate::{Person, at, hidden, key};

#[test]
fn an_existing_device_signs_a_new_one_in() {
    let mut person = Person::new();
    let entry = EntryDraft::addition(&person.state(), &key(4).public(), person.now);
    assert_eq!(person.accept(entry.sign(&[&key(1)]).unwrap()), Ok(Change::Addition));
    // The new device may sign the next one in.
    let entry = EntryDraft::addition(&person.state(), &key(5).public(), person.now);
    assert_eq!(person.accept(entry.sign(&[&key(4)]).unwrap()), Ok(Change::Addition));
    let keys = [1, 4, 5].map(|seed| key(seed).public());
    assert_eq!(person.state().keys, keys);
}

#[test]
fn a_rotation_takes_a_current_key_and_the_one_that_was_kept_back() {
    let mut person = Person::new();
    let entry = person.rotation();
    assert_eq!(person.accept(entry), Ok(Change::Rotation));
    let state = person.state();
    assert_eq!(state.keys, [key(2).public()]);
    assert_eq!((state.seq, state.status), (1, Status::Active));
    assert_eq!(state.since, Some(person.now.as_millis()));
}

#[test]
fn a_rotation_without_the_pre_rotation_key_is_refused() {
    let mut person = Person::new();
    let state = person.state();
    let thief = vec![key(7).public()];
    let cases = [
        // The thief has the phone's key and a key of its own.
        (thief.clone(), hidden(&key(8)), state.recovery, vec![key(1)]),
        (thief, hidden(&key(8)), state.recovery, vec![key(1), key(7)]),
        // It may not change the recovery key, nor forget the hidden one.
        (
            state.keys.clone(),
            state.next_key_hash,
            Some(key(7).public()),
            vec![key(1)],
        ),
        (state.keys.clone(), None, state.recovery, vec![key(1)]),
        // Nor end the identity.
        (vec![], None, None, vec![key(1)]),
    ];
    for (keys, next, recovery, signers) in cases {
        let signers: Vec<_> = signers.iter().collect();
        let draft = EntryDraft::rotation(&state, keys, next, recovery, person.now);
        assert_eq!(
            person.accept(draft.sign(&signers).unwrap()),
            Err(KeyLogError::NoPreRotation)
        );
    }
    // The hidden key has signed, but is not among the keys.
    let keys = vec![key(7).public()];
    let draft = EntryDraft::rotation(&state, keys, None, state.recovery, person.now);
    let entry = draft.sign(&[&key(1), &key(2)]).unwrap();
    assert_eq!(person.accept(entry), Err(KeyLogError::NoPreRotation));
    // It stands there without having signed.
    let keys = vec![key(2).public()];
    let draft = EntryDraft::rotation(&state, keys, None, state.recovery, person.now);
    assert_eq!(
        person.accept(draft.sign(&[&key(1)]).unwrap()),
        Err(KeyLogError::NoPreRotation)
    );
    assert_eq!(person.state().keys, [key(1).public()]);
}

#[test]
fn the_key_that_was_kept_back_alone_is_not_enough() {
    let mut person = Person::new();
    let state = person.state();
    let draft = EntryDraft::rotation(&state, vec![key(2).public()], None, state.recovery, person.now);
    assert_eq!(
        person.accept(draft.sign(&[&key(2)]).unwrap()),
        Err(KeyLogError::NotByCurrentKey)
    );
}

#[test]
fn a_hidden_key_is_announced_once() {
    let mut person = Person::new();
    let state = person.state();
    let keys = vec![key(1).public(), key(2).public()];
    let draft = EntryDraft::rotation(&state, keys, state.next_key_hash, None, person.now);
    assert_eq!(
        person.accept(draft.sign(&[&key(1), &key(2)]).unwrap()),
        Err(KeyLogError::SameKey),
        "it is no longer hidden"
    );
}

#[test]
fn the_recovery_key_sets_new_keys() {
    let mut person = Person::new();
    let entry = person.recovery_after(0);
    assert_eq!(person.accept(entry), Ok(Change::Recovery));
    let state = person.state();
    assert_eq!(state.keys, [key(5).public()]);
    assert_eq!(state.recovery, Some(key(10).public()));
    let same = EntryDraft::recovery(&state, state.keys.clone(), None, state.recovery, person.now);
    assert_eq!(
        person.accept(same.sign(&[&key(10)]).unwrap()),
        Err(KeyLogError::RecoveryForm)
    );
}

#[test]
fn a_deactivation_is_final() {
    let mut person = Person::new();
    let entry = EntryDraft::deactivation(&person.state(), person.now)
        .sign(&[&key(1), &key(2)])
        .unwrap();
    assert_eq!(person.accept(entry), Ok(Change::Deactivation));
    let state = person.state();
    assert_eq!((state.status, state.keys.len()), (Status::Deactivated, 0));
    let after = EntryDraft::recovery(&state, vec![key(5).public()], None, None, person.now);
    assert_eq!(
        person.accept(after.sign(&[&key(9)]).unwrap()),
        Err(KeyLogError::Deactivated)
    );
    // But for a recovery that displaces it in time.
    person.now = at(71);
    let entry = person.recovery_after(0);
    assert_eq!(person.accept(entry), Ok(Change::Recovery));
    assert_eq!(person.state().status, Status::Active);
}

#[test]
fn the_recovery_key_can_end_the_identity() {
    let mut person = Person::new();
    let entry = EntryDraft::deactivation(&person.state(), person.now)
        .sign(&[&key(9)])
        .unwrap();
    assert_eq!(person.accept(entry), Ok(Change::RecoveryDeactivation));
    assert_eq!(person.state().status, Status::Deactivated);
}

#[test]
fn a_back_dated_entry_is_refused() {
    let mut person = Person::new();
    let mut entry = EntryDraft::addition(&person.state(), &key(4).public(), person.now);
    assert_eq!(
        person.accept(entry.clone().sign(&[&key(1)]).unwrap()),
        Ok(Change::Addition)
    );
    // Before its predecessor.
    person.now = at(1);
    let mut early = person.state();
    early.at = 0;
    entry = EntryDraft::addition(&early, &key(5).public(), at(-1));
    person.now = at(-1);
    assert_eq!(
        person.accept(entry.sign(&[&key(1)]).unwrap()),
        Err(KeyLogError::BackDated)
    );
    // Before or after now.
    for minutes in [-6, 6] {
        person.now = at(2);
        let time = person.now.plus(Span::minutes(minutes));
        let entry = EntryDraft::addition(&person.state(), &key(5).public(), time);
        assert_eq!(
            person.accept(entry.sign(&[&key(1)]).unwrap()),
            Err(KeyLogError::WrongTime)
        );
    }
}

#[test]
fn a_replayed_entry_is_refused() {
    let mut person = Person::new();
    let entry = EntryDraft::addition(&person.state(), &key(4).public(), person.now)
        .sign(&[&key(1)])
        .unwrap();
    person.accept(entry.clone()).unwrap();
    assert_eq!(person.accept(entry.clone()), Err(KeyLogError::Known));
    person.now = at(1);
    assert_eq!(person.accept(entry.clone()), Err(KeyLogError::Known));
    // With another signature it is the same entry.
    let again = EntryDraft::addition(&person.entry(0).state().unwrap(), &key(4).public(), at(0));
    let again = again.sign(&[&key(1), &key(4)]).unwrap();
    assert_eq!(again.hash(), entry.hash());
    assert_eq!(person.accept(again), Err(KeyLogError::Known));
}

#[test]
fn an_entry_of_another_did_is_refused() {
    let mut person = Person::new();
    let mut state = person.state();
    state.did = key(7).did();
    let entry = EntryDraft::addition(&state, &key(7).public(), person.now)
        .sign(&[&key(7), &key(1)])
        .unwrap();
    assert_eq!(person.accept(entry), Err(KeyLogError::OtherDid));
    // A proof that names a key of another DID.
    let entry = EntryDraft::addition(&person.state(), &key(4).public(), person.now)
        .sign(&[&key(1)])
        .unwrap();
    let mut foreign = entry.clone();
    foreign.proof[0].verification_method = format!("{}#{}", key(7).did(), key(1).public().multikey());
    assert_eq!(person.accept(foreign), Err(KeyLogError::ProofForm));
    // A proof by somebody who has nothing to do with it.
    let mut joined = entry;
    let by_thief = EntryDraft::addition(&person.state(), &key(4).public(), person.now)
        .sign(&[&key(7)])
        .unwrap();
    joined.proof.extend(by_thief.proof);
    assert_eq!(person.accept(joined), Err(KeyLogError::ProofForm));
}

#[test]
fn an_entry_that_changes_nothing_is_refused() {
    let mut person = Person::new();
    let state = person.state();
    let draft = EntryDraft::rotation(
        &state,
        state.keys.clone(),
        state.next_key_hash,
        state.recovery,
        person.now,
    );
    assert_eq!(
        person.accept(draft.sign(&[&key(1)]).unwrap()),
        Err(KeyLogError::NothingChanges)
    );
}

#[test]
fn a_new_key_cannot_push_the_first_one_aside() {
    let mut person = Person::new();
    let state = person.state();
    let keys = vec![key(7).public(), key(1).public()];
    let draft = EntryDraft::rotation(&state, keys, state.next_key_hash, state.recovery, person.now);
    assert_eq!(
        person.accept(draft.sign(&[&key(1)]).unwrap()),
        Err(KeyLogError::NoPreRotation)
    );
}

#[test]
fn limits_hold() {
    let mut person = Person::new();
    for seed in 20..35 {
        let entry = EntryDraft::addition(&person.state(), &key(seed).public(), person.now);
        person.accept(entry.sign(&[&key(1)]).unwrap()).unwrap();
    }
    let entry = EntryDraft::addition(&person.state(), &key(35).public(), person.now)
        .sign(&[&key(1)])
        .unwrap();
    assert!(matches!(person.accept(entry), Err(KeyLogError::Limit(_))));
    let entry = EntryDraft::addition(&Person::new().state(), &key(35).public(), person.now);
    let signers = [1, 35, 9, 2, 3].map(key);
    let entry = entry.sign(&signers.iter().collect::<Vec<_>>()).unwrap();
    assert!(matches!(Person::new().accept(entry), Err(KeyLogError::Limit(_))));
    let unsigned = EntryDraft::addition(&Person::new().state(), &key(35).public(), person.now);
    assert!(matches!(
        Person::new().accept(unsigned.sign(&[]).unwrap()),
        Err(KeyLogError::Limit(_))
    ));
}
