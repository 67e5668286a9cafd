//! Finding a manifest that this node does not have: where to ask, and what of the answers is believed.

mod hints;

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use imajin_fair::{Manifest, ManifestError, ManifestId, ManifestRecord};
use imajin_kernel::{Code, Problem};
use imajin_registry_api::{NodeStatus, NodeView};
use imajin_web::{GuardError, GuardedAnswer, GuardedClient, Identities, PeersOf, Reach};
use moka::future::Cache;
use url::Url;

use crate::PublisherConfig;
use crate::check::{Checked, Signers};

pub(crate) use hints::Hints;

/// The largest record: a manifest at its limit, and a countersignature of each of its contributors.
pub(crate) const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// How many addresses are asked for one manifest.
const ADDRESSES_MAX: usize = 8;
/// How long one address may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer, also that there is none, is remembered.
const REMEMBERED_FOR: Duration = Duration::from_mins(1);
/// The most memory that remembered answers take, roughly.
const REMEMBERED_BYTES_MAX: u64 = 16 * 1024 * 1024;
const NODE_BYTES_MAX: usize = 64 * 1024;
const ACCEPT: &str = "application/fair+json, application/json;q=0.9";

/// A manifest of another node.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) checked: Checked,
    /// Where it was.
    pub(crate) url: String,
}

/// The manifest, or what was tried; and what of it takes how much memory.
#[derive(Debug, Clone)]
struct Answer {
    found: Result<Fetched, String>,
    bytes: u32,
}

/// Asks other nodes: few at a time, once for many callers, and never twice within a minute.
pub(crate) struct Fetcher {
    http: GuardedClient,
    identities: Arc<dyn Identities>,
    peers: Vec<Url>,
    registry: Option<Url>,
    recent: Cache<(ManifestId, Hints), Arc<Answer>>,
}

impl Fetcher {
    pub(crate) fn new(config: &PublisherConfig, identities: Arc<dyn Identities>) -> Result<Self, Problem> {
        let recent = Cache::builder()
            .max_capacity(REMEMBERED_BYTES_MAX)
            .weigher(|_key, answer: &Arc<Answer>| answer.bytes)
            .time_to_live(REMEMBERED_FOR)
            .build();
        Ok(Self {
            http: GuardedClient::new(config.reach, TIMEOUT)?.with_policy(Arc::new(PeersOf(Arc::clone(&identities)))),
            identities,
            peers: config.peers.clone(),
            registry: config.registry.clone(),
            recent,
        })
    }

    /// A manifest by its id, from wherever it is; else what was tried.
    pub(crate) async fn fetch(&self, id: &ManifestId, hints: Hints) -> Result<Fetched, String> {
        if !id.names_a_digest() {
            return Err("its id is no digest, so what another node says it is cannot be checked".to_owned());
        }
        let key = (id.clone(), hints);
        // The cache lets one caller ask; those behind it get the same answer.
        let answer = self.recent.get_with_by_ref(&key, Box::pin(self.ask(id, &key.1))).await;
        answer.found.clone()
    }

    async fn ask(&self, id: &ManifestId, hints: &Hints) -> Arc<Answer> {
        let (mut tried, mut last) = (0_usize, None);
        for url in self.addresses(id, hints).await {
            tried = tried.saturating_add(1);
            match self
                .read(&url)
                .await
                .map(|(record, bytes)| (self.believe(id, record, &url), bytes))
            {
                Ok((believed, bytes)) => match believed.await {
                    Ok(checked) => {
                        let url = url.to_string();
                        let found = Ok(Fetched { checked, url });
                        let bytes = u32::try_from(bytes.saturating_mul(4)).unwrap_or(u32::MAX);
                        return Arc::new(Answer { found, bytes });
                    }
                    Err(reason) => last = Some(reason),
                },
                Err(problem) => last = Some(problem.detail),
            }
        }
        let found = Err(match last {
            None => "nothing says where it is, and no peer is configured".to_owned(),
            Some(reason) => format!("{tried} addresses were asked; the last one: {reason}"),
        });
        Arc::new(Answer { found, bytes: 512 })
    }

    /// Whether what was found is what was looked for.
    async fn believe(&self, id: &ManifestId, record: ManifestRecord, url: &Url) -> Result<Checked, String> {
        if record.manifest.id != *id {
            return Err("it answered with another manifest".to_owned());
        }
        let checked = Checked::lenient(&Signers::new(self.identities.as_ref(), Some(url)), record).await;
        checked.map_err(|error| error.to_string())
    }

    /// Asks the home of a copy again, for what others have signed since.
    pub(crate) async fn refresh(&self, id: &ManifestId, url: &str) -> Result<Fetched, String> {
        let address = Url::parse(url).map_err(|_error| "its address is none".to_owned())?;
        let (record, _bytes) = self.read(&address).await.map_err(|problem| problem.detail)?;
        let checked = self.believe(id, record, &address).await?;
        let url = url.to_owned();
        Ok(Fetched { checked, url })
    }

    /// The record behind an address that somebody named: the manifest itself, or a page that links to it.
    pub(crate) async fn address(&self, url: &Url) -> Result<ManifestRecord, Problem> {
        let answer = self.get(url).await?;
        let linked = match record_of(&answer.body) {
            Ok(record) => return Ok(record),
            Err(problem) => fair_link(&answer.headers, url).ok_or(problem)?,
        };
        Ok(self.read(&linked).await?.0)
    }

    async fn read(&self, url: &Url) -> Result<(ManifestRecord, usize), Problem> {
        let answer = self.get(url).await?;
        Ok((record_of(&answer.body)?, answer.body.len()))
    }

    async fn get(&self, url: &Url) -> Result<GuardedAnswer, Problem> {
        let origin = url.origin().ascii_serialization();
        let failed = |error: GuardError| match error {
            GuardError::Refused => Problem::invalid(format!("Nothing is fetched from {origin}: {error}.")),
            GuardError::Blocked => Problem::new(Code::Forbidden, format!("Nothing is fetched from {origin}: {error}.")),
            GuardError::TooLarge => Problem::invalid(format!("{origin} sends more than a manifest can be.")),
            GuardError::Away => Problem::new(Code::Unavailable, format!("{origin} gives no answer.")),
        };
        let answer = self
            .http
            .get(url.clone(), ACCEPT, RECORD_BYTES_MAX)
            .await
            .map_err(failed)?;
        if answer.status == StatusCode::OK {
            return Ok(answer);
        }
        let detail = format!("{origin} answers {} and no manifest.", answer.status.as_u16());
        Err(Problem::new(Code::NotFound, detail))
    }

    /// Where to ask for a manifest, the likeliest first.
    async fn addresses(&self, id: &ManifestId, hints: &Hints) -> Vec<Url> {
        let mut addresses: Vec<Url> = hints.urls.clone();
        let mut bases: Vec<Url> = hints.bases.clone();
        for did in &hints.nodes {
            bases.extend(self.node_base(did).await);
        }
        bases.extend(self.peers.iter().cloned());
        for base in bases {
            for path in [format!("/publisher/api/fair/{id}/record"), format!("/fair/{id}")] {
                let mut url = base.clone();
                url.set_path(&path);
                url.set_query(None);
                if !addresses.contains(&url) {
                    addresses.push(url);
                }
            }
        }
        addresses.truncate(ADDRESSES_MAX);
        addresses
    }

    /// Where the registry says that a node is reached.
    async fn node_base(&self, did: &imajin_did::Did) -> Option<Url> {
        let mut url = self.registry.clone()?;
        url.set_path(&format!("{}/api/node/lookup/{did}", url.path().trim_end_matches('/')));
        let answer = self.http.get(url, "application/json", NODE_BYTES_MAX).await.ok()?;
        let node: NodeView = serde_json::from_slice(&answer.body).ok()?;
        let is_there = !matches!(node.status, NodeStatus::Expired | NodeStatus::Revoked);
        // A name as a did:web has it is a host and a port, and nothing that could bend a URL.
        let host = imajin_did::Did::from_web_authority(&node.subdomain).ok()?;
        let mut base = Url::parse(&host.web_document_url()?).ok()?;
        // A developer's own nodes speak plain HTTP to each other.
        if self.http.reach() == Reach::Development && base.host_str() == Some("localhost") {
            base.set_scheme("http").ok()?;
        }
        (is_there && node.node_id.is_equivalent(did)).then_some(base)
    }
}

/// A manifest, or a record of one, from JSON.
pub(crate) fn record_of(json: &[u8]) -> Result<ManifestRecord, Problem> {
    let unreadable = |error: &dyn std::fmt::Display| Problem::invalid(format!("This is no manifest: {error}."));
    let is_record = serde_json::from_slice::<serde_json::Value>(json)
        .map_err(|error| unreadable(&error))?
        .get("manifest")
        .is_some();
    if is_record {
        return serde_json::from_slice(json).map_err(|error| unreadable(&error));
    }
    let manifest = Manifest::parse(json).map_err(|error| match &error {
        ManifestError::Member(wrong) => unreadable(&error).with("member", wrong.name.clone()),
        _ => unreadable(&error),
    })?;
    Ok(ManifestRecord::new(manifest))
}

/// The target of `Link: <…>; rel="fair"` (RFC 8288).
fn fair_link(headers: &HeaderMap, base: &Url) -> Option<Url> {
    let lines = headers
        .get_all(header::LINK)
        .iter()
        .filter_map(|value| value.to_str().ok());
    for link in lines.flat_map(|line| line.split(',')) {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let mut parameters = parameters.split(';').map(str::trim);
        if parameters.any(|parameter| matches!(parameter, "rel=\"fair\"" | "rel=fair")) {
            return base.join(target).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_may_say_where_its_manifest_is() {
        let base: Url = "https://a.example/work/1".parse().unwrap();
        let link = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::LINK, text.parse().unwrap());
            fair_link(&headers, &base).map(|url| url.to_string())
        };
        assert_eq!(
            link("</style.css>; rel=\"preload\", </fair/x>; rel=\"fair\"; type=\"application/fair+json\"").as_deref(),
            Some("https://a.example/fair/x")
        );
        assert_eq!(
            link("<https://b.example/f>;rel=fair").as_deref(),
            Some("https://b.example/f")
        );
        for nothing in ["</fair/x>; rel=\"fairly\"", "no link", "<", "<a; rel=fair"] {
            assert_eq!(link(nothing), None, "{nothing}");
        }
    }
}
