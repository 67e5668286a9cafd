//! Goods whose price is known only once they are handed over: the most is held, what was used is taken, the rest is
//! free.

use std::sync::atomic::Ordering;

use imajin_pay_api::{ANSWER_GOODS, CheckoutFetch, CheckoutState, GoodsHold, GoodsRef, HeldGoods, HoldMeans, PayApi};
use imajin_store::{StoreError, plans};
use imajin_testkit::{Backend, on_both};

use crate::balance::top_up;
use crate::brokers::Brokered;
use crate::world::{World, key, money};

on_both!(
    what_was_used_is_taken_and_the_rest_goes_back,
    what_cannot_be_handed_over_takes_nothing,
    no_more_is_taken_than_was_held,
    a_visa_pays_what_was_used_and_keeps_the_rest,
    a_question_that_was_paid_is_found_by_an_index,
);

fn answer(world: &World, most: &str) -> GoodsRef {
    GoodsRef {
        kind: ANSWER_GOODS.to_owned(),
        ..world.work(most)
    }
}

async fn hold(world: &World, who: &str, goods: &GoodsRef, means: HoldMeans) -> HeldGoods {
    let hold = GoodsHold {
        goods: goods.clone(),
        buyer: key(who).did(),
        means,
        max: "1000.00 TEST-USD".parse().unwrap(),
        evidence: "{}".to_owned(),
        due_at: world.env.now().plus(imajin_kernel::Span::minutes(3)),
    };
    world.pay.goods_hold(hold).await.unwrap()
}

async fn finish(world: &World, held: &HeldGoods) -> CheckoutState {
    world
        .pay
        .goods_finish(CheckoutFetch { id: held.checkout })
        .await
        .unwrap()
        .state
}

async fn what_was_used_is_taken_and_the_rest_goes_back(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "asker", "1.00").await;
    let goods = answer(&world, "0.50 TEST-USD");
    let held = hold(&world, "asker", &goods, HoldMeans::Balance).await;
    assert_eq!(
        hold(&world, "asker", &goods, HoldMeans::Balance).await,
        held,
        "asked again, it is the same hold"
    );
    assert_eq!(world.available("asker").await, "0.50 TEST-USD");
    // It is not due: the seller hands it over when it is ready, and pay asks later.
    world.pay.drive().await.unwrap();
    assert_eq!(world.state(held.checkout).await, CheckoutState::Paid);
    world.audit_clean().await;
    world
        .seller
        .change(&goods, |quote| quote.price = money("0.10 TEST-USD"));
    assert_eq!(finish(&world, &held).await, CheckoutState::Settled);
    assert_eq!(finish(&world, &held).await, CheckoutState::Settled);
    assert_eq!(world.available("asker").await, "0.90 TEST-USD");
    assert_eq!(world.available("mira").await, "0.07 TEST-USD");
    assert_eq!(world.available("jonas").await, "0.03 TEST-USD");
    let receipt = world.receipt("asker", held.checkout).await.message.payload;
    assert_eq!((receipt.id, receipt.gross), (held.receipt, money("0.10 TEST-USD")));
    world.audit_clean().await;
    // What is taken back of it is what was paid.
    world.pay.reconcile_now(None).await.unwrap();
}

async fn what_cannot_be_handed_over_takes_nothing(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "asker", "1.00").await;
    let goods = answer(&world, "0.50 TEST-USD");
    let held = hold(&world, "asker", &goods, HoldMeans::Balance).await;
    world.seller.refuses.store(true, Ordering::SeqCst);
    assert_eq!(finish(&world, &held).await, CheckoutState::Refunded);
    assert_eq!(world.available("asker").await, "1.00 TEST-USD");
    world.audit_clean().await;
}

async fn no_more_is_taken_than_was_held(backend: Backend) {
    let world = World::new(backend).await;
    top_up(&world, "asker", "1.00").await;
    let goods = answer(&world, "0.50 TEST-USD");
    let held = hold(&world, "asker", &goods, HoldMeans::Balance).await;
    world
        .seller
        .change(&goods, |quote| quote.price = money("0.51 TEST-USD"));
    assert_eq!(finish(&world, &held).await, CheckoutState::Paid);
    assert_eq!(world.available("asker").await, "0.50 TEST-USD");
    world
        .seller
        .change(&goods, |quote| quote.price = money("0.50 TEST-USD"));
    assert_eq!(finish(&world, &held).await, CheckoutState::Settled);
    assert_eq!(world.available("asker").await, "0.50 TEST-USD");
    world.audit_clean().await;
}

async fn a_visa_pays_what_was_used_and_keeps_the_rest(backend: Backend) {
    let brokered = Brokered::new(backend).await;
    let world = &brokered.world;
    let visa = brokered.visa("agent", 600_000);
    let first = answer(world, "0.50 TEST-USD");
    let held = hold(world, "agent", &first, HoldMeans::Visa(visa)).await;
    world.audit_clean().await;
    world
        .seller
        .change(&first, |quote| quote.price = money("0.10 TEST-USD"));
    assert_eq!(finish(world, &held).await, CheckoutState::Settled);
    world.audit_clean().await;
    brokered.follow().await;
    assert_eq!(world.available("mira").await, "0.07 TEST-USD");
    let node = world.keyring.node_did();
    assert_eq!(
        brokered.broker.balance(node, "TEST-USD"),
        100_000,
        "the broker pays what was used"
    );
    world.audit_clean().await;
}

/// However many checkouts there are: each question that is paid for is looked for among them.
async fn a_question_that_was_paid_is_found_by_an_index(backend: Backend) {
    plans::record().unwrap();
    let world = World::new(backend).await;
    top_up(&world, "asker", "1.00").await;
    let goods = answer(&world, "0.50 TEST-USD");
    hold(&world, "asker", &goods, HoldMeans::Balance).await;
    let _until_here_it_was_prepared = plans::recorded();
    hold(&world, "asker", &goods, HoldMeans::Balance).await;
    let looks = |statement: &String| statement.contains("FROM \"checkouts\"") || statement.contains("FROM `checkouts`");
    let statements: Vec<String> = plans::recorded().into_iter().filter(looks).collect();
    assert!(!statements.is_empty());
    let planned: Result<Vec<(String, String)>, StoreError> = world
        .db
        .read(move |conn| {
            let plan = |statement: String| Ok((plans::plan_of(conn, &statement)?, statement));
            statements.into_iter().map(plan).collect()
        })
        .await;
    for (plan, statement) in planned.unwrap() {
        assert!(plan.contains("checkouts_of_goods"), "{statement}\n{plan}");
    }
}
