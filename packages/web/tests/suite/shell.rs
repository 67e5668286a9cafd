use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post as route};
use imajin_kernel::{Code, Problem};
use imajin_web::{Failure, JsonBody, Limits, ShellOptions, shell};
use tower::ServiceExt;

use crate::support::{clock, json, post, site};

fn router(limits: Limits) -> Router {
    async fn broken() -> Result<&'static str, Failure> {
        panic!("a bug")
    }
    async fn refuse() -> Result<&'static str, Failure> {
        Err(Problem::new(Code::SoldOut, "Nothing is left.")
            .hint("Try another tier.")
            .into())
    }
    async fn echo(JsonBody(value): JsonBody<serde_json::Value>) -> impl IntoResponse {
        axum::Json(value)
    }
    let routes = Router::new()
        .route("/broken", get(broken))
        .route("/refuse", get(refuse))
        .route("/echo", route(echo))
        .route("/never", get(std::future::pending::<&'static str>));
    let site = site(&clock());
    let page =
        |problem: &Problem, status: StatusCode, id: &str| (status, format!("{} {id}", problem.detail)).into_response();
    shell(
        routes,
        ShellOptions {
            env: site.env,
            public: site.public,
            limits,
            error_page: Some(page),
        },
    )
}

fn request(path: &str, accept: &str) -> Request<Body> {
    Request::get(path).header("accept", accept).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn every_refusal_is_a_problem_document_with_the_requests_id() {
    for (path, status, code) in [
        ("/broken", 500, "internal"),
        ("/refuse", 409, "sold_out"),
        ("/nowhere", 404, "not_found"),
        ("/echo", 405, "method_not_allowed"),
    ] {
        let response = router(Limits::default())
            .oneshot(request(path, "application/json"))
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert!(
            response.headers()["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("default-src 'none'")
        );
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let document = json(response).await;
        assert_eq!(document["code"], code);
        assert_eq!(document["requestId"], id);
        assert!(!document.to_string().contains("a bug"), "an internal cause leaked");
    }
}

#[tokio::test]
async fn a_browser_gets_a_page_instead() {
    let response = router(Limits::default())
        .oneshot(request("/refuse", "text/html,*/*"))
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::CONFLICT);
    assert!(
        response.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
}

#[tokio::test]
async fn bodies_and_time_are_bounded() {
    let limits = Limits {
        body_bytes_max: 16,
        request_timeout: std::time::Duration::from_millis(1),
        ..Limits::default()
    };
    let large = post("/echo", &[], &format!("\"{}\"", "a".repeat(64)));
    let response = router(limits.clone()).oneshot(large).await.unwrap();
    assert_eq!(json(response).await["code"], "body_too_large");
    let response = router(limits)
        .oneshot(request("/never", "application/json"))
        .await
        .unwrap();
    assert_eq!(json(response).await["code"], "timeout");
}

#[tokio::test]
async fn malformed_json_is_told_apart_from_wrong_json() {
    let response = router(Limits::default())
        .oneshot(post("/echo", &[], "{\"a\":"))
        .await
        .unwrap();
    assert_eq!(json(response).await["code"], "malformed_body");
}
