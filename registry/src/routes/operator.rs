//! What the operator of the registry orders and sees.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRef, State};
use imajin_did::Did;
use imajin_registry_api::{Console, ConsoleFetch, RegistryApi};
use imajin_web::{Authorised, Failure, JsonBody, OperatorTier, ProblemDocument, SignedBody, Site, Viewer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::dns::Credentials;
use crate::domain::build_rules::{self, RuleWish};
use crate::domain::console::{NAMES_REPUBLISH, NAMES_RETRY, NAMES_SWEEP, names_order};
use crate::domain::order::Order;
use crate::domain::releases::{self, KeyWish, Release, RetireWish};
use crate::domain::revocation;
use crate::registry::Registry;
use crate::{NamesSwept, RegistryError};

/// The service, for handlers that ask who signs.
#[derive(Clone)]
pub(crate) struct RegistryRoutes(pub(crate) Arc<Registry>);

impl FromRef<RegistryRoutes> for Site {
    fn from_ref(state: &RegistryRoutes) -> Self {
        state.0.site.clone()
    }
}

type Signed<T> = SignedBody<T, Authorised<OperatorTier>>;

impl<T> From<Signed<T>> for Order {
    fn from(signed: Signed<T>) -> Self {
        Self {
            verified: signed.verified,
            body: signed.request.body,
        }
    }
}

/// That it is done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    /// True.
    done: bool,
}

const DONE: Json<Done> = Json(Done { done: true });

/// See the registry as its operator
///
/// Builds, release keys, nodes that were taken off, names that are not published yet, and whether the sweeper holds
/// back.
#[utoipa::path(
    get, path = "/api/operator", tag = "operator",
    responses(
        (status = 200, description = "everything on one page", body = Console),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
pub(super) async fn console(
    State(RegistryRoutes(registry)): State<RegistryRoutes>,
    viewer: Viewer,
) -> Result<Json<Console>, Failure> {
    viewer.operator_require()?;
    Ok(Json(registry.console_fetch(ConsoleFetch {}).await?))
}

/// A node that is to be taken off.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RevokeBody {
    /// The node.
    #[schema(value_type = String)]
    node_id: Did,
    /// Why; anybody may read it.
    reason: String,
}

/// Take a node off
///
/// By the operator. It neither renews nor says that it lives, its name leaves DNS, and the reason is published.
#[utoipa::path(
    post, path = "/api/operator/nodes/revoke", tag = "operator", request_body = RevokeBody,
    responses(
        (status = 200, description = "It is off", body = Done),
        (status = 400, description = "The reason is missing or too long", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Not the operator, or it is off already", body = ProblemDocument),
        (status = 404, description = "There is no such node", body = ProblemDocument),
    )
)]
pub(super) async fn node_revoke(
    State(RegistryRoutes(registry)): State<RegistryRoutes>,
    signed: Signed<RevokeBody>,
) -> Result<Json<Done>, Failure> {
    let RevokeBody { node_id, reason } = signed.value.clone();
    let (did, order) = (node_id.canonical(), Order::from(signed));
    registry
        .write(move |conn, context| revocation::node_revoke(conn, context, &order, &did, &reason))
        .await?;
    registry.wake.notify_one();
    Ok(DONE)
}

/// A node that is to be taken back.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReinstateBody {
    /// The node.
    #[schema(value_type = String)]
    node_id: Did,
}

/// Take a node back
///
/// By the operator. Its addresses come with its next heartbeat.
#[utoipa::path(
    post, path = "/api/operator/nodes/reinstate", tag = "operator", request_body = ReinstateBody,
    responses(
        (status = 200, description = "It is back", body = Done),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
        (status = 404, description = "There is no such node", body = ProblemDocument),
        (status = 409, description = "It was not taken off", body = ProblemDocument),
    )
)]
pub(super) async fn node_reinstate(
    State(RegistryRoutes(registry)): State<RegistryRoutes>,
    signed: Signed<ReinstateBody>,
) -> Result<Json<Done>, Failure> {
    let did = signed.value.node_id.canonical();
    let (order, fresh) = (Order::from(signed), Credentials::generate(&registry.context.env));
    registry
        .write(move |conn, context| revocation::node_reinstate(conn, context, &order, &did, &fresh))
        .await?;
    registry.wake.notify_one();
    Ok(DONE)
}

/// What the operator says of a build, for the description.
#[derive(ToSchema)]
#[schema(as = BuildRule, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the members of a type of the domain")]
pub(crate) struct RuleBody {
    /// SHA-256 of the binary in 64 lower-case hexadecimal digits.
    build_hash: String,
    /// `approved` or `deprecated`.
    standing: String,
    /// Why; anybody may read it.
    reason: String,
    /// What to run instead.
    target_version: Option<String>,
}

/// Approve or deprecate a build
///
/// By the operator; the last word counts. Nodes with a deprecated build are asked to upgrade with their next heartbeat.
#[utoipa::path(
    post, path = "/api/operator/builds", tag = "operator", request_body = RuleBody,
    responses(
        (status = 200, description = "It is said", body = Done),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
pub(super) async fn build_rule(
    State(RegistryRoutes(registry)): State<RegistryRoutes>,
    signed: Signed<RuleWish>,
) -> Result<Json<Done>, Failure> {
    let (wish, order) = (signed.value.clone(), Order::from(signed));
    registry
        .write(move |conn, context| build_rules::rule_set(conn, context, &order, &wish))
        .await?;
    Ok(DONE)
}

/// A release key, for the description.
#[derive(ToSchema)]
#[schema(as = ReleaseKey, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the members of a type of the domain")]
pub(crate) struct KeyBody {
    /// The Multikey.
    public_key: String,
    /// Whose it is, for a person.
    name: String,
}

/// Trust a release key
///
/// By the operator. Builds in releases that it has signed are verified from then on.
#[utoipa::path(
    post, path = "/api/operator/release-keys", tag = "operator", request_body = KeyBody,
    responses(
        (status = 200, description = "It is trusted", body = Done),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
pub(super) async fn release_key_add(
    State(RegistryRoutes(registry)): State<RegistryRoutes>,
    signed: Signed<KeyWish>,
) -> Result<Json<Done>, Failure> {
    let (wish, order) = (signed.value.clone(), Order::from(signed));
    registry
        .write(move |conn, context| releases::key_add(conn, context, &order, &wish))
        .await?;
    Ok(DONE)
}

/// A release key that is to count no more, for the description.
#[derive(ToSchema)]
#[schema(as = ReleaseKeyRetirement, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the members of a type of the domain")]
pub(crate) struct RetireBody {
    /// The Multikey.
    public_key: String,
    /// Why; anybody may read it.
    reason: String,
}

/// Trust a release key no more
///
/// By the operator. Nothing that it has signed is verified from then on; sign what should be with another key.
#[utoipa::path(
    post, path = "/api/operator/release-keys/retire", tag = "operator", request_body = RetireBody,
    responses(
        (status = 200, description = "It is retired", body = Done),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Not the operator, or no key that is trusted", body = ProblemDocument),
    )
)]
pub(super) async fn release_key_retire(
    State(RegistryRoutes(registry)): State<RegistryRoutes>,
    signed: Signed<RetireWish>,
) -> Result<Json<Done>, Failure> {
    let (wish, order) = (signed.value.clone(), Order::from(signed));
    registry
        .write(move |conn, context| releases::key_retire(conn, context, &order, &wish))
        .await?;
    Ok(DONE)
}

/// Bring a release
///
/// Anybody may: it is signed by its makers (a signed message of the type `release`), with a key that this registry
/// trusts.
#[utoipa::path(
    post, path = "/api/builds/releases", tag = "builds", request_body(content = Object, description = "SignedRelease"),
    responses(
        (status = 200, description = "Its builds are verified", body = Done),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "The signature is wrong", body = ProblemDocument),
        (status = 403, description = "The key is none that this registry trusts", body = ProblemDocument),
    )
)]
pub(super) async fn release_add(
    State(RegistryRoutes(registry)): State<RegistryRoutes>,
    JsonBody(document): JsonBody<Value>,
) -> Result<Json<Done>, Failure> {
    let release = Release::parse(document)?;
    registry
        .write(move |conn, context| releases::release_add(conn, context, &release))
        .await?;
    Ok(DONE)
}

/// Nothing: all names are meant.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamesBody {}

/// How many names it was about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NamesAnswer {
    /// How many.
    names: usize,
}

/// Take the names of nodes that are gone out of DNS
///
/// By the operator: also while the sweeper holds back because too many nodes fell silent together.
#[utoipa::path(
    post, path = "/api/operator/names/sweep", tag = "operator", request_body = NamesBody,
    responses(
        (status = 200, description = "They leave DNS", body = NamesAnswer),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
pub(super) async fn names_sweep(
    State(RegistryRoutes(registry)): State<RegistryRoutes>,
    signed: Signed<NamesBody>,
) -> Result<Json<NamesAnswer>, Failure> {
    ordered(&registry, signed, NAMES_SWEEP).await?;
    let swept = registry.names_sweep(true).await?;
    let names = match swept {
        NamesSwept::Withdrawn(names) => names,
        NamesSwept::Held { .. } => 0,
    };
    Ok(Json(NamesAnswer { names }))
}

/// Publish every name again
///
/// By the operator: because the zone was lost, or somebody else serves it now.
#[utoipa::path(
    post, path = "/api/operator/names/republish", tag = "operator", request_body = NamesBody,
    responses(
        (status = 200, description = "They are published again", body = NamesAnswer),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
pub(super) async fn names_republish(
    State(RegistryRoutes(registry)): State<RegistryRoutes>,
    signed: Signed<NamesBody>,
) -> Result<Json<NamesAnswer>, Failure> {
    ordered(&registry, signed, NAMES_REPUBLISH).await?;
    let names = registry.names_republish().await?;
    Ok(Json(NamesAnswer { names }))
}

/// Try names that are not published again
///
/// By the operator: now, without waiting for the next attempt.
#[utoipa::path(
    post, path = "/api/operator/names/retry", tag = "operator", request_body = NamesBody,
    responses(
        (status = 200, description = "They are tried", body = NamesAnswer),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
pub(super) async fn names_retry(
    State(RegistryRoutes(registry)): State<RegistryRoutes>,
    signed: Signed<NamesBody>,
) -> Result<Json<NamesAnswer>, Failure> {
    ordered(&registry, signed, NAMES_RETRY).await?;
    let names = registry.names_retry().await?;
    Ok(Json(NamesAnswer { names }))
}

async fn ordered(registry: &Registry, signed: Signed<NamesBody>, action: &'static str) -> Result<(), RegistryError> {
    let order = Order::from(signed);
    registry
        .write(move |conn, context| names_order(conn, context, &order, action))
        .await
}
