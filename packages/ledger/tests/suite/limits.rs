//! What an account may do at most.

use imajin_kernel::Span;
use imajin_ledger::{
    AccountKey, Command, EntryKind, LedgerError, Limit, Limits, Movement, Owner, Posting, Refusal, limited_page,
};

use crate::world::{ASSET, World, available, held, on_both, person, place, post, rail, transfer};

async fn limit(world: &World, key: &AccountKey, limits: Limits) -> Result<(), Refusal> {
    let (ledger, key) = (world.ledger.clone(), key.clone());
    let set: Result<_, LedgerError> = world.db.write(move |conn| ledger.limits_set(conn, &key, limits)).await;
    set.unwrap()
}

fn of_kind(kind: EntryKind, key: &str, movements: Vec<Movement>) -> Command {
    Command::Post(Posting {
        key: key.to_owned(),
        kind,
        reference: "a test".to_owned(),
        movements,
    })
}

fn payout(key: &str, owner: &Owner, units: i64) -> Command {
    let movements = vec![Movement::new(available(owner), -units), Movement::new(rail(), units)];
    of_kind(EntryKind::Payout, key, movements)
}

fn broken(answer: Result<imajin_ledger::Outcome, Refusal>) -> (Limit, String, String) {
    match answer {
        Err(Refusal::Limited {
            limit,
            allowed,
            would_be,
        }) => (
            limit,
            allowed.amount.micros().to_string(),
            would_be.amount.micros().to_string(),
        ),
        other => panic!("it should break a limit: {other:?}"),
    }
}

fn is(limit: Limit, allowed: i64, would_be: i64) -> (Limit, String, String) {
    (limit, allowed.to_string(), would_be.to_string())
}

on_both! {
    async fn a_limit_of_an_entry_refuses_more(world: World) {
        let (ann, bob) = (person(1), person(2));
        world.fund("fund", &ann, 100).await;
        let limits = Limits { entry_max: Some(30), ..Limits::default() };
        limit(&world, &available(&ann), limits).await.unwrap();
        assert_eq!(broken(world.execute_one(transfer("a", &ann, &bob, 31)).await), is(Limit::EntryMax, 30, 31));
        let hold = Command::Place(place(&world, "h", &ann, 31));
        assert_eq!(broken(world.execute_one(hold).await), is(Limit::EntryMax, 30, 31));
        // Two legs of one entry count together.
        let twice = vec![
            Movement::new(available(&ann), -20),
            Movement::new(available(&ann), -20),
            Movement::new(available(&bob), 40),
        ];
        assert_eq!(broken(world.execute_one(post("b", twice)).await), is(Limit::EntryMax, 30, 40));
        world.execute_one(transfer("c", &ann, &bob, 30)).await.unwrap();
        limit(&world, &available(&ann), Limits::default()).await.unwrap();
        world.execute_one(transfer("d", &ann, &bob, 70)).await.unwrap();
        assert_eq!(world.audit().await, []);
    }

    async fn a_limit_of_a_day_counts_what_has_left_and_ends_with_the_day(world: World) {
        let (ann, bob) = (person(1), person(2));
        world.fund("fund", &ann, 1_000).await;
        world.execute_one(transfer("before", &ann, &bob, 40)).await.unwrap();
        let limits = Limits { day_max: Some(100), ..Limits::default() };
        limit(&world, &available(&ann), limits).await.unwrap();
        // What left before the limit was set counts.
        assert_eq!(broken(world.execute_one(transfer("a", &ann, &bob, 61)).await), is(Limit::DayMax, 100, 101));
        world.execute_one(transfer("b", &ann, &bob, 50)).await.unwrap();
        let answers = world.execute(vec![
            transfer("c", &ann, &bob, 6),
            transfer("d", &ann, &bob, 5),
            transfer("e", &ann, &bob, 4),
        ]).await;
        assert!(answers[0].is_ok() && answers[2].is_ok());
        assert_eq!(broken(answers[1].clone()), is(Limit::DayMax, 100, 101));
        assert_eq!(broken(world.execute_one(payout("p", &ann, 1)).await), is(Limit::DayMax, 100, 101));
        world.later(Span::days(1));
        world.execute_one(transfer("f", &ann, &bob, 100)).await.unwrap();
        assert_eq!(broken(world.execute_one(transfer("g", &ann, &bob, 1)).await), is(Limit::DayMax, 100, 101));
        assert_eq!(world.audit().await, []);
    }

    async fn what_is_undone_with_its_group_does_not_count_for_the_day(world: World) {
        let (ann, bob, eve) = (person(1), person(2), person(3));
        world.fund("fund", &ann, 100).await;
        let limits = Limits { day_max: Some(50), ..Limits::default() };
        limit(&world, &available(&ann), limits).await.unwrap();
        let groups = vec![
            vec![transfer("a", &ann, &bob, 50), transfer("b", &eve, &bob, 1)],
            vec![transfer("c", &ann, &bob, 50)],
        ];
        let ledger = world.ledger.clone();
        let answers: Result<_, LedgerError> =
            world.db.write(move |conn| ledger.execute_linked(conn, &groups)).await;
        let answers = answers.unwrap();
        assert!(answers[0].is_err() && answers[1].is_ok(), "{answers:?}");
        assert_eq!(world.audit().await, []);
    }

    async fn a_ceiling_refuses_choices_and_takes_what_has_happened(world: World) {
        let (ann, bob) = (person(1), person(2));
        world.fund("fund", &bob, 500).await;
        let limits = Limits { balance_max: Some(100), ..Limits::default() };
        limit(&world, &available(&ann), limits).await.unwrap();
        world.execute_one(transfer("a", &bob, &ann, 100)).await.unwrap();
        assert_eq!(broken(world.execute_one(transfer("b", &bob, &ann, 1)).await), is(Limit::BalanceMax, 100, 101));
        for (number, kind) in [EntryKind::Settlement, EntryKind::Refund, EntryKind::Dispute].into_iter().enumerate() {
            let moves = vec![Movement::new(available(&bob), -10), Movement::new(available(&ann), 10)];
            world.execute_one(of_kind(kind, &format!("s{number}"), moves)).await.unwrap();
        }
        assert_eq!(world.balance(&available(&ann)).await, 130);
        // It may go down from above its ceiling.
        world.execute_one(transfer("c", &ann, &bob, 10)).await.unwrap();
        assert_eq!(world.audit().await, []);
    }

    async fn a_floor_keeps_what_must_stay(world: World) {
        let (ann, bob) = (person(1), person(2));
        world.fund("fund", &ann, 100).await;
        let limits = Limits { balance_min: Some(25), ..Limits::default() };
        limit(&world, &available(&ann), limits).await.unwrap();
        assert_eq!(broken(world.execute_one(transfer("a", &ann, &bob, 76)).await), is(Limit::BalanceMin, 25, 24));
        world.execute_one(transfer("b", &ann, &bob, 75)).await.unwrap();
        let hold = Command::Place(place(&world, "h", &ann, 1));
        assert_eq!(broken(world.execute_one(hold).await), is(Limit::BalanceMin, 25, 24));
        assert_eq!(world.audit().await, []);
    }

    async fn a_rail_pays_out_no_more_than_came_in_and_takes_back_what_it_did_not_send(world: World) {
        let (ann, other) = (person(1), AccountKey::rail("other", ASSET));
        world.fund("fund", &ann, 60).await;
        let more = vec![Movement::new(other, -60), Movement::new(available(&ann), 60)];
        world.execute_one(of_kind(EntryKind::Payment, "more", more)).await.unwrap();
        let limits = Limits { balance_max: Some(0), entry_max: Some(60), ..Limits::default() };
        limit(&world, &rail(), limits).await.unwrap();
        assert_eq!(broken(world.execute_one(payout("a", &ann, 61)).await), is(Limit::EntryMax, 60, 61));
        world.execute_one(payout("b", &ann, 60)).await.unwrap();
        assert_eq!(broken(world.execute_one(payout("c", &ann, 1)).await), is(Limit::BalanceMax, 0, 1));
        let ceiling = Limits { balance_max: Some(10), ..Limits::default() };
        limit(&world, &available(&ann), ceiling).await.unwrap();
        world.execute_one(payout("back", &ann, -60)).await.unwrap();
        assert_eq!(world.audit().await, []);
    }

    async fn limits_that_an_account_cannot_have_are_refused(world: World) {
        let ann = person(1);
        let some = Limits { entry_max: Some(1), ..Limits::default() };
        let refused = [
            (held(&ann), some),
            (AccountKey { owner: ann.clone(), ..rail() }, some),
            (AccountKey { owner: Owner::Rail("x".to_owned()), ..available(&ann) }, some),
            (available(&ann), Limits { day_max: Some(-1), ..Limits::default() }),
            (available(&ann), Limits { balance_min: Some(2), balance_max: Some(1), ..Limits::default() }),
            (rail(), Limits { balance_min: Some(0), ..Limits::default() }),
        ];
        for (key, limits) in refused {
            assert_eq!(limit(&world, &key, limits).await, Err(Refusal::NoLimits), "{key} {limits:?}");
        }
    }

    async fn limited_accounts_are_listed_a_page_at_a_time(world: World) {
        for number in 1..=3 {
            let limits = Limits { entry_max: Some(i64::from(number)), ..Limits::default() };
            limit(&world, &available(&person(number)), limits).await.unwrap();
        }
        limit(&world, &available(&person(2)), Limits::default()).await.unwrap();
        let (sealer, now) = (world.sealer.clone(), world.env.now());
        let pages: Result<_, LedgerError> = world
            .db
            .read(move |conn| {
                let first = limited_page(conn, &sealer, now, "", 1)?;
                let after = first[0].account.key.id().to_string();
                Ok((first, limited_page(conn, &sealer, now, &after, 5)?))
            })
            .await;
        let (first, rest) = pages.unwrap();
        assert_eq!((first.len(), rest.len()), (1, 1));
        let mut found: Vec<_> = [&first[0], &rest[0]].map(|limited| limited.account.limits.entry_max).into();
        found.sort();
        assert_eq!(found, [Some(1), Some(3)]);
        assert_eq!(world.audit().await, []);
    }
}
