//! The service itself: what it holds, how it starts, what it does in the background.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use imajin_auth_api::ProfilesClient;
use imajin_did::{Did, Keyring, Resolver};
use imajin_kernel::{Env, Problem, Span};
use imajin_proof::jose::Jwks;
use imajin_store::mutation::Writer;
use imajin_store::{Conn, Db, Sealer, mutation};
use imajin_web::{GuardedClient, HttpClient, PeerPolicy, PublicBase, Reach, Shares};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::key_log::{Followed, Wanted};
use crate::links_asked::LinksAsked;
use crate::mailer::{MailConfig, Outbound, Postman, mail_route};
use crate::peers::{PeerRules, PeersOptions};
use crate::purge::purge;
use crate::session_keys::SessionKeys;
use crate::{AuthError, SERVICE};

/// How often a witness that was away is asked again.
const WITNESS_EVERY: Span = Span::minutes(1);
/// How many identities the witnesses are asked about at once.
const ASK_SLOTS: usize = 16;
/// How many key logs that were handed in are verified at once.
const MIRROR_SLOTS: usize = 2;
/// How many logs are asked for at one home at once.
const HOME_REQUESTS_MAX: usize = 2;
/// How often what has expired is thrown away.
const PURGE_EVERY: Span = Span::minutes(1);
/// How long another node has to answer.
const PEER_TIMEOUT: Duration = Duration::from_secs(5);

/// What auth needs to start.
pub struct AuthDeps {
    /// Time and randomness.
    pub env: Env,
    /// The node's public URL: tokens are issued in its name, signed URLs are compared with it.
    pub public: PublicBase,
    /// The node's key, and the master key under which auth's own keys are sealed.
    pub keyring: Keyring,
    /// Auth's database, opened with [`crate::MIGRATIONS`].
    pub db: Db,
    /// How to send mail; without it messages are kept for the development mailbox.
    pub mail: Option<MailConfig>,
    /// Who finds the keys of a did:web that is not this node's; without it such a DID is not resolved.
    pub resolver: Option<Arc<dyn Resolver>>,
    /// Whose receipts for entries of key logs count here besides the node's own.
    pub witnesses: Vec<Witness>,
    /// Who keeps pictures; without it, nobody has one.
    pub profiles: Option<ProfilesClient>,
    /// What the operator has switched on.
    pub options: AuthOptions,
}

/// Another node whose receipts for entries of key logs count here (`docs/key-log.md`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// Its DID, which must be a key.
    pub did: Did,
    /// Its address: it is asked for receipts there, and for what it has seen of others' logs. Without one its receipts
    /// count where they come along.
    pub url: Option<Url>,
}

/// What the operator has chosen; every switch is off by default.
#[derive(Debug, Clone, Default)]
pub struct AuthOptions {
    /// What the node calls itself on its pages; empty for the host of its address.
    pub node_name: String,
    /// Whether the node trades in test money: every page then says so.
    pub test_money: bool,
    /// Whether OpenID clients may register themselves (RFC 7591).
    pub dynamic_clients: bool,
    /// Whether the node keeps what people allow others: its pages then lead there.
    pub has_consent: bool,
    /// How far other nodes may be: in development their people may come from this very machine or network.
    pub reach: Reach,
    /// Which other nodes this one talks to.
    pub peers: PeersOptions,
}

/// Identities, challenge login, sessions and mailbox proofs.
pub struct Auth {
    pub(crate) env: Env,
    pub(crate) public: PublicBase,
    pub(crate) keyring: Keyring,
    pub(crate) db: Db,
    pub(crate) sealer: Sealer,
    pub(crate) keys: SessionKeys,
    pub(crate) outbound: Option<Outbound>,
    /// There is a notice to send.
    pub(crate) notices_wake: Notify,
    pub(crate) resolver: Option<Arc<dyn Resolver>>,
    pub(crate) profiles: Option<ProfilesClient>,
    pub(crate) options: AuthOptions,
    /// Asks other nodes, whoever named them.
    pub(crate) peers: GuardedClient,
    /// The same for the key logs that this node follows: whoever names hosts that do not answer stops no following.
    pub(crate) homes: GuardedClient,
    /// Which nodes this one talks to.
    pub(crate) peer_rules: Arc<PeerRules>,
    /// Keys of another service that stand in the key set at the root.
    pub(crate) more_keys: OnceLock<Arc<dyn MoreKeys>>,
    pub(crate) witnesses: Arc<[Witness]>,
    pub(crate) witness_http: HttpClient,
    pub(crate) wanted: Wanted,
    pub(crate) followed: Followed,
    /// Questions to the witnesses at the same time.
    pub(crate) ask_slots: Semaphore,
    /// Key logs that are handed in and verified at the same time.
    pub(crate) mirror_slots: Semaphore,
    /// Key logs that an address is sending.
    pub(crate) mirror_shares: Shares<IpAddr>,
    /// Long logs are verified one after the other: strangers decide how many are wanted, and readers are few.
    pub(crate) verify_slot: Semaphore,
    /// Login links that each address has asked for.
    pub(crate) links_asked: LinksAsked,
    writer: Arc<Writer>,
    postman: Mutex<Option<Postman>>,
}

/// A service of this node that publishes keys of its own.
#[async_trait]
pub trait MoreKeys: Send + Sync {
    /// Its keys as they are now.
    async fn more_keys(&self) -> Result<Jwks, Problem>;
}

/// What a write transaction needs besides its connection; cheap to clone.
#[derive(Clone)]
pub(crate) struct Writing {
    pub(crate) env: Env,
    pub(crate) sealer: Sealer,
    pub(crate) writer: Arc<Writer>,
}

impl Auth {
    /// Opens the session keys (makes them at the first start) and prepares the way to the mail server.
    ///
    /// # Errors
    /// When the database or a sealed key cannot be read, or the mail configuration cannot be understood.
    pub async fn start(deps: AuthDeps) -> Result<Arc<Self>, Problem> {
        let AuthDeps {
            env,
            public,
            keyring,
            db,
            mail,
            resolver,
            witnesses,
            profiles,
            options,
        } = deps;
        let sealer = Sealer::for_service(&keyring, SERVICE);
        let keys = SessionKeys::open(&db, &keyring, &sealer, &env).await?;
        let (outbound, postman) = mail.as_ref().map(mail_route).transpose()?.unzip();
        let writer = Arc::new(Writer::new(SERVICE, keyring.clone(), sealer.clone(), env.clone()));
        let postman = Mutex::new(postman);
        let peer_rules = Arc::new(PeerRules {
            db: db.clone(),
            sealer: sealer.clone(),
            options: options.peers.clone(),
        });
        let policy: Arc<dyn PeerPolicy> = Arc::<PeerRules>::clone(&peer_rules);
        let peers = GuardedClient::new(options.reach, PEER_TIMEOUT)?.with_policy(policy);
        Ok(Arc::new(Self {
            env,
            public,
            keyring,
            db,
            sealer,
            keys,
            outbound,
            notices_wake: Notify::new(),
            resolver,
            profiles,
            options,
            homes: peers.apart(HOME_REQUESTS_MAX),
            peers,
            peer_rules,
            more_keys: OnceLock::new(),
            witnesses: witnesses.into(),
            witness_http: HttpClient::new(PEER_TIMEOUT, None)?,
            wanted: Wanted::default(),
            followed: Followed::default(),
            ask_slots: Semaphore::new(ASK_SLOTS),
            mirror_slots: Semaphore::new(MIRROR_SLOTS),
            mirror_shares: Shares::new(1),
            verify_slot: Semaphore::new(1),
            links_asked: LinksAsked::default(),
            writer,
            postman,
        }))
    }

    /// Adds the keys of another service to the key set at the root of the node. There is one such service at most.
    pub fn more_keys_plug(&self, keys: Arc<dyn MoreKeys>) {
        let _first = self.more_keys.set(keys);
    }

    /// Starts the work that nobody waits for: throwing away what has expired, and sending mail.
    ///
    /// All of it ends when `stop` is cancelled.
    pub fn background(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        let postman = self.postman.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(postman) = postman {
            tasks.spawn(postman.run(stop.clone()));
        }
        if self.witnesses.iter().any(|witness| witness.url.is_some()) {
            tasks.spawn(Arc::clone(self).witnesses_keep(stop.clone()));
        }
        let (notices, notices_stop) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move { notices.notices_run(notices_stop).await });
        let (auth, stop) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move {
            let mut timer = tokio::time::interval(PURGE_EVERY.to_std());
            timer.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = stop.cancelled() => break,
                    _tick = timer.tick() => {}
                }
                if let Err(error) = auth.purge_expired().await {
                    tracing::warn!(%error, "what has expired could not be thrown away; it is tried again");
                }
                if let Err(error) = auth.oidc_keys_rotate(false).await {
                    tracing::warn!(%error, "the keys of ID tokens could not be replaced; it is tried again");
                }
                if let Err(error) = auth.session_keys_turn().await {
                    tracing::warn!(%error, "the keys of sessions could not be looked at; it is tried again");
                }
            }
            mutation::head_sign(&auth.db, &auth.writer).await;
        });
    }

    /// Has new entries of key logs witnessed: at once, and while a witness is away again and again.
    async fn witnesses_keep(self: Arc<Self>, stop: CancellationToken) {
        loop {
            if let Err(problem) = self.receipts_collect().await {
                tracing::warn!(%problem, "the receipts of witnesses could not be collected; it is tried again");
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.wanted.next() => {}
                () = tokio::time::sleep(WITNESS_EVERY.to_std()) => {}
            }
        }
    }

    /// Throws away challenges, nonces, sessions and mailbox proofs whose time is over; returns how many rows.
    ///
    /// # Errors
    /// What the database says.
    pub async fn purge_expired(&self) -> Result<usize, AuthError> {
        let now = self.env.now();
        self.db.write(move |conn| purge(conn, now)).await
    }

    /// A write that may meet another process on the same database doing the same: when both insert a row with one key,
    /// the loser looks again and finds what the winner wrote.
    pub(crate) async fn write_contended<T, F>(&self, write: F) -> Result<T, AuthError>
    where
        F: Fn(&mut Conn) -> Result<T, AuthError> + Send + Sync + 'static,
        T: Send + 'static,
    {
        let write = Arc::new(write);
        let again = Arc::clone(&write);
        match self.db.write(move |conn| write(conn)).await {
            Err(AuthError::Store(error)) if error.is_unique_violation() => self.db.write(move |conn| again(conn)).await,
            outcome => outcome,
        }
    }

    pub(crate) fn writing(&self) -> Writing {
        Writing {
            env: self.env.clone(),
            sealer: self.sealer.clone(),
            writer: Arc::clone(&self.writer),
        }
    }

    /// In whose name tokens are issued.
    pub(crate) fn issuer(&self) -> String {
        self.public.absolute("/auth")
    }

    /// For whom session tokens are: this node.
    pub(crate) fn audience(&self) -> String {
        self.public.origin()
    }
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}
