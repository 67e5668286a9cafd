//! Logging in with a passkey, without saying who one is: the passkey knows.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use imajin_store::{Conn, SealedRow, for_update};
use serde_json::{Value, json};

use super::ceremony::{Asserted, LoginCredential};
use super::challenge::{self, Purpose, Returned};
use super::rows::PasskeyRow;
use super::store::challenge_spend;
use super::{METHOD_PASSKEY, TIMEOUT_MILLIS, user_handle};
use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::identities::{Identity, identity_find};
use crate::names::Name;
use crate::rows::SessionRow;
use crate::schema::passkeys;
use crate::sessions::{Opened, session_insert};

/// Longer ids are none.
const ID_LENGTH_MAX: usize = 1400;

impl Auth {
    /// What `navigator.credentials.get` needs (`PublicKeyCredentialRequestOptionsJSON`). The same for everybody.
    pub(crate) fn passkey_login_options(&self) -> Result<Value, AuthError> {
        let party = self.relying_party()?;
        let challenge = challenge::issue(&self.keyring, &self.env, Purpose::Login)?;
        Ok(json!({
            "challenge": URL_SAFE_NO_PAD.encode(challenge),
            "rpId": party.id,
            "timeout": TIMEOUT_MILLIS,
            "userVerification": "required",
            "allowCredentials": [],
        }))
    }

    /// Opens a session for whoever's passkey has signed. Every refusal before that is the same.
    pub(crate) async fn passkey_login(
        &self,
        credential: &LoginCredential,
        client: Option<String>,
    ) -> Result<Opened, AuthError> {
        let asserted = credential.check(&self.relying_party()?)?;
        let returned = challenge::open(&self.keyring, &asserted.challenge);
        let returned = returned.filter(|returned| returned.purpose == Purpose::Login);
        let returned = returned.ok_or(AuthError::LoginFailed)?;
        if returned.until <= self.env.now() {
            return Err(AuthError::ChallengeExpired);
        }
        if credential.id.len() > ID_LENGTH_MAX {
            return Err(AuthError::LoginFailed);
        }
        let id = credential.id.clone();
        let session = self.session_row(self.keyring.node_did(), METHOD_PASSKEY, client);
        let auth = self.writing();
        let asserted = std::sync::Arc::new(asserted);
        let (identity, session) = self
            .db
            .write(move |conn| passkey_use(conn, &auth, &id, &asserted, &returned, session.clone()))
            .await?;
        self.session_opened(identity, &session)
    }
}

fn passkey_use(
    conn: &mut Conn,
    auth: &Writing,
    id: &str,
    asserted: &Asserted,
    returned: &Returned,
    mut session: SessionRow,
) -> Result<(Identity, SessionRow), AuthError> {
    let row: Option<PasskeyRow> =
        for_update!(conn, passkeys::table.find(id).select(PasskeyRow::as_select()) => first).optional()?;
    let row = row.map(|row| row.intact(&auth.sealer)).transpose()?;
    let mut row = row
        .filter(|row| row.deleted_at.is_none() && asserted.is_signed_by(&row.public_key))
        .ok_or(AuthError::LoginFailed)?;
    // A credential that says whose it is must say so truly (section 7.2, step 6).
    if asserted.user_handle.as_deref() != Some(user_handle(&row.did).as_slice()) {
        return Err(AuthError::LoginFailed);
    }
    counter_move(&mut row, asserted)?;
    let identity = identity_find(conn, &auth.sealer, &Name::Native(row.did.clone()))?;
    let identity = identity.ok_or(AuthError::LoginFailed)?;
    if identity.deactivated {
        return Err(AuthError::IdentityDeactivated);
    }
    challenge_spend(conn, auth, returned, &row.did)?;
    session.did = row.did.clone();
    row.used_at = Some(auth.env.now());
    row.save(conn, &auth.sealer)?;
    session_insert(conn, auth, session.clone())?;
    Ok((identity, session))
}

/// A counter that does not grow was copied (section 6.1.1); one that stays 0 says nothing.
fn counter_move(row: &mut PasskeyRow, asserted: &Asserted) -> Result<(), AuthError> {
    let said = i64::from(asserted.sign_count);
    if (said != 0 || row.sign_count != 0) && said <= row.sign_count {
        return Err(AuthError::LoginFailed);
    }
    row.sign_count = said;
    Ok(())
}
