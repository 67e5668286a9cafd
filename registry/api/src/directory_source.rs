//! Reading a signed directory: from the registry itself, or from a node that keeps a copy.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderValue, Method, header};
use imajin_did::{Did, PublicKey};
use imajin_kernel::{Code, Problem};
use imajin_web::{HttpAnswer, HttpClient};
use serde::de::DeserializeOwned;
use url::Url;

use crate::directory::{
    DIRECTORY_KIND, DirectoryEntry, DirectoryError, DirectoryHeads, DirectoryPage, Equivocation, SignedHead,
    chain_check,
};

/// Entries that are asked for at once: a page stays well below what a client reads.
const PAGE_ENTRIES: u32 = 500;
/// Pages that are read at most, one after another.
const PAGES_MAX: usize = 2_000;
/// The bytes of all of them: 100,000 nodes have two thousand each.
const BYTES_MAX: usize = 192 * 1024 * 1024;
/// Heads that are asked for at once, and how many are read in one go.
const PAGE_HEADS: u32 = 1_000;
const HEADS_MAX: usize = 50_000;

/// Why a directory was not read, or is not believed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SourceError {
    /// The source does not answer, or with something else.
    #[error("{}", .0.detail)]
    Problem(Problem),
    /// What it shows is not what the registry has signed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl From<Problem> for SourceError {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Where the directory of a registry is read. Nothing of it is believed but for the registry's signature.
#[derive(Clone)]
pub struct DirectorySource {
    http: HttpClient,
    base: Url,
    registry: Did,
    key: PublicKey,
    heads_max: usize,
}

impl DirectorySource {
    /// `base` is the address of a registry service, `https://node.example/registry`; `registry` whose directory is
    /// wanted: of that service itself, or one of which it keeps a copy.
    ///
    /// # Errors
    /// When the registry's DID is not that of a key.
    pub fn new(http: HttpClient, base: Url, registry: &Did) -> Result<Self, Problem> {
        let registry = registry.canonical();
        let key = registry.public_key().ok_or_else(|| {
            Problem::invalid(format!(
                "{registry} is no DID of a key, so nothing that it signs can be checked."
            ))
            .hint("Write the did:mjn of the node that runs the registry.")
        })?;
        Ok(Self {
            http,
            base,
            registry,
            key,
            heads_max: HEADS_MAX,
        })
    }

    /// The same, reading so many heads in one go.
    #[must_use]
    pub fn with_heads_max(self, heads_max: usize) -> Self {
        Self { heads_max, ..self }
    }

    /// Where it is read.
    pub const fn base(&self) -> &Url {
        &self.base
    }

    /// Whose directory it is.
    pub const fn registry(&self) -> &Did {
        &self.registry
    }

    /// The key that has signed it.
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Everything that has changed since a number, page by page. The heads are checked here, and that each page goes on
    /// where the last one ended; the entries, by whoever has those from before.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn changes(&self, since: u64) -> Result<Vec<DirectoryPage>, SourceError> {
        let mut pages: Vec<DirectoryPage> = Vec::new();
        let mut cursor = None::<String>;
        let mut passed = Passed::default();
        let mut bytes = 0_usize;
        while pages.len() < PAGES_MAX {
            let query = [
                ("since", since.to_string()),
                ("limit", PAGE_ENTRIES.to_string()),
                ("cursor", cursor.take().unwrap_or_default()),
            ];
            let answer = self.fetch("api/directory", &query).await?;
            bytes = bytes.saturating_add(answer.body.len());
            if bytes > BYTES_MAX {
                break;
            }
            let page: DirectoryPage = answer.json()?;
            self.head_check(&page.head)?;
            passed.head(page.head.payload.seq)?;
            cursor.clone_from(&page.cursor);
            if !page.entries.iter().all(|entry| passed.entry(entry)) || (cursor.is_some() && page.entries.is_empty()) {
                return Err(self.not_on());
            }
            pages.push(page);
            if cursor.is_none() {
                return Ok(pages);
            }
        }
        Err(self.too_long())
    }

    /// The newest head.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn head(&self) -> Result<SignedHead, SourceError> {
        let query = [("since", i64::MAX.to_string()), ("limit", "1".to_owned())];
        let page: DirectoryPage = self.get("api/directory", &query).await?;
        self.head_check(&page.head)?;
        Ok(page.head)
    }

    /// The head of a number; none when the source does not have it, or not any more.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn head_of(&self, seq: u64) -> Result<Option<SignedHead>, SourceError> {
        let head: SignedHead = match self.get(&format!("api/directory/heads/{seq}"), &[]).await {
            Err(SourceError::Problem(problem)) if problem.code == Code::NotFound => return Ok(None),
            head => head?,
        };
        self.head_check(&head)?;
        Ok((head.payload.seq == seq).then_some(head))
    }

    /// The heads between two, the second with them, each checked against the one before. When they are very many it is
    /// the first of them: whoever keeps those goes on from the last one the next time.
    ///
    /// # Errors
    /// [`SourceError`]; with [`DirectoryError::Equivocation`] comes the proof that the registry lies.
    pub async fn chain(&self, from: &SignedHead, to: &SignedHead) -> Result<Vec<SignedHead>, SourceError> {
        let (mut chain, mut last): (Vec<SignedHead>, SignedHead) = (Vec::new(), from.clone());
        while last.payload.seq < to.payload.seq {
            let left = self.heads_max.saturating_sub(chain.len());
            if left == 0 {
                return Ok(chain);
            }
            let limit = u32::try_from(left).map_or(PAGE_HEADS, |left| left.min(PAGE_HEADS));
            let query = [("after", last.payload.seq.to_string()), ("limit", limit.to_string())];
            let DirectoryHeads { mut heads } = self.get("api/directory/heads", &query).await?;
            // What was signed meanwhile is for the next time.
            heads.retain(|head| head.payload.seq <= to.payload.seq);
            chain_check(&last, &heads, &self.key)?;
            let Some(newest) = heads.last() else {
                let seq = last.payload.seq.saturating_add(1);
                return Err(DirectoryError::Gap { seq }.into());
            };
            last = newest.clone();
            chain.append(&mut heads);
        }
        if let Some(proof) = Equivocation::of(&last, to, &self.key)? {
            return Err(DirectoryError::Equivocation(Box::new(proof)).into());
        }
        Ok(chain)
    }

    /// Compares a head that was seen elsewhere with what this source shows under the same number, or under the one
    /// after it: a proof, if the registry has signed two stories.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn compare(&self, seen: &SignedHead) -> Result<Option<Equivocation>, SourceError> {
        for seq in [seen.payload.seq, seen.payload.seq.saturating_add(1)] {
            let Some(shown) = self.head_of(seq).await? else {
                continue;
            };
            if let Some(proof) = Equivocation::of(seen, &shown, &self.key)? {
                return Ok(Some(proof));
            }
        }
        Ok(None)
    }

    fn head_check(&self, head: &SignedHead) -> Result<(), DirectoryError> {
        head.verify(DIRECTORY_KIND, &self.key).map_err(DirectoryError::Head)
    }

    fn too_long(&self) -> SourceError {
        Problem::new(
            Code::Unavailable,
            format!("{} sends more than is ever read at once.", self.base),
        )
        .into()
    }

    fn not_on(&self) -> SourceError {
        let text = format!(
            "{} sends a page of the directory that does not go on where the last one ended.",
            self.base
        );
        Problem::new(Code::Unavailable, text).into()
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, SourceError> {
        Ok(self.fetch(path, query).await?.json()?)
    }

    async fn fetch(&self, path: &str, query: &[(&str, String)]) -> Result<HttpAnswer, SourceError> {
        let base = format!("{}/", self.base.as_str().trim_end_matches('/'));
        let mut url = Url::parse(&base)
            .and_then(|base| base.join(path))
            .map_err(|error| Problem::invalid(format!("{} is no address of a directory: {error}.", self.base)))?;
        {
            let mut pairs = url.query_pairs_mut();
            pairs.append_pair("of", self.registry.as_str());
            for (name, value) in query.iter().filter(|(_name, value)| !value.is_empty()) {
                pairs.append_pair(name, value);
            }
        }
        let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]);
        Ok(self.http.send(Method::GET, url, headers, Vec::new()).await?)
    }
}

/// How far the pages of a directory have come. Entries stand in the order of their numbers, so a source that goes on
/// for ever shows something twice.
#[derive(Default)]
struct Passed {
    head: u64,
    seq: u64,
    /// Whose entries of that number were shown.
    nodes: BTreeSet<Did>,
}

impl Passed {
    /// The head of the next page.
    fn head(&mut self, shown: u64) -> Result<(), DirectoryError> {
        let seen = std::mem::replace(&mut self.head, shown);
        if shown < seen {
            return Err(DirectoryError::Backwards { seen, shown });
        }
        Ok(())
    }

    /// Whether an entry goes on after those before.
    fn entry(&mut self, entry: &DirectoryEntry) -> bool {
        if entry.seq > self.seq {
            self.seq = entry.seq;
            self.nodes.clear();
        }
        entry.seq == self.seq && self.nodes.insert(entry.node_id.clone())
    }
}
