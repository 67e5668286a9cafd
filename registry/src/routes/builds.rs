use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use imajin_registry_api::{BuildView, ReleaseKeyView};
use imajin_web::{Failure, JsonBody, ProblemDocument};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::application::{build_hash_check, text_check};
use crate::domain::builds::{self, ReportedBuild};
use crate::domain::{console, releases};
use crate::registry::Registry;

/// Why a build is not more than reported.
const REPORTED: &str = "No key that this registry trusts has signed this build: its hash is what a node says of \
                        itself. It proves a version, not honesty.";

/// What a release proves.
const VERIFIED: &str = "A key that this registry trusts has signed a release with this build: it is what its makers \
                        have released. That a node runs it is still what the node says of itself.";

/// A question about a build.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BuildVerifyRequest {
    /// SHA-256 of the binary in 64 lower-case hexadecimal digits.
    build_hash: String,
    /// The version that it claims to be.
    version: String,
}

/// The answer about a build.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BuildVerifyAnswer {
    /// Whether a trusted release key has signed this build.
    valid: bool,
    /// Where the knowledge comes from: `release`, `operator` or `unknown`.
    source: &'static str,
    /// Why.
    reason: &'static str,
    /// The build.
    #[serde(flatten)]
    build: BuildView,
}

/// Builds that run.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BuildList {
    /// The keys whose signed releases count, or counted until they were retired.
    release_keys: Vec<ReleaseKeyView>,
    /// What `reported` means here.
    reason: &'static str,
    /// The builds that registered nodes report, the most used first, at most 100, and those that the operator has said
    /// something of.
    builds: Vec<BuildView>,
}

/// The builds that registered nodes report.
#[utoipa::path(
    get, path = "/api/builds", tag = "builds",
    responses((status = 200, description = "the builds", body = BuildList))
)]
pub(super) async fn build_list(State(registry): State<Arc<Registry>>) -> Result<Json<BuildList>, Failure> {
    let (builds, release_keys) = registry
        .read(|conn, context| Ok((console::build_views(conn, context)?, releases::key_list(conn, context)?)))
        .await?;
    Ok(Json(BuildList {
        release_keys,
        reason: REPORTED,
        builds,
    }))
}

/// What the registry knows of a build.
#[utoipa::path(
    post, path = "/api/builds/verify", tag = "builds", request_body = BuildVerifyRequest,
    responses(
        (status = 200, description = "what is known", body = BuildVerifyAnswer),
        (status = 400, description = "no build hash", body = ProblemDocument),
    )
)]
pub(super) async fn build_verify(
    State(registry): State<Arc<Registry>>,
    JsonBody(asked): JsonBody<BuildVerifyRequest>,
) -> Result<Json<BuildVerifyAnswer>, Failure> {
    build_hash_check(&asked.build_hash)?;
    text_check("version", &asked.version)?;
    let BuildVerifyRequest { build_hash, version } = asked;
    let build = registry
        .read(move |conn, context| {
            let nodes = builds::build_count(conn, context, &build_hash, &version)?;
            let known = releases::known(conn, context, &[&build_hash])?;
            known.view(ReportedBuild {
                build_hash,
                version,
                nodes,
            })
        })
        .await?;
    let valid = build.status == "verified";
    let source = match (valid, build.standing) {
        (true, _) => "release",
        (false, Some(_)) => "operator",
        (false, None) => "unknown",
    };
    Ok(Json(BuildVerifyAnswer {
        valid,
        source,
        reason: if valid { VERIFIED } else { REPORTED },
        build,
    }))
}
