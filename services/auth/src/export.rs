//! Everything that auth keeps about somebody, for that somebody alone.

use diesel::prelude::*;
use imajin_auth_api::{
    AccountRecord, AttestationExport, AttestationExported, AttestationRecord, GrantRecord, PasskeyRecord, SessionRecord,
};
use imajin_did::Did;
use imajin_store::{Conn, Sealer};
use serde_json::Value;

use crate::AuthError;
use crate::attestations::AttestationList;
use crate::auth::Auth;
use crate::identities::{Identity, identity_find};
use crate::key_log::log_load;
use crate::names::Name;
use crate::oidc::grants::GrantView;
use crate::passkeys::rows::PasskeyRow;
use crate::rows::SessionRow;
use crate::schema::mailbox_aliases;

/// What one query each gives.
struct Found {
    identity: Identity,
    mailboxes: Vec<String>,
    key_log: Value,
}

fn account_find(conn: &mut Conn, sealer: &Sealer, name: &Name) -> Result<Option<Found>, AuthError> {
    let Some(identity) = identity_find(conn, sealer, name)? else {
        return Ok(None);
    };
    let mailboxes: Vec<String> = mailbox_aliases::table
        .filter(mailbox_aliases::did.eq(identity.did.clone()))
        .order(mailbox_aliases::mailbox)
        .select(mailbox_aliases::mailbox)
        .distinct()
        .load(conn)?;
    let log = log_load(conn, sealer, &identity.did)?;
    let unwritable = |_error| AuthError::Row(format!("key_log_entries of {}", identity.did));
    let key_log = serde_json::to_value(&log).map_err(unwritable)?;
    Ok(Some(Found {
        identity,
        mailboxes,
        key_log,
    }))
}

fn session_record(row: SessionRow) -> SessionRecord {
    SessionRecord {
        id: row.id.to_string(),
        last_seen_at: row.seen_at.unwrap_or(row.created_at),
        method: row.method,
        client: row.client,
        created_at: row.created_at,
        expires_at: row.expires_at,
    }
}

fn passkey_record(row: PasskeyRow) -> PasskeyRecord {
    PasskeyRecord {
        id: row.id,
        name: row.name,
        created_at: row.created_at,
        last_used_at: row.used_at,
    }
}

fn grant_record(grant: GrantView) -> GrantRecord {
    GrantRecord {
        client_id: grant.row.client_id.to_string(),
        client_name: grant.client.map(|client| client.name),
        scope: grant.row.scope,
        created_at: grant.row.created_at,
        last_used_at: grant.used_at,
    }
}

impl Auth {
    /// What there is about a registered identity.
    ///
    /// # Errors
    /// [`AuthError::IdentityUnknown`] for somebody who is not registered; what the database says.
    pub(crate) async fn account_record(&self, did: Did) -> Result<AccountRecord, AuthError> {
        let (name, sealer) = (Name::of_did(&did), self.sealer.clone());
        let found = self.db.read(move |conn| account_find(conn, &sealer, &name)).await?;
        let Found {
            identity,
            mailboxes,
            key_log,
        } = found.ok_or(AuthError::IdentityUnknown)?;
        let did = identity.did.clone();
        let sessions = self.sessions_list(&did).await?;
        let grants = self.oidc_grants_list(&did).await?;
        let passkeys = self.passkeys_list(&did).await?;
        let devices = self.device_list_of(identity.clone()).await?;
        Ok(AccountRecord {
            recovery_key: identity.recovery_key.as_ref().map(imajin_did::PublicKey::multikey),
            identity: identity.view(),
            mailboxes,
            sessions: sessions.into_iter().map(session_record).collect(),
            devices: devices.view(None),
            key_log,
            passkeys: passkeys.into_iter().map(passkey_record).collect(),
            grants: grants.into_iter().map(grant_record).collect(),
        })
    }

    /// What somebody has said, or others about them, page by page.
    pub(crate) async fn attestations_exported(
        &self,
        request: AttestationExport,
    ) -> Result<AttestationExported, AuthError> {
        let (subject, attester) = if request.given {
            (None, Some(request.did))
        } else {
            (Some(request.did), None)
        };
        let list = AttestationList {
            subject,
            attester,
            attestation_type: None,
            cursor: request.cursor,
            limit: Some(request.limit),
            revoked_too: request.given,
        };
        let page = self.attestation_list(list).await?;
        let record = |stored: crate::attestations::Stored| AttestationRecord {
            id: stored.id,
            document: stored.attestation,
            recorded_at: stored.recorded_at,
            revoked_at: stored.revoked.map(|(at, _document)| at),
        };
        Ok(AttestationExported {
            attestations: page.attestations.into_iter().map(record).collect(),
            cursor: page.cursor,
        })
    }
}
