//! Several RPC servers: one that is away is passed over, one of another chain is not asked, and money that came in can
//! be made to need more than one witness.

use imajin_rails::solana::{Finding, Rpc, RpcError, USDC_MINT};
use serde_json::json;
use url::Url;

use crate::support::{World, address, shares};

const GROSS: i64 = 10_000_000;

fn url(world: &World) -> Url {
    world.peer.url().parse().unwrap()
}

/// Nobody is there.
fn away() -> Url {
    "http://127.0.0.1:9/".parse().unwrap()
}

async fn paid(world: &World) -> String {
    world.test("test_tokens", json!([address(0), USDC_MINT, 0]));
    let payment = world.plan(world.usdc, GROSS, &shares(1, GROSS)).await;
    let signature = world.pay(&payment).await;
    world.finalise();
    signature
}

#[tokio::test]
async fn a_server_that_is_away_is_passed_over() {
    let mut world = World::new();
    world.rpc = Rpc::new([away(), url(&world)], 1).unwrap();
    let genesis = world.rpc.genesis().await.unwrap();
    world.rpc.chain_expect(genesis);
    assert_eq!(world.rpc.away(), (2, 1));
    world.test("test_tokens", json!([address(0), USDC_MINT, 0]));
    let payment = world.plan(world.usdc, GROSS, &shares(1, GROSS)).await;
    world.pay(&payment).await;
    assert!(matches!(world.sighting(&payment).await.finding, Finding::Exact { .. }));
    // The one that answers is asked from now on, until it does not answer.
    world.test("test_fault", json!(["getEpochInfo", "away", 1]));
    assert!(matches!(world.rpc.tip().await, Err(RpcError::Away(_))));
    assert_eq!(world.rpc.away(), (2, 2));
    world.rpc.tip().await.unwrap();
}

#[tokio::test]
async fn a_server_of_another_chain_is_not_asked() {
    let (world, other) = (World::new(), World::new());
    other.test("test_genesis", json!(["EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"]));
    let rpc = Rpc::new([url(&world), url(&other)], 1).unwrap();
    rpc.chain_expect(rpc.genesis().await.unwrap());
    let signature = paid(&other).await;
    assert_eq!(
        rpc.landed(&signature).await,
        Err(RpcError::Away("it is on another chain".to_owned()))
    );
    world.test("test_fault", json!(["getLatestBlockhash", "away", 1]));
    assert!(matches!(rpc.recent().await, Err(RpcError::Away(_))));
    rpc.recent().await.unwrap();
}

#[tokio::test]
async fn what_too_few_servers_show_is_waited_for() {
    let world = World::new();
    let signature = paid(&world).await;
    let alone = Rpc::new([url(&world), away()], 2).unwrap();
    assert!(matches!(alone.landed(&signature).await, Err(RpcError::Away(_))));
    let agreed = Rpc::new([url(&world), away(), url(&world)], 2).unwrap();
    assert_eq!(agreed.landed(&signature).await.unwrap().unwrap().signature, signature);
    // One that has never seen it is no witness.
    let other = World::new();
    let unseen = Rpc::new([url(&world), url(&other)], 2).unwrap();
    assert!(matches!(unseen.landed(&signature).await, Err(RpcError::Away(_))));
}
