//! Remittances between nodes: each step is asked for until it is done, and done once.

use std::collections::BTreeMap;

use imajin_did::Did;
use imajin_kernel::id::RemittanceId;
use imajin_kernel::{Code, Problem};
use imajin_money::Asset;
use imajin_pay_api::{REMITTANCE_LEGS_MAX, RemittanceBody, RemittanceReceipt};
use imajin_proof::SignedMessage;
use imajin_store::outbox::OutboxRow;
use imajin_web::{Tier, Verified};

use crate::brokers::wire::{RemittanceAnswer, TransferAsked};
use crate::domain::home::homes_with_money;
use crate::domain::remit_home::{NodeKey, node_rests, nodes_under_way, sent_look};
use crate::domain::remit_in::{self, BrokerWord, RECEIPT_KIND, Received, body_check, received_find};
use crate::domain::remit_out::{self, REMITTANCE_KIND, assets_of, funds, remittance_make};
use crate::rows::{CREDITED, HomeRow, ReceivedRow, SentRow, SentState};
use crate::worker::Handling;
use crate::{Pay, PayError, Step};

/// The most steps of one remittance in one go: there are three.
const STEPS_MAX: usize = 4;

/// People by their node and its address.
type HomesByNode = BTreeMap<NodeKey, Vec<HomeRow>>;

impl Pay {
    /// Sends what people of other nodes have here to their nodes, as far as brokers have paid it. The background calls
    /// it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn remittances_batch(&self) -> Result<usize, Problem> {
        let mut made: usize = 0;
        for issuer in self.brokers.trusted() {
            let name = issuer.clone();
            let assets = self.read(move |conn, _context| assets_of(conn, &name)).await?;
            for asset in assets {
                made = made.saturating_add(self.remittances_make(&issuer, asset).await?);
            }
        }
        if made > 0 {
            self.wake.notify_one();
        }
        Ok(made)
    }

    /// One remittance for each node whose people have something here, each in a transaction of its own; what fails for
    /// one is logged. Who they are is found out before, page by page: it may take long.
    async fn remittances_make(&self, issuer: &str, asset: Asset) -> Result<usize, PayError> {
        let mut made: usize = 0;
        for ((node, url), homes) in self.homes_gather(issuer, asset).await? {
            let (name, to) = (issuer.to_owned(), node.clone());
            let sent =
                self.write(move |conn, context| remittance_make(conn, context, (&name, asset), (&node, &url), &homes));
            let is_made = sent.await.unwrap_or_else(|error| {
                tracing::warn!(node = to, %error, "what people of another node have here was not sent");
                false
            });
            made = made.saturating_add(usize::from(is_made));
        }
        Ok(made)
    }

    /// Who has something here that may go to their node, by the node: as much as the broker has paid.
    async fn homes_gather(&self, issuer: &str, asset: Asset) -> Result<HomesByNode, PayError> {
        let name = issuer.to_owned();
        let (mut left, busy) = self
            .read(move |conn, context| {
                let left = funds(conn, context, &name, asset)?;
                Ok((left, nodes_under_way(conn, &name, asset)?))
            })
            .await?;
        let mut resting = BTreeMap::new();
        let (mut found, mut after) = (HomesByNode::new(), Some(String::new()));
        while left > 0 {
            let Some(from) = after.take() else { break };
            let page = self.read(move |conn, context| homes_with_money(conn, context, asset, &from));
            let (homes, next) = page.await?;
            after = next;
            for (home, units) in homes {
                let node = (home.node_did.clone(), home.node_url.clone());
                if left <= 0 || busy.contains(&node) || self.is_resting(&node, &mut resting).await? {
                    continue;
                }
                let homes = found.entry(node).or_default();
                if homes.len() < REMITTANCE_LEGS_MAX {
                    homes.push(home);
                    left = left.saturating_sub(units);
                }
            }
        }
        Ok(found)
    }

    /// Whether a node gets nothing new for a while; asked once for each.
    async fn is_resting(&self, node: &NodeKey, known: &mut BTreeMap<NodeKey, bool>) -> Result<bool, PayError> {
        if let Some(rests) = known.get(node) {
            return Ok(*rests);
        }
        let asked = node.clone();
        let rests = self
            .read(move |conn, context| node_rests(conn, &asked, context.now()))
            .await?;
        known.insert(node.clone(), rests);
        Ok(rests)
    }

    /// Goes on with a remittance that this node sends.
    pub(crate) async fn remit(&self, item: &OutboxRow) -> Result<(), Handling> {
        let id: RemittanceId = item
            .parse()
            .map_err(|error| PayError::Fault(format!("a remittance cannot be read: {error}")))?;
        for _step in 0..STEPS_MAX {
            let (row, nowhere) = self.write(move |conn, context| sent_look(conn, context, id)).await?;
            if let Some(problem) = nowhere {
                let item = item.id;
                self.write(move |conn, context| remit_out::sent_refused(conn, context, id, problem, item))
                    .await?;
                return Ok(());
            }
            let done = match row.state()? {
                SentState::Offered => self.remit_offer(item, &row).await,
                SentState::Agreed => self.remit_transfer(&row).await.map(|()| false),
                SentState::Transferred => self.remit_deliver(item, &row).await,
                SentState::Delivered | SentState::Refused => self.item_done(item).await.map(|()| true),
            };
            match done {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(Handling::Failed(problem)) => {
                    let detail = problem.detail.clone();
                    self.write(move |conn, context| remit_out::sent_problem(conn, context, id, Some(&detail)))
                        .await?;
                    return Err(Handling::Failed(problem));
                }
                Err(other) => return Err(other),
            }
        }
        Err(Handling::Waits("The other node has not got it yet."))
    }

    async fn peer_tell(&self, row: &SentRow) -> Result<Result<RemittanceAnswer, Problem>, PayError> {
        self.brokers.remit(&row.node_url, row.document.as_bytes()).await
    }

    /// Before anything moves, the other node says that it takes it.
    async fn remit_offer(&self, item: &OutboxRow, row: &SentRow) -> Result<bool, Handling> {
        let (id, item) = (row.id, item.id);
        match self.peer_tell(row).await? {
            Ok(_taken) => {
                self.write(move |conn, context| remit_out::sent_agreed(conn, context, id))
                    .await?;
                Ok(false)
            }
            Err(problem) if is_refusal(problem.code) => {
                let detail = problem.detail;
                self.write(move |conn, context| remit_out::sent_refused(conn, context, id, &detail, item))
                    .await?;
                Ok(true)
            }
            Err(problem) => Err(Handling::Failed(problem)),
        }
    }

    async fn remit_transfer(&self, row: &SentRow) -> Result<(), Handling> {
        let asked = TransferAsked {
            reference: row.id.to_string(),
            to: row.node()?,
            amount: row.money()?,
        };
        let made = self.brokers.transfer(&row.issuer, &asked).await?;
        let own = self.context.keyring.node_did().canonical();
        let is_it = made.reference == asked.reference
            && made.from.canonical() == own
            && made.to.canonical() == asked.to.canonical()
            && made.amount == asked.amount;
        if !is_it {
            let detail = format!(
                "{} says that it has made another transfer: {}.",
                row.issuer, made.amount
            );
            return Err(Handling::Failed(Problem::new(Code::Unavailable, detail)));
        }
        let interrupt = &self.context.config.interrupt;
        interrupt.at(Step::TransferAnswered).map_err(|_cut| Handling::Cut)?;
        let id = row.id;
        self.write(move |conn, context| remit_out::sent_transferred(conn, context, id))
            .await?;
        Ok(())
    }

    async fn remit_deliver(&self, item: &OutboxRow, row: &SentRow) -> Result<bool, Handling> {
        let answer = self.peer_tell(row).await?.map_err(Handling::Failed)?;
        let Some(receipt) = answer.receipt else {
            return Err(Handling::Waits("The other node waits for the broker to confirm it."));
        };
        let signs = receipt_holds(&receipt, row, &self.signers_of(&row.node()?).await?);
        if !signs {
            let detail = "The other node has signed something else than what it was sent.".to_owned();
            return Err(Handling::Failed(Problem::new(Code::Unavailable, detail)));
        }
        let (id, item) = (row.id, item.id);
        self.write(move |conn, context| remit_out::sent_delivered(conn, context, id, &receipt, item))
            .await?;
        Ok(true)
    }

    async fn signers_of(&self, node: &Did) -> Result<Vec<imajin_did::PublicKey>, PayError> {
        Ok(self.site.identities.caller_keys(node).await?.keys)
    }

    /// Takes what another node sends: checked, kept, and given to its payees when the broker confirms it.
    pub(crate) async fn remittance_take(
        &self,
        message: SignedMessage<RemittanceBody>,
        verified: Verified,
        request: Vec<u8>,
    ) -> Result<ReceivedRow, PayError> {
        self.remittance_check(&message, &verified).await?;
        // Whoever has left since this node has said that it takes it is paid here all the same: the sender has told the
        // broker by its word.
        if !self.is_taken(&message, &verified).await? {
            self.payees_check(&message.payload).await?;
        }
        let name = self
            .write(move |conn, context| remit_in::received_keep(conn, context, &verified, &message, &request))
            .await?;
        if let Err(error) = self.remittance_confirm(&name).await {
            // It is kept, and the background asks again.
            tracing::info!(remittance = %name.id, %error, "a remittance waits for its broker");
        }
        let row = self
            .read(move |conn, context| received_find(conn, context, &name))
            .await?;
        row.ok_or(PayError::NotFound("remittance"))
    }

    async fn remittance_check(
        &self,
        message: &SignedMessage<RemittanceBody>,
        verified: &Verified,
    ) -> Result<(), PayError> {
        let body = &message.payload;
        if message.from.canonical() != *verified.did() {
            return Err(PayError::Forbidden(
                "A node sends its own remittances, and nobody else's.",
            ));
        }
        let own = self.context.keyring.node_did().canonical();
        if message.to.as_ref().map(Did::canonical) != Some(own) {
            return Err(PayError::Forbidden("This remittance is for another node."));
        }
        let keys = self.signers_of(&message.from).await?;
        let verdicts: Vec<_> = keys.iter().map(|key| message.verify(REMITTANCE_KIND, key)).collect();
        if !verdicts.iter().any(Result::is_ok) {
            let why = verdicts.into_iter().find_map(Result::err);
            return Err(why.map_or(PayError::NotFound("key of this node"), PayError::from));
        }
        body_check(body)?;
        if !self.brokers.trusted().contains(&body.broker) {
            return Err(PayError::Forbidden(
                "This node does not trust the broker of this remittance.",
            ));
        }
        if body.amount.asset.is_test() && !self.brokers.test_money {
            return Err(PayError::Forbidden(
                "This is test money, and this node takes real money.",
            ));
        }
        Ok(())
    }

    /// Whether this node has it already, as it says now.
    async fn is_taken(&self, message: &SignedMessage<RemittanceBody>, verified: &Verified) -> Result<bool, PayError> {
        let name = Received {
            from: verified.did().to_string(),
            id: message.payload.id,
        };
        let known = self
            .read(move |conn, context| received_find(conn, context, &name))
            .await?;
        let Some(known) = known else { return Ok(false) };
        Ok(remit_in::document_read(&known)?.payload == message.payload)
    }

    /// Refuses what is for people who are not at home here.
    async fn payees_check(&self, body: &RemittanceBody) -> Result<(), PayError> {
        for leg in &body.legs {
            let known = self.site.identities.caller_keys(&leg.did).await;
            if known.is_ok_and(|caller| caller.tier > Tier::Visitor) {
                continue;
            }
            let detail = format!("{} is not at home at this node.", leg.did);
            return Err(PayError::State {
                detail,
                hint: "Ask the payee at which node they are at home.",
            });
        }
        Ok(())
    }

    /// Asks the broker of a remittance that was received whether the money is there.
    pub(crate) async fn remittance_confirm(&self, name: &Received) -> Result<bool, PayError> {
        let asked = name.clone();
        let row = self
            .read(move |conn, context| received_find(conn, context, &asked))
            .await?;
        let row = row.ok_or(PayError::NotFound("remittance"))?;
        if row.state == CREDITED {
            return Ok(true);
        }
        let Some(made) = self.brokers.transfer_find(&row.issuer, row.id.as_str()).await? else {
            return Ok(false);
        };
        let word = BrokerWord {
            from: made.from,
            to: made.to,
            amount: made.amount,
        };
        let name = name.clone();
        self.write(move |conn, context| {
            remit_in::received_credit(conn, context, &name, &word)?;
            let row = received_find(conn, context, &name)?;
            Ok(row.is_some_and(|row| row.state == CREDITED))
        })
        .await
    }

    /// Goes on with a remittance that was received.
    pub(crate) async fn remit_confirm(&self, item: &OutboxRow) -> Result<(), Handling> {
        let name: Received = item
            .parse()
            .map_err(|error| PayError::Fault(format!("a remittance cannot be read: {error}")))?;
        if self.remittance_confirm(&name).await? {
            return self.item_done(item).await;
        }
        let id = item.id;
        let dropped = self.write(move |conn, context| remit_in::received_drop(conn, context, &name, id));
        if !dropped.await? {
            return Err(Handling::Waits("The broker has not confirmed it."));
        }
        Ok(())
    }
}

/// Whether an answer is a no that stays one.
const fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::Forbidden | Code::Conflict | Code::InvalidRequest | Code::NotFound | Code::MalformedBody
    )
}

/// Whether a node has signed that it has given to its people what it was sent.
fn receipt_holds(receipt: &SignedMessage<RemittanceReceipt>, row: &SentRow, keys: &[imajin_did::PublicKey]) -> bool {
    let sent: Option<SignedMessage<RemittanceBody>> = serde_json::from_str(&row.document).ok();
    let said = &receipt.payload;
    let agrees = sent.is_some_and(|sent| {
        let body = sent.payload;
        said.remittance == body.id && said.broker == body.broker && said.amount == body.amount && said.legs == body.legs
    });
    agrees
        && receipt.from.canonical().as_str() == row.node_did
        && keys.iter().any(|key| receipt.verify(RECEIPT_KIND, key).is_ok())
}
