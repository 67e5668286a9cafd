//! Which shares of a payment go to their payees on the chain, and which through the node.

use std::collections::BTreeMap;

use imajin_did::Did;
use imajin_kernel::id::CheckoutId;
use imajin_money::Amount;
use serde::{Deserialize, Serialize};

use super::program::memo;
use super::transfers::{budget, transfers_write};
use super::wire::{Blockhash, Instruction, Message, WireError};
use super::{Address, Coin, SolanaError};
use crate::RailDirect;

/// At most so many accounts are paid in one transaction. A packet would hold one or two more; wallets add
/// instructions of their own, and need the room.
pub const PAYEES_MAX: usize = 15;
/// At most so many token accounts are made in one transaction.
pub const ACCOUNTS_CREATED_MAX: usize = 7;
/// What an account must hold to exist at all, in lamports (128 bytes and two years of rent, fixed since genesis).
pub const RENT_LAMPORTS: i64 = 890_880;

/// A share of a payment: one leg of the settlement plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Whose it is.
    pub did: Did,
    /// How much.
    pub amount: Amount,
    /// Where he wants to be paid: an address bound to the DID. `None`: the share stays in the ledger.
    pub address: Option<Address>,
    /// Whether the share waits for something, and so must stay in the ledger.
    pub held: bool,
}

/// What an account is before the payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It can receive.
    Ready,
    /// It does not exist.
    Missing,
    /// It cannot receive: frozen, or given away to another owner.
    Unusable,
}

/// Where a share goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// To the payee's own address, with the payment.
    Chain,
    /// To the node's address with the payment, and to the payee in the ledger.
    Ledger,
}

/// One transfer of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// Who is paid.
    pub owner: Address,
    /// Into which account; for SOL the owner's address.
    pub account: Address,
    /// How much.
    pub amount: Amount,
    /// Whether the payment must make the account first, at the payer's expense.
    pub creates: bool,
}

/// How a payment is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case")]
pub enum Form {
    /// The payees are paid on the chain, in one transaction.
    Split,
    /// One transfer goes to the node, and the shares are booked in the ledger.
    Single {
        /// Why it is not split.
        why: Why,
    },
}

/// Why a payment is not split on the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Why {
    /// No payee can be paid on the chain.
    #[error("no payee has an address of Solana that can be paid now")]
    NobodyBound,
    /// More payees than a transaction holds.
    #[error("{count} accounts are to be paid, and one transaction pays at most {PAYEES_MAX}")]
    Payees {
        /// How many.
        count: usize,
    },
    /// More new accounts than a transaction holds.
    #[error("{count} token accounts would have to be made, and one transaction makes at most {ACCOUNTS_CREATED_MAX}")]
    Accounts {
        /// How many.
        count: usize,
    },
    /// It would not fit a packet.
    #[error("the transaction would have {bytes} bytes, more than a packet holds")]
    Bytes {
        /// How many.
        bytes: usize,
    },
}

/// What is offered to validators besides the base fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Priority {
    /// For each compute unit, in millionths of a lamport; 0 offers nothing.
    pub price_microlamports: u64,
    /// The most compute units; `None`: what the transfers need, generously.
    pub units_max: Option<u32>,
}

impl Default for Priority {
    fn default() -> Self {
        Self {
            price_microlamports: 10_000,
            units_max: None,
        }
    }
}

/// A payment that is to be planned.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    /// The checkout, named in the memo.
    pub checkout: CheckoutId,
    /// By which the payment is found.
    pub reference: Address,
    /// What is paid in.
    pub coin: Coin,
    /// What is paid, exactly.
    pub gross: Amount,
    /// The legs of the settlement plan; they sum to `gross`.
    pub shares: &'a [Share],
    /// The node's own address.
    pub node: Address,
    /// What is offered to validators.
    pub priority: Priority,
    /// What an account is, by its address.
    pub standing: &'a (dyn Fn(&Address) -> Standing + Sync),
}

/// How a payment will be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    /// The checkout.
    pub checkout: CheckoutId,
    /// By which it is found.
    pub reference: Address,
    /// What is paid in.
    pub coin: Coin,
    /// What is paid.
    pub gross: Amount,
    /// Split or not, and why not.
    #[serde(flatten)]
    pub form: Form,
    /// The transfers. They sum to `gross`, exactly.
    pub transfers: Vec<Transfer>,
    /// The transfer that pays everything to the node: what a wallet makes of a transfer request.
    pub single: Transfer,
    /// Where each share goes, in the order of the shares.
    pub places: Vec<Place>,
    /// The shares that their payees receive themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub direct: Vec<RailDirect>,
    /// What is offered to validators.
    pub priority: Priority,
}

impl Payment {
    /// Plans a payment. Shares without an address, held shares, and shares whose account cannot receive go to the node
    /// in one transfer; the others to their payees, if all of it fits one transaction; otherwise everything goes to the
    /// node.
    ///
    /// # Errors
    /// [`SolanaError::Sum`] when the shares are not what is paid, [`SolanaError::Nothing`] when nothing is.
    pub fn plan(input: &PlanInput<'_>) -> Result<Self, SolanaError> {
        let too_large = |_error| SolanaError::Sum {
            shares: Amount::MAX,
            gross: input.gross,
        };
        let shares = Amount::sum(input.shares.iter().map(|share| share.amount)).map_err(too_large)?;
        if shares != input.gross {
            return Err(SolanaError::Sum {
                shares,
                gross: input.gross,
            });
        }
        if input.gross.is_zero() {
            return Err(SolanaError::Nothing);
        }
        let single = input.transfer(&input.node, input.gross)?;
        let places = input.places()?;
        let transfers = input.transfers(&places)?;
        let mut payment = Self {
            checkout: input.checkout,
            reference: input.reference,
            coin: input.coin,
            gross: input.gross,
            form: Form::Split,
            transfers,
            single,
            direct: input.direct(&places),
            places,
            priority: input.priority,
        };
        if let Some(why) = payment.obstacle()? {
            payment.form = Form::Single { why };
            payment.transfers = vec![payment.single.clone()];
            payment.places.fill(Place::Ledger);
            payment.direct.clear();
        }
        Ok(payment)
    }

    /// The transaction for a payer to sign.
    ///
    /// # Errors
    /// [`SolanaError::Wire`] when it does not fit; a planned payment does.
    pub fn message(&self, payer: &Address, blockhash: &Blockhash) -> Result<Message, SolanaError> {
        let instructions = self.instructions(payer)?;
        Ok(Message::compile(payer, &instructions, blockhash)?)
    }

    /// The line of text that the transaction carries.
    pub fn memo(&self) -> String {
        format!("imajin {}", self.checkout)
    }

    /// Who is paid on the chain, in one sentence for the buyer.
    pub fn explained(&self) -> String {
        match self.form {
            Form::Single { why } => {
                format!("Your payment goes to this node, which books the shares of the payees: {why}.")
            }
            Form::Split if self.transfers.len() == 1 => "Your payment goes to the payee directly.".to_owned(),
            Form::Split => format!(
                "Your payment goes to {} accounts directly, in one transaction.",
                self.transfers.len()
            ),
        }
    }

    /// Why the planned split cannot be one transaction.
    fn obstacle(&self) -> Result<Option<Why>, SolanaError> {
        let created = self.transfers.iter().filter(|transfer| transfer.creates).count();
        if !self.places.contains(&Place::Chain) {
            return Ok(Some(Why::NobodyBound));
        }
        if self.transfers.len() > PAYEES_MAX {
            return Ok(Some(Why::Payees {
                count: self.transfers.len(),
            }));
        }
        if created > ACCOUNTS_CREATED_MAX {
            return Ok(Some(Why::Accounts { count: created }));
        }
        // Somebody who is none of the payees: the longest that it can get.
        let somebody = Address::from_bytes([0xff; 32]);
        match self.message(&somebody, &Blockhash(somebody)) {
            Ok(_fits) => Ok(None),
            Err(SolanaError::Wire(WireError::TooLong(bytes))) => Ok(Some(Why::Bytes { bytes })),
            Err(error) => Err(error),
        }
    }

    fn instructions(&self, payer: &Address) -> Result<Vec<Instruction>, SolanaError> {
        let mut instructions = budget(&self.transfers, &self.coin, self.priority);
        instructions.push(memo(&self.memo()));
        instructions.extend(transfers_write(payer, &self.coin, &self.transfers, &self.reference)?);
        Ok(instructions)
    }
}

impl PlanInput<'_> {
    fn places(&self) -> Result<Vec<Place>, SolanaError> {
        // Two shares of one address arrive together, so they are large enough together.
        let mut totals: BTreeMap<Address, Amount> = BTreeMap::new();
        for share in self.shares.iter().filter(|share| !share.held) {
            if let Some(address) = share.address {
                let total = totals.entry(address).or_default();
                *total = total.checked_add(share.amount).unwrap_or(Amount::MAX);
            }
        }
        let mut places = Vec::with_capacity(self.shares.len());
        for share in self.shares {
            let place = match share.address {
                Some(address) if !share.held => {
                    let total = totals.get(&address).copied().unwrap_or_default();
                    self.place(&address, total)?
                }
                _ => Place::Ledger,
            };
            places.push(place);
        }
        Ok(places)
    }

    fn direct(&self, places: &[Place]) -> Vec<RailDirect> {
        let shares = self.shares.iter().zip(places).enumerate();
        let paid = shares.filter(|(_, (_, place))| **place == Place::Chain);
        let direct = paid.filter_map(|(share, (what, _))| {
            Some(RailDirect {
                share,
                did: what.did.clone(),
                amount: what.amount,
                address: what.address?.to_string(),
            })
        });
        direct.collect()
    }

    fn place(&self, owner: &Address, amount: Amount) -> Result<Place, SolanaError> {
        let reachable = match (self.standing)(&self.coin.account(owner)?) {
            Standing::Ready => true,
            Standing::Unusable => false,
            // A token account can be made; an address comes to be with what it must hold at least.
            Standing::Missing => self.coin.mint.is_some() || amount.micros() >= RENT_LAMPORTS,
        };
        Ok(if reachable && !amount.is_zero() {
            Place::Chain
        } else {
            Place::Ledger
        })
    }

    fn transfers(&self, places: &[Place]) -> Result<Vec<Transfer>, SolanaError> {
        let mut totals: BTreeMap<Address, Amount> = BTreeMap::new();
        for (share, place) in self.shares.iter().zip(places) {
            let owner = match (place, share.address) {
                (Place::Chain, Some(address)) => address,
                _ => self.node,
            };
            let total = totals.entry(owner).or_default();
            // The sum of all was checked before.
            *total = total.checked_add(share.amount).unwrap_or(Amount::MAX);
        }
        totals
            .iter()
            .filter(|(_owner, amount)| !amount.is_zero())
            .map(|(owner, amount)| self.transfer(owner, *amount))
            .collect()
    }

    fn transfer(&self, owner: &Address, amount: Amount) -> Result<Transfer, SolanaError> {
        let account = self.coin.account(owner)?;
        Ok(Transfer {
            owner: *owner,
            account,
            amount,
            creates: self.coin.mint.is_some() && (self.standing)(&account) == Standing::Missing,
        })
    }
}
