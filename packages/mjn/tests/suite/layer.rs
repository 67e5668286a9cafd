//! The layer around a router, asked by the client.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Extension;
use axum::http::{Request, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use imajin_did::Did;
use imajin_kernel::{Code, Env, ManualClock, Problem};
use imajin_mjn::{
    Attribution, Client, Exchanges, MemoryNonces, MjnError, MjnOptions, Prepared, RequestDraft, StreamCloser,
    StreamedAnswer, VerifiedAnswer, VerifiedMjnRequest, exchanged,
};
use imajin_web::{CallerKeys, Custody, Failure, Identities, PublicBase, SessionView, Site, Tier};
use tower::ServiceExt;

use crate::streams::close;
use crate::{BODY, NOW, consent, key, receipt, settlement};

const URL: &str = "https://node.example/api/query";

/// Everybody is who their DID says.
struct SelfCertified;

#[async_trait]
impl Identities for SelfCertified {
    async fn caller_keys(&self, did: &Did) -> Result<CallerKeys, Problem> {
        Ok(CallerKeys {
            did: did.clone(),
            keys: did.public_key().into_iter().collect(),
            tier: Tier::Visitor,
            custody: Custody::Own,
        })
    }

    async fn session_view(&self, _token: &str) -> Result<Option<SessionView>, Problem> {
        Ok(None)
    }
}

fn env() -> Env {
    Env::fixed(ManualClock::at(NOW), 1)
}

/// Where the handler puts what ends its stream.
type Closer = Arc<Mutex<Option<StreamCloser>>>;

async fn whole(Extension(request): Extension<Arc<VerifiedMjnRequest>>) -> Response {
    let attribution = Attribution {
        fair: Some("fair_example01".parse().unwrap()),
        receipt: Some(receipt()),
    };
    let text = format!("{} pays at most {}", request.did, request.settlement.max);
    (Extension(attribution), text).into_response()
}

async fn unpaid() -> Failure {
    Failure(Problem::new(Code::PaymentRequired, "It costs more."))
}

async fn stream(Extension(closer): Extension<Closer>) -> Response {
    let (answer, end) = StreamedAnswer::new(Some(receipt()));
    *closer.lock().unwrap() = Some(end);
    (Extension(answer), "data: Money\n\n").into_response()
}

fn router(nonces: Arc<MemoryNonces>, closer: &Closer) -> Router {
    let site = Site {
        env: env(),
        public: PublicBase("https://node.example".parse().unwrap()),
        identities: Arc::new(SelfCertified),
    };
    let options = MjnOptions {
        did: key(1).did(),
        key: Arc::new(key(1)),
        nonces,
        request_bytes_max: 1_000,
        answer_bytes_max: 1_000,
    };
    let routes = Router::new()
        .route("/query", post(whole))
        .route("/unpaid", post(unpaid))
        .route("/stream", post(stream))
        .layer(Extension(Arc::clone(closer)))
        .layer(from_fn_with_state(Exchanges::new(site, options), exchanged));
    // Nested, as in a node: the URL that is signed is the whole one.
    Router::new().nest("/api", routes)
}

fn routes() -> Router {
    router(Arc::new(MemoryNonces::new(100)), &Closer::default())
}

fn client() -> Client {
    Client::new(key(2).did(), key(2), env())
}

/// Another client with dice of its own: its requests have other nonces.
fn other_client(body: &[u8], nonce: &str) -> Client {
    let seed = u64::try_from(body.len() + nonce.len()).unwrap();
    Client::new(key(2).did(), key(2), Env::fixed(ManualClock::at(NOW), seed))
}

fn prepared(url: &str, nonce: &str, body: &[u8]) -> Prepared {
    let (consent, settlement) = (consent(nonce), settlement());
    let draft = RequestDraft {
        method: "POST",
        target_uri: url,
        idempotency_key: None,
        consent: &consent,
        settlement: &settlement,
        body,
    };
    other_client(body, nonce).prepare(&key(1).did(), &draft).unwrap()
}

fn sent(prepared: &Prepared) -> Request<Body> {
    let (parts, body) = prepared.request.clone().into_parts();
    Request::from_parts(parts, Body::from(body))
}

struct Answered {
    status: StatusCode,
    verified: Result<VerifiedAnswer, MjnError>,
    text: String,
}

async fn ask(router: &Router, prepared: &Prepared, request: Request<Body>) -> Answered {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let status = parts.status.as_u16();
    let verified = client().answer(&prepared.pending, &[key(1).public()], status, &parts.headers, &body);
    Answered {
        status: parts.status,
        verified,
        text: String::from_utf8(body.to_vec()).unwrap(),
    }
}

#[tokio::test]
async fn an_exchange_is_signed_both_ways() {
    let prepared = prepared(URL, "n", BODY);
    let answered = ask(&routes(), &prepared, sent(&prepared)).await;
    assert_eq!(answered.status, StatusCode::OK);
    assert_eq!(answered.text, format!("{} pays at most 0.05 TEST-USD", key(2).did()));
    let verified = answered.verified.unwrap();
    assert_eq!((verified.did, verified.receipt), (key(1).did(), Some(receipt())));
}

#[tokio::test]
async fn a_refusal_of_the_handler_is_signed_too() {
    let prepared = prepared("https://node.example/api/unpaid", "n", BODY);
    let answered = ask(&routes(), &prepared, sent(&prepared)).await;
    assert_eq!(answered.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(answered.verified.unwrap().receipt, None);
}

#[tokio::test]
async fn a_replayed_request_is_refused() {
    let (routes, prepared) = (routes(), prepared(URL, "n", BODY));
    assert_eq!(ask(&routes, &prepared, sent(&prepared)).await.status, StatusCode::OK);
    let again = ask(&routes, &prepared, sent(&prepared)).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    assert!(
        again.text.contains("used before") && again.verified.is_ok(),
        "{}",
        again.text
    );
}

#[tokio::test]
async fn a_replayed_declaration_is_refused_in_a_new_request() {
    let routes = routes();
    let [first, second] = [BODY, b"another question"].map(|body| prepared(URL, "n", body));
    assert_ne!(
        first.request.headers()["signature"],
        second.request.headers()["signature"]
    );
    assert_eq!(ask(&routes, &first, sent(&first)).await.status, StatusCode::OK);
    let again = ask(&routes, &second, sent(&second)).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    assert!(again.text.contains("used before"), "{}", again.text);
}

#[tokio::test]
async fn headers_moved_to_another_route_are_refused() {
    let prepared = prepared(URL, "n", BODY);
    let mut request = sent(&prepared);
    *request.uri_mut() = "https://node.example/api/unpaid".parse().unwrap();
    let answered = ask(&routes(), &prepared, request).await;
    assert_eq!(answered.status, StatusCode::UNAUTHORIZED);
    assert!(answered.text.contains("bad_signature"), "{}", answered.text);
}

#[tokio::test]
async fn a_host_that_the_client_names_does_not_count() {
    let prepared = prepared("https://evil.example/api/query", "n", BODY);
    let mut request = sent(&prepared);
    request.headers_mut().insert("host", "evil.example".parse().unwrap());
    request
        .headers_mut()
        .insert("x-forwarded-host", "evil.example".parse().unwrap());
    let answered = ask(&routes(), &prepared, request).await;
    assert_eq!(answered.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_is_not_signed_is_refused_and_not_answered_for() {
    let prepared = prepared(URL, "n", BODY);
    let request = Request::post("/api/query").body(Body::from(BODY)).unwrap();
    let answered = ask(&routes(), &prepared, request).await;
    assert_eq!(answered.status, StatusCode::UNAUTHORIZED);
    assert!(matches!(answered.verified, Err(MjnError::Missing(_))));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let prepared = prepared(URL, "n", &[b'x'; 1_001]);
    let answered = ask(&routes(), &prepared, sent(&prepared)).await;
    assert_eq!(answered.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_full_memory_of_nonces_refuses_and_forgets_nothing() {
    let routes = router(Arc::new(MemoryNonces::new(2)), &Closer::default());
    let [first, second] = ["n", "mm"].map(|nonce| prepared(URL, nonce, BODY));
    assert_eq!(ask(&routes, &first, sent(&first)).await.status, StatusCode::OK);
    let other = ask(&routes, &second, sent(&second)).await;
    assert_eq!(other.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        ask(&routes, &first, sent(&first)).await.status,
        StatusCode::UNAUTHORIZED
    );
}

/// Asks for a stream that its handler ends as told, and reads it to its end.
async fn streamed(end: impl FnOnce(StreamCloser)) -> Result<String, MjnError> {
    let closer = Closer::default();
    let routes = router(Arc::new(MemoryNonces::new(100)), &closer);
    let prepared = prepared("https://node.example/api/stream", "n", BODY);
    let response = routes.oneshot(sent(&prepared)).await.unwrap();
    end(closer.lock().unwrap().take().unwrap());
    let (parts, body) = response.into_parts();
    let keys = [key(1).public()];
    let head = client().stream(&prepared.pending, &keys, parts.status.as_u16(), &parts.headers)?;
    assert_eq!(head.receipt, Some(receipt()));
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let mut reader = head.reader();
    let data = reader.push(&body)?;
    reader.finish(&keys)?;
    Ok(String::from_utf8(data).unwrap())
}

#[tokio::test]
async fn a_stream_ends_with_its_signed_event() {
    let read = streamed(|closer| closer.close(close())).await;
    assert_eq!(read, Ok("data: Money\n\n".to_owned()));
}

#[tokio::test]
async fn a_stream_that_nobody_ends_is_known_to_be_cut() {
    assert_eq!(streamed(drop).await, Err(MjnError::Cut));
}
