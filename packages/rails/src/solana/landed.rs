//! A transaction that is on the chain, read from the answer of the RPC server.

use std::collections::BTreeMap;

use imajin_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Address;
use super::program::{SYSTEM_PROGRAM, SYSTEM_TRANSFER, TOKEN_PROGRAM, TOKEN_TRANSFER, TOKEN_TRANSFER_CHECKED};

/// What a transaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// Its name: the first signature.
    pub signature: String,
    /// The slot of its block.
    pub slot: u64,
    /// When its block was made.
    pub time: Option<Timestamp>,
    /// What went wrong: then it moved nothing.
    pub error: Option<String>,
    /// Who paid its fee.
    pub payer: Option<Address>,
    /// What it moved, by its own instructions and by those that programs called.
    pub moves: Vec<Move>,
    /// What accounts had afterwards against before, with fees, and whichever program moved it.
    pub changes: Vec<Change>,
}

/// What an account has more or less after a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The account.
    pub account: Address,
    /// The token; `None` for SOL.
    pub mint: Option<Address>,
    /// How much, in the smallest unit; below zero when it has less.
    pub units: i128,
}

/// Money that moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The token; `None` for SOL.
    pub mint: Option<Address>,
    /// Whose it was: who signed for it.
    pub from: Address,
    /// The account that it left, of a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Address>,
    /// The account that received it.
    pub account: Address,
    /// Who owns that account.
    pub owner: Address,
    /// How much, in the smallest unit.
    pub units: u64,
    /// What the instruction carried besides: references.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Address>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    slot: u64,
    block_time: Option<i64>,
    transaction: RawTransaction,
    meta: Option<RawMeta>,
}

#[derive(Deserialize)]
struct RawTransaction {
    signatures: Vec<String>,
    message: RawMessage,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMessage {
    account_keys: Vec<Address>,
    instructions: Vec<RawInstruction>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawInstruction {
    program_id_index: usize,
    accounts: Vec<usize>,
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMeta {
    err: Option<Value>,
    inner_instructions: Option<Vec<RawInner>>,
    pre_token_balances: Option<Vec<RawBalance>>,
    post_token_balances: Option<Vec<RawBalance>>,
    loaded_addresses: Option<RawLoaded>,
    #[serde(default)]
    pre_balances: Vec<u64>,
    #[serde(default)]
    post_balances: Vec<u64>,
}

#[derive(Deserialize)]
struct RawInner {
    instructions: Vec<RawInstruction>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBalance {
    account_index: usize,
    mint: Address,
    owner: Option<Address>,
    ui_token_amount: Option<RawUnits>,
}

#[derive(Deserialize)]
struct RawUnits {
    amount: String,
}

#[derive(Deserialize)]
struct RawLoaded {
    writable: Vec<Address>,
    readonly: Vec<Address>,
}

/// What a token account is: its mint, and its owner as far as the server says.
type TokenAccounts = BTreeMap<Address, (Address, Option<Address>)>;

impl Landed {
    /// Reads the result of `getTransaction` in the encoding `json`. The error says what is missing.
    pub(crate) fn read(value: Value) -> Result<Self, String> {
        let raw: Raw = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let meta = raw.meta.ok_or("the server keeps no results of transactions")?;
        let message = raw.transaction.message;
        let mut keys = message.account_keys;
        if let Some(loaded) = meta.loaded_addresses {
            keys.extend(loaded.writable);
            keys.extend(loaded.readonly);
        }
        let mut changes = sol_changes(&keys, &meta.pre_balances, &meta.post_balances);
        changes.extend(token_changes(
            &keys,
            meta.pre_token_balances.as_deref(),
            meta.post_token_balances.as_deref(),
        )?);
        let mut accounts = TokenAccounts::new();
        let balances = [meta.pre_token_balances, meta.post_token_balances];
        for balance in balances.into_iter().flatten().flatten() {
            let account = keys.get(balance.account_index).ok_or("a balance of no account")?;
            accounts.insert(*account, (balance.mint, balance.owner));
        }
        let inner = meta.inner_instructions.unwrap_or_default();
        let called = inner.into_iter().flat_map(|inner| inner.instructions);
        let instructions = message.instructions.into_iter().chain(called);
        let mut moves = Vec::new();
        for instruction in instructions {
            moves.extend(move_read(&keys, &accounts, &instruction)?);
        }
        let error = meta.err.map(|error| error.to_string());
        if error.is_some() {
            moves.clear();
        }
        Ok(Self {
            signature: raw.transaction.signatures.into_iter().next().ok_or("no signature")?,
            slot: raw.slot,
            time: raw.block_time.map(Timestamp::from_seconds),
            error,
            payer: keys.first().copied(),
            moves,
            changes,
        })
    }

    /// What an account has more or less of a token, or of SOL, after it.
    pub fn change(&self, account: &Address, mint: Option<&Address>) -> i128 {
        let found = self.changes.iter();
        let mut found = found.filter(|change| change.account == *account && change.mint.as_ref() == mint);
        found.next().map_or(0, |change| change.units)
    }
}

fn sol_changes(keys: &[Address], before: &[u64], after: &[u64]) -> Vec<Change> {
    let each = keys.iter().zip(before.iter().zip(after));
    let changed = each.filter(|(_, (before, after))| before != after);
    let change = |(account, (before, after)): (&Address, (&u64, &u64))| Change {
        account: *account,
        mint: None,
        units: i128::from(*after).saturating_sub(i128::from(*before)),
    };
    changed.map(change).collect()
}

/// An account that is not among the balances of one side had nothing there.
fn token_changes(
    keys: &[Address],
    before: Option<&[RawBalance]>,
    after: Option<&[RawBalance]>,
) -> Result<Vec<Change>, String> {
    let mut sums: BTreeMap<(Address, Address), i128> = BTreeMap::new();
    for (sign, balances) in [(-1, before), (1, after)] {
        for balance in balances.unwrap_or_default() {
            let account = keys.get(balance.account_index).ok_or("a balance of no account")?;
            let units = balance.ui_token_amount.as_ref().map_or("0", |units| &units.amount);
            let units: u64 = units.parse().or(Err("a balance is no number"))?;
            let sum = sums.entry((*account, balance.mint)).or_default();
            *sum = sum.saturating_add(i128::from(units).saturating_mul(sign));
        }
    }
    let changed = sums.into_iter().filter(|(_, units)| *units != 0);
    let change = |((account, mint), units)| Change {
        account,
        mint: Some(mint),
        units,
    };
    Ok(changed.map(change).collect())
}

fn move_read(
    keys: &[Address],
    accounts: &TokenAccounts,
    instruction: &RawInstruction,
) -> Result<Option<Move>, &'static str> {
    let absent = "an instruction names an account that is not there";
    let program = keys.get(instruction.program_id_index).ok_or(absent)?;
    if *program != TOKEN_PROGRAM && *program != SYSTEM_PROGRAM {
        return Ok(None);
    }
    let used: Option<Vec<Address>> = instruction
        .accounts
        .iter()
        .map(|index| keys.get(*index).copied())
        .collect();
    let used = used.ok_or(absent)?;
    let data = bs58::decode(&instruction.data).into_vec();
    let data = data.or(Err("the data of an instruction is not Base58"))?;
    Ok(if *program == SYSTEM_PROGRAM {
        sol_move(&used, &data)
    } else {
        token_move(&used, &data, accounts)
    })
}

fn sol_move(used: &[Address], data: &[u8]) -> Option<Move> {
    let (kind, lamports) = data.split_at_checked(4)?;
    let [from, to, references @ ..] = used else {
        return None;
    };
    if kind != SYSTEM_TRANSFER.to_le_bytes() {
        return None;
    }
    Some(Move {
        mint: None,
        from: *from,
        source: None,
        account: *to,
        owner: *to,
        units: u64::from_le_bytes(lamports.try_into().ok()?),
        references: references.to_vec(),
    })
}

fn token_move(used: &[Address], data: &[u8], accounts: &TokenAccounts) -> Option<Move> {
    let (kind, rest) = data.split_first()?;
    let ((TOKEN_TRANSFER, [source, account, from, references @ ..])
    | (TOKEN_TRANSFER_CHECKED, [source, _, account, from, references @ ..])) = (*kind, used)
    else {
        return None;
    };
    // The server saw the account itself: what the instruction calls its mint is not needed.
    let (mint, owner) = accounts.get(account)?;
    Some(Move {
        mint: Some(*mint),
        from: *from,
        source: Some(*source),
        account: *account,
        owner: owner.unwrap_or(*account),
        units: u64::from_le_bytes(rest.get(..8)?.try_into().ok()?),
        references: references.to_vec(),
    })
}
