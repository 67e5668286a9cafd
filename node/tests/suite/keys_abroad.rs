//! Two nodes, each a process of its own: keys that change at one of them count at the other.

use std::path::PathBuf;
use std::time::Duration;

use imajin_did::{Did, SecretKey};
use imajin_kernel::Env;
use imajin_proof::SignedMessage;
use imajin_proof::http_sig::{RequestToSign, SignatureParams, sign};
use imajin_testkit::Backend;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::processes::node_did;
use crate::support::{Buyer, Home, Node, free_address, imajin, text};

/// A node that is reached by a name, as a did:web needs one.
pub(crate) struct Place {
    pub(crate) home: Home,
    port: u16,
    did: String,
}

impl Place {
    pub(crate) fn new(backend: Backend) -> Self {
        let home = Home::new(backend);
        let port = free_address().port();
        home.configure(&format!("public_url = \"http://localhost:{port}/\"\ndev = true"));
        let did = node_did(&home);
        Self { home, port, did }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    pub(crate) fn web_did(&self) -> Did {
        format!("did:web:localhost%3A{}", self.port).parse().unwrap()
    }

    pub(crate) fn up(&self) -> Node {
        self.home.up(&["--listen", &format!("127.0.0.1:{}", self.port)])
    }
}

/// Somebody with a key file, and with copies of the ones from before.
pub(crate) struct Ada {
    pub(crate) file: PathBuf,
    pub(crate) did: Did,
}

fn at(node: &Node, args: &[&str]) -> Value {
    let url = node.url();
    let mut all = args.to_vec();
    all.extend(["--node", &url]);
    imajin(&all).expect_success()
}

impl Ada {
    pub(crate) fn registered(place: &Place, node: &Node) -> Self {
        let file = place.home.key("ada.key");
        at(node, &["login", "--key", text(&file)]);
        let shown = imajin(&["key", "show", text(&file)]).expect_success();
        Self {
            did: shown["did"].as_str().unwrap().parse().unwrap(),
            file,
        }
    }

    pub(crate) fn key(&self) -> SecretKey {
        SecretKey::from_pkcs8_pem(&std::fs::read_to_string(&self.file).unwrap()).unwrap()
    }

    /// A session at home.
    async fn session(&self, http: &reqwest::Client, origin: &str) -> String {
        let did = self.did.to_string();
        let asked = http
            .post(format!("{origin}/auth/api/challenge"))
            .json(&json!({"id": did}));
        let challenge: Value = asked.send().await.unwrap().json().await.unwrap();
        let signature = self.key().sign(challenge["challenge"].as_str().unwrap().as_bytes());
        let body = json!({"id": did, "challengeId": challenge["challengeId"], "signature": signature.to_hex()});
        let answered = http.post(format!("{origin}/auth/api/authenticate")).json(&body);
        let answer: Value = answered.send().await.unwrap().json().await.unwrap();
        answer["token"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"))
            .to_owned()
    }

    /// A request signed as this identity.
    async fn signed(&self, http: &reqwest::Client, key: &SecretKey, url: &str, token: &str, body: &Value) -> Response {
        let body = body.to_string();
        let to_sign = RequestToSign {
            method: "POST",
            target_uri: url,
            idempotency_key: None,
            body: body.as_bytes(),
        };
        let signed = sign(key, &to_sign, &SignatureParams::now(self.did.clone(), &Env::system())).unwrap();
        let mut request = http
            .post(url)
            .bearer_auth(token)
            .header("content-type", "application/json");
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        request.body(body).send().await.unwrap()
    }

    /// Signs in at another node through the home, with the present key.
    pub(crate) async fn visit(&self, http: &reqwest::Client, home: &Place, visited: &Place) -> Response {
        let form = [("home", format!("ada@localhost:{}", home.port))];
        let left = http
            .post(format!("{}/auth/federation/login", visited.origin()))
            .header("origin", visited.origin())
            .form(&form)
            .send()
            .await
            .unwrap();
        let header = |name: &str| left.headers()[name].to_str().unwrap().to_owned();
        let (refresh, cookie) = (header("refresh"), header("set-cookie"));
        let url: reqwest::Url = refresh.strip_prefix("0; url=").unwrap().parse().unwrap();
        let request = url
            .query_pairs()
            .find(|(name, _)| name == "request")
            .unwrap()
            .1
            .into_owned();
        let payload = json!({"home": home.web_did(), "nonce": nonce_of(&request)});
        let to = Some(visited.web_did());
        let message =
            SignedMessage::sign(&self.key(), self.did.clone(), "login", to, Env::system().now(), payload).unwrap();
        let token = self.session(http, &home.origin()).await;
        let allow = format!("{}/auth/api/federation/allow", home.origin());
        let body = json!({"request": request, "message": message});
        let allowed = self.signed(http, &self.key(), &allow, &token, &body).await;
        assert!(allowed.status().is_success(), "{}", allowed.text().await.unwrap());
        let allowed: Value = allowed.json().await.unwrap();
        let back = http.get(allowed["redirectTo"].as_str().unwrap());
        let cookie = cookie.split(';').next().unwrap();
        back.header("cookie", cookie).send().await.unwrap()
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

fn session_cookie(reply: &Response) -> String {
    let cookies = reply.headers().get_all("set-cookie").iter();
    let mut cookies = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next()?.split_once('='));
    cookies
        .find(|(name, _)| name.ends_with("imajin_session"))
        .unwrap()
        .1
        .to_owned()
}

async fn session_did(http: &reqwest::Client, place: &Place, token: &str) -> Option<String> {
    let url = format!("{}/auth/api/session", place.origin());
    let reply = http.get(url).bearer_auth(token).send().await.unwrap();
    let session: Value = reply.json().await.unwrap();
    session["did"].as_str().map(str::to_owned)
}

async fn a_key_that_is_replaced_at_home_counts_abroad(backend: Backend) {
    let (home, visited) = (Place::new(backend), Place::new(backend));
    let (home_node, visited_node) = (home.up(), visited.up());
    let ada = Ada::registered(&home, &home_node);
    let http = Buyer::stranger(&visited_node).http;
    let arrived = ada.visit(&http, &home, &visited).await;
    assert_eq!(arrived.status(), StatusCode::SEE_OTHER);
    let before = session_cookie(&arrived);
    assert_eq!(session_did(&http, &visited, &before).await, Some(ada.did.to_string()));

    let old = ada.key();
    at(&home_node, &["key", "rotate", "--key", text(&ada.file)]);
    // Its owner need not wait until the other node asks.
    let shown = at(
        &home_node,
        &["key", "mirror", ada.did.as_str(), "--to", &visited.origin()],
    );
    assert_eq!((&shown[0]["changed"], &shown[0]["seq"]), (&json!(true), &json!(1)));
    assert_eq!(session_did(&http, &visited, &before).await, None, "its key is gone");
    let url = format!("{}/auth/api/devices/requests", visited.origin());
    let body = json!({"handle": "nobody", "name": "x"});
    let refused = ada.signed(&http, &old, &url, "", &body).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let counts = ada.signed(&http, &ada.key(), &url, "", &body).await;
    assert_eq!(
        counts.status(),
        StatusCode::BAD_REQUEST,
        "the signature counts, the request is for one's own key"
    );

    let again = ada.visit(&http, &home, &visited).await;
    assert_eq!(again.status(), StatusCode::SEE_OTHER);
    let token = session_cookie(&again);
    assert_eq!(session_did(&http, &visited, &token).await, Some(ada.did.to_string()));
    let mirrored = at(&visited_node, &["key", "log", ada.did.as_str()]);
    let published = at(&home_node, &["key", "log", ada.did.as_str()]);
    assert_eq!(mirrored["entries"], published["entries"]);
    at(
        &visited_node,
        &["key", "verify", ada.did.as_str(), "--witness", &visited.did],
    );
    let nobody = SecretKey::generate(&Env::system()).did();
    let url = home_node.url();
    for (what, to) in [
        (nobody.as_str(), visited.origin()),
        (ada.did.as_str(), "http://127.0.0.1:1".to_owned()),
    ] {
        let refused = imajin(&["key", "mirror", what, "--node", &url, "--to", &to]);
        assert!(!refused.success);
        assert_eq!(refused.stderr.trim_end().lines().count(), 1, "{}", refused.stderr);
    }
    for (place, node) in [(&home, home_node), (&visited, visited_node)] {
        node.stop();
        place.home.verify_clean();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_replaced_at_home_counts_abroad_on_sqlite() {
    a_key_that_is_replaced_at_home_counts_abroad(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_replaced_at_home_counts_abroad_on_postgres() {
    a_key_that_is_replaced_at_home_counts_abroad(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_of_the_configuration_witnesses_and_resolves() {
    let (home, witness) = (Place::new(Backend::Sqlite), Place::new(Backend::Sqlite));
    let peer = |name: &str, place: &Place| {
        format!(
            "[witnesses.{name}]\ndid = \"{}\"\nurl = \"{}\"",
            place.did,
            place.origin()
        )
    };
    home.home.configure(&peer("registry", &witness));
    witness.home.configure(&peer("peer", &home));
    let data = home.home.data();
    let config = imajin(&["config", "--data", text(&data)]).expect_success();
    let shown = |key: &str| {
        config
            .as_array()
            .unwrap()
            .iter()
            .find(|line| line["key"] == key)
            .unwrap()["value"]
            .clone()
    };
    assert_eq!(shown("witnesses.registry.did"), json!(witness.did));
    // Nobody is away for long: what the witness has not seen it is shown later.
    let home_node = home.up();
    let ada = Ada::registered(&home, &home_node);
    let witness_node = witness.up();
    at(&home_node, &["key", "rotate", "--key", text(&ada.file)]);
    let mut witnessed = Vec::new();
    for _ in 0..200 {
        let log = at(&home_node, &["key", "log", ada.did.as_str()]);
        let receipts = log["receipts"].as_array().unwrap().iter();
        witnessed = receipts
            .filter(|receipt| receipt["from"] == witness.did.as_str())
            .map(|receipt| receipt["payload"]["seq"].clone())
            .collect();
        if witnessed.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    witnessed.sort_by_key(Value::to_string);
    assert_eq!(witnessed, [json!(0), json!(1)]);
    // A third node was shown nothing: it asks its own witness when somebody wants to know.
    let reader = Place::new(Backend::Sqlite);
    reader.home.configure(&peer("home", &home));
    let reader_node = reader.up();
    let http = Buyer::stranger(&reader_node).http;
    let resolve = async |did: &str| -> Value {
        let url = format!("{}/1.0/identifiers/{did}", reader.origin());
        http.get(url).send().await.unwrap().json().await.unwrap()
    };
    let resolved = resolve(ada.did.as_str()).await;
    assert_eq!(
        resolved["didDocument"]["verificationMethod"][0]["publicKeyMultibase"],
        json!(ada.key().public().multikey())
    );
    let seen_by = resolved["didDocumentMetadata"]["witnesses"].as_array().unwrap();
    assert_eq!(seen_by.len(), 2, "its home and this node: {resolved}");
    let stranger = SecretKey::generate(&Env::system()).did();
    assert_eq!(
        resolve(stranger.as_str()).await["didResolutionMetadata"]["error"],
        "notFound"
    );
    for (place, node) in [(&home, home_node), (&witness, witness_node), (&reader, reader_node)] {
        node.stop();
        place.home.verify_clean();
    }
}
