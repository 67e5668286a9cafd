//! Accounts: an agent has one as soon as it says so with a key that its domain publishes.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_store::{Conn, SealedRow};

use crate::context::{Change, Context};
use crate::rows::AccountRow;
use crate::schema::accounts;
use crate::{BrokerError, log};

/// Opens the caller's account, or finds it.
pub(crate) fn account_open(conn: &mut Conn, context: &Context, change: &Change) -> Result<AccountRow, BrokerError> {
    let agent = change.caller.agent()?;
    if let Some(row) = account_find(conn, context, &agent.did)? {
        change.nonce_spend(conn, context)?;
        return Ok(row);
    }
    let object = format!("{}{}", log::ACCOUNT_PREFIX, agent.agent);
    log::append(conn, context, change, log::ACCOUNT_OPEN, &object)?;
    let row = AccountRow {
        did: agent.did.clone(),
        owner_did: agent.did.clone(),
        agent_id: agent.agent.to_string(),
        contact: agent.contact.clone(),
        created_at: context.now(),
        deleted_at: None,
        row_seal: Vec::new(),
    };
    Ok(row.insert(conn, &context.sealer)?)
}

/// An agent's account, its seal checked.
pub(crate) fn account_find(conn: &mut Conn, context: &Context, did: &Did) -> Result<Option<AccountRow>, BrokerError> {
    let query = accounts::table.find(did.clone()).select(AccountRow::as_select());
    let row: Option<AccountRow> = query.first(conn).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// An agent's account, or a refusal that says how to get one.
pub(crate) fn account_require(conn: &mut Conn, context: &Context, did: &Did) -> Result<AccountRow, BrokerError> {
    account_find(conn, context, did)?.ok_or_else(|| BrokerError::State {
        detail: "This agent has no account here.".to_owned(),
        hint: "Open one first: POST /broker/api/agents, signed with the agent's key.",
    })
}
