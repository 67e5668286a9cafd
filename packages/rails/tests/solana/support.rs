//! A chain with money on it, a node's wallet, a buyer's wallet.

use std::collections::BTreeMap;

use imajin_did::{Keyring, SecretKey};
use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_money::{Amount, Asset};
use imajin_rails::solana::program::{TokenMove, token_transfer};
use imajin_rails::solana::{
    Address, Coin, EndpointRequest, Holding, Instruction, MJN_MINT, Message, Network, Payment, PlanInput, Priority,
    Report, Rpc, Share, Sighting, Standing, USDC_MINT, Wallet, Watch, endpoint_answer, reference,
};
use imajin_testkit::SolanaPeer;
use serde_json::{Value, json};

/// The time of the peer's blocks.
pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const NODE_SOL: i64 = 10_000_000_000;
pub(crate) const BUYER_UNITS: i64 = 50_000_000_000;

pub(crate) struct World {
    pub(crate) peer: SolanaPeer,
    pub(crate) rpc: Rpc,
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) wallet: Wallet,
    pub(crate) usdc: Coin,
    pub(crate) sol: Coin,
    buyer: SecretKey,
}

/// A wallet that belongs to number `number`.
pub(crate) fn person(number: u64) -> SecretKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    SecretKey::from_seed(seed)
}

pub(crate) fn address(number: u64) -> Address {
    person(number).public().into()
}

pub(crate) fn amount(units: i64) -> Amount {
    Amount::from_micros(units).unwrap()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(NOW)
}

/// `count` shares of `gross`, the first one with what does not divide. Their payees are the numbers from 0 on.
pub(crate) fn shares(count: u64, gross: i64) -> Vec<Share> {
    let parts = i64::try_from(count).unwrap();
    (0..count)
        .map(|number| Share {
            did: person(1_000_000 + number).did(),
            amount: amount(gross / parts + if number == 0 { gross % parts } else { 0 }),
            address: Some(address(number)),
            held: false,
        })
        .collect()
}

impl World {
    pub(crate) fn new() -> Self {
        let peer = SolanaPeer::start().unwrap();
        let env = Env::fixed(ManualClock::at(now()), 7);
        let keyring = Keyring::generate(&env);
        let (wallet, sealed) = Wallet::create(&keyring, &env);
        assert_eq!(Wallet::open(&keyring, &sealed).unwrap().address(), wallet.address());
        let network = Network::Mainnet;
        let world = Self {
            rpc: Rpc::new([peer.url().parse().unwrap()], 1).unwrap(),
            peer,
            env,
            keyring,
            wallet,
            usdc: network.coin(Asset::USDC).unwrap(),
            sol: network.coin(Asset::SOL).unwrap(),
            buyer: person(999_999),
        };
        world.test("test_clock", json!([NOW]));
        world.test("test_mint", json!([USDC_MINT, 6]));
        world.test("test_mint", json!([MJN_MINT, 6]));
        for (owner, tokens) in [(world.wallet.address(), 0), (world.buyer(), BUYER_UNITS)] {
            world.test("test_sol", json!([owner, NODE_SOL]));
            world.test("test_tokens", json!([owner, USDC_MINT, tokens]));
        }
        world
    }

    pub(crate) fn test(&self, method: &str, params: Value) -> Value {
        self.peer.call(method, params).unwrap()
    }

    pub(crate) fn buyer(&self) -> Address {
        self.buyer.public().into()
    }

    /// What an owner has of a coin.
    pub(crate) async fn units(&self, coin: &Coin, owner: &Address) -> u64 {
        let held = self.rpc.holdings(coin, &[*owner]).await.unwrap();
        held[&coin.account(owner).unwrap()].units
    }

    pub(crate) async fn plan(&self, coin: Coin, gross: i64, shares: &[Share]) -> Payment {
        let owners = shares.iter().filter_map(|share| share.address);
        let owners: Vec<Address> = owners.chain([self.wallet.address()]).collect();
        let held: BTreeMap<Address, Holding> = self.rpc.holdings(&coin, &owners).await.unwrap();
        let checkout: CheckoutId = self.env.new_id();
        let input = PlanInput {
            checkout,
            reference: reference(&self.keyring, checkout),
            coin,
            gross: amount(gross),
            shares,
            node: self.wallet.address(),
            priority: Priority::default(),
            standing: &|account| held.get(account).map_or(Standing::Missing, |holding| holding.standing),
        };
        Payment::plan(&input).unwrap()
    }

    /// What the endpoint gives the buyer's wallet, in Base64.
    pub(crate) async fn transaction(&self, payment: &Payment) -> String {
        let request = EndpointRequest { account: self.buyer() };
        let recent = self.rpc.recent().await.unwrap();
        let answer = endpoint_answer(payment, &request, &recent.blockhash, "A ticket").unwrap();
        answer.transaction
    }

    /// The buyer's wallet fetches the transaction, signs it and sends it. Its name.
    pub(crate) async fn pay(&self, payment: &Payment) -> String {
        let transaction = self.transaction(payment).await;
        let signed = self.test("test_sign", json!([transaction, self.buyer_seed()]));
        let sent = self.test("sendTransaction", json!([signed, {"skipPreflight": false}]));
        sent.as_str().unwrap().to_owned()
    }

    pub(crate) fn buyer_seed(&self) -> String {
        hex::encode(self.buyer.to_seed().as_slice())
    }

    /// The buyer sends what he likes, without being warned.
    pub(crate) fn buyer_sends(&self, instructions: &[Instruction]) -> String {
        let params = json!([self.buyer_seed(), instructions.iter().map(written).collect::<Vec<_>>()]);
        self.test("test_send_instructions", params).as_str().unwrap().to_owned()
    }

    pub(crate) fn finalise(&self) {
        self.test("test_finalise", json!([]));
    }

    /// Everything is final; what the watch finds.
    pub(crate) async fn sightings(&self, watch: &mut Watch) -> Vec<Sighting> {
        self.finalise();
        let stepped = watch.step(&self.rpc, now()).await;
        assert_eq!(stepped.problem, None);
        *watch = stepped.watch;
        let finals = stepped.reports.into_iter().filter_map(|report| match report {
            Report::Final(sighting) => Some(sighting),
            Report::Seen { .. } | Report::Gone { .. } => None,
        });
        finals.collect()
    }

    /// The one thing that the watch finds.
    pub(crate) async fn sighting(&self, payment: &Payment) -> Sighting {
        let mut found = self.sightings(&mut watch(payment)).await;
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }
}

/// A transfer of the buyer's tokens, six decimals.
pub(crate) fn token_transfer_of(
    world: &World,
    mint: &Address,
    to: &Address,
    units: u64,
    reference: &Address,
) -> Instruction {
    let buyer = world.buyer();
    token_transfer(&TokenMove {
        mint,
        decimals: 6,
        source: &Address::token_account(&buyer, mint).unwrap(),
        owner: &buyer,
        destination: &Address::token_account(to, mint).unwrap(),
        units,
        reference,
    })
}

/// Watches a payment that can be made for a quarter of an hour.
pub(crate) fn watch(payment: &Payment) -> Watch {
    Watch::new(payment.clone(), now().plus(Span::minutes(15)), now())
}

/// An instruction as the peer reads it.
pub(crate) fn written(instruction: &Instruction) -> Value {
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

/// The length of the transaction that a wallet is given.
pub(crate) fn length(payment: &Payment) -> usize {
    let blockhash = imajin_rails::solana::Blockhash(address(77));
    let message: Message = payment.message(&address(78), &blockhash).unwrap();
    message.unsigned().len()
}
