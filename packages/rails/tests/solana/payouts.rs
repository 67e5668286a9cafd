//! Money leaves the node's wallet once, and within limits.

use imajin_kernel::{Span, Timestamp};
use imajin_rails::solana::{
    Address, Coin, Payer, Payout, PayoutLimits, PayoutState, Priority, RpcError, SolanaError, USDC_MINT, Wallet,
};
use serde_json::json;

use crate::support::{World, address, amount, now};

const LIMITS: (i64, i64) = (50_000_000, 80_000_000);
/// The least that an account is made for.
const ACCOUNT_MIN: i64 = 1_000_000;
/// How many blocks a blockhash is good for, and some more.
const EXPIRED_BLOCKS: u64 = 151;

fn payer(world: &World) -> Payer<'_> {
    Payer {
        keyring: &world.keyring,
        wallet: &world.wallet,
        limits: PayoutLimits {
            per_transaction: amount(LIMITS.0),
            per_day: amount(LIMITS.1),
            payee_per_day: amount(LIMITS.1 - 5),
            refund_per_day: amount(LIMITS.0),
        },
        priority: Priority::default(),
        account_min: amount(ACCOUNT_MIN),
    }
}

fn funded() -> World {
    let world = World::new();
    world.test("test_tokens", json!([world.wallet.address(), USDC_MINT, 1_000_000_000]));
    world
}

fn payout(world: &World, units: i64) -> Payout {
    Payout::new("pyo_1", address(0), world.usdc, amount(units), now())
}

/// What a node does that stops and starts again between any two steps.
fn stored(payout: &Payout) -> Payout {
    serde_json::from_str(&serde_json::to_string(payout).unwrap()).unwrap()
}

async fn step(world: &World, payout: &Payout) -> Payout {
    let stepped = stored(payout).step(&world.rpc, &payer(world), &[], now()).await;
    assert_eq!(stepped.problem, None);
    stepped.payout
}

async fn until_over(world: &World, mut payout: Payout) -> Payout {
    for _step in 0..10 {
        world.finalise();
        payout = stored(&payout).step(&world.rpc, &payer(world), &[], now()).await.payout;
        if payout.is_over() {
            return payout;
        }
    }
    panic!("it does not end: {payout:?}");
}

async fn received(world: &World, owner: &Address) -> u64 {
    world.units(&world.usdc, owner).await
}

#[tokio::test]
async fn a_payout_is_signed_stored_sent_and_final() {
    let world = funded();
    let signed = step(&world, &payout(&world, 5_000_000)).await;
    assert!(matches!(signed.state, PayoutState::Signed { sends: 0, .. }));
    assert_eq!(
        world.test("test_count", json!(["sendTransaction"])),
        0,
        "it is stored before it is sent"
    );
    let sent = step(&world, &signed).await;
    let waiting = step(&world, &sent).await;
    assert!(
        matches!(waiting.state, PayoutState::Signed { sends: 1, .. }),
        "confirmed is not final"
    );
    world.finalise();
    let paid = step(&world, &waiting).await;
    assert!(matches!(paid.state, PayoutState::Paid { .. }));
    // The account of the payee was made.
    assert_eq!(received(&world, &address(0)).await, 5_000_000);
    assert_eq!(step(&world, &paid).await, paid);
}

#[tokio::test]
async fn sol_is_paid_out_too() {
    let world = World::new();
    let coin: Coin = world.sol;
    let payout = Payout::new("pyo_1", address(0), coin, amount(5_000_000), now());
    let paid = until_over(&world, payout).await;
    assert!(matches!(paid.state, PayoutState::Paid { .. }));
    assert_eq!(world.units(&coin, &address(0)).await, 5_000_000);
}

#[tokio::test]
async fn a_lost_answer_does_not_pay_twice() {
    let world = funded();
    let signed = step(&world, &payout(&world, 5_000_000)).await;
    world.test("test_fault", json!(["sendTransaction", "lost", 1]));
    let lost = stored(&signed).step(&world.rpc, &payer(&world), &[], now()).await;
    assert!(matches!(lost.problem, Some(SolanaError::Rpc(RpcError::Away(_)))));
    // The process died before it could store even that: the step is made again.
    let paid = until_over(&world, stored(&signed)).await;
    assert!(matches!(paid.state, PayoutState::Paid { .. }));
    assert_eq!(paid.signatures.len(), 1);
    assert_eq!(received(&world, &address(0)).await, 5_000_000);
    assert_eq!(world.test("test_transactions", json!([])).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_payout_whose_answer_and_status_were_lost_until_long_after_is_not_paid_twice() {
    let world = funded();
    let signed = step(&world, &payout(&world, 5_000_000)).await;
    world.test("test_fault", json!(["sendTransaction", "lost", 1]));
    let sent = stored(&signed)
        .step(&world.rpc, &payer(&world), &[], now())
        .await
        .payout;
    world.test("test_fault", json!(["getSignatureStatuses", "away", 3]));
    let mut waiting = sent;
    for _step in 0..3 {
        waiting = stored(&waiting)
            .step(&world.rpc, &payer(&world), &[], now())
            .await
            .payout;
    }
    world.test("test_advance", json!([10 * EXPIRED_BLOCKS]));
    let paid = until_over(&world, waiting).await;
    assert!(matches!(paid.state, PayoutState::Paid { .. }));
    assert_eq!(
        (paid.signatures.len(), received(&world, &address(0)).await),
        (1, 5_000_000)
    );
}

#[tokio::test]
async fn a_server_that_lags_behind_makes_nobody_pay_twice() {
    let world = funded();
    let sent = step(&world, &step(&world, &payout(&world, 5_000_000)).await).await;
    world.finalise();
    world.test("test_advance", json!([10 * EXPIRED_BLOCKS]));
    world.finalise();
    // It is final and long expired, and the server that is asked knows nothing of it.
    world.test("test_fault", json!(["getSignatureStatuses", "behind", 2]));
    world.test("test_fault", json!(["getSignaturesForAddress", "behind", 1]));
    let unsure = stored(&sent).step(&world.rpc, &payer(&world), &[], now()).await;
    let refused =
        |code| matches!(&unsure.problem, Some(SolanaError::Rpc(RpcError::Refused { code: said, .. })) if *said == code);
    assert!(refused(-32016), "{:?}", unsure.problem);
    assert!(matches!(unsure.payout.state, PayoutState::Signed { .. }));
    // Another one does, when it is asked by the reference.
    let paid = step(&world, &unsure.payout).await;
    assert!(matches!(paid.state, PayoutState::Paid { .. }));
    assert_eq!(
        (paid.signatures.len(), received(&world, &address(0)).await),
        (1, 5_000_000)
    );
}

#[tokio::test]
async fn a_transaction_that_never_arrived_is_sent_again_and_then_signed_again() {
    let world = funded();
    let signed = step(&world, &payout(&world, 5_000_000)).await;
    world.test("test_fault", json!(["sendTransaction", "away", 1]));
    let away = stored(&signed)
        .step(&world.rpc, &payer(&world), &[], now())
        .await
        .payout;
    assert_eq!(away.next_at, now().plus(Span::seconds(2)));
    // Not final yet that it is too old: nothing else is signed.
    world.test("test_advance", json!([EXPIRED_BLOCKS]));
    let waiting = stored(&away).step(&world.rpc, &payer(&world), &[], now()).await.payout;
    assert_eq!(waiting.signatures.len(), 1);
    world.finalise();
    let planned = stored(&waiting)
        .step(&world.rpc, &payer(&world), &[], now())
        .await
        .payout;
    assert_eq!(planned.state, PayoutState::Planned);
    let paid = until_over(&world, planned).await;
    assert!(matches!(paid.state, PayoutState::Paid { .. }));
    assert_eq!(
        (paid.signatures.len(), received(&world, &address(0)).await),
        (2, 5_000_000)
    );
}

#[tokio::test]
async fn a_chain_that_takes_nothing_ends_in_failure_and_no_money_moves() {
    let world = funded();
    let mut payout = payout(&world, 5_000_000);
    while !payout.is_over() {
        world.test("test_fault", json!(["sendTransaction", "away", 1]));
        world.test("test_advance", json!([EXPIRED_BLOCKS]));
        world.finalise();
        payout = stored(&payout)
            .step(&world.rpc, &payer(&world), &[], now())
            .await
            .payout;
    }
    assert!(matches!(payout.state, PayoutState::Failed { .. }));
    assert_eq!((payout.signatures.len(), received(&world, &address(0)).await), (5, 0));
}

#[tokio::test]
async fn what_the_chain_refuses_fails_and_moves_nothing() {
    let world = funded();
    let signed = step(&world, &payout(&world, 5_000_000)).await;
    // The wallet is emptied after the signature; the server lets it through all the same.
    world.test("test_tokens", json!([world.wallet.address(), USDC_MINT, 1]));
    let PayoutState::Signed { transaction, .. } = &signed.state else {
        panic!("{signed:?}");
    };
    world.test("sendTransaction", json!([transaction, {"skipPreflight": true}]));
    let failed = until_over(&world, signed).await;
    assert!(matches!(failed.state, PayoutState::Failed { .. }), "{failed:?}");
    assert_eq!(received(&world, &address(0)).await, 0);
}

async fn refusal(world: &World, payout: &Payout, others: &[Payout], at: Timestamp) -> Option<SolanaError> {
    let stepped = payout.step(&world.rpc, &payer(world), others, at).await;
    assert!(stepped.problem.is_none() || stepped.payout.state == PayoutState::Planned);
    stepped.problem
}

#[tokio::test]
async fn no_more_leaves_than_may_at_once_and_in_a_day() {
    let world = funded();
    let too_much = payout(&world, LIMITS.0 + 1);
    let limit = |units, left| {
        Some(SolanaError::Limit {
            amount: amount(units),
            left: amount(left),
        })
    };
    assert_eq!(
        refusal(&world, &too_much, &[], now()).await,
        limit(LIMITS.0 + 1, LIMITS.0)
    );
    let first = step(
        &world,
        &Payout::new("pyo_0", address(1), world.usdc, amount(LIMITS.0), now()),
    )
    .await;
    let second = payout(&world, LIMITS.1 - LIMITS.0 + 1);
    let others = [first.clone()];
    let left = LIMITS.1 - LIMITS.0;
    assert_eq!(refusal(&world, &second, &others, now()).await, limit(left + 1, left));
    assert_eq!(refusal(&world, &payout(&world, left), &others, now()).await, None);
    assert_eq!(
        refusal(&world, &second, &others, now().plus(Span::hours(24))).await,
        None
    );
    // What failed has not left, and another coin has a limit of its own.
    let failed = Payout {
        state: PayoutState::Failed { why: String::new() },
        ..first
    };
    assert_eq!(refusal(&world, &second, &[failed], now()).await, None);
    let sol = Payout::new("pyo_2", address(0), world.sol, amount(LIMITS.0), now());
    assert_eq!(refusal(&world, &sol, &others, now()).await, None);
}

#[tokio::test]
async fn payees_leave_refunds_what_is_theirs_and_each_other_a_part_of_the_day() {
    let world = funded();
    let of = |key: &str, to: u64, units: i64| Payout::new(key, address(to), world.usdc, amount(units), now());
    let signed = |payout: Payout| Payout {
        signed_at: Some(now()),
        ..payout
    };
    let limits = payer(&world).limits;
    let left = |payout: &Payout, others: &[Payout]| limits.left(payout, others, now()).micros();
    let others = [
        signed(of("transfer/1", 0, LIMITS.1 - 10)),
        signed(of("transfer/2", 1, 2)),
    ];
    assert_eq!(left(&of("transfer/3", 0, 1), &others), 5, "of its own part");
    assert_eq!(left(&of("transfer/3", 2, 1), &others), 8, "of the day");
    assert_eq!(left(&of("refund/1", 0, 1), &others), LIMITS.0);
    let refunded = [signed(of("refund/2", 0, 7))];
    assert_eq!(left(&of("refund/1", 0, 1), &refunded), LIMITS.0 - 7);
    assert_eq!(left(&of("transfer/3", 0, 1), &refunded), LIMITS.0);
}

#[tokio::test]
async fn a_cent_makes_no_account_and_a_refund_none_at_all() {
    let world = funded();
    let failed = |payout: &Payout, text: &str| {
        let PayoutState::Failed { why } = &payout.state else {
            panic!("{payout:?}");
        };
        assert!(why.contains(text) && payout.signatures.is_empty(), "{why}");
    };
    failed(&step(&world, &payout(&world, ACCOUNT_MIN - 1)).await, "too little");
    let from = world.usdc.account(&address(0)).unwrap();
    let back = Payout {
        account: Some(from),
        ..Payout::new("refund/1", address(0), world.usdc, amount(5_000_000), now())
    };
    failed(&step(&world, &back).await, "is gone");
    // Whoever has one is sent a cent.
    world.test("test_tokens", json!([address(0), USDC_MINT, 0]));
    for little in [
        payout(&world, 1),
        Payout {
            amount: amount(1),
            ..back
        },
    ] {
        assert!(matches!(
            until_over(&world, little).await.state,
            PayoutState::Paid { .. }
        ));
    }
    // The chain keeps no account with so little in it.
    let sol = Payout::new("pyo_2", address(3), world.sol, amount(890_879), now());
    failed(&step(&world, &sol).await, "so little");
}

#[tokio::test]
async fn what_a_transaction_costs_is_there_before_it_is_signed() {
    let world = funded();
    // The fee, what is offered for 110,000 units, the account, and what keeps the wallet's own alive.
    let needed = 5_000 + 1_100 + 2_039_280 + 890_880;
    world.test("test_lamports", json!([world.wallet.address(), needed - 1]));
    let short = Some(SolanaError::Lamports {
        holds: needed - 1,
        needed,
    });
    assert_eq!(refusal(&world, &payout(&world, 5_000_000), &[], now()).await, short);
    world.test("test_lamports", json!([world.wallet.address(), needed]));
    let paid = until_over(&world, payout(&world, 5_000_000)).await;
    assert!(matches!(paid.state, PayoutState::Paid { .. }), "{paid:?}");
    let sol = Payout::new("pyo_2", address(1), world.sol, amount(890_880), now());
    let refused = refusal(&world, &sol, &[], now()).await;
    assert!(
        matches!(
            refused,
            Some(SolanaError::Lamports { .. } | SolanaError::Balance { .. })
        ),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_server_that_has_thrown_blocks_away_makes_nobody_pay_twice() {
    let world = funded();
    let sent = step(&world, &step(&world, &payout(&world, 5_000_000)).await).await;
    world.finalise();
    world.test("test_advance", json!([10 * EXPIRED_BLOCKS]));
    world.finalise();
    // It is final and long expired, and the server has kept nothing of that time.
    world.test("test_fault", json!(["getSignatureStatuses", "behind", 1]));
    world.test("test_first_block", json!([sent.signed_slot.unwrap() + 1]));
    let unsure = stored(&sent).step(&world.rpc, &payer(&world), &[], now()).await;
    assert!(
        matches!(&unsure.problem, Some(SolanaError::Rpc(RpcError::Away(text))) if text.contains("keeps blocks")),
        "{:?}",
        unsure.problem
    );
    assert!(matches!(unsure.payout.state, PayoutState::Signed { .. }));
    world.test("test_first_block", json!([0]));
    let paid = step(&world, &unsure.payout).await;
    assert!(matches!(paid.state, PayoutState::Paid { .. }));
    assert_eq!(
        (paid.signatures.len(), received(&world, &address(0)).await),
        (1, 5_000_000)
    );
}

#[tokio::test]
async fn an_empty_wallet_and_a_frozen_account_are_said_before_anything_is_signed() {
    let world = World::new();
    let balance = SolanaError::Balance {
        holds: amount(0),
        amount: amount(5),
    };
    assert_eq!(refusal(&world, &payout(&world, 5), &[], now()).await, Some(balance));
    let world = funded();
    world.test("test_tokens", json!([address(0), USDC_MINT, 0, true]));
    let frozen = step(&world, &payout(&world, 5)).await;
    assert!(matches!(frozen.state, PayoutState::Failed { .. }) && frozen.signatures.is_empty());
}

#[tokio::test]
async fn a_wallet_opens_with_its_own_master_key_only() {
    let world = World::new();
    let (wallet, sealed) = Wallet::create(&world.keyring, &world.env);
    assert_eq!(
        Wallet::open(&world.keyring, &sealed).unwrap().address(),
        wallet.address()
    );
    let other = imajin_did::Keyring::generate(&world.env);
    assert!(Wallet::open(&other, &sealed).is_err());
    assert_eq!(format!("{wallet:?}"), format!("Wallet(of {})", wallet.address()));
}
