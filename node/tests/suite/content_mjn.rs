//! A work whose terms are consented to, and whose price is paid, in one request with MJN headers.

use imajin_consent::{ContentRef, IntendedUse};
use imajin_did::Did;
use imajin_mjn::Means;
use imajin_proof::digest::sha256_hex;
use imajin_testkit::{Backend, on_both};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::query::{available, member, run};
use crate::support::{Buyer, Exchange, Exchanged, Home, Node, text};

on_both!(
    a_work_is_paid_once_and_its_bytes_are_bound_to_the_answer,
    who_owes_nothing_pays_nothing,
    what_does_not_meet_the_terms_is_refused_and_costs_nothing,
    a_request_is_good_once_and_a_withdrawn_work_is_not_sold,
);

const CHECKOUT: &str = "chk_00000000000000000000000000";
const TEXT: &[u8] = b"Strings are made of gut.";

struct Shop {
    home: Home,
    node: Node,
    ada: String,
    ben: String,
    reader: Buyer,
    did: Did,
}

/// What one request differs in from the usual one.
struct Wish<'a> {
    work: &'a Value,
    content: Option<ContentRef>,
    used_for: IntendedUse,
    max: &'a str,
    means: Means,
    body: &'a [u8],
}

impl<'a> Wish<'a> {
    fn usual(work: &'a Value) -> Self {
        Self {
            work,
            content: None,
            used_for: IntendedUse::Read,
            max: "0.50 TEST-USD",
            means: Means::Balance,
            body: b"",
        }
    }

    fn exchange(&self) -> Exchange<'a> {
        let manifest = || ContentRef::Fair(self.work["manifest"].as_str().unwrap().parse().unwrap());
        Exchange {
            path: format!("/publisher/api/content/{}/use", self.work["id"].as_str().unwrap()),
            content: self.content.clone().unwrap_or_else(manifest),
            used_for: self.used_for,
            scope: None,
            max: self.max,
            means: self.means.clone(),
            key: None,
            body: self.body.to_vec(),
        }
    }
}

impl Shop {
    fn open(backend: Backend) -> Self {
        let home = Home::new(backend);
        let node = home.up(&[]);
        let (ada, ben) = (member(&home, &node, "ada"), member(&home, &node, "ben"));
        let did = node.banner()["did"].as_str().unwrap().parse().unwrap();
        Self {
            reader: Buyer::from_file(&node, &home, "ben.key"),
            home,
            node,
            ada,
            ben,
            did,
        }
    }

    /// A work of Ada's.
    fn work(&self, name: &str, price: &[&str]) -> Value {
        let path = self.home.path(name);
        std::fs::write(&path, [name.as_bytes(), TEXT].concat()).unwrap();
        run(
            &self.node,
            &self.ada,
            &["content", "add"],
            &[&[text(&path)], price].concat(),
        )
        .expect_success()
    }

    async fn ask_as(&self, reader: &Buyer, wish: Wish<'_>) -> Exchanged {
        reader.exchange(&self.did, &wish.exchange()).await.unwrap()
    }

    async fn ask(&self, wish: Wish<'_>) -> Exchanged {
        self.ask_as(&self.reader, wish).await
    }

    fn topup(&self, amount: &str) {
        run(&self.node, &self.ben, &["topup"], &[amount]).expect_success();
    }

    fn end(self) {
        self.node.stop();
        self.home.verify_clean();
    }
}

async fn a_work_is_paid_once_and_its_bytes_are_bound_to_the_answer(backend: Backend) {
    let shop = Shop::open(backend);
    let work = shop.work("strings.txt", &["--price", "0.50 TEST-USD"]);
    shop.topup("1.00 TEST-USD");
    let told = shop.ask(Wish::usual(&work)).await;
    assert_eq!(told.status, StatusCode::OK, "{}", told.body);
    let grant = &told.body;
    let receipt = &grant["receipt"]["payload"];
    assert_eq!(
        (&receipt["gross"]["amount"], &receipt["goods"]["id"]),
        (&json!("0.50"), &work["id"])
    );
    assert_eq!(told.headers["x-mjn-fair"], work["manifest"].as_str().unwrap());
    assert_eq!(told.headers["x-mjn-receipt"], receipt["id"].as_str().unwrap());
    let (url, token) = (grant["url"].as_str().unwrap(), grant["token"].as_str().unwrap());
    let read = shop.reader.http.get(url).bearer_auth(token).send().await.unwrap();
    let bytes = read.bytes().await.unwrap();
    assert_eq!(grant["sha256"], sha256_hex(&bytes));
    assert_eq!(grant["size"], u64::try_from(bytes.len()).unwrap());
    let part = shop
        .reader
        .http
        .get(url)
        .bearer_auth(token)
        .header("range", "bytes=0-6")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (part.status().as_u16(), part.bytes().await.unwrap().as_ref()),
        (206, &bytes[..7])
    );

    let again = shop.ask(Wish::usual(&work)).await;
    assert_eq!(
        (&again.body["receipt"], again.status),
        (&grant["receipt"], StatusCode::OK)
    );
    assert_eq!(
        (available(&shop.node, &shop.ben), available(&shop.node, &shop.ada)),
        ("0.50".into(), "0.50".into())
    );
    // Whoever has their money back reads no more, and may buy it once more.
    run(
        &shop.node,
        &shop.ada,
        &["refund"],
        &[receipt["id"].as_str().unwrap(), "--reason", "A mistake."],
    )
    .expect_success();
    for _look in 0..100 {
        let told = shop
            .ask(Wish {
                max: "0.00 TEST-USD",
                ..Wish::usual(&work)
            })
            .await;
        if told.status == StatusCode::PAYMENT_REQUIRED {
            let bought = shop.ask(Wish::usual(&work)).await;
            assert_eq!(bought.status, StatusCode::OK, "{}", bought.body);
            assert_ne!(bought.body["receipt"], grant["receipt"]);
            assert_eq!(available(&shop.node, &shop.ben), "0.50");
            return shop.end();
        }
    }
    panic!("whoever has their money back goes on reading");
}

async fn who_owes_nothing_pays_nothing(backend: Backend) {
    let shop = Shop::open(backend);
    let (free, dear) = (
        shop.work("free.txt", &[]),
        shop.work("dear.txt", &["--price", "0.50 TEST-USD"]),
    );
    let nothing = || Wish {
        max: "0.00 TEST-USD",
        means: Means::Free,
        ..Wish::usual(&free)
    };
    let told = shop.ask(nothing()).await;
    assert_eq!(
        (told.status, &told.body["receipt"]),
        (StatusCode::OK, &Value::Null),
        "{}",
        told.body
    );
    assert!(!told.headers.contains_key("x-mjn-receipt"));
    // A visa that stands in the environment is no order to pay.
    let out = shop.home.path("free.out");
    let get = [free["id"].as_str().unwrap(), "--out", text(&out), "--visa", "e30"];
    run(&shop.node, &shop.ben, &["content", "get"], &get).expect_success();
    let author = Buyer::from_file(&shop.node, &shop.home, "ada.key");
    let own = shop
        .ask_as(
            &author,
            Wish {
                work: &dear,
                ..nothing()
            },
        )
        .await;
    assert_eq!(own.status, StatusCode::OK, "it is her own: {}", own.body);
    shop.end();
}

async fn what_does_not_meet_the_terms_is_refused_and_costs_nothing(backend: Backend) {
    let shop = Shop::open(backend);
    let (work, other) = (
        shop.work("one.txt", &["--price", "0.50 TEST-USD"]),
        shop.work("two.txt", &["--price", "0.50 TEST-USD"]),
    );
    let usual = || Wish::usual(&work);
    let poor = shop.ask(usual()).await;
    assert_eq!(
        (poor.status, &poor.body["missing"]["amount"]),
        (StatusCode::PAYMENT_REQUIRED, &json!("0.50"))
    );
    shop.topup("1.00 TEST-USD");

    let content = Some(ContentRef::Fair(other["manifest"].as_str().unwrap().parse().unwrap()));
    let elsewhere = shop.ask(Wish { content, ..usual() }).await;
    assert_eq!(
        (elsewhere.code(), &elsewhere.body["term"]),
        ("forbidden", &json!("content"))
    );
    let trained = shop
        .ask(Wish {
            used_for: IntendedUse::Train,
            ..usual()
        })
        .await;
    assert_eq!(
        (trained.code(), &trained.body["term"]),
        ("forbidden", &json!("intendedUse"))
    );
    for max in ["0.49 TEST-USD", "0.50 USD"] {
        let little = shop.ask(Wish { max, ..usual() }).await;
        assert_eq!(
            (little.status, &little.body["price"]),
            (StatusCode::PAYMENT_REQUIRED, &json!("0.50"))
        );
    }
    for means in [Means::Checkout, Means::Solana].map(|means| means(CHECKOUT.to_owned())) {
        let refused = shop.ask(Wish { means, ..usual() }).await;
        assert_eq!(
            (refused.code(), &refused.body["member"]),
            ("invalid_request", &json!("means"))
        );
    }
    let forged = shop
        .ask(Wish {
            means: Means::Visa("e30.e30.e30".to_owned()),
            ..usual()
        })
        .await;
    assert_eq!(forged.code(), "payment_failed");
    assert_eq!(shop.ask(Wish { body: b"{}", ..usual() }).await.code(), "malformed_body");
    let mut missing = work.clone();
    missing["id"] = json!("cnt_00000000000000000000000000");
    assert_eq!(shop.ask(Wish::usual(&missing)).await.code(), "not_found");
    assert_eq!(available(&shop.node, &shop.ben), "1.00", "nothing was paid");

    shop.end();
}

async fn a_request_is_good_once_and_a_withdrawn_work_is_not_sold(backend: Backend) {
    let shop = Shop::open(backend);
    let work = shop.work("one.txt", &["--price", "0.50 TEST-USD"]);
    let usual = || Wish::usual(&work);
    shop.topup("1.00 TEST-USD");
    let signed = shop.reader.exchange_sign(&shop.did, &usual().exchange());
    let first = shop.reader.exchange_send(&shop.did, &signed).await.unwrap();
    assert_eq!(first.status, StatusCode::OK, "{}", first.body);
    let replayed = shop.reader.exchange_send(&shop.did, &signed).await.unwrap();
    assert_eq!(replayed.status, StatusCode::UNAUTHORIZED, "{}", replayed.body);
    let other = shop.work("two.txt", &["--price", "0.50 TEST-USD"]);
    let id = other["id"].as_str().unwrap();
    run(&shop.node, &shop.ada, &["content", "withdraw"], &[id]).expect_success();
    assert_eq!(shop.ask(Wish::usual(&other)).await.status, StatusCode::GONE);
    assert_eq!(available(&shop.node, &shop.ben), "0.50");
    shop.end();
}
