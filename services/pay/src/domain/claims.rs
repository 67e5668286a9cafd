//! Balances of soft identities that somebody with a key has claimed, and what they owe.
//!
//! Nobody tells pay about a claim: it asks auth when the owner looks at a balance or spends, and moves then what is
//! there, by an ordinary transfer. Money that comes in for the soft identity later moves the next time. Held money
//! stays where its hold is, and moves when it comes back.

use imajin_did::Did;
use imajin_kernel::Problem;
use imajin_ledger::{
    AccountKey, Command, EntryKind, Movement, Owner, Posting, Purpose, Refusal, account_fetch, account_list,
};
use imajin_store::Conn;
use serde_json::json;

use super::debts::debt_repay;
use crate::PayError;
use crate::context::Context;
use crate::service::Pay;

/// The action in the mutation log.
const ACTION: &str = "balance.claim";

impl Pay {
    /// The DIDs whose money is `owner`'s, after all that can be spent was moved to the owner's own accounts.
    pub(crate) async fn holdings_collect(&self, owner: &Did) -> Result<Vec<Did>, Problem> {
        let held = self.site.identities.holdings(owner).await?;
        if held.len() > 1 {
            let (owner, claimed) = (owner.canonical(), held.clone());
            self.write(move |conn, context| balances_collect(conn, context, &owner, &claimed))
                .await?;
        }
        Ok(held)
    }
}

/// What a soft identity owes is paid from what it has; what is left of it is its owner's debt.
fn debts_collect(conn: &mut Conn, context: &Context, owner: &Did, soft: &Did) -> Result<(), PayError> {
    for account in account_list(conn, &context.sealer, &Owner::Did(soft.clone()))? {
        if account.key.purpose != Purpose::Debt || account.balance_units >= 0 {
            continue;
        }
        let asset = account.key.asset;
        let why = hex::encode(context.env.random_bytes::<16>());
        debt_repay(conn, context, soft, asset, &why)?;
        let left = account_fetch(conn, &context.sealer, &account.key)?.map_or(0, |account| account.balance_units);
        if left < 0 {
            let own = AccountKey::of(owner, asset, Purpose::Debt);
            transfer(conn, context, owner, soft, (account.key, own), left)?;
            debt_repay(conn, context, owner, asset, &format!("{why}/owner"))?;
        }
    }
    Ok(())
}

fn balances_collect(conn: &mut Conn, context: &Context, owner: &Did, claimed: &[Did]) -> Result<(), PayError> {
    for soft in claimed.iter().filter(|did| *did != owner) {
        debts_collect(conn, context, owner, soft)?;
        for account in account_list(conn, &context.sealer, &Owner::Did(soft.clone()))? {
            let units = account.balance_units;
            if account.key.purpose != Purpose::Available || units <= 0 {
                continue;
            }
            let own = AccountKey::of(owner, account.key.asset, Purpose::Available);
            transfer(conn, context, owner, soft, (account.key, own), units)?;
        }
    }
    Ok(())
}

/// Moves units from a soft identity's account to its owner's; below zero, a debt.
fn transfer(
    conn: &mut Conn,
    context: &Context,
    owner: &Did,
    soft: &Did,
    (from, to): (AccountKey, AccountKey),
    units: i64,
) -> Result<(), PayError> {
    let reference = format!("claim/{soft}");
    let body =
        json!({"from": soft, "to": owner, "asset": from.asset, "purpose": from.purpose.as_str(), "units": units});
    let posting = Posting {
        // Each movement is one of its own; the ledger lets nobody's balance fall below zero.
        key: format!("{reference}/{}", hex::encode(context.env.random_bytes::<16>())),
        kind: EntryKind::Transfer,
        reference: reference.clone(),
        movements: vec![Movement::new(from, units.saturating_neg()), Movement::new(to, units)],
    };
    match context.ledger.execute_one(conn, &Command::Post(posting))? {
        // A limit of either account: it stays where it is, and is tried again when somebody asks.
        Err(Refusal::Limited { .. }) => return Ok(()),
        booked => booked?,
    };
    context.node_append(conn, owner, ACTION, &reference, body.to_string().into_bytes())?;
    Ok(())
}
