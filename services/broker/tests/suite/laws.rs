//! Whatever happens: what is paid and what is returned are together what was set aside, and never more.

use axum::http::StatusCode;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::disputes::evidence;
use crate::world::{World, key};

on_both!(paid_and_returned_are_what_was_set_aside);

#[derive(Debug, Clone)]
enum Step {
    /// Buy a visa of so many cents, for so many uses.
    Buy(u8, u8),
    /// Redeem so many cents of one of the visas, under one of a few receipts.
    Redeem(u8, u8, u8),
    /// Read a page with a visa of its own, and object to it or not.
    Read(bool),
    /// Answer one of the disputes: give in, or show the claim.
    Answer(u8, bool),
    /// Let hours pass, and the background work.
    Wait(u8),
    /// The next answer of the ledger is lost.
    Lose,
    /// The ledger is away once.
    Away,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1_u8..50, 1_u8..4).prop_map(|(cents, uses)| Step::Buy(cents, uses)),
        6 => (0_u8..4, 0_u8..4, 1_u8..40).prop_map(|(visa, receipt, cents)| Step::Redeem(visa, receipt, cents)),
        2 => any::<bool>().prop_map(Step::Read),
        2 => (0_u8..3, any::<bool>()).prop_map(|(dispute, concede)| Step::Answer(dispute, concede)),
        3 => (1_u8..120).prop_map(Step::Wait),
        1 => Just(Step::Lose),
        1 => Just(Step::Away),
    ]
}

async fn history(backend: Backend, steps: Vec<Step>) {
    let world = World::new(backend).await;
    world.funded("5.00 TEST-USD").await;
    let mut visas: Vec<String> = Vec::new();
    let mut disputes: Vec<(String, Value)> = Vec::new();
    for step in steps {
        match step {
            Step::Buy(cents, uses) => {
                let order = world.order(&format!("0.{cents:02}"), u32::from(uses));
                let answer = world.agent_post("/issue-visa", &order, None).await;
                if answer.status == StatusCode::CREATED {
                    let token = answer.json()["token"].as_str().unwrap().to_owned();
                    visas.push(world.read(&token).await.jti);
                }
            }
            Step::Redeem(visa, receipt, cents) => {
                if let Some(jti) = visas.get(usize::from(visa)) {
                    let (receipt, amount) = (format!("r{receipt}"), format!("0.{cents:02}"));
                    world.redeem(&[(jti, &receipt, &amount)]).await;
                }
            }
            Step::Read(objects) => {
                let page = format!("page{}", disputes.len());
                if let Some(read) = world.reads_if(&page).await
                    && objects
                    && let Some(id) = world.objects_if(&read).await
                {
                    disputes.push((id, evidence(&read)));
                }
            }
            Step::Answer(dispute, concede) => {
                if let Some((id, shown)) = disputes.get(usize::from(dispute)) {
                    let body = if concede {
                        json!({"concede": true})
                    } else {
                        shown.clone()
                    };
                    world.answers(&key("publisher"), id, &body).await;
                }
            }
            Step::Wait(hours) => {
                world.later(Span::hours(i64::from(hours)));
                world.broker.due_work().await.unwrap();
            }
            Step::Lose => world.purse.lose(1),
            Step::Away => world.purse.away(1),
        }
        let (reserved, paid, returned) = world.purse.holds();
        assert!(paid + returned <= reserved, "{paid} {returned} {reserved}");
    }
    world.purse.lose(0);
    world.purse.away(0);
    // Long enough for everything that is open to end.
    for _sweep in 0..8 {
        world.later(Span::days(3));
        world.broker.due_work().await.unwrap();
    }
    let (reserved, paid, returned) = world.purse.holds();
    assert_eq!(paid + returned, reserved);
    assert_eq!(
        world.purse.has(&world.agent()),
        5_000_000 - world.purse.has(&key("publisher").did())
    );
    assert_eq!(world.audit().await, []);
}

async fn paid_and_returned_are_what_was_set_aside(backend: Backend) {
    let cases = if backend == Backend::Sqlite { 12 } else { 4 };
    let mut runner = TestRunner::new_with_rng(
        Config::with_cases(cases),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let handle = tokio::runtime::Handle::current();
    let run = |steps: Vec<Step>| {
        tokio::task::block_in_place(|| handle.block_on(history(backend, steps)));
        Ok(())
    };
    runner.run(&prop::collection::vec(step(), 1..25), run).unwrap();
}
