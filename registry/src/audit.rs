//! What `imajin verify` checks in the registry's database.

use diesel::prelude::*;
use imajin_did::{Keyring, PublicKey};
use imajin_kernel::Env;
use imajin_registry_api::{Heartbeat, NodeAttestation, NodeType, Unsigned};
use imajin_store::mutation::{self, Keys, Logged, Writer};
use imajin_store::{Conn, Finding, SealedRow, Sealer, StoreError};
use serde::de::DeserializeOwned;

use crate::SERVICE;
use crate::audit_directory::directory_audit;
use crate::audit_mirrors::{mirrors_audit, seals_audit};
use crate::audit_operator::{orders_audit, revocation_fits};
use crate::document::SignedDocument;
use crate::domain::register::{NODE_REGISTER, NODE_REKEY, NODE_RENAME, NODE_RENEW, list_text};
use crate::rows::{
    BucketRow, BuildRuleRow, DnsNameRow, EntryRow, HeadRow, LivenessRow, NameRow, NodeRow, ReleaseBuildRow,
    ReleaseKeyRow, ReleaseRow, ShownRow, StatusChangeRow,
};
use crate::schema::{dns_names, node_liveness, node_names, node_status_changes, nodes};
use crate::status::GRACE;

const PAGE: i64 = 256;

/// Recomputes everything that the registry's database can show about itself: the seal of every row, the mutation log
/// with its proofs, each node against the attestation that it signed, each heartbeat's signature, and who holds which
/// name.
///
/// `keys` are those that a DID has had besides the one that it contains. Run it in a transaction of a reader to look at
/// one moment.
///
/// # Errors
/// For what stopped the audit; what is wrong with a row is a finding.
pub fn audit(conn: &mut Conn, keyring: &Keyring, keys: Keys<'_>) -> Result<Vec<Finding>, StoreError> {
    let sealer = Sealer::for_service(keyring, SERVICE);
    let mut findings = Vec::new();
    NodeRow::audit(conn, &sealer, &mut findings)?;
    NameRow::audit(conn, &sealer, &mut findings)?;
    LivenessRow::audit(conn, &sealer, &mut findings)?;
    StatusChangeRow::audit(conn, &sealer, &mut findings)?;
    DnsNameRow::audit(conn, &sealer, &mut findings)?;
    EntryRow::audit(conn, &sealer, &mut findings)?;
    BucketRow::audit(conn, &sealer, &mut findings)?;
    HeadRow::audit(conn, &sealer, &mut findings)?;
    ShownRow::audit(conn, &sealer, &mut findings)?;
    seals_audit(conn, &sealer, &mut findings)?;
    BuildRuleRow::audit(conn, &sealer, &mut findings)?;
    ReleaseKeyRow::audit(conn, &sealer, &mut findings)?;
    ReleaseRow::audit(conn, &sealer, &mut findings)?;
    ReleaseBuildRow::audit(conn, &sealer, &mut findings)?;
    // Nothing is written, so it does not matter which clock the log's writer has.
    let writer = Writer::new(SERVICE, keyring.clone(), sealer, Env::system());
    imajin_store::audit(conn, &writer, keys, &mut findings)?;
    // A row that cannot be read was named above, and would stop the checks below.
    if findings.is_empty() {
        nodes_audit(conn, keys, &mut findings)?;
        publications_audit(conn, &mut findings)?;
        directory_audit(conn, keyring, &mut findings)?;
        mirrors_audit(conn, &mut findings)?;
        orders_audit(conn, &mut findings)?;
    }
    Ok(findings)
}

fn nodes_audit(conn: &mut Conn, keys: Keys<'_>, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let mut after = String::new();
    loop {
        let rows: Vec<NodeRow> = nodes::table
            .filter(nodes::node_did.gt(&after))
            .order_by(nodes::node_did)
            .limit(PAGE)
            .select(NodeRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        last.node_did.as_str().clone_into(&mut after);
        for node in rows {
            let did = node.node_did.as_str();
            let mut report = |table, row: &str, problem| findings.push(Finding::new(SERVICE, table, row, problem));
            if !is_as_logged(conn, &node)? {
                report("nodes", did, "it is not what the node has signed last");
            }
            if !revocation_fits(conn, &node)? {
                report("nodes", did, "it is not off, or on, as the operator has signed last");
            }
            if !name_fits(conn, &node)? {
                report(
                    "node_names",
                    &node.hostname,
                    "it does not belong to the node that registered it",
                );
            }
            if !liveness_fits(conn, &node, keys)? {
                report(
                    "node_liveness",
                    did,
                    "it does not agree with the heartbeat or the changes of status",
                );
            }
        }
    }
}

/// What is published belongs to who holds the name, and what is said to be published is what was wanted then.
fn publications_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let mut after = String::new();
    loop {
        let rows: Vec<(DnsNameRow, Option<NameRow>)> = dns_names::table
            .left_join(node_names::table.on(node_names::name.eq(dns_names::name)))
            .filter(dns_names::name.gt(&after))
            .order_by(dns_names::name)
            .limit(PAGE)
            .select((DnsNameRow::as_select(), Option::<NameRow>::as_select()))
            .load(conn)?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        last.name.clone_into(&mut after);
        for (row, holder) in rows {
            let is_holders = row.withdrawn_at.is_some() || holder.is_some_and(|name| name.node_did == row.node_did);
            let snapshots = row.wanted().ok().zip(row.published().ok());
            let fits = snapshots.is_some_and(|(wanted, published)| !row.is_published() || wanted == published);
            if !is_holders || !fits {
                let problem = "it does not agree with who holds the name, or with what was published";
                findings.push(Finding::new(SERVICE, "dns_names", &row.name, problem));
            }
        }
    }
}

/// A document that verifies with one of these keys and is the node's.
fn signed_by<T: Unsigned + DeserializeOwned>(node: &NodeRow, keys: &[PublicKey], text: &str) -> Option<T> {
    let document = SignedDocument::<T>::parse("document", serde_json::from_str(text).ok()?).ok()?;
    keys.iter().find(|key| document.verify(key).is_ok())?;
    (document.value.node_id().canonical() == node.node_did).then_some(document.value)
}

fn is_as_logged(conn: &mut Conn, node: &NodeRow) -> QueryResult<bool> {
    let Some(logged) = mutation::last_body(conn, node.node_did.as_str())? else {
        return Ok(false);
    };
    let Some(said) = signed_by::<NodeAttestation>(node, &own_key(node), &node.proof) else {
        return Ok(false);
    };
    Ok(log_fits(&logged, node) && columns_fit(node, &said))
}

fn log_fits(logged: &Logged, node: &NodeRow) -> bool {
    let known = [NODE_REGISTER, NODE_RENEW, NODE_RENAME, NODE_REKEY].contains(&logged.action.as_str());
    // An erased body leaves nothing to compare with; that it was erased is in the log itself.
    let body_fits = logged.body.as_ref().is_none_or(|body| body == node.proof.as_bytes());
    known && body_fits && logged.owner_did == node.owner_did.as_str() && node.owner_did == node.node_did
}

fn columns_fit(node: &NodeRow, said: &NodeAttestation) -> bool {
    let list_fits = |column: &str, entries: &[String]| list_text(entries).is_ok_and(|text| text == column);
    hex::encode(&node.public_key) == said.public_key
        && node.hostname == said.hostname
        && node.version == said.version
        && node.build_hash == said.build_hash
        && node.source_commit == said.source_commit
        && node.node_type.as_deref() == said.node_type.map(NodeType::as_str)
        && node.attested_ms == said.timestamp
        && list_fits(&node.services, &said.services)
        && list_fits(&node.capabilities, &said.capabilities)
}

/// The name is the node's, or went to another after its grace.
fn name_fits(conn: &mut Conn, node: &NodeRow) -> QueryResult<bool> {
    let row: Option<NameRow> = node_names::table
        .find(&node.hostname)
        .select(NameRow::as_select())
        .first(conn)
        .optional()?;
    let held_until = node.expires_at.plus(GRACE);
    Ok(row.is_some_and(|row| {
        if row.node_did == node.node_did {
            row.held_until == held_until
        } else {
            row.claimed_at >= held_until
        }
    }))
}

/// The key that signs for a node now.
fn own_key(node: &NodeRow) -> Vec<PublicKey> {
    node.key().into_iter().collect()
}

fn liveness_fits(conn: &mut Conn, node: &NodeRow, keys: Keys<'_>) -> QueryResult<bool> {
    let row: Option<LivenessRow> = node_liveness::table
        .find(&node.node_did)
        .select(LivenessRow::as_select())
        .first(conn)
        .optional()?;
    let change: Option<StatusChangeRow> = node_status_changes::table
        .filter(node_status_changes::node_did.eq(&node.node_did))
        .order_by(node_status_changes::seq.desc())
        .select(StatusChangeRow::as_select())
        .first(conn)
        .optional()?;
    let (Some(row), Some(change)) = (row, change) else {
        return Ok(false);
    };
    // The last heartbeat may be from before the node's key was replaced.
    let mut signers = own_key(node);
    signers.extend(node.node_did.public_key());
    signers.extend(keys(&node.node_did));
    let heard = match &row.heartbeat {
        None => row.heartbeat_ms.is_none() && row.last_heartbeat_at.is_none(),
        Some(text) => {
            signed_by::<Heartbeat>(node, &signers, text).is_some_and(|said| row.heartbeat_ms == Some(said.timestamp))
        }
    };
    let noted = change.seq == row.status_seq && change.status == row.status && change.changed_at == row.status_since;
    Ok(heard && noted)
}
