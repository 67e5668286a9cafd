use axum::extract::State;
use axum::response::Response;
use imajin_kernel::{Problem, Span, Timestamp};
use imajin_registry_api::{NodeFetch, NodeList, NodeStatus, NodeView, RegistryClient};
use imajin_ui::{DirectoryCounts, DirectoryPage, Link, MessagePage, NodePage, NodeRow, NodeState, Shell, render};
use imajin_web::{Failure, PathParams, QueryParams, Viewer};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::form_urlencoded;

use crate::show::{did_short, moment};
use crate::{AppState, Www};

/// Nodes on one page.
const PAGE_NODES: u32 = 50;
/// Nodes that are asked for at once when all are counted: as many as the registry gives.
const CENSUS_NODES: u32 = 500;
/// Counting stops after so many pages: 100,000 nodes.
const CENSUS_PAGES_MAX: u32 = 200;
/// How long a count is good for.
const CENSUS_GOOD_FOR: Span = Span::minutes(1);

/// How many nodes there are, counted now and then.
#[derive(Debug, Default)]
pub(crate) struct Census(Mutex<Option<(Timestamp, DirectoryCounts)>>);

/// Where a page of the directory starts.
#[derive(Debug, Deserialize)]
pub(super) struct DirectoryQuery {
    cursor: Option<String>,
}

/// `/directory`: the nodes that the registry knows.
pub(super) async fn directory(
    State(www): State<AppState>,
    viewer: Viewer,
    QueryParams(query): QueryParams<DirectoryQuery>,
) -> Result<Response, Failure> {
    let shell = www.frame("Nodes", "/directory", viewer.session.as_ref());
    let Some(registry) = &www.deps.registry else {
        return Ok(render(&no_registry(shell)));
    };
    let wanted = NodeList {
        limit: Some(PAGE_NODES),
        cursor: query.cursor,
        ..NodeList::default()
    };
    let page = registry.node_list(wanted).await?;
    Ok(render(&DirectoryPage {
        shell,
        registry_url: www.registry_url(),
        counts: www.census(registry).await?,
        nodes: page.nodes.iter().map(node_row).collect(),
        next_url: page.cursor.as_deref().map(next_url),
    }))
}

/// `/directory/{key}`: one node, by DID, name or host name.
pub(super) async fn node(
    State(www): State<AppState>,
    PathParams(key): PathParams<String>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let registry = www.deps.registry.as_ref().ok_or_else(|| Problem::not_found("node"))?;
    let node = registry
        .node_fetch(NodeFetch { key })
        .await?
        .ok_or_else(|| Problem::not_found("node"))?;
    let path = format!("/directory/{}", node.node_id);
    Ok(render(&node_page(
        &node,
        www.frame(&node.hostname, &path, viewer.session.as_ref()),
    )))
}

impl Www {
    /// Where the registry is: in this process, or passed on to by this node.
    pub(super) fn registry_url(&self) -> String {
        self.deps.site.public.absolute("/registry")
    }

    /// How many nodes there are in which state. One request counts, the others wait for it or use the last count.
    async fn census(&self, registry: &RegistryClient) -> Result<DirectoryCounts, Problem> {
        let now = self.now();
        let mut last = self.census.0.lock().await;
        if let Some((at, counts)) = *last
            && now.since(at) < CENSUS_GOOD_FOR
        {
            return Ok(counts);
        }
        let counts = count(registry).await?;
        *last = Some((now, counts));
        Ok(counts)
    }
}

async fn count(registry: &RegistryClient) -> Result<DirectoryCounts, Problem> {
    let mut counts = DirectoryCounts::default();
    let mut cursor = None;
    for _page in 0..CENSUS_PAGES_MAX {
        let wanted = NodeList {
            limit: Some(CENSUS_NODES),
            cursor,
            ..NodeList::default()
        };
        let page = registry.node_list(wanted).await?;
        page.nodes.iter().for_each(|node| count_one(&mut counts, node.status));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(counts)
}

fn count_one(counts: &mut DirectoryCounts, status: NodeStatus) {
    let one = |place: &mut u64| *place = place.saturating_add(1);
    one(&mut counts.total);
    match status {
        NodeStatus::Active => one(&mut counts.active),
        NodeStatus::Stale => one(&mut counts.stale),
        NodeStatus::Unreachable => one(&mut counts.unreachable),
        NodeStatus::Pending | NodeStatus::Expired | NodeStatus::Revoked => {}
    }
}

fn next_url(cursor: &str) -> String {
    let cursor: String = form_urlencoded::byte_serialize(cursor.as_bytes()).collect();
    format!("/directory?cursor={cursor}")
}

fn no_registry(shell: Shell) -> MessagePage {
    MessagePage {
        shell,
        heading: "This node asks no registry".to_owned(),
        paragraphs: vec!["It works on its own, and does not know who else runs a node.".to_owned()],
        link: Some(Link {
            href: "/".to_owned(),
            text: "To the first page".to_owned(),
        }),
    }
}

/// The state as a page shows it.
pub(super) fn node_state(status: NodeStatus) -> NodeState {
    match status {
        NodeStatus::Pending => NodeState::Pending,
        NodeStatus::Active => NodeState::Active,
        NodeStatus::Stale => NodeState::Stale,
        NodeStatus::Unreachable => NodeState::Unreachable,
        NodeStatus::Expired => NodeState::Expired,
        NodeStatus::Revoked => NodeState::Revoked,
    }
}

fn node_row(node: &NodeView) -> NodeRow {
    NodeRow {
        did: node.node_id.to_string(),
        short_did: did_short(&node.node_id),
        hostname: node.subdomain.clone(),
        // A name in the directory is no address yet: the registry does not publish DNS records.
        url: String::new(),
        kind: "Imajin".to_owned(),
        state: node_state(node.status),
        last_seen: node.last_heartbeat_at.map(moment),
        version: node.version.clone(),
        services: node.services.clone(),
    }
}

fn node_page(node: &NodeView, shell: Shell) -> NodePage {
    NodePage {
        shell,
        node: node_row(node),
        public_key: node.node_id.public_key().map(|key| key.to_hex()).unwrap_or_default(),
        build_hash: node.build_hash.clone(),
        build_status: "reported".to_owned(),
        source_commit: String::new(),
        capabilities: node.capabilities.clone(),
        registered: moment(node.registered_at),
        expires: moment(node.expires_at),
        reason: node.revoked_reason.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::node_sample;

    #[test]
    fn nodes_are_counted_by_state() {
        let mut counts = DirectoryCounts::default();
        for status in [
            NodeStatus::Active,
            NodeStatus::Active,
            NodeStatus::Stale,
            NodeStatus::Revoked,
        ] {
            count_one(&mut counts, status);
        }
        assert_eq!(
            (counts.total, counts.active, counts.stale, counts.unreachable),
            (4, 2, 1, 0)
        );
    }

    #[test]
    fn a_node_shows_the_key_of_its_did() {
        let node = node_sample();
        let page = node_page(&node, Shell::default());
        assert_eq!(page.public_key, node.node_id.public_key().unwrap().to_hex());
        assert_eq!(page.node.state, NodeState::Active);
        assert_eq!(next_url("a b&c"), "/directory?cursor=a+b%26c");
    }
}
