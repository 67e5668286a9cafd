//! Clients and tools of the neighbouring protocols, unmodified, against our gate.

use std::path::{Path, PathBuf};
use std::process::Command;

use axum::http::{Method, Uri};
use axum::routing::{get, post};
use axum::{Json, Router};
use imajin_imagxp::Names;
use imajin_imagxp::web_bot_auth::{BotExpectation, BotSignature, DIRECTORY_PATH, DIRECTORY_TYPE, directory_parse};
use imajin_kernel::{Env, Span, Timestamp};
use imajin_proof::http_sig::MessageView;
use imajin_proof::jose::Jwks;
use imajin_testkit::broker_peer::VisaWish;
use imajin_testkit::{Backend, on_both};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::agents::{PAGE, Scene as PaidScene};
use crate::examples::pem_write;
use crate::gates::Scene;
use crate::interop::{Script, python};
use crate::support::{Server, text};

// The other tools here ask our verifier alone, which has no database.
on_both!(
    an_unmodified_web_bot_auth_client_reads_and_pays,
    an_unmodified_x402_client_with_our_scheme_pays_and_reads,
);

/// A program beside the Python that has the tools.
fn tool(name: &str) -> PathBuf {
    Path::new(&python()).with_file_name(name)
}

/// The domain of an agent that publishes a directory of keys.
async fn directory(document: Value) -> Server {
    let answer = get(move || async move { ([("content-type", DIRECTORY_TYPE)], document.to_string()) });
    Server::start(Router::new().route(DIRECTORY_PATH, answer)).await
}

/// Our verifier, as wbactl asks one.
async fn verify(Json(asked): Json<Value>) -> Json<Value> {
    let said = verdict(&asked);
    Json(json!({"accepted": said.is_ok(), "reason": said.err().unwrap_or_default()}))
}

fn verdict(asked: &Value) -> Result<(), String> {
    let mut headers = HeaderMap::new();
    for (name, value) in asked["headers"].as_object().unwrap() {
        let name: HeaderName = name.parse().unwrap();
        headers.insert(name, HeaderValue::from_str(value.as_str().unwrap()).unwrap());
    }
    let keys = json!({"keys": asked["keys"]}).to_string();
    let keys = directory_parse(keys.as_bytes()).map_err(|error| error.to_string())?;
    let (method, url) = (asked["method"].as_str().unwrap(), asked["url"].as_str().unwrap());
    let message = MessageView::request(method, url, &headers);
    let read = BotSignature::read(&message, &headers, Names::Public).map_err(|error| error.to_string())?;
    let expect = BotExpectation {
        now: Timestamp::from_seconds(asked["now"].as_i64().unwrap()),
        // Its signatures are good for many years, so that its vectors are.
        lifetime_max: Span::days(40_000),
        is_priced: false,
    };
    let read = read.ok_or("there is no signature")?;
    let verified = read.verify(&message, &keys, &expect);
    verified.map(drop).map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_vectors_of_wbactl_pass() {
    let server = Server::start(Router::new().route("/verify", post(verify))).await;
    let url = format!("http://{}/verify", server.host);
    let args = ["conformance", "--target-url", url.as_str(), "--json"];
    let ran = Command::new(tool("wbactl")).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    // Both verdicts are among them: a verifier that takes or refuses everything fails.
    assert!(
        said.contains("accept-structured") && said.contains("reject-agent-tamper"),
        "{said}"
    );
}

/// Our verifier in front of everything: it says in a header whether the signature counts. Botgate signs for agents with
/// an https address only, which no agent of a test has, so the keys are at hand.
fn verifying(keys: Jwks) -> Router {
    let answer = move |method: Method, uri: Uri, headers: HeaderMap| async move {
        let url = format!("http://{}{uri}", headers["host"].to_str().unwrap());
        let message = MessageView::request(method.as_str(), &url, &headers);
        let expect = BotExpectation {
            now: Env::system().now(),
            // As the policy says that botgate has written.
            lifetime_max: Span::seconds(300),
            is_priced: false,
        };
        let read = BotSignature::read(&message, &headers, Names::Public);
        let counts = read.is_ok_and(|read| read.is_some_and(|read| read.verify(&message, &keys, &expect).is_ok()));
        ([("x-agent-authenticated", counts.to_string())], "")
    };
    Router::new().fallback(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn botgate_finds_no_changed_request_that_our_verifier_takes() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("botgate");
    let init = Command::new(tool("botgate"))
        .args(["init", "--directory", text(&made)])
        .output()
        .unwrap();
    assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    let keys = directory_parse(&std::fs::read(made.join("directory.json")).unwrap()).unwrap();
    let server = Server::start(verifying(keys)).await;
    let file = |name: &str| text(&made.join(name)).to_owned();
    let url = format!("http://{}/orders/1?view=summary", server.host);
    let mut command = Command::new(tool("botgate"));
    command.args([
        "test",
        &url,
        "--agent",
        "https://bot.example.org",
        "--key",
        &file("private.key"),
    ]);
    command.args([
        "--jwk",
        &file("public.jwk"),
        "--jwks",
        &file("directory.json"),
        "--format",
        "json",
    ]);
    command.args([
        "--config",
        &file("botgate.toml"),
        "--allow-private-target",
        "--allow-http",
    ]);
    command.args([
        "--auth-header",
        "x-agent-authenticated",
        "--authenticated-value",
        "true",
    ]);
    command.args(["--unauthenticated-value", "false"]);
    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(
        said.contains("changed_path") && said.contains("corrupted_signature"),
        "{said}"
    );
    assert!(!said.contains("\"passed\": false"), "{said}");
}

async fn an_unmodified_web_bot_auth_client_reads_and_pays(backend: Backend) {
    let scene = Scene::new(backend).await;
    let mut script = Script::start("web_bot_auth.mjs", &[]);
    let keys = script.read();
    let jwks = directory_parse(keys.to_string().as_bytes()).unwrap();
    let key = jwks.keys()[0].verifying_key().unwrap();
    let agent = directory(keys).await;
    let whole = json!(["@method", "@authority", "@path", "@query", "signature-agent"]);
    let mut ask = |path: &str, visa: Option<&str>, components: Option<&Value>| {
        let asked = json!({
            "url": scene.url(path), "agent": format!("http://{}", agent.host), "visa": visa, "components": components,
        });
        script.write(&asked.to_string());
        let said = script.read();
        (
            said["status"].as_i64().unwrap(),
            said["text"].as_str().unwrap().to_owned(),
        )
    };
    let name = agent.host.clone();
    assert_eq!(ask("/about", None, None), (200, format!("a page for {name}")));
    let (status, said) = ask("/cheap", None, None);
    assert!(
        status == 403 && said.contains("CRYPTO_FAIL"),
        "only the host is signed: {said}"
    );
    assert_eq!(ask("/cheap?x=1", None, Some(&whole)).0, 402);
    let wish = VisaWish::once(&scene.host(), key, "TEST-USD", 10_000);
    let visa = scene.broker.visa(&wish);
    assert_eq!(
        ask("/cheap?x=1", Some(&visa), Some(&whole)),
        (200, format!("a page for {name}"))
    );
    let (status, said) = ask("/cheap?x=1", Some(&visa), Some(&whole));
    assert!(
        status == 403 && said.contains("PAYMENT_DENIED"),
        "the visa is spent: {said}"
    );
    scene.node.stop();
}

async fn an_unmodified_x402_client_with_our_scheme_pays_and_reads(backend: Backend) {
    let scene = PaidScene::new(backend).await;
    let pem = std::fs::read_to_string(pem_write(&scene)).unwrap();
    let url = scene.url("/posts/1");
    let args = [url.as_str(), scene.agent_host(), pem.as_str(), scene.issuer()];
    let said = Script::start("x402.mjs", &args).read();
    assert_eq!((&said["status"], &said["text"]), (&json!(200), &json!(PAGE)), "{said}");
    assert_eq!((&said["asked"], &said["visas"]), (&json!(2), &json!(1)), "{said}");
    let response = &said["response"];
    assert_eq!(
        (&response["success"], &response["network"]),
        (&json!(true), &said["network"]),
        "{said}"
    );
    assert!(
        response["transaction"]
            .as_str()
            .is_some_and(|receipt| !receipt.is_empty()),
        "{said}"
    );
    let ada = scene.home.path("ada.key");
    crate::fair_library::register(&scene.publisher, &ada, "ada");
    crate::gates::balance_wait(&scene.publisher, &ada, "0.10");
    scene.end();
}
