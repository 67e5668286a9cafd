//! The node dies while questions are answered: whoever paid has an answer, whoever has none paid nothing, and what
//! receipts say is what the ledger says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use imajin_query_api::AnswerBody;
use imajin_testkit::Backend;
use tokio::task::JoinSet;

use super::dice::Dice;
use super::rounds;
use crate::query::{did, leader, run};
use crate::support::{Asker, Buyer, Heard, Home};

const ASKERS: usize = 4;
const TOPUP: &str = "20.00 TEST-USD";
const TOPUP_MICROS: i64 = 20_000_000;
const QUESTIONS: [&str; 2] = ["What is a hold?", "Why do bees dance?"];
/// A question that a dead node had taken is given up after fifteen seconds, which the node looks for every five.
const PATIENCE: Duration = Duration::from_mins(1);
/// With so many deaths, each way in which a question can end is met.
const ROUNDS_OF_EVERYTHING: u32 = 100;

/// A question, and what its asker was told of it before somebody died.
struct Told {
    who: usize,
    key: String,
    query: &'static str,
    heard: Heard,
}

/// How the questions ended whose asker was told nothing.
#[derive(Debug, Default)]
struct Ends {
    told: u32,
    answered_later: u32,
    given_up: u32,
}

/// Asks until the node is dead.
async fn asks(asker: Arc<Asker>, who: usize, round: u32, answers: Arc<AtomicU64>) -> Vec<Told> {
    let mut told = Vec::new();
    for query in QUESTIONS.into_iter().cycle() {
        let key = format!("{round}/{}", told.len());
        let heard = asker.ask(&key, query).await;
        let is_answer = matches!(heard, Heard::Answer(_));
        assert!(is_answer || heard == Heard::Nothing, "{key}: {heard:?}");
        told.push(Told { who, key, query, heard });
        if !is_answer {
            break;
        }
        answers.fetch_add(1, Ordering::SeqCst);
    }
    told
}

/// Asks once more, until there is an answer or never will be.
async fn end(asker: &Asker, told: &Told) -> Heard {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let heard = asker.ask(&told.key, told.query).await;
        if heard != Heard::InFlight {
            return heard;
        }
        assert!(Instant::now() < deadline, "{} does not end", told.key);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What an answer cost, by its receipt.
fn cost(answer: &AnswerBody) -> (String, i64) {
    let receipt = serde_json::to_value(answer.receipt.as_ref().unwrap()).unwrap();
    let (checkout, gross) = (&receipt["payload"]["checkout"], &receipt["payload"]["gross"]);
    let fee = answer.fee.unwrap();
    assert_eq!(*gross, serde_json::to_value(fee).unwrap(), "{receipt}");
    (checkout.as_str().unwrap().to_owned(), -fee.amount.micros())
}

/// Waits until the ledger has moved this and nothing else, besides what was paid in.
async fn ledger_is(asker: &Asker, costs: &BTreeMap<String, i64>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let moved = asker.buyer.movements().await;
        let (came, gone): (BTreeMap<_, _>, BTreeMap<_, _>) = moved.into_iter().partition(|(_, units)| *units > 0);
        assert_eq!(came.values().sum::<i64>(), TOPUP_MICROS);
        if gone == *costs {
            return;
        }
        assert!(Instant::now() < deadline, "receipts: {costs:?}\nledger: {gone:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn killed_at_random(backend: Backend, rounds: u32) {
    let begun = Instant::now();
    let home = Home::new(backend);
    home.configure("[query.engine]\ntimeout_seconds = 5");
    let mut node = home.up(&[]);
    let ada = leader(&home, &node, &["--asker-daily", "100000", "--daily", "1000000"]);
    let leader = did(&ada);
    let askers: Vec<Arc<Asker>> = (0..ASKERS)
        .map(|number| {
            let asker = Asker::new(&home, &node, &format!("ben{number}"), TOPUP, &leader);
            run(&node, &ada, &["trust", "vouch"], &[&format!("@ben{number}")]).expect_success();
            Arc::new(asker)
        })
        .collect();
    let listen = node.url().trim_start_matches("http://").to_owned();
    let (dice, mut all) = (Dice::new(), Vec::new());
    for round in 0..rounds {
        let (answers, mut asking) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
        for (who, asker) in askers.iter().enumerate() {
            asking.spawn(asks(Arc::clone(asker), who, round, Arc::clone(&answers)));
        }
        let enough = 1 + dice.below(12);
        while answers.load(Ordering::SeqCst) < enough {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(dice.below(20_000))).await;
        node.kill();
        all.extend(asking.join_all().await.into_iter().flatten());
        node = home.up(&["--listen", &listen]);
    }

    let (mut ends, mut costs) = (Ends::default(), vec![BTreeMap::new(); ASKERS]);
    for told in &all {
        match (end(&askers[told.who], told).await, &told.heard) {
            (Heard::Answer(answer), before) => {
                let is_told = *before != Heard::Nothing;
                assert!(
                    !is_told || Heard::Answer(answer.clone()) == *before,
                    "{before:?}: {answer:?}"
                );
                ends.told += u32::from(is_told);
                ends.answered_later += u32::from(!is_told);
                let (checkout, units) = cost(&answer);
                assert_eq!(costs[told.who].insert(checkout, units), None, "one payment, one answer");
            }
            (Heard::Refused(code), Heard::Nothing) if code == "timeout" => ends.given_up += 1,
            (now, before) => panic!("{}: {before:?}, and now {now:?}", told.key),
        }
    }
    for (asker, costs) in askers.iter().zip(&costs) {
        ledger_is(asker, costs).await;
    }
    let paid: i64 = costs.iter().flat_map(BTreeMap::values).sum();
    let earned = Buyer::from_file(&node, &home, "ada.key").movements().await;
    assert_eq!(earned.values().sum::<i64>(), -paid, "she has what everybody has paid");
    println!("{backend}: killed {rounds} times: {ends:?}; {:.0?}", begun.elapsed());
    assert!(
        ends.told >= rounds && ends.answered_later + ends.given_up > 0,
        "{ends:?}"
    );
    assert!(
        rounds < ROUNDS_OF_EVERYTHING || ends.answered_later.min(ends.given_up) > 0,
        "{ends:?}"
    );
    node.stop();
    home.verify_clean();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_while_questions_are_answered_on_sqlite() {
    killed_at_random(Backend::Sqlite, rounds(6)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crash_while_questions_are_answered_on_postgres() {
    killed_at_random(Backend::Postgres, rounds(3)).await;
}
