//! What profile writes to the mutation log.

use imajin_did::Did;
use imajin_store::Conn;
use imajin_store::mutation::{self, Mutation, Proof};
use imajin_web::Custody;
use serde::Serialize;

use crate::ProfileError;
use crate::context::{Change, Context};

pub(crate) const PROFILE_SET: &str = "profile.set";
pub(crate) const PROFILE_DELETE: &str = "profile.delete";
pub(crate) const AVATAR_SET: &str = "avatar.set";
pub(crate) const AVATAR_REMOVE: &str = "avatar.remove";

/// The name of a profile in the log.
pub(crate) fn profile_object(did: &Did) -> String {
    format!("profile/{did}")
}

/// The name of a picture in the log.
pub(crate) fn avatar_object(did: &Did) -> String {
    format!("avatar/{did}")
}

/// Logs a change by the caller's own signature, and spends its nonce.
pub(crate) fn signed_append(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    action: &str,
    object: String,
) -> Result<(), ProfileError> {
    mutation::append(conn, &context.writer, &mutation_of(change, action, object))?;
    Ok(())
}

/// As [`signed_append`], for a body that holds a file as it was uploaded: its digest is kept, the file is not.
pub(crate) fn upload_append(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    action: &str,
    object: String,
) -> Result<(), ProfileError> {
    mutation::append_without_body(conn, &context.writer, &mutation_of(change, action, object))?;
    Ok(())
}

fn mutation_of<'a>(change: &Change, action: &'a str, object: String) -> Mutation<'a> {
    Mutation {
        owner: change.verified.did().clone(),
        action,
        object,
        body: change.body.clone(),
        proof: Proof::Http(change.verified.proof().clone()),
    }
}

/// The proof beside a row: what was signed, by whom, and who held the key.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RowProof<'a> {
    did: &'a Did,
    base: &'a str,
    signature: imajin_did::Signature,
    custody: Custody,
}

/// What is stored with a row as its proof: JSON.
pub(crate) fn proof_text(change: &Change) -> Result<String, ProfileError> {
    let proof = change.verified.proof();
    crate::rows::json_text(&RowProof {
        did: &proof.did,
        base: &proof.base,
        signature: proof.signature,
        custody: change.verified.custody(),
    })
}
