use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::Request;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::future::BoxFuture;
use imajin_kernel::{Code, Problem};
use utoipa_axum::router::OpenApiRouter;

use crate::{Description, Failure, PeerAddress, metrics_render};

/// Says whether a service can answer: its database answers, its keys are open.
pub type Readiness = Arc<dyn Fn() -> BoxFuture<'static, Result<(), Problem>> + Send + Sync>;

/// The public routes of one service, as they stand beneath its prefix.
#[derive(Clone)]
pub struct ServiceRoutes {
    /// The service's name, which is also its prefix: `auth`, `pay`.
    pub name: &'static str,
    /// Routes under `/api/…` (and pages of the service), state already applied.
    pub router: Router,
    /// Their description.
    pub description: Description,
    /// Whether the service can answer.
    pub readiness: Readiness,
}

impl ServiceRoutes {
    /// Splits a documented router into routes and description, and gives the description its name and version.
    pub fn new(name: &'static str, title: &str, documented: OpenApiRouter, readiness: Readiness) -> Self {
        let (router, openapi) = documented.split_for_parts();
        Self {
            name,
            router,
            description: Description::new(title, openapi),
            readiness,
        }
    }

    /// The complete router of the service: its own routes plus `/api/spec`, `/api/health`, `/health`, `/ready` and
    /// `/metrics`.
    pub fn into_router(self) -> Router {
        let Self {
            name,
            router,
            description,
            readiness,
        } = self;
        let health = move || async move { Json(serde_json::json!({"status": "ok", "service": name})) };
        let ready = move || {
            let readiness = Arc::clone(&readiness);
            async move {
                readiness().await?;
                Ok::<_, Failure>(Json(serde_json::json!({"status": "ready", "service": name})))
            }
        };
        router
            .route("/api/spec", get(move || async move { description }))
            .route("/api/health", get(health))
            .route("/health", get(health))
            .route("/ready", get(ready))
            .route("/metrics", get(metrics_handler))
    }
}

/// Metrics are for the operator's own collector: they are given to this machine only, and not through a proxy.
async fn metrics_handler(request: Request) -> Response {
    let local = request
        .extensions()
        .get::<PeerAddress>()
        .is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
    let proxied = [header::FORWARDED.as_str(), "x-forwarded-for"]
        .iter()
        .any(|name| request.headers().contains_key(*name));
    if !local || proxied {
        return Failure(Problem::new(Code::NotFound, "There is nothing at this address.")).into_response();
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics_render()).into_response()
}
