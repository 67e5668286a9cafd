//! Auth in a process of its own: what is decided there counts in the others at once.

use imajin_testkit::Backend;
use serde_json::{Value, json};

use crate::claim::Soft;
use crate::processes::{Ports, node_did, remote};
use crate::support::{Buyer, Home, Node, event_find, imajin, text};

/// Pages, money and events in front; identities behind.
struct Apart {
    front_home: Home,
    auth_home: Home,
    front: Node,
    auth: Node,
    auth_ports: Ports,
}

impl Apart {
    fn start(backend: Backend) -> Self {
        let (front_home, auth_home) = (Home::new(backend), Home::new(backend));
        let (front_ports, auth_ports) = (Ports::free(), Ports::free());
        let public_url = format!("public_url = \"http://localhost:{}/\"\n", front_ports.public);
        let (front_did, auth_did) = (node_did(&front_home), node_did(&auth_home));
        let internal = |ports: &Ports| format!("internal_listen = \"127.0.0.1:{}\"\n", ports.internal);
        front_home.configure(&format!(
            "services = [\"events\", \"pay\", \"publisher\", \"www\"]\n{public_url}{}{}",
            internal(&front_ports),
            remote("auth", &auth_ports, &auth_did)
        ));
        auth_home.configure(&format!(
            "services = [\"auth\"]\n{public_url}{}{}{}",
            internal(&auth_ports),
            remote("events", &front_ports, &front_did),
            remote("pay", &front_ports, &front_did)
        ));
        let auth = auth_home.up(&["--listen", &format!("127.0.0.1:{}", auth_ports.public)]);
        let front = front_home.up(&["--demo", "--listen", &format!("127.0.0.1:{}", front_ports.public)]);
        Self {
            front_home,
            auth_home,
            front,
            auth,
            auth_ports,
        }
    }

    /// The same path at the process that runs auth.
    fn behind(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.auth_ports.public)
    }

    fn logged_in(&self) -> Buyer {
        let key = self.front_home.key("ada.key");
        imajin(&["login", "--node", &self.front.url(), "--key", text(&key)]).expect_success();
        Buyer::from_file(&self.front, &self.front_home, "ada.key")
    }

    fn stop(self) {
        self.front.stop();
        self.auth.stop();
        self.front_home.verify_clean();
        self.auth_home.verify_clean();
    }
}

/// What stands at the root of the node is auth's, wherever that runs.
#[tokio::test(flavor = "multi_thread")]
async fn well_known_addresses_are_passed_on_to_the_process_that_runs_auth() {
    let apart = Apart::start(Backend::Sqlite);
    let ada = apart.logged_in();
    let auth_did = &node_did_of(&apart.auth);
    let paths = [
        "/.well-known/did.json".to_owned(),
        "/.well-known/jwks.json".to_owned(),
        "/.well-known/openid-configuration/auth".to_owned(),
        "/.well-known/oauth-authorization-server/auth".to_owned(),
        "/auth/.well-known/openid-configuration".to_owned(),
        format!("/1.0/identifiers/{}", ada.key.did()),
    ];
    for path in &paths {
        let front = ada.http.get(ada.url(path)).send().await.unwrap();
        assert_eq!(front.status(), 200, "{path}");
        let tag = front.headers().get("etag").cloned();
        let behind = ada.http.get(apart.behind(path)).send().await.unwrap();
        assert_eq!(tag, behind.headers().get("etag").cloned(), "{path}");
        let (front, behind): (Value, Value) = (front.json().await.unwrap(), behind.json().await.unwrap());
        assert_eq!(front, behind, "{path}");
    }
    let document: Value = ada
        .http
        .get(ada.url(&paths[0]))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let key = auth_did.strip_prefix("did:mjn:").unwrap();
    assert!(
        document["verificationMethod"][0]["publicKeyMultibase"] == key,
        "{document}"
    );
    // A did:web keeps its percent-encoded characters on the way.
    let web = document["id"].as_str().unwrap().to_owned();
    assert!(web.contains("%3A"), "{web}");
    let resolved = ada
        .http
        .get(ada.url(&format!("/1.0/identifiers/{web}")))
        .send()
        .await
        .unwrap();
    assert_eq!(resolved.status(), 200);
    let unknown = ada.http.get(ada.url("/1.0/identifiers/nonsense")).send().await.unwrap();
    assert_eq!(unknown.status(), 400);
    apart.stop();
}

fn node_did_of(node: &Node) -> String {
    node.banner()["did"].as_str().unwrap().to_owned()
}

async fn a_session_that_is_revoked_in_one_process_is_refused_in_the_other(backend: Backend) {
    let apart = Apart::start(backend);
    let ada = apart.logged_in();
    let (kept, gone, rotated) = (ada.login().await, ada.login().await, ada.login().await);
    let balance = async |token: &str| ada.get(token, "/pay/api/balance").await.0.as_u16();
    for token in [&kept, &gone, &rotated] {
        assert_eq!(balance(token).await, 200);
    }
    let logout = ada.http.post(apart.behind("/auth/api/logout")).bearer_auth(&gone);
    let answer = logout.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    assert_eq!(balance(&gone).await, 401);
    assert_eq!(balance(&kept).await, 200);
    // A key that is replaced takes its sessions with it, and what it signs.
    let key = apart.front_home.path("ada.key");
    let node = apart.behind("");
    imajin(&["key", "rotate", "--node", &node, "--key", text(&key)]).expect_success();
    assert_eq!(balance(&rotated).await, 401);
    let event = event_find(&apart.front, "10.00");
    assert_eq!(ada.checkout(&event, 1, None).await.status(), 401);
    let id = event["id"].as_str().unwrap();
    let front = apart.front.url();
    imajin(&["ticket", "buy", "--node", &front, "--key", text(&key), "--event", id]).expect_success();

    let (file, _manifest) = crate::fair_rotated::work(&apart.front_home, "after", &ada.key.did(), &key);
    let ben = apart.front_home.key("ben.key");
    imajin(&["login", "--node", &front, "--key", text(&ben)]).expect_success();
    imajin(&["fair", "publish", &file, "--node", &front, "--key", text(&ben)]).expect_success();

    // The front's own database does not hold the keys: its check asks the process that does, and says so when it is
    // away.
    let report = apart.front_home.verify().expect_success();
    assert_eq!((&report["findings"], &report["unchecked"]), (&json!([]), &json!([])));
    let Apart {
        front_home,
        auth_home,
        front,
        auth,
        ..
    } = apart;
    front.stop();
    auth.stop();
    let report = front_home.verify();
    assert!(!report.success);
    assert_eq!(report.json["findings"], json!([]), "{}", report.json);
    let unchecked = &report.json["unchecked"][0];
    assert_eq!(unchecked["did"], ada.key.did().as_str());
    assert_eq!(unchecked["rows"], 2, "her order, and her work that another has brought");
    auth_home.verify_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_revoked_in_one_process_is_refused_in_the_other_on_sqlite() {
    a_session_that_is_revoked_in_one_process_is_refused_in_the_other(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_revoked_in_one_process_is_refused_in_the_other_on_postgres() {
    a_session_that_is_revoked_in_one_process_is_refused_in_the_other(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_is_claimed_in_one_process_is_claimed_in_the_other() {
    let apart = Apart::start(Backend::Sqlite);
    let ada = apart.logged_in();
    let soft = Soft::new(&ada, &apart.front, &apart.auth_home).await;
    let event = event_find(&apart.front, "10.00");
    let order = soft.buys(&ada, &apart.front, &apart.auth_home, &event).await;
    assert_eq!(order["state"], "fulfilled", "{order}");
    let session = ada.login().await;
    let path = format!("/events/api/orders/{}", order["id"].as_str().unwrap());
    assert_eq!(ada.get(&session, &path).await.0, 404);
    // Signed for the public address, decided in the process behind it.
    let (front, key) = (apart.front.url(), apart.front_home.path("ada.key"));
    let login = ["login", "--node", &front, "--key", text(&key)];
    imajin(&[&login[..], &["--claim", "ada@example.org"]].concat()).expect_success();
    let link = crate::vault::newest_token(&apart.auth_home).await;
    let claimed = imajin(&[&login[..], &["--claim-link", &link]].concat()).expect_success();
    assert_eq!(claimed["claimed"].as_str(), Some(soft.did.as_str()));
    assert_eq!(ada.get(&session, &path).await.0, 200);
    apart.stop();
}
