use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use imajin_kernel::{Code, Problem, Span, Timestamp};
use imajin_registry_api::{
    NodeFetch, NodeList, NodePage as RegistryPage, NodeStatus, NodeView, RegistryClient, StatusChange, StatusList,
};
use imajin_ui::{
    DirectoryCounts, DirectoryFilter, DirectoryPage, Link, MessagePage, NodePage, NodeRow, NodeState, ServiceCount,
    Shell, StateChange, render,
};
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

/// Services that the map shows.
const SERVICES_SHOWN: usize = 12;

/// How many nodes there are, counted now and then.
#[derive(Debug, Default)]
pub(crate) struct Census(Mutex<Option<(Timestamp, Counted)>>);

/// What one look at all nodes gives.
#[derive(Debug, Clone, Default)]
struct Counted {
    counts: DirectoryCounts,
    services: BTreeMap<String, u64>,
}

/// Where a page of the directory starts.
#[derive(Debug, Deserialize)]
pub(super) struct DirectoryQuery {
    cursor: Option<String>,
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    service: String,
}

impl DirectoryQuery {
    fn wanted(&self) -> Result<NodeList, Problem> {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let status = given(&self.status).map(serde_json::Value::String);
        let status = status.map(serde_json::from_value).transpose();
        Ok(NodeList {
            status: status.map_err(|_error| Problem::invalid("There is no such status."))?,
            service: given(&self.service),
            search: given(&self.q.trim().to_ascii_lowercase()),
            limit: Some(PAGE_NODES),
            cursor: self.cursor.clone(),
        })
    }

    fn next_url(&self, cursor: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("q", &self.q), ("status", &self.status), ("service", &self.service)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        format!("/directory?{}", query.append_pair("cursor", cursor).finish())
    }
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
    let counted = www.census(registry).await?;
    let (page, problem) = match registry.node_list(query.wanted()?).await {
        Ok(page) => (page, None),
        // What somebody typed is no name: the page says so, and stays.
        Err(problem) if problem.code == Code::InvalidRequest && query.cursor.is_none() => {
            (RegistryPage::default(), Some(problem.detail))
        }
        Err(problem) => return Err(problem.into()),
    };
    Ok(render(&DirectoryPage {
        shell,
        registry_url: www.registry_url(),
        counts: counted.counts,
        services: counted.services_shown(),
        nodes: page.nodes.iter().map(node_row).collect(),
        next_url: page.cursor.as_deref().map(|cursor| query.next_url(cursor)),
        filter: DirectoryFilter {
            search: query.q,
            status: query.status,
            service: query.service,
            problem,
        },
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
    let key = node.node_id.to_string();
    let history = registry.status_list(StatusList { key }).await?;
    let path = format!("/directory/{}", node.node_id);
    let shell = www.frame(&node.hostname, &path, viewer.session.as_ref());
    Ok(render(&node_page(&node, &history, shell)))
}

impl Www {
    /// Where the registry is: in this process, or passed on to by this node.
    pub(super) fn registry_url(&self) -> String {
        self.deps.site.public.absolute("/registry")
    }

    /// How many nodes there are in which state. One request counts, the others wait for it or use the last count.
    async fn census(&self, registry: &RegistryClient) -> Result<Counted, Problem> {
        let now = self.now();
        let mut last = self.census.0.lock().await;
        if let Some((at, counted)) = &*last
            && now.since(*at) < CENSUS_GOOD_FOR
        {
            return Ok(counted.clone());
        }
        let counted = count(registry).await?;
        *last = Some((now, counted.clone()));
        Ok(counted)
    }
}

async fn count(registry: &RegistryClient) -> Result<Counted, Problem> {
    let mut counted = Counted::default();
    let mut cursor = None;
    for _page in 0..CENSUS_PAGES_MAX {
        let wanted = NodeList {
            limit: Some(CENSUS_NODES),
            cursor,
            ..NodeList::default()
        };
        let page = registry.node_list(wanted).await?;
        for node in &page.nodes {
            count_one(&mut counted.counts, node.status);
            for service in &node.services {
                let place = counted.services.entry(service.clone()).or_default();
                *place = place.saturating_add(1);
            }
        }
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(counted)
}

impl Counted {
    /// The services that most nodes offer.
    fn services_shown(&self) -> Vec<ServiceCount> {
        let mut all: Vec<(&String, &u64)> = self.services.iter().collect();
        all.sort_by_key(|(name, nodes)| (std::cmp::Reverse(**nodes), *name));
        let all_nodes = self.counts.total.max(1);
        let shown = all.into_iter().take(SERVICES_SHOWN);
        shown
            .map(|(name, nodes)| ServiceCount {
                name: name.clone(),
                nodes: *nodes,
                percent: nodes.saturating_mul(100).checked_div(all_nodes).unwrap_or_default(),
            })
            .collect()
    }
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
        // Whether the name leads anywhere is for DNS to say.
        url: String::new(),
        kind: "Imajin".to_owned(),
        state: node_state(node.status),
        last_seen: node.last_heartbeat_at.map(moment),
        version: node.version.clone(),
        services: node.services.clone(),
    }
}

fn node_page(node: &NodeView, history: &[StatusChange], shell: Shell) -> NodePage {
    NodePage {
        shell,
        node: node_row(node),
        public_key: node.node_id.public_key().map(|key| key.to_hex()).unwrap_or_default(),
        build_hash: node.build_hash.clone(),
        build_status: node.build_status.clone(),
        source_commit: String::new(),
        capabilities: node.capabilities.clone(),
        registered: moment(node.registered_at),
        expires: moment(node.expires_at),
        reason: node.revoked_reason.clone(),
        history: history
            .iter()
            .map(|change| StateChange {
                state: node_state(change.status),
                since: moment(change.since),
            })
            .collect(),
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
        let history = [StatusChange {
            status: NodeStatus::Active,
            since: node.registered_at,
        }];
        let page = node_page(&node, &history, Shell::default());
        assert_eq!(page.history.len(), 1);
        assert_eq!(page.public_key, node.node_id.public_key().unwrap().to_hex());
        assert_eq!(page.node.state, NodeState::Active);
    }

    #[test]
    fn the_next_page_shows_what_this_one_was_narrowed_down_to() {
        let query = DirectoryQuery {
            cursor: None,
            q: "blue".to_owned(),
            status: String::new(),
            service: "auth".to_owned(),
        };
        assert_eq!(query.next_url("a b&c"), "/directory?q=blue&service=auth&cursor=a+b%26c");
        assert_eq!(query.wanted().unwrap().search.as_deref(), Some("blue"));
        let wrong = DirectoryQuery {
            status: "lost".to_owned(),
            ..query
        };
        assert!(wrong.wanted().is_err());
    }

    #[test]
    fn the_services_that_most_offer_come_first() {
        let counted = Counted {
            counts: DirectoryCounts {
                total: 4,
                ..DirectoryCounts::default()
            },
            services: BTreeMap::from([("auth".to_owned(), 1), ("pay".to_owned(), 4)]),
        };
        let shown: Vec<(String, u64)> = counted
            .services_shown()
            .into_iter()
            .map(|service| (service.name, service.percent))
            .collect();
        assert_eq!(shown, [("pay".to_owned(), 100), ("auth".to_owned(), 25)]);
    }
}
