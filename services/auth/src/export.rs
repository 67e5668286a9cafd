//! Everything that auth keeps about somebody, for that somebody alone.

use diesel::prelude::*;
use imajin_auth_api::{AccountRecord, SessionRecord};
use imajin_did::Did;

use crate::AuthError;
use crate::auth::Auth;
use crate::identities::identity_find;
use crate::names::Name;
use crate::schema::mailbox_aliases;

impl Auth {
    /// What there is about a registered identity.
    ///
    /// # Errors
    /// [`AuthError::IdentityUnknown`] for somebody who is not registered; what the database says.
    pub(crate) async fn account_record(&self, did: Did) -> Result<AccountRecord, AuthError> {
        let (name, sealer) = (Name::of_did(&did), self.sealer.clone());
        let found = self.db.read(move |conn| {
            let Some(identity) = identity_find(conn, &sealer, &name)? else {
                return Ok(None);
            };
            let mailboxes: Vec<String> = mailbox_aliases::table
                .filter(mailbox_aliases::did.eq(identity.did.clone()))
                .order(mailbox_aliases::mailbox)
                .select(mailbox_aliases::mailbox)
                .distinct()
                .load(conn)?;
            Ok::<_, AuthError>(Some((identity, mailboxes)))
        });
        let (identity, mailboxes) = found.await?.ok_or(AuthError::IdentityUnknown)?;
        let sessions = self.sessions_list(&identity.did).await?;
        let session = |row: crate::rows::SessionRow| SessionRecord {
            method: row.method,
            client: row.client,
            created_at: row.created_at,
            expires_at: row.expires_at,
        };
        Ok(AccountRecord {
            recovery_key: identity.recovery_key.as_ref().map(imajin_did::PublicKey::multikey),
            sessions: sessions.into_iter().map(session).collect(),
            identity: identity.view(),
            mailboxes,
        })
    }
}
