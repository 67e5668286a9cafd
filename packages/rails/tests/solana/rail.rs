//! The rail as the node uses it: opened, paid, told, refunded.

use std::sync::Arc;

use imajin_kernel::{Env, ManualClock, Span};
use imajin_money::Money;
use imajin_rails::solana::program::sol_transfer;
use imajin_rails::solana::{
    Address, EndpointRequest, Form, Instruction, MJN_MINT, PayoutState, SolanaRail, Ticked, USDC_MINT, Why,
};
use imajin_rails::{
    PayoutLimit, Rail, RailCheckout, RailError, RailEvent, RailOutcome, RailRefund, RailSetupError, SolanaConfig,
};
use serde_json::json;

use crate::store::Memory;
use crate::support::{NODE_SOL, World, address, now, shares, token_transfer_of};

pub(crate) const PRICE: &str = "10.00 USDC";
pub(crate) const UNITS: u64 = 10_000_000;

pub(crate) struct Shop {
    pub(crate) world: World,
    pub(crate) clock: ManualClock,
    store: Arc<Memory>,
    pub(crate) rail: SolanaRail,
}

pub(crate) fn config(world: &World) -> SolanaConfig {
    let limit = |text: &str| text.parse::<Money>().unwrap();
    SolanaConfig {
        network: "mainnet".to_owned(),
        usdc_mint: None,
        rpc_url: world.peer.url().into(),
        rpc_agree: 1,
        pay_url: "https://node.example/pay".to_owned(),
        label: "A node".to_owned(),
        icon_url: "https://node.example/icon.svg".to_owned(),
        price_microlamports: 10_000,
        wallet_key: None,
        history_max: 100,
        account_min: "1.00 USDC".parse::<Money>().unwrap().amount,
        payout_limits: vec![
            PayoutLimit::new(limit("50.00 USDC"), limit("80.00 USDC")),
            PayoutLimit::new(limit("1.00 SOL"), limit("1.00 SOL")),
        ],
    }
}

pub(crate) fn rail(
    world: &World,
    config: SolanaConfig,
    store: &Arc<Memory>,
    clock: &ManualClock,
) -> Result<SolanaRail, RailSetupError> {
    let store = Arc::clone(store);
    let env = Env::fixed(clock.clone(), 9);
    SolanaRail::new(config, world.keyring.clone(), world.wallet.clone(), store, env)
}

impl Shop {
    pub(crate) fn new() -> Self {
        let world = World::new();
        let clock = ManualClock::at(now());
        let store = Arc::new(Memory::default());
        let rail = rail(&world, config(&world), &store, &clock).unwrap();
        Self {
            world,
            clock,
            store,
            rail,
        }
    }

    fn checkout(&self) -> RailCheckout {
        RailCheckout {
            id: self.world.env.new_id(),
            title: "A ticket".to_owned(),
            price: PRICE.parse().unwrap(),
            payer: self.world.keyring.node_did().clone(),
            expires_at: now().plus(Span::minutes(15)),
            success_url: "/orders/1".to_owned(),
            cancel_url: "/".to_owned(),
        }
    }

    pub(crate) async fn opened(&self) -> RailCheckout {
        let checkout = self.checkout();
        self.rail.open(&checkout).await.unwrap();
        checkout
    }

    async fn reference(&self, checkout: &RailCheckout) -> Address {
        let view = self.rail.payment_view(checkout.id, "A ticket").await.unwrap();
        view.watch.payment.reference
    }

    /// Everything is final, and the node has looked.
    pub(crate) async fn ticked(&self) -> Ticked {
        self.world.finalise();
        self.clock.advance(Span::minutes(3));
        self.rail.tick().await.unwrap()
    }

    /// What the rail says meanwhile.
    pub(crate) async fn events(&self) -> Vec<RailEvent> {
        assert_eq!(self.ticked().await.problems.into_iter().collect::<Vec<_>>(), [""; 0]);
        let messages = self.store.messages_take();
        for message in &messages {
            let read = self.rail.verify(&message.body, &[]);
            assert_eq!(read, Ok(Some(message.event.clone())));
        }
        messages.into_iter().map(|message| message.event).collect()
    }

    /// The buyer pays so much to the node, under the checkout's reference.
    pub(crate) async fn pays(&self, checkout: &RailCheckout, units: u64) -> String {
        let reference = self.reference(checkout).await;
        self.world.buyer_sends(&[self.tokens(&USDC_MINT, units, &reference)])
    }

    fn tokens(&self, mint: &Address, units: u64, reference: &Address) -> Instruction {
        token_transfer_of(&self.world, mint, &self.world.wallet.address(), units, reference)
    }

    pub(crate) async fn refunded(&self, refund: &RailRefund) -> String {
        for _round in 0..6 {
            match self.rail.refund(refund).await {
                Ok(refunded) => return refunded.reference,
                Err(RailError::Unavailable(_)) => drop(self.ticked().await),
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the refund does not end");
    }
}

pub(crate) fn refund_of(event: &RailEvent) -> RailRefund {
    RailRefund {
        key: format!("key of {}", event.id),
        checkout: event.checkout.unwrap(),
        reference: event.reference.clone(),
        amount: event.amount,
    }
}

#[tokio::test]
async fn a_checkout_is_opened_shown_paid_by_a_wallet_and_told_once() {
    let shop = Shop::new();
    let checkout = shop.opened().await;
    let view = shop.rail.payment_view(checkout.id, "A ticket").await.unwrap();
    assert_eq!(view.form, Form::Single { why: Why::NobodyBound });
    assert_eq!(
        view.transaction_url,
        format!("solana:https://node.example/pay/solana/{}", checkout.id)
    );
    assert!(
        view.transfer_url
            .starts_with(&format!("solana:{}?amount=10&", shop.rail.address()))
    );
    assert_eq!(shop.rail.endpoint_info().label, "A node");

    let account = shop.world.buyer();
    let answer = shop
        .rail
        .endpoint_answer(checkout.id, &EndpointRequest { account }, "A ticket")
        .await
        .unwrap();
    let signed = shop
        .world
        .test("test_sign", json!([answer.transaction, shop.world.buyer_seed()]));
    let signature = shop.world.test("sendTransaction", json!([signed]));
    let events = shop.events().await;
    assert_eq!(events.len(), 1);
    let paid = &events[0];
    assert_eq!((paid.checkout, paid.outcome), (Some(checkout.id), RailOutcome::Paid));
    assert_eq!(
        (paid.amount, paid.reference.as_str()),
        (checkout.price, signature.as_str().unwrap())
    );
    assert_eq!(shop.events().await, []);
    let again = shop
        .rail
        .endpoint_answer(checkout.id, &EndpointRequest { account }, "A ticket")
        .await;
    assert!(matches!(again, Err(RailError::Refused(text)) if text.contains("paid already")));
}

#[tokio::test]
async fn opening_twice_forgets_nothing() {
    let shop = Shop::new();
    let checkout = shop.opened().await;
    shop.pays(&checkout, UNITS).await;
    assert_eq!(shop.events().await.len(), 1);
    shop.rail.open(&checkout).await.unwrap();
    assert_eq!(shop.events().await, []);
}

#[tokio::test]
async fn payees_are_paid_on_the_chain_when_the_shares_are_given() {
    let shop = Shop::new();
    let checkout = shop.checkout();
    shop.rail.open_shares(&checkout, &shares(3, 10_000_000)).await.unwrap();
    let request = EndpointRequest {
        account: shop.world.buyer(),
    };
    let answer = shop
        .rail
        .endpoint_answer(checkout.id, &request, "A ticket")
        .await
        .unwrap();
    let signed = shop
        .world
        .test("test_sign", json!([answer.transaction, shop.world.buyer_seed()]));
    shop.world.test("sendTransaction", json!([signed]));
    let events = shop.events().await;
    assert_eq!((events.len(), events[0].amount), (1, checkout.price));
    assert_eq!(shop.world.units(&shop.world.usdc, &address(2)).await, 3_333_333);
    // The payees have it. What the node gives back all the same is its own, and goes to the buyer.
    let (buyer, node) = (shop.world.buyer(), shop.rail.address());
    shop.world.test("test_tokens", json!([node, USDC_MINT, 10_000_000]));
    let before = shop.world.units(&shop.world.usdc, &buyer).await;
    shop.refunded(&refund_of(&events[0])).await;
    assert_eq!(shop.world.units(&shop.world.usdc, &buyer).await, before + UNITS);
}

#[tokio::test]
async fn a_wrong_amount_goes_back_to_who_sent_it_once() {
    let shop = Shop::new();
    let checkout = shop.opened().await;
    let before = shop.world.units(&shop.world.usdc, &shop.world.buyer()).await;
    shop.pays(&checkout, UNITS - 1).await;
    let events = shop.events().await;
    assert_eq!((events.len(), events[0].outcome), (1, RailOutcome::Paid));
    assert_eq!(
        events[0].amount,
        "9.999999 USDC".parse().unwrap(),
        "the node compares it with the price"
    );
    let refund = refund_of(&events[0]);
    let reference = shop.refunded(&refund).await;
    assert_eq!(shop.refunded(&refund).await, reference);
    for _later in 0..3 {
        shop.ticked().await;
    }
    assert_eq!(shop.world.units(&shop.world.usdc, &shop.world.buyer()).await, before);
}

#[tokio::test]
async fn the_wrong_coin_is_told_in_its_own_asset_and_goes_back() {
    let shop = Shop::new();
    let checkout = shop.opened().await;
    let reference = shop.reference(&checkout).await;
    let (buyer, node) = (shop.world.buyer(), shop.rail.address());
    shop.world
        .buyer_sends(&[sol_transfer(&buyer, &node, 2_000_000, &reference)]);
    let events = shop.events().await;
    assert_eq!((events.len(), events[0].amount), (1, "0.002 SOL".parse().unwrap()));
    let before = shop.world.units(&shop.world.sol, &buyer).await;
    shop.refunded(&refund_of(&events[0])).await;
    assert_eq!(shop.world.units(&shop.world.sol, &buyer).await, before + 2_000_000);
}

#[tokio::test]
async fn mjn_is_seen_and_never_booked() {
    let shop = Shop::new();
    let checkout = shop.opened().await;
    let reference = shop.reference(&checkout).await;
    for (owner, units) in [(shop.world.buyer(), 50_000_000), (shop.rail.address(), 0)] {
        shop.world.test("test_tokens", json!([owner, MJN_MINT, units]));
    }
    shop.world.buyer_sends(&[shop.tokens(&MJN_MINT, UNITS, &reference)]);
    assert_eq!(shop.events().await, []);
    let view = shop.rail.payment_view(checkout.id, "A ticket").await.unwrap();
    assert_eq!(view.watch.shown()[0].received[0].mint, Some(MJN_MINT));
    let mjn = RailCheckout {
        price: "1.00 MJN".parse().unwrap(),
        ..shop.checkout()
    };
    assert!(matches!(shop.rail.open(&mjn).await, Err(RailError::Refused(_))));
}

#[tokio::test]
async fn a_duplicate_and_a_failed_attempt_are_told_too() {
    let shop = Shop::new();
    let checkout = shop.opened().await;
    shop.pays(&checkout, u64::MAX).await;
    shop.pays(&checkout, UNITS).await;
    // Another transaction than the first, for all that it says the same.
    shop.world.test("test_advance", json!([1]));
    shop.pays(&checkout, UNITS).await;
    let events = shop.events().await;
    let outcomes: Vec<_> = events.iter().map(|event| event.outcome).collect();
    assert_eq!(outcomes, [RailOutcome::Failed, RailOutcome::Paid, RailOutcome::Paid]);
    assert_ne!(events[1].id, events[2].id);
}

#[tokio::test]
async fn a_server_that_is_away_is_asked_once_a_tick_and_everything_is_found_afterwards() {
    let shop = Shop::new();
    let checkouts = [shop.opened().await, shop.opened().await, shop.opened().await];
    for checkout in &checkouts {
        shop.pays(checkout, UNITS).await;
    }
    shop.world
        .test("test_fault", json!(["getSignaturesForAddress", "away", 2]));
    for _tick in 0..2 {
        let ticked = shop.ticked().await;
        assert_eq!((ticked.steps, ticked.problems.len()), (0, 1), "{ticked:?}");
    }
    assert_eq!(shop.world.test("test_count", json!(["getSignaturesForAddress"])), 2);
    let mut told: Vec<_> = shop
        .events()
        .await
        .into_iter()
        .filter_map(|event| event.checkout)
        .collect();
    told.sort_unstable();
    let mut paid = checkouts.map(|checkout| checkout.id);
    paid.sort_unstable();
    assert_eq!(told, paid);
}

#[tokio::test]
async fn after_its_time_a_wallet_gets_no_transaction() {
    let shop = Shop::new();
    let checkout = shop.opened().await;
    let request = EndpointRequest {
        account: shop.world.buyer(),
    };
    shop.clock.advance(Span::minutes(16));
    let late = shop.rail.endpoint_answer(checkout.id, &request, "").await;
    assert!(matches!(late, Err(RailError::Refused(text)) if text.contains("has passed")));
    let unknown = shop.rail.endpoint_answer(shop.checkout().id, &request, "").await;
    assert!(matches!(unknown, Err(RailError::Refused(_))));
    let open = shop.opened().await;
    let nobody = EndpointRequest {
        account: Address::token_account(&request.account, &USDC_MINT).unwrap(),
    };
    shop.clock.advance(Span::minutes(-16));
    assert!(matches!(
        shop.rail.endpoint_answer(open.id, &nobody, "").await,
        Err(RailError::Refused(_))
    ));
}

#[tokio::test]
async fn messages_of_other_nodes_and_changed_ones_are_forged() {
    let shop = Shop::new();
    let checkout = shop.opened().await;
    shop.pays(&checkout, UNITS).await;
    shop.ticked().await;
    let message = shop.store.messages_take().remove(0).body;
    let mut other = World::new();
    other.keyring = imajin_did::Keyring::generate(&Env::fixed(ManualClock::at(now()), 99));
    let stranger = rail(&other, config(&other), &shop.store, &shop.clock).unwrap();
    assert_eq!(stranger.verify(&message, &[]), Err(RailError::Forged));
    let text = String::from_utf8(message).unwrap();
    let changed = text.replace("10.00", "99.00");
    assert_ne!(changed, text);
    assert_eq!(shop.rail.verify(changed.as_bytes(), &[]), Err(RailError::Forged));
    for text in ["", "{}", "null"] {
        assert!(matches!(
            shop.rail.verify(text.as_bytes(), &[]),
            Err(RailError::Malformed(_))
        ));
    }
}

#[tokio::test]
async fn a_payout_key_is_one_payout_and_two_processes_pay_it_once() {
    let shop = Shop::new();
    shop.world
        .test("test_tokens", json!([shop.rail.address(), USDC_MINT, 100_000_000]));
    let money: Money = "5.00 USDC".parse().unwrap();
    let first = shop.rail.payout("pyo_1", address(0), money).await.unwrap();
    assert_eq!(shop.rail.payout("pyo_1", address(0), money).await.unwrap(), first);
    let other = shop.rail.payout("pyo_1", address(1), money).await;
    assert!(matches!(other, Err(RailError::Refused(_))));
    let second = rail(&shop.world, config(&shop.world), &shop.store, &shop.clock).unwrap();
    for _round in 0..4 {
        let (one, two) = tokio::join!(shop.rail.tick(), second.tick());
        assert!(one.is_ok() && two.is_ok());
        shop.world.finalise();
        shop.clock.advance(Span::seconds(10));
    }
    let payout = shop.store.payouts.lock().unwrap()["pyo_1"].clone();
    assert!(matches!(payout.state, PayoutState::Paid { .. }));
    assert_eq!(shop.world.units(&shop.world.usdc, &address(0)).await, 5_000_000);
    assert_eq!(
        shop.world
            .test("test_transactions", json!([]))
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn nothing_leaves_of_a_coin_without_a_limit() {
    let shop = Shop::new();
    let config = SolanaConfig {
        payout_limits: Vec::new(),
        ..config(&shop.world)
    };
    let rail = rail(&shop.world, config, &shop.store, &shop.clock).unwrap();
    rail.payout("pyo_1", address(0), "0.01 SOL".parse().unwrap())
        .await
        .unwrap();
    let ticked = rail.tick().await.unwrap();
    assert!(
        ticked
            .problems
            .iter()
            .any(|text| text.contains("at most 0.00 may leave")),
        "{ticked:?}"
    );
    let node = i64::try_from(shop.world.units(&shop.world.sol, &rail.address()).await).unwrap();
    assert_eq!(node, NODE_SOL);
}

#[tokio::test]
async fn a_setting_that_cannot_be_right_is_named() {
    let world = World::new();
    let (clock, store) = (ManualClock::at(now()), Arc::new(Memory::default()));
    let good = config(&world);
    let wrong_limit = PayoutLimit::new("1.00 EUR".parse().unwrap(), "1.00 EUR".parse().unwrap());
    let mint = Some(MJN_MINT.to_string());
    let cases = [
        (
            SolanaConfig {
                network: "testnet".to_owned(),
                ..good.clone()
            },
            "rails.solana.network",
        ),
        (
            SolanaConfig {
                usdc_mint: mint,
                ..good.clone()
            },
            "rails.solana.usdc_mint",
        ),
        (
            SolanaConfig {
                network: "local".to_owned(),
                ..good.clone()
            },
            "rails.solana.usdc_mint",
        ),
        (
            SolanaConfig {
                rpc_url: "http://rpc.example/".into(),
                ..good.clone()
            },
            "rails.solana.rpc_url",
        ),
        (
            SolanaConfig {
                payout_limits: vec![wrong_limit],
                ..good.clone()
            },
            "rails.solana.payout_limits",
        ),
    ];
    for (config, name) in cases {
        let error = rail(&world, config, &store, &clock).err().unwrap();
        assert!(error.to_string().contains(name), "{error}");
    }
    // Mainnet by its name, and another chain behind the address.
    world.test("test_genesis", json!(["EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"]));
    let misled = rail(&world, good, &store, &clock).unwrap();
    assert!(matches!(misled.chain_check().await, Err(RailError::Refused(_))));
}
