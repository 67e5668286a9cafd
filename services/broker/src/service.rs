use std::sync::Arc;

use imajin_broker_api::{
    AccountView, BalancesView, DepositAsk, DepositView, DisputeView, Page, RedemptionView, StatementLine, VisaView,
};
use imajin_did::{Did, Keyring};
use imajin_imagxp::AgentId;
use imajin_kernel::Problem;
use imajin_kernel::id::DepositId;
use imajin_money::{Amount, Money};
use imajin_pay_api::{
    CheckoutCreate, CheckoutFetch, CheckoutState, DEPOSIT, GoodsRef, PayClient, PurseBalances, PurseClient, PurseLine,
    PurseStatement,
};
use imajin_store::{Conn, Db, Sealer, mutation};
use imajin_web::{ServiceRoutes, Site};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::agents::Agents;
use crate::caller::{Caller, agent_did, names};
use crate::context::{Change, Context};
use crate::domain::lists::{self, Wanted};
use crate::domain::{account, deposit, visa};
use crate::publishers::Publishers;
use crate::rows::DepositRow;
use crate::{BrokerConfig, BrokerError, SERVICE, routes};

/// The most that is put in at once: 100,000 of any currency.
const DEPOSIT_MICROS_MAX: i64 = 100_000_000_000;

/// What the broker needs.
pub struct BrokerDeps {
    /// Time, randomness, the public URL, and who is who.
    pub site: Site,
    /// The node's secrets.
    pub keyring: Keyring,
    /// The service's own database.
    pub db: Db,
    /// Opens the checkouts of deposits.
    pub pay: PayClient,
    /// Moves the money.
    pub purse: PurseClient,
    /// How it behaves.
    pub config: BrokerConfig,
}

/// The running service.
pub struct Broker {
    pub(crate) site: Site,
    pub(crate) context: Context,
    pub(crate) agents: Agents,
    pub(crate) publishers: Publishers,
    pub(crate) purse: PurseClient,
    /// Something may be due.
    pub(crate) wake: Notify,
    pay: PayClient,
    db: Db,
}

impl Broker {
    /// Starts the service.
    ///
    /// # Errors
    /// When the database does not answer, or the TLS set-up of the machine is broken.
    pub async fn start(deps: BrokerDeps) -> Result<Arc<Self>, Problem> {
        let BrokerDeps {
            site,
            keyring,
            db,
            pay,
            purse,
            config,
        } = deps;
        db.exclude_other_writers();
        let sealer = Sealer::for_service(&keyring, SERVICE);
        let writer = mutation::Writer::new(config.chain.clone(), keyring.clone(), sealer.clone(), site.env.clone());
        let context = Context {
            env: site.env.clone(),
            keyring,
            sealer,
            writer,
            issuer: site.public.absolute("/broker").into(),
            config: Arc::new(config),
        };
        let reach = context.config.reach;
        let broker = Self {
            agents: Agents::new(reach, &site.env)?,
            publishers: Publishers::new(reach)?,
            site,
            context,
            purse,
            wake: Notify::new(),
            pay,
            db,
        };
        broker.read(|conn, _context| lists::ready_check(conn)).await?;
        Ok(Arc::new(broker))
    }

    /// The public routes.
    pub fn routes(self: &Arc<Self>) -> ServiceRoutes {
        routes::routes(self)
    }

    /// What of the broker stands at the root of the node.
    pub fn root_routes(self: &Arc<Self>) -> axum::Router {
        routes::root_routes(self)
    }

    /// Starts what runs beside the requests, until `stop`: paying publishers, returning what is left of visas, going on
    /// with what was interrupted, replacing keys, forgetting used nonces.
    pub fn background(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        let (broker, stop) = (Arc::clone(self), stop.clone());
        tasks.spawn(async move {
            loop {
                broker.sweep().await;
                let pause = tokio::time::sleep(broker.context.config.sweep_every.to_std());
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = broker.wake.notified() => {}
                    () = pause => {}
                }
            }
            mutation::head_sign(&broker.db, &broker.context.writer).await;
        });
    }

    async fn sweep(&self) {
        if let Err(problem) = self.due_work().await {
            tracing::warn!(code = %problem.code, "not everything that is due could be done; it will be tried again");
        }
        if let Err(error) = self.keys_rotate(None).await {
            tracing::warn!(%error, "the keys for visas were not looked at");
        }
        imajin_store::purge(&self.db, self.context.now()).await;
    }

    /// Does what is due now: disputes end, publishers are paid, and what is left of visas goes back. Answers how
    /// many steps it took. The background calls it.
    ///
    /// # Errors
    /// When the database or pay does not answer.
    pub async fn due_work(&self) -> Result<usize, Problem> {
        // What is wrong with one kind keeps nobody of the others waiting.
        let ended = self.disputes_expire().await;
        let booked = self.redemptions_book().await;
        let closed = self.visas_close().await;
        Ok(ended?.saturating_add(booked?).saturating_add(closed?))
    }

    /// One transaction over the domain.
    pub(crate) async fn write<T, F>(&self, write: F) -> Result<T, BrokerError>
    where
        T: Send + 'static,
        F: Fn(&mut Conn, &Context) -> Result<T, BrokerError> + Send + 'static,
    {
        let context = self.context.clone();
        self.db.write(move |conn| write(conn, &context)).await
    }

    /// Queries over the domain that see one moment.
    pub(crate) async fn read<T, F>(&self, read: F) -> Result<T, BrokerError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, &Context) -> Result<T, BrokerError> + Send + 'static,
    {
        let context = self.context.clone();
        self.db
            .read(move |conn| diesel::Connection::transaction(conn, |conn| read(conn, &context)))
            .await
    }

    pub(crate) async fn account_open(&self, change: Change) -> Result<AccountView, BrokerError> {
        let row = self
            .write(move |conn, context| account::account_open(conn, context, &change))
            .await?;
        Ok(row.view())
    }

    /// Opens a checkout for money that goes into an agent's account.
    pub(crate) async fn deposit_ask(&self, change: Change, asked: DepositAsk) -> Result<DepositView, BrokerError> {
        let amount = asked.amount;
        if amount.is_zero() || amount.amount.micros() > DEPOSIT_MICROS_MAX {
            return Err(BrokerError::invalid("amount", "must be more than 0 and at most 100000"));
        }
        let agent = match (&asked.agent_id, &change.caller) {
            (Some(name), _) => agent_did(&AgentId::parse(name, names(self.context.config.reach))?)?,
            (None, Caller::Agent(agent)) => agent.did.clone(),
            (None, Caller::Did(_)) => return Err(BrokerError::invalid("agentId", "says whose account it is for")),
        };
        let (account, row) = self
            .write(move |conn, context| deposit::deposit_ask(conn, context, &change, (&agent, amount)))
            .await?;
        self.deposit_checkout(&account.agent_id, row).await
    }

    async fn deposit_checkout(&self, agent_id: &str, row: DepositRow) -> Result<DepositView, BrokerError> {
        let create = CheckoutCreate {
            goods: GoodsRef {
                kind: DEPOSIT.to_owned(),
                id: row.id.to_string(),
            },
            buyer: row.owner_did.clone(),
            success_url: "/".to_owned(),
            cancel_url: "/".to_owned(),
        };
        let checkout = match row.checkout_id.as_ref().map(|id| id.parse()) {
            Some(Ok(id)) => self.pay.checkout_fetch(CheckoutFetch { id }).await?,
            _ => Some(self.pay.checkout_create(create).await?),
        };
        let (id, seen) = (row.id, checkout.clone());
        let row = match seen {
            Some(seen) => {
                self.write(move |conn, context| deposit::deposit_checkout(conn, context, id, &seen))
                    .await?
            }
            None => row,
        };
        let open = checkout.filter(|checkout| checkout.state == CheckoutState::Open);
        row.view(agent_id, open.map(|checkout| checkout.url))
    }

    /// A deposit, for its agent and for who pays.
    pub(crate) async fn deposit_fetch(&self, id: DepositId, reader: &Did) -> Result<DepositView, BrokerError> {
        let (account, row) = self
            .read(move |conn, context| deposit::deposit_of(conn, context, id))
            .await?;
        if ![&row.agent_did, &row.owner_did].contains(&reader) {
            return Err(BrokerError::NotFound("deposit"));
        }
        self.deposit_checkout(&account.agent_id, row).await
    }

    /// What somebody has here.
    pub(crate) async fn balances(&self, did: Did) -> Result<BalancesView, BrokerError> {
        let balances = self.purse.purse_balances(PurseBalances { owner: did.clone() }).await?;
        let owner = did.clone();
        let reserved = self
            .read(move |conn, context| visa::reserved_of(conn, context, &owner))
            .await?;
        Ok(BalancesView {
            did,
            balances,
            reserved,
        })
    }

    /// What came into and went out of somebody's account, newest first.
    pub(crate) async fn statement(&self, request: PurseStatement) -> Result<Vec<StatementLine>, BrokerError> {
        let lines = self.purse.purse_statement(request).await?;
        Ok(lines.into_iter().map(line_view).collect())
    }

    pub(crate) async fn account_list(&self, wanted: Wanted) -> Result<Page<AccountView>, BrokerError> {
        self.read(move |conn, context| lists::account_list(conn, context, &wanted))
            .await
    }

    /// The visas of an agent, or of everybody.
    pub(crate) async fn visa_list(&self, agent: Option<Did>, wanted: Wanted) -> Result<Page<VisaView>, BrokerError> {
        self.read(move |conn, context| lists::visa_list(conn, context, agent.as_ref(), &wanted))
            .await
    }

    /// The redemptions of a node, or of everybody.
    pub(crate) async fn redemption_list(
        &self,
        node: Option<Did>,
        wanted: Wanted,
    ) -> Result<Page<RedemptionView>, BrokerError> {
        self.read(move |conn, context| lists::redemption_list(conn, context, node.as_ref(), &wanted))
            .await
    }

    /// The disputes of an agent or a node, or of everybody.
    pub(crate) async fn dispute_list(
        &self,
        side: Option<Did>,
        wanted: Wanted,
    ) -> Result<Page<DisputeView>, BrokerError> {
        self.read(move |conn, context| lists::dispute_list(conn, context, side.as_ref(), &wanted))
            .await
    }
}

fn line_view(line: PurseLine) -> StatementLine {
    let amount = Amount::from_micros(line.units.saturating_abs()).unwrap_or(Amount::ZERO);
    let money = Money::new(amount, line.balance.asset);
    let came_in = line.units > 0;
    StatementLine {
        number: line.number,
        time: line.time,
        kind: line.kind,
        reference: line.reference,
        credit: came_in.then_some(money),
        debit: (!came_in).then_some(money),
        balance: line.balance,
        entry: line.entry,
    }
}
