use imajin_consent::{IntendedUse, Spending, SpentNonces};
use imajin_did::Did;
use imajin_kernel::{Span, Timestamp};
use proptest::prelude::*;

use crate::{NOW, config, draft, key, verified};

#[test]
fn a_declaration_is_good_only_once() {
    let mut spent = SpentNonces::new(10);
    let declared = verified(&draft("fair_example01".parse().unwrap(), IntendedUse::Read));
    assert_eq!(spent.spend_declaration(&declared, NOW), Spending::Spent);
    // In the last moment in which its signature still counts.
    let last = NOW.plus(Span::seconds(300));
    assert_eq!(spent.spend_declaration(&declared, last), Spending::Before);
    let other = key(3).did();
    let until = declared.nonce_kept_until();
    assert_eq!(
        spent.spend(&other, "n-0001", until, NOW),
        Spending::Spent,
        "another's nonce"
    );
}

#[test]
fn a_flood_is_refused_and_never_makes_room_for_a_replay() {
    let (mut spent, did) = (SpentNonces::new(100), key(2).did());
    let until = NOW.plus(Span::minutes(5));
    for index in 0..100 {
        assert_eq!(spent.spend(&did, &index.to_string(), until, NOW), Spending::Spent);
    }
    assert_eq!(spent.spend(&did, "more", until, NOW), Spending::Full);
    assert_eq!(spent.spend(&did, "0", until, NOW), Spending::Before);
    assert_eq!(spent.len(), 100);
    let later = until.plus(Span::seconds(1));
    assert_eq!(
        spent.spend(&did, "more", later.plus(Span::minutes(5)), later),
        Spending::Spent
    );
    assert_eq!((spent.len(), spent.is_empty()), (1, false));
}

/// What the set should say: a list of everything that was spent.
fn model(
    spent: &mut Vec<(Did, String, Timestamp)>,
    did: &Did,
    nonce: &str,
    until: Timestamp,
    now: Timestamp,
) -> Spending {
    spent.retain(|(_, _, end)| *end >= now);
    if spent.iter().any(|(one, text, _)| one == did && text == nonce) {
        Spending::Before
    } else if spent.len() >= 5 {
        Spending::Full
    } else {
        spent.push((did.clone(), nonce.to_owned(), until));
        Spending::Spent
    }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn the_set_answers_as_the_obvious_list(
        steps in prop::collection::vec((0_u8..3, 0_u8..4, 0_i64..40, 0_i64..9), 1..60),
    ) {
        let (mut set, mut list, mut now) = (SpentNonces::new(5), Vec::new(), NOW);
        let people = [key(1).did(), key(2).did(), key(3).did()];
        for (who, nonce, life, pause) in steps {
            now = now.plus(Span::seconds(pause));
            let (did, nonce, until) = (&people[usize::from(who)], nonce.to_string(), now.plus(Span::seconds(life)));
            let expected = model(&mut list, did, &nonce, until, now);
            prop_assert_eq!(set.spend(did, &nonce, until, now), expected);
            prop_assert_eq!(set.len(), list.len());
        }
    }
}
