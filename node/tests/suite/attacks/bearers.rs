//! Visas that name neither the site nor a key: whoever has copied one can spend it, where the policy takes them.

use axum::http::HeaderMap;
use imajin_imagxp::{Claim, ClaimHeaders, Purpose};
use imajin_kernel::Env;
use imajin_testkit::broker_peer::{Naming, VisaWish};
use reqwest::Response;
use serde_json::Value;

use super::{PRICE, Setting, Stage, attacks};
use crate::broker::waited;
use crate::gates::{Site, denied};

attacks!(
    a_bearers_visa_pays_nothing_unless_the_policy_says_so,
    a_bearers_visa_pays_once_at_whichever_door,
    copies_of_a_bearers_visa_at_one_moment_pay_once,
    a_claim_for_a_path_alone_pays_nothing_with_a_bearers_visa,
    a_bearers_visa_of_a_broker_that_is_not_named_pays_nothing,
    a_visa_that_names_the_site_or_the_key_alone_pays_nothing,
);

/// A site whose policy takes the bearers' visas of its broker.
async fn taking(setting: Setting) -> Stage {
    let site = Site {
        takes_bearer: true,
        ..Site::default()
    };
    Stage::with(setting, site).await
}

impl Stage {
    /// A bearer's visa, for as many pages as it says.
    fn bearer(&self, uses: u32) -> String {
        let wish = self.scene.wish(i64::from(uses) * PRICE);
        self.scene.broker.visa_bearer(&VisaWish { uses, ..wish })
    }

    /// A claim for the path of the cheap page alone, with a visa.
    fn host_unbound(&self, visa: &str, nonce: &str) -> HeaderMap {
        let (agent, now) = (&self.scene.agent, Env::system().now());
        let claim = Claim::new(agent, now, nonce, "/cheap", Purpose::RagRetrieval, false).unwrap();
        let mut headers = ClaimHeaders::sign(&self.scene.key, &claim).unwrap();
        headers.insert("x-imagxp-credential", visa.parse().unwrap());
        headers
    }

    async fn asked(&self, door: &str, headers: HeaderMap) -> Response {
        self.scene.send(door, "/cheap", headers).await.unwrap()
    }

    /// Asks for the cheap page, and is refused for a reason.
    async fn denied_because(&self, door: &str, headers: HeaderMap, why: &str) {
        let answer = self.asked(door, headers).await;
        assert_eq!(answer.status(), 403);
        let document: Value = answer.json().await.unwrap();
        assert_eq!(document["error"], "PAYMENT_DENIED");
        assert!(document["detail"].as_str().unwrap().contains(why), "{document}");
    }
}

async fn a_bearers_visa_pays_nothing_unless_the_policy_says_so(setting: Setting) {
    let stage = Stage::new(setting).await;
    stage.pay_nothing([stage.bearer(1), stage.bearer(9)]).await;
    let paid = stage.doors().len();
    stage.end(paid).await;
}

async fn a_bearers_visa_pays_once_at_whichever_door(setting: Setting) {
    let mut stage = taking(setting).await;
    let mut spent = Vec::new();
    for (first, then) in stage.ways() {
        // It says that it pays nine times; it has no more than one use for those who have copied it.
        let visa = stage.bearer(9);
        stage.read(&first, "/cheap", stage.scene.paid("/cheap", &visa)).await;
        for door in [&then, &first] {
            stage
                .denied_because(door, stage.scene.paid("/cheap", &visa), "spent already")
                .await;
        }
        spent.push(visa);
    }
    stage.kill_and_start();
    for visa in &spent {
        for door in stage.doors() {
            stage
                .denied_because(&door, stage.scene.paid("/cheap", visa), "spent already")
                .await;
        }
    }
    // The broker has paid each of them, as any other visa.
    waited(async || {
        let redeemed = stage.scene.broker.redemptions();
        (redeemed.len() == spent.len() && redeemed.iter().all(|one| one.state == "credited")).then_some(())
    })
    .await;
    stage.end(spent.len()).await;
}

async fn copies_of_a_bearers_visa_at_one_moment_pay_once(setting: Setting) {
    let stage = taking(setting).await;
    let rounds = 3;
    for _ in 0..rounds {
        let visa = stage.bearer(8);
        let doors = stage.doors();
        let asked = doors.iter().cycle().take(8);
        let asked = asked.map(|door| stage.asked(door, stage.scene.paid("/cheap", &visa)));
        let answers = futures::future::join_all(asked).await;
        let read = answers.iter().filter(|answer| answer.status() == 200).count();
        assert_eq!(read, 1, "{answers:?}");
    }
    stage.end(rounds).await;
}

async fn a_claim_for_a_path_alone_pays_nothing_with_a_bearers_visa(setting: Setting) {
    let stage = taking(setting).await;
    let mut paid = 0;
    for door in stage.doors() {
        let visa = stage.bearer(1);
        let asked = stage.host_unbound(&visa, &format!("path-{paid}"));
        stage.denied_because(&door, asked, "path and query alone").await;
        // The same claim is good with a visa for this site, and the same visa with a claim for the whole URL.
        let asked = stage.host_unbound(&stage.visa(1, PRICE), &format!("bound-{paid}"));
        stage.read(&door, "/cheap", asked).await;
        stage.read(&door, "/cheap", stage.scene.paid("/cheap", &visa)).await;
        paid += 2;
    }
    stage.end(paid).await;
}

async fn a_bearers_visa_of_a_broker_that_is_not_named_pays_nothing(setting: Setting) {
    let stage = taking(setting).await;
    // The node trusts this broker too; the policy does not name it.
    let of_rival = stage.scene.rival.visa_bearer(&stage.scene.wish(PRICE));
    stage.pay_nothing([of_rival]).await;
    assert!(stage.scene.rival.redemptions().is_empty());
    let paid = stage.doors().len();
    stage.end(paid).await;
}

async fn a_visa_that_names_the_site_or_the_key_alone_pays_nothing(setting: Setting) {
    let stage = taking(setting).await;
    let halves = [Naming::Audience, Naming::Holder];
    let visas = halves.map(|naming| stage.scene.broker.visa_naming(&stage.scene.wish(PRICE), naming));
    stage.pay_nothing(visas).await;
    let refused = stage
        .refused(&stage.doors()[0], "/cheap", stage.scene.claim("/cheap"))
        .await;
    assert_eq!(refused, denied(402, "PAYMENT_REQUIRED"));
    let paid = stage.doors().len();
    stage.end(paid).await;
}
