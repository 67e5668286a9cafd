use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use imajin_web::{Failure, JsonBody, ProblemDocument};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::application::{build_hash_check, text_check};
use crate::domain::builds::{self, ReportedBuild};
use crate::registry::Registry;

/// What is known of every build while no release key is trusted.
const REPORTED: &str = "reported";

/// Why no build is more than reported.
const REASON: &str = "This registry trusts no release keys, so a build hash is what a node says of itself. \
                      It proves a version, not honesty.";

/// A question about a build.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BuildVerifyRequest {
    /// SHA-256 of the binary in 64 lower-case hexadecimal digits.
    build_hash: String,
    /// The version that it claims to be.
    version: String,
}

/// What the registry knows of a build.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BuildView {
    /// SHA-256 of the binary.
    build_hash: String,
    /// The version.
    version: String,
    /// `reported`, or `verified` for a release that a trusted key has signed.
    status: &'static str,
    /// How many nodes with a current registration report it.
    nodes: i64,
}

impl From<ReportedBuild> for BuildView {
    fn from(build: ReportedBuild) -> Self {
        Self {
            build_hash: build.build_hash,
            version: build.version,
            status: REPORTED,
            nodes: build.nodes,
        }
    }
}

/// The answer about a build.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BuildVerifyAnswer {
    /// Whether a trusted release key has signed this build.
    valid: bool,
    /// Where the knowledge comes from; `unknown` while no release key is trusted.
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
    /// The keys whose signed releases count.
    release_keys: Vec<String>,
    /// What `reported` means here.
    reason: &'static str,
    /// The builds that registered nodes report, the most used first, at most 100.
    builds: Vec<BuildView>,
}

/// The builds that registered nodes report.
#[utoipa::path(
    get, path = "/api/builds", tag = "builds",
    responses((status = 200, description = "the builds", body = BuildList))
)]
pub(super) async fn build_list(State(registry): State<Arc<Registry>>) -> Result<Json<BuildList>, Failure> {
    let reported = registry.read(builds::build_list).await?;
    let builds = reported.into_iter().map(BuildView::from).collect();
    Ok(Json(BuildList {
        release_keys: Vec::new(),
        reason: REASON,
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
    let (hash, number) = (build_hash.clone(), version.clone());
    let nodes = registry
        .read(move |conn, context| builds::build_count(conn, context, &hash, &number))
        .await?;
    let build = BuildView {
        build_hash,
        version,
        status: REPORTED,
        nodes,
    };
    Ok(Json(BuildVerifyAnswer {
        valid: false,
        source: "unknown",
        reason: REASON,
        build,
    }))
}
