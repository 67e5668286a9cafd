//! What is kept of Solana: the wallet, the records, the addresses.

use imajin_pay::{MIGRATIONS, Pay, PayDeps, SEALED_COLUMNS, audit};
use imajin_pay_api::{CheckoutState, SellerClient};
use imajin_store::{Db, Finding, Options, StoreError, Sweep, Swept, SweptRows};
use imajin_testkit::{Backend, on_both};
use imajin_web::{PublicBase, Site};
use serde_json::json;

use super::{Coins, config, solana_config, wallet};
use crate::world::{PUBLIC, location};

on_both!(
    every_single_column_of_solana_is_covered,
    a_deleted_row_of_solana_is_missed,
    the_wallet_stays_the_same_and_is_sealed,
    a_payment_under_way_is_found_after_a_restart,
);

/// The tables of the rail; the sweep below fills them.
pub(crate) const TABLES: [&str; 3] = ["payee_addresses", "solana_records", "solana_wallets"];

async fn filled(backend: Backend) -> Coins {
    let coins = Coins::new(backend).await;
    let checkout = coins.checkout("buyer").await;
    coins.wallet_pays(&checkout).await;
    coins.follow().await;
    coins.bind("mira").await;
    let body = json!({"currency": "USDC"});
    coins.world.post("mira", "/pay/api/payout", Some("k"), &body).await;
    coins.follow().await;
    let split = coins.checkout("buyer, again").await;
    coins.wallet_pays(&split).await;
    coins.follow().await;
    assert_eq!(coins.world.state(split.id).await, CheckoutState::Settled);
    coins
}

async fn every_single_column_of_solana_is_covered(backend: Backend) {
    let coins = filled(backend).await;
    coins.world.audit_clean().await;
    let keyring = coins.world.keyring.clone();
    let swept: Result<Swept, StoreError> = coins
        .world
        .db
        .write(move |conn| {
            let sweep = Sweep {
                service: "pay",
                tables: &|table: &str| TABLES.contains(&table),
                rows: SweptRows::FirstAndLast,
                audit: &|conn| audit(conn, &keyring),
            };
            sweep.run(conn)
        })
        .await;
    assert_eq!(swept.unwrap().unnoticed, Vec::<String>::new());
}

async fn a_deleted_row_of_solana_is_missed(backend: Backend) {
    let coins = filled(backend).await;
    for table in TABLES {
        let keyring = coins.world.keyring.clone();
        let findings: Result<Vec<Finding>, StoreError> = coins
            .world
            .db
            .write(move |conn| {
                use diesel::Connection;
                use diesel::connection::SimpleConnection;
                let mut findings = Vec::new();
                // Nothing of it stays.
                let undone = conn.transaction::<(), StoreError, _>(|conn| {
                    conn.batch_execute(&format!("DELETE FROM {table}"))?;
                    findings = audit(conn, &keyring)?;
                    Err(diesel::result::Error::RollbackTransaction.into())
                });
                assert!(undone.is_err());
                Ok(findings)
            })
            .await;
        assert!(!findings.unwrap().is_empty(), "{table}");
    }
    coins.world.audit_clean().await;
}

async fn the_wallet_stays_the_same_and_is_sealed(backend: Backend) {
    let coins = Coins::new(backend).await;
    let node = coins.node();
    let same = config(&coins.peer);
    let coins = coins.restart(same).await;
    assert_eq!(coins.node(), node);
    let keyring = coins.world.keyring.clone();
    let opened: Result<_, StoreError> = coins
        .world
        .db
        .read(move |conn| Ok((SEALED_COLUMNS[0].open)(conn, &keyring, 0)?))
        .await;
    let opened = opened.unwrap();
    assert_eq!(opened.len(), 1);
    let seed: [u8; 32] = opened[0].secret.as_ref().unwrap().as_slice().try_into().unwrap();
    let key = imajin_did::SecretKey::from_seed(seed);
    assert_eq!(imajin_rails::solana::Address::from(key.public()), node);
    // A key that the operator brings is taken once, and must stay the same.
    let brought = wallet("operator");
    let file = |key: &imajin_did::SecretKey| {
        let bytes = [key.to_seed().as_slice(), &key.public().to_bytes()].concat();
        json!(bytes).to_string()
    };
    let start = async |text: Option<String>, world: &crate::world::World, db: Db| {
        let mut solana = solana_config(&coins.peer.url());
        solana.wallet_key = text.map(Into::into);
        let mut config = config(&coins.peer);
        config.rails.solana = Some(solana);
        let deps = PayDeps {
            site: Site {
                env: world.env.clone(),
                public: PublicBase(PUBLIC.parse().unwrap()),
                identities: world.identities.clone(),
            },
            keyring: world.keyring.clone(),
            db,
            seller: SellerClient::local(world.seller.clone()),
            config,
        };
        Pay::start(deps).await
    };
    let refused = start(Some(file(&brought)), &coins.world, coins.world.db.clone())
        .await
        .err()
        .unwrap();
    assert!(
        refused.detail.contains("not the key of the wallet"),
        "{}",
        refused.detail
    );
    for text in ["", "[1,2]", "hush", "[300]"] {
        let refused = start(Some(text.to_owned()), &coins.world, coins.world.db.clone())
            .await
            .err()
            .unwrap();
        assert!(
            refused.detail.contains("wallet_key") && !refused.detail.contains("hush"),
            "{}",
            refused.detail
        );
    }
    let empty = imajin_testkit::TestDatabase::new(backend);
    let db = Db::open(location(&empty), "pay", MIGRATIONS, Options::default()).unwrap();
    let pay = start(Some(file(&brought)), &coins.world, db.clone()).await.unwrap();
    let wanted = imajin_rails::solana::Address::from(brought.public()).to_string();
    assert_eq!(pay.solana().unwrap().address(), wanted);
    drop(pay);
    db.close().await;
}

async fn a_payment_under_way_is_found_after_a_restart(backend: Backend) {
    let coins = Coins::new(backend).await;
    let checkout = coins.checkout("buyer").await;
    coins.wallet_pays(&checkout).await;
    coins.world.clock.advance(imajin_kernel::Span::seconds(3));
    coins.world.pay.solana_tick().await.unwrap();
    let same = config(&coins.peer);
    let coins = coins.restart(same).await;
    assert_eq!(coins.payment_state(&checkout).await, "settling");
    coins.follow().await;
    assert_eq!(coins.world.state(checkout.id).await, CheckoutState::Settled);
    assert_eq!(coins.world.available("mira").await, "7.00 USDC");
    coins.world.audit_clean().await;
}
