//! Everything of one person that this service keeps, page by page, the newest first where it has an order in time.

use diesel::prelude::*;
use imajin_consent::GrantRevocation;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_money::Money;
use imajin_proof::SignedMessage;
use imajin_query_api::{DocumentView, GrantView, QuestionView, UseReceipt, UseRecord};
use imajin_store::{Conn, SealedRow};
use serde::Serialize;
use serde_json::Value;

use crate::QueryError;
use crate::context::Context;
use crate::rows::{DocumentRow, GrantRow, QuestionRow, ReadingRow, RecordRow, UseRow};
use crate::schema::{documents, grants, questions, readings, records, uses};

/// Rows that may be large are read so many at once.
const LARGE_ROWS: i64 = 8;
/// A page ends with the row that goes beyond so many bytes: pages travel between processes, whose messages have bounds.
const PAGE_BYTES: usize = 1024 * 1024;

/// Where a page begins: behind the row that was made then and is called so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct After(Timestamp, String);

impl After {
    /// What [`After::text`] has written; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (micros, key) = text.split_once('.')?;
        Some(Self(Timestamp::from_micros(micros.parse().ok()?), key.to_owned()))
    }

    pub(crate) fn text(&self) -> String {
        format!("{}.{}", self.0.as_micros(), self.1)
    }
}

/// Whose, from where on, and how many at most.
#[derive(Debug, Clone)]
pub(crate) struct PageOf {
    pub(crate) owner: Did,
    pub(crate) after: Option<After>,
    pub(crate) limit: i64,
}

/// Some of a list, and where it goes on.
pub(crate) type Page = (Vec<Value>, Option<After>);

/// The rows of a table behind the place where the last page ended, and one more than fit.
macro_rules! rows_after {
    ($conn:expr, $page:expr, $limit:expr, $table:ident, $key:ident, $Row:ty, $of_owner:expr) => {{
        let mut query = $table::table.filter($of_owner).into_boxed();
        if let Some(After(at, key)) = &$page.after {
            let before = $table::created_at.lt(*at);
            let beside = $table::created_at.eq(*at).and($table::$key.lt(key.clone()));
            query = query.filter(before.or(beside));
        }
        let rows: Vec<$Row> = query
            .order_by(($table::created_at.desc(), $table::$key.desc()))
            .limit($limit.saturating_add(1))
            .select(<$Row>::as_select())
            .load($conn)?;
        rows
    }};
}

/// What stands in the exported document.
pub(crate) fn to_value<T: Serialize>(part: T) -> Result<Value, QueryError> {
    serde_json::to_value(part)
        .map_err(|error| QueryError::Fault(format!("a part of an export could not be written: {error}")))
}

/// Writes rows until the page is full.
fn page_of<R, T: Serialize>(
    rows: Vec<R>,
    limit: i64,
    written: impl Fn(R) -> Result<(T, After), QueryError>,
) -> Result<Page, QueryError> {
    let (mut page, mut bytes, mut last) = (Vec::new(), 0_usize, None);
    let most = usize::try_from(limit).unwrap_or_default();
    for row in rows {
        if page.len() >= most || bytes >= PAGE_BYTES {
            return Ok((page, last));
        }
        let (view, place) = written(row)?;
        let value = to_value(view)?;
        bytes = bytes.saturating_add(value.to_string().len());
        page.push(value);
        last = Some(place);
    }
    Ok((page, None))
}

/// A grant with what has ended it, both as they were signed.
#[derive(Serialize)]
struct GrantExport {
    #[serde(flatten)]
    view: GrantView,
    revocation: Option<GrantRevocation>,
}

/// The standing grants of somebody, also those that have ended.
pub(crate) fn grants_page(conn: &mut Conn, context: &Context, page: &PageOf) -> Result<Page, QueryError> {
    let of_owner = grants::owner_did.eq(&page.owner);
    let rows = rows_after!(conn, page, page.limit, grants, digest, GrantRow, of_owner);
    page_of(rows, page.limit, |row| {
        let row = row.intact(&context.sealer)?;
        let export = GrantExport {
            view: row.view(context.now())?,
            revocation: row.revocation()?,
        };
        Ok((export, After(row.created_at, row.digest)))
    })
}

/// What was told about somebody, with what the asker has signed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UseExport {
    receipt: SignedMessage<UseReceipt>,
    evidence: Value,
    home: Option<String>,
    created_at: Timestamp,
}

/// What was told about somebody.
pub(crate) fn uses_page(conn: &mut Conn, context: &Context, page: &PageOf) -> Result<Page, QueryError> {
    let of_owner = uses::owner_did.eq(&page.owner);
    let rows = rows_after!(conn, page, page.limit, uses, id, UseRow, of_owner);
    page_of(rows, page.limit, |row| {
        let row = row.intact(&context.sealer)?;
        let export = UseExport {
            receipt: row.receipt()?,
            evidence: evidence_of(&row.evidence),
            home: row.home,
            created_at: row.created_at,
        };
        Ok((export, After(row.created_at, row.id.to_string())))
    })
}

/// What was signed, as it is kept. The audit says when it is no JSON; nobody is refused their data for it.
fn evidence_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_error| Value::String(text.to_owned()))
}

/// What an asker says that they were told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordExport {
    record: SignedMessage<UseRecord>,
    /// The node where it was read, if it is a copy.
    read_from: Option<String>,
    created_at: Timestamp,
}

/// Whose records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Records {
    /// Somebody's own log.
    Own,
    /// What others say that they were told about them.
    About,
}

/// Records by somebody, or about them.
pub(crate) fn records_page(
    conn: &mut Conn,
    context: &Context,
    which: Records,
    page: &PageOf,
) -> Result<Page, QueryError> {
    let rows = match which {
        Records::Own => {
            let own = records::owner_did.eq(&page.owner).and(records::read_from.is_null());
            rows_after!(conn, page, page.limit, records, digest, RecordRow, own)
        }
        Records::About => {
            let about = records::subject_did.eq(&page.owner);
            rows_after!(conn, page, page.limit, records, digest, RecordRow, about)
        }
    };
    page_of(rows, page.limit, |row| {
        let row = row.intact(&context.sealer)?;
        let export = RecordExport {
            record: row.record()?,
            read_from: row.read_from,
            created_at: row.created_at,
        };
        Ok((export, After(row.created_at, row.digest)))
    })
}

/// That somebody has had an asker's log read at another node, and what came of it last.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReadingExport {
    asker: Did,
    home: String,
    read_at: Option<Timestamp>,
    problem: Option<String>,
    updated_at: Timestamp,
}

/// The logs of others that somebody has had read, by their askers: one that is read again while pages are taken keeps
/// its place.
pub(crate) fn readings_page(conn: &mut Conn, context: &Context, page: &PageOf) -> Result<Page, QueryError> {
    let after = page.after.as_ref().map(|After(_, asker)| asker.clone());
    let rows: Vec<ReadingRow> = readings::table
        .filter(readings::owner_did.eq(&page.owner))
        .filter(readings::asker_did.gt(after.unwrap_or_default()))
        .order_by(readings::asker_did)
        .limit(page.limit.saturating_add(1))
        .select(ReadingRow::as_select())
        .load(conn)?;
    page_of(rows, page.limit, |row| {
        let row = row.intact(&context.sealer)?;
        let place = After(row.updated_at, row.asker_did.to_string());
        let export = ReadingExport {
            asker: row.asker_did,
            home: row.home,
            read_at: row.read_at,
            problem: row.problem,
            updated_at: row.updated_at,
        };
        Ok((export, place))
    })
}

/// A document with what it says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DocumentExport {
    #[serde(flatten)]
    view: DocumentView,
    text: String,
    /// Since when nothing is answered from it any more.
    removed_at: Option<Timestamp>,
}

/// The documents of somebody, also those that they have removed.
pub(crate) fn documents_page(conn: &mut Conn, context: &Context, page: &PageOf) -> Result<Page, QueryError> {
    let (of_owner, limit) = (documents::owner_did.eq(&page.owner), page.limit.min(LARGE_ROWS));
    let rows = rows_after!(conn, page, limit, documents, id, DocumentRow, of_owner);
    page_of(rows, limit, |row| {
        let row = row.intact(&context.sealer)?;
        let export = DocumentExport {
            view: row.view()?,
            text: String::from_utf8_lossy(&row.content).into_owned(),
            removed_at: row.deleted_at,
        };
        Ok((export, After(row.created_at, row.id.to_string())))
    })
}

/// A question with what was signed of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QuestionExport {
    #[serde(flatten)]
    view: QuestionView,
    query_sha256: String,
    ceiling: Money,
    evidence: Value,
    /// For whoever has asked: the answer is theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Value>,
}

/// Who somebody is to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// They have asked it.
    Asker,
    /// It was asked of them.
    Leader,
}

/// The questions that somebody has asked, or was asked.
pub(crate) fn questions_page(
    conn: &mut Conn,
    context: &Context,
    side: Side,
    page: &PageOf,
) -> Result<Page, QueryError> {
    let limit = page.limit.min(LARGE_ROWS);
    let rows = match side {
        Side::Asker => {
            let asked = questions::owner_did.eq(&page.owner);
            rows_after!(conn, page, limit, questions, id, QuestionRow, asked)
        }
        Side::Leader => {
            let answered = questions::leader_did.eq(&page.owner);
            rows_after!(conn, page, limit, questions, id, QuestionRow, answered)
        }
    };
    page_of(rows, limit, |row| {
        let row = row.intact(&context.sealer)?;
        let answer = row.answer.as_deref().filter(|_| side == Side::Asker);
        let export = QuestionExport {
            view: row.view()?,
            query_sha256: row.query_sha256.clone(),
            ceiling: row.ceiling()?,
            evidence: evidence_of(&row.evidence),
            answer: answer.map(evidence_of),
        };
        Ok((export, After(row.created_at, row.id.to_string())))
    })
}
