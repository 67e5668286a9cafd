//! What askers say that they were told: their own logs, and copies of those that are kept elsewhere.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_proof::SignedMessage;
use imajin_proof::digest::sha256_hex;
use imajin_query_api::{CLOCKS_APART, RecordsPage, UseRecord};
use imajin_store::{Conn, SealedRow, for_update, nonce};
use imajin_web::Verified;

use super::retention::{Forgotten, forgotten_before, may_be_missing};
use crate::QueryError;
use crate::context::{Change, Context, json_text};
use crate::rows::{ReadingRow, RecordRow};
use crate::schema::{readings, records};

/// The actions in the mutation log.
pub(crate) const RECORD_KEEP: &str = "record.keep";
pub(crate) const RECORD_COPY: &str = "record.copy";
pub(crate) const LOG_READ: &str = "log.read";

/// How many records somebody may keep here.
const RECORDS_MAX: i64 = 10_000;
/// Records of a page.
const PAGE_ROWS: i64 = 200;
/// Records of one's own log in a list.
const LIST_ROWS: i64 = 100;

/// The name of a record in the log.
pub(crate) fn record_object(digest: &str) -> String {
    format!("record/{digest}")
}

/// The name of a reading in the log.
pub(crate) fn reading_object(owner: &Did, asker: &Did) -> String {
    format!("reading/{owner}/{asker}")
}

fn row_of(
    record: &SignedMessage<UseRecord>,
    read_from: Option<&str>,
    proof: String,
    now: Timestamp,
) -> Result<RecordRow, QueryError> {
    Ok(RecordRow {
        digest: digest_of(record)?,
        owner_did: record.from.canonical(),
        subject_did: record.payload.subject.canonical(),
        node_did: record.payload.node.canonical(),
        read_from: read_from.map(str::to_owned),
        document: json_text(record)?,
        proof,
        created_at: now,
        row_seal: Vec::new(),
    })
}

/// What a record is named by.
pub(crate) fn digest_of(record: &SignedMessage<UseRecord>) -> Result<String, QueryError> {
    Ok(sha256_hex(&record.canonical_bytes()?))
}

/// Keeps a record of the signer's, whose signature was checked. The same one a second time changes nothing.
pub(crate) fn record_keep(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    record: &SignedMessage<UseRecord>,
) -> Result<(), QueryError> {
    let (owner, digest) = (change.did(), digest_of(record)?);
    let proof = change.log(conn, context, RECORD_KEEP, record_object(&digest))?;
    let known: Option<RecordRow> =
        for_update!(conn, records::table.find(&digest).select(RecordRow::as_select()) => first).optional()?;
    if let Some(row) = known {
        // A copy that was read elsewhere has become the asker's own: they keep their log here from now on.
        let mut row = row.intact(&context.sealer)?;
        (row.read_from, row.proof) = (None, proof);
        row.save(conn, &context.sealer)?;
        return Ok(());
    }
    let held: i64 = records::table
        .filter(records::owner_did.eq(&owner))
        .filter(records::read_from.is_null())
        .count()
        .get_result(conn)?;
    if held >= RECORDS_MAX {
        let detail = format!("Your log here has {held} records, and that is the most.");
        return Err(QueryError::Limit(detail));
    }
    row_of(record, None, proof, context.now())?.insert(conn, &context.sealer)?;
    Ok(())
}

/// Whose log is asked for, about whom, and who asks.
#[derive(Debug, Clone)]
pub(crate) struct LogAsked {
    pub(crate) reader: Verified,
    pub(crate) asker: Did,
    pub(crate) subject: Did,
    pub(crate) after: Option<String>,
}

/// A page of an asker's log about a person: all of it for the two of them, for a node what it has told itself.
pub(crate) fn log_page(conn: &mut Conn, context: &Context, asked: &LogAsked) -> Result<RecordsPage, QueryError> {
    nonce::request_spend(conn, &context.sealer, asked.reader.proof())?;
    let reader = asked.reader.did().canonical();
    let mut query = records::table
        .filter(records::subject_did.eq(&asked.subject))
        .filter(records::owner_did.eq(&asked.asker))
        .filter(records::read_from.is_null())
        .into_boxed();
    if reader != asked.asker && reader != asked.subject {
        query = query.filter(records::node_did.eq(reader));
    }
    let rows: Vec<RecordRow> = query
        .filter(records::digest.gt(asked.after.clone().unwrap_or_default()))
        .order_by(records::digest)
        .limit(PAGE_ROWS)
        .select(RecordRow::as_select())
        .load(conn)?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|count| count == PAGE_ROWS);
    let next = rows.last().filter(|_| is_full).map(|row| row.digest.clone());
    Ok(RecordsPage {
        records: documents_of(rows, context)?,
        next,
    })
}

pub(super) fn documents_of(
    rows: Vec<RecordRow>,
    context: &Context,
) -> Result<Vec<SignedMessage<UseRecord>>, QueryError> {
    rows.into_iter()
        .map(|row| row.intact(&context.sealer)?.record())
        .collect()
}

/// Somebody's own log, the newest first.
pub(crate) fn records_of(
    conn: &mut Conn,
    context: &Context,
    owner: &Did,
) -> Result<Vec<SignedMessage<UseRecord>>, QueryError> {
    let rows: Vec<RecordRow> = records::table
        .filter(records::owner_did.eq(owner))
        .filter(records::read_from.is_null())
        .order_by((records::created_at.desc(), records::digest))
        .limit(LIST_ROWS)
        .select(RecordRow::as_select())
        .load(conn)?;
    documents_of(rows, context)
}

/// Keeps copies of what was read of a log, each by the asker and about somebody here.
pub(crate) fn copies_keep(
    conn: &mut Conn,
    context: &Context,
    home: &str,
    found: &[SignedMessage<UseRecord>],
) -> Result<(), QueryError> {
    let forgotten = forgotten_before(conn, Forgotten::Uses)?;
    for record in found {
        // Of what this node has forgotten nothing can be compared any more.
        if is_forgotten(forgotten, record) {
            continue;
        }
        let digest = digest_of(record)?;
        let known: i64 = records::table.find(&digest).count().get_result(conn)?;
        if known == 0 {
            let (asker, document) = (record.from.canonical(), json_text(record)?);
            context.node_log(conn, &asker, RECORD_COPY, record_object(&digest), document)?;
            row_of(record, Some(home), "node".to_owned(), context.now())?.insert(conn, &context.sealer)?;
        }
    }
    Ok(())
}

/// What came of reading an asker's log at their node.
#[derive(Debug, Clone)]
pub(crate) struct LogRead {
    pub(crate) owner: Did,
    pub(crate) asker: Did,
    pub(crate) home: String,
    /// Why it could not be read to its end, if it could not.
    pub(crate) problem: Option<String>,
    /// When the reading began: what was told later cannot be in it.
    pub(crate) begun_at: Timestamp,
}

/// Notes that a log was read for the signer of the change, who wanted it.
pub(crate) fn log_read(conn: &mut Conn, context: &Context, change: &Change, read: &LogRead) -> Result<(), QueryError> {
    change.log(conn, context, LOG_READ, reading_object(&read.owner, &read.asker))?;
    let before = reading_find(conn, context, &read.owner, &read.asker)?;
    let row = ReadingRow {
        owner_did: read.owner.clone(),
        asker_did: read.asker.clone(),
        home: read.home.clone(),
        read_at: match &read.problem {
            None => Some(read.begun_at),
            Some(_) => before.as_ref().and_then(|row| row.read_at),
        },
        problem: read.problem.clone(),
        updated_at: context.now(),
        row_seal: Vec::new(),
    };
    match before {
        Some(_) => row.save(conn, &context.sealer)?,
        None => row.insert(conn, &context.sealer)?,
    };
    Ok(())
}

/// Whether the use of a record was forgotten here. The clocks of both may be apart.
pub(super) fn is_forgotten(before: Option<Timestamp>, record: &SignedMessage<UseRecord>) -> bool {
    may_be_missing(before.map(|before| before.plus(CLOCKS_APART)), record.payload.used_at)
}

pub(super) fn reading_find(
    conn: &mut Conn,
    context: &Context,
    owner: &Did,
    asker: &Did,
) -> Result<Option<ReadingRow>, QueryError> {
    let row: Option<ReadingRow> = readings::table
        .find((owner, asker))
        .select(ReadingRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}
