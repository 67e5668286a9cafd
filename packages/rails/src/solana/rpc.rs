//! A typed client for the few methods of a Solana node's JSON-RPC that payments need.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use super::landed::Landed;
use super::program::{SYSTEM_PROGRAM, TOKEN_PROGRAM};
use super::servers::{Servers, unreadable};
use super::wire::Blockhash;
use super::{Address, Coin, SolanaError, Standing};

/// So many accounts are asked for at once; servers take no more.
const ACCOUNTS_PER_CALL: usize = 100;
/// So many signatures come in one answer; servers give no more.
const SIGNATURES_PER_CALL: usize = 1000;
/// So many answers are read for one address.
const SIGNATURE_CALLS_MAX: usize = 10;

/// Why the server's answer does not help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RpcError {
    /// No answer, or one that says to come back later.
    #[error("the Solana RPC server does not answer: {0}")]
    Away(String),
    /// The server refuses.
    #[error("the Solana RPC server refuses ({code}): {message}")]
    Refused {
        /// Its own number for it.
        code: i64,
        /// Its words, shortened.
        message: String,
    },
    /// The answer is not what the method gives.
    #[error("the answer of the Solana RPC server to {method} cannot be read: {detail}")]
    Unreadable {
        /// The method.
        method: &'static str,
        /// What was wrong.
        detail: String,
    },
}

/// A connection to Solana nodes, one's own or providers'. Their addresses may hold secrets and are never shown.
#[derive(Clone)]
pub struct Rpc {
    servers: Servers,
    agree: usize,
}

/// How far a transaction got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finality {
    /// In a block that may be dropped.
    Processed,
    /// Voted for by most, and in theory still dropped.
    Confirmed,
    /// For good.
    Finalized,
}

/// A transaction in the list of an address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// Its name.
    pub signature: String,
    /// The slot of its block.
    pub slot: u64,
    /// What went wrong in it.
    pub err: Option<Value>,
    /// When its block was made, in seconds since 1970.
    pub block_time: Option<i64>,
    /// How far it got. Old servers leave it out for what is final.
    pub confirmation_status: Option<Finality>,
}

/// How a transaction fares.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignatureStatus {
    /// The slot of its block.
    pub slot: u64,
    /// What went wrong in it.
    pub err: Option<Value>,
    /// How far it got.
    pub confirmation_status: Option<Finality>,
}

/// Where the finalised chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tip {
    /// The last finalised slot.
    #[serde(rename = "absoluteSlot")]
    pub slot: u64,
    /// How many blocks there are up to it.
    pub block_height: u64,
}

/// A blockhash to build on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recent {
    /// The hash.
    pub blockhash: Blockhash,
    /// A transaction on it can be in no block above this height.
    pub last_valid_block_height: u64,
    /// The slot that the server had seen: no transaction on it is in an earlier one.
    pub slot: u64,
}

/// What an owner has of a coin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    /// Whether it can receive.
    pub standing: Standing,
    /// How much is there, in the smallest unit.
    pub units: u64,
}

/// The list of an address, from a certain point on.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListQuery<'a> {
    /// Only what is newer than this transaction.
    pub until: Option<&'a str>,
    /// Only what is final, by a server that has seen this slot.
    pub final_at_slot: Option<u64>,
}

#[derive(Deserialize)]
struct InContext<T> {
    value: T,
    #[serde(default)]
    context: Context,
}

#[derive(Default, Deserialize)]
struct Context {
    slot: u64,
}

#[derive(Deserialize)]
struct RawAccount {
    lamports: u64,
    owner: Address,
    data: (String, String),
}

impl RpcError {
    /// Whether nobody will get an answer now, whatever is asked.
    pub(crate) const fn is_away(&self) -> bool {
        matches!(self, Self::Away(_))
    }
}

impl Rpc {
    /// A connection to servers of one chain, in the order in which they are asked; asks nobody. `agree` of them must
    /// show the same transaction before [`Rpc::landed`] gives it.
    ///
    /// # Errors
    /// [`RpcError::Away`] when the TLS set-up of the machine is broken.
    pub fn new(urls: impl IntoIterator<Item = Url>, agree: usize) -> Result<Self, RpcError> {
        let servers = Servers::new(urls)?;
        Ok(Self { servers, agree })
    }

    /// The first block of the chain, its name.
    pub async fn genesis(&self) -> Result<Address, RpcError> {
        self.call("getGenesisHash", json!([])).await
    }

    /// From now on only servers on the chain with this first block are asked.
    pub fn chain_expect(&self, genesis: Address) {
        self.servers.chain_expect(genesis);
    }

    /// How many servers there are, and how many of them did not answer when they were asked last.
    pub fn away(&self) -> (usize, usize) {
        self.servers.away()
    }

    /// A blockhash to build on.
    pub async fn recent(&self) -> Result<Recent, RpcError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Raw {
            blockhash: Address,
            last_valid_block_height: u64,
        }
        let raw: InContext<Raw> = self
            .call("getLatestBlockhash", json!([{"commitment": "confirmed"}]))
            .await?;
        Ok(Recent {
            blockhash: Blockhash(raw.value.blockhash),
            last_valid_block_height: raw.value.last_valid_block_height,
            slot: raw.context.slot,
        })
    }

    /// Where the finalised chain ends.
    pub async fn tip(&self) -> Result<Tip, RpcError> {
        self.call("getEpochInfo", json!([{"commitment": "finalized"}])).await
    }

    /// What owners have of a coin, by the account in which they have it.
    ///
    /// # Errors
    /// [`SolanaError::Address`] for an owner who can have none; [`SolanaError::Rpc`].
    pub async fn holdings(&self, coin: &Coin, owners: &[Address]) -> Result<BTreeMap<Address, Holding>, SolanaError> {
        let mut holdings = BTreeMap::new();
        for owners in owners.chunks(ACCOUNTS_PER_CALL) {
            let accounts: Vec<Address> = owners
                .iter()
                .map(|owner| coin.account(owner))
                .collect::<Result<_, _>>()?;
            let params = json!([accounts, {"encoding": "base64", "commitment": "confirmed"}]);
            let found: InContext<Vec<Option<RawAccount>>> = self.call("getMultipleAccounts", params).await?;
            if found.value.len() != accounts.len() {
                return Err(unreadable("getMultipleAccounts", "another number of accounts than asked for").into());
            }
            for ((owner, account), raw) in owners.iter().zip(accounts).zip(found.value) {
                holdings.insert(account, holding(coin, owner, raw.as_ref())?);
            }
        }
        Ok(holdings)
    }

    /// What an account of an owner has of a coin, whichever of the owner's accounts it is.
    pub async fn account(&self, coin: &Coin, owner: &Address, account: &Address) -> Result<Holding, RpcError> {
        holding(coin, owner, self.account_raw(account).await?.as_ref())
    }

    /// How much SOL is at an address, in lamports.
    pub async fn lamports(&self, address: &Address) -> Result<u64, RpcError> {
        Ok(self.account_raw(address).await?.map_or(0, |raw| raw.lamports))
    }

    async fn account_raw(&self, account: &Address) -> Result<Option<RawAccount>, RpcError> {
        let params = json!([[account], {"encoding": "base64", "commitment": "confirmed"}]);
        let found: InContext<Vec<Option<RawAccount>>> = self.call("getMultipleAccounts", params).await?;
        Ok(found.value.into_iter().next().flatten())
    }

    /// Hands a signed transaction to the chain. `checked`: the server tries it first, and refuses what would fail.
    /// That it was taken says nothing about whether it lands.
    pub async fn send(&self, transaction: &str, checked: bool) -> Result<(), RpcError> {
        let options = json!({"encoding": "base64", "skipPreflight": !checked, "preflightCommitment": "confirmed",
            "maxRetries": 0});
        let _signature: String = self.call("sendTransaction", json!([transaction, options])).await?;
        Ok(())
    }

    /// How a transaction fares; `None` if the server knows none of that name.
    pub async fn status(&self, signature: &str) -> Result<Option<SignatureStatus>, RpcError> {
        let params = json!([[signature], {"searchTransactionHistory": true}]);
        let found: InContext<Vec<Option<SignatureStatus>>> = self.call("getSignatureStatuses", params).await?;
        Ok(found.value.into_iter().next().flatten())
    }

    /// The transactions that name an address, the oldest first.
    ///
    /// # Errors
    /// [`RpcError::Refused`] also when there are more than ten thousand, or the server has not seen the slot yet.
    pub async fn list(&self, address: &Address, query: &ListQuery<'_>) -> Result<Vec<Listed>, RpcError> {
        let mut all: Vec<Listed> = Vec::new();
        for _call in 0..SIGNATURE_CALLS_MAX {
            let commitment = if query.final_at_slot.is_some() {
                "finalized"
            } else {
                "confirmed"
            };
            let mut options = json!({"limit": SIGNATURES_PER_CALL, "commitment": commitment});
            if let Some(options) = options.as_object_mut() {
                let mut put =
                    |name: &str, value: Option<Value>| value.map(|value| options.insert(name.to_owned(), value));
                put("until", query.until.map(Value::from));
                put("before", all.last().map(|last| Value::from(last.signature.as_str())));
                put("minContextSlot", query.final_at_slot.map(Value::from));
            }
            let page: Vec<Listed> = self.call("getSignaturesForAddress", json!([address, options])).await?;
            let is_last = page.len() < SIGNATURES_PER_CALL;
            all.extend(page);
            if is_last {
                all.reverse();
                return Ok(all);
            }
        }
        Err(RpcError::Refused {
            code: 0,
            message: "more transactions name this address than can be read".to_owned(),
        })
    }

    /// The final transactions that name an address, by as many servers as must agree, each of which has every block
    /// between two slots: what none of them lists is in none.
    ///
    /// # Errors
    /// [`RpcError::Away`] when fewer servers have all these blocks; what the last of them said instead.
    pub async fn listed_since(&self, address: &Address, (since, until): (u64, u64)) -> Result<Vec<Listed>, RpcError> {
        let options = json!({"limit": SIGNATURES_PER_CALL, "commitment": "finalized", "minContextSlot": until});
        let params = json!([address, options]);
        let lists = self.servers.lists_since(since, &params, self.agree).await?;
        Ok(lists.into_iter().flatten().collect())
    }

    /// A page of the final transactions that name an address, the newest first, from the one before `before` on.
    pub async fn history(
        &self,
        address: &Address,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Listed>, RpcError> {
        let mut options = json!({"limit": limit.min(SIGNATURES_PER_CALL), "commitment": "finalized"});
        if let Some((options, before)) = options.as_object_mut().zip(before) {
            options.insert("before".to_owned(), Value::from(before));
        }
        self.call("getSignaturesForAddress", json!([address, options])).await
    }

    /// A finalised transaction; `None` if the servers have none of that name, or not yet.
    ///
    /// # Errors
    /// [`RpcError::Away`] also when fewer servers than must agree have it; [`RpcError::Unreadable`] when two of them
    /// differ.
    pub async fn landed(&self, signature: &str) -> Result<Option<Landed>, RpcError> {
        const METHOD: &str = "getTransaction";
        let options = json!({"encoding": "json", "commitment": "finalized", "maxSupportedTransactionVersion": 0});
        let read = |value: Value| {
            let landed = Landed::read(value).map_err(|detail| unreadable(METHOD, &detail))?;
            if landed.signature != signature {
                return Err(unreadable(METHOD, "another transaction than asked for"));
            }
            Ok(landed)
        };
        let params = json!([signature, options]);
        self.servers.ask_agreed(METHOD, &params, self.agree, read).await
    }

    async fn call<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> Result<T, RpcError> {
        let found = self.servers.ask(method, &params).await?;
        found.ok_or_else(|| unreadable(method, "neither a result nor an error"))
    }
}

/// Reads an account. A token account is 165 bytes: mint, owner, amount, and at 108 whether it is frozen.
fn holding(coin: &Coin, owner: &Address, raw: Option<&RawAccount>) -> Result<Holding, RpcError> {
    let nothing = |standing| Holding { standing, units: 0 };
    let Some(raw) = raw else {
        return Ok(nothing(Standing::Missing));
    };
    let Some(mint) = &coin.mint else {
        let standing = if raw.owner == SYSTEM_PROGRAM {
            Standing::Ready
        } else {
            Standing::Unusable
        };
        return Ok(Holding {
            standing,
            units: raw.lamports,
        });
    };
    // Lamports sent to the address before the account was made do not make it one.
    if raw.owner == SYSTEM_PROGRAM {
        return Ok(nothing(Standing::Missing));
    }
    let data = STANDARD
        .decode(&raw.data.0)
        .map_err(|error| unreadable("getMultipleAccounts", &error.to_string()))?;
    let part = |from: usize, to: usize| data.get(from..to).unwrap_or_default();
    let initialised = data.get(108) == Some(&1);
    let is_his = part(0, 32) == mint.as_bytes() && part(32, 64) == owner.as_bytes();
    if raw.owner != TOKEN_PROGRAM || !initialised || !is_his {
        return Ok(nothing(Standing::Unusable));
    }
    let units = part(64, 72).try_into().map(u64::from_le_bytes).unwrap_or_default();
    Ok(Holding {
        standing: Standing::Ready,
        units,
    })
}
