use axum::extract::State;
use axum::response::Response;
use imajin_did::Did;
use imajin_kernel::{Problem, Timestamp};
use imajin_registry_api::directory::DirectoryEntry;
use imajin_registry_api::{Lie, MirrorList, MirrorPageAsk, MirrorView, RegistryClient};
use imajin_ui::{LieItem, MirrorItem, MirrorNode, MirrorPage, MirrorsPage, render};
use imajin_web::{Failure, PathParams, QueryParams, Viewer};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

use crate::show::{did_short, moment};
use crate::{AppState, Www};

/// Nodes on one page.
const PAGE_NODES: u32 = 50;

/// Where a page of a copy starts.
#[derive(Debug, Deserialize)]
pub(super) struct MirrorQuery {
    cursor: Option<String>,
}

/// `/directory/mirrors`: the registries whose directories are kept here.
pub(super) async fn mirrors(State(www): State<AppState>, viewer: Viewer) -> Result<Response, Failure> {
    let copies = www.registry()?.mirror_list(MirrorList {}).await?;
    Ok(render(&MirrorsPage {
        shell: www.frame("Copies of directories", "/directory/mirrors", viewer.session.as_ref()),
        copies: copies.iter().map(copy_item).collect(),
    }))
}

/// `/directory/mirrors/{did}`: what one of them says.
pub(super) async fn mirror(
    State(www): State<AppState>,
    PathParams(registry): PathParams<Did>,
    viewer: Viewer,
    QueryParams(query): QueryParams<MirrorQuery>,
) -> Result<Response, Failure> {
    let asked = MirrorPageAsk {
        registry: registry.clone(),
        limit: PAGE_NODES,
        cursor: query.cursor,
    };
    let page = www.registry()?.mirror_page(asked).await?;
    let page = page.ok_or_else(|| Problem::not_found("copy of that registry's directory"))?;
    let path = format!("/directory/mirrors/{registry}");
    let next = page.cursor.as_deref().map(|cursor| {
        let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
        format!("{path}?cursor={cursor}")
    });
    Ok(render(&MirrorPage {
        shell: www.frame("A registry’s nodes", &path, viewer.session.as_ref()),
        registry: registry.to_string(),
        seq: page.head.payload.seq,
        total: page.head.payload.nodes,
        signed: moment(Timestamp::from_millis(page.head.timestamp)),
        nodes: page.entries.iter().filter_map(node).collect(),
        next_url: next,
    }))
}

impl Www {
    fn registry(&self) -> Result<&RegistryClient, Problem> {
        let registry = self.deps.registry.as_ref();
        registry.ok_or_else(|| Problem::not_found("registry service at this node"))
    }
}

fn copy_item(copy: &MirrorView) -> MirrorItem {
    MirrorItem {
        did: copy.registry.to_string(),
        short_did: did_short(&copy.registry),
        url: copy.url.to_string(),
        seq: copy.seq,
        nodes: copy.nodes,
        signed: copy.signed_at.map(moment),
        checked: moment(copy.checked_at),
        problem: copy.problem.clone(),
        lies: copy.lies.iter().map(lie_item).collect(),
    }
}

fn lie_item(lie: &Lie) -> LieItem {
    LieItem {
        seq: lie.proof.seq(),
        source: lie.source.to_string(),
        found: moment(lie.found_at),
    }
}

/// A node that is there; one that has left is not shown.
fn node(entry: &DirectoryEntry) -> Option<MirrorNode> {
    let said = entry.entry.as_ref()?;
    let text = |name: &str| said.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(MirrorNode {
        did: entry.node_id.to_string(),
        short_did: did_short(&entry.node_id),
        name: text("subdomain").or_else(|| text("hostname")).unwrap_or_default(),
        expires: said
            .get("expiresAt")
            .and_then(Value::as_i64)
            .map(|at| moment(Timestamp::from_millis(at))),
        reason: text("revokedReason"),
    })
}
