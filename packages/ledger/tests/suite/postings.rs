use imajin_ledger::{
    AccountKey, Command, EntryKind, LedgerError, Movement, Owner, Posting, Purpose, Refusal, checkpoint_sign,
    entry_fetch, statement_list,
};
use imajin_money::Asset;

use crate::world::{ASSET, World, available, held, on_both, person, post, rail, transfer};

on_both! {
    async fn money_moves_and_a_statement_shows_it(world: World) {
        let (ann, bob) = (person(1), person(2));
        world.fund("fund", &ann, 1_000).await;
        let moved = world.execute_one(transfer("t1", &ann, &bob, 300)).await.unwrap();
        world.execute_one(transfer("t2", &ann, &bob, 200)).await.unwrap();
        assert_eq!((world.balance(&available(&ann)).await, world.balance(&available(&bob)).await), (500, 500));
        assert_eq!(world.balance(&rail()).await, -1_000);
        let (sealer, account) = (world.sealer.clone(), available(&ann));
        let lines = world.db.read(move |conn| statement_list(conn, &sealer, &account, None, 2)).await;
        let lines: Vec<_> = Result::<_, LedgerError>::unwrap(lines);
        assert_eq!(lines.iter().map(|line| (line.number, line.units, line.balance_after)).collect::<Vec<_>>(),
            [(3, -200, 500), (2, -300, 700)]);
        let (sealer, account) = (world.sealer.clone(), available(&ann));
        let rest = world.db.read(move |conn| statement_list(conn, &sealer, &account, Some(2), 2)).await;
        assert_eq!(Result::<_, LedgerError>::unwrap(rest).iter().map(|line| line.number).collect::<Vec<_>>(), [1]);
        let (sealer, id) = (world.sealer.clone(), moved.entry.id);
        let entry = world.db.read(move |conn| entry_fetch(conn, &sealer, id)).await;
        let entry = Result::<_, LedgerError>::unwrap(entry).unwrap();
        assert_eq!((entry.hash, entry.seq, entry.legs), (moved.entry.hash, 2, moved.legs));
        assert_eq!(world.audit().await, []);
    }

    async fn what_must_not_be_booked_is_refused_and_leaves_no_trace(world: World) {
        let (ann, bob) = (person(1), person(2));
        world.fund("fund", &ann, 100).await;
        let usd = AccountKey::new(bob.clone(), Asset::USD, Purpose::Available);
        let move_of = |from: AccountKey, to: AccountKey, units: i64| {
            vec![Movement::new(from, -units), Movement::new(to, units)]
        };
        let refused = [
            (transfer("a", &ann, &bob, 101), "100 too little"),
            (transfer("b", &ann, &bob, 0), "nothing"),
            (post("c", vec![Movement::new(available(&ann), -1)]), "one leg"),
            (post("d", vec![Movement::new(available(&ann), -1), Movement::new(available(&bob), 2)]), "unbalanced"),
            (post("e", move_of(available(&ann), usd, 1)), "two assets"),
            (post("f", move_of(available(&ann), held(&bob), 1)), "held without a hold"),
            (post("", move_of(available(&ann), available(&bob), 1)), "no key"),
            (post(&"k".repeat(256), move_of(available(&ann), available(&bob), 1)), "long key"),
            (post("g", move_of(rail(), available(&ann), i64::MAX)), "overflow"),
            (transfer("h", &bob, &ann, 1), "an account that is not there"),
        ];
        let commands: Vec<Command> = refused.iter().map(|(command, _)| command.clone()).collect();
        for (answer, (_, why)) in world.execute(commands).await.into_iter().zip(&refused) {
            assert!(answer.is_err(), "{why}");
        }
        assert_eq!(world.balance(&available(&ann)).await, 100);
        assert_eq!(world.audit().await, []);
        let seq = world.execute_one(transfer("z", &ann, &bob, 1)).await.unwrap().entry.seq;
        assert_eq!(seq, 2, "a refused command took a place in the chain");
    }

    async fn one_batch_books_each_command_on_its_own(world: World) {
        let (ann, bob, eve) = (person(1), person(2), person(3));
        world.fund("fund", &ann, 10).await;
        let answers = world.execute(vec![
            transfer("1", &ann, &bob, 6),
            transfer("2", &ann, &eve, 6),
            transfer("3", &bob, &eve, 6),
            transfer("1", &ann, &bob, 6),
        ]).await;
        assert!(answers[0].is_ok());
        assert!(matches!(answers[1], Err(Refusal::Insufficient { .. })));
        assert!(answers[2].is_ok(), "it may spend what came in earlier in the batch");
        assert_eq!(answers[3].as_ref().unwrap().entry.id, answers[0].as_ref().unwrap().entry.id);
        assert!(answers[3].as_ref().unwrap().entry.replayed);
        assert_eq!(world.balance(&available(&eve)).await, 6);
        assert_eq!(world.audit().await, []);
    }

    async fn the_same_key_is_the_same_command_or_a_refusal(world: World) {
        let (ann, bob) = (person(1), person(2));
        world.fund("fund", &ann, 100).await;
        let first = world.execute_one(transfer("t", &ann, &bob, 40)).await.unwrap();
        let again = world.execute_one(transfer("t", &ann, &bob, 40)).await.unwrap();
        assert_eq!((again.entry.id, again.entry.hash, again.legs.clone()),
            (first.entry.id, first.entry.hash, first.legs.clone()));
        assert!(again.entry.replayed && !first.entry.replayed);
        assert_eq!(world.execute_one(transfer("t", &ann, &bob, 41)).await, Err(Refusal::KeyReused));
        let other = Posting {
            key: "t".to_owned(), kind: EntryKind::Unmatched, reference: "a test".to_owned(),
            movements: vec![Movement::new(available(&ann), -40), Movement::new(available(&bob), 40)],
        };
        assert_eq!(world.execute_one(Command::Post(other)).await, Err(Refusal::KeyReused));
        assert_eq!(world.balance(&available(&bob)).await, 40);
    }

    async fn sixty_four_callers_never_overdraw_one_balance(world: World) {
        let (ann, bob) = (person(1), person(2));
        world.fund("fund", &ann, 1_000).await;
        let calls = (0..64).map(|number| world.execute_one(transfer(&format!("t{number}"), &ann, &bob, 30)));
        let answers = futures_all(calls).await;
        let paid = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(paid, 33);
        assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(Refusal::Insufficient { .. }))));
        assert_eq!((world.balance(&available(&ann)).await, world.balance(&available(&bob)).await), (10, 990));
        assert_eq!(world.audit().await, []);
    }

    async fn a_checkpoint_signs_the_head_once(world: World) {
        world.fund("fund", &person(1), 5).await;
        for signed in [true, false] {
            let (ledger, keyring) = (world.ledger.clone(), world.keyring.clone());
            let did = world.db.write(move |conn| checkpoint_sign(conn, &ledger, &keyring)).await;
            assert_eq!(Result::<_, LedgerError>::unwrap(did), signed);
        }
        assert_eq!(world.audit().await, []);
    }
}

/// Polls all at once on the runtime's threads.
async fn futures_all<F: Future>(calls: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<_> = calls.map(|call| (Box::pin(call), None)).collect();
    std::future::poll_fn(move |context| {
        for (call, output) in &mut pending {
            if output.is_none()
                && let std::task::Poll::Ready(value) = call.as_mut().poll(context)
            {
                *output = Some(value);
            }
        }
        if pending.iter().any(|(_, output)| output.is_none()) {
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(pending.iter_mut().filter_map(|(_, output)| output.take()).collect())
    })
    .await
}

/// Two processes on one Postgres, each with its chain, behave as one; also when both open the same account at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_on_one_postgres_behave_as_one() {
    let one = World::new(imajin_testkit::Backend::Postgres);
    let two = one.another("two");
    let (ann, bob): (Owner, Owner) = (person(1), person(2));
    one.fund("fund", &ann, 1_000).await;
    let calls = (0..40).map(|number| {
        let world = if number % 2 == 0 { &one } else { &two };
        world.execute_one(transfer(&format!("t{number}"), &ann, &bob, 30))
    });
    let paid = futures_all(calls).await.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(paid, 33);
    for round in 10..20 {
        let fresh = person(round);
        let keys = [format!("a{round}"), format!("b{round}")];
        tokio::join!(one.fund(&keys[0], &fresh, 5), two.fund(&keys[1], &fresh, 7));
        assert_eq!(one.balance(&available(&fresh)).await, 12);
    }
    assert_eq!(one.balance(&available(&ann)).await, 10);
    assert_eq!(one.balance(&AccountKey::rail("sandbox", ASSET)).await, -1_120);
    assert_eq!(one.audit().await, []);
}

/// Two processes open some of the same accounts at once: what the slower one had opened before it noticed is not
/// counted twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_open_several_accounts_at_once() {
    let one = World::new(imajin_testkit::Backend::Postgres);
    let two = one.another("two");
    let shared = |key: &str, people: &[&Owner]| {
        let units = i64::try_from(people.len()).unwrap();
        let shares = people.iter().map(|person| Movement::new(available(person), 1));
        post(key, shares.chain([Movement::new(rail(), -units)]).collect())
    };
    for round in 10..40 {
        let [first, second, third, fourth] = [0, 1, 2, 3].map(|number| person(round * 4 + number));
        let mine = shared(&format!("a{round}"), &[&first, &second, &third]);
        let theirs = shared(&format!("b{round}"), &[&second, &third, &fourth]);
        let (mine, theirs) = tokio::join!(one.execute_one(mine), two.execute_one(theirs));
        assert!(mine.is_ok() && theirs.is_ok());
        for (person, units) in [(&first, 1), (&second, 2), (&third, 2), (&fourth, 1)] {
            assert_eq!(one.balance(&available(person)).await, units, "round {round}");
        }
    }
    assert_eq!(one.audit().await, []);
}
