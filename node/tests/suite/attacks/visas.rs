//! Paying with what is no payment.

use imajin_imagxp::AgentKey;
use imajin_kernel::Span;
use imajin_testkit::broker_peer::{Forgery, KeyForm, VisaWish};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{PRICE, Setting, Stage, attacks};
use crate::broker::waited;
use crate::gates::denied;

attacks!(
    a_visa_for_another_site_pays_nothing,
    a_visa_of_another_agent_pays_nothing,
    a_visa_that_has_expired_and_a_text_that_is_none_pay_nothing,
    a_visa_past_its_amount_pays_nothing,
    a_visa_past_its_count_pays_nothing,
    a_visa_signed_with_another_key_pays_nothing,
    a_visa_with_alg_none_pays_nothing,
    a_visa_with_hs256_and_the_public_key_pays_nothing,
    a_visa_under_an_unknown_kid_pays_nothing,
    a_visa_under_a_foreign_kid_pays_nothing,
    an_unpaid_retry_after_a_lost_reply_is_charged_once,
);

impl Stage {
    fn wish(&self) -> VisaWish {
        self.scene.wish(PRICE)
    }

    /// Each of these forgeries, of a visa that would pay.
    async fn forged_pay_nothing<'a>(&self, forgeries: impl IntoIterator<Item = Forgery<'a>>) {
        let visas = forgeries.into_iter().map(|forgery| {
            let broker = &self.scene.broker;
            broker.visa_forged(&self.wish(), forgery)
        });
        self.pay_nothing(visas).await;
    }
}

async fn a_visa_for_another_site_pays_nothing(setting: Setting) {
    let stage = Stage::new(setting).await;
    // Somebody else's, the node's own name, and the site's at a port.
    let audiences = [
        "elsewhere.example".to_owned(),
        stage.scene.node.url().replace("http://", ""),
        format!("{}:8443", stage.scene.host()),
        format!("{}.elsewhere.example", stage.scene.host()),
    ];
    let visas = audiences.map(|audience| {
        let wish = stage.wish();
        stage.scene.broker.visa(&VisaWish { audience, ..wish })
    });
    stage.pay_nothing(visas).await;
    let paid = stage.doors().len();
    stage.end(paid).await;
}

async fn a_visa_of_another_agent_pays_nothing(setting: Setting) {
    let stage = Stage::new(setting).await;
    let other = AgentKey::generate().unwrap();
    let wish = VisaWish {
        holder: other.public().clone().into(),
        ..stage.wish()
    };
    stage.pay_nothing([stage.scene.broker.visa(&wish)]).await;
    let paid = stage.doors().len();
    stage.end(paid).await;
}

async fn a_visa_that_has_expired_and_a_text_that_is_none_pay_nothing(setting: Setting) {
    let stage = Stage::new(setting).await;
    let wish = VisaWish {
        lifetime: Span::seconds(0),
        ..stage.wish()
    };
    let late = stage.scene.broker.visa(&wish);
    stage
        .pay_nothing([late.as_str(), "none", "..", "e30.e30.", "e30.e30.e30"])
        .await;
    let paid = stage.doors().len();
    stage.end(paid).await;
}

async fn a_visa_past_its_amount_pays_nothing(setting: Setting) {
    let stage = Stage::new(setting).await;
    stage.pay_nothing([stage.visa(5, PRICE - 1)]).await;
    let mut paid = stage.doors().len();
    for (first, then) in stage.ways() {
        // Once there is enough, and what is left is not.
        let visa = stage.visa(5, 2 * PRICE - 1);
        stage.read(&first, "/cheap", stage.scene.paid("/cheap", &visa)).await;
        paid += 1;
        for door in [&then, &first] {
            let asked = stage.scene.paid("/cheap", &visa);
            let refused = stage.refused(door, "/cheap", asked).await;
            assert_eq!(refused, denied(403, "PAYMENT_DENIED"));
        }
    }
    stage.end(paid).await;
}

async fn a_visa_past_its_count_pays_nothing(setting: Setting) {
    let stage = Stage::new(setting).await;
    let mut paid = 0;
    for (first, then) in stage.ways() {
        let visa = stage.visa(2, 9 * PRICE);
        for door in [&first, &then] {
            stage.read(door, "/cheap", stage.scene.paid("/cheap", &visa)).await;
            paid += 1;
        }
        for door in [&then, &first] {
            let asked = stage.scene.paid("/cheap", &visa);
            let refused = stage.refused(door, "/cheap", asked).await;
            assert_eq!(refused, denied(403, "PAYMENT_DENIED"));
        }
    }
    stage.end(paid).await;
}

async fn a_visa_signed_with_another_key_pays_nothing(setting: Setting) {
    let stage = Stage::new(setting).await;
    stage.forged_pay_nothing([Forgery::OtherKey]).await;
    let paid = stage.doors().len();
    stage.end(paid).await;
}

async fn a_visa_with_alg_none_pays_nothing(setting: Setting) {
    let stage = Stage::new(setting).await;
    let names = ["none", "None", "NONE", "nOnE", ""];
    stage.forged_pay_nothing(names.map(Forgery::Unsigned)).await;
    let paid = stage.doors().len();
    stage.end(paid).await;
}

async fn a_visa_with_hs256_and_the_public_key_pays_nothing(setting: Setting) {
    let stage = Stage::new(setting).await;
    let forms = KeyForm::ALL.map(Forgery::PublicKeyAsSecret);
    stage.forged_pay_nothing(forms).await;
    let paid = stage.doors().len();
    stage.end(paid).await;
}

async fn a_visa_under_an_unknown_kid_pays_nothing(setting: Setting) {
    let stage = Stage::new(setting).await;
    stage
        .forged_pay_nothing([Forgery::UnknownKid, Forgery::UnknownKid])
        .await;
    let paid = stage.doors().len();
    stage.end(paid).await;
}

async fn a_visa_under_a_foreign_kid_pays_nothing(setting: Setting) {
    let stage = Stage::new(setting).await;
    // The node trusts both brokers. One signs in the name of the other, and for itself, whom the site does not name.
    let of_rival = stage.scene.rival.visa(&stage.wish());
    stage.pay_nothing([of_rival]).await;
    stage.forged_pay_nothing([Forgery::KeyOf(&stage.scene.rival)]).await;
    assert!(stage.scene.rival.redemptions().is_empty());
    let paid = 2 * stage.doors().len();
    stage.end(paid).await;
}

impl Stage {
    /// Asks, and hangs up before there is an answer.
    async fn ask_and_hang_up(&self, door: &str, visa: &str, key: &str) {
        let headers = self.scene.paid("/cheap", visa);
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        let lines: Vec<String> = lines.collect();
        let first = format!("GET /cheap HTTP/1.1\r\nhost: {door}\r\nidempotency-key: {key}");
        let text = format!("{first}\r\n{}\r\n\r\n", lines.join("\r\n"));
        let mut line = TcpStream::connect(door.replace("localhost", "127.0.0.1"))
            .await
            .unwrap();
        line.write_all(text.as_bytes()).await.unwrap();
    }

    /// The receipt of what is paid under a key, asked until it is decided, each time with a fresh claim.
    async fn receipt(&self, door: &str, visa: &str, key: &str) -> String {
        waited(async || {
            let mut asked = self.scene.paid("/cheap", visa);
            asked.insert("idempotency-key", key.parse().unwrap());
            let answer = self.scene.send(door, "/cheap", asked).await.unwrap();
            if [409, 503].contains(&answer.status().as_u16()) {
                return None;
            }
            assert_eq!(answer.status(), 200, "{key}: {answer:?}");
            Some(answer.headers()["x-imagxp-receipt"].to_str().unwrap().to_owned())
        })
        .await
    }
}

async fn an_unpaid_retry_after_a_lost_reply_is_charged_once(setting: Setting) {
    let mut stage = Stage::new(setting).await;
    let mut receipts = Vec::new();
    for (number, (first, then)) in stage.ways().into_iter().enumerate() {
        // The visa would pay each of them.
        let (visa, key) = (stage.visa(9, 9 * PRICE), format!("lost-{number}"));
        stage.ask_and_hang_up(&first, &visa, &key).await;
        let receipt = stage.receipt(&then, &visa, &key).await;
        assert_eq!(stage.receipt(&first, &visa, &key).await, receipt);
        receipts.push((visa, key, receipt));
    }
    stage.kill_and_start();
    for (visa, key, receipt) in &receipts {
        for door in stage.doors() {
            assert_eq!(stage.receipt(&door, visa, key).await, *receipt);
        }
    }
    stage.end(receipts.len()).await;
}
