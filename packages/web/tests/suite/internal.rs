use std::sync::Arc;

use async_trait::async_trait;
use axum::http::StatusCode;
use imajin_did::{Keyring, MasterKey, SecretKey};
use imajin_kernel::{Code, Env, ManualClock, Problem};
use imajin_web::{
    InternalAccess, Limits, Listener, PublicBase, RpcClient, RpcConfig, TlsMode, internal_listener_router, serve,
    service_api,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::support::{clock, json, post};

service_api! {
    /// Greets.
    pub trait GreeterApi, client GreeterClient, service "greeter" {
        /// Greets somebody; nobody is a conflict.
        async fn greet(String) -> String;
    }
}

struct Greeter;

#[async_trait]
impl GreeterApi for Greeter {
    async fn greet(&self, request: String) -> Result<String, Problem> {
        if request.is_empty() {
            return Err(Problem::new(Code::Conflict, "Nobody is there.").with("left", 0));
        }
        Ok(format!("Hello, {request}"))
    }
}

fn keyring(seed: u8) -> Keyring {
    Keyring::new(MasterKey::from_bytes([seed; 32]), SecretKey::from_seed([seed; 32]))
}

async fn listening(clock: &ManualClock, stop: &CancellationToken) -> (url::Url, tokio::task::JoinHandle<()>) {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: url::Url = format!("http://{}/", socket.local_addr().unwrap()).parse().unwrap();
    let base = PublicBase(url.clone());
    let access = InternalAccess {
        env: Env::fixed(clock.clone(), 1),
        base: base.clone(),
        allowed: vec![keyring(1).node_did().clone()],
    };
    let router = internal_listener_router(GreeterClient::internal_router(Arc::new(Greeter)), access);
    let connections_max = Limits::default().connections_max;
    let listener = Listener {
        socket,
        router,
        public: base,
        tls: TlsMode::Off,
        connections_max,
    };
    #[expect(clippy::disallowed_methods, reason = "the test waits for the task itself")]
    let task = tokio::spawn(serve(listener, stop.clone()));
    (url, task)
}

fn client(base: &url::Url, clock: &ManualClock, seed: u8) -> GreeterClient {
    let env = Env::fixed(clock.clone(), u64::from(seed) + 100);
    GreeterClient::http(
        RpcClient::new(RpcConfig {
            base: base.clone(),
            keyring: keyring(seed),
            env,
        })
        .unwrap(),
    )
}

#[tokio::test]
async fn a_remote_caller_gets_what_a_local_one_gets() {
    let (clock, stop) = (clock(), CancellationToken::new());
    let (url, task) = listening(&clock, &stop).await;
    for greeter in [GreeterClient::local(Arc::new(Greeter)), client(&url, &clock, 1)] {
        assert_eq!(greeter.greet("Ada".to_owned()).await.unwrap(), "Hello, Ada");
        let problem = greeter.greet(String::new()).await.unwrap_err();
        assert_eq!(
            (problem.code, problem.extra["left"].as_i64()),
            (Code::Conflict, Some(0))
        );
    }
    stop.cancel();
    task.await.unwrap();
    let problem = client(&url, &clock, 1).greet("Ada".to_owned()).await.unwrap_err();
    assert_eq!(problem.code, Code::Unavailable, "the other process is gone");
}

#[tokio::test]
async fn a_process_that_is_not_on_the_list_is_refused() {
    let (clock, stop) = (clock(), CancellationToken::new());
    let (url, task) = listening(&clock, &stop).await;
    let problem = client(&url, &clock, 2).greet("Ada".to_owned()).await.unwrap_err();
    assert_eq!(problem.code, Code::Unavailable);
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn an_unsigned_fact_is_refused() {
    let clock = clock();
    let access = InternalAccess {
        env: Env::fixed(clock, 1),
        base: PublicBase("http://127.0.0.1:17000/".parse().unwrap()),
        allowed: vec![keyring(1).node_did().clone()],
    };
    let router = internal_listener_router(GreeterClient::internal_router(Arc::new(Greeter)), access);
    let response = router
        .oneshot(post("/internal/greeter/greet", &[], "\"Ada\""))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(json(response).await["code"], "unauthenticated");
}

#[tokio::test]
async fn a_call_that_is_sent_twice_is_refused_the_second_time() {
    let clock = clock();
    let base = "http://127.0.0.1:17000/";
    let access = InternalAccess {
        env: Env::fixed(clock.clone(), 1),
        base: PublicBase(base.parse().unwrap()),
        allowed: vec![keyring(1).node_did().clone()],
    };
    let router = internal_listener_router(GreeterClient::internal_router(Arc::new(Greeter)), access);
    let env = Env::fixed(clock, 9);
    let target = format!("{base}internal/greeter/greet");
    let request = imajin_proof::http_sig::RequestToSign {
        method: "POST",
        target_uri: &target,
        idempotency_key: None,
        body: b"\"Ada\"",
    };
    let params =
        imajin_proof::http_sig::SignatureParams::now(keyring(1).node_did().clone(), &env).tag("imajin-service");
    let signed = imajin_proof::http_sig::sign(keyring(1).node_key(), &request, &params).unwrap();
    let headers = [
        ("content-digest", signed.content_digest.unwrap()),
        ("signature-input", signed.signature_input),
        ("signature", signed.signature),
    ];
    let mut codes = Vec::new();
    for _ in 0..2 {
        let request = post("/internal/greeter/greet", &headers, "\"Ada\"");
        codes.push(router.clone().oneshot(request).await.unwrap().status().as_u16());
    }
    assert_eq!(codes, [200, 401]);
}
