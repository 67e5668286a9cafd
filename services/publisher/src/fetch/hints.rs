use imajin_did::Did;
use imajin_fair::{ManifestId, Payee};
use imajin_publisher_api::{ChainWork, KeptWhere};
use url::Url;

const URLS_MAX: usize = 4;
const BASES_MAX: usize = 3;
const NODES_MAX: usize = 2;

/// Where a manifest may be, as the works that name it say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Hints {
    /// Addresses of the manifest itself: the member `url` of an entry with `fair`.
    pub(crate) urls: Vec<Url>,
    /// Nodes that have a work that is made from it.
    pub(crate) bases: Vec<Url>,
    /// DIDs that may be those of such nodes: the registry knows where they are.
    pub(crate) nodes: Vec<Did>,
}

impl Hints {
    /// What `works` say about where the manifest `id` is.
    pub(crate) fn about<'a>(id: &ManifestId, works: impl Iterator<Item = &'a ChainWork>) -> Self {
        let mut hints = Self::default();
        for work in works {
            let manifest = &work.record.manifest;
            let entries = manifest.contributors.iter();
            let entries: Vec<_> = entries
                .filter(|entry| matches!(&entry.payee, Payee::Fair(source) if source == id))
                .collect();
            if entries.is_empty() && !manifest.derives_from.contains(id) {
                continue;
            }
            let named = entries.iter().filter_map(|entry| entry.extra.get("url")?.as_str());
            add(&mut hints.urls, named.filter_map(|url| Url::parse(url).ok()), URLS_MAX);
            let home = match &work.kept {
                KeptWhere::Elsewhere { url } => Some(url.as_str()),
                _ => None,
            };
            let homes = [home, manifest.canonical.as_deref()].into_iter().flatten();
            add(&mut hints.bases, homes.filter_map(origin), BASES_MAX);
            let nodes = work.endorsed.iter().chain(&manifest.author);
            add(&mut hints.nodes, nodes.map(Did::canonical), NODES_MAX);
        }
        hints
    }
}

fn origin(url: &str) -> Option<Url> {
    let url = Url::parse(url).ok()?;
    Url::parse(&url.origin().ascii_serialization()).ok()
}

fn add<T: PartialEq>(list: &mut Vec<T>, more: impl Iterator<Item = T>, most: usize) {
    for one in more {
        if list.len() < most && !list.contains(&one) {
            list.push(one);
        }
    }
}
