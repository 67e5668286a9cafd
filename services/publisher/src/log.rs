//! What publisher writes to the mutation log.

use imajin_did::Did;
use imajin_fair::ManifestId;
use imajin_kernel::id::{CheckoutId, ContentId};
use imajin_store::Conn;
use imajin_store::mutation::{self, Mutation, Proof};
use imajin_web::Verified;

use crate::PublisherError;
use crate::context::Context;
use crate::domain::access::AccessLogged;
use crate::rows::AccessRow;

pub(crate) const FAIR_PUBLISH: &str = "fair.publish";
pub(crate) const FAIR_ACCEPT: &str = "fair.accept";
pub(crate) const FAIR_ENDORSE: &str = "fair.endorse";

pub(crate) const CONTENT_CREATE: &str = "content.create";
pub(crate) const CONTENT_VERSION: &str = "content.version";
pub(crate) const CONTENT_PUBLISH: &str = "content.publish";
pub(crate) const CONTENT_WITHDRAW: &str = "content.withdraw";
pub(crate) const CONTENT_GRANT: &str = "content.grant";
pub(crate) const CONTENT_REVOKE: &str = "content.revoke";

pub(crate) const GATE_POLICY: &str = "gate.policy";

/// What the names of all works in the log begin with.
pub(crate) const WORK_PREFIX: &str = "content/";
/// What the names of all payments for works in the log begin with.
pub(crate) const ACCESS_PREFIX: &str = "access/";

/// The name of a work in the log.
pub(crate) fn work_object(id: ContentId) -> String {
    format!("{WORK_PREFIX}{id}")
}

/// The name of a payment for a work in the log.
pub(crate) fn access_object(id: ContentId, checkout: CheckoutId) -> String {
    format!("{ACCESS_PREFIX}{id}/{checkout}")
}

/// Logs what a payment for a work gives, or gives no more: the node's own word.
pub(crate) fn access_append(
    conn: &mut Conn,
    context: &Context,
    action: &str,
    row: &AccessRow,
) -> Result<(), PublisherError> {
    let body = crate::rows::json_text(&AccessLogged::of(row))?;
    let mutation = Mutation {
        owner: row.reader_did.clone(),
        action,
        object: access_object(row.content_id, row.checkout_id),
        body: body.into_bytes(),
        proof: Proof::Node,
    };
    mutation::append(conn, &context.writer, &mutation)?;
    Ok(())
}

/// What the names of all manifests in the log begin with.
pub(crate) const MANIFEST_PREFIX: &str = "fair/";

/// The name of a manifest in the log.
pub(crate) fn manifest_object(id: &ManifestId) -> String {
    format!("{MANIFEST_PREFIX}{id}")
}

/// The name of a statement about a manifest in the log.
pub(crate) fn statement_object(id: &ManifestId, kind: &str, did: &Did) -> String {
    format!("{kind}/{id}/{did}")
}

/// Logs a change by the caller's own signature, and spends its nonce.
pub(crate) fn signed_append(
    conn: &mut Conn,
    context: &Context,
    verified: &Verified,
    action: &str,
    object: String,
    body: &[u8],
) -> Result<(), PublisherError> {
    let mutation = Mutation::signed(verified.proof(), action, object, body);
    mutation::append(conn, &context.writer, &mutation)?;
    Ok(())
}

/// As [`signed_append`], without the body: a manifest is kept once, in the library, and its own signature says whose
/// word it is.
pub(crate) fn publication_append(
    conn: &mut Conn,
    context: &Context,
    verified: &Verified,
    object: String,
    body: &[u8],
) -> Result<(), PublisherError> {
    let mutation = Mutation::signed(verified.proof(), FAIR_PUBLISH, object, body);
    mutation::append_without_body(conn, &context.writer, &mutation)?;
    Ok(())
}

/// What is stored with a row as its proof: JSON.
pub(crate) fn proof_text(verified: &Verified) -> Result<String, PublisherError> {
    crate::rows::json_text(&verified.row_proof())
}
