use std::sync::Arc;

use async_trait::async_trait;
use imajin_did::{Did, Resolution, ResolveError, Resolver};
use imajin_kernel::{Env, Span, Timestamp};
use moka::future::Cache;
use moka::ops::compute::Op;

/// How long an answer counts as the present one.
const FRESH_FOR: Span = Span::minutes(5);
/// How long it is still given, marked as stale, when its source is away.
const STALE_FOR: Span = Span::hours(24);
/// How long a source that failed is left alone.
const RETRY_AFTER: Span = Span::seconds(30);
/// The most memory that the remembered documents take, roughly.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Remembers what another resolver said: five minutes as it was, then asks again, and while the source is away gives
/// the last answer for up to a day with the flag [`Resolution::stale`]. Many callers at once cause one question.
pub struct CachedResolver {
    inner: Arc<dyn Resolver>,
    env: Env,
    entries: Cache<Did, Arc<Entry>>,
}

/// What is known about one DID.
struct Entry {
    good: Option<(Resolution, Timestamp)>,
    /// The outcome of the last question, when it was none.
    failed: Option<(ResolveError, Timestamp)>,
    bytes: u32,
}

impl CachedResolver {
    /// Remembers for `inner`.
    pub fn new(inner: Arc<dyn Resolver>, env: Env) -> Self {
        let entries = Cache::builder()
            .max_capacity(BYTES_MAX)
            .weigher(|_did: &Did, entry: &Arc<Entry>| entry.bytes)
            .build();
        Self { inner, env, entries }
    }

    async fn ask(&self, did: &Did, known: Option<Arc<Entry>>) -> Op<Arc<Entry>> {
        let now = self.env.now();
        if known.as_ref().is_some_and(|entry| entry.answer(now).is_some()) {
            return Op::Nop;
        }
        Op::Put(Arc::new(match self.inner.resolve(did).await {
            Ok(resolution) => Entry::good(resolution, now),
            Err(error) => {
                // Only a source that is away is bridged: "gone" and "unknown" are answers.
                let good = known.and_then(|entry| entry.good.clone());
                let kept = good.filter(|(_resolution, at)| is_bridged(&error) && now.since(*at) < STALE_FOR);
                Entry {
                    bytes: kept.as_ref().map_or(512, |(resolution, _at)| weight(resolution)),
                    good: kept,
                    failed: Some((error, now)),
                }
            }
        }))
    }
}

fn is_bridged(error: &ResolveError) -> bool {
    matches!(error, ResolveError::Unavailable)
}

fn weight(resolution: &Resolution) -> u32 {
    let bytes = serde_json::to_vec(&resolution.document).map_or(0, |text| text.len());
    // The parsed form takes a few times the text.
    u32::try_from(bytes.saturating_mul(4).saturating_add(512)).unwrap_or(u32::MAX)
}

impl Entry {
    fn good(resolution: Resolution, now: Timestamp) -> Self {
        Self {
            bytes: weight(&resolution),
            good: Some((resolution, now)),
            failed: None,
        }
    }

    /// What to say now without asking; none when the time has come to ask.
    fn answer(&self, now: Timestamp) -> Option<Result<Resolution, ResolveError>> {
        if let Some((error, at)) = &self.failed {
            if now.since(*at) >= RETRY_AFTER {
                return None;
            }
            return Some(match &self.good {
                Some((resolution, at)) if now.since(*at) < STALE_FOR => Ok(Resolution {
                    stale: true,
                    ..resolution.clone()
                }),
                _ => Err(error.clone()),
            });
        }
        let (resolution, at) = self.good.as_ref()?;
        (now.since(*at) < FRESH_FOR).then(|| Ok(resolution.clone()))
    }
}

#[async_trait]
impl Resolver for CachedResolver {
    async fn resolve(&self, did: &Did) -> Result<Resolution, ResolveError> {
        let now = self.env.now();
        if let Some(answer) = self.entries.get(did).await.and_then(|entry| entry.answer(now)) {
            return answer;
        }
        // The cache lets one caller in at a time for one key; those behind it find the answer of the first.
        let entry = self.entries.entry_by_ref(did);
        let outcome = entry
            .and_compute_with(|known| self.ask(did, known.map(moka::Entry::into_value)))
            .await;
        let entry = match outcome.into_entry() {
            Some(entry) => entry.into_value(),
            None => return Err(ResolveError::Unavailable),
        };
        entry.answer(self.env.now()).unwrap_or(Err(ResolveError::Unavailable))
    }
}
