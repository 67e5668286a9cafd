//! Soft identities.
//!
//! A soft identity is a pseudonymous key of this node that stands for a mailbox. The node holds the key, sealed. The
//! did:email that names the mailbox is an alias in a table of its own and appears in nothing that anyone else sees.

use diesel::prelude::*;
use imajin_did::{Did, SecretKey};
use imajin_store::{Conn, SealedRow};
use serde_json::json;

use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::custodial::custodial_label;
use crate::identities::{CUSTODY_NODE, Identity, identity_find, operator_find};
use crate::log::{Authority, mutation_record};
use crate::names::Name;
use crate::rows::{CustodialKeyRow, IdentityRow, MailboxAliasRow};
use crate::schema::mailbox_aliases;

/// The action in the mutation log.
pub(crate) const ACTION_CREATE: &str = "identity.soft";
/// What a soft identity is.
pub(crate) const KIND: &str = "human";

/// What a soft identity would be made of.
pub(crate) struct NewSoft {
    pub(crate) did: Did,
    public_key: Vec<u8>,
    sealed_key: Vec<u8>,
}

impl Auth {
    /// A fresh key for a mailbox that may turn out to be new.
    pub(crate) fn soft_prepare(&self) -> NewSoft {
        let key = SecretKey::generate(&self.env);
        let sealed = self.keyring.seal_key(&custodial_label(&key.did()), &key, &self.env);
        let (did, public_key) = (key.did(), key.public().to_bytes().to_vec());
        NewSoft {
            did,
            public_key,
            sealed_key: sealed.into_bytes(),
        }
    }
}

/// The soft identity of a mailbox whose proof is complete.
pub(crate) fn soft_identity(
    conn: &mut Conn,
    auth: &Writing,
    mailbox: &str,
    fresh: &NewSoft,
) -> Result<Identity, AuthError> {
    let alias = Did::from_mailbox(mailbox).or(Err(AuthError::MailboxForm))?;
    let known: Option<MailboxAliasRow> = mailbox_aliases::table
        .find(alias.clone())
        .select(MailboxAliasRow::as_select())
        .first(conn)
        .optional()?;
    let identity = match known {
        Some(row) => {
            let row = row.intact(&auth.sealer)?;
            // An alias is worth nothing without the mailbox that was proven.
            if row.mailbox != mailbox {
                return Err(AuthError::Row(format!("mailbox_aliases {}", row.alias)));
            }
            identity_find(conn, &auth.sealer, &Name::Native(row.did))?.ok_or(AuthError::IdentityUnknown)?
        }
        None => soft_identity_create(conn, auth, &alias, mailbox, fresh)?,
    };
    if identity.deactivated {
        return Err(AuthError::IdentityDeactivated);
    }
    Ok(identity)
}

fn soft_identity_create(
    conn: &mut Conn,
    auth: &Writing,
    alias: &Did,
    mailbox: &str,
    fresh: &NewSoft,
) -> Result<Identity, AuthError> {
    let (did, created_at, row_seal) = (fresh.did.clone(), auth.env.now(), Vec::new());
    // Without the mailbox: a log is kept for ever.
    let body = json!({"did": did, "type": KIND, "custody": CUSTODY_NODE})
        .to_string()
        .into_bytes();
    let proof = mutation_record(conn, auth, &did, ACTION_CREATE, did.as_str(), body, &Authority::Node)?;
    let row = IdentityRow {
        did: did.clone(),
        public_key: fresh.public_key.clone(),
        kind: KIND.to_owned(),
        handle: None,
        name: None,
        custody: CUSTODY_NODE.to_owned(),
        recovery_key: None,
        owner_did: did.clone(),
        proof,
        created_at,
        deleted_at: None,
        key_state: None,
        row_seal,
    };
    let row = row.insert(conn, &auth.sealer)?;
    let key = CustodialKeyRow {
        did,
        sealed_key: fresh.sealed_key.clone(),
        created_at,
        row_seal: Vec::new(),
    };
    key.insert(conn, &auth.sealer)?;
    for alias in alias_forms(alias) {
        alias_note(conn, auth, alias, &row, mailbox)?;
    }
    let operator = operator_find(conn, &auth.sealer)?;
    Identity::from_row(row, operator.as_ref())
}

/// The did:email, and the form with underscores for dots that live databases hold, unless that is another mailbox.
fn alias_forms(alias: &Did) -> Vec<Did> {
    let underscored = alias.as_str().replace('.', "_").parse::<Did>().ok();
    let mut forms = vec![alias.clone()];
    forms.extend(underscored.filter(|form| form.mailbox().is_none()));
    forms
}

/// Two mailboxes can share the form with underscores (`a.b@…` and `a_b@…`): whoever proved theirs first has it.
fn alias_note(conn: &mut Conn, auth: &Writing, alias: Did, row: &IdentityRow, mailbox: &str) -> Result<(), AuthError> {
    let known: i64 = mailbox_aliases::table
        .filter(mailbox_aliases::alias.eq(alias.clone()))
        .count()
        .get_result(conn)?;
    if known == 0 {
        let (did, mailbox) = (row.did.clone(), mailbox.to_owned());
        let noted = MailboxAliasRow {
            alias,
            did,
            mailbox,
            created_at: row.created_at,
            row_seal: Vec::new(),
        };
        noted.insert(conn, &auth.sealer)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_with_underscores_never_takes_another_mailbox() {
        let forms = |mailbox: &str| -> Vec<String> {
            alias_forms(&Did::from_mailbox(mailbox).unwrap())
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(forms("a.b@x.org"), ["did:email:a.b_at_x.org", "did:email:a_b_at_x_org"]);
        assert_eq!(forms("a.b@localhost"), ["did:email:a.b_at_localhost"]);
    }
}
