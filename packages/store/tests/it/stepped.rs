//! Writes that wait until a simulation says what becomes of them.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use diesel::prelude::*;
use imajin_store::{Db, Fate, Options, SealedRow, Stepper, StoreError};
use imajin_testkit::{Backend, on_both};

use crate::world::{MIGRATIONS, World, location, things};

on_both!(
    a_write_waits_and_ends_as_it_is_told,
    what_waits_at_a_sudden_end_was_never_written,
);

type Write = Pin<Box<dyn Future<Output = Result<(), StoreError>>>>;

fn open(world: &World) -> (Db, Stepper) {
    Db::open_stepped(location(&world.database), "things", &MIGRATIONS, Options::default()).unwrap()
}

fn insert(world: &World, db: &Db) -> Write {
    let (db, thing, sealer) = (db.clone(), world.thing(), world.sealer.clone());
    Box::pin(async move {
        db.write(move |conn| Ok(thing.clone().insert(conn, &sealer).map(drop)?))
            .await
    })
}

async fn waits(write: &mut Write) -> bool {
    poll_fn(|context| Poll::Ready(write.as_mut().poll(context).is_pending())).await
}

async fn count(db: &Db) -> i64 {
    let counted = db.read(|conn| Ok::<i64, StoreError>(things::table.count().get_result(conn)?));
    counted.await.unwrap()
}

async fn a_write_waits_and_ends_as_it_is_told(backend: Backend) {
    let world = World::new(backend);
    let (db, stepper) = open(&world);
    assert_eq!(stepper.step(1, Fate::Kept), 0, "nothing waits");
    for (fate, stays) in [
        (Fate::Kept, true),
        (Fate::Refused, false),
        (Fate::KeptUnheard, true),
        (Fate::LostUnheard, false),
    ] {
        let before = count(&db).await;
        let mut write = insert(&world, &db);
        assert!(waits(&mut write).await);
        assert_eq!((count(&db).await, stepper.waiting()), (before, 1));
        assert_eq!(stepper.step(10, fate), 1);
        let answer = write.await;
        let fits = match fate {
            Fate::Kept => answer.is_ok(),
            Fate::Refused => matches!(answer, Err(StoreError::Unavailable(_))),
            Fate::KeptUnheard | Fate::LostUnheard => matches!(answer, Err(StoreError::OutcomeUnknown)),
        };
        assert!(fits, "{fate:?}: {answer:?}");
        assert_eq!(count(&db).await, before + i64::from(stays), "{fate:?}");
        assert_eq!(stepper.waiting(), 0);
    }
}

async fn what_waits_at_a_sudden_end_was_never_written(backend: Backend) {
    let world = World::new(backend);
    let (db, stepper) = open(&world);
    let (mut first, mut second) = (insert(&world, &db), insert(&world, &db));
    assert!(waits(&mut first).await && waits(&mut second).await);
    assert_eq!(stepper.step(1, Fate::Kept), 1);
    drop((db, stepper));
    first.await.unwrap();
    assert!(matches!(second.await, Err(StoreError::Closed)));
    let (db, _stepper) = open(&world);
    assert_eq!(count(&db).await, 1);
}
