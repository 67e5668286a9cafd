//! The rail against a processor that behaves as Stripe does: what pay's own tests do not see.
#![cfg(test)]

use imajin_did::SecretKey;
use imajin_kernel::{Env, ManualClock, Span, Timestamp};
use imajin_rails::{RailCheckout, RailError, StripeConfig, stripe, stripe_rail};
use imajin_testkit::stripe_peer::{self, FaultKind, PeerOptions, StripePeer};

const RESTRICTED: &str = "rk_live_refunds_0123456789";

fn env() -> (Env, ManualClock) {
    let clock = ManualClock::at(Timestamp::from_seconds(1_800_000_000));
    (Env::fixed(clock.clone(), 1), clock)
}

fn config(peer: &StripePeer, key: &str) -> StripeConfig {
    StripeConfig {
        secret_key: key.into(),
        webhook_secrets: vec!["whsec_one".into()],
        api_url: peer.url().parse().unwrap(),
        node_url: "https://node.example".to_owned(),
    }
}

fn checkout(env: &Env, price: &str) -> RailCheckout {
    RailCheckout {
        id: env.new_id(),
        title: "A ticket".to_owned(),
        price: price.parse().unwrap(),
        payer: SecretKey::generate(env).did(),
        expires_at: env.now().plus(Span::minutes(30)),
        success_url: "/orders/1".to_owned(),
        cancel_url: "/".to_owned(),
    }
}

async fn peer(env: &Env) -> StripePeer {
    let mut options = PeerOptions::live(env.clone());
    options.restricted_keys = vec![(RESTRICTED.to_owned(), vec!["refunds".to_owned()])];
    StripePeer::start(options).await
}

#[test]
fn the_rail_and_the_peer_speak_one_version() {
    assert_eq!(stripe::API_VERSION, stripe_peer::API_VERSION);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_wrong_or_may_not_shows_in_the_health_and_never_itself() {
    let (env, clock) = env();
    let peer = peer(&env).await;
    for key in ["sk_live_wrong_0123456789", RESTRICTED] {
        let rail = stripe_rail(&config(&peer, key), env.clone()).unwrap();
        assert_eq!(rail.health().works, None);
        let refused = rail.open(&checkout(&env, "10.00 USD")).await.unwrap_err();
        assert!(matches!(&refused, RailError::Unavailable(_)), "{refused}");
        let health = rail.health();
        assert_eq!(health.works, Some(false));
        assert!(health.problem.as_ref().unwrap().contains("does not take the key"));
        assert!(!format!("{refused} {health:?}").contains("0123456789"));
        clock.advance(Span::minutes(1));
    }
    let rail = stripe_rail(&config(&peer, &peer.secret_key()), env.clone()).unwrap();
    assert_eq!(rail.probe().await.works, Some(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_asked_for_once_and_a_loss_again_with_the_same_key() {
    let (env, clock) = env();
    let peer = peer(&env).await;
    let rail = stripe_rail(&config(&peer, &peer.secret_key()), env.clone()).unwrap();
    let refused = rail.open(&checkout(&env, "0.10 USD")).await.unwrap_err();
    assert!(refused.to_string().contains("amount_too_small"), "{refused}");
    assert_eq!(peer.seen().len(), 1);
    assert_eq!(rail.health().works, Some(true), "a refusal is an answer");

    let wanted = checkout(&env, "10.00 USD");
    peer.fault("/checkout", FaultKind::LostAfter, 3);
    assert!(matches!(rail.open(&wanted).await, Err(RailError::Unavailable(_))));
    clock.advance(Span::seconds(2));
    // Asked again with the same words at another time it would be another request: the caller opens another one.
    let opened = rail.open(&checkout(&env, "10.00 USD")).await.unwrap();
    assert!(opened.url.starts_with(peer.url()));
    let keys: Vec<_> = peer
        .seen()
        .into_iter()
        .skip(1)
        .map(|seen| seen.idempotency_key.unwrap())
        .collect();
    assert_eq!(
        keys.iter()
            .filter(|key| **key == format!("checkout/{}", wanted.id))
            .count(),
        3
    );
    assert_eq!(peer.objects("checkout.session").len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_closed_once_and_one_that_is_over_is_no_error() {
    let (env, _clock) = env();
    let peer = peer(&env).await;
    let rail = stripe_rail(&config(&peer, &peer.secret_key()), env.clone()).unwrap();
    let (first, second) = (checkout(&env, "10.00 USD"), checkout(&env, "10.00 USD"));
    let (first, second) = (rail.open(&first).await.unwrap(), rail.open(&second).await.unwrap());
    let (first, second) = (first.reference.unwrap(), second.reference.unwrap());
    peer.customer_pays(&second).unwrap();
    for session in [&first, &first, &second] {
        rail.close(session).await.unwrap();
    }
    assert_eq!(peer.object(&first)["status"], "expired");
    assert_eq!(peer.object(&second)["status"], "complete");
    assert!(rail.close("../refunds").await.is_err());
}
