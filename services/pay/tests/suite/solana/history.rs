//! The wallet against the ledger: what moved in it without the node is named, and what the node moved is not.

use imajin_kernel::Span;
use imajin_pay::PayConfig;
use imajin_pay_api::CheckoutState;
use imajin_rails::solana::program::{TokenMove, sol_transfer, token_transfer};
use imajin_rails::solana::{Address, Instruction};
use imajin_testkit::{Backend, SolanaPeer, on_both};
use serde_json::{Value, json};

use super::{BUYER_USDC, Coins, LAMPORTS, USDC_MINT, address, config_with, solana_config, wallet, written};
use crate::reconcile::{compared, kinds, view};

on_both!(
    what_the_node_moves_is_no_difference,
    what_moves_without_the_node_is_named,
    a_history_that_is_too_long_says_so,
);

const SCOPE: &str = "rail:solana";
/// What the operator sends for fees, in lamports.
const FOR_FEES: u64 = 500_000_000;

/// A node whose wallet's key somebody else has as well, and to which all came by transactions.
async fn node_with(backend: Backend, history_max: usize) -> Coins {
    let secret = wallet("the node");
    let mut bytes = secret.to_seed().to_vec();
    bytes.extend(secret.public().to_bytes());
    let key = serde_json::to_string(&bytes).unwrap();
    let config = |peer: &SolanaPeer| -> PayConfig {
        let mut solana = solana_config(&peer.url());
        solana.wallet_key = Some(key.into());
        solana.history_max = history_max;
        config_with(solana)
    };
    let coins = Coins::unfunded(backend, config).await;
    coins.test("test_sol", json!([address("buyer"), LAMPORTS]));
    coins.test("test_tokens", json!([address("buyer"), USDC_MINT, BUYER_USDC]));
    // The account for tokens is there, and nothing is in it.
    coins.test("test_tokens", json!([coins.node(), USDC_MINT, 0]));
    let fees = sol_transfer(&address("buyer"), &coins.node(), FOR_FEES, &address("nobody"));
    coins.buyer_sends(&fees);
    coins
}

fn tokens(from: &Address, to: &Address, units: u64) -> Instruction {
    token_transfer(&TokenMove {
        mint: &USDC_MINT,
        decimals: 6,
        source: &Address::token_account(from, &USDC_MINT).unwrap(),
        owner: from,
        destination: &Address::token_account(to, &USDC_MINT).unwrap(),
        units,
        reference: &address("nobody"),
    })
}

/// Somebody who has the wallet's key sends from it.
fn thief_sends(coins: &Coins, instruction: &Instruction) {
    let seed = hex::encode(wallet("the node").to_seed().as_slice());
    coins.test("test_send_instructions", json!([seed, [written(instruction)]]));
}

/// A sale, of which one payee is paid out, and a payment that goes back.
async fn sold(coins: &Coins) {
    let checkout = coins.checkout("buyer").await;
    coins.wallet_pays(&checkout).await;
    let less = coins.checkout("another").await;
    coins.pays_tokens(&less, &USDC_MINT, 4_000_000);
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Settled);
    assert_eq!(coins.world.state(less.id).await, CheckoutState::Refunded);
    coins.bind("mira").await;
    let ask = json!({"amount": {"amount": "5.00", "currency": "USDC"}});
    let paid_out = coins.world.post("mira", "/pay/api/payout", Some("k"), &ask).await;
    assert_eq!(paid_out.status.as_u16(), 201, "{}", paid_out.text());
    coins.follow().await;
    coins.test("test_finalise", json!([]));
}

fn amounts(found: &[Value]) -> Vec<(&str, &str)> {
    let mut all: Vec<(&str, &str)> = Vec::new();
    for each in found {
        let detail = each["detail"].as_str().unwrap();
        assert!(
            each["advice"].as_str().is_some_and(|advice| advice.len() > 20),
            "{each}"
        );
        all.push((each["kind"].as_str().unwrap(), detail.split(" with ").next().unwrap()));
    }
    all.sort_unstable();
    all
}

async fn what_the_node_moves_is_no_difference(backend: Backend) {
    let coins = node_with(backend, 2_000).await;
    sold(&coins).await;
    // The operator's own money is the only thing that came beside the node; fees and rent of its payouts are none.
    let found = compared(&coins.world, SCOPE).await;
    assert_eq!(
        amounts(&found),
        [("arrival_unknown_here", "0.50 SOL came into the wallet")],
        "{found:?}"
    );
    // It cannot come in order, so it is not shown for ever.
    coins.world.clock.advance(Span::days(31));
    assert_eq!(compared(&coins.world, SCOPE).await, Vec::<Value>::new());
    coins.world.audit_clean().await;
}

async fn what_moves_without_the_node_is_named(backend: Backend) {
    let coins = node_with(backend, 2_000).await;
    sold(&coins).await;
    let (buyer, node) = (address("buyer"), coins.node());
    coins.buyer_sends(&tokens(&buyer, &node, 3_000_000));
    thief_sends(&coins, &tokens(&node, &buyer, 2_000_000));
    thief_sends(&coins, &sol_transfer(&node, &buyer, 100_000_000, &address("nobody")));
    coins.test("test_finalise", json!([]));
    let found = compared(&coins.world, SCOPE).await;
    // What it cost to send the tokens is money that left as well.
    let kinds_found = kinds(&found);
    assert_eq!(
        kinds_found
            .iter()
            .filter(|kind| **kind == "arrival_unknown_here")
            .count(),
        2,
        "{found:?}"
    );
    assert_eq!(
        kinds_found
            .iter()
            .filter(|kind| **kind == "departure_unknown_here")
            .count(),
        3,
        "{found:?}"
    );
    assert_eq!(
        kinds_found.len(),
        5,
        "each is named once, and not in the balance again: {found:?}"
    );
    let named = amounts(&found);
    for expected in [
        ("arrival_unknown_here", "3.00 USDC came into the wallet"),
        ("departure_unknown_here", "2.00 USDC left the wallet"),
    ] {
        assert!(named.contains(&expected), "{named:?}");
    }
    // The same again is the same.
    let again = compared(&coins.world, SCOPE).await;
    assert_eq!(again.len(), found.len());
    coins.world.audit_clean().await;
}

async fn a_history_that_is_too_long_says_so(backend: Backend) {
    let coins = node_with(backend, 25).await;
    for lamports in 1..=30 {
        let little = sol_transfer(&address("buyer"), &coins.node(), lamports, &address("nobody"));
        coins.buyer_sends(&little);
    }
    coins.test("test_finalise", json!([]));
    let found = compared(&coins.world, SCOPE).await;
    let cut = found.iter().find(|each| each["kind"] == "history_cut").unwrap();
    assert!(cut["detail"].as_str().unwrap().contains("history of SOL"), "{cut}");
    // What was not read is missing in the balance.
    assert!(kinds(&found).contains(&"balance_differs"), "{found:?}");
    // It stays, because nobody has read it since.
    assert!(view(&coins.world).await.to_string().contains("history_cut"));
    assert!(kinds(&compared(&coins.world, SCOPE).await).contains(&"history_cut"));
}
