use imajin_kernel::Span;
use imajin_kernel::id::HoldId;
use imajin_ledger::{
    AccountKey, Command, EntryKind, Hold, HoldCapture, HoldPlace, HoldRelease, HoldState, LedgerError, Movement, Owner,
    Refusal, Release, hold_expired_list, hold_fetch,
};
use imajin_money::{Amount, Asset};

use crate::world::{ASSET, World, available, held, on_both, person, place, rail};

fn capture(key: &str, hold: HoldId, to: &Owner, units: i64, release_rest: bool) -> Command {
    Command::Capture(HoldCapture {
        hold,
        key: key.to_owned(),
        kind: EntryKind::Capture,
        reference: "a test".to_owned(),
        credits: vec![Movement::new(available(to), units)],
        release_rest,
    })
}

fn release(key: &str, hold: HoldId, why: Release) -> Command {
    Command::Release(HoldRelease {
        hold,
        key: key.to_owned(),
        why,
        reference: "a test".to_owned(),
    })
}

async fn fetch(world: &World, id: HoldId) -> Hold {
    let sealer = world.sealer.clone();
    let found: Result<_, LedgerError> = world.db.read(move |conn| hold_fetch(conn, &sealer, id)).await;
    found.unwrap().unwrap()
}

on_both! {
    async fn a_hold_is_captured_in_parts_and_the_rest_goes_back(world: World) {
        let (ann, bob) = (person(1), person(2));
        world.fund("fund", &ann, 100).await;
        let wish = place(&world, "h", &ann, 80);
        let hold = wish.id;
        world.execute_one(Command::Place(wish)).await.unwrap();
        assert_eq!((world.balance(&available(&ann)).await, world.balance(&held(&ann)).await), (20, 80));
        world.execute_one(capture("c1", hold, &bob, 30, false)).await.unwrap();
        assert_eq!(fetch(&world, hold).await.remaining().amount.micros(), 50);
        assert!(matches!(world.execute_one(capture("c2", hold, &bob, 51, false)).await,
            Err(Refusal::HoldTooSmall { .. })));
        let done = world.execute_one(capture("c3", hold, &bob, 20, true)).await.unwrap();
        assert_eq!(done.hold.unwrap().state, HoldState::Captured);
        assert_eq!((world.balance(&available(&ann)).await, world.balance(&held(&ann)).await), (50, 0));
        assert_eq!(world.balance(&available(&bob)).await, 50);
        assert_eq!(world.execute_one(capture("c4", hold, &bob, 1, false)).await,
            Err(Refusal::HoldEnded { state: HoldState::Captured }));
        let again = world.execute_one(capture("c3", hold, &bob, 20, true)).await.unwrap();
        assert_eq!(again.entry.id, done.entry.id, "a repeated capture is the first one");
        assert_eq!(world.audit().await, []);
    }

    async fn a_hold_of_a_rail_goes_back_to_the_rail(world: World) {
        let ann = person(1);
        let id: HoldId = world.env.new_id();
        let wish = HoldPlace {
            id, key: "paid".to_owned(), source: rail(), owner: ann.clone(),
            amount: Amount::from_micros(70).unwrap(), reference: "chk".to_owned(), expires_at: None,
        };
        let placed = world.execute_one(Command::Place(wish.clone())).await.unwrap();
        assert_eq!((world.balance(&rail()).await, world.balance(&held(&ann)).await), (-70, 70));
        let again = world.execute_one(Command::Place(HoldPlace { id: world.env.new_id(), ..wish })).await.unwrap();
        assert_eq!(again.hold.unwrap().id, id, "the same payment is one hold");
        assert_eq!(again.entry.id, placed.entry.id);
        assert_eq!(world.execute_one(release("early", id, Release::Expire)).await, Err(Refusal::HoldNotExpired));
        world.execute_one(release("r", id, Release::Refund)).await.unwrap();
        assert_eq!((world.balance(&rail()).await, world.balance(&held(&ann)).await), (0, 0));
        assert!(matches!(world.execute_one(release("r2", id, Release::Refund)).await,
            Err(Refusal::HoldEnded { .. })));
        assert!(world.execute_one(release("r", id, Release::Refund)).await.unwrap().entry.replayed);
        assert_eq!(world.audit().await, []);
    }

    async fn a_hold_expires_at_its_time_and_not_before(world: World) {
        let (ann, bob) = (person(1), person(2));
        world.fund("fund", &ann, 10).await;
        let wish = place(&world, "h", &ann, 10);
        let hold = wish.id;
        world.execute_one(Command::Place(wish)).await.unwrap();
        world.later(Span::hours(1));
        assert_eq!(world.execute_one(capture("c", hold, &bob, 1, false)).await, Err(Refusal::HoldExpired));
        let now = world.env.now();
        let due: Result<_, LedgerError> = world.db.read(move |conn| hold_expired_list(conn, now, None, 10)).await;
        let due = due.unwrap();
        assert_eq!(due.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [hold]);
        let after = due.last().copied();
        let rest: Result<_, LedgerError> = world.db.read(move |conn| hold_expired_list(conn, now, after, 10)).await;
        assert_eq!(rest.unwrap(), []);
        let ended = world.execute_one(release("x", hold, Release::Expire)).await.unwrap();
        assert_eq!(ended.hold.unwrap().state, HoldState::Expired);
        assert_eq!(world.balance(&available(&ann)).await, 10);
        assert_eq!(world.audit().await, []);
    }

    async fn a_hold_is_bound_to_its_asset_its_owner_and_its_balance(world: World) {
        let (ann, bob) = (person(1), person(2));
        world.fund("fund", &ann, 10).await;
        assert!(matches!(world.execute_one(Command::Place(place(&world, "big", &ann, 11))).await,
            Err(Refusal::Insufficient { .. })));
        let wish = place(&world, "h", &ann, 10);
        let hold = wish.id;
        world.execute_one(Command::Place(wish)).await.unwrap();
        let usd = Movement::new(AccountKey::new(bob.clone(), Asset::USD, imajin_ledger::Purpose::Available), 5);
        let other = HoldCapture {
            hold, key: "usd".to_owned(), kind: EntryKind::Capture, reference: "x".to_owned(),
            credits: vec![usd], release_rest: false,
        };
        assert_eq!(world.execute_one(Command::Capture(other.clone())).await, Err(Refusal::HoldOtherAsset));
        let negative = HoldCapture { credits: vec![Movement::new(available(&bob), -5)], ..other.clone() };
        assert_eq!(world.execute_one(Command::Capture(negative)).await, Err(Refusal::Empty));
        let into_held = HoldCapture { credits: vec![Movement::new(held(&bob), 5)], ..other };
        assert_eq!(world.execute_one(Command::Capture(into_held)).await, Err(Refusal::HeldAccount));
        let unknown: HoldId = world.env.new_id();
        assert_eq!(world.execute_one(capture("u", unknown, &bob, 1, false)).await, Err(Refusal::HoldUnknown));
        assert_eq!(world.balance(&AccountKey::rail("sandbox", ASSET)).await, -10);
        assert_eq!(world.audit().await, []);
    }
}
