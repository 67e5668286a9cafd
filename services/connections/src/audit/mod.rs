//! What `imajin verify` checks in the database of connections.

mod pods;

use diesel::prelude::*;
use imajin_connections_api::Proven;
use imajin_connections_api::statement::{Fact, Statement};
use imajin_did::{Did, Keyring};
use imajin_kernel::id::StatementId;
use imajin_kernel::{Env, Timestamp};
use imajin_store::mutation::{self, Keys, Logged, Writer};
use imajin_store::{Conn, Finding, SealedRow, Sealer, StoreError};

use crate::rows::{
    AudienceRow, BlockRow, InviteRow, PodMemberRow, PodRow, SequenceRow, StatementRow, TieRow, tie_name,
};
use crate::schema::{audiences, blocks, invites, pods as pods_table, sequences, statements, ties};
use crate::{SERVICE, log};

/// How many rows are looked at together: the memory does not grow with the tables.
const PAGE: i64 = 256;

/// Recomputes everything that the database of connections can show about itself:
///
/// - the seal of every row, and the mutation log with its proofs;
/// - each statement against its documents, their signatures and the log, and the tie that follows from it;
/// - invitations against what came by them, blocks and audiences against what their owners last signed;
/// - each pod and everybody in it against all that was signed there, and whether each step was its signer's to make.
///
/// `keys` gives the keys that a DID has or had; one that the DID itself contains need not be among them. Run it in a
/// transaction of a reader to look at one moment.
///
/// # Errors
/// For what stopped the audit; what is wrong with a row is a finding.
pub fn audit(conn: &mut Conn, keyring: &Keyring, env: &Env, keys: Keys<'_>) -> Result<Vec<Finding>, StoreError> {
    let sealer = Sealer::for_service(keyring, SERVICE);
    let mut findings = Vec::new();
    StatementRow::audit(conn, &sealer, &mut findings)?;
    TieRow::audit(conn, &sealer, &mut findings)?;
    SequenceRow::audit(conn, &sealer, &mut findings)?;
    BlockRow::audit(conn, &sealer, &mut findings)?;
    AudienceRow::audit(conn, &sealer, &mut findings)?;
    InviteRow::audit(conn, &sealer, &mut findings)?;
    PodRow::audit(conn, &sealer, &mut findings)?;
    PodMemberRow::audit(conn, &sealer, &mut findings)?;
    let writer = Writer::new(SERVICE, keyring.clone(), sealer, env.clone());
    imajin_store::audit(conn, &writer, keys, &mut findings)?;
    // A row that was changed is named above; one that cannot be read would stop what follows.
    if findings.is_empty() {
        statements_check(conn, keys, &mut findings)?;
        ties_check(conn, &mut findings)?;
        invites_check(conn, keys, &mut findings)?;
        choices_check(conn, &mut findings)?;
        pods::pods_check(conn, &mut findings)?;
        log_check(conn, &mut findings)?;
    }
    Ok(findings)
}

fn finding(table: &str, row: &impl ToString, problem: &str) -> Finding {
    Finding::new(SERVICE, table, row.to_string(), problem)
}

fn statements_check(conn: &mut Conn, keys: Keys<'_>, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let last: Option<i64> = sequences::table.select(sequences::seq).first(conn).optional()?;
    let last = last.unwrap_or(0);
    let mut after = String::new();
    loop {
        let query = statements::table
            .filter(statements::id.gt(&after))
            .order_by(statements::id)
            .limit(PAGE);
        let rows: Vec<StatementRow> = query.select(StatementRow::as_select()).load(conn)?;
        let Some(end) = rows.last() else { return Ok(()) };
        after = end.id.to_string();
        for row in rows {
            let problem = statement_problem(conn, &row, (last, keys))?;
            findings.extend(problem.map(|problem| finding("statements", &row.id, problem)));
        }
    }
}

fn statement_problem(
    conn: &mut Conn,
    row: &StatementRow,
    (last, keys): (i64, Keys<'_>),
) -> Result<Option<&'static str>, StoreError> {
    let Ok(proven) = row.proven() else {
        return Ok(Some("its documents cannot be read"));
    };
    let Ok(fact) = proven.read() else {
        return Ok(Some("its documents do not belong together"));
    };
    if !is_as_documents(row, &fact) {
        return Ok(Some("it does not say what its documents say"));
    }
    if !is_signed(&proven, keys) {
        return Ok(Some("a document in it was not signed by whom it names"));
    }
    let logged = mutation::history(conn, &log::statement_object(&row.id))?;
    if !is_as_logged(row, &proven, &logged) {
        return Ok(Some("it is not what was signed for it"));
    }
    if row.seq > last {
        return Ok(Some("its place is behind the last change"));
    }
    if let Some(by) = &row.replaced_by {
        let other: Option<StatementRow> = statements::table
            .find(by)
            .select(StatementRow::as_select())
            .first(conn)
            .optional()?;
        let same = |other: &StatementRow| {
            let name = |row: &StatementRow| {
                row.kind()
                    .ok()
                    .map(|kind| tie_name(kind, &row.owner_did, &row.subject_did))
            };
            name(other) == name(row) && other.id != row.id
        };
        if !other.is_some_and(|other| same(&other)) {
            return Ok(Some("what has taken its place is not there"));
        }
    }
    let tie: Option<TieRow> = ties::table
        .find(row.id)
        .select(TieRow::as_select())
        .first(conn)
        .optional()?;
    let due = row.counts().then(|| row.tie_row());
    let fits = match (tie, due) {
        (None, None) => true,
        (Some(tie), Some(due)) => {
            due == TieRow {
                row_seal: Vec::new(),
                ..tie
            }
        }
        _ => false,
    };
    Ok((!fits).then_some("the tie that follows from it is not there, or another"))
}

fn is_as_documents(row: &StatementRow, fact: &Fact) -> bool {
    let ended = row.revocation.is_some() || row.replaced_by.is_some();
    let tie = (!ended).then(|| tie_name(fact.kind, &fact.from, &fact.to));
    row.id == fact.id()
        && row.digest == fact.digest
        && row.kind == fact.kind.as_str()
        && row.owner_did == fact.from
        && row.subject_did == fact.to
        && row.number == i64::from(fact.number)
        && row.expires_at == fact.expires_at
        && row.accepted_at.is_some() == row.acceptance.is_some()
        && row.deleted_at.is_some() == ended
        && row.tie == tie
}

fn is_signed(proven: &Proven, keys: Keys<'_>) -> bool {
    let known = |did: &Did| {
        let mut known = keys(did);
        known.extend(did.public_key());
        known
    };
    // Whose keys are not known here cannot be checked here; the log says who brought it.
    proven.documents().all(|document| {
        let known = known(&document.from);
        known.is_empty() || document.verify_any(&document.kind, &known).is_ok()
    })
}

/// The documents are those that came: each by the request of its signer, or all of them together from another node.
fn is_as_logged(row: &StatementRow, proven: &Proven, logged: &[Logged]) -> bool {
    // An erased body leaves nothing to compare with; that it was erased is in the log itself.
    let has = |action: &str, by: Option<&Did>, text: &str| {
        logged.iter().any(|entry| {
            entry.action == action
                && by.is_none_or(|by| by.as_str() == entry.owner_did)
                && entry.body.as_deref().is_none_or(|body| body == text.as_bytes())
        })
    };
    let brought = |document: &dyn Fn(&Proven) -> bool| {
        let mut imports = logged.iter().filter(|entry| entry.action == log::IMPORT);
        imports.any(|entry| {
            let Some(body) = &entry.body else { return true };
            serde_json::from_slice(body).is_ok_and(|proven: Proven| document(&proven))
        })
    };
    let begun = row.invite.is_some()
        || has(log::ISSUE, Some(&row.owner_did), &row.document)
        || brought(&|other| other.document == proven.document);
    let accepted = row.acceptance.as_ref().is_none_or(|text| {
        has(log::ACCEPT, Some(&row.subject_did), text) || brought(&|other| other.acceptance == proven.acceptance)
    });
    let ended = row
        .revocation
        .as_ref()
        .is_none_or(|text| has(log::REVOKE, None, text) || brought(&|other| other.revocation == proven.revocation));
    begun && accepted && ended
}

/// Each tie has its statement: those without one were put there by somebody else.
fn ties_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = ties::table
            .filter(ties::statement.gt(&after))
            .order_by(ties::statement)
            .limit(PAGE);
        let page: Vec<StatementId> = query.select(ties::statement).load(conn)?;
        let Some(end) = page.last() else { return Ok(()) };
        after = end.to_string();
        let known = statements::table.filter(statements::id.eq_any(&page));
        let known: Vec<StatementId> = known.select(statements::id).load(conn)?;
        let orphans = page.iter().filter(|id| !known.contains(id));
        findings.extend(orphans.map(|id| finding("ties", id, "nobody has signed it")));
    }
}

fn invites_check(conn: &mut Conn, keys: Keys<'_>, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = invites::table
            .filter(invites::id.gt(&after))
            .order_by(invites::id)
            .limit(PAGE);
        let rows: Vec<InviteRow> = query.select(InviteRow::as_select()).load(conn)?;
        let Some(end) = rows.last() else { return Ok(()) };
        after = end.id.to_string();
        for row in rows {
            let came = statements::table.filter(statements::invite.eq(row.id.to_string()));
            let came: Vec<StatementRow> = came.select(StatementRow::as_select()).load(conn)?;
            let uses = i64::try_from(came.len()).unwrap_or(i64::MAX);
            if row.uses != uses || uses > row.uses_max || came.iter().any(|one| one.document != row.document) {
                findings.push(finding("invites", &row.id, "it does not agree with what came by it"));
            }
            let logged = mutation::history(conn, &log::invite_object(&row.id))?;
            if !invite_agrees(&row, &logged, keys) {
                findings.push(finding("invites", &row.id, "it is not what its owner signed"));
            }
        }
    }
}

fn invite_agrees(row: &InviteRow, logged: &[Logged], keys: Keys<'_>) -> bool {
    let Ok(document) = row.message() else { return false };
    let Ok(statement) = Statement::of(&document) else {
        return false;
    };
    let mut known = keys(&document.from);
    known.extend(document.from.public_key());
    let says = statement.invite.as_ref().is_some_and(|terms| {
        terms.key.multikey() == row.key
            && i64::from(terms.max_uses) == row.uses_max
            && Timestamp::from_millis(terms.expires) == row.expires_at
    });
    let note = |body: &[u8]| {
        let body: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let note = body.and_then(|body| Some(body.get("note")?.as_str()?.trim().to_owned()));
        note.filter(|note| !note.is_empty()) == row.note
    };
    let issued = logged.first().is_some_and(|entry| {
        entry.action == log::INVITE_ISSUE
            && entry.owner_did == row.owner_did.as_str()
            && entry.body.as_deref().is_none_or(note)
    });
    let ended = logged.iter().any(|entry| entry.action == log::INVITE_REVOKE);
    says && issued
        && statement.from == row.owner_did
        && ended == row.deleted_at.is_some()
        && (known.is_empty() || document.verify_any(&document.kind, &known).is_ok())
}

fn choices_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let rows: Vec<BlockRow> = blocks::table.select(BlockRow::as_select()).load(conn)?;
    for row in rows {
        let last = mutation::last_body(conn, &log::block_object(&row.owner_did, &row.blocked_did))?;
        let wanted = last.filter(|last| last.owner_did == row.owner_did.as_str());
        if wanted.map(|last| last.action == log::BLOCK) != Some(row.deleted_at.is_none()) {
            findings.push(finding(
                "blocks",
                &row.row_key(),
                "it is not as its owner last wanted it",
            ));
        }
    }
    let rows: Vec<AudienceRow> = audiences::table.select(AudienceRow::as_select()).load(conn)?;
    for row in rows {
        let last = mutation::last_body(conn, &log::audience_object(&row.did))?;
        let says = |body: &Vec<u8>| {
            let body: Option<serde_json::Value> = serde_json::from_slice(body).ok();
            body.is_some_and(|body| body.get("audience").and_then(serde_json::Value::as_str) == Some(&row.audience))
        };
        let fits = last.is_some_and(|last| last.owner_did == row.did.as_str() && last.body.as_ref().is_none_or(says));
        if !fits || row.owner_did != row.did {
            findings.push(finding(
                "audiences",
                &row.did,
                "it does not say what its owner last signed",
            ));
        }
    }
    Ok(())
}

/// Everything that somebody signed is there.
fn log_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    for (prefix, table) in [
        ("statement/", "statements"),
        ("invite/", "invites"),
        ("block/", "blocks"),
        ("audience/", "audiences"),
        ("pod/", "pods"),
    ] {
        let mut after: Option<String> = None;
        loop {
            let page = mutation::last_bodies(conn, prefix, after.as_deref(), PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.object.clone());
            for logged in &page {
                let key = logged.object.strip_prefix(prefix).unwrap_or_default();
                let count: i64 = match table {
                    "statements" => statements::table
                        .filter(statements::id.eq(key))
                        .count()
                        .get_result(conn)?,
                    "invites" => invites::table.filter(invites::id.eq(key)).count().get_result(conn)?,
                    "audiences" => audiences::table
                        .filter(audiences::did.eq(key))
                        .count()
                        .get_result(conn)?,
                    "pods" => pods_table::table
                        .filter(pods_table::id.eq(key))
                        .count()
                        .get_result(conn)?,
                    _ => {
                        let (owner, blocked) = key.split_once('/').unwrap_or_default();
                        blocks::table.find((owner, blocked)).count().get_result(conn)?
                    }
                };
                if count == 0 {
                    findings.push(finding(table, &key, "the row is missing"));
                }
            }
        }
    }
    Ok(())
}
