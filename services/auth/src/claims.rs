//! A soft identity is claimed by somebody with a key, who proves its mailbox.
//!
//! What was signed stays as it was signed: tickets, orders and receipts go on naming the soft identity. The claim says
//! whose they are now, and every service asks for it (`holdings_fetch`) when somebody reads or spends; so there is
//! nothing to deliver and nothing to lose (`docs/adr/0010-claims-are-asked-for.md`). The soft identity itself ends: its
//! sessions, and the node signs nothing for it any more. Its mailbox logs the owner in from then on.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Timestamp;
use imajin_store::{Conn, Finding, SealedRow, Sealer, mutation};
use imajin_web::{Authorised, Custody, KeyTier};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::AuthError;
use crate::audit::finding;
use crate::auth::{Auth, Writing};
use crate::identities::{CUSTODY_NODE, Identity};
use crate::log::{Authority, mutation_record, secret_mutation_record};
use crate::mailbox::{link_lock, token_hash};
use crate::rows::{IdentityClaimRow, IdentityRow, MailboxAliasRow, SessionRow};
use crate::schema::{identities, identity_claims, mailbox_aliases, sessions};
use crate::soft::{NewSoft, soft_identity};

const ACTION: &str = "identity.claim";
/// The claim is undone: the soft identity is what it was before.
const ACTION_UNDO: &str = "identity.claim.undo";
/// Mailboxes of one identity.
const CLAIMS_MAX: i64 = 50;

/// The proof of the mailbox.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ClaimBody {
    /// The token of the login link that was sent to it.
    pub(crate) token: String,
}

fn object_of(soft: &Did) -> String {
    format!("claim/{soft}")
}

impl Auth {
    /// Makes the soft identity of a mailbox the signer's. Uses the link up. Returns the soft identity.
    pub(crate) async fn claim(
        &self,
        signer: &Authorised<KeyTier>,
        body: &ClaimBody,
        raw: Vec<u8>,
    ) -> Result<Did, AuthError> {
        let claim = Claim {
            owner: signer.did().clone(),
            authority: Authority::Signed(signer.proof().clone()),
            hash: token_hash(&body.token),
            fresh: self.soft_prepare(),
            raw,
        };
        let auth = self.writing();
        self.write_contended(move |conn| claim.run(conn, &auth)).await
    }

    /// The identity itself, and the soft ones that it has claimed: whose things are its own.
    pub(crate) async fn holdings(&self, did: &Did) -> Result<Vec<Did>, AuthError> {
        let (did, sealer) = (did.canonical(), self.sealer.clone());
        self.db.read(move |conn| holdings(conn, &sealer, did)).await
    }
}

struct Claim {
    owner: Did,
    authority: Authority,
    hash: String,
    /// For a mailbox that nobody has used here: it is claimed before anything is in it.
    fresh: NewSoft,
    raw: Vec<u8>,
}

impl Claim {
    fn run(&self, conn: &mut Conn, auth: &Writing) -> Result<Did, AuthError> {
        let now = auth.env.now();
        let mut link = link_lock(conn, &self.hash, now)?.intact(&auth.sealer)?;
        let soft = soft_identity(conn, auth, &link.mailbox, &self.fresh)?;
        if soft.custody != Custody::Node {
            return self.known(conn, &soft);
        }
        let claimed: i64 = identity_claims::table
            .filter(
                identity_claims::owner_did
                    .eq(&self.owner)
                    .and(identity_claims::deleted_at.is_null()),
            )
            .count()
            .get_result(conn)?;
        if claimed >= CLAIMS_MAX {
            return Err(AuthError::ClaimLimit(CLAIMS_MAX));
        }
        let (object, body) = (object_of(&soft.did), self.raw.clone());
        let proof = secret_mutation_record(conn, auth, &self.owner, ACTION, &object, body, &self.authority)?;
        let row = IdentityClaimRow {
            soft_did: soft.did.clone(),
            owner_did: self.owner.clone(),
            proof,
            created_at: now,
            deleted_at: None,
            row_seal: Vec::new(),
        };
        // A claim that was undone leaves its row.
        let undone: i64 = identity_claims::table.find(&soft.did).count().get_result(conn)?;
        if undone == 0 {
            row.insert(conn, &auth.sealer)?;
        } else {
            row.save(conn, &auth.sealer)?;
        }
        soft_end(conn, auth, &soft.did, &self.owner)?;
        link.used_at = Some(now);
        link.save(conn, &auth.sealer)?;
        Ok(soft.did)
    }

    /// The mailbox belongs to a key already: there is nothing left to claim, for its owner either. The link stays good.
    fn known(&self, conn: &mut Conn, holder: &Identity) -> Result<Did, AuthError> {
        let soft: Option<Did> = identity_claims::table
            .filter(
                identity_claims::owner_did
                    .eq(&self.owner)
                    .and(identity_claims::deleted_at.is_null()),
            )
            .order(identity_claims::created_at.desc())
            .select(identity_claims::soft_did)
            .first(conn)
            .optional()?;
        match soft {
            Some(_) if holder.did == self.owner => Err(AuthError::ClaimDone),
            _ => Err(AuthError::ClaimTaken),
        }
    }
}

/// Ends a soft identity: its sessions, and whatever the node would sign for it. Its mailbox leads to the owner.
fn soft_end(conn: &mut Conn, auth: &Writing, soft: &Did, owner: &Did) -> Result<(), AuthError> {
    let now = auth.env.now();
    let row: IdentityRow = identities::table
        .find(soft.clone())
        .select(IdentityRow::as_select())
        .first(conn)?;
    let mut row = row.intact(&auth.sealer)?;
    row.deleted_at = Some(now);
    row.save(conn, &auth.sealer)?;
    let living: Vec<SessionRow> = sessions::table
        .filter(sessions::did.eq(soft.clone()).and(sessions::revoked_at.is_null()))
        .select(SessionRow::as_select())
        .load(conn)?;
    for session in living {
        let mut session = session.intact(&auth.sealer)?;
        session.revoked_at = Some(now);
        session.save(conn, &auth.sealer)?;
    }
    let aliases: Vec<MailboxAliasRow> = mailbox_aliases::table
        .filter(mailbox_aliases::did.eq(soft.clone()))
        .select(MailboxAliasRow::as_select())
        .load(conn)?;
    for alias in aliases {
        let mut alias = alias.intact(&auth.sealer)?;
        alias.did = owner.clone();
        alias.save(conn, &auth.sealer)?;
    }
    Ok(())
}

/// Undoes the claims that somebody has made since a moment, because it may not have been they: each soft identity lives
/// again, and its mailbox leads to it and to nobody else.
pub(crate) fn claims_end(conn: &mut Conn, auth: &Writing, owner: &Did, since: Timestamp) -> Result<(), AuthError> {
    let claims: Vec<IdentityClaimRow> = identity_claims::table
        .filter(
            identity_claims::owner_did
                .eq(owner)
                .and(identity_claims::deleted_at.is_null()),
        )
        .filter(identity_claims::created_at.ge(since))
        .select(IdentityClaimRow::as_select())
        .load(conn)?;
    for claim in claims {
        let mut claim = claim.intact(&auth.sealer)?;
        let (soft, object) = (claim.soft_did.clone(), object_of(&claim.soft_did));
        let body = json!({"did": soft}).to_string().into_bytes();
        claim.proof = mutation_record(conn, auth, owner, ACTION_UNDO, &object, body, &Authority::Node)?;
        claim.deleted_at = Some(auth.env.now());
        claim.save(conn, &auth.sealer)?;
        soft_revive(conn, auth, &soft, owner)?;
    }
    Ok(())
}

/// The reverse of [`soft_end`]. The aliases of a mailbox are as old as its soft identity.
fn soft_revive(conn: &mut Conn, auth: &Writing, soft: &Did, owner: &Did) -> Result<(), AuthError> {
    let row: IdentityRow = identities::table
        .find(soft.clone())
        .select(IdentityRow::as_select())
        .first(conn)?;
    let mut row = row.intact(&auth.sealer)?;
    row.deleted_at = None;
    let row = row.save(conn, &auth.sealer)?;
    let aliases: Vec<MailboxAliasRow> = mailbox_aliases::table
        .filter(
            mailbox_aliases::did
                .eq(owner.clone())
                .and(mailbox_aliases::created_at.eq(row.created_at)),
        )
        .select(MailboxAliasRow::as_select())
        .load(conn)?;
    for alias in aliases {
        let mut alias = alias.intact(&auth.sealer)?;
        alias.did = soft.clone();
        alias.save(conn, &auth.sealer)?;
    }
    Ok(())
}

fn holdings(conn: &mut Conn, sealer: &Sealer, did: Did) -> Result<Vec<Did>, AuthError> {
    let rows: Vec<IdentityClaimRow> = identity_claims::table
        .filter(
            identity_claims::owner_did
                .eq(&did)
                .and(identity_claims::deleted_at.is_null()),
        )
        .order((identity_claims::created_at, identity_claims::soft_did))
        .limit(CLAIMS_MAX)
        .select(IdentityClaimRow::as_select())
        .load(conn)?;
    let mut all = vec![did];
    for row in rows {
        // Whose money something is: a row that was written by hand is not believed.
        all.push(row.intact(sealer)?.soft_did);
    }
    Ok(all)
}

/// Each claim must have been signed by its owner, and its soft identity must have ended; or it was undone.
pub(crate) fn claims_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let rows: Vec<IdentityClaimRow> = identity_claims::table
        .order(identity_claims::soft_did)
        .select(IdentityClaimRow::as_select())
        .load(conn)?;
    for row in rows {
        let logged = mutation::last_body(conn, &object_of(&row.soft_did))?;
        let is_undone = row.deleted_at.is_some();
        let action = if is_undone { ACTION_UNDO } else { ACTION };
        let is_logged =
            logged.is_some_and(|logged| logged.action == action && logged.owner_did == row.owner_did.as_str());
        let soft: Option<IdentityRow> = identities::table
            .find(row.soft_did.clone())
            .select(IdentityRow::as_select())
            .first(conn)
            .optional()?;
        let has_ended = soft.is_some_and(|soft| soft.custody == CUSTODY_NODE && soft.deleted_at.is_some());
        if !is_logged || has_ended == is_undone {
            findings.push(finding(
                "identity_claims",
                row.soft_did.as_str(),
                "its owner has not signed for it",
            ));
        }
    }
    Ok(())
}
