//! What people's nodes may disclose or answer about them without asking each time.

use diesel::prelude::*;
use imajin_consent::{GrantRevocation, StandingGrant};
use imajin_did::Did;
use imajin_query_api::GrantView;
use imajin_store::{Conn, SealedRow, for_update};

use crate::QueryError;
use crate::context::{Change, Context, json_text};
use crate::rows::GrantRow;
use crate::schema::grants;

/// The actions in the mutation log.
pub(crate) const GRANT_GIVE: &str = "grant.give";
pub(crate) const GRANT_REVOKE: &str = "grant.revoke";

/// How many grants somebody may have that are not revoked.
const GRANTS_MAX: i64 = 200;
/// As many of them are shown.
const LIST_ROWS: i64 = 500;

/// The name of a grant in the log.
pub(crate) fn grant_object(digest: &str) -> String {
    format!("grant/{digest}")
}

/// Gives what the signer of the change has signed and whose signature was checked. The same grant a second time is the
/// one that is there.
pub(crate) fn grant_give(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    grant: &StandingGrant,
) -> Result<GrantRow, QueryError> {
    let (owner, digest) = (change.did(), grant.digest()?);
    let proof = change.log(conn, context, GRANT_GIVE, grant_object(&digest))?;
    if let Some(row) = grant_lock(conn, context, &digest)? {
        if row.revoked_at.is_some() {
            return Err(QueryError::Conflict(
                "You have taken this grant back, and it stays so: sign a new one.",
            ));
        }
        return Ok(row);
    }
    let held: i64 = grants::table
        .filter(grants::owner_did.eq(&owner))
        .filter(grants::revoked_at.is_null())
        .count()
        .get_result(conn)?;
    if held >= GRANTS_MAX {
        let detail = format!("You have {held} grants here, and {GRANTS_MAX} are the most: take some of them back.");
        return Err(QueryError::Limit(detail));
    }
    let row = GrantRow {
        digest,
        owner_did: owner,
        document: json_text(grant)?,
        proof,
        created_at: context.now(),
        revocation: None,
        revoked_at: None,
        row_seal: Vec::new(),
    };
    Ok(row.insert(conn, &context.sealer)?)
}

/// Ends a grant of the signer's, whose revocation was checked against it. What was ended stays as it is.
pub(crate) fn grant_revoke(
    conn: &mut Conn,
    context: &Context,
    change: &Change,
    revocation: &GrantRevocation,
) -> Result<GrantRow, QueryError> {
    let digest = &revocation.0.payload.consent;
    let row = grant_lock(conn, context, digest)?.filter(|row| row.owner_did == change.did());
    let mut row = row.ok_or(QueryError::NotFound("grant of yours"))?;
    let proof = change.log(conn, context, GRANT_REVOKE, grant_object(digest))?;
    if row.revoked_at.is_some() {
        return Ok(row);
    }
    row.proof = proof;
    row.revocation = Some(json_text(revocation)?);
    row.revoked_at = Some(context.now());
    Ok(row.save(conn, &context.sealer)?)
}

fn grant_lock(conn: &mut Conn, context: &Context, digest: &str) -> Result<Option<GrantRow>, QueryError> {
    let row: Option<GrantRow> =
        for_update!(conn, grants::table.find(digest).select(GrantRow::as_select()) => first).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// A grant by its name.
pub(crate) fn grant_find(conn: &mut Conn, context: &Context, digest: &str) -> Result<Option<GrantRow>, QueryError> {
    let row: Option<GrantRow> = grants::table
        .find(digest)
        .select(GrantRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

/// Somebody's grants that were not revoked, and the newest of those that were.
pub(crate) fn grants_standing(
    conn: &mut Conn,
    context: &Context,
    owner: &Did,
) -> Result<(Vec<StandingGrant>, Vec<StandingGrant>), QueryError> {
    let of_owner = || {
        grants::table
            .filter(grants::owner_did.eq(owner))
            .order_by((grants::created_at.desc(), grants::digest))
            .select(GrantRow::as_select())
    };
    let held: Vec<GrantRow> = of_owner().filter(grants::revoked_at.is_null()).load(conn)?;
    let revoked = of_owner().filter(grants::revoked_at.is_not_null());
    let revoked: Vec<GrantRow> = revoked.limit(GRANTS_MAX).load(conn)?;
    let read = |rows: Vec<GrantRow>| -> Result<Vec<StandingGrant>, QueryError> {
        rows.into_iter()
            .map(|row| row.intact(&context.sealer)?.grant())
            .collect()
    };
    Ok((read(held)?, read(revoked)?))
}

/// Somebody's grants, the newest first.
pub(crate) fn grants_of(conn: &mut Conn, context: &Context, owner: &Did) -> Result<Vec<GrantView>, QueryError> {
    let rows: Vec<GrantRow> = grants::table
        .filter(grants::owner_did.eq(owner))
        .order_by((grants::created_at.desc(), grants::digest))
        .limit(LIST_ROWS)
        .select(GrantRow::as_select())
        .load(conn)?;
    let now = context.now();
    rows.into_iter()
        .map(|row| row.intact(&context.sealer)?.view(now))
        .collect()
}
