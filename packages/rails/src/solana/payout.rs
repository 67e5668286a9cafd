//! Money that leaves the node's wallet: payouts and refunds.
//!
//! A [`Payout`] is a plain value that its owner stores after each step and before the next. The transaction is signed
//! in one step and first sent in the next, so whatever was sent is stored. The same signed transaction is sent until
//! it is final or can never be; only then is another one signed. A transaction lands once at most, so a payout is paid
//! once at most.

use imajin_did::Keyring;
use imajin_kernel::{Span, Timestamp};
use imajin_money::Amount;
use serde::{Deserialize, Serialize};

use super::request::{base64_text, reference_of};
use super::rpc::{Finality, Rpc};
use super::split::{Priority, Transfer};
use super::transfers::{budget, transfers_write, units_max};
use super::wire::Message;
use super::{Address, Coin, SolanaError, Standing, Wallet, backoff};

/// How often a payout is signed anew before it is given up.
const ATTEMPTS_MAX: usize = 5;
/// How long to wait between two looks at a transaction that was sent.
const LOOK_AGAIN: Span = Span::seconds(5);
/// What the chain takes for a signature, in lamports.
const SIGNATURE_FEE: u64 = 5_000;
/// What an address must hold to exist at all, and what a token account must hold, in lamports.
const RENT: u64 = 890_880;
const TOKEN_ACCOUNT_RENT: u64 = 2_039_280;
/// How long a day is for the limit: the last 24 hours, not since midnight.
const LIMIT_WINDOW: Span = Span::hours(24);

/// How much may leave the wallet without the operator, of one coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PayoutLimits {
    /// At once.
    pub per_transaction: Amount,
    /// To payees, in any 24 hours.
    pub per_day: Amount,
    /// Of that, to one address.
    pub payee_per_day: Amount,
    /// Back to buyers, in any 24 hours: payees leave them what is theirs.
    pub refund_per_day: Amount,
}

/// What the keys of refunds begin with.
pub(super) const REFUND_PREFIX: &str = "refund/";

/// Money that is to leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payout {
    /// The key against paying twice: one payout has one, for ever.
    pub key: String,
    /// To whom: the owner's address.
    pub to: Address,
    /// Into which account, when it is to be this one and no other: it is never made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Address>,
    /// What.
    pub coin: Coin,
    /// How much.
    pub amount: Amount,
    /// How far it is.
    pub state: PayoutState,
    /// The transactions that were signed for it, the newest last.
    pub signatures: Vec<String>,
    /// When the newest was signed.
    pub signed_at: Option<Timestamp>,
    /// The slot that was seen when the newest was signed: it is in no earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_slot: Option<u64>,
    /// When to go on.
    pub next_at: Timestamp,
    /// How often in a row it did not get on.
    pub failures: u32,
}

/// How far a payout is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum PayoutState {
    /// Nothing was signed, or what was signed can never land.
    Planned,
    /// A transaction is signed, and perhaps sent. This one and no other is sent again.
    Signed {
        /// The transaction in Base64.
        transaction: String,
        /// It can be in no block above this height.
        last_valid_block_height: u64,
        /// How often it was sent.
        sends: u32,
    },
    /// It is paid, for good.
    Paid {
        /// The slot of the block.
        slot: u64,
    },
    /// It will not be paid. No money has moved.
    Failed {
        /// Why.
        why: String,
    },
}

/// What paying out needs.
#[derive(Clone, Copy)]
pub struct Payer<'a> {
    /// Derives the references.
    pub keyring: &'a Keyring,
    /// Signs.
    pub wallet: &'a Wallet,
    /// What may leave.
    pub limits: PayoutLimits,
    /// What is offered to validators.
    pub priority: Priority,
    /// The least of a token that an account is made for, at the wallet's expense.
    pub account_min: Amount,
}

/// A step that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayoutStep {
    /// To be stored in place of the old one, before the next step.
    pub payout: Payout,
    /// Why it did not get on.
    pub problem: Option<SolanaError>,
}

impl PayoutLimits {
    /// What may leave now for a payout, after those that were signed already. Refunds and what payees get are counted
    /// apart.
    pub fn left<'a>(&self, payout: &Payout, payouts: impl IntoIterator<Item = &'a Payout>, now: Timestamp) -> Amount {
        let since = now.minus(LIMIT_WINDOW);
        let counts = |other: &&Payout| {
            other.coin == payout.coin
                && other.key != payout.key
                && other.is_refund() == payout.is_refund()
                && other.signed_at.is_some_and(|signed_at| signed_at > since)
                && !matches!(other.state, PayoutState::Failed { .. })
        };
        let (mut spent, mut to_payee) = (Amount::ZERO, Amount::ZERO);
        for other in payouts.into_iter().filter(counts) {
            spent = spent.checked_add(other.amount).unwrap_or(Amount::MAX);
            if other.to == payout.to {
                to_payee = to_payee.checked_add(other.amount).unwrap_or(Amount::MAX);
            }
        }
        let rest = |limit: Amount, spent: Amount| limit.checked_sub(spent).unwrap_or(Amount::ZERO);
        let left = if payout.is_refund() {
            rest(self.refund_per_day, spent)
        } else {
            rest(self.per_day, spent).min(rest(self.payee_per_day, to_payee))
        };
        left.min(self.per_transaction)
    }
}

impl Payout {
    /// A payout that is to be made.
    pub fn new(key: impl Into<String>, to: Address, coin: Coin, amount: Amount, now: Timestamp) -> Self {
        Self {
            key: key.into(),
            to,
            account: None,
            coin,
            amount,
            state: PayoutState::Planned,
            signatures: Vec::new(),
            signed_at: None,
            signed_slot: None,
            next_at: now,
            failures: 0,
        }
    }

    /// Whether it goes back to a buyer.
    pub fn is_refund(&self) -> bool {
        self.key.starts_with(REFUND_PREFIX)
    }

    /// Whether it has ended, well or not.
    pub const fn is_over(&self) -> bool {
        matches!(self.state, PayoutState::Paid { .. } | PayoutState::Failed { .. })
    }

    /// Goes one step on. `others`: the other payouts of the last day, for the limit. Steps of one wallet are made one
    /// after the other, each with what the ones before have left.
    pub async fn step(&self, rpc: &Rpc, payer: &Payer<'_>, others: &[Self], now: Timestamp) -> PayoutStep {
        let mut payout = self.clone();
        let went = match &self.state {
            PayoutState::Planned => payout.sign(rpc, payer, others, now).await,
            PayoutState::Signed { .. } => payout.chase(rpc, payer).await,
            PayoutState::Paid { .. } | PayoutState::Failed { .. } => return PayoutStep { payout, problem: None },
        };
        let problem = went.err();
        if problem.is_some() {
            payout.failures = payout.failures.saturating_add(1);
            payout.next_at = now.plus(backoff(payout.failures));
        } else {
            payout.failures = 0;
            // What was sent needs its time; what was only signed goes at once.
            let was_sent = matches!(payout.state, PayoutState::Signed { sends, .. } if sends > 0);
            payout.next_at = if was_sent { now.plus(LOOK_AGAIN) } else { now };
        }
        PayoutStep { payout, problem }
    }

    async fn sign(&mut self, rpc: &Rpc, payer: &Payer<'_>, others: &[Self], now: Timestamp) -> Result<(), SolanaError> {
        let amount = self.amount;
        if amount.is_zero() {
            return Err(SolanaError::Nothing);
        }
        // The payout's own earlier attempts have ended, and do not count against it.
        let left = payer.limits.left(self, others, now);
        if amount > left {
            return Err(SolanaError::Limit { amount, left });
        }
        let from = payer.wallet.address();
        let held = rpc.holdings(&self.coin, &[from]).await?;
        let held = held.get(&self.coin.account(&from)?).map_or(0, |holding| holding.units);
        if held < Coin::units(amount) {
            let holds = Amount::from_micros(i64::try_from(held).unwrap_or(i64::MAX)).unwrap_or_default();
            return Err(SolanaError::Balance { holds, amount });
        }
        let transfer = match self.transfer(rpc, payer).await? {
            Ok(transfer) => transfer,
            Err(why) => {
                self.state = PayoutState::Failed { why: why.to_owned() };
                return Ok(());
            }
        };
        let (holds, needed) = (rpc.lamports(&from).await?, self.cost(&transfer, payer.priority));
        if holds < needed {
            return Err(SolanaError::Lamports { holds, needed });
        }
        let recent = rpc.recent().await?;
        let reference = self.reference(payer.keyring);
        let transfers = [transfer];
        let mut instructions = budget(&transfers, &self.coin, payer.priority);
        instructions.extend(transfers_write(&from, &self.coin, &transfers, &reference)?);
        let message = Message::compile(&from, &instructions, &recent.blockhash)?;
        let (transaction, signature) = message.signed(payer.wallet.key())?;
        self.signatures.push(bs58::encode(signature.to_bytes()).into_string());
        self.signed_at = Some(now);
        self.signed_slot = Some(recent.slot);
        self.state = PayoutState::Signed {
            transaction: base64_text(&transaction),
            last_valid_block_height: recent.last_valid_block_height,
            sends: 0,
        };
        Ok(())
    }

    /// Into which account it goes, and whether that has to be made; or why it will go nowhere.
    async fn transfer(&self, rpc: &Rpc, payer: &Payer<'_>) -> Result<Result<Transfer, &'static str>, SolanaError> {
        let account = match self.account {
            Some(account) => account,
            None => self.coin.account(&self.to)?,
        };
        let standing = rpc.account(&self.coin, &self.to, &account).await?.standing;
        let is_missing = standing == Standing::Missing;
        Ok(match standing {
            Standing::Unusable => {
                Err("the account of the payee cannot receive: it is frozen or belongs to somebody else")
            }
            Standing::Missing if self.account.is_some() => {
                Err("the account that the money came from is gone: send it back by hand")
            }
            Standing::Missing if self.coin.mint.is_some() && self.amount < payer.account_min => {
                Err("the payee has no account for it, and it is too little to make one: wait until it is more")
            }
            Standing::Missing if self.coin.mint.is_none() && Coin::units(self.amount) < RENT => {
                Err("the payee's address is empty, and the chain keeps no account with so little in it")
            }
            Standing::Ready | Standing::Missing => Ok(Transfer {
                owner: self.to,
                account,
                amount: self.amount,
                creates: self.coin.mint.is_some() && is_missing,
            }),
        })
    }

    /// How many lamports must be at the wallet's address: what the transaction takes, and what keeps the address alive.
    fn cost(&self, transfer: &Transfer, priority: Priority) -> u64 {
        let moved = if self.coin.mint.is_none() {
            Coin::units(self.amount)
        } else {
            0
        };
        let made = if transfer.creates { TOKEN_ACCOUNT_RENT } else { 0 };
        let units = u64::from(units_max(std::slice::from_ref(transfer), &self.coin, priority));
        let offered = units.saturating_mul(priority.price_microlamports).div_ceil(1_000_000);
        [SIGNATURE_FEE, offered, made, moved]
            .into_iter()
            .fold(RENT, u64::saturating_add)
    }

    /// Looks what became of the signed transaction, and sends it again while it can land.
    async fn chase(&mut self, rpc: &Rpc, payer: &Payer<'_>) -> Result<(), SolanaError> {
        let (
            PayoutState::Signed {
                transaction,
                last_valid_block_height,
                sends,
            },
            Some(signature),
        ) = (&mut self.state, self.signatures.last())
        else {
            return Ok(());
        };
        if *sends > 0 {
            match rpc.status(signature).await? {
                Some(status) if status.confirmation_status == Some(Finality::Finalized) => {
                    self.end(status.slot, status.err.map(|error| error.to_string()));
                    return Ok(());
                }
                Some(_in_a_block) => return Ok(()),
                None => {}
            }
            let tip = rpc.tip().await?;
            if tip.block_height > *last_valid_block_height {
                return self.expire(rpc, payer, tip.slot).await;
            }
        }
        let is_first = *sends == 0;
        // Counted before the answer: whatever the server says, it may have arrived, and is looked for from now on.
        *sends = sends.saturating_add(1);
        Ok(rpc.send(transaction, is_first).await?)
    }

    /// The transaction can be in no new block. Whether it is in an old one is asked of as many servers as must agree,
    /// which have seen all of them and have every one since it was signed: one that lags behind refuses to answer, one
    /// that has thrown blocks away does not count, and then nothing is decided.
    async fn expire(&mut self, rpc: &Rpc, payer: &Payer<'_>, slot: u64) -> Result<(), SolanaError> {
        // What was signed before its slot was kept was signed lately: any server has it.
        let since = self.signed_slot.unwrap_or(slot);
        let listed = rpc.listed_since(&self.reference(payer.keyring), (since, slot)).await?;
        // The reference is public by now: only our own transactions count.
        let own = |signature: &String| self.signatures.contains(signature);
        let landed = listed
            .into_iter()
            .find(|found| own(&found.signature) && found.err.is_none());
        if let Some(found) = landed {
            self.end(found.slot, None);
        } else if self.signatures.len() < ATTEMPTS_MAX {
            self.state = PayoutState::Planned;
        } else {
            let why = format!("{ATTEMPTS_MAX} transactions were signed and sent, and none was taken by the chain");
            self.state = PayoutState::Failed { why };
        }
        Ok(())
    }

    fn end(&mut self, slot: u64, error: Option<String>) {
        self.state = match error {
            None => PayoutState::Paid { slot },
            Some(error) => PayoutState::Failed {
                why: format!("the chain refused it: {error}"),
            },
        };
    }

    fn reference(&self, keyring: &Keyring) -> Address {
        reference_of(keyring, "payout", &self.key)
    }
}
