//! What we write is byte for byte what Anza's own library writes, and our addresses are its addresses.

use imajin_rails::solana::program::{
    TokenMove, compute_limit, compute_price, memo, sol_transfer, token_account_create, token_transfer,
};
use imajin_rails::solana::{Address, Blockhash, Instruction, Message, Network, USDC_MINT};
use serde_json::json;

use crate::support::{World, address, written};

fn token_payment(payees: u64, creates: bool) -> Vec<Instruction> {
    let (payer, reference) = (address(5000), address(5001));
    let source = Address::token_account(&payer, &USDC_MINT).unwrap();
    let mut instructions = vec![compute_limit(200_000), compute_price(10_000), memo("imajin chk_1")];
    for number in 0..payees {
        let owner = address(number);
        let account = Address::token_account(&owner, &USDC_MINT).unwrap();
        if creates {
            instructions.push(token_account_create(&payer, &account, &owner, &USDC_MINT));
        }
        instructions.push(token_transfer(&TokenMove {
            mint: &USDC_MINT,
            decimals: 6,
            source: &source,
            owner: &payer,
            destination: &account,
            units: 1_000_000 + number,
            reference: &reference,
        }));
    }
    instructions
}

#[test]
fn every_message_is_the_one_of_the_official_library() {
    let world = World::new();
    let (payer, blockhash) = (address(5000), address(5002));
    let sol: Vec<_> = (0..15)
        .map(|number| sol_transfer(&payer, &address(number), 5 + number, &address(5001)))
        .collect();
    let to_oneself = vec![sol_transfer(&payer, &payer, 5, &address(5001))];
    let mut all = vec![sol, to_oneself, vec![memo("alone")]];
    all.extend((1..=15).map(|payees| token_payment(payees, false)));
    all.extend((1..=7).map(|payees| token_payment(payees, true)));
    for instructions in all {
        let ours = Message::compile(&payer, &instructions, &Blockhash(blockhash)).unwrap();
        let params = json!([payer, blockhash, instructions.iter().map(written).collect::<Vec<_>>()]);
        let theirs = world.test("test_compile", params);
        assert_eq!(
            hex::encode(ours.as_bytes()),
            theirs.as_str().unwrap(),
            "{} instructions",
            instructions.len()
        );
    }
}

#[test]
fn every_token_account_is_the_one_of_the_official_library() {
    let world = World::new();
    let mut off_curve = 0;
    for number in 0..200 {
        let owner = address(number);
        let account = Address::token_account(&owner, &USDC_MINT).unwrap();
        let theirs = world.test("test_token_address", json!([owner, USDC_MINT]));
        assert_eq!(account.to_string(), theirs.as_str().unwrap());
        // Random bytes are a public key half of the time.
        let random = Address::from_bytes(imajin_proof::digest::sha256(owner.as_bytes()));
        let on_curve = world.test("test_on_curve", json!([random])).as_bool().unwrap();
        assert_eq!(random.is_on_curve(), on_curve, "{random}");
        off_curve += usize::from(!on_curve);
    }
    assert!((60..140).contains(&off_curve), "{off_curve}");
}

#[tokio::test]
async fn a_chain_of_another_kind_is_noticed() {
    let world = World::new();
    let genesis = world.rpc.genesis().await.unwrap();
    assert!(Network::Mainnet.genesis_check(&genesis).is_ok());
    world.test("test_genesis", json!(["EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"]));
    let genesis = world.rpc.genesis().await.unwrap();
    assert!(Network::Mainnet.genesis_check(&genesis).is_err());
    assert!(Network::Devnet.genesis_check(&genesis).is_ok());
}
