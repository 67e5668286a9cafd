use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use imajin_kernel::{Code, Problem, Span, Timestamp};
use imajin_registry_api::{
    Census, CensusFetch, NodeFetch, NodeList, NodePage as RegistryPage, NodeStatus, NodeType, NodeView, RegistryClient,
    StatusChange, StatusList, TypeCount,
};
use imajin_ui::{
    DirectoryCounts, DirectoryFilter, DirectoryMap, DirectoryPage, Link, MapColumn, MapRow, MessagePage, NodePage,
    NodeRow, NodeState, Shell, StateChange, render,
};
use imajin_web::{Failure, PathParams, QueryParams, Viewer};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::form_urlencoded;

use crate::show::{did_short, moment};
use crate::{AppState, Www};

/// Nodes on one page.
const PAGE_NODES: u32 = 50;
/// How long a count is good for.
const CENSUS_GOOD_FOR: Span = Span::minutes(1);

/// Services that the map shows.
const SERVICES_SHOWN: usize = 12;

/// How many nodes there are, counted now and then.
#[derive(Debug, Default)]
pub(crate) struct LastCensus(Mutex<Option<(Timestamp, Census)>>);

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
    #[serde(default, rename = "type")]
    node_type: String,
}

impl DirectoryQuery {
    fn wanted(&self) -> Result<NodeList, Problem> {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let status = given(&self.status).map(serde_json::Value::String);
        let status = status.map(serde_json::from_value).transpose();
        let node_type = given(&self.node_type).map(|text| text.parse()).transpose();
        Ok(NodeList {
            node_type: node_type.map_err(Problem::invalid)?,
            status: status.map_err(|_error| Problem::invalid("There is no such status."))?,
            service: given(&self.service),
            search: given(&self.q.trim().to_ascii_lowercase()),
            limit: Some(PAGE_NODES),
            cursor: self.cursor.clone(),
        })
    }

    fn next_url(&self, cursor: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let given = [
            ("q", &self.q),
            ("status", &self.status),
            ("service", &self.service),
            ("type", &self.node_type),
        ];
        for (name, value) in given {
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
    let census = www.census(registry).await?;
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
        counts: counts_of(&census),
        map: map_of(&census),
        nodes: page.nodes.iter().map(node_row).collect(),
        next_url: page.cursor.as_deref().map(|cursor| query.next_url(cursor)),
        filter: DirectoryFilter {
            search: query.q,
            status: query.status,
            service: query.service,
            node_type: query.node_type,
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
    async fn census(&self, registry: &RegistryClient) -> Result<Census, Problem> {
        let now = self.now();
        let mut last = self.census.0.lock().await;
        if let Some((at, counted)) = &*last
            && now.since(*at) < CENSUS_GOOD_FOR
        {
            return Ok(counted.clone());
        }
        let counted = registry.census_fetch(CensusFetch {}).await?;
        *last = Some((now, counted.clone()));
        Ok(counted)
    }
}

fn counts_of(census: &Census) -> DirectoryCounts {
    DirectoryCounts {
        total: census.total(),
        active: census.active,
        stale: census.stale,
        unreachable: census.unreachable,
    }
}

/// The types that there are, and for each service how many nodes of which type offer it; the most offered first.
fn map_of(census: &Census) -> DirectoryMap {
    let types: Vec<Option<NodeType>> = census.types.iter().map(|counted| counted.node_type).collect();
    let mut by_service: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for counted in &census.services {
        let row = by_service.entry(&counted.service);
        let row = row.or_insert_with(|| vec![0; types.len()]);
        let place = types.iter().position(|kind| *kind == counted.node_type);
        if let Some(cell) = place.and_then(|place| row.get_mut(place)) {
            *cell = counted.nodes;
        }
    }
    let all_nodes = census.total().max(1);
    let mut services: Vec<MapRow> = by_service
        .into_iter()
        .map(|(service, cells)| {
            let nodes = cells.iter().copied().fold(0, u64::saturating_add);
            MapRow {
                service: service.to_owned(),
                nodes,
                percent: nodes.saturating_mul(100).checked_div(all_nodes).unwrap_or_default(),
                cells,
            }
        })
        .collect();
    services.sort_by_key(|row| std::cmp::Reverse(row.nodes));
    services.truncate(SERVICES_SHOWN);
    let column = |counted: &TypeCount| MapColumn {
        name: counted.node_type.map(|kind| kind.as_str().to_owned()),
        nodes: counted.nodes,
    };
    DirectoryMap {
        types: census.types.iter().map(column).collect(),
        services,
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
        kind: node.node_type.map(|kind| kind.to_string()).unwrap_or_default(),
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
    use imajin_registry_api::ServiceCount;

    use super::*;
    use crate::samples::node_sample;

    #[test]
    fn services_are_shown_by_how_many_offer_them_and_of_which_type() {
        let counted = |service: &str, node_type, nodes| ServiceCount {
            service: service.to_owned(),
            node_type,
            nodes,
        };
        let person = Some(NodeType::Person);
        let kind = |node_type, nodes| TypeCount { node_type, nodes };
        let census = Census {
            active: 4,
            stale: 1,
            types: vec![kind(None, 3), kind(person, 2)],
            services: vec![
                counted("auth", person, 1),
                counted("pay", None, 3),
                counted("pay", person, 2),
            ],
            ..Census::default()
        };
        let map = map_of(&census);
        let names: Vec<Option<&str>> = map.types.iter().map(|column| column.name.as_deref()).collect();
        assert_eq!(names, [None, Some("person")]);
        let rows: Vec<(&str, u64, &[u64])> = map
            .services
            .iter()
            .map(|row| (row.service.as_str(), row.percent, row.cells.as_slice()))
            .collect();
        assert_eq!(rows, [("pay", 100, &[3, 2][..]), ("auth", 20, &[0, 1][..])]);
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
            node_type: "person".to_owned(),
        };
        assert_eq!(
            query.next_url("a b&c"),
            "/directory?q=blue&service=auth&type=person&cursor=a+b%26c"
        );
        assert_eq!(query.wanted().unwrap().search.as_deref(), Some("blue"));
        let wrong = DirectoryQuery {
            status: "lost".to_owned(),
            ..query
        };
        assert!(wrong.wanted().is_err());
    }
}
