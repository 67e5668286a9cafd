use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use imajin_did::Did;
use imajin_kernel::{Code, Problem};
use imajin_registry_api::directory::{DirectoryHeads, DirectoryPage, SignedHead};
use imajin_registry_api::{MirrorList, MirrorView, RegistryApi};
use imajin_web::{Failure, PathParams, ProblemDocument, QueryParams, conditional};
use serde::Deserialize;

use crate::domain::directory::{self, Asked};
use crate::domain::mirror;
use crate::registry::Registry;

/// Heads on one page when nobody asks for less, and at most.
const HEADS_MAX: u32 = 1_000;

/// What is asked of a directory.
#[derive(Debug, Deserialize)]
pub(super) struct DirectoryQuery {
    of: Option<Did>,
    since: Option<u64>,
    limit: Option<u32>,
    cursor: Option<String>,
}

/// Whose head.
#[derive(Debug, Deserialize)]
pub(super) struct HeadQuery {
    of: Option<Did>,
}

/// Which heads.
#[derive(Debug, Deserialize)]
pub(super) struct HeadsQuery {
    of: Option<Did>,
    after: Option<u64>,
    limit: Option<u32>,
}

/// The registry whose copy is meant; none for the directory of this one.
fn other(registry: &Registry, of: Option<Did>) -> Option<Did> {
    of.map(|did| did.canonical()).filter(|did| did != registry.did())
}

fn no_copy() -> Problem {
    Problem::not_found("copy of that registry's directory")
        .hint("GET /registry/api/mirrors says of which registries this node keeps a copy.")
}

/// The whole directory as this registry has signed it, or what has changed since a number.
///
/// Entries come in the order of the heads in which they changed. The head of the last page is signed over all entries,
/// so whoever has all pages, from here or from any mirror, can check them; whoever is shown another head with the same
/// number has the proof that the registry lies. With `of` it is the directory of another registry, of which this node
/// keeps a copy.
#[utoipa::path(
    get, path = "/api/directory", tag = "directory",
    params(
        ("of" = Option<String>, Query, description = "the DID of the registry; without it, this one"),
        ("since" = Option<u64>, Query, description = "only what changed after this number; 0 for everything"),
        ("limit" = Option<u32>, Query, description = "500 by default, 1000 at most"),
        ("cursor" = Option<String>, Query, description = "where the last page ended"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag of a page that is known"),
    ),
    responses(
        (status = 200, description = "a page, with an ETag", body = DirectoryPage),
        (status = 304, description = "the page is the one that is known"),
        (status = 400, description = "a parameter is not valid", body = ProblemDocument),
        (status = 404, description = "no copy of that registry's directory is kept here", body = ProblemDocument),
    )
)]
pub(super) async fn directory(
    State(registry): State<Arc<Registry>>,
    QueryParams(query): QueryParams<DirectoryQuery>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let asked = Asked {
        since: query.since.unwrap_or(0),
        limit: query.limit,
        cursor: query.cursor,
    };
    let page = match other(&registry, query.of) {
        Some(did) => {
            let page = registry.read(move |conn, context| mirror::page(conn, context, &did, &asked));
            page.await?.ok_or_else(no_copy)?
        }
        None => own_page(&registry, asked).await?,
    };
    let body = serde_json::to_vec(&page).map_err(|_error| Problem::internal())?;
    Ok(conditional(&headers, "application/json", body))
}

async fn own_page(registry: &Registry, asked: Asked) -> Result<DirectoryPage, Problem> {
    let first = asked.clone();
    let page = registry
        .read(move |conn, _context| directory::page(conn, &first))
        .await?;
    if let Some(page) = page {
        return Ok(page);
    }
    // Nothing was signed yet.
    registry.directory_sign().await?;
    let page = registry
        .read(move |conn, _context| directory::page(conn, &asked))
        .await?;
    page.ok_or_else(|| Problem::new(Code::Unavailable, "The directory was not signed yet."))
}

/// What a registry has signed under a number, to compare it with what others were shown.
#[utoipa::path(
    get, path = "/api/directory/heads/{seq}", tag = "directory",
    params(
        ("seq" = u64, Path, description = "the number"),
        ("of" = Option<String>, Query, description = "the DID of the registry; without it, this one"),
    ),
    responses(
        (status = 200, description = "the head, a signed message", body = Object),
        (status = 404, description = "nothing was signed under this number, or it is not known here",
            body = ProblemDocument),
    )
)]
pub(super) async fn directory_head(
    State(registry): State<Arc<Registry>>,
    PathParams(seq): PathParams<u64>,
    QueryParams(query): QueryParams<HeadQuery>,
) -> Result<Json<SignedHead>, Failure> {
    let of = other(&registry, query.of);
    let head = registry
        .read(move |conn, _context| match &of {
            Some(did) => mirror::head_fetch(conn, did, seq),
            None => directory::head_fetch(conn, seq),
        })
        .await?;
    Ok(Json(head.ok_or_else(|| Problem::not_found("head of the directory"))?))
}

/// The heads after a number, each of which names the one before: so a copy sees that nothing was told otherwise.
#[utoipa::path(
    get, path = "/api/directory/heads", tag = "directory",
    params(
        ("of" = Option<String>, Query, description = "the DID of the registry; without it, this one"),
        ("after" = Option<u64>, Query, description = "the number after which they begin; 0 for the first"),
        ("limit" = Option<u32>, Query, description = "1000 by default and at most"),
    ),
    responses(
        (status = 200, description = "the heads in the order of their numbers", body = DirectoryHeads),
        (status = 400, description = "a parameter is not valid", body = ProblemDocument),
    )
)]
pub(super) async fn directory_heads(
    State(registry): State<Arc<Registry>>,
    QueryParams(query): QueryParams<HeadsQuery>,
) -> Result<Json<DirectoryHeads>, Failure> {
    let of = other(&registry, query.of);
    let after = i64::try_from(query.after.unwrap_or(0)).unwrap_or(i64::MAX);
    let limit = i64::from(query.limit.unwrap_or(HEADS_MAX).clamp(1, HEADS_MAX));
    let heads = registry
        .read(move |conn, _context| match &of {
            Some(did) => mirror::heads_after(conn, did, after, limit),
            None => directory::heads_after(conn, after, limit),
        })
        .await?;
    Ok(Json(DirectoryHeads { heads }))
}

/// The registries whose directories this node keeps copies of, how new each is, and the proofs against those that lie.
#[utoipa::path(
    get, path = "/api/mirrors", tag = "directory",
    responses((status = 200, description = "the copies, by registry", body = Vec<MirrorView>))
)]
pub(super) async fn mirrors(State(registry): State<Arc<Registry>>) -> Result<Json<Vec<MirrorView>>, Failure> {
    Ok(Json(registry.mirror_list(MirrorList {}).await?))
}
