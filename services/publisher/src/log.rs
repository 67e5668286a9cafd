//! What publisher writes to the mutation log.

use imajin_did::Did;
use imajin_fair::ManifestId;
use imajin_store::Conn;
use imajin_store::mutation::{self, Mutation};
use imajin_web::Verified;

use crate::PublisherError;
use crate::context::Context;

pub(crate) const FAIR_PUBLISH: &str = "fair.publish";
pub(crate) const FAIR_ACCEPT: &str = "fair.accept";
pub(crate) const FAIR_ENDORSE: &str = "fair.endorse";

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
