//! Groups of commands: all or none.

use imajin_ledger::{Command, EntryKind, HoldCapture, Movement, Refusal};

use crate::world::{World, available, held, on_both, person, place, transfer};

on_both! {
    async fn a_group_is_booked_whole_or_not_at_all(world: World) {
        let (ann, bob, cy) = (person(1), person(2), person(3));
        world.fund("fund", &ann, 1_000).await;
        let hold = place(&world, "hold", &ann, 400);
        let hold_id = hold.id;
        let capture = |key: &str, units: i64| Command::Capture(HoldCapture {
            hold: hold_id,
            key: key.to_owned(),
            kind: EntryKind::Capture,
            reference: "a group".to_owned(),
            credits: vec![Movement::new(available(&bob), units)],
            release_rest: false,
        });
        let groups = vec![
            // Bob passes on what he gets: fine, but Cy then spends more than he has, so nothing of it happens.
            vec![Command::Place(hold.clone()), transfer("b", &ann, &bob, 600), transfer("c", &cy, &ann, 1)],
            vec![Command::Place(hold)],
            vec![capture("d", 100), transfer("e", &bob, &cy, 101)],
            vec![capture("f", 100), transfer("g", &bob, &cy, 100)],
            vec![transfer("b", &ann, &bob, 600)],
        ];
        let ledger = world.ledger.clone();
        let commands = groups.clone();
        let answers = world.db.write(move |conn| ledger.execute_linked(conn, &commands)).await;
        let answers = Result::<_, imajin_ledger::LedgerError>::unwrap(answers);
        assert!(matches!(answers[0], Err(Refusal::Insufficient { .. })), "{:?}", answers[0]);
        assert!(matches!(answers[2], Err(Refusal::Insufficient { .. })), "{:?}", answers[2]);
        let booked: Vec<Option<usize>> = answers.iter().map(|answer| answer.as_ref().ok().map(Vec::len)).collect();
        assert_eq!(booked, [None, Some(1), None, Some(2), Some(1)]);
        for (account, due) in [
            (available(&ann), 0),
            (held(&ann), 300),
            (available(&bob), 600),
            (available(&cy), 100),
        ] {
            assert_eq!(world.balance(&account).await, due, "{account}");
        }
        assert_eq!(world.audit().await, []);
        // The whole again: what was booked answers as before, what was refused is tried anew.
        let ledger = world.ledger.clone();
        let again = world.db.write(move |conn| ledger.execute_linked(conn, &groups[3..])).await;
        let again = Result::<_, imajin_ledger::LedgerError>::unwrap(again);
        assert!(again.iter().all(|answer| answer.as_ref().is_ok_and(|all| all.iter().all(|one| one.entry.replayed))));
        assert_eq!(world.audit().await, []);
    }
}
