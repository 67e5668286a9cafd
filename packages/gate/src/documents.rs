use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use imajin_imagxp::RECEIPTS_PATH;
use imajin_imagxp::policy::POLICY_PATH;

use crate::Gate;
use crate::receipts::receipt;

const CACHED: &str = "public, max-age=300";

/// What a site with a gate says about itself: the policy and the RSL document; and receipts, to those who have paid.
/// Routes of the site itself, outside of the layer.
pub fn documents(gate: Arc<Gate>) -> Router {
    Router::new()
        .route(POLICY_PATH, get(policy))
        .route("/license.xml", get(license))
        .route(&format!("{RECEIPTS_PATH}{{receipt}}"), get(receipt))
        .with_state(gate)
}

async fn policy(State(gate): State<Arc<Gate>>) -> Response {
    let document = gate.policy().to_document(&gate.links());
    ([(CACHE_CONTROL, CACHED)], axum::Json(document)).into_response()
}

async fn license(State(gate): State<Arc<Gate>>) -> Response {
    let xml = gate.policy().license_xml(&gate.links());
    let headers = [(CACHE_CONTROL, CACHED), (CONTENT_TYPE, "application/rsl+xml")];
    (headers, xml).into_response()
}
