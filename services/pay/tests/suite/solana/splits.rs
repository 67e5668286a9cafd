//! Payees who are paid on the chain, with the payment.

use std::sync::atomic::Ordering;

use imajin_kernel::Span;
use imajin_pay_api::{CheckoutState, CheckoutView};
use imajin_rails::solana::Address;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use super::{Coins, address, usdc};
use crate::world::key;

on_both!(
    one_payee_is_paid_on_the_chain,
    seven_payees_get_accounts_on_the_chain,
    sixteen_payees_are_paid_through_the_node,
    who_has_no_address_is_paid_through_the_node_in_the_same_transaction,
    fifteen_payees_are_paid_at_once_and_eight_new_accounts_are_too_many,
    held_shares_contracts_and_debts_stay_in_the_ledger,
    a_contract_signed_while_it_is_paid_does_not_reach_what_was_paid,
    a_split_that_comes_too_late_is_shown_and_only_the_nodes_part_goes_back,
    a_second_split_gives_nothing_back_that_the_node_never_had,
);

fn names(count: u32) -> Vec<String> {
    (0..count).map(|number| format!("payee {number}")).collect()
}

/// As many payees as `count`, all with an address; 10.00 USDC for all of them.
async fn sold_to(coins: &Coins, count: u32, has_accounts: bool) -> (CheckoutView, Vec<String>) {
    let names = names(count);
    let each = 1_000_000 / count;
    let mut shares = Vec::new();
    for name in &names {
        let bound = coins.bind(name).await;
        if has_accounts {
            coins.test("test_tokens", json!([bound, super::USDC_MINT, 0]));
        }
        shares.push((name.as_str(), each));
    }
    shares[0].1 += 1_000_000 % count;
    let checkout = coins.checkout_split("buyer", "10.00 USDC", &shares).await;
    (checkout, names)
}

/// What each payee has on the chain, and in the ledger.
async fn holdings(coins: &Coins, names: &[String]) -> (Vec<u64>, Vec<String>) {
    let (mut chain, mut ledger) = (Vec::new(), Vec::new());
    for name in names {
        chain.push(coins.units(&usdc(), &address(name)).await);
        ledger.push(coins.world.available(name).await);
    }
    (chain, ledger)
}

async fn is_split(coins: &Coins, count: u32, has_accounts: bool, sentence: &str) {
    let (checkout, names) = sold_to(coins, count, has_accounts).await;
    let page = coins.page(&checkout).await;
    assert!(page.contains(sentence), "{page}");
    let signature = coins.wallet_pays(&checkout).await;
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Settled);
    let (chain, ledger) = holdings(coins, &names).await;
    assert_eq!(chain.iter().sum::<u64>(), 10_000_000);
    assert!(
        chain.iter().all(|units| *units >= 9_999_900 / u64::from(count)),
        "{chain:?}"
    );
    // No balance has it a second time.
    assert!(ledger.iter().all(|balance| balance == "0.00 USDC"), "{ledger:?}");
    assert_eq!(coins.units(&usdc(), &coins.node()).await, 0);
    let receipt = coins.world.receipt("buyer", checkout.id).await.message.payload;
    assert_eq!((receipt.legs.len(), receipt.rail_reference), (names.len(), signature));
    for leg in &receipt.legs {
        let name = names.iter().find(|name| key(name).did() == leg.did).unwrap();
        assert_eq!(leg.paid_to.as_deref(), Some(address(name).to_string().as_str()));
    }
    // Its statement shows that it came, and where it went.
    let entries = coins.world.get(Some(&names[0]), "/pay/api/entries").await.text();
    assert!(
        entries.contains("settlement") && entries.contains("direct"),
        "{entries}"
    );
    coins.world.audit_clean().await;
}

async fn is_single(coins: &Coins, count: u32, why: &str) {
    let (checkout, names) = sold_to(coins, count, false).await;
    let page = coins.page(&checkout).await;
    assert!(page.contains(why), "{page}");
    coins.wallet_pays(&checkout).await;
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Settled);
    let (chain, ledger) = holdings(coins, &names).await;
    assert!(chain.iter().all(|units| *units == 0), "{chain:?}");
    assert!(ledger.iter().all(|balance| balance != "0"), "{ledger:?}");
    assert_eq!(coins.units(&usdc(), &coins.node()).await, 10_000_000);
    let receipt = coins.world.receipt("buyer", checkout.id).await.message.payload;
    assert!(receipt.legs.iter().all(|leg| leg.paid_to.is_none()));
    coins.world.audit_clean().await;
}

async fn one_payee_is_paid_on_the_chain(backend: Backend) {
    let coins = Coins::new(backend).await;
    is_split(&coins, 1, false, "Your payment goes to the payee directly.").await;
}

async fn seven_payees_get_accounts_on_the_chain(backend: Backend) {
    let coins = Coins::new(backend).await;
    is_split(&coins, 7, false, "Your payment goes to 7 accounts directly").await;
}

async fn fifteen_payees_are_paid_at_once_and_eight_new_accounts_are_too_many(backend: Backend) {
    let coins = Coins::new(backend).await;
    is_single(&coins, 8, "8 token accounts would have to be made").await;
    let coins = Coins::new(backend).await;
    is_split(&coins, 15, true, "Your payment goes to 15 accounts directly").await;
}

async fn sixteen_payees_are_paid_through_the_node(backend: Backend) {
    let coins = Coins::new(backend).await;
    is_single(
        &coins,
        16,
        "16 accounts are to be paid, and one transaction pays at most 15",
    )
    .await;
}

async fn who_has_no_address_is_paid_through_the_node_in_the_same_transaction(backend: Backend) {
    let coins = Coins::new(backend).await;
    coins.bind("mira").await;
    *coins.world.identities.operator.lock().unwrap() = Some(key("operator").did());
    let fees = json!({"lines": [{"name": "node", "recipient": "node", "rateMicros": 10_000}]});
    coins.world.post("operator", "/pay/api/fees", None, &fees).await;
    coins.world.clock.advance(Span::hours(25));
    let checkout = coins.checkout("buyer").await;
    coins.wallet_pays(&checkout).await;
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Settled);
    // 1 % to the node, of the rest 70 % to Mira's wallet, 30 % to Jonas' balance.
    assert_eq!(coins.units(&usdc(), &address("mira")).await, 6_930_000);
    assert_eq!(coins.units(&usdc(), &coins.node()).await, 3_070_000);
    assert_eq!(coins.world.available("jonas").await, "2.97 USDC");
    assert_eq!(coins.world.available("mira").await, "0.00 USDC");
    coins.world.audit_clean().await;
}

async fn held_shares_contracts_and_debts_stay_in_the_ledger(backend: Backend) {
    let coins = Coins::new(backend).await;
    for name in ["mira", "jonas"] {
        coins.bind(name).await;
    }
    crate::contracts::contract_sign(
        &coins.world,
        "mira",
        1,
        &[("own", "mira", 90), ("charity", "ada", 10)],
        &|_| {},
    )
    .await;
    coins.world.clock.advance(Span::minutes(2));
    coins.test("test_clock", json!([coins.world.clock_seconds()]));
    let goods = coins
        .world
        .goods_split("buyer", "10.00 USDC", &[("mira", 700_000), ("jonas", 300_000)]);
    coins
        .world
        .seller
        .change(&goods, |quote| quote.accepted = vec![key("mira").did()]);
    let checkout = coins.world.checkout_of("buyer", &goods).await;
    assert!(
        coins
            .page(&checkout)
            .await
            .contains("no payee has an address of Solana that can be paid now")
    );
    coins.wallet_pays(&checkout).await;
    coins.follow().await;
    assert_eq!(coins.world.available("mira").await, "6.30 USDC");
    assert_eq!(coins.world.available("ada").await, "0.70 USDC");
    assert_eq!(coins.world.balance(&key("jonas").did(), "pending").await, "3.00 USDC");
    assert_eq!(coins.units(&usdc(), &coins.node()).await, 10_000_000);
    coins.world.audit_clean().await;
}

async fn a_contract_signed_while_it_is_paid_does_not_reach_what_was_paid(backend: Backend) {
    let coins = Coins::new(backend).await;
    coins.bind("mira").await;
    let checkout = coins.checkout("buyer").await;
    crate::contracts::contract_sign(
        &coins.world,
        "mira",
        1,
        &[("own", "mira", 50), ("charity", "ada", 50)],
        &|_| {},
    )
    .await;
    coins.world.clock.advance(Span::minutes(2));
    coins.test("test_clock", json!([coins.world.clock_seconds()]));
    coins.wallet_pays(&checkout).await;
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Settled);
    assert_eq!(coins.units(&usdc(), &address("mira")).await, 7_000_000);
    assert_eq!(coins.world.available("ada").await, "0");
    assert_eq!(coins.world.available("jonas").await, "3.00 USDC");
    coins.world.audit_clean().await;
}

/// A checkout of which Mira gets 7.00 on the chain and Jonas 3.00 in the ledger, and its transaction.
async fn prepared(coins: &Coins) -> (CheckoutView, String) {
    let _mira: Address = coins.bind("mira").await;
    let checkout = coins.checkout("buyer").await;
    let asked = coins
        .wallet_asks(&checkout, &json!({"account": address("buyer")}))
        .await;
    let transaction = asked.json()["transaction"].as_str().unwrap().to_owned();
    (checkout, transaction)
}

async fn a_split_that_comes_too_late_is_shown_and_only_the_nodes_part_goes_back(backend: Backend) {
    let coins = Coins::new(backend).await;
    let before = coins.units(&usdc(), &address("buyer")).await;
    let (checkout, transaction) = prepared(&coins).await;
    coins.time_passes();
    coins.world.pay.sweep().await.unwrap();
    coins.world.seller.refuses.store(true, Ordering::SeqCst);
    coins.signed_send(&transaction);
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Refunded);
    assert_eq!(coins.units(&usdc(), &address("mira")).await, 7_000_000);
    assert_eq!(coins.units(&usdc(), &address("buyer")).await, before - 7_000_000);
    assert!(coins.page(&checkout).await.contains("It came after the time to pay"));
    coins.world.audit_clean().await;
}

async fn a_second_split_gives_nothing_back_that_the_node_never_had(backend: Backend) {
    let coins = Coins::new(backend).await;
    coins.bind("jonas").await;
    let (checkout, first) = prepared(&coins).await;
    coins.test("test_advance", json!([1]));
    coins.world.clock.advance(Span::seconds(10));
    let second = coins
        .wallet_asks(&checkout, &json!({"account": address("buyer")}))
        .await;
    let second = second.json()["transaction"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let before = coins.units(&usdc(), &address("buyer")).await;
    coins.signed_send(&first);
    coins.signed_send(&second);
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Settled);
    assert_eq!(
        coins.units(&usdc(), &address("mira")).await,
        14_000_000,
        "Mira has both"
    );
    assert_eq!(coins.units(&usdc(), &address("buyer")).await, before - 20_000_000);
    assert!(coins.page(&checkout).await.contains("This was paid before"));
    assert_eq!(coins.world.seller.delivered(), 1);
    coins.world.audit_clean().await;
}
