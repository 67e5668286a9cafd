//! The nodes that keep copies of this registry's own directory: what they have seen of it is asked before anything is
//! signed, and put back when the database was restored from a backup that is older.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use imajin_did::Did;
use imajin_kernel::{Code, Problem, Span, Timestamp};
use imajin_registry_api::directory::{DirectoryError, Equivocation, SignedHead};
use imajin_registry_api::{DirectoryResumed, DirectorySource, SourceError};
use imajin_web::{HttpClient, PeerAsked};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::RegistryError;
use crate::domain::directory;
use crate::domain::mirror::Shown;
use crate::domain::order::Order;
use crate::domain::resume;
use crate::registry::Registry;

/// How often copies are asked.
const ASK_EVERY: Duration = Duration::from_hours(1);
/// How long one may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nothing is signed after a start while a copy does not answer: a machine that comes up may have no network
/// yet.
const WAIT_FOR_ANSWER: Span = Span::minutes(10);
/// Copies that are named at once at most.
const SOURCES_MAX: usize = 8;

/// Where the directory of this registry is copied to.
pub(crate) struct Copies {
    http: HttpClient,
    sources: Vec<DirectorySource>,
    /// Since when answers are waited for; none once all have answered, and when nobody can be asked.
    waiting_since: Mutex<Option<Timestamp>>,
    /// The highest number that this process has seen in the log.
    own_seen: AtomicI64,
}

impl Copies {
    pub(crate) fn new(http: HttpClient, urls: Vec<Url>, registry: &Did, now: Timestamp) -> Result<Self, Problem> {
        let source = |url| DirectorySource::new(http.clone(), url, registry);
        let sources: Vec<_> = urls.into_iter().map(source).collect::<Result<_, Problem>>()?;
        let waiting_since = Mutex::new((!sources.is_empty()).then_some(now));
        Ok(Self {
            http,
            sources,
            waiting_since,
            own_seen: AtomicI64::new(0),
        })
    }

    pub(crate) fn own_seen(&self) -> i64 {
        self.own_seen.load(Ordering::Relaxed)
    }

    pub(crate) fn own_note(&self, own: i64) {
        self.own_seen.fetch_max(own, Ordering::Relaxed);
    }

    /// The log ends before what was seen of it: the database was restored under the running process.
    pub(crate) fn own_restored(&self, own: i64, now: Timestamp) {
        let seen = self.own_seen.swap(own, Ordering::Relaxed);
        tracing::error!(
            own,
            seen,
            "the directory's log is older than it was: the database was restored"
        );
        self.wait_again(now);
    }

    /// All are asked before anything is signed.
    fn wait_again(&self, now: Timestamp) {
        let since = (!self.sources.is_empty()).then_some(now);
        *self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn waiting_since(&self) -> Option<Timestamp> {
        *self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_no_more(&self) {
        *self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// What a copy has after the end of the log.
struct Rest {
    /// The newest number of the log.
    from: i64,
    shown: Shown,
}

impl Registry {
    /// Asks the copies again and again, until `stop`.
    pub(crate) async fn copies_run(&self, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(ASK_EVERY) => {}
            }
            self.copies_ask().await;
        }
    }

    /// Whether the directory may be signed: once all copies have said what they have seen, or some have not for a
    /// while. That one answers is not enough: another may have more.
    pub(crate) async fn copies_heard(&self) -> bool {
        let Some(since) = self.copies.waiting_since() else {
            return true;
        };
        let silent = self.copies_ask().await;
        if !silent.is_empty() {
            if self.context.env.now().since(since) < WAIT_FOR_ANSWER {
                return false;
            }
            let silent = silent.iter().map(Url::as_str).collect::<Vec<_>>().join(", ");
            tracing::warn!(
                silent,
                "copies of the directory do not answer: it is signed without knowing what they have seen"
            );
        }
        self.copies.wait_no_more();
        true
    }

    /// Asks each copy for the newest head that it has of this registry, and notes one that the log does not have.
    /// Returns those that did not answer.
    pub async fn copies_ask(&self) -> Vec<Url> {
        let asked = self.copies.sources.iter().map(|source| async move {
            let problem = self.copy_ask(source).await.err()?;
            tracing::warn!(copy = %source.base(), %problem, "a copy of the directory did not say what it has");
            Some(source.base().clone())
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn copy_ask(&self, source: &DirectorySource) -> Result<(), Problem> {
        let head = self.copy_head(source).await?;
        self.shown_note(head, source).await
    }

    async fn copy_head(&self, source: &DirectorySource) -> Result<SignedHead, Problem> {
        self.site.identities.peer_check(&PeerAsked::host(source.base())).await?;
        let head = tokio::time::timeout(ASK_TIMEOUT, source.head()).await;
        let late = |_elapsed| Problem::new(Code::Unavailable, format!("{} does not answer.", source.base()));
        head.map_err(late)?.map_err(|error| refused(source, error))
    }

    /// Notes what a copy shows: its newest head, or the one with which it contradicts the log.
    async fn shown_note(&self, head: SignedHead, source: &DirectorySource) -> Result<(), Problem> {
        let contradiction = self.contradiction(&head, source).await?;
        self.head_note(contradiction.unwrap_or(head), source).await
    }

    /// The head that proves that what a copy has beyond the log is another story, if it is: there is no rest to be put
    /// back then.
    async fn contradiction(&self, head: &SignedHead, source: &DirectorySource) -> Result<Option<SignedHead>, Problem> {
        let own = self.head_own().await?;
        let Some(own) = own.filter(|own| own.payload.seq < head.payload.seq) else {
            return Ok(None);
        };
        let compared = tokio::time::timeout(ASK_TIMEOUT, source.compare(&own)).await;
        // Who does not say may have more of this story.
        let proof = compared.ok().and_then(Result::ok).flatten();
        Ok(proof.map(|proof| proof.other))
    }

    async fn head_own(&self) -> Result<Option<SignedHead>, RegistryError> {
        self.read(|conn, _context| directory::head_newest(conn)?.map(|row| row.signed()).transpose())
            .await
    }

    async fn head_note(&self, head: SignedHead, source: &DirectorySource) -> Result<(), Problem> {
        let url = source.base().clone();
        let trouble = self
            .write(move |conn, context| resume::shown_note(conn, context, &head, &url))
            .await?;
        if let Some(trouble) = trouble {
            tracing::error!("{}", trouble.text());
        }
        Ok(())
    }

    /// Puts back what copies have of this registry's directory after the end of its log, as the operator orders: from
    /// the one that has most, if the others agree with it. Those that are configured are asked as well, before and
    /// after: nothing is signed while one of them has more.
    pub(crate) async fn directory_resume(&self, order: Order, from: Vec<Url>) -> Result<DirectoryResumed, Problem> {
        if from.is_empty() || from.len() > SOURCES_MAX {
            return Err(Problem::invalid(format!(
                "Name 1 to {SOURCES_MAX} copies of the directory."
            )));
        }
        let http = &self.copies.http;
        let sources: Vec<DirectorySource> = from
            .into_iter()
            .map(|url| DirectorySource::new(http.clone(), url, self.did()))
            .collect::<Result<_, Problem>>()?;
        self.copies_ask().await;
        let source = self.source_choose(&sources).await?;
        let Rest { from, shown } = self.rest_fetch(source).await?;
        let resumed = self
            .write(move |conn, context| resume::log_resume(conn, context, &order, (from, &shown)))
            .await;
        let resumed = resumed.map_err(|error| match error {
            RegistryError::Untrue(error) => refused(source, error.into()),
            error => error.into(),
        })?;
        self.copies.wait_again(self.context.env.now());
        self.wake.notify_one();
        Ok(resumed)
    }

    /// The one that has the newest head. What it shows is noted, so that nothing is signed while it is read.
    async fn source_choose<'s>(&self, sources: &'s [DirectorySource]) -> Result<&'s DirectorySource, Problem> {
        let mut heads: Vec<(&DirectorySource, SignedHead)> = Vec::new();
        for source in sources {
            heads.push((source, self.copy_head(source).await?));
        }
        heads.sort_by_key(|(_source, head)| head.payload.seq);
        let (newest, head) = heads.pop().ok_or_else(Problem::internal)?;
        self.shown_note(head, newest).await?;
        for (other, head) in &heads {
            let compared = newest.compare(head).await.map_err(|error| refused(newest, error))?;
            if let Some(proof) = compared {
                return Err(refused(other, DirectoryError::Equivocation(Box::new(proof)).into()));
            }
        }
        Ok(newest)
    }

    /// What a source has after the end of the log: heads that follow the newest one there, and entries.
    async fn rest_fetch(&self, source: &DirectorySource) -> Result<Rest, Problem> {
        let error = match rest_after(source, self.head_own().await?).await {
            Ok(rest) => return Ok(rest),
            Err(error) => error,
        };
        if let SourceError::Directory(DirectoryError::Equivocation(proof)) = &error {
            self.head_note(proof.other.clone(), source).await?;
        }
        Err(refused(source, error))
    }
}

async fn rest_after(source: &DirectorySource, newest: Option<SignedHead>) -> Result<Rest, SourceError> {
    let seq = newest.as_ref().map_or(0, |head| head.payload.seq);
    let pages = source.changes(seq).await?;
    let none = || SourceError::Directory(DirectoryError::Gap { seq: 1 });
    let head = pages.last().map(|page| page.head.clone()).ok_or_else(none)?;
    if head.payload.seq < seq {
        let shown = head.payload.seq;
        return Err(DirectoryError::Backwards { seen: seq, shown }.into());
    }
    let mut chain = Vec::new();
    let mut last = if let Some(newest) = newest {
        newest
    } else {
        let first = source.head_of(1).await?.ok_or_else(none)?;
        chain.push(first.clone());
        first
    };
    if let Some(proof) = Equivocation::of(&last, &head, source.key())? {
        return Err(DirectoryError::Equivocation(Box::new(proof)).into());
    }
    while last.payload.seq < head.payload.seq {
        let mut part = source.chain(&last, &head).await?;
        last = part.last().cloned().ok_or_else(none)?;
        chain.append(&mut part);
    }
    Ok(Rest {
        from: i64::try_from(seq).unwrap_or(i64::MAX),
        shown: Shown {
            head,
            chain,
            entries: pages.into_iter().flat_map(|page| page.entries).collect(),
        },
    })
}

/// Why nothing is taken from a copy, in one line.
fn refused(source: &DirectorySource, error: SourceError) -> Problem {
    let base = source.base();
    let error = match error {
        SourceError::Problem(problem) => {
            let text = format!(
                "{base} does not show the directory of this registry: {}",
                problem.detail
            );
            return Problem::new(Code::Unavailable, text)
                .hint("Name a node that keeps a copy of this registry's directory.");
        }
        SourceError::Directory(error) => error,
    };
    let hint = match &error {
        DirectoryError::Equivocation(_) => {
            "If the registry has signed since the database was restored, restore the backup again and resume before it \
             signs. Without that backup it goes on with its own story."
        }
        DirectoryError::Gap { .. } => "Name a copy that has all heads since the backup, or restore a newer backup.",
        _ => "Name another copy.",
    };
    Problem::new(Code::Conflict, format!("Nothing is put back from {base}: {error}.")).hint(hint)
}
