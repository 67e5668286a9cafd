//! The documents that questions are answered from.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::DocumentId;
use imajin_query_api::DocumentBody;
use imajin_store::{Conn, SealedRow, for_update};

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
    /// How many bytes they may have together.
    pub(crate) documents_bytes_max: i64,
}

/// Adds a document; the same text a second time is the one that is there.
pub(crate) fn document_add(conn: &mut Conn, context: &Context, new: &NewDocument) -> Result<DocumentRow, QueryError> {
    let owner = new.change.did();
    let id: DocumentId = context.env.new_id();
    let proof = new
        .change
        .log_without_body(conn, context, DOCUMENT_ADD, document_object(&id))?;
    let of_owner = || {
        documents::table
            .filter(documents::owner_did.eq(&owner))
            .filter(documents::deleted_at.is_null())
    };
    let same: i64 = of_owner()
        .filter(documents::sha256.eq(&new.sha256))
        .count()
        .get_result(conn)?;
    if same > 0 {
        return Err(QueryError::Conflict("This document is there already."));
    }
    let body = &new.body;
    let size = i64::try_from(body.text.len()).unwrap_or(i64::MAX);
    let sizes: Vec<i64> = of_owner().select(documents::size).load(conn)?;
    if u64::try_from(sizes.len()).unwrap_or(u64::MAX) >= new.documents_max {
        return Err(QueryError::Limit(format!(
            "You have {} documents here, and {} are the most.",
            sizes.len(),
            new.documents_max
        )));
    }
    let all = sizes.into_iter().fold(size, i64::saturating_add);
    if all > new.documents_bytes_max {
        return Err(QueryError::Limit(format!(
            "Your documents would have {all} bytes with this one, and {} are the most.",
            new.documents_bytes_max
        )));
    }
    let row = DocumentRow {
        id,
        owner_did: owner,
        title: body.title.trim().to_owned(),
        media_type: body.media_type.clone(),
        sha256: new.sha256.clone(),
        size,
        content: body.text.clone().into_bytes(),
        manifest_id: body.manifest.id.to_string(),
        manifest: json_text(&body.manifest)?,
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

/// The documents of somebody, the oldest first.
pub(crate) fn document_list(conn: &mut Conn, context: &Context, owner: &Did) -> Result<Vec<DocumentRow>, QueryError> {
    let ids = document_digests(conn, owner)?;
    let mut rows = Vec::with_capacity(ids.len());
    for (id, _sha256) in ids {
        rows.extend(document_find(conn, context, id)?);
    }
    Ok(rows)
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
