//! Shares that a rail has paid to their payees itself. The ledger shows them as earned and as paid out, in one
//! transaction: no balance has them.

use std::collections::BTreeMap;

use imajin_did::{Did, Keyring};
use imajin_fair::plan::Plan;
use imajin_kernel::Env;
use imajin_ledger::{AccountKey, Command, EntryKind, Movement, Posting, Purpose};
use imajin_money::{Amount, Asset, Money};
use imajin_rails::{RailDirect, RailShare, SOLANA, SolanaMessages};
use imajin_store::Conn;

use super::address::addresses_of;
use super::contract::contract_owners;
use super::message::message_find;
use super::payout::balance;
use crate::PayError;
use crate::context::Context;
use crate::rows::{CheckoutRow, MessageRow};

/// The legs of a plan as a rail may pay them, in their order, and what is left of the price for the node at the end.
///
/// A payee who has signed a distribution contract is paid through the ledger, which follows it, and so is one who owes
/// something.
pub(crate) fn shares_of_plan(conn: &mut Conn, context: &Context, plan: &Plan) -> Result<Vec<RailShare>, PayError> {
    let asset = plan.gross.asset;
    let payees = plan.legs.iter().filter(|leg| !leg.held).map(|leg| leg.did.canonical());
    let mut addresses = addresses_of(conn, context, payees)?;
    let bound = addresses.keys().cloned().collect();
    for owner in contract_owners(conn, &bound)? {
        addresses.remove(&owner);
    }
    for did in bound {
        if balance(conn, context, &did, asset, Purpose::Debt)? < 0 {
            addresses.remove(&did);
        }
    }
    let mut shares: Vec<RailShare> = Vec::with_capacity(plan.legs.len().saturating_add(1));
    for leg in &plan.legs {
        let did = leg.did.canonical();
        shares.push(RailShare {
            address: addresses.get(&did).cloned(),
            did,
            amount: leg.amount,
            held: leg.held,
        });
    }
    let legs = Amount::sum(plan.legs.iter().map(|leg| leg.amount));
    let rest = legs.and_then(|legs| plan.gross.amount.checked_sub(legs));
    let rest = rest.map_err(|error| PayError::Fault(error.to_string()))?;
    if !rest.is_zero() {
        shares.push(RailShare {
            did: context.keyring.node_did().clone(),
            amount: rest,
            address: None,
            held: false,
        });
    }
    Ok(shares)
}

/// What the payment of a message has paid to payees itself, as its rail has signed it.
pub(crate) fn direct_of(keyring: &Keyring, message: &MessageRow) -> Result<Vec<RailDirect>, PayError> {
    if message.rail != SOLANA {
        return Ok(Vec::new());
    }
    let (_event, direct) = SolanaMessages::new(keyring, Env::system()).read(&message.body)?;
    Ok(direct)
}

/// What the payment of a checkout has paid to payees itself.
pub(crate) fn direct_of_row(
    conn: &mut Conn,
    context: &Context,
    row: &CheckoutRow,
) -> Result<Vec<RailDirect>, PayError> {
    match row.message_id {
        // Every other rail pays the node: nothing is asked for their settlements.
        Some(id) if row.rail == SOLANA => direct_of(&context.keyring, &message_find(conn, context, id)?),
        _ => Ok(Vec::new()),
    }
}

/// What of a payment the node itself has received.
pub(crate) fn received(keyring: &Keyring, message: &MessageRow) -> Result<Money, PayError> {
    let all = message.money()?;
    let direct = direct_of(keyring, message)?;
    let direct = Amount::sum(direct.iter().map(|part| part.amount));
    let rest = direct.and_then(|direct| all.amount.checked_sub(direct));
    let rest = rest.map_err(|error| PayError::Fault(error.to_string()))?;
    Ok(Money::new(rest, all.asset))
}

/// Whether what was paid on the chain is what the plan gives.
pub(crate) fn fits(direct: &[RailDirect], plan: &Plan) -> bool {
    direct.iter().all(|part| {
        plan.legs
            .get(part.share)
            .is_some_and(|leg| !leg.held && leg.did.canonical() == part.did && leg.amount == part.amount)
    })
}

/// The command that takes what payees have received already out of their balances again; none when there is nothing.
pub(crate) fn direct_command(
    direct: &[RailDirect],
    rail: &str,
    asset: Asset,
    key: &str,
    reference: &str,
) -> Option<Command> {
    let mut sums: BTreeMap<&Did, i64> = BTreeMap::new();
    for part in direct {
        let sum = sums.entry(&part.did).or_default();
        *sum = sum.saturating_add(part.amount.micros());
    }
    if sums.is_empty() {
        return None;
    }
    let all = sums.values().fold(0_i64, |all, units| all.saturating_add(*units));
    let out = sums
        .into_iter()
        .map(|(did, units)| Movement::new(AccountKey::of(did, asset, Purpose::Available), units.saturating_neg()));
    Some(Command::Post(Posting {
        key: format!("direct/{key}"),
        kind: EntryKind::Direct,
        reference: reference.to_owned(),
        movements: out.chain([Movement::new(AccountKey::rail(rail, asset), all)]).collect(),
    }))
}
