//! Following the directories of other registries.
//!
//! A copy is taken over by its changes, and only when its entries are those under a head that the registry has signed,
//! and each head since the last one names the one before it. What a registry has told others is compared: two heads of
//! one number prove that it lies, whoever showed them, and the proof is kept.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use imajin_did::Did;
use imajin_kernel::{Code, Problem};
use imajin_registry_api::directory::{DirectoryError, Equivocation, SignedHead};
use imajin_registry_api::{DirectorySource, SourceError};
use imajin_web::{HttpClient, PeerAsked};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::RegistryError;
use crate::domain::mirror::{self, Shown, Standing};
use crate::registry::Registry;

/// How often a source is asked.
const FOLLOW_EVERY: Duration = Duration::from_mins(1);
/// How long asking one may take: a whole directory comes in that.
const ROUND_MAX: Duration = Duration::from_mins(15);
/// Sources that are read at once: each may send a whole directory.
const CONCURRENT: usize = 4;

/// Whose directory is kept, and where it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorSource {
    /// The registry: the DID of the node that runs it, which is its key.
    pub registry: Did,
    /// The registry service that is followed: of the registry itself, or of a node that keeps a copy.
    pub url: Url,
    /// Others that keep a copy: what the registry has told them is compared.
    pub compare: Vec<Url>,
}

/// What became of asking a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Followed {
    /// Nothing is new.
    Same,
    /// The copy has this number now.
    Updated(u64),
    /// The copy is far behind: the heads up to this number are known, and the others come the next time.
    Behind(u64),
    /// The registry has signed two stories; the copy stays as it was.
    Lies,
}

struct Kept {
    source: DirectorySource,
    compare: Vec<DirectorySource>,
}

/// The directories that a node keeps copies of; cheap to clone.
#[derive(Clone)]
pub struct Mirrors {
    registry: Arc<Registry>,
    kept: Arc<[Kept]>,
    round_max: Duration,
    turns: Arc<Semaphore>,
}

impl Mirrors {
    /// Prepares to follow; nothing is asked yet.
    ///
    /// # Errors
    /// When a source's registry is no DID of a key.
    pub fn new(registry: Arc<Registry>, sources: Vec<MirrorSource>, http: &HttpClient) -> Result<Self, Problem> {
        let own = registry.did().clone();
        let mut kept = Vec::new();
        for wanted in sources {
            if wanted.registry.canonical() == own {
                return Err(Problem::invalid("A registry keeps no copy of its own directory."));
            }
            let source = |url| DirectorySource::new(http.clone(), url, &wanted.registry);
            let compare: Result<Vec<_>, Problem> = wanted.compare.into_iter().map(source).collect();
            kept.push(Kept {
                compare: compare?,
                source: source(wanted.url)?,
            });
        }
        Ok(Self {
            registry,
            kept: kept.into(),
            round_max: ROUND_MAX,
            turns: Arc::new(Semaphore::new(CONCURRENT)),
        })
    }

    /// The same, reading so many heads of a source in one go.
    #[must_use]
    pub fn with_heads_max(self, heads_max: usize) -> Self {
        let with = |kept: &Kept| Kept {
            source: kept.source.clone().with_heads_max(heads_max),
            compare: kept.compare.clone(),
        };
        Self {
            kept: self.kept.iter().map(with).collect(),
            ..self
        }
    }

    /// The same, giving up a source that takes longer.
    #[must_use]
    pub fn with_round_max(self, round_max: Duration) -> Self {
        Self { round_max, ..self }
    }

    /// Follows until `stop`: each source by itself, so that none waits for another that is slow.
    pub fn background(&self, tasks: &TaskTracker, stop: &CancellationToken) {
        for place in 0..self.kept.len() {
            let (mirrors, stop) = (self.clone(), stop.clone());
            tasks.spawn(async move {
                let Some(kept) = mirrors.kept.get(place) else { return };
                loop {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        _followed = mirrors.turn(kept) => {}
                    }
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(FOLLOW_EVERY) => {}
                    }
                }
            });
        }
    }

    /// Asks each source once, as the background tasks do.
    pub async fn follow_all(&self) -> Vec<Result<Followed, Problem>> {
        join_all(self.kept.iter().map(|kept| self.turn(kept))).await
    }

    /// Asks a source once. One that is away, or not believed, is said in the log and with the copy.
    async fn turn(&self, kept: &Kept) -> Result<Followed, Problem> {
        let _turn = self.turns.acquire().await.map_err(|_closed| Problem::internal())?;
        let source = &kept.source;
        let followed = match tokio::time::timeout(self.round_max, self.follow(kept)).await {
            Ok(followed) => followed,
            Err(_elapsed) => self.given_up(source).await,
        };
        if let Err(problem) = &followed {
            tracing::warn!(registry = %source.registry(), source = %source.base(), %problem,
                "the directory was not followed");
        }
        followed
    }

    async fn given_up(&self, source: &DirectorySource) -> Result<Followed, Problem> {
        let text = format!("{} takes too long to show the directory.", source.base());
        self.checked(source.registry(), Some(text.clone())).await?;
        Err(Problem::new(Code::Unavailable, text))
    }

    async fn follow(&self, kept: &Kept) -> Result<Followed, Problem> {
        let source = &kept.source;
        let (did, url) = (source.registry().clone(), source.base().clone());
        let standing = self
            .registry
            .write(move |conn, context| mirror::mirror_open(conn, context, &did, &url))
            .await?;
        let taken = match self.talks(source).await {
            Ok(()) => self.take(source, &standing).await,
            Err(problem) => Err(problem.into()),
        };
        let followed = match taken {
            Ok(followed) => followed,
            Err(SourceError::Directory(DirectoryError::Equivocation(proof))) => {
                self.lie_found(source, *proof).await?;
                Followed::Lies
            }
            Err(error) => {
                let problem = problem_of(error);
                self.checked(source.registry(), Some(problem.detail.clone())).await?;
                return Err(problem);
            }
        };
        let lies = self.compare_all(kept).await?;
        Ok(if lies { Followed::Lies } else { followed })
    }

    /// Whether this node talks to the source, and to the registry, at all.
    async fn talks(&self, source: &DirectorySource) -> Result<(), Problem> {
        let asked = PeerAsked {
            did: Some(source.registry().clone()),
            host: PeerAsked::host(source.base()).host,
        };
        self.registry.site.identities.peer_check(&asked).await
    }

    async fn take(&self, source: &DirectorySource, standing: &Standing) -> Result<Followed, SourceError> {
        let registry = source.registry().clone();
        let pages = source.changes(standing.seq()).await?;
        let Some(head) = pages.last().map(|page| page.head.clone()) else {
            return Ok(Followed::Same);
        };
        let chain = match &standing.head {
            None => vec![head.clone()],
            Some(seen) => self.chain(source, seen, &head).await?,
        };
        if chain.is_empty() {
            self.checked(&registry, None).await?;
            return Ok(Followed::Same);
        }
        let reached = chain.last().map_or(0, |head| head.payload.seq);
        if reached < head.payload.seq {
            self.heads_adopt(&registry, chain).await?;
            let text =
                format!("The copy is far behind: the heads up to number {reached} are known, the others follow.");
            self.checked(&registry, Some(text)).await?;
            return Ok(Followed::Behind(reached));
        }
        let shown = Shown {
            head,
            chain,
            entries: pages.into_iter().flat_map(|page| page.entries).collect(),
        };
        let seq = shown.head.payload.seq;
        self.registry
            .write(move |conn, context| mirror::mirror_update(conn, context, &registry, &shown))
            .await
            .map_err(|error| SourceError::Problem(error.into()))?;
        Ok(Followed::Updated(seq))
    }

    /// The heads from the one that was seen to the one that is shown; none when it is the same.
    async fn chain(
        &self,
        source: &DirectorySource,
        seen: &SignedHead,
        head: &SignedHead,
    ) -> Result<Vec<SignedHead>, SourceError> {
        let (before, shown) = (seen.payload.seq, head.payload.seq);
        if shown < before {
            // An old story must be the one that was seen then; told again, it is only late.
            let then = self.head_seen(source.registry(), shown).await?;
            if let Some(proof) = then
                .map(|then| Equivocation::of(&then, head, source.key()))
                .transpose()?
                .flatten()
            {
                return Err(DirectoryError::Equivocation(Box::new(proof)).into());
            }
            return Err(DirectoryError::Backwards { seen: before, shown }.into());
        }
        if let Some(proof) = Equivocation::of(seen, head, source.key())? {
            return Err(DirectoryError::Equivocation(Box::new(proof)).into());
        }
        // Of a copy that is far behind heads after its own are known already.
        let known = self.head_last(source.registry()).await?;
        let from = known.filter(|known| known.payload.seq > before);
        if let Some(known) = from.as_ref().filter(|known| known.payload.seq > shown) {
            let seen = known.payload.seq;
            return Err(DirectoryError::Backwards { seen, shown }.into());
        }
        source.chain(from.as_ref().unwrap_or(seen), head).await
    }

    async fn head_last(&self, registry: &Did) -> Result<Option<SignedHead>, SourceError> {
        let registry = registry.clone();
        let last = self
            .registry
            .read(move |conn, _context| mirror::head_last(conn, &registry));
        last.await.map_err(|error| SourceError::Problem(error.into()))
    }

    async fn heads_adopt(&self, registry: &Did, chain: Vec<SignedHead>) -> Result<(), SourceError> {
        let registry = registry.clone();
        let adopted = self
            .registry
            .write(move |conn, context| mirror::heads_keep(conn, context, &registry, &chain));
        adopted.await.map_err(|error| SourceError::Problem(error.into()))
    }

    async fn head_seen(&self, registry: &Did, seq: u64) -> Result<Option<SignedHead>, SourceError> {
        let registry = registry.clone();
        let seen = self
            .registry
            .read(move |conn, _context| mirror::head_fetch(conn, &registry, seq));
        seen.await.map_err(|error| SourceError::Problem(error.into()))
    }

    /// Compares with what the registry has told others; whether it lies. Who does not answer is asked next time.
    async fn compare_all(&self, kept: &Kept) -> Result<bool, Problem> {
        let mut lies = false;
        for other in &kept.compare {
            let compared = match self.talks(other).await {
                Ok(()) => self.compare(other).await,
                Err(problem) => Err(problem.into()),
            };
            match compared {
                Ok(None) => {}
                Ok(Some(proof)) => {
                    self.lie_found(other, proof).await?;
                    lies = true;
                }
                Err(error) => {
                    tracing::info!(registry = %other.registry(), source = %other.base(), %error,
                        "what a registry has told others could not be compared");
                }
            }
        }
        Ok(lies)
    }

    /// The newest number that both have is compared.
    async fn compare(&self, other: &DirectorySource) -> Result<Option<Equivocation>, SourceError> {
        let told = other.head().await?;
        if let Some(seen) = self.head_seen(other.registry(), told.payload.seq).await? {
            return Ok(Equivocation::of(&seen, &told, other.key())?);
        }
        let registry = other.registry().clone();
        let newest = self
            .registry
            .read(move |conn, context| mirror::newest(conn, context, &registry))
            .await
            .map_err(|error| SourceError::Problem(error.into()))?;
        match newest {
            Some(seen) if seen.payload.seq < told.payload.seq => other.compare(&seen).await,
            _ => Ok(None),
        }
    }

    async fn lie_found(&self, source: &DirectorySource, proof: Equivocation) -> Result<(), Problem> {
        let (registry, url, seq) = (source.registry().clone(), source.base().clone(), proof.seq());
        let (did, shown_by) = (registry.clone(), url.clone());
        let is_new = self
            .registry
            .write(move |conn, context| mirror::lie_keep(conn, context, &did, (&proof, &shown_by)))
            .await?;
        if is_new {
            tracing::error!(%registry, source = %url, seq, "a registry has signed two different directories: it lies");
        }
        let text = format!("The registry has signed two different stories about number {seq}: it lies to somebody.");
        self.checked(&registry, Some(text)).await
    }

    async fn checked(&self, registry: &Did, problem: Option<String>) -> Result<(), Problem> {
        let registry = registry.clone();
        self.registry
            .write(move |conn, context| mirror::mirror_checked(conn, context, &registry, problem.as_deref()))
            .await?;
        Ok(())
    }
}

fn problem_of(error: SourceError) -> Problem {
    match error {
        SourceError::Problem(problem) => problem,
        SourceError::Directory(error) => RegistryError::Untrue(error).into(),
    }
}
