//! What `imajin verify` checks in the database of events.

mod counters;
mod events;
mod fulfilled;
mod orders;
mod tickets;

use imajin_did::Keyring;
use imajin_kernel::Env;
use imajin_store::mutation::{Keys, Writer};
use imajin_store::{Conn, Finding, SealedRow, Sealer, StoreError};

pub use fulfilled::{FulfilledOrder, fulfilled_order_list};

use crate::SERVICE;
use crate::rows::{AcceptanceRow, EventRow, OrderRow, TicketRow, TierRow};

/// How many rows are looked at together: the memory does not grow with the tables.
const PAGE: i64 = 256;

/// Recomputes everything that the database of events can show about itself:
///
/// - the seal of every row, and the mutation log with its proofs;
/// - each event, tier, order and acceptance against what was logged about it;
/// - that each event's key opens and is the key of its DID, and that manifests and acceptances verify;
/// - that each ticket and each QR text verify with the event's DID and say what their row says;
/// - that a fulfilled order has exactly its tickets, and no other order has any;
/// - the counters of each tier, from the orders.
///
/// `keys` gives the keys that a DID has or had; one that the DID itself contains need not be among them. Run it in a
/// transaction of a reader to look at one moment.
///
/// # Errors
/// For what stopped the audit; what is wrong with a row is a finding.
pub fn audit(conn: &mut Conn, keyring: &Keyring, env: &Env, keys: Keys<'_>) -> Result<Vec<Finding>, StoreError> {
    let sealer = Sealer::for_service(keyring, SERVICE);
    let mut findings = Vec::new();
    EventRow::audit(conn, &sealer, &mut findings)?;
    TierRow::audit(conn, &sealer, &mut findings)?;
    AcceptanceRow::audit(conn, &sealer, &mut findings)?;
    OrderRow::audit(conn, &sealer, &mut findings)?;
    TicketRow::audit(conn, &sealer, &mut findings)?;
    let writer = Writer::new(SERVICE, keyring.clone(), sealer, env.clone());
    imajin_store::audit(conn, &writer, keys, &mut findings)?;
    // A row that was changed is named above; one that cannot be read would stop what follows.
    if findings.is_empty() {
        events::check(conn, keyring, keys, &mut findings)?;
        orders::check(conn, &mut findings)?;
        tickets::check(conn, &mut findings)?;
        counters::check(conn, &mut findings)?;
    }
    Ok(findings)
}

/// One finding of this service.
fn finding(table: &str, row: &impl ToString, problem: &str) -> Finding {
    Finding::new(SERVICE, table, row.to_string(), problem)
}
