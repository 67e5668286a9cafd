//! Whether each signature in the log was made with a key that counted then.

use diesel::prelude::*;
use imajin_did::{Did, PublicKey};
use imajin_kernel::Timestamp;
use imajin_proof::http_sig;

use super::Seq;
use super::proof::Stored;
use super::row::LogRow;
use crate::schema::mutation_log;
use crate::{Conn, Finding};

/// Rows at a time.
const PAGE: i64 = 64;

/// The keys of a DID that counted at a moment; none for a DID whose history is not known.
pub type KeysThen<'a> = &'a dyn Fn(&Did, Timestamp) -> Option<Vec<PublicKey>>;

/// Adds a finding for each row whose signer used a key that did not count: not when the signature was made, as it says,
/// and not when the row was written. Of signers without a known history nothing is said: what the key itself shows,
/// [`super::audit`] has checked.
///
/// # Errors
/// Diesel's, for what stopped the audit.
pub fn audit_signers(
    conn: &mut Conn,
    service: &str,
    keys: KeysThen<'_>,
    findings: &mut Vec<Finding>,
) -> QueryResult<()> {
    let mut after: (String, Seq) = (String::new(), 0);
    loop {
        let later = mutation_log::chain.gt(after.0.clone()).or(mutation_log::chain
            .eq(after.0.clone())
            .and(mutation_log::seq.gt(after.1)));
        let rows: Vec<LogRow> = mutation_log::table
            .filter(later)
            .order_by((mutation_log::chain, mutation_log::seq))
            .limit(PAGE)
            .select(LogRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = (last.chain.clone(), last.seq);
        for row in rows {
            if let Some(did) = outdated_signer(&row, keys) {
                let problem = format!("{did} has signed it with a key that did not count then");
                findings.push(Finding::new(service, "mutation_log", row.place(), problem));
            }
        }
    }
}

/// Who has signed a row with a key that did not count.
fn outdated_signer(row: &LogRow, keys: KeysThen<'_>) -> Option<Did> {
    match serde_json::from_str(&row.proof).ok()? {
        Stored::Http {
            did,
            created,
            base,
            signature,
            ..
        } => {
            let mut then = keys(&did.canonical(), created)?;
            then.extend(keys(&did.canonical(), row.logged_at)?);
            http_sig::audit(&base, &signature, &then).is_err().then_some(did)
        }
        Stored::Challenge { did, key, .. } => {
            let then = keys(&did.canonical(), row.logged_at)?;
            (!then.contains(&key)).then_some(did)
        }
        // The keys of those are the node's to keep.
        Stored::Custody { .. } | Stored::Node { .. } => None,
    }
}
