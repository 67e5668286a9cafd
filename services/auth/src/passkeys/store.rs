//! Adding, listing and removing passkeys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coset::iana::EnumI64;
use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::{Code, Problem, Timestamp};
use imajin_store::{Conn, SealedRow, for_update, intact_all};
use imajin_web::Verified;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::ceremony::{CeremonyError, RegistrationCredential};
use super::challenge::{self, Purpose, Returned};
use super::cose::ALGORITHMS;
use super::rows::PasskeyRow;
use super::{TIMEOUT_MILLIS, user_handle};
use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::identities::{Identity, name_parse};
use crate::log::{Authority, mutation_record};
use crate::rows::ChallengeUseRow;
use crate::schema::passkeys;

pub(crate) const ACTION_ADD: &str = "passkey.add";
pub(crate) const ACTION_REMOVE: &str = "passkey.remove";
/// Passkeys of one identity.
const PASSKEYS_MAX: i64 = 20;

/// A passkey to add. Signed, so that a stolen session cannot add one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct AddBody {
    /// What its owner calls it.
    pub(crate) name: String,
    /// What the browser gave.
    pub(crate) credential: RegistrationCredential,
}

impl From<CeremonyError> for AuthError {
    fn from(error: CeremonyError) -> Self {
        let code = match error {
            CeremonyError::Unreadable | CeremonyError::OtherKey => Code::InvalidRequest,
            _ => Code::BadSignature,
        };
        Problem::new(code, error.to_string()).into()
    }
}

/// Notes that a challenge was answered, in the transaction of what the answer is good for.
pub(crate) fn challenge_spend(
    conn: &mut Conn,
    auth: &Writing,
    returned: &Returned,
    did: &Did,
) -> Result<(), AuthError> {
    let row = ChallengeUseRow {
        id: returned.digest.clone(),
        did: did.clone(),
        used_at: auth.env.now(),
        expires_at: returned.until,
        row_seal: Vec::new(),
    };
    match row.insert(conn, &auth.sealer) {
        Ok(_row) => Ok(()),
        Err(error) if imajin_store::is_unique_violation(&error) => Err(AuthError::ChallengeUsed),
        Err(error) => Err(error.into()),
    }
}

fn living_rows(conn: &mut Conn, did: &Did) -> QueryResult<Vec<PasskeyRow>> {
    passkeys::table
        .filter(passkeys::did.eq(did.clone()).and(passkeys::deleted_at.is_null()))
        .order((passkeys::created_at, passkeys::id))
        .limit(PASSKEYS_MAX)
        .select(PasskeyRow::as_select())
        .load(conn)
}

impl Auth {
    /// What `navigator.credentials.create` needs (`PublicKeyCredentialCreationOptionsJSON`).
    pub(crate) async fn passkey_add_options(&self, identity: &Identity) -> Result<Value, AuthError> {
        let party = self.relying_party()?;
        let known = self.passkeys_list(&identity.did).await?;
        let challenge = challenge::issue(&self.keyring, &self.env, Purpose::Add(identity.did.clone()))?;
        let shown = identity.handle.clone().or_else(|| identity.name.clone());
        let shown = shown.unwrap_or_else(|| identity.did.as_str().chars().take(24).collect());
        let exclude: Vec<Value> = known
            .iter()
            .map(|row| json!({"type": "public-key", "id": row.id}))
            .collect();
        let algorithms = ALGORITHMS.map(|algorithm| json!({"type": "public-key", "alg": algorithm.to_i64()}));
        Ok(json!({
            "rp": {"id": party.id, "name": party.id},
            "user": {
                "id": URL_SAFE_NO_PAD.encode(user_handle(&identity.did)),
                "name": shown, "displayName": identity.name.clone().unwrap_or(shown.clone()),
            },
            "challenge": URL_SAFE_NO_PAD.encode(challenge),
            "pubKeyCredParams": algorithms,
            "timeout": TIMEOUT_MILLIS,
            "excludeCredentials": exclude,
            "authenticatorSelection": {
                "residentKey": "required", "requireResidentKey": true, "userVerification": "required",
            },
            "attestation": "none",
        }))
    }

    /// Checks what an authenticator has made and keeps it.
    pub(crate) async fn passkey_add(
        &self,
        verified: &Verified,
        body: &AddBody,
        raw: Vec<u8>,
    ) -> Result<PasskeyRow, AuthError> {
        let did = verified.did().clone();
        let registered = body.credential.check(&self.relying_party()?)?;
        let returned = challenge::open(&self.keyring, &registered.challenge);
        let returned = returned.filter(|returned| returned.purpose == Purpose::Add(did.clone()));
        let returned = returned.ok_or(AuthError::LoginFailed)?;
        if returned.until <= self.env.now() {
            return Err(AuthError::ChallengeExpired);
        }
        let row = PasskeyRow {
            id: URL_SAFE_NO_PAD.encode(&registered.credential.id),
            did: did.clone(),
            name: name_parse(&body.name)?,
            public_key: registered.credential.public_key,
            sign_count: i64::from(registered.sign_count),
            owner_did: did,
            proof: String::new(),
            created_at: self.env.now(),
            used_at: None,
            deleted_at: None,
            row_seal: Vec::new(),
        };
        let (auth, authority) = (self.writing(), Authority::Signed(verified.proof().clone()));
        let added = self
            .db
            .write(move |conn| {
                challenge_spend(conn, &auth, &returned, &row.did)?;
                passkey_insert(conn, &auth, row.clone(), raw.clone(), &authority)
            })
            .await;
        match added {
            Err(AuthError::Store(error)) if error.is_unique_violation() => Err(taken().into()),
            added => added,
        }
    }

    /// The passkeys of somebody, oldest first.
    pub(crate) async fn passkeys_list(&self, did: &Did) -> Result<Vec<PasskeyRow>, AuthError> {
        let (did, sealer) = (did.clone(), self.sealer.clone());
        self.db
            .read(move |conn| {
                let rows = living_rows(conn, &did)?;
                Ok(intact_all(rows, &sealer)?)
            })
            .await
    }

    /// Removes one of the caller's passkeys.
    pub(crate) async fn passkey_remove(&self, id: &str, verified: &Verified, raw: Vec<u8>) -> Result<(), AuthError> {
        let (did, authority) = (verified.did().clone(), Authority::Signed(verified.proof().clone()));
        let (id, auth) = (id.to_owned(), self.writing());
        self.db
            .write(move |conn| {
                let row: Option<PasskeyRow> =
                    for_update!(conn, passkeys::table.find(&id).select(PasskeyRow::as_select()) => first).optional()?;
                let row = row.map(|row| row.intact(&auth.sealer)).transpose()?;
                let row = row.filter(|row| row.did == did && row.deleted_at.is_none());
                let mut row = row.ok_or_else(|| Problem::not_found("passkey"))?;
                row.proof = mutation_record(conn, &auth, &did, ACTION_REMOVE, &id, raw.clone(), &authority)?;
                row.deleted_at = Some(auth.env.now());
                row.save(conn, &auth.sealer)?;
                Ok::<_, AuthError>(())
            })
            .await
    }
}

/// Ends what somebody has added since a moment, because it may not have been they.
pub(crate) fn passkeys_end(conn: &mut Conn, auth: &Writing, did: &Did, since: Timestamp) -> Result<(), AuthError> {
    for row in living_rows(conn, did)? {
        let mut row = row.intact(&auth.sealer)?;
        if row.created_at >= since {
            let body = json!({"id": row.id}).to_string().into_bytes();
            row.proof = mutation_record(conn, auth, did, ACTION_REMOVE, &row.id, body, &Authority::Node)?;
            row.deleted_at = Some(auth.env.now());
            row.save(conn, &auth.sealer)?;
        }
    }
    Ok(())
}

fn taken() -> Problem {
    Problem::new(Code::Conflict, "This passkey is known here already.").hint("Remove it first, or use another one.")
}

fn passkey_insert(
    conn: &mut Conn,
    auth: &Writing,
    mut row: PasskeyRow,
    raw: Vec<u8>,
    authority: &Authority,
) -> Result<PasskeyRow, AuthError> {
    if i64::try_from(living_rows(conn, &row.did)?.len()).unwrap_or(PASSKEYS_MAX) >= PASSKEYS_MAX {
        let problem = Problem::new(
            Code::Conflict,
            "You have as many passkeys as this node keeps for one identity.",
        );
        return Err(problem.hint("Remove one first.").into());
    }
    row.proof = mutation_record(conn, auth, &row.did, ACTION_ADD, &row.id, raw, authority)?;
    Ok(row.insert(conn, &auth.sealer)?)
}
