//! Claims that were used before, are for something else, or of somebody else.

use axum::http::HeaderMap;
use imajin_imagxp::{AgentKey, key_to_spki};
use imajin_kernel::{Env, Span};
use serde_json::{Value, json};

use super::{PRICE, Setting, Stage, attacks, millis, signed};
use crate::gates::{Site, denied};

attacks!(
    a_signature_for_the_cheap_page_opens_no_dear_one,
    the_same_claim_counts_once,
    the_same_claim_at_one_moment_counts_once,
    the_same_claim_counts_once_across_a_restart,
    a_claim_without_a_nonce_is_refused_unless_it_is_allowed,
    a_claim_without_a_nonce_counts_once_also_across_a_restart,
    a_claim_without_a_nonce_that_names_nothing_opens_no_paid_page,
    cf_ray_opens_no_paid_page,
    a_key_swapped_in_the_header_is_refused,
    a_claim_of_another_time_is_refused,
    what_is_said_twice_or_written_otherwise_opens_nothing,
);

/// How a site takes claims of the version 1.0.
const WITH_V10: Site<'_> = Site {
    takes_bearer: false,
    head: "allow_v10 = true",
    rules: "",
    gate: "",
    is_public: false,
};

async fn a_signature_for_the_cheap_page_opens_no_dear_one(setting: Setting) {
    let stage = Stage::new(setting).await;
    for door in stage.doors() {
        let asked = stage.scene.paid("/cheap", &stage.visa(1, 500_000));
        let refused = stage.refused(&door, "/dear", asked).await;
        assert_eq!(refused, denied(403, "CRYPTO_FAIL"));
    }
    stage.end(0).await;
}

async fn the_same_claim_counts_once(setting: Setting) {
    let stage = Stage::new(setting).await;
    let mut paid = 0;
    for (first, then) in stage.ways() {
        // With a visa that would pay again, and with another one.
        let mut claim = stage.scene.paid("/cheap", &stage.visa(5, 5 * PRICE));
        stage.read(&first, "/cheap", claim.clone()).await;
        paid += 1;
        for door in [&then, &first] {
            let refused = stage.refused(door, "/cheap", claim.clone()).await;
            assert_eq!(refused, denied(403, "REPLAY_ATTACK"));
            claim.insert("x-imagxp-credential", stage.visa(5, 5 * PRICE).parse().unwrap());
        }
    }
    stage.end(paid).await;
}

async fn the_same_claim_at_one_moment_counts_once(setting: Setting) {
    let stage = Stage::new(setting).await;
    let doors = stage.doors();
    let rounds = 4;
    for _round in 0..rounds {
        let claim = stage.scene.paid("/cheap", &stage.visa(8, 8 * PRICE));
        let asked = doors.iter().cycle().take(8).map(|door| {
            let sent = stage.scene.send(door, "/cheap", claim.clone());
            async { sent.await.unwrap().status().as_u16() }
        });
        let mut statuses = futures::future::join_all(asked).await;
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 403, 403, 403, 403, 403, 403, 403]);
    }
    stage.end(rounds).await;
}

async fn the_same_claim_counts_once_across_a_restart(setting: Setting) {
    let mut stage = Stage::new(setting).await;
    let mut claims = Vec::new();
    for door in stage.doors() {
        let claim = stage.scene.paid("/cheap", &stage.visa(5, 5 * PRICE));
        stage.read(&door, "/cheap", claim.clone()).await;
        claims.push(claim);
    }
    stage.kill_and_start();
    for claim in &claims {
        for door in stage.doors() {
            let refused = stage.refused(&door, "/cheap", claim.clone()).await;
            assert_eq!(refused, denied(403, "REPLAY_ATTACK"));
        }
    }
    stage.end(claims.len()).await;
}

impl Stage {
    /// A claim of the version 1.0, made so long ago; two of one moment would be the same.
    fn claim_v10(&self, resource: Option<&str>, ago: Span) -> Value {
        let mut claim = json!({
            "v": "1.0", "ts": millis(Env::system().now().minus(ago)), "agent_id": self.scene.agent.as_str(),
            "purpose": "RAG_RETRIEVAL", "context": {"ads_displayed": false},
        });
        if let Some(resource) = resource {
            claim["resource"] = json!(resource);
        }
        claim
    }

    fn signed(&self, claim: &Value) -> HeaderMap {
        signed(&self.scene.key, claim)
    }

    fn signed_and_paid(&self, claim: &Value) -> HeaderMap {
        let mut headers = self.signed(claim);
        headers.insert("x-imagxp-credential", self.visa(5, 5 * PRICE).parse().unwrap());
        headers
    }
}

async fn a_claim_without_a_nonce_is_refused_unless_it_is_allowed(setting: Setting) {
    let stage = Stage::new(setting).await;
    let url = stage.scene.url("/about");
    for door in stage.doors() {
        for resource in [None, Some(url.as_str())] {
            let asked = stage.signed(&stage.claim_v10(resource, Span::seconds(1)));
            let refused = stage.refused(&door, "/about", asked).await;
            assert_eq!(refused, denied(403, "REPLAY_ATTACK"));
        }
        stage.read(&door, "/about", stage.scene.claim("/about")).await;
    }
    stage.end(0).await;
}

async fn a_claim_without_a_nonce_counts_once_also_across_a_restart(setting: Setting) {
    let mut stage = Stage::with(setting, WITH_V10).await;
    let mut claims = Vec::new();
    for (number, (first, then)) in (1..).zip(stage.ways()) {
        let claim = stage.claim_v10(None, Span::seconds(number));
        stage.read(&first, "/about", stage.signed(&claim)).await;
        for door in [&then, &first] {
            // Signed again it has another signature, and is the same claim.
            let refused = stage.refused(door, "/about", stage.signed(&claim)).await;
            assert_eq!(refused, denied(403, "REPLAY_ATTACK"));
        }
        claims.push(("/about", claim));
        // One that names what it is for pays for it, once.
        let claim = stage.claim_v10(Some(&stage.scene.url("/cheap")), Span::seconds(number));
        stage.read(&first, "/cheap", stage.signed_and_paid(&claim)).await;
        claims.push(("/cheap", claim));
    }
    stage.kill_and_start();
    for (path, claim) in &claims {
        for door in stage.doors() {
            let refused = stage.refused(&door, path, stage.signed_and_paid(claim)).await;
            assert_eq!(refused, denied(403, "REPLAY_ATTACK"), "{path}");
        }
    }
    stage.end(claims.len() / 2).await;
}

async fn a_claim_without_a_nonce_that_names_nothing_opens_no_paid_page(setting: Setting) {
    let stage = Stage::with(setting, WITH_V10).await;
    for (number, door) in (1..).zip(stage.doors()) {
        let unbound = stage.claim_v10(None, Span::seconds(number));
        let refused = stage.refused(&door, "/cheap", stage.signed_and_paid(&unbound)).await;
        assert_eq!(refused, denied(403, "CRYPTO_FAIL"));
        let elsewhere = stage.claim_v10(Some(&stage.scene.url("/dear")), Span::seconds(number));
        let refused = stage.refused(&door, "/cheap", stage.signed_and_paid(&elsewhere)).await;
        assert_eq!(refused, denied(403, "CRYPTO_FAIL"));
    }
    stage.end(0).await;
}

async fn cf_ray_opens_no_paid_page(setting: Setting) {
    let stage = Stage::new(setting).await;
    let names = [
        "cf-ray",
        "cf-visitor",
        "x-vercel-id",
        "x-forwarded-for",
        "x-imagxp-visitor",
        "x-imagxp-agent-id",
    ];
    let all: HeaderMap = names
        .into_iter()
        .map(|name| (name.parse().unwrap(), "127.0.0.1".parse().unwrap()))
        .collect();
    for door in stage.doors() {
        for headers in names.map(|name| HeaderMap::from_iter([(name.parse().unwrap(), "127.0.0.1".parse().unwrap())])) {
            let refused = stage.refused(&door, "/cheap", headers.clone()).await;
            assert_eq!(refused, denied(403, "IDENTITY_FAIL"), "{headers:?}");
        }
        let refused = stage.refused(&door, "/cheap", all.clone()).await;
        assert_eq!(refused, denied(403, "IDENTITY_FAIL"));
        // Nor do they for an agent that has signed, and not paid.
        let mut headers = stage.scene.claim("/cheap");
        headers.extend(all.clone());
        let refused = stage.refused(&door, "/cheap", headers).await;
        assert_eq!(refused, denied(402, "PAYMENT_REQUIRED"));
    }
    stage.end(0).await;
}

async fn a_key_swapped_in_the_header_is_refused(setting: Setting) {
    let stage = Stage::new(setting).await;
    let other = AgentKey::generate().unwrap();
    for door in stage.doors() {
        // Under somebody's own signature, and with a signature of that key: the agent's manifest names neither.
        let mut swapped = stage.scene.claim("/about");
        swapped.insert("x-imagxp-public-key", key_to_spki(other.public()).parse().unwrap());
        let refused = stage.refused(&door, "/about", swapped).await;
        assert_eq!(refused, denied(403, "IDENTITY_FAIL"));
        let claim = json!({
            "v": "1.1", "ts": millis(Env::system().now()), "nonce": "n", "agent_id": stage.scene.agent.as_str(),
            "resource": stage.scene.url("/about"), "purpose": "RAG_RETRIEVAL",
        });
        let refused = stage.refused(&door, "/about", signed(&other, &claim)).await;
        assert_eq!(refused, denied(403, "IDENTITY_FAIL"));
    }
    stage.end(0).await;
}

async fn a_claim_of_another_time_is_refused(setting: Setting) {
    let stage = Stage::new(setting).await;
    let (now, url) = (Env::system().now(), stage.scene.url("/about"));
    for door in stage.doors() {
        for at in [now.minus(Span::minutes(6)), now.plus(Span::minutes(6))] {
            let refused = stage.refused(&door, "/about", stage.scene.claim_at(&url, at)).await;
            assert_eq!(refused, denied(403, "TIMESTAMP_INVALID"));
        }
    }
    stage.end(0).await;
}

async fn what_is_said_twice_or_written_otherwise_opens_nothing(setting: Setting) {
    let stage = Stage::new(setting).await;
    for door in stage.doors() {
        let mut twice = stage.scene.claim("/cheap");
        twice.append("x-imagxp-payload", "e30=".parse().unwrap());
        let mut two_visas = stage.scene.paid("/cheap", &stage.visa(1, PRICE));
        two_visas.insert("x-imagxp-payment", stage.visa(1, PRICE).parse().unwrap());
        for headers in [twice, two_visas] {
            let refused = stage.refused(&door, "/cheap", headers).await;
            assert_eq!(refused, denied(400, "MALFORMED"));
        }
        // Encoded another way, the dear page is still the dear page.
        for path in ["/%64ear", "//dear", "/x/../dear"] {
            let asked = stage.scene.paid(path, &stage.visa(1, PRICE));
            let answer = stage.scene.send(&door, path, asked).await.unwrap();
            assert_eq!(answer.status(), 403, "{path}");
        }
    }
    stage.end(0).await;
}
