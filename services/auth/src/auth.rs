//! The service itself: what it holds, how it starts, what it does in the background.

use std::sync::{Arc, Mutex, PoisonError};

use imajin_auth_api::ProfilesClient;
use imajin_did::{Keyring, Resolver};
use imajin_kernel::{Env, Problem, Span};
use imajin_store::mutation::Writer;
use imajin_store::{Conn, Db, Sealer, mutation};
use imajin_web::{PeerClient, PublicBase};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::mailer::{MailConfig, Outbound, Postman, mail_route};
use crate::purge::purge;
use crate::session_keys::SessionKeys;
use crate::{AuthError, SERVICE};

/// How often what has expired is thrown away.
const PURGE_EVERY: Span = Span::minutes(1);

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
    /// Who keeps pictures; without it, nobody has one.
    pub profiles: Option<ProfilesClient>,
    /// What the operator has switched on.
    pub options: AuthOptions,
}

/// Switches, all of them off by default.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuthOptions {
    /// Whether OpenID clients may register themselves (RFC 7591).
    pub dynamic_clients: bool,
    /// Development: whether people of nodes on this very machine or network may sign in.
    pub local_peers: bool,
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
    pub(crate) resolver: Option<Arc<dyn Resolver>>,
    pub(crate) profiles: Option<ProfilesClient>,
    pub(crate) options: AuthOptions,
    pub(crate) peers: PeerClient,
    writer: Arc<Writer>,
    postman: Mutex<Option<Postman>>,
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
            profiles,
            options,
        } = deps;
        let sealer = Sealer::for_service(&keyring, SERVICE);
        let keys = SessionKeys::open(&db, &keyring, &sealer, &env).await?;
        let (outbound, postman) = mail.as_ref().map(mail_route).transpose()?.unzip();
        let writer = Arc::new(Writer::new(SERVICE, keyring.clone(), sealer.clone(), env.clone()));
        let postman = Mutex::new(postman);
        Ok(Arc::new(Self {
            env,
            public,
            keyring,
            db,
            sealer,
            keys,
            outbound,
            resolver,
            profiles,
            options,
            peers: PeerClient::new(options.local_peers)?,
            writer,
            postman,
        }))
    }

    /// Starts the work that nobody waits for: throwing away what has expired, and sending mail.
    ///
    /// All of it ends when `stop` is cancelled.
    pub fn background(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        let postman = self.postman.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(postman) = postman {
            tasks.spawn(postman.run(stop.clone()));
        }
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
            auth.log_close().await;
        });
    }

    /// Throws away challenges, nonces, sessions and mailbox proofs whose time is over; returns how many rows.
    ///
    /// # Errors
    /// What the database says.
    pub async fn purge_expired(&self) -> Result<usize, AuthError> {
        let now = self.env.now();
        self.db.write(move |conn| purge(conn, now)).await
    }

    /// Signs the end of the mutation log before the node stops.
    async fn log_close(&self) {
        let writing = self.writing();
        let closed: Result<(), AuthError> = self
            .db
            .write(move |conn| Ok(mutation::checkpoint(conn, &writing.writer)?))
            .await;
        if let Err(error) = closed {
            tracing::warn!(%error, "the end of the mutation log could not be signed");
        }
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
