//! What is asked again at a gate with the key of a payment, and what a gate says of a manifest.

use imajin_gate::{Charge, Till};
use imajin_imagxp::Purpose;
use imajin_kernel::{Code, Span};
use imajin_proof::digest::sha256_hex;
use imajin_testkit::{Backend, on_both};
use imajin_web::Tier;

use crate::gates::{Gated, charge};
use crate::works::manifest_of;
use crate::world::PUBLIC;

on_both!(
    a_key_is_good_for_what_it_has_paid_and_for_a_day,
    a_key_is_good_for_one_body,
    a_long_address_is_paid_once_and_found_again,
    a_gate_shows_where_a_manifest_is_and_its_digest,
);

/// A key makes one payment safe to repeat; it is no ticket for everything at that address.
async fn a_key_is_good_for_what_it_has_paid_and_for_a_day(backend: Backend) {
    let gated = Gated::new(backend).await;
    let first = gated.pays(&charge("c1", Some("k"))).await;
    let again = |claim: &str| charge(claim, Some("k"));
    let others = [
        Charge {
            visa: "forged".to_owned(),
            ..again("c2")
        },
        Charge {
            purpose: Purpose::CrawlTraining,
            ..again("c3")
        },
        Charge {
            price: "10.00 TEST-USD".parse().unwrap(),
            ..again("c4")
        },
    ];
    for other in &others {
        let refused = gated.books.charge(other).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidRequest, "{refused:?}");
    }
    // Whether the visa of such a request pays is asked, too.
    gated.spend("forged");
    assert_eq!(
        gated.books.check(&others[0]).await.unwrap_err().code,
        Code::PaymentFailed
    );
    gated.world.clock.advance(Span::hours(23));
    assert_eq!(gated.pays(&again("c5")).await.receipt, first.receipt);
    gated.world.clock.advance(Span::hours(1));
    let late = gated.books.charge(&again("c6")).await.unwrap_err();
    assert_eq!(late.code, Code::InvalidRequest, "{late:?}");
    assert_eq!(gated.pay.count(), 1);
}

/// The gate puts the method and the digest of the body behind the key of a request.
async fn a_key_is_good_for_one_body(backend: Backend) {
    let gated = Gated::new(backend).await;
    let key = |body: &str| format!("POST k {}", sha256_hex(body.as_bytes()));
    let first = gated.pays(&charge("c1", Some(&key("a")))).await;
    let again = gated.pays(&charge("c2", Some(&key("a")))).await;
    assert_eq!((&again.receipt, again.is_repeated), (&first.receipt, true));
    let other = gated.pays(&charge("c3", Some(&key("b")))).await;
    assert!(!other.is_repeated && other.receipt != first.receipt);
    // It is not one without a body either, whose keys are as they were.
    assert!(!gated.pays(&charge("c4", Some("POST k"))).await.is_repeated);
    assert_eq!(gated.pay.count(), 3);
}

/// An address of 8 KiB that no database makes shorter.
fn long_url(seed: &str) -> String {
    let part = |number: u32| sha256_hex(format!("{seed}/{number}").as_bytes());
    format!("https://site.example/?{}", (0..128).map(part).collect::<String>())
}

async fn a_long_address_is_paid_once_and_found_again(backend: Backend) {
    let gated = Gated::new(backend).await;
    let asked = |claim: &str, seed: &str| Charge {
        url: long_url(seed),
        ..charge(claim, Some("k"))
    };
    let first = gated.pays(&asked("c1", "one")).await;
    let again = gated.pays(&asked("c2", "one")).await;
    assert_eq!((again.receipt, again.is_repeated), (first.receipt.clone(), true));
    assert_ne!(gated.pays(&asked("c3", "two")).await.receipt, first.receipt);
    assert_eq!(gated.pay.count(), 2);
    assert_eq!(gated.world.audit().await, []);
}

async fn a_gate_shows_where_a_manifest_is_and_its_digest(backend: Backend) {
    let gated = Gated::new(backend).await;
    let manifest = manifest_of("ada", b"x", Some("0.50 TEST-USD"));
    assert_eq!(
        gated.books.manifest(&manifest.id).await.unwrap_err().code,
        Code::NotFound
    );
    gated.world.person("ada", Tier::Key);
    let manifest = gated.world.published(manifest).await;
    let shown = gated.books.manifest(&manifest.id).await.unwrap().unwrap();
    assert_eq!(shown.url, format!("{PUBLIC}/fair/{}", manifest.id));
    assert_eq!(shown.digest, manifest.digest_hex().unwrap());
}
