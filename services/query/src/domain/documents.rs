//! The documents that questions are answered from.

use diesel::prelude::*;
use diesel::sql_types;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_kernel::id::DocumentId;
use imajin_query_api::{DocumentBody, DocumentCard};
use imajin_store::{Conn, SealedRow, for_update, units_sum};

use crate::QueryError;
use crate::context::{Change, Context, json_text};
use crate::rows::DocumentRow;
use crate::schema::documents;

/// The actions in the mutation log.
pub(crate) const DOCUMENT_ADD: &str = "document.add";
pub(crate) const DOCUMENT_REMOVE: &str = "document.remove";

/// The name of a document in the log.
pub(crate) fn document_object(id: &DocumentId) -> String {
    format!("document/{id}")
}

/// A document whose manifest was checked.
#[derive(Debug, Clone)]
pub(crate) struct NewDocument {
    pub(crate) change: Change,
    pub(crate) body: DocumentBody,
    pub(crate) sha256: String,
    /// How many documents its owner may have.
    pub(crate) documents_max: u64,
    /// How many bytes they may have together, with their manifests.
    pub(crate) documents_bytes_max: i64,
    /// How many times as much it may be with those that were removed.
    pub(crate) removed_times: u64,
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// How many bytes a text has.
    fn octet_length(text: sql_types::Text) -> sql_types::Integer;
}

/// Adds a document; the same text a second time is the one that is there.
pub(crate) fn document_add(conn: &mut Conn, context: &Context, new: &NewDocument) -> Result<DocumentRow, QueryError> {
    let owner = new.change.did();
    let id: DocumentId = context.env.new_id();
    let proof = new
        .change
        .log_without_body(conn, context, DOCUMENT_ADD, document_object(&id))?;
    let same: i64 = documents::table
        .filter(documents::owner_did.eq(&owner))
        .filter(documents::deleted_at.is_null())
        .filter(documents::sha256.eq(&new.sha256))
        .count()
        .get_result(conn)?;
    if same > 0 {
        return Err(QueryError::Conflict("This document is there already."));
    }
    let body = &new.body;
    let size = i64::try_from(body.text.len()).unwrap_or(i64::MAX);
    let manifest = json_text(&body.manifest)?;
    let length = i64::try_from(manifest.len()).unwrap_or(i64::MAX);
    quota_check(conn, new, size.saturating_add(length))?;
    let row = DocumentRow {
        id,
        owner_did: owner,
        title: body.title.trim().to_owned(),
        media_type: body.media_type.clone(),
        sha256: new.sha256.clone(),
        size,
        content: body.text.clone().into_bytes(),
        manifest_id: body.manifest.id.to_string(),
        manifest,
        proof,
        created_at: context.now(),
        deleted_at: None,
        row_seal: Vec::new(),
    };
    Ok(row.insert(conn, &context.sealer)?)
}

/// Nothing is answered from a document of the signer's any more.
pub(crate) fn document_remove(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    id: DocumentId,
) -> Result<(), QueryError> {
    let row: Option<DocumentRow> =
        for_update!(conn, documents::table.find(id).select(DocumentRow::as_select()) => first).optional()?;
    let is_own = |row: &DocumentRow| row.owner_did == change.did() && row.deleted_at.is_none();
    let row = row.filter(is_own).ok_or(QueryError::NotFound("document of yours"))?;
    let mut row = row.intact(&context.sealer)?;
    row.proof = change.log(conn, context, DOCUMENT_REMOVE, document_object(&id))?;
    row.deleted_at = Some(context.now());
    row.save(conn, &context.sealer)?;
    Ok(())
}

/// Refuses a document of so many bytes that would be one too many. What was removed stays for the answers that quote
/// it, and counts with its own measure.
fn quota_check(conn: &mut Conn, new: &NewDocument, bytes: i64) -> Result<(), QueryError> {
    let owner = new.change.did();
    let of_owner = || documents::table.filter(documents::owner_did.eq(owner.clone()));
    let here = || of_owner().filter(documents::deleted_at.is_null());
    let counted = |count: i64| u64::try_from(count).unwrap_or(u64::MAX);
    let count = counted(here().count().get_result(conn)?);
    if count >= new.documents_max {
        return Err(QueryError::Limit(format!(
            "You have {count} documents here, and {} are the most.",
            new.documents_max
        )));
    }
    let texts = units_sum!(conn, here(), documents::size)?;
    let manifests = units_sum!(conn, here(), octet_length(documents::manifest))?;
    let all = bytes.saturating_add(texts).saturating_add(manifests);
    if all > new.documents_bytes_max {
        return Err(QueryError::Limit(format!(
            "Your documents and their manifests would have {all} bytes with this one, and {} are the most.",
            new.documents_bytes_max
        )));
    }
    let count = counted(of_owner().count().get_result(conn)?);
    let texts = units_sum!(conn, of_owner(), documents::size)?;
    let manifests = units_sum!(conn, of_owner(), octet_length(documents::manifest))?;
    let all = bytes.saturating_add(texts).saturating_add(manifests);
    let is_full = count >= new.documents_max.saturating_mul(new.removed_times)
        || counted(all) > counted(new.documents_bytes_max).saturating_mul(new.removed_times);
    if is_full {
        let detail = "Too many documents of yours were removed and are kept for the answers that quote them.";
        return Err(QueryError::Limit(detail.to_owned()));
    }
    Ok(())
}

/// The columns of a document in a list: not what it says, and not its manifest.
type Columns = (DocumentId, String, String, i64, String, String, Timestamp);

/// The documents of somebody, the oldest first: the next ones after one of them.
pub(crate) fn document_page(
    conn: &mut Conn,
    owner: &Did,
    after: Option<DocumentId>,
    limit: i64,
) -> Result<Vec<DocumentCard>, QueryError> {
    let of_owner = documents::table
        .filter(documents::owner_did.eq(owner))
        .filter(documents::deleted_at.is_null());
    let mut query = of_owner.into_boxed();
    if let Some(after) = after {
        // Also when it was removed since.
        let place: Option<Timestamp> = documents::table
            .find(after)
            .filter(documents::owner_did.eq(owner))
            .select(documents::created_at)
            .first(conn)
            .optional()?;
        let place = place.ok_or_else(|| QueryError::invalid("after", "is no document of this list"))?;
        let same = documents::created_at.eq(place).and(documents::id.gt(after));
        query = query.filter(documents::created_at.gt(place).or(same));
    }
    let columns = (
        documents::id,
        documents::title,
        documents::media_type,
        documents::size,
        documents::sha256,
        documents::manifest_id,
        documents::created_at,
    );
    let rows: Vec<Columns> = query
        .order_by((documents::created_at, documents::id))
        .limit(limit)
        .select(columns)
        .load(conn)?;
    let card = |(id, title, media_type, size, sha256, manifest, created_at): Columns| {
        let unreadable = |_error| QueryError::damaged(DocumentRow::TABLE, &id, "the id of its manifest is none");
        Ok(DocumentCard {
            id,
            owner: owner.clone(),
            title,
            media_type,
            size: u64::try_from(size).unwrap_or_default(),
            sha256,
            manifest_id: manifest.parse().map_err(unreadable)?,
            created_at,
        })
    };
    rows.into_iter().map(card).collect()
}

/// A document, also one that was removed: answers that quote it stay.
pub(crate) fn document_find(
    conn: &mut Conn,
    context: &Context,
    id: DocumentId,
) -> Result<Option<DocumentRow>, QueryError> {
    let row: Option<DocumentRow> = documents::table
        .find(id)
        .select(DocumentRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Which documents somebody has, and the SHA-256 of each.
pub(crate) fn document_digests(conn: &mut Conn, owner: &Did) -> Result<Vec<(DocumentId, String)>, QueryError> {
    let rows = documents::table
        .filter(documents::owner_did.eq(owner))
        .filter(documents::deleted_at.is_null())
        .order_by((documents::created_at, documents::id))
        .select((documents::id, documents::sha256))
        .load(conn)?;
    Ok(rows)
}

/// How many documents somebody has.
pub(crate) fn document_count(conn: &mut Conn, owner: &Did) -> Result<u64, QueryError> {
    let count: i64 = documents::table
        .filter(documents::owner_did.eq(owner))
        .filter(documents::deleted_at.is_null())
        .count()
        .get_result(conn)?;
    Ok(u64::try_from(count).unwrap_or_default())
}
