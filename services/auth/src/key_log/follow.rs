//! Following the logs of identities that are at home elsewhere: asking their homes, and the witnesses that the operator
//! trusts, whether anything has changed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderValue, header};
use imajin_did::{Did, Method, ResolveError};
use imajin_kernel::{Code, Problem, Span, Timestamp};
use imajin_key_log::{KeyLog, KeyState};
use imajin_store::{Conn, Sealer};
use imajin_web::resolve::{KeyLogs, key_log_fetch, key_log_read, key_log_url};
use imajin_web::{CallerKeys, PeerAsked, PeerPolicy as _};
use url::Url;

use super::{KeyRefusal, implicit_state, mirrored_find};
use crate::AuthError;
use crate::auth::{Auth, Witness};
use crate::federation::arrive::link_find;
use crate::identities::{Identity, caller_find, caller_keys, identity_find};
use crate::moves::move_find;
use crate::names::Name;

/// How long what was seen counts before the home is asked again.
const FRESH_FOR: Span = Span::minutes(5);
/// How long after a question that nobody has answered it is asked again.
const AGAIN_AFTER: Span = Span::seconds(15);
/// How many logs are known to be fresh; of more it is forgotten, and they are asked for again.
const FOLLOWED_MAX: usize = 10_000;
/// New logs of strangers that are taken in within an hour.
const NEW_PER_HOUR_MAX: u32 = 2_000;

/// When each log was asked for last, and how many new ones came. In memory: after a restart all are asked for again.
#[derive(Debug, Default)]
pub(crate) struct Followed(Mutex<Asked>);

#[derive(Debug, Default)]
struct Asked {
    at: BTreeMap<Did, Timestamp>,
    hour: Option<Timestamp>,
    new: u32,
}

impl Followed {
    /// Whether it is time to ask, and if so: whoever calls does it, and nobody else for a while.
    fn claim(&self, did: &Did, now: Timestamp) -> bool {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.at.get(did).is_some_and(|at| now.since(*at) < FRESH_FOR) {
            return false;
        }
        if asked.at.len() >= FOLLOWED_MAX {
            asked.at.retain(|_did, at| now.since(*at) < FRESH_FOR);
            if asked.at.len() >= FOLLOWED_MAX {
                asked.at.clear();
            }
        }
        asked.at.insert(did.clone(), now);
        true
    }

    /// The home was not reached: it is asked again soon, but not by every request.
    fn claim_return(&self, did: &Did, now: Timestamp) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = asked.at.get_mut(did) {
            *at = now.minus(FRESH_FOR).plus(AGAIN_AFTER);
        }
    }

    /// Counts a log of somebody who was not known here.
    pub(super) fn new_count(&self, now: Timestamp) -> Result<(), KeyRefusal> {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = asked
            .hour
            .map(|hour| Span::hours(1).as_seconds() - now.since(hour).as_seconds());
        match left.filter(|left| *left > 0) {
            None => (asked.hour, asked.new) = (Some(now), 0),
            Some(left) if asked.new >= NEW_PER_HOUR_MAX => {
                let retry_after_seconds = u32::try_from(left).unwrap_or(u32::MAX);
                return Err(KeyRefusal::MirrorsFull { retry_after_seconds });
            }
            Some(_left) => {}
        }
        asked.new = asked.new.saturating_add(1);
        Ok(())
    }
}

/// A log that is followed, and where it is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Following {
    pub(super) did: Did,
    pub(super) home: Option<Url>,
}

impl Following {
    /// Where no home is known, a node that may know the identity.
    pub(super) fn or_shown_by(self, node: Option<&Url>) -> Self {
        let home = self.home.or_else(|| node.cloned());
        Self { home, ..self }
    }
}

/// Whether the log of this identity is to be followed: it is at home elsewhere, and somewhere that is known, or has
/// moved there.
pub(crate) fn followed_from(
    conn: &mut Conn,
    sealer: &Sealer,
    identity: Option<&Identity>,
    did: &Did,
) -> Result<Option<Following>, AuthError> {
    let home = match identity {
        Some(identity) if !identity.home_elsewhere => match move_find(conn, sealer, &identity.did)? {
            Some(moved) => Some(moved.to_url),
            None => return Ok(None),
        },
        Some(identity) => link_find(conn, sealer, &identity.did)?.map(|link| link.home_url),
        None => match mirrored_find(conn, sealer, did)? {
            Some((row, _state)) => row.source,
            None => return Ok(None),
        },
    };
    Ok(Some(Following {
        did: did.clone(),
        home: home.and_then(|home| home.parse().ok()),
    }))
}

impl Auth {
    /// The keys whose signatures count for a DID now; if its log is followed, as its home says now.
    pub(crate) async fn caller_keys_now(&self, did: &Did) -> Result<CallerKeys, AuthError> {
        let (asked, sealer) = (did.clone(), self.sealer.clone());
        let found = self.db.read(move |conn| caller_find(conn, &sealer, &asked));
        let (keys, following) = found.await?;
        match following {
            Some(following) if self.log_follow(&following).await => {
                let (asked, sealer) = (did.clone(), self.sealer.clone());
                self.db.read(move |conn| caller_keys(conn, &sealer, &asked)).await
            }
            _ => keys,
        }
    }

    /// Asks for the log of an identity that was just looked up, if it is followed; whether to look it up again.
    pub(crate) async fn known_follow(&self, identity: Option<&Identity>, did: &Did) -> Result<bool, AuthError> {
        let (identity, did, sealer) = (identity.cloned(), did.canonical(), self.sealer.clone());
        let found = self
            .db
            .read(move |conn| followed_from(conn, &sealer, identity.as_ref(), &did));
        Ok(match found.await? {
            Some(following) => self.log_follow(&following).await,
            None => false,
        })
    }

    /// Asks the witnesses for a log that nobody here knows; whether one of them has it.
    pub(crate) async fn stranger_follow(&self, did: &Did) -> bool {
        let native = did.canonical();
        if native.method() != Method::Mjn || !self.followed.claim(&native, self.env.now()) {
            return false;
        }
        self.witnesses_ask(&native).await
    }

    /// Asks for a log that is followed, if it is time to; whether anything has changed. When nobody answers, what was
    /// seen last goes on to count.
    pub(crate) async fn log_follow(&self, following: &Following) -> bool {
        let did = &following.did;
        if !self.followed.claim(did, self.env.now()) {
            return false;
        }
        let mut changed = self.witnesses_ask(did).await;
        if let Some(home) = &following.home {
            let fetched = key_log_fetch(&self.homes, home, did).await;
            if fetched.is_err() {
                self.followed.claim_return(did, self.env.now());
            }
            changed |= self.version_follow(did, home, fetched).await;
        }
        changed
    }

    /// Asks the witnesses of the configuration what they have seen of somebody's log; whether anything has changed.
    pub(crate) async fn witnesses_ask(&self, did: &Did) -> bool {
        let mut changed = false;
        // Strangers decide how often this is wanted.
        let Ok(_slot) = self.ask_slots.try_acquire() else {
            return false;
        };
        for witness in self.witnesses.iter() {
            let url = witness
                .url
                .as_ref()
                .filter(|url| url.origin() != self.public.0.origin());
            let Some(url) = url else { continue };
            if let Err(problem) = self.witness_check(witness).await {
                tracing::info!(%problem, witness = %witness.did, "a witness is not asked");
                continue;
            }
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]);
            let answer = self
                .witness_http
                .send(axum::http::Method::GET, key_log_url(url, did), headers, Vec::new())
                .await;
            let fetched = match answer {
                Ok(answer) => key_log_read(did, answer.status, &answer.headers, &answer.body),
                Err(_away) => Err(ResolveError::Unavailable),
            };
            changed |= self.version_follow(did, url, fetched).await;
        }
        changed
    }

    /// Whether this node talks to a witness: a block counts for it, too.
    pub(super) async fn witness_check(&self, witness: &Witness) -> Result<(), Problem> {
        let asked = PeerAsked {
            did: Some(witness.did.clone()),
            host: witness.url.as_ref().and_then(|url| PeerAsked::host(url).host),
        };
        self.peer_rules.peer_check(&asked).await
    }

    /// Puts what a node shows to what was seen before; whether anything has changed.
    async fn version_follow(&self, did: &Did, node: &Url, fetched: Result<Option<KeyLog>, ResolveError>) -> bool {
        let taken = match fetched {
            Ok(Some(log)) => self.version_store(log, Some(node.to_string()), &[]).await,
            Ok(None) => return false,
            Err(error) => Err(Problem::new(Code::Unavailable, error.to_string()).into()),
        };
        let taken = taken.map(|outcome| outcome.changed).inspect_err(|error| {
            tracing::info!(%error, %did, %node, "a key log was not taken from another node");
        });
        taken.unwrap_or(false)
    }

    /// What is known here about the keys of a DID, registered or not.
    pub(crate) async fn state_known(&self, did: &Did) -> Result<KeyState, AuthError> {
        let (did, sealer) = (did.canonical(), self.sealer.clone());
        self.db
            .read(move |conn| {
                if let Some(identity) = identity_find(conn, &sealer, &Name::Native(did.clone()))? {
                    let state = identity.state.clone();
                    return Ok(state.unwrap_or_else(|| implicit_state(&identity)));
                }
                let mirrored = mirrored_find(conn, &sealer, &did)?;
                mirrored
                    .map(|(_row, state)| state)
                    .or_else(|| KeyState::implicit(&did))
                    .ok_or(AuthError::CallerUnknown)
            })
            .await
    }
}

/// What a resolver of this node brings along from other nodes.
#[async_trait]
impl KeyLogs for Auth {
    async fn version_take(&self, did: &Did, version: Option<KeyLog>, source: &Url) -> Result<KeyState, ResolveError> {
        let refused = |error: AuthError| {
            tracing::info!(%error, %did, %source, "a key log was not taken from another node");
            ResolveError::Unavailable
        };
        if let Some(log) = version {
            let taken = self.version_store(log, Some(source.to_string()), &[]).await;
            taken.map_err(refused)?;
        }
        self.state_known(did).await.map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use imajin_did::SecretKey;

    use super::*;

    #[test]
    fn a_home_that_did_not_answer_is_asked_again_soon() {
        let (followed, now) = (Followed::default(), Timestamp::from_seconds(1_800_000_000));
        let did = SecretKey::from_seed([1; 32]).did();
        assert!(followed.claim(&did, now) && !followed.claim(&did, now.plus(Span::minutes(1))));
        followed.claim_return(&did, now.plus(Span::seconds(5)));
        assert!(!followed.claim(&did, now.plus(Span::seconds(10))));
        assert!(followed.claim(&did, now.plus(Span::seconds(21))));
    }
}
