//! Unmodified libraries of others against a running node.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use imajin_testkit::Backend;
use serde_json::{Value, json};

use crate::support::{Buyer, Home, Node, imajin, text};

const REDIRECT: &str = "http://127.0.0.1:9/callback";

/// Installs what the scripts need from npm, once: the folder it is in, and the Node.js that runs it.
pub(crate) fn libraries() -> (PathBuf, String) {
    (root().join("target/tools/interop"), installed("interop"))
}

/// The Python that has the tools of Web Bot Auth.
pub(crate) fn python() -> String {
    installed("web-bot-auth")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Installs something with `./x`, once, and says which program runs it.
fn installed(what: &str) -> String {
    let said = Command::new(root().join("x")).arg(what).output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

pub(crate) struct Script {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Script {
    pub(crate) fn start(name: &str, args: &[&str]) -> Self {
        let (folder, node) = libraries();
        let mut child = Command::new(node)
            .arg(folder.join(name))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    pub(crate) fn read(&mut self) -> Value {
        let line = self
            .lines
            .next()
            .expect("the script has ended; see its error above")
            .unwrap();
        serde_json::from_str(&line).unwrap()
    }

    pub(crate) fn write(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _status = self.child.wait();
    }
}

/// Makes the identity of a key file the operator, and registers an application as an operator does.
fn app_register(home: &Home, node: &Node, method: &str, algorithm: &str) -> Value {
    let key = home.path("operator.key");
    let url = node.url();
    let args = [
        "oidc",
        "client",
        "add",
        "--node",
        &url,
        "--key",
        text(&key),
        "--name",
        "Interop",
        "--redirect-uri",
        REDIRECT,
        "--auth-method",
        method,
        "--algorithm",
        algorithm,
    ];
    imajin(&args).expect_success()
}

async fn operator_make(home: &Home, node: &Node) {
    home.key("operator.key");
    let operator = Buyer::from_file(node, home, "operator.key");
    operator.register_again().await;
    let body = json!({"token": node.setup_token()}).to_string();
    let answer = operator
        .send(&operator.signed("POST", "/auth/api/setup", body.as_bytes(), None))
        .await;
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// What a browser does with the page: the hidden field, and a signature by the person's key.
async fn consent(person: &Buyer, token: &str, authorize: &str, client: &str) -> String {
    let page = person.http.get(authorize).bearer_auth(token).send().await.unwrap();
    let page = page.text().await.unwrap();
    let (_before, rest) = page
        .split_once("name=\"request\" value=\"")
        .unwrap_or_else(|| panic!("{page}"));
    let asked = "openid profile handle offline_access";
    let body = json!({
        "request": rest.split_once('"').unwrap().0, "clientId": client, "redirectUri": REDIRECT,
        "asked": asked, "scope": asked,
    });
    let signed = person.signed("POST", "/auth/api/oidc/consent", body.to_string().as_bytes(), None);
    let mut request = person
        .http
        .post(&signed.target_uri)
        .header("content-type", "application/json");
    for (name, value) in signed.headers() {
        request = request.header(name, value);
    }
    let answer = request
        .bearer_auth(token)
        .body(signed.body.clone())
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    answer["redirectTo"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer}"))
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unmodified_openid_client_logs_in_and_an_unmodified_jose_verifies_our_tokens() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    operator_make(&home, &node).await;
    let person = Buyer::registered(&node).await;
    let did = person.key.did().to_string();
    let issuer = format!("{}/auth", node.url());
    let root_keys = format!("{}/.well-known/jwks.json", node.url());
    let kinds = [
        ("client_secret_basic", "RS256"),
        ("client_secret_post", "ES256"),
        ("none", "EdDSA"),
    ];
    for (method, algorithm) in kinds {
        let app = app_register(&home, &node, method, algorithm);
        let client = app["client_id"].as_str().unwrap();
        let secret = app["client_secret"].as_str().unwrap_or("");
        let mut script = Script::start("oidc.mjs", &[&issuer, client, secret, method, algorithm, &root_keys]);
        let asked = script.read();
        assert_eq!(asked["sameIssuer"], true);
        let token = person.login().await;
        let back = consent(&person, &token, asked["authorize"].as_str().unwrap(), client).await;
        script.write(&back);
        let done = script.read();
        assert_eq!(done["claims"]["sub"], json!(did), "{done}");
        let checked = json!({"sub": did, "alg": algorithm});
        assert_eq!(done["checked"], json!([checked, checked]), "{done}");
        assert_eq!(done["told"]["sub"], json!(did));
        assert_eq!(done["refreshedSub"], json!(did));
        assert_eq!(
            (&done["again"], &done["family"]),
            (&json!("invalid_grant"), &json!("invalid_grant"))
        );
        assert_eq!(
            (&done["active"], &done["reused"]),
            (&json!(false), &json!("invalid_grant"))
        );
        let logout = person
            .http
            .get(done["logout"].as_str().unwrap())
            .bearer_auth(&token)
            .send()
            .await;
        assert_eq!(logout.unwrap().status().as_u16(), 303);
        let (status, _body) = person.get(&token, "/auth/api/session").await;
        assert_eq!(status.as_u16(), 401, "logged out");
    }
    node.stop();
    home.verify_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn libraries_for_did_key_agree_with_our_documents() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let (known, stranger) = (Buyer::registered(&node).await, Buyer::stranger(&node));
    for person in [&known, &stranger] {
        let did = person.key.did().to_string().replace("did:mjn:", "did:key:");
        let mut script = Script::start("did_key.mjs", &[&did]);
        let (method, resolver) = (script.read(), script.read());
        let url = person.url(&format!("/1.0/identifiers/{did}"));
        let result: Value = person.http.get(url).send().await.unwrap().json().await.unwrap();
        let ours = &result["didDocument"];
        for member in [
            "@context",
            "id",
            "verificationMethod",
            "authentication",
            "assertionMethod",
        ] {
            assert_eq!(ours[member], method[member], "{member}");
        }
        // Another spelling of the same key, under the same names.
        for member in ["id", "authentication", "assertionMethod"] {
            assert_eq!(ours[member], resolver[member], "{member}");
        }
    }
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_manages_applications_from_the_command_line() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    operator_make(&home, &node).await;
    let app = app_register(&home, &node, "client_secret_basic", "RS256");
    let (url, key) = (node.url(), home.path("operator.key"));
    let list = ["oidc", "client", "list", "--node", &url, "--key", text(&key)];
    let listed = imajin(&list).expect_success();
    assert_eq!(listed["clients"][0]["client_id"], app["client_id"]);
    let rotated = imajin(&["oidc", "rotate-keys", "--node", &url, "--key", text(&key)]).expect_success();
    assert_eq!(rotated["rotated"], 1);
    let id = app["client_id"].as_str().unwrap();
    imajin(&["oidc", "client", "remove", "--node", &url, "--key", text(&key), id]).expect_success();
    assert_eq!(imajin(&list).expect_success()["clients"], json!([]));
    let stranger = home.key("stranger.key");
    let refused = imajin(&["oidc", "client", "list", "--node", &url, "--key", text(&stranger)]);
    assert!(!refused.success);
    node.stop();
    home.verify_clean();
}
