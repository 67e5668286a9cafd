use std::collections::BTreeMap;
use std::path::PathBuf;

use imajin_did::SecretKey;
use imajin_kernel::Env;
use imajin_money::Money;
use imajin_proof::http_sig::{RequestToSign, SignatureParams, SignedRequest, sign};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

use super::{Home, Node};

/// Somebody with a key and an HTTP client: what the command line does not let one do, this does.
pub(crate) struct Buyer {
    pub(crate) key: SecretKey,
    pub(crate) http: Client,
    base: String,
}

impl Buyer {
    /// A new identity; it is registered.
    pub(crate) async fn registered(node: &Node) -> Self {
        let buyer = Self::stranger(node);
        buyer.register().await;
        buyer
    }

    /// A new identity that the node does not know.
    pub(crate) fn stranger(node: &Node) -> Self {
        Self::with_key(node, SecretKey::generate(&Env::system()))
    }

    pub(crate) fn with_key(node: &Node, key: SecretKey) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a client that may do what ours refuses to do")]
        let builder = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        // Nodes come and go under a test: a kept connection may lead to one that is gone.
        let http = builder.pool_max_idle_per_host(0).build().unwrap();
        Self {
            key,
            http,
            base: node.url(),
        }
    }

    /// The identity of a key file.
    pub(crate) fn from_file(node: &Node, home: &Home, name: &str) -> Self {
        let path: PathBuf = home.path(name);
        let pem = std::fs::read_to_string(path).unwrap();
        Self::with_key(node, SecretKey::from_pkcs8_pem(&pem).unwrap())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn challenge(&self) -> (Value, String) {
        let body = json!({"id": self.key.did()});
        let response = self
            .http
            .post(self.url("/auth/api/challenge"))
            .json(&body)
            .send()
            .await
            .unwrap();
        let challenge: Value = response.json().await.unwrap();
        let signature = self
            .key
            .sign(challenge["challenge"].as_str().unwrap().as_bytes())
            .to_hex();
        (challenge["challengeId"].clone(), signature)
    }

    /// Registers the identity; it may be known.
    pub(crate) async fn register_again(&self) {
        self.register().await;
    }

    async fn register(&self) {
        let (challenge_id, signature) = self.challenge().await;
        let body = json!({
            "publicKey": self.key.public().to_hex(), "type": "human",
            "challengeId": challenge_id, "signature": signature,
        });
        let response = self
            .http
            .post(self.url("/auth/api/register"))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert!(response.status().is_success(), "{}", response.text().await.unwrap());
    }

    /// A session token.
    pub(crate) async fn login(&self) -> String {
        let (challenge_id, signature) = self.challenge().await;
        let body = json!({"id": self.key.did(), "challengeId": challenge_id, "signature": signature});
        let response = self
            .http
            .post(self.url("/auth/api/authenticate"))
            .json(&body)
            .send()
            .await
            .unwrap();
        let answer: Value = response.json().await.unwrap();
        answer["token"]
            .as_str()
            .unwrap_or_else(|| panic!("no token: {answer}"))
            .to_owned()
    }

    /// A request signed by this identity.
    pub(crate) fn signed(&self, method: &str, path: &str, body: &[u8], idempotency_key: Option<&str>) -> SignedRequest {
        let url = self.url(path);
        let request = RequestToSign {
            method,
            target_uri: &url,
            idempotency_key,
            body,
        };
        let params = SignatureParams::now(self.key.did(), &Env::system());
        sign(&self.key, &request, &params).unwrap()
    }

    /// Sends a signed request as it is, also a changed one, also twice.
    pub(crate) async fn send(&self, signed: &SignedRequest) -> Response {
        let mut request = self
            .http
            .post(&signed.target_uri)
            .header("content-type", "application/json");
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        request.body(signed.body.clone()).send().await.unwrap()
    }

    /// Orders places; the answer, whatever it is.
    pub(crate) async fn checkout(&self, event: &Value, quantity: u32, idempotency_key: Option<&str>) -> Response {
        let body = json!({"eventId": event["id"], "tierId": event["tiers"][0]["id"], "quantity": quantity});
        let body = serde_json::to_vec(&body).unwrap();
        self.send(&self.signed("POST", "/events/api/checkout", &body, idempotency_key))
            .await
    }

    /// Reads something of one's own.
    pub(crate) async fn get(&self, token: &str, path: &str) -> (StatusCode, Value) {
        let response = self.http.get(self.url(path)).bearer_auth(token).send().await.unwrap();
        (response.status(), response.json().await.unwrap_or_default())
    }

    /// What of the balance moved for each thing, in millionths; what came and went again is nothing.
    pub(crate) async fn movements(&self) -> BTreeMap<String, i64> {
        let token = self.login().await;
        let first = "/pay/api/entries?purpose=available&currency=TEST-USD&limit=100";
        let (mut all, mut path) = (BTreeMap::new(), first.to_owned());
        loop {
            let (status, page) = self.get(&token, &path).await;
            assert!(status.is_success(), "{status}: {page}");
            for line in page["entries"].as_array().unwrap() {
                let money: Money = serde_json::from_value(line["amount"].clone()).unwrap();
                let units = money.amount.micros();
                let units = if line["direction"] == "in" { units } else { -units };
                *all.entry(line["reference"].as_str().unwrap().to_owned()).or_default() += units;
            }
            let Some(before) = page["before"].as_i64() else { break };
            path = format!("{first}&before={before}");
        }
        all.retain(|_, units| *units != 0);
        all
    }

    /// Presses a button of the sandbox's payment page.
    pub(crate) async fn sandbox_press(&self, token: &str, checkout: &Value, button: &str) -> Response {
        let checkout = checkout.as_str().unwrap();
        let (_, view) = self.get(token, &format!("/pay/api/checkout/{checkout}")).await;
        let form = [("token", view["formToken"].as_str().unwrap_or_default())];
        let url = self.url(&format!("/pay/checkout/{checkout}/{button}"));
        self.http
            .post(url)
            .header("origin", &self.base)
            .form(&form)
            .send()
            .await
            .unwrap()
    }

    /// Waits until an order is no longer `held`.
    pub(crate) async fn order_wait(&self, token: &str, order: &Value) -> Value {
        let path = format!("/events/api/orders/{}", order["id"].as_str().unwrap());
        for _ in 0..300 {
            let (status, order) = self.get(token, &path).await;
            if status.is_success() && order["state"] != "held" {
                return order;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the order is still held");
    }
}
