//! Which nodes this one talks to: for its operator, to read and to change, and a page for both.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use imajin_kernel::{Code, Problem, Timestamp};
use imajin_ui::{PeerItem, PeersPage, moment, render};
use imajin_web::{Authorised, Failure, OperatorTier, ProblemDocument, SignedBody, Tier, Viewer};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Surroundings;
use super::oidc::pages::{living, shell_for};
use crate::auth::Auth;
use crate::log::Authority;
use crate::peers::{ForgetBody, RuleBody};
use crate::rows::PeerRuleRow;

const PAGE: &str = "/auth/peers";

pub(super) fn routes() -> OpenApiRouter<Surroundings> {
    OpenApiRouter::new()
        .routes(routes!(peers, peer_set))
        .routes(routes!(peer_forget))
        .routes(routes!(peers_page))
}

/// What the operator says about a node.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PeerRule {
    /// A DID, a host, or `*.` and a host.
    name: String,
    /// `allow` or `block`.
    verdict: String,
    /// Why.
    reason: Option<String>,
    /// Since when; none for what the configuration says.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
}

/// Which nodes this one talks to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PeerRules {
    /// Whether it talks to nobody but those that are allowed.
    only_listed: bool,
    /// What the configuration says, which is changed in `imajin.toml`.
    configured: Vec<PeerRule>,
    /// What the operator has said, by name.
    rules: Vec<PeerRule>,
}

impl From<PeerRuleRow> for PeerRule {
    fn from(row: PeerRuleRow) -> Self {
        Self {
            name: row.name,
            verdict: row.verdict,
            reason: row.reason,
            since: Some(row.created_at),
        }
    }
}

async fn rules_of(auth: &Auth) -> Result<PeerRules, Failure> {
    let options = &auth.options.peers;
    let written = |names: &[String], verdict: &str| -> Vec<PeerRule> {
        let rule = |name: &String| PeerRule {
            name: name.clone(),
            verdict: verdict.to_owned(),
            reason: None,
            since: None,
        };
        names.iter().map(rule).collect()
    };
    let mut configured = written(&options.block, "block");
    configured.append(&mut written(&options.allow, "allow"));
    let rules = auth.peer_rules_list().await?;
    Ok(PeerRules {
        only_listed: options.only_listed,
        configured,
        rules: rules.into_iter().map(PeerRule::from).collect(),
    })
}

/// Which nodes this one talks to. For the operator.
#[utoipa::path(
    get, path = "/api/peers", tag = "peers",
    responses(
        (status = 200, description = "What the configuration says, and what the operator has said", body = PeerRules),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
async fn peers(State(auth): State<Arc<Auth>>, viewer: Viewer) -> Result<Json<PeerRules>, Failure> {
    viewer.operator_require()?;
    Ok(Json(rules_of(&auth).await?))
}

/// Allow or block a node, or all beneath a name. What was said about the same name before gives way. Signed (RFC 9421)
/// by the operator.
#[utoipa::path(
    post, path = "/api/peers", tag = "peers", request_body = RuleBody,
    responses(
        (status = 200, description = "What is said now", body = PeerRule),
        (status = 400, description = "The name is none, or this node's own", body = ProblemDocument),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
async fn peer_set(
    State(auth): State<Arc<Auth>>,
    signed: SignedBody<RuleBody, Authorised<OperatorTier>>,
) -> Result<Json<PeerRule>, Failure> {
    let authority = Authority::Signed(signed.verified.proof().clone());
    let row = auth
        .peer_rule_set(signed.value, signed.verified.did(), signed.request.body, authority)
        .await?;
    Ok(Json(row.into()))
}

/// Take back what was said about a node. Signed (RFC 9421) by the operator.
#[utoipa::path(
    post, path = "/api/peers/forget", tag = "peers", request_body = ForgetBody,
    responses(
        (status = 200, description = "Nothing is said about it any more", body = Object),
        (status = 401, description = "Not signed, or not well", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
        (status = 404, description = "Nothing was said about it", body = ProblemDocument),
    )
)]
async fn peer_forget(
    State(auth): State<Arc<Auth>>,
    signed: SignedBody<ForgetBody, Authorised<OperatorTier>>,
) -> Result<Json<Value>, Failure> {
    let authority = Authority::Signed(signed.verified.proof().clone());
    let (body, did) = (&signed.value, signed.verified.did());
    auth.peer_rule_forget(body, did, signed.request.body, authority).await?;
    Ok(Json(json!({"name": body.name, "forgotten": true})))
}

/// Which nodes this one talks to.
#[utoipa::path(
    get, path = "/peers", tag = "peers",
    responses(
        (status = 200, description = "A page for the operator", content_type = "text/html"),
        (status = 303, description = "To the login page first"),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
async fn peers_page(State(auth): State<Arc<Auth>>, viewer: Viewer) -> Result<Response, Failure> {
    let Some(living) = living(&auth, &viewer).await? else {
        return Ok(Redirect::to("/login?next=%2Fauth%2Fpeers").into_response());
    };
    if living.identity.tier < Tier::Operator {
        return Err(Problem::new(Code::Forbidden, "Only the operator of this node may see this page.").into());
    }
    let found = rules_of(&auth).await?;
    let mut shell = shell_for(&auth, "Other nodes", &living);
    PAGE.clone_into(&mut shell.path);
    Ok(render(&PeersPage {
        shell,
        did: living.identity.did.to_string(),
        only_listed: found.only_listed,
        rules: found.configured.iter().chain(&found.rules).map(item).collect(),
    }))
}

fn item(rule: &PeerRule) -> PeerItem {
    PeerItem {
        name: rule.name.clone(),
        is_blocked: rule.verdict == "block",
        reason: rule.reason.clone(),
        since: rule.since.map(moment),
        forget: json!({"name": rule.name}).to_string(),
    }
}
