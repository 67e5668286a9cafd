use imajin_did::PublicKey;
use imajin_kernel::Span;
use imajin_key_log::{Change, EntryDraft, KeyHash, KeyLog, Status};
use proptest::prelude::*;

use crate::{Person, at, hidden, key, witnesses};

/// What an honest owner does next.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Add,
    Rotate { keep: bool },
    Recover,
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    let deed = prop_oneof![
        3 => Just(Deed::Add),
        2 => any::<bool>().prop_map(|keep| Deed::Rotate { keep }),
        1 => Just(Deed::Recover),
    ];
    prop::collection::vec(deed, 0..12)
}

/// The owner's own view of what it has: seeds of the current keys, of the hidden one, of the recovery key.
struct Owner {
    person: Person,
    keys: Vec<u8>,
    hidden: u8,
    recovery: u8,
    fresh: u8,
}

impl Owner {
    fn new() -> Self {
        Self {
            person: Person::new(),
            keys: vec![1],
            hidden: 2,
            recovery: 9,
            fresh: 50,
        }
    }

    fn fresh(&mut self) -> u8 {
        self.fresh += 1;
        self.fresh
    }

    fn publics(&self) -> Vec<PublicKey> {
        self.keys.iter().map(|seed| key(*seed).public()).collect()
    }

    fn act(&mut self, deed: Deed) {
        self.person.now = self.person.now.plus(Span::hours(1));
        let (state, now) = (self.person.state(), self.person.now);
        let recovery = |seed: u8| Some(key(seed).public());
        let (entry, change) = match deed {
            Deed::Add => {
                let device = self.fresh();
                self.keys.push(device);
                let draft = EntryDraft::addition(&state, &key(device).public(), now);
                (draft.sign(&[&key(self.keys[0])]), Change::Addition)
            }
            Deed::Rotate { keep } => {
                let (signer, revealed) = (self.keys[0], self.hidden);
                self.keys = if keep { vec![revealed, signer] } else { vec![revealed] };
                self.hidden = self.fresh();
                let next = hidden(&key(self.hidden));
                let draft = EntryDraft::rotation(&state, self.publics(), next, recovery(self.recovery), now);
                (draft.sign(&[&key(signer), &key(revealed)]), Change::Rotation)
            }
            Deed::Recover => {
                let signer = self.recovery;
                (self.keys, self.hidden, self.recovery) = (vec![self.fresh()], self.fresh(), self.fresh());
                let next = hidden(&key(self.hidden));
                let draft = EntryDraft::recovery(&state, self.publics(), next, recovery(self.recovery), now);
                (draft.sign(&[&key(signer)]), Change::Recovery)
            }
        };
        assert_eq!(self.person.accept(entry.unwrap()), Ok(change));
    }
}

impl Owner {
    fn fresh_pair(deeds: &[Deed]) -> Self {
        let mut owner = Self::new();
        for deed in deeds {
            owner.act(*deed);
        }
        owner
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn honest_histories_verify_in_any_order(deeds in deeds(), turn in 0_usize..12) {
        let owner = Owner::fresh_pair(&deeds);
        let state = owner.person.state();
        prop_assert_eq!(&state.keys, &owner.publics());
        prop_assert_eq!(state.next_key_hash, hidden(&key(owner.hidden)));
        prop_assert_eq!(usize::try_from(state.seq).unwrap(), deeds.len());
        prop_assert_eq!(state.status, Status::Active);
        let mut log = owner.person.log.clone();
        let turn = turn % log.entries.len();
        log.entries.rotate_left(turn);
        log.receipts.reverse();
        prop_assert_eq!(log.verify(owner.person.now, &witnesses).unwrap(), state);
    }

    #[test]
    fn any_byte_that_is_changed_is_refused_or_changes_nothing(
        deeds in deeds(), place: prop::sample::Index, byte in 0x20_u8..0x7f,
    ) {
        let owner = Owner::fresh_pair(&deeds);
        let state = owner.person.state();
        let mut text = serde_json::to_vec(&owner.person.log).unwrap();
        let place = place.index(text.len());
        text[place] = byte;
        if let Ok(log) = imajin_proof::jcs::from_slice::<KeyLog>(&text)
            && let Ok(other) = log.verify(owner.person.now, &witnesses)
        {
            prop_assert_eq!(other, state);
        }
    }

    #[test]
    fn a_thief_with_one_device_key_never_removes_a_key(
        deeds in deeds(), device: prop::sample::Index, listed in prop::collection::vec(0_u8..8, 0..5),
        next in 0_u8..3, recovery in 0_u8..3, also: bool, hours in 0_i64..200,
    ) {
        let mut owner = Owner::fresh_pair(&deeds);
        let state = owner.person.state();
        let stolen = owner.keys[device.index(owner.keys.len())];
        // Any of the identity's keys, which are public, and keys of the thief's own.
        let of = |index: u8| {
            let place = usize::from(index);
            state.keys.get(place).copied().unwrap_or_else(|| key(100 + index).public())
        };
        let next = [state.next_key_hash, None, Some(KeyHash::of(&key(110).public()))][usize::from(next)];
        let recovery = [state.recovery, None, Some(key(111).public())][usize::from(recovery)];
        let keys: Vec<PublicKey> = listed.iter().map(|index| of(*index)).collect();
        owner.person.now = owner.person.now.plus(Span::hours(hours));
        let draft = EntryDraft::rotation(&state, keys, next, recovery, owner.person.now);
        let own = key(100);
        let signers = if also { vec![key(stolen), own] } else { vec![key(stolen)] };
        let entry = draft.sign(&signers.iter().collect::<Vec<_>>()).unwrap();
        if let Ok(change) = owner.person.accept(entry) {
            prop_assert_eq!(change, Change::Addition);
        }
        let after = owner.person.state();
        prop_assert!(state.keys.iter().all(|key| after.keys.contains(key)));
        prop_assert_eq!(after.recovery, state.recovery);
        prop_assert_eq!(after.next_key_hash, state.next_key_hash);
    }

    #[test]
    fn what_the_recovery_key_says_in_time_stands(deeds in deeds(), hours in 0_i64..72) {
        // The thief has everything but the paper.
        let mut owner = Owner::fresh_pair(&deeds);
        let place = owner.person.log.entries.len() - 1;
        let recovery = owner.recovery;
        owner.act(Deed::Rotate { keep: false });
        owner.act(Deed::Add);
        owner.person.now = owner.person.now.plus(Span::hours(hours)).minus(Span::hours(2));
        let state = owner.person.entry(place).state().unwrap();
        let draft = EntryDraft::recovery(&state, vec![key(120).public()], None, None, owner.person.now);
        let entry = draft.sign(&[&key(recovery)]).unwrap();
        prop_assert_eq!(owner.person.accept(entry), Ok(Change::Recovery));
        owner.person.now = at(5_000);
        prop_assert_eq!(owner.person.state().keys, [key(120).public()]);
    }
}
