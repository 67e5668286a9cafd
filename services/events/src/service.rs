use std::sync::{Arc, OnceLock};

use imajin_did::{Did, Keyring, SecretKey};
use imajin_events_api::{EventStatus, EventView, Reader, TicketList, TicketView};
use imajin_fair::Acceptance;
use imajin_kernel::id::{EventId, OrderId, TierId};
use imajin_kernel::{Problem, Timestamp};
use imajin_pay_api::{Delivery, DeliveryOutcome, PayClient};
use imajin_publisher_api::PublisherClient;
use imajin_store::{Conn, Db, Sealer, mutation};
use imajin_web::{Authorised, KeyTier, ServiceRoutes, SignerAsked, SignerKeys, Site, SoftTier};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::context::{Context, idempotency_key};
use crate::domain::accept::NewAcceptance;
use crate::domain::create::{Created, NewEvent};
use crate::domain::draft::EventDraft;
use crate::domain::{self, release};
use crate::keys::EventKeys;
use crate::{EventsConfig, EventsError, SERVICE, routes};

/// What events needs.
pub struct EventsDeps {
    /// Time, randomness, the public URL, and who is who.
    pub site: Site,
    /// The node's secrets: the events' keys are sealed with them.
    pub keyring: Keyring,
    /// The service's own database.
    pub db: Db,
    /// Pay. It needs a client of this service, too; whoever starts first gets the other one later, see
    /// [`Events::pay_connect`].
    pub pay: Option<PayClient>,
    /// How it behaves.
    pub config: EventsConfig,
}

/// The running service.
pub struct Events {
    pub(crate) site: Site,
    pub(crate) db: Db,
    pub(crate) context: Context,
    pay: OnceLock<PayClient>,
    publisher: OnceLock<PublisherClient>,
    keys: EventKeys,
}

impl Events {
    /// Starts the service. It answers at once; reservations that lapsed while it was away are released in the
    /// background and count as free before that.
    pub async fn start(deps: EventsDeps) -> Result<Arc<Self>, Problem> {
        let EventsDeps {
            site,
            keyring,
            db,
            pay,
            config,
        } = deps;
        let sealer = Sealer::for_service(&keyring, SERVICE);
        let writer = mutation::Writer::new(config.chain.clone(), keyring.clone(), sealer.clone(), site.env.clone());
        let context = Context {
            env: site.env.clone(),
            keyring: keyring.clone(),
            sealer,
            writer,
            config,
        };
        let events = Self {
            site,
            db,
            context,
            pay: pay.map_or_else(OnceLock::new, OnceLock::from),
            publisher: OnceLock::new(),
            keys: EventKeys::new(keyring),
        };
        events.db.read(domain::list::ready_check).await.map_err(Problem::from)?;
        Ok(Arc::new(events))
    }

    /// Says how to reach pay, once; a second call is ignored.
    pub fn pay_connect(&self, pay: PayClient) {
        let _known = self.pay.set(pay);
    }

    /// Says how to reach the library of manifests, once; a second call is ignored. Without it, no event is made from
    /// other works.
    pub fn publisher_connect(&self, publisher: PublisherClient) {
        let _known = self.publisher.set(publisher);
    }

    pub(crate) fn publisher(&self) -> Option<&PublisherClient> {
        self.publisher.get()
    }

    pub(crate) fn pay(&self) -> Result<&PayClient, Problem> {
        self.pay
            .get()
            .ok_or_else(|| Problem::unavailable("The payment service"))
    }

    /// The public routes.
    pub fn routes(self: &Arc<Self>) -> ServiceRoutes {
        routes::routes(self)
    }

    /// Starts what runs beside the requests: the release of lapsed reservations, until `stop`.
    pub fn background(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        let (events, stop) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move {
            loop {
                events.sweep().await;
                let pause = tokio::time::sleep(events.context.config.sweep_every.to_std());
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = pause => {}
                }
            }
            mutation::head_sign(&events.db, &events.context.writer).await;
        });
    }

    async fn sweep(&self) {
        match self.holds_release().await {
            Ok(0) => {}
            Ok(released) => tracing::info!(released, "lapsed reservations were released"),
            Err(problem) => tracing::warn!(%problem, "lapsed reservations were not released"),
        }
        imajin_store::purge(&self.db, self.context.env.now()).await;
    }

    /// Releases every reservation that has lapsed by now; returns how many. The background task calls it.
    ///
    /// # Errors
    /// When the database does not answer. What fails for one tier is tried again, and is no error here.
    pub async fn holds_release(&self) -> Result<usize, Problem> {
        let (mut total, mut after) = (0, None);
        loop {
            let now = self.context.env.now();
            let tiers = self
                .read(move |conn, _context| release::tiers_lapsed(conn, now, after))
                .await?;
            after = tiers.last().copied();
            if after.is_none() {
                return Ok(total);
            }
            for tier in tiers {
                total += self.tier_release(tier).await;
            }
        }
    }

    async fn tier_release(&self, tier: TierId) -> usize {
        let mut total = 0;
        loop {
            match self
                .write(move |conn, context| release::holds_release(conn, context, tier))
                .await
            {
                Ok(0) => return total,
                Ok(released) => total += released,
                Err(error) => {
                    tracing::error!(%tier, %error, "lapsed reservations of a tier were not released");
                    return total;
                }
            }
        }
    }

    /// One transaction over the domain.
    pub(crate) async fn write<T, F>(&self, write: F) -> Result<T, EventsError>
    where
        T: Send + 'static,
        F: Fn(&mut Conn, &Context) -> Result<T, EventsError> + Send + 'static,
    {
        let context = self.context.clone();
        self.db.write(move |conn| write(conn, &context)).await
    }

    /// Queries over the domain that see one moment.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, EventsError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, &Context) -> Result<T, EventsError> + Send + 'static,
    {
        let context = self.context.clone();
        self.db
            .read(move |conn| diesel::Connection::transaction(conn, |conn| read(conn, &context)))
            .await
    }

    /// Makes an event for the signer. The body of the request has been parsed into `draft`.
    pub(crate) async fn event_create(
        &self,
        verified: Authorised<KeyTier>,
        draft: EventDraft,
        request: &imajin_proof::http_sig::SignedRequest,
    ) -> Result<Created, Problem> {
        let owner = self.signer_keys(verified.did(), draft.manifest.signed_at()).await?;
        self.chain_check(&draft.manifest).await?;
        let idempotency = idempotency_key(request)?;
        let new = NewEvent::prepare(
            &self.context,
            draft,
            &owner,
            verified,
            request.body.clone(),
            idempotency,
        )?;
        Ok(self
            .write(move |conn, context| domain::create::event_create(conn, context, &new))
            .await?)
    }

    /// Publishes or pauses an event.
    pub(crate) async fn event_move(
        &self,
        id: EventId,
        to: EventStatus,
        verified: Authorised<KeyTier>,
        body: Vec<u8>,
    ) -> Result<EventView, Problem> {
        if to == EventStatus::Published {
            self.event_chain_check(id).await?;
        }
        let view = self.write(move |conn, context| {
            domain::status::event_move(conn, context, id, to, &verified, &body)?;
            domain::list::event_fetch(conn, context, id, Some(verified.did()))
        });
        view.await?.ok_or_else(|| Problem::not_found("event"))
    }

    /// Keeps a contributor's countersignature.
    pub(crate) async fn acceptance_add(
        &self,
        event: EventId,
        acceptance: Acceptance,
        verified: Authorised<SoftTier>,
        body: Vec<u8>,
    ) -> Result<EventView, Problem> {
        let signed_at = Some(acceptance.signed_at());
        let contributor = self.signer_keys(acceptance.contributor(), signed_at).await?;
        let new = NewAcceptance {
            event,
            acceptance,
            contributor,
            verified,
            body,
        };
        let view = self.write(move |conn, context| {
            domain::accept::acceptance_add(conn, context, &new)?;
            let event = domain::locks::event_find(conn, context, new.event)?;
            let rows: Vec<_> = event.into_iter().collect();
            Ok(domain::views::event_views(conn, context, &rows, None)?
                .into_iter()
                .next())
        });
        view.await?.ok_or_else(|| Problem::not_found("event"))
    }

    /// The keys with which somebody could sign a manifest or an acceptance at that moment.
    async fn signer_keys(&self, did: &Did, at: Option<Timestamp>) -> Result<SignerKeys, Problem> {
        let asked = SignerAsked {
            did: did.clone(),
            at,
            follow: true,
            shown_by: None,
        };
        self.site.identities.signer_keys(&asked).await
    }

    /// The key of the event that an order is for, opened once.
    async fn order_key(&self, id: OrderId) -> Result<Option<Arc<SecretKey>>, EventsError> {
        let found = self
            .read(move |conn, context| domain::deliver::event_of(conn, context, id))
            .await?;
        let Some(event) = found else { return Ok(None) };
        match self.keys.get(event.id) {
            Some(key) => Ok(Some(key)),
            None => self.keys.open(&event).map(Some),
        }
    }

    /// Hands over the tickets of a paid order, or says why the money goes back.
    pub(crate) async fn deliver(&self, delivery: Delivery) -> Result<DeliveryOutcome, EventsError> {
        let unknown = || DeliveryOutcome::Refused {
            reason: "There is no such order.".to_owned(),
        };
        let Some(id) = domain::quote::order_of(&delivery.goods) else {
            return Ok(unknown());
        };
        let Some(key) = self.order_key(id).await? else {
            return Ok(unknown());
        };
        self.write(move |conn, context| domain::deliver::goods_deliver(conn, context, &key, &delivery))
            .await
    }

    /// What is asked for by somebody who may have claimed soft identities: asked as each of them, until one may see it.
    pub(crate) async fn read_as_any<T, F>(&self, reader: &Reader, read: F) -> Result<Option<T>, Problem>
    where
        T: Send + 'static,
        F: Fn(&mut Conn, &Context, &Reader) -> Result<Option<T>, EventsError> + Send + 'static,
    {
        let readers = self.readers(reader).await?;
        let found = self.read(move |conn, context| {
            for reader in &readers {
                if let Some(found) = read(conn, context, reader)? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        });
        Ok(found.await?)
    }

    async fn readers(&self, reader: &Reader) -> Result<Vec<Reader>, Problem> {
        let dids = self.site.identities.holdings(&reader.did).await?;
        let reader_of = |did| Reader {
            did,
            operator: reader.operator,
        };
        Ok(dids.into_iter().map(reader_of).collect())
    }

    /// The tickets of somebody and of the soft identities that they have claimed, the newest first.
    pub(crate) async fn tickets_of(&self, list: TicketList) -> Result<Vec<TicketView>, Problem> {
        let owners = self.site.identities.holdings(&list.owner).await?;
        let listed = self.read(move |conn, _context| {
            let mut all = Vec::new();
            for owner in owners {
                let list = TicketList { owner, ..list.clone() };
                all.extend(domain::list::ticket_list(conn, &list)?);
            }
            all.sort_by_key(|ticket| std::cmp::Reverse(ticket.id));
            all.truncate(usize::try_from(list.limit).unwrap_or(usize::MAX));
            Ok(all)
        });
        Ok(listed.await?)
    }

    /// Who asks, as the domain sees it.
    pub(crate) fn reader(session: &imajin_web::SessionView) -> Reader {
        Reader {
            did: session.did.clone(),
            operator: session.tier == imajin_web::Tier::Operator,
        }
    }
}
