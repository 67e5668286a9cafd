//! What `imajin verify` checks in the database of paid questions.

use diesel::prelude::*;
use imajin_did::{Did, Keyring, PublicKey};
use imajin_kernel::id::{DocumentId, QuestionId};
use imajin_kernel::{Env, Timestamp};
use imajin_proof::digest::sha256_hex;
use imajin_query_api::LeaderTerms;
use imajin_store::mutation::{self, Keys, Writer};
use imajin_store::{Conn, Finding, SealedRow, Sealer, StoreError};

use crate::audit_consent::{grants_check, is_there, profiles_check, readings_check, records_check, uses_check};
use crate::domain::disclose::USE_MAKE;
use crate::domain::documents::{DOCUMENT_ADD, DOCUMENT_REMOVE, document_object};
use crate::domain::leaders::{TERMS_SET, terms_object};
use crate::domain::questions::{QUESTION_FORGET, QUESTION_PLACE, QuestionPlaced, question_object};
use crate::domain::quotes::{QUOTE_ISSUE, quote_object};
use crate::domain::records::RECORD_COPY;
use crate::domain::retention::{Forgotten, forgotten_before, may_be_missing};
use crate::rows::{
    DocumentRow, GrantRow, LeaderRow, ProfileRow, QuestionRow, QuestionState, QuoteRow, ReadingRow, RecordRow, UseRow,
};
use crate::schema::{documents, leaders, questions, quotes};
use crate::{QueryError, SERVICE};

/// How many rows are looked at together: the memory does not grow with the tables.
pub(crate) const PAGE: i64 = 64;

/// Recomputes everything that the database of paid questions can show about itself:
///
/// - the seal of every row, and the mutation log with its proofs;
/// - terms against what their leaders last signed, documents against their bytes and their manifests;
/// - standing grants, revocations, profiles and records of askers against what their signers have signed;
/// - what was told about people against receipts, declarations and grants;
/// - quotes and questions against the log, and answers against their signed manifests.
///
/// `keys` gives the keys that a DID has or had; one that the DID itself contains need not be among them. Run it in a
/// transaction of a reader to look at one moment.
///
/// # Errors
/// For what stopped the audit; what is wrong with a row is a finding.
pub fn audit(conn: &mut Conn, keyring: &Keyring, env: &Env, keys: Keys<'_>) -> Result<Vec<Finding>, StoreError> {
    let sealer = Sealer::for_service(keyring, SERVICE);
    let mut findings = Vec::new();
    LeaderRow::audit(conn, &sealer, &mut findings)?;
    DocumentRow::audit(conn, &sealer, &mut findings)?;
    GrantRow::audit(conn, &sealer, &mut findings)?;
    ProfileRow::audit(conn, &sealer, &mut findings)?;
    UseRow::audit(conn, &sealer, &mut findings)?;
    RecordRow::audit(conn, &sealer, &mut findings)?;
    ReadingRow::audit(conn, &sealer, &mut findings)?;
    QuoteRow::audit(conn, &sealer, &mut findings)?;
    QuestionRow::audit(conn, &sealer, &mut findings)?;
    let writer = Writer::new(SERVICE, keyring.clone(), sealer, env.clone());
    imajin_store::audit(conn, &writer, keys, &mut findings)?;
    // A row that was changed is named above; one that cannot be read would stop what follows.
    if findings.is_empty() {
        leaders_check(conn, keys, &mut findings)?;
        documents_check(conn, keys, &mut findings)?;
        grants_check(conn, keys, &mut findings)?;
        profiles_check(conn, keys, &mut findings)?;
        uses_check(conn, keys, &keyring.node_public(), &mut findings)?;
        records_check(conn, keys, &mut findings)?;
        readings_check(conn, &mut findings)?;
        quotes_check(conn, &mut findings)?;
        questions_check(conn, &keyring.node_public(), &mut findings)?;
        log_check(conn, &mut findings)?;
    }
    Ok(findings)
}

pub(crate) fn finding(table: &str, row: &impl ToString, problem: &str) -> Finding {
    Finding::new(SERVICE, table, row.to_string(), problem)
}

/// The keys of somebody; none where they are not known here, and then nothing can be checked with them.
pub(crate) fn known(keys: Keys<'_>, did: &Did) -> Vec<PublicKey> {
    let mut known = keys(did);
    known.extend(did.public_key());
    known
}

fn leaders_check(conn: &mut Conn, keys: Keys<'_>, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let rows: Vec<LeaderRow> = leaders::table.select(LeaderRow::as_select()).load(conn)?;
    for row in rows {
        let keys = known(keys, &row.owner_did);
        let is_signed = row.message().is_ok_and(|message| {
            message.from.is_equivalent(&row.owner_did)
                && (keys.is_empty() || message.verify_any(LeaderTerms::KIND, &keys).is_ok())
        });
        let last = mutation::last_body(conn, &terms_object(&row.owner_did))?;
        let is_logged = last.is_some_and(|last| {
            last.action == TERMS_SET
                && last.owner_did == row.owner_did.as_str()
                && last.body.is_none_or(|body| body == row.document.as_bytes())
        });
        if !is_signed || !is_logged {
            findings.push(finding(
                "leaders",
                &row.owner_did,
                "these are not the terms that were signed last",
            ));
        }
    }
    Ok(())
}

fn documents_check(conn: &mut Conn, keys: Keys<'_>, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = documents::table.filter(documents::id.gt(&after));
        let ids: Vec<DocumentId> = query
            .order_by(documents::id)
            .limit(PAGE)
            .select(documents::id)
            .load(conn)?;
        let Some(end) = ids.last() else { return Ok(()) };
        after = end.to_string();
        for id in ids {
            let row = documents::table.find(id).select(DocumentRow::as_select());
            let row: DocumentRow = row.first(conn)?;
            if !document_fits(&row, keys) {
                findings.push(finding("documents", &id, "it is not the document of its manifest"));
            }
            let logged = mutation::history(conn, &document_object(&id))?;
            let is_added = logged
                .first()
                .is_some_and(|entry| entry.action == DOCUMENT_ADD && entry.owner_did == row.owner_did.as_str());
            let is_removed = logged.iter().any(|entry| entry.action == DOCUMENT_REMOVE);
            if !is_added || is_removed != row.deleted_at.is_some() {
                findings.push(finding("documents", &id, "it is not as its owner last wanted it"));
            }
        }
    }
}

fn document_fits(row: &DocumentRow, keys: Keys<'_>) -> bool {
    let Ok(manifest) = row.manifest() else { return false };
    let keys = known(keys, &row.owner_did);
    sha256_hex(&row.content) == row.sha256
        && i64::try_from(row.content.len()).is_ok_and(|size| size == row.size)
        && manifest.id.as_str() == row.manifest_id
        && manifest.is_pinned()
        && manifest
            .content
            .as_ref()
            .is_some_and(|content| content.sha256 == row.sha256)
        && manifest
            .signer()
            .is_some_and(|signer| signer.is_equivalent(&row.owner_did))
        && (keys.is_empty() || keys.iter().any(|key| manifest.verify_signature(key).is_ok()))
}

fn quotes_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = quotes::table.filter(quotes::id.gt(&after)).order_by(quotes::id);
        let rows: Vec<QuoteRow> = query.limit(PAGE).select(QuoteRow::as_select()).load(conn)?;
        let Some(end) = rows.last() else { return Ok(()) };
        after = end.id.to_string();
        for row in rows {
            let last = mutation::last_body(conn, &quote_object(&row.id))?;
            let is_logged =
                last.is_some_and(|last| last.action == QUOTE_ISSUE && last.owner_did == row.owner_did.as_str());
            let used: Vec<QuestionId> = questions::table
                .filter(questions::quote_id.eq(row.id))
                .select(questions::id)
                .load(conn)?;
            if !is_logged || used != row.question_id.into_iter().collect::<Vec<_>>() {
                findings.push(finding(
                    "quotes",
                    &row.id,
                    "it is not the quote that was asked for and used",
                ));
            }
        }
    }
}

fn questions_check(conn: &mut Conn, node: &PublicKey, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = questions::table
            .filter(questions::id.gt(&after))
            .order_by(questions::id);
        let rows: Vec<QuestionRow> = query.limit(PAGE).select(QuestionRow::as_select()).load(conn)?;
        let Some(end) = rows.last() else { return Ok(()) };
        after = end.id.to_string();
        for row in rows {
            let last = mutation::last_body(conn, &question_object(&row.id))?;
            let placed = QuestionPlaced::of(&row).ok();
            let is_logged = last.is_some_and(|last| {
                last.action == QUESTION_PLACE
                    && last.body.is_none_or(|body| {
                        let logged: Option<QuestionPlaced> = serde_json::from_slice(&body).ok();
                        logged.is_some() && logged == placed
                    })
            });
            if !is_logged {
                findings.push(finding("questions", &row.id, "it is not the question that was logged"));
            }
            if !state_fits(&row, node) {
                findings.push(finding(
                    "questions",
                    &row.id,
                    "what is there of it does not fit how far it is",
                ));
            }
        }
    }
}

/// No answer without a hold, no charge without an answer, and every answer is the one of its signed manifest.
fn state_fits(row: &QuestionRow, node: &PublicKey) -> bool {
    let is_held = row.checkout_id.is_some() && row.receipt_id.is_some();
    let is_answered = || {
        let Ok(answer) = row.answer() else { return false };
        let content = answer.fair.content.as_ref();
        answer.question == row.id
            && answer.leader == row.leader_did
            && answer.fee == row.fee().ok().flatten()
            && row.fee.is_some_and(|fee| (0..=row.ceiling).contains(&fee))
            && content.is_some_and(|content| content.sha256 == sha256_hex(answer.text.as_bytes()))
            && answer.fair.verify_signature(node).is_ok()
    };
    let is_open = row.answer.is_none() && row.fee.is_none();
    match row.state() {
        Ok(QuestionState::Placed) => is_open && row.checkout_id.is_none() && row.failure.is_none(),
        Ok(QuestionState::Held) => is_open && (is_held || row.is_free()) && row.failure.is_none(),
        Ok(QuestionState::Answered) => is_held && is_answered() && row.failure.is_none(),
        Ok(QuestionState::Settled) => (is_held || row.is_free()) && is_answered() && row.failure.is_none(),
        Ok(QuestionState::Failed) => is_open && row.failure.is_some(),
        Err(_) => false,
    }
}

/// Until when rows of a table were forgotten, and of what action of the log each of them was.
fn forgetting(conn: &mut Conn, table: &str) -> Result<(Option<Timestamp>, &'static str), StoreError> {
    let (what, action) = match table {
        "quotes" => (Forgotten::Quotes, QUOTE_ISSUE),
        "uses" => (Forgotten::Uses, USE_MAKE),
        // One's own log stays.
        "records" => (Forgotten::Copies, RECORD_COPY),
        "questions" => (Forgotten::Failed, QUESTION_FORGET),
        "documents" => (Forgotten::Removed, DOCUMENT_REMOVE),
        _ => return Ok((None, "")),
    };
    match forgotten_before(conn, what) {
        Ok(before) => Ok((before, action)),
        Err(QueryError::Store(error)) => Err(error),
        Err(_other) => Ok((None, action)),
    }
}

/// Everything that was logged is there, but for what was forgotten in its time.
fn log_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    for (prefix, table) in [
        ("terms/", "leaders"),
        ("document/", "documents"),
        ("grant/", "grants"),
        ("profile/", "profiles"),
        ("use/", "uses"),
        ("record/", "records"),
        ("reading/", "readings"),
        ("quote/", "quotes"),
        ("question/", "questions"),
    ] {
        let (forgotten, action) = forgetting(conn, table)?;
        let mut after: Option<String> = None;
        loop {
            let page = mutation::last_bodies(conn, prefix, after.as_deref(), PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.object.clone());
            for logged in &page {
                let key = logged.object.strip_prefix(prefix).unwrap_or_default();
                let count: i64 = match table {
                    "leaders" => leaders::table.find(key).count().get_result(conn)?,
                    "documents" => documents::table.find(key).count().get_result(conn)?,
                    "quotes" => quotes::table.find(key).count().get_result(conn)?,
                    "questions" => questions::table.find(key).count().get_result(conn)?,
                    of_consent => i64::from(is_there(conn, of_consent, key)?),
                };
                if count > 0 {
                    continue;
                }
                let made_at = match table {
                    // It was forgotten long after it was asked.
                    "questions" => mutation::history(conn, &logged.object)?
                        .first()
                        .map(|first| first.logged_at),
                    _ => Some(logged.logged_at),
                };
                let is_old = made_at.is_some_and(|made_at| may_be_missing(forgotten, made_at));
                if logged.action != action || !is_old {
                    findings.push(finding(table, &key, "the row is missing"));
                }
            }
        }
    }
    Ok(())
}
