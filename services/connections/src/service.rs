use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use imajin_connections_api::statement::{ACCEPT, REVOKE, Statement};
use imajin_connections_api::{Proven, StatementView};
use imajin_did::{Did, Keyring};
use imajin_kernel::{Problem, Timestamp};
use imajin_proof::SignedMessage;
use imajin_proof::http_sig::SignedRequest;
use imajin_store::{Conn, Db, Sealer, mutation};
use imajin_trust_graph::RankIndex;
use imajin_web::{Authorised, KeyTier, ServiceRoutes, Shares, SignedBody, SignerAsked, Site};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::context::{Change, Context};
use crate::domain::accept::{NewAcceptance, statement_accept};
use crate::domain::import::{Brought, statement_import};
use crate::domain::issue::{NewStatement, statement_issue};
use crate::domain::revoke::{NewRevocation, statement_revoke};
use crate::live::Live;
use crate::rows::StatementRow;
use crate::{ConnectionsConfig, ConnectionsError, SERVICE, routes};

/// So many statements are brought at once.
pub(crate) const IMPORT_MAX: usize = 100;

/// What connections needs.
pub struct ConnectionsDeps {
    /// Time, randomness, the public URL, and who is who.
    pub site: Site,
    /// The node's secrets.
    pub keyring: Keyring,
    /// The service's own database.
    pub db: Db,
    /// How it behaves.
    pub config: ConnectionsConfig,
}

/// The running service.
pub struct Connections {
    pub(crate) site: Site,
    pub(crate) db: Db,
    pub(crate) context: Context,
    pub(crate) live: Live,
    /// Ranking takes a whole processor for a while: one at a time.
    pub(crate) ranking: Semaphore,
    /// The ties as they were laid out last for ranking.
    pub(crate) ranks: Mutex<Option<Arc<RankIndex>>>,
    pub(crate) watching: Arc<Semaphore>,
    /// How many of these places each identity has.
    pub(crate) watching_each: Shares<Did>,
    /// How many of them each address has.
    pub(crate) watching_address: Shares<IpAddr>,
    /// Ends what is still being watched when the service stops.
    pub(crate) stop: CancellationToken,
    pub(crate) config: ConnectionsConfig,
}

impl Connections {
    /// Starts the service: reads the whole graph.
    ///
    /// # Errors
    /// When the database does not answer, or a row was changed outside the node.
    pub async fn start(deps: ConnectionsDeps) -> Result<Arc<Self>, Problem> {
        let ConnectionsDeps {
            site,
            keyring,
            db,
            config,
        } = deps;
        let sealer = Sealer::for_service(&keyring, SERVICE);
        let context = Context {
            env: site.env.clone(),
            sealer: sealer.clone(),
            writer: mutation::Writer::new(config.chain.clone(), keyring, sealer, site.env.clone()),
        };
        let live = Live::load(&db, &context).await?;
        Ok(Arc::new(Self {
            site,
            db,
            context,
            live,
            ranking: Semaphore::new(1),
            ranks: Mutex::default(),
            watching: Arc::new(Semaphore::new(config.watchers_max)),
            watching_each: Shares::new(config.watchers_each_max),
            watching_address: Shares::new(config.watchers_address_max),
            stop: CancellationToken::new(),
            config,
        }))
    }

    /// The public routes.
    pub fn routes(self: &Arc<Self>) -> ServiceRoutes {
        routes::routes(self)
    }

    /// Starts what runs beside the requests, until `stop`: following what other processes write, and forgetting used
    /// nonces.
    pub fn background(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        let (service, ended) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move {
            loop {
                if let Err(error) = service.live.follow(&service.db, &service.context).await {
                    tracing::warn!(%error, "the graph could not follow the database");
                }
                let pause = tokio::time::sleep(service.config.follow_every.to_std());
                tokio::select! {
                    () = ended.cancelled() => break,
                    () = pause => {}
                }
            }
            service.stop.cancel();
        });
        let (service, ended) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move {
            loop {
                service.sweep().await;
                let pause = tokio::time::sleep(service.config.sweep_every.to_std());
                tokio::select! {
                    () = ended.cancelled() => break,
                    () = pause => {}
                }
            }
            mutation::head_sign(&service.db, &service.context.writer).await;
        });
    }

    async fn sweep(&self) {
        imajin_store::purge(&self.db, self.context.env.now()).await;
    }

    /// One transaction over the domain; the graph has followed it when this answers.
    pub(crate) async fn write<T, F>(&self, write: F) -> Result<T, ConnectionsError>
    where
        T: Send + 'static,
        F: Fn(&mut Conn, &Context) -> Result<T, ConnectionsError> + Send + 'static,
    {
        let context = self.context.clone();
        let written = self.db.write(move |conn| write(conn, &context)).await?;
        self.live.follow(&self.db, &self.context).await?;
        Ok(written)
    }

    /// One transaction over what somebody has signed: their change, and what it says.
    pub(crate) async fn write_signed<B, T, F>(
        &self,
        signed: SignedBody<B, Authorised<KeyTier>>,
        write: F,
    ) -> Result<T, ConnectionsError>
    where
        B: Send + 'static,
        T: Send + 'static,
        F: Fn(&mut Conn, &Context, &Change, &B) -> Result<T, ConnectionsError> + Send + 'static,
    {
        let (said, change) = (signed.value, Change::of(signed.verified, signed.request));
        self.write(move |conn, context| write(conn, context, &change, &said))
            .await
    }

    /// Queries over the domain that see one moment.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, ConnectionsError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, &Context) -> Result<T, ConnectionsError> + Send + 'static,
    {
        let context = self.context.clone();
        self.db
            .read(move |conn| diesel::Connection::transaction(conn, |conn| read(conn, &context)))
            .await
    }

    /// Keeps what somebody has signed: a statement, an acceptance or a revocation.
    pub(crate) async fn submit(
        &self,
        verified: Authorised<KeyTier>,
        request: SignedRequest,
    ) -> Result<StatementView, ConnectionsError> {
        let document = self.own_document(&request.body, verified.did()).await?;
        let change = Change::of(verified, request);
        let row = match document.kind.as_str() {
            ACCEPT => {
                let new = NewAcceptance {
                    change,
                    acceptance: document,
                };
                self.write(move |conn, context| statement_accept(conn, context, &new))
                    .await?
            }
            REVOKE => {
                let new = NewRevocation {
                    change,
                    revocation: document,
                };
                self.write(move |conn, context| statement_revoke(conn, context, &new))
                    .await?
            }
            _ => {
                let statement = Statement::of(&document)?;
                let to = statement.to.clone().ok_or_else(|| {
                    ConnectionsError::invalid("to", "must name somebody; an invitation belongs to /api/invites")
                })?;
                let new = NewStatement { change, statement, to };
                self.write(move |conn, context| statement_issue(conn, context, &new))
                    .await?
            }
        };
        self.view_of(&row)
    }

    /// A statement as its parties see it.
    pub(crate) fn view_of(&self, row: &StatementRow) -> Result<StatementView, ConnectionsError> {
        row.view(self.site.env.now(), self.live.seq().max(row.seq).to_string())
    }

    /// A document that came just now from whoever signed it.
    pub(crate) async fn own_document(&self, body: &[u8], signer: &Did) -> Result<SignedMessage, ConnectionsError> {
        let document = SignedMessage::from_slice(body)?;
        if document.from.canonical() != *signer {
            return Err(ConnectionsError::OtherSigner);
        }
        let now = self.site.env.now();
        let keys = self.site.identities.signer_keys(&asked(&document, false)).await?;
        keys.check::<_, ConnectionsError>(|key| document.verify_fresh(&document.kind, key, now))?;
        Ok(document)
    }

    /// Keeps statements of another node that `by` is a party of; gives how many were new.
    pub(crate) async fn import(
        &self,
        change: Change,
        bundle: Vec<Proven>,
    ) -> Result<Vec<StatementView>, ConnectionsError> {
        if bundle.is_empty() || bundle.len() > IMPORT_MAX {
            return Err(ConnectionsError::invalid("statements", "must hold 1 to 100 statements"));
        }
        let by = change.verified.did().clone();
        let mut brought = Vec::with_capacity(bundle.len());
        for proven in bundle {
            brought.push(self.brought(proven, &by).await?);
        }
        let rows = self
            .write(move |conn, context| {
                change.spend(conn, context)?;
                let mut rows = Vec::new();
                for one in &brought {
                    rows.extend(statement_import(conn, context, &by, one)?);
                }
                Ok(rows)
            })
            .await?;
        rows.iter().map(|row| self.view_of(row)).collect()
    }

    async fn brought(&self, proven: Proven, by: &Did) -> Result<Brought, ConnectionsError> {
        let fact = proven.read()?;
        if ![&fact.from, &fact.to].contains(&by) {
            return Err(ConnectionsError::OtherSigner);
        }
        if !fact.is_complete && !fact.is_revoked {
            return Err(ConnectionsError::invalid(
                "statements",
                "hold a request that the other has not accepted: only what counts can be brought",
            ));
        }
        let now = self.site.env.now();
        for document in proven.documents() {
            if Timestamp::from_millis(document.timestamp) > now.plus(imajin_proof::FUTURE_TOLERANCE) {
                return Err(imajin_proof::ProofError::FromTheFuture.into());
            }
            let keys = self.site.identities.signer_keys(&asked(document, true)).await?;
            keys.check::<_, ConnectionsError>(|key| document.verify(&document.kind, key))?;
        }
        Ok(Brought { proven, fact })
    }
}

fn asked(document: &SignedMessage, follow: bool) -> SignerAsked {
    SignerAsked {
        did: document.from.clone(),
        at: Some(Timestamp::from_millis(document.timestamp)),
        follow,
        shown_by: None,
    }
}
