use imajin_did::{Did, SecretKey};
use imajin_kernel::Env;
use imajin_proof::SignedMessage;
use imajin_proof::http_sig::{RequestToSign, SignatureParams, sign};
use reqwest::{Client, Response};
use serde_json::{Value, json};

use super::{Member, browser};

/// Somebody with a key, and a clock that is right.
pub(super) struct Person {
    pub(super) key: SecretKey,
    pub(super) env: Env,
    http: Client,
}

impl Person {
    /// Registered at home.
    pub(super) async fn at(home: &Member, env: &Env) -> Self {
        let person = Self {
            key: SecretKey::generate(env),
            env: env.clone(),
            http: browser(),
        };
        let (id, signature) = person.challenge(home).await;
        let body = json!({
            "publicKey": person.key.public().to_hex(), "type": "human", "challengeId": id, "signature": signature,
        });
        let url = format!("{}/auth/api/register", home.origin());
        let answer = person.http.post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        person
    }

    pub(super) fn did(&self) -> Did {
        self.key.did()
    }

    async fn challenge(&self, home: &Member) -> (Value, String) {
        let asked = self.http.post(format!("{}/auth/api/challenge", home.origin()));
        let challenge: Value = asked
            .json(&json!({"id": self.did()}))
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let text = challenge["challenge"].as_str().unwrap_or_else(|| panic!("{challenge}"));
        (
            challenge["challengeId"].clone(),
            self.key.sign(text.as_bytes()).to_hex(),
        )
    }

    async fn session(&self, home: &Member) -> String {
        let (id, signature) = self.challenge(home).await;
        let body = json!({"id": self.did(), "challengeId": id, "signature": signature});
        let asked = self
            .http
            .post(format!("{}/auth/api/authenticate", home.origin()))
            .json(&body);
        let answer: Value = asked.send().await.unwrap().json().await.unwrap();
        answer["token"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    }

    /// Sends a signed request.
    pub(super) async fn signed(&self, url: &str, token: &str, body: &Value) -> Response {
        let body = body.to_string();
        let request = RequestToSign {
            method: "POST",
            target_uri: url,
            idempotency_key: None,
            body: body.as_bytes(),
        };
        let signed = sign(&self.key, &request, &SignatureParams::now(self.did(), &self.env)).unwrap();
        let mut request = self
            .http
            .post(url)
            .bearer_auth(token)
            .header("content-type", "application/json");
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        request.body(body).send().await.unwrap()
    }

    /// Signs in at another node through the home: its last answer, wherever on the way that came from.
    pub(super) async fn visit(&self, home: &Member, visited: &Member) -> Visit {
        let form = [("home", format!("ada@localhost:{}", home.port))];
        let asked = self.http.post(format!("{}/auth/federation/login", visited.origin()));
        let left = asked
            .header("origin", visited.origin())
            .form(&form)
            .send()
            .await
            .unwrap();
        if left.headers().get("refresh").is_none() {
            return Visit::of(left).await;
        }
        let header = |name: &str| left.headers()[name].to_str().unwrap().to_owned();
        let (refresh, cookie) = (header("refresh"), header("set-cookie"));
        let url: reqwest::Url = refresh.strip_prefix("0; url=").unwrap().parse().unwrap();
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let request = &pairs.iter().find(|(name, _)| name == "request").unwrap().1;
        let payload = json!({"home": home.web_did(), "nonce": nonce_of(request)});
        let (to, now) = (Some(visited.web_did()), self.env.now());
        let message = SignedMessage::sign(&self.key, self.did(), "login", to, now, payload).unwrap();
        let token = self.session(home).await;
        let allow = format!("{}/auth/api/federation/allow", home.origin());
        let allowed = self
            .signed(&allow, &token, &json!({"request": request, "message": message}))
            .await;
        if !allowed.status().is_success() {
            return Visit::of(allowed).await;
        }
        let allowed: Value = allowed.json().await.unwrap();
        let back = self.http.get(allowed["redirectTo"].as_str().unwrap());
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Visit::of(back.header("cookie", cookie).send().await.unwrap()).await
    }
}

/// How signing in elsewhere ended.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Visit {
    async fn of(answer: Response) -> Self {
        Self {
            status: answer.status().as_u16(),
            text: answer.text().await.unwrap(),
        }
    }

    #[track_caller]
    pub(super) fn succeeds(&self) {
        assert_eq!(self.status, 303, "{}", self.text);
    }

    #[track_caller]
    pub(super) fn refused(&self, why: &str) {
        assert!(self.status >= 400, "{self:?}");
        assert!(self.text.contains(why), "{} does not say `{why}`", self.text);
    }
}

fn nonce_of(request: &str) -> String {
    use base64::Engine;
    let payload = request.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    let claims: Value = serde_json::from_slice(&bytes).unwrap();
    claims["nonce"].as_str().unwrap().to_owned()
}
