//! What profile writes to the mutation log.

use imajin_did::Did;
use imajin_store::Conn;
use imajin_store::mutation::{self, Mutation};

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
    Mutation::signed(change.verified.proof(), action, object, &change.body)
}

/// What is stored with a row as its proof: JSON.
pub(crate) fn proof_text(change: &Change) -> Result<String, ProfileError> {
    crate::rows::json_text(&change.verified.row_proof())
}
