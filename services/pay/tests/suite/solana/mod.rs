//! USDC and SOL, on a chain of the test's own: the real programs in the real virtual machine.

mod addresses;
mod arrivals;
mod history;
mod keeping;
mod payouts;
mod splits;
mod wallets;

pub(crate) use keeping::TABLES as SOLANA_TABLES;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use imajin_did::{Keyring, SecretKey};
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_money::Money;
use imajin_pay::{Pay, PayConfig, PayoutLimit, RailsConfig, SolanaConfig};
use imajin_pay_api::CheckoutView;
use imajin_rails::solana::program::{TokenMove, sol_transfer, token_transfer};
use imajin_rails::solana::{Address, Coin, Instruction, MJN_MINT, Network, Rpc, USDC_MINT, reference};
use imajin_testkit::{Answer, Backend, SolanaPeer, TestDatabase};
use serde_json::{Value, json};

use crate::world::{PUBLIC, World, key};

const NOW: i64 = 1_900_000_000;
/// What the buyer and, of SOL, the node have at the beginning.
const LAMPORTS: u64 = 10_000_000_000;
const BUYER_USDC: u64 = 1_000_000_000;

pub(crate) struct Coins {
    pub(crate) world: World,
    pub(crate) peer: SolanaPeer,
    rpc: Rpc,
}

pub(crate) fn solana_config(url: &str) -> SolanaConfig {
    let limit = |once: &str, daily: &str| PayoutLimit::new(once.parse().unwrap(), daily.parse().unwrap());
    SolanaConfig {
        network: "mainnet".to_owned(),
        usdc_mint: None,
        rpc_url: url.into(),
        rpc_agree: 1,
        pay_url: format!("{PUBLIC}/pay"),
        label: "A node".to_owned(),
        icon_url: format!("{PUBLIC}/assets/icon.svg"),
        price_microlamports: 10_000,
        wallet_key: None,
        history_max: 2_000,
        account_min: imajin_money::Amount::ZERO,
        payout_limits: vec![limit("50.00 USDC", "80.00 USDC"), limit("1.00 SOL", "1.00 SOL")],
    }
}

fn config_with(solana: SolanaConfig) -> PayConfig {
    PayConfig {
        rails: RailsConfig {
            solana: Some(solana),
            ..RailsConfig::default()
        },
        ..PayConfig::default()
    }
}

pub(crate) fn config(peer: &SolanaPeer) -> PayConfig {
    config_with(solana_config(&peer.url()))
}

/// A wallet by its name; its key is nobody's key here.
fn wallet(name: &str) -> SecretKey {
    key(&format!("wallet of {name}"))
}

pub(crate) fn address(name: &str) -> Address {
    wallet(name).public().into()
}

pub(crate) fn usdc() -> Coin {
    Network::Mainnet.coin("USDC".parse().unwrap()).unwrap()
}

fn sol() -> Coin {
    Network::Mainnet.coin("SOL".parse().unwrap()).unwrap()
}

/// An instruction as the peer reads it.
fn written(instruction: &Instruction) -> Value {
    let accounts = instruction
        .accounts
        .iter()
        .map(|used| json!([used.address, used.signs, used.writes]));
    json!({
        "program": instruction.program,
        "accounts": accounts.collect::<Vec<_>>(),
        "data": hex::encode(&instruction.data),
    })
}

impl Coins {
    pub(crate) async fn new(backend: Backend) -> Self {
        Self::with(backend, config).await
    }

    /// A node whose wallet, like everybody's, has nothing.
    async fn unfunded(backend: Backend, config: impl FnOnce(&SolanaPeer) -> PayConfig) -> Self {
        let peer = SolanaPeer::start().unwrap();
        let clock = ManualClock::at(Timestamp::from_seconds(NOW));
        let env = Env::fixed(clock.clone(), 7);
        let keyring = Keyring::generate(&env);
        let config = config(&peer);
        let world = World::assemble(TestDatabase::new(backend), clock, env, keyring, Arc::default(), config).await;
        let rpc = Rpc::new([peer.url().parse().unwrap()], 1).unwrap();
        let coins = Self { world, peer, rpc };
        coins.test("test_clock", json!([NOW]));
        coins.test("test_mint", json!([USDC_MINT, 6]));
        coins.test("test_mint", json!([MJN_MINT, 6]));
        coins
    }

    pub(crate) async fn with(backend: Backend, config: impl FnOnce(&SolanaPeer) -> PayConfig) -> Self {
        let coins = Self::unfunded(backend, config).await;
        for (owner, tokens) in [(coins.node(), 0), (address("buyer"), BUYER_USDC)] {
            coins.test("test_sol", json!([owner, LAMPORTS]));
            coins.test("test_tokens", json!([owner, USDC_MINT, tokens]));
        }
        coins
    }

    pub(crate) async fn restart(self, config: PayConfig) -> Self {
        Self {
            world: self.world.restart(config).await,
            ..self
        }
    }

    /// Another process of the same node, on the same database.
    async fn second_process(&self) -> Arc<Pay> {
        let config = PayConfig {
            chain: "pay-2".to_owned(),
            ..config(&self.peer)
        };
        self.world.second_process(config).await
    }

    fn test(&self, method: &str, params: Value) -> Value {
        self.peer.call(method, params).unwrap()
    }

    /// The node's own address.
    fn node(&self) -> Address {
        self.world.pay.solana().unwrap().address().parse().unwrap()
    }

    /// What an owner has of a coin.
    pub(crate) async fn units(&self, coin: &Coin, owner: &Address) -> u64 {
        let held = self.rpc.holdings(coin, &[*owner]).await.unwrap();
        held[&coin.account(owner).unwrap()].units
    }

    /// 10.00 USDC, 70 % for Mira and 30 % for Jonas.
    pub(crate) async fn checkout(&self, buyer: &str) -> CheckoutView {
        self.checkout_split(buyer, "10.00 USDC", &[("mira", 700_000), ("jonas", 300_000)])
            .await
    }

    async fn checkout_split(&self, buyer: &str, price: &str, shares: &[(&str, u32)]) -> CheckoutView {
        let goods = self.world.goods_split(buyer, price, shares);
        self.world.checkout_of(buyer, &goods).await
    }

    /// A wallet asks for the transaction of a checkout.
    async fn wallet_asks(&self, checkout: &CheckoutView, body: &Value) -> Answer {
        let request = Request::post(format!("/pay/solana/{}", checkout.id))
            .header("origin", "https://wallet.example")
            .header("content-type", "application/json");
        self.world
            .send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    /// The buyer's wallet asks for the transaction, signs it and sends it. Its name.
    async fn wallet_pays(&self, checkout: &CheckoutView) -> String {
        let answer = self.wallet_asks(checkout, &json!({"account": address("buyer")})).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let transaction = answer.json()["transaction"].as_str().unwrap().to_owned();
        self.signed_send(&transaction)
    }

    fn buyer_seed() -> String {
        hex::encode(wallet("buyer").to_seed().as_slice())
    }

    fn signed_send(&self, transaction: &str) -> String {
        let signed = self.test("test_sign", json!([transaction, Self::buyer_seed()]));
        let sent = self.test("sendTransaction", json!([signed]));
        sent.as_str().unwrap().to_owned()
    }

    fn buyer_sends(&self, instruction: &Instruction) -> String {
        let params = json!([Self::buyer_seed(), [written(instruction)]]);
        self.test("test_send_instructions", params).as_str().unwrap().to_owned()
    }

    /// The buyer pays so much to the node by hand, under the checkout's reference.
    pub(crate) fn pays_tokens(&self, checkout: &CheckoutView, mint: &Address, units: u64) -> String {
        let (buyer, node) = (address("buyer"), self.node());
        self.buyer_sends(&token_transfer(&TokenMove {
            mint,
            decimals: 6,
            source: &Address::token_account(&buyer, mint).unwrap(),
            owner: &buyer,
            destination: &Address::token_account(&node, mint).unwrap(),
            units,
            reference: &reference(&self.world.keyring, checkout.id),
        }))
    }

    fn pays_sol(&self, checkout: &CheckoutView, lamports: u64) -> String {
        let reference = reference(&self.world.keyring, checkout.id);
        self.buyer_sends(&sol_transfer(&address("buyer"), &self.node(), lamports, &reference))
    }

    /// Everything is final, the node looks, and what follows happens; as often as money needs to go and to arrive.
    pub(crate) async fn follow(&self) {
        for _round in 0..5 {
            self.test("test_finalise", json!([]));
            self.world.clock.advance(Span::seconds(130));
            let ticked = self.world.pay.solana_tick().await.unwrap();
            assert!(ticked.problems.is_empty(), "{:?}", ticked.problems);
            self.world.pay.drive().await.unwrap();
        }
    }

    /// Somebody binds an address of theirs.
    pub(crate) async fn bind(&self, who: &str) -> Address {
        let address = address(who);
        let asked = self.challenge(who, &address.to_string()).await;
        let bound = self.world.put(who, CONNECT, &Self::bind_body(who, &asked)).await;
        assert_eq!(bound.status, StatusCode::OK, "{}", bound.text());
        address
    }

    async fn challenge(&self, who: &str, address: &str) -> Value {
        let asked = self.world.get(Some(who), &format!("{CONNECT}?address={address}")).await;
        assert_eq!(asked.status, StatusCode::OK, "{}", asked.text());
        asked.json()["challenge"].clone()
    }

    fn bind_body(wallet_of: &str, asked: &Value) -> Value {
        let signature = wallet(wallet_of).sign(asked["message"].as_str().unwrap().as_bytes());
        json!({
            "address": asked["address"],
            "nonce": asked["nonce"],
            "issuedAt": asked["issuedAt"],
            "signature": signature.to_hex(),
        })
    }

    async fn page(&self, checkout: &CheckoutView) -> String {
        let path = format!("/pay/checkout/{}", checkout.id);
        let page = self.world.get_accepting(None, &path, "text/html").await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text());
        page.text()
    }

    async fn payment_state(&self, checkout: &CheckoutView) -> String {
        let path = format!("/pay/solana/{}/state", checkout.id);
        self.world.get(None, &path).await.json()["state"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    fn time_passes(&self) {
        self.world.clock.advance(Span::minutes(31));
        self.test("test_clock", json!([self.world.clock_seconds()]));
    }
}

const CONNECT: &str = "/pay/api/connect/solana";

fn money(text: &str) -> Money {
    text.parse().unwrap()
}
