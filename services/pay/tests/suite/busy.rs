//! More asks for money than the database keeps up with: who is refused is told when to come back, and nothing of theirs
//! is written.

use std::sync::Mutex;
use std::task::Poll;

use axum::http::StatusCode;
use futures::FutureExt;
use imajin_rails::RailOutcome;
use imajin_store::{Conn, Options, StoreError, tamper};
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::world::{World, key};

on_both!(a_full_queue_is_told_and_writes_nothing);

/// The writer of a database that works on something long, and a queue behind it in which there is no room.
struct Full {
    release: std::sync::mpsc::Sender<()>,
    waiting: JoinSet<Result<(), StoreError>>,
}

impl Full {
    async fn of(world: &World) -> Self {
        let (release, gate) = std::sync::mpsc::channel::<()>();
        let (entered, mut inside) = tokio::sync::mpsc::unbounded_channel();
        let gate = Mutex::new(gate);
        let mut waiting = JoinSet::new();
        let db = world.db.clone();
        waiting.spawn(async move {
            db.write(move |_conn: &mut Conn| -> Result<(), StoreError> {
                entered.send(()).unwrap();
                assert!(gate.lock().unwrap().recv().is_err(), "it is let go by a closed channel");
                Ok(())
            })
            .await
        });
        inside.recv().await.unwrap();
        for _place in 0..Options::default().queue_length {
            let db = world.db.clone();
            let mut write = async move { db.write(|_conn: &mut Conn| Ok(())).await }.boxed();
            // The first poll puts it into the queue.
            let polled = std::future::poll_fn(|context| Poll::Ready(write.poll_unpin(context).is_pending())).await;
            assert!(polled, "there was no room for what was to fill the queue");
            waiting.spawn(write);
        }
        Self { release, waiting }
    }

    /// The long work ends, and so does everything that waits for it.
    async fn over(mut self) {
        drop(self.release);
        while let Some(ended) = self.waiting.join_next().await {
            ended.unwrap().unwrap();
        }
    }
}

/// How many rows each table has.
async fn rows(world: &World) -> Vec<(String, usize)> {
    let read = world.db.read(|conn| {
        let mut counted = Vec::new();
        for table in tamper::tables(conn)? {
            let rows = tamper::rows(conn, &table)?.len();
            counted.push((table, rows));
        }
        Ok::<_, StoreError>(counted)
    });
    read.await.unwrap()
}

fn busy(answer: &Answer, asked: &str) {
    assert_eq!(
        answer.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{asked}: {}",
        answer.text()
    );
    assert_eq!(answer.code(), "unavailable", "{asked}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{asked}");
    let after: u32 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&after), "{asked}: {after}");
}

/// Everything at once that somebody with a balance may ask for.
fn asks(quote: &Value, hold: &Value) -> Vec<(String, Value)> {
    let one = json!({"amount": "1.00", "currency": "TEST-USD"});
    let hold = hold["id"].as_str().unwrap();
    let friend = key("friend").did();
    vec![
        ("/pay/api/holds".to_owned(), json!({"amount": one})),
        (
            format!("/pay/api/holds/{hold}/capture"),
            json!({"payee": friend, "amount": one}),
        ),
        (format!("/pay/api/holds/{hold}/void"), json!({})),
        ("/pay/api/topup".to_owned(), json!({"amount": one})),
        (
            "/pay/api/quote".to_owned(),
            json!({"goods": {"type": "tip", "id": key("other friend").did()}, "amount": one}),
        ),
        (
            "/pay/api/settle".to_owned(),
            json!({"quoteId": quote["id"], "means": "balance"}),
        ),
    ]
}

async fn a_full_queue_is_told_and_writes_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let sold = world.checkout("buyer").await;
    world.pay_for(&sold).await;
    let one = json!({"amount": "1.00", "currency": "TEST-USD"});
    let hold = world
        .post("mira", "/pay/api/holds", Some("hold"), &json!({"amount": one}))
        .await;
    let tip = json!({"goods": {"type": "tip", "id": key("friend").did()}, "amount": one});
    let quote = world.post("mira", "/pay/api/quote", Some("quote"), &tip).await;
    assert_eq!(
        (hold.status, quote.status),
        (StatusCode::CREATED, StatusCode::CREATED),
        "{}",
        quote.text()
    );
    let (hold, quote) = (hold.json(), quote.json());
    let open = world.checkout("buyer").await;
    let paid = world.event(&open, RailOutcome::Paid);
    let before = (rows(&world).await, world.available("mira").await);

    let full = Full::of(&world).await;
    for (path, body) in asks(&quote, &hold) {
        busy(&world.post("mira", &path, Some(&path), &body).await, &path);
    }
    // What a rail says is not lost either: the rail says it again.
    busy(&world.webhook(&paid).await, "the webhook");
    // Who only reads is not in the queue.
    assert_eq!(world.get(None, "/pay/api/fees").await.status, StatusCode::OK);
    assert_eq!(
        (rows(&world).await, world.available("mira").await),
        before,
        "something was written"
    );
    full.over().await;
    assert_eq!(
        (rows(&world).await, world.available("mira").await),
        before,
        "something was written later"
    );

    // The same request with the same key, as the answer has advised, is the first one.
    let again = world
        .post(
            "mira",
            "/pay/api/holds",
            Some("/pay/api/holds"),
            &json!({"amount": one}),
        )
        .await;
    assert_eq!(again.status, StatusCode::CREATED, "{}", again.text());
    assert_eq!(world.webhook(&paid).await.status, StatusCode::OK);
    world.pay.drive().await.unwrap();
    world.audit_clean().await;
}
