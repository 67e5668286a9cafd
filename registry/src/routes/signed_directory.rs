use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use imajin_kernel::Problem;
use imajin_registry_api::directory::{DirectoryPage, SignedHead};
use imajin_web::{Failure, PathParams, ProblemDocument, QueryParams};
use serde::Deserialize;

use crate::domain::directory::{self, Asked};
use crate::registry::Registry;

/// What is asked of the directory.
#[derive(Debug, Deserialize)]
pub(super) struct DirectoryQuery {
    since: Option<u64>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// The whole directory as this registry has signed it, or what has changed since a number.
///
/// Entries come in the order of the heads in which they changed. The head of the last page is signed over all entries,
/// so whoever has all pages, from here or from any mirror, can check them; whoever is shown another head with the same
/// number has the proof that the registry lies.
#[utoipa::path(
    get, path = "/api/directory", tag = "directory",
    params(
        ("since" = Option<u64>, Query, description = "only what changed after this number; 0 for everything"),
        ("limit" = Option<u32>, Query, description = "500 by default, 1000 at most"),
        ("cursor" = Option<String>, Query, description = "where the last page ended"),
    ),
    responses(
        (status = 200, description = "a page", body = DirectoryPage),
        (status = 400, description = "a parameter is not valid", body = ProblemDocument),
    )
)]
pub(super) async fn directory(
    State(registry): State<Arc<Registry>>,
    QueryParams(asked): QueryParams<DirectoryQuery>,
) -> Result<Json<DirectoryPage>, Failure> {
    let asked = Asked {
        since: asked.since.unwrap_or(0),
        limit: asked.limit,
        cursor: asked.cursor,
    };
    let first = asked.clone();
    let page = registry
        .read(move |conn, _context| directory::page(conn, &first))
        .await?;
    if let Some(page) = page {
        return Ok(Json(page));
    }
    // Nothing was signed yet.
    registry.directory_sign().await?;
    let page = registry
        .read(move |conn, _context| directory::page(conn, &asked))
        .await?;
    Ok(Json(page.ok_or_else(Problem::internal)?))
}

/// What this registry has signed under a number, to compare it with what others were shown.
#[utoipa::path(
    get, path = "/api/directory/heads/{seq}", tag = "directory",
    params(("seq" = u64, Path, description = "the number")),
    responses(
        (status = 200, description = "the head, a signed message", body = Object),
        (status = 404, description = "nothing was signed under this number", body = ProblemDocument),
    )
)]
pub(super) async fn directory_head(
    State(registry): State<Arc<Registry>>,
    PathParams(seq): PathParams<u64>,
) -> Result<Json<SignedHead>, Failure> {
    let head = registry
        .read(move |conn, _context| directory::head_fetch(conn, seq))
        .await?;
    Ok(Json(head.ok_or_else(|| Problem::not_found("head of the directory"))?))
}
