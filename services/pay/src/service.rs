use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use imajin_did::Keyring;
use imajin_kernel::id::{CheckoutId, RailMessageId};
use imajin_kernel::{Code, Problem};
use imajin_ledger::Ledger;
use imajin_pay_api::{CheckoutState, SellerClient};
use imajin_rails::{Headers, Rail, RailEvent, RailOutcome, SandboxRail, SolanaDesk};
use imajin_store::{Conn, Db, Sealer, mutation};
use imajin_web::{Carrier, ServiceRoutes, SignedBody, Site};
use serde::Serialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa::ToSchema;

use crate::brokers::Brokers;
use crate::context::Context;
use crate::domain::shares::ShareKey;
use crate::domain::solana::RecordKeeper;
use crate::domain::{self, message};
use crate::lanes::{Lane, Wake, lane_run};
use crate::later::Later;
use crate::rails::Rails;
use crate::routes::PayRouter;
use crate::rows::CheckoutRow;
use crate::settler::Settler;
use crate::solana::{desk_start, ticks_run};
use crate::wallet_calls::WalletCalls;
use crate::{PayConfig, PayError, SERVICE, Step, worker};

/// How long the payment page waits for the goods before it sends the buyer on.
const SETTLED_WAIT: Duration = Duration::from_secs(3);

/// What pay needs.
pub struct PayDeps {
    /// Time, randomness, the public URL, and who is who.
    pub site: Site,
    /// The node's secrets: receipts are signed with its key, the sandbox's key follows from its master key.
    pub keyring: Keyring,
    /// The service's own database.
    pub db: Db,
    /// Whoever sells.
    pub seller: SellerClient,
    /// How it behaves.
    pub config: PayConfig,
}

/// The running service.
pub struct Pay {
    pub(crate) site: Site,
    pub(crate) db: Db,
    pub(crate) seller: SellerClient,
    pub(crate) context: Context,
    pub(crate) sandbox: Arc<SandboxRail>,
    pub(crate) solana: Option<Arc<dyn SolanaDesk>>,
    pub(crate) wallets: WalletCalls,
    pub(crate) brokers: Brokers,
    pub(crate) settler: Settler,
    /// Messages that could not be processed yet.
    pub(crate) later: Later<RailMessageId>,
    /// Held shares that could not be handled: a row of theirs is damaged, most likely.
    pub(crate) shares_later: Later<ShareKey>,
    /// Rows that cannot be handled, as far as the log says so already.
    pub(crate) damaged: Mutex<HashSet<String>>,
    /// There is something to deliver or to refund.
    pub(crate) wake: Wake,
    /// A checkout has ended.
    pub(crate) ended: Notify,
}

/// What a simulation puts in the place of the world around pay.
#[derive(Default)]
pub struct Surroundings {
    /// Further rails, which are preferred to those of the configuration.
    pub rails: Vec<Arc<dyn Rail>>,
    /// Takes what is asked of brokers and of other nodes to them.
    pub carrier: Option<Arc<dyn Carrier>>,
}

/// What a rail is told about its message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookReceipt {
    /// The message is stored; the rail need not send it again.
    pub received: bool,
}

/// A mutation: the database, who signed, what the body says, and the bytes that the log keeps.
type SignedWrite<B, W, T> = fn(&mut Conn, &Context, &W, &B, &[u8]) -> Result<T, PayError>;

impl Pay {
    /// Starts the service. It answers at once; payments that were under way go on in the background.
    ///
    /// # Errors
    /// When the database does not answer, or a rail cannot be set up as it is configured.
    pub async fn start(deps: PayDeps) -> Result<Arc<Self>, Problem> {
        Self::start_amid(deps, Surroundings::default()).await
    }

    /// As [`Pay::start`], with what a simulation brings along.
    ///
    /// # Errors
    /// As [`Pay::start`].
    pub async fn start_amid(deps: PayDeps, amid: Surroundings) -> Result<Arc<Self>, Problem> {
        let PayDeps {
            site,
            keyring,
            db,
            seller,
            config,
        } = deps;
        config.fees.check().map_err(PayError::from)?;
        db.exclude_other_writers();
        let env = site.env.clone();
        let sealer = Sealer::for_service(&keyring, SERVICE);
        let writer = mutation::Writer::new(config.chain.clone(), keyring.clone(), sealer.clone(), env.clone());
        let ledger = Ledger::new(config.chain.clone(), sealer.clone(), env.clone());
        let sandbox = Arc::new(SandboxRail::new(&keyring, env.clone(), site.public.absolute("/pay")));
        let keeper = RecordKeeper {
            env: env.clone(),
            sealer: sealer.clone(),
        };
        let solana = match &config.rails.solana {
            Some(solana) => Some(desk_start(solana, &keyring, &db, keeper).await?),
            None => None,
        };
        let rails = Rails::new(&config.rails, sandbox.clone(), solana.clone(), &env);
        let rails = rails
            .map_err(|error| Problem::invalid(format!("{error}.")))?
            .with(amid.rails);
        let brokers = Brokers::new(&config.brokers, &site, &keyring, amid.carrier.as_ref())?;
        let config = Arc::new(config);
        let splits = Arc::default();
        let context = Context {
            env,
            keyring,
            sealer,
            writer,
            ledger,
            rails,
            splits,
            config,
        };
        let settler = Settler::new(db.clone(), context.clone(), Arc::clone(&site.identities));
        Ok(Arc::new(Self {
            site,
            db,
            seller,
            context,
            sandbox,
            solana,
            settler,
            wallets: WalletCalls::default(),
            brokers,
            later: Later::default(),
            shares_later: Later::default(),
            damaged: Mutex::default(),
            wake: Wake::default(),
            ended: Notify::new(),
        }))
    }

    /// The public routes.
    pub fn routes(self: &Arc<Self>) -> ServiceRoutes {
        PayRouter::new().of(self)
    }

    /// Starts what runs beside the requests, until `stop`: deliveries, refunds, what was stored and not processed,
    /// the ends of checkouts and holds, and the reconciliation.
    pub fn background(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        for lane in Lane::ALL {
            let (pay, stop) = (Arc::clone(self), stop.clone());
            tasks.spawn(async move { lane_run(&pay, lane, &stop).await });
        }
        let (sweeps, ticks, compares) = (Arc::clone(self), Arc::clone(self), Arc::clone(self));
        let [sweeps_stop, ticks_stop, compares_stop] = [stop.clone(), stop.clone(), stop.clone()];
        tasks.spawn(async move { worker::sweeps_run(&sweeps, &sweeps_stop).await });
        tasks.spawn(async move { ticks_run(&ticks, &ticks_stop).await });
        tasks.spawn(async move { worker::reconcile_run(&compares, &compares_stop).await });
    }

    /// One transaction over the domain.
    pub(crate) async fn write<T, F>(&self, write: F) -> Result<T, PayError>
    where
        T: Send + 'static,
        F: Fn(&mut Conn, &Context) -> Result<T, PayError> + Send + 'static,
    {
        let context = self.context.clone();
        self.db.write(move |conn| write(conn, &context)).await
    }

    /// One transaction over what somebody has signed: who, what it says, and its bytes.
    pub(crate) async fn write_signed<B, W, T>(
        &self,
        signed: SignedBody<B, W>,
        write: SignedWrite<B, W, T>,
    ) -> Result<T, PayError>
    where
        B: Send + 'static,
        W: Send + 'static,
        T: Send + 'static,
    {
        let SignedBody {
            verified,
            value,
            request,
        } = signed;
        self.write(move |conn, context| write(conn, context, &verified, &value, &request.body))
            .await
    }

    /// Queries over the domain that see one moment.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, PayError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, &Context) -> Result<T, PayError> + Send + 'static,
    {
        let context = self.context.clone();
        self.db
            .read(move |conn| diesel::Connection::transaction(conn, |conn| read(conn, &context)))
            .await
    }

    /// Takes a message of a rail: verified, stored, then processed. Answers as soon as it is stored; what is stored is
    /// processed even if this call does not live to see it. A message that has to be confirmed elsewhere is left to the
    /// background: its sender does not wait for that.
    ///
    /// # Errors
    /// What [`Rail::verify`] says about a message that is not genuine; the database's.
    pub async fn webhook_receive(
        &self,
        rail: &str,
        body: Vec<u8>,
        headers: &Headers,
    ) -> Result<WebhookReceipt, Problem> {
        let rail = Arc::clone(self.context.rail_open(rail)?);
        let Some(event) = rail.verify(&body, headers).map_err(PayError::from)? else {
            return Ok(WebhookReceipt { received: true });
        };
        let name = rail.name();
        let store = move |conn: &mut Conn, context: &Context| {
            message::message_store(conn, &context.env, &context.sealer, name, &event, &body)
        };
        let stored = self.write(store).await?;
        let goes_on = self.context.config.interrupt.at(Step::MessageStored).is_ok();
        if goes_on
            && !rail.is_remote()
            && let Err(error) = self.message_process(stored.id).await
        {
            // It is stored: the background goes on with it.
            tracing::warn!(message = %stored.id, %error, "a message waits to be processed");
        }
        self.wake.notify_one();
        Ok(WebhookReceipt { received: true })
    }

    /// Processes a stored message. `false`: it has to wait for something else first.
    pub(crate) async fn message_process(&self, id: RailMessageId) -> Result<bool, PayError> {
        let waiting = self
            .read(move |conn, context| message::message_waiting(conn, context, id))
            .await?;
        let Some(row) = waiting else { return Ok(true) };
        let confirmed = self.context.rail(&row.rail)?.confirm(row.event()?).await?;
        if confirmed.is_none() {
            tracing::warn!(message = %id, rail = row.rail, "the rail does not confirm what a message says");
        }
        let process =
            move |conn: &mut Conn, context: &Context| message::message_process(conn, context, id, confirmed.as_ref());
        self.write(process).await
    }

    /// The sandbox's message about a checkout, as its page makes it when a button is pressed.
    ///
    /// # Errors
    /// When the event cannot be written as JSON.
    pub fn sandbox_message(&self, event: &RailEvent) -> Result<Vec<u8>, Problem> {
        Ok(self.sandbox.message(event).map_err(PayError::from)?)
    }

    /// The rail of the test money.
    pub fn sandbox(&self) -> &SandboxRail {
        &self.sandbox
    }

    pub(crate) async fn checkout_row(&self, id: CheckoutId) -> Result<CheckoutRow, PayError> {
        let found = self
            .read(move |conn, context| domain::checkout_find(conn, context, id))
            .await?;
        found.ok_or(PayError::NotFound("checkout"))
    }

    /// A button of the sandbox's page: the same path that any rail's message takes.
    pub(crate) async fn sandbox_press(&self, row: &CheckoutRow, outcome: RailOutcome) -> Result<(), Problem> {
        let event = self.sandbox.event(row.id, outcome, row.price()?);
        let body = self.sandbox_message(&event)?;
        self.webhook_receive(&row.rail, body, &[]).await?;
        Ok(())
    }

    /// Waits a moment for a paid checkout to end; answers with whatever it is then.
    pub(crate) async fn ended_wait(&self, id: CheckoutId) -> Result<CheckoutRow, PayError> {
        let wait = async {
            loop {
                let mut ended = std::pin::pin!(self.ended.notified());
                ended.as_mut().enable();
                let row = self.checkout_row(id).await?;
                if row.state()? != CheckoutState::Paid {
                    return Ok(row);
                }
                ended.await;
            }
        };
        match tokio::time::timeout(SETTLED_WAIT, wait).await {
            Ok(row) => row,
            Err(_elapsed) => self.checkout_row(id).await,
        }
    }

    /// Whether the service can answer.
    pub(crate) async fn ready(&self) -> Result<(), Problem> {
        let answer = self.read(|conn, _context| {
            message::unprocessed_list(conn, RailMessageId::from_bytes([0; 16]), 1)?;
            Ok(())
        });
        answer.await.map_err(|error| {
            tracing::warn!(%error, "pay's database does not answer");
            Problem::new(Code::Unavailable, "The database of pay does not answer.")
        })
    }
}
