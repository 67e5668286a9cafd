//! Making an identity known here.

use diesel::prelude::*;
use imajin_did::{Did, PublicKey};
use imajin_kernel::{Code, Problem};
use imajin_key_log::{Entry, KeyLogError, KeyState, Status};
use imajin_proof::SignedMessage;
use imajin_store::{Conn, SealedRow, Sealer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::challenge::{self, Returned};
use crate::handle::Handle;
use crate::handles::{handle_check, handle_take};
use crate::identities::{CUSTODY_OWN, Identity, kind_parse, name_parse, operator_find};
use crate::key_log::{FirstEntry, KeyRefusal, devices, log_load, mirrored_find, row_apply};
use crate::log::{Authority, mutation_record};
use crate::login::{challenge_spend, signature_parse};
use crate::names::{Name, identity_by_name};
use crate::new_home::arrive;
use crate::residents::{is_visitor, settle};
use crate::rows::{IdentityAliasRow, IdentityRow};
use crate::schema::identity_aliases;

/// The action in the mutation log.
pub(crate) const ACTION: &str = "identity.register";

/// What a registration says. Members that we do not know are left alone.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisterBody {
    /// The Ed25519 public key: 64 lower-case hexadecimal digits.
    #[schema(example = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")]
    pub(crate) public_key: String,
    /// What kind of actor it is: human, agent, device, org, event, service, node, presence, actor.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// A name to be found by, unique at this node.
    #[serde(default)]
    pub(crate) handle: Option<String>,
    /// A name to be shown.
    #[serde(default)]
    pub(crate) name: Option<String>,
    /// The challenge that the signature answers.
    pub(crate) challenge_id: String,
    /// The signature of the key over the challenge's text: 128 lower-case hexadecimal digits.
    pub(crate) signature: String,
    /// The Multikey of a second key, kept apart, that can take the identity back when the first is lost. The request is
    /// signed then, or `keyLog` names it, too.
    #[serde(default)]
    pub(crate) recovery_key: Option<String>,
    /// The first entry of the identity's key log, signed by the key. It may also be published later.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub(crate) key_log: Option<serde_json::Value>,
    /// Whose key it is, where the first one was replaced: the log that says so was shown here before
    /// (`POST /api/mirror`), and the request is signed. Without it, the key is the identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) did: Option<Did>,
}

/// A registration whose members were checked.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    /// Who registers.
    pub(crate) did: Did,
    /// The key that proves it.
    pub(crate) key: PublicKey,
    pub(crate) kind: String,
    pub(crate) handle: Option<Handle>,
    pub(crate) name: Option<String>,
    pub(crate) recovery_key: Option<String>,
    pub(crate) key_log: Option<serde_json::Value>,
}

impl Registration {
    /// Checks every member; the proof is another matter.
    pub(crate) fn parse(body: &RegisterBody) -> Result<Self, AuthError> {
        let key = PublicKey::from_hex(&body.public_key).map_err(|error| AuthError::KeyForm(error.to_string()))?;
        let handle = body.handle.as_deref().map(str::parse::<Handle>).transpose()?;
        let did = body.did.as_ref().map_or_else(|| key.did(), Did::canonical);
        if did.public_key().is_none() {
            return Err(AuthError::KeyForm(
                "the `did` is not one that has keys of its own".to_owned(),
            ));
        }
        Ok(Self {
            did,
            key,
            kind: kind_parse(&body.kind)?,
            handle,
            name: body.name.as_deref().map(name_parse).transpose()?,
            recovery_key: body
                .recovery_key
                .as_deref()
                .map(|text| recovery_key_parse(text, &key))
                .transpose()?,
            key_log: body.key_log.clone(),
        })
    }
}

impl Registration {
    /// Whoever passes an answered challenge on chooses the rest of the body: a recovery key of theirs must not get in
    /// with it. In a first entry of the key log it is signed by the key itself.
    fn relayed_check(&self) -> Result<(), AuthError> {
        if self.recovery_key.is_none() || self.key_log.is_some() {
            return Ok(());
        }
        let problem = Problem::new(
            Code::Unauthenticated,
            "Only a signed registration may name a recovery key.",
        );
        let hint = "Sign the request as RFC 9421 says, or name the recovery key in `keyLog`.";
        Err(problem.hint(hint).into())
    }
}

fn recovery_key_parse(text: &str, key: &PublicKey) -> Result<String, AuthError> {
    let recovery = PublicKey::from_multikey(text).map_err(|error| AuthError::RecoveryKeyForm(error.to_string()))?;
    if recovery == *key {
        return Err(AuthError::RecoveryKeyForm("it is the identity's own key".to_owned()));
    }
    Ok(recovery.multikey())
}

/// The outcome.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) identity: Identity,
    /// Whether it is new here; a known one stays as it was.
    pub(crate) created: bool,
}

impl Auth {
    /// Registers a key that proves itself by answering a fresh challenge.
    ///
    /// `signed` is the proof of the request itself, where it is signed; its signer must be the key that is registered.
    pub(crate) async fn register(
        &self,
        body: &RegisterBody,
        raw: Vec<u8>,
        signed: Option<imajin_web::Verified>,
    ) -> Result<Registered, AuthError> {
        let registration = Registration::parse(body)?;
        let signature = signature_parse(&body.signature)?;
        let returned = challenge::open(&self.keyring, self.env.now(), &body.challenge_id)?;
        let is_answered = registration.key.verify(returned.text.as_bytes(), &signature).is_ok();
        if !is_answered || returned.did != registration.did {
            return Err(AuthError::LoginFailed);
        }
        let did = registration.did.clone();
        let is_signer = |verified: &imajin_web::Verified| *verified.did() == did;
        // Which keys an identity has now is for the signature of the request to show.
        if !signed.as_ref().map_or(registration.key.did() == did, is_signer) {
            return Err(AuthError::OtherSigner);
        }
        if signed.is_none() {
            registration.relayed_check()?;
        }
        let authority = match signed {
            Some(verified) => Authority::Signed(verified.proof().clone()),
            None => Authority::Challenge {
                key: registration.key,
                text: returned.text.clone(),
                signature,
            },
        };
        let first = registration.key_log.clone();
        let first = first.map(|value| self.first_of(&registration, value)).transpose()?;
        let led_here = self.led_here(&did).await?;
        let step = Step {
            first,
            led_here,
            registration,
            did,
            authority,
            raw,
            returned,
        };
        let auth = self.writing();
        let registered = self.write_contended(move |conn| step.run(conn, &auth)).await?;
        if registered.identity.state.is_some() {
            self.wanted.note();
        }
        Ok(registered)
    }

    fn first_of(&self, registration: &Registration, value: serde_json::Value) -> Result<FirstEntry, AuthError> {
        let recovery = registration
            .recovery_key
            .as_deref()
            .map(PublicKey::from_multikey)
            .transpose();
        let recovery = recovery.map_err(|error| AuthError::RecoveryKeyForm(error.to_string()))?;
        self.first_entry(&registration.did, Entry::from_value(value)?, recovery.as_ref())
    }
}

/// Everything that the transaction needs; it may run more than once.
struct Step {
    first: Option<FirstEntry>,
    /// What leads here from the home that the person had before.
    led_here: Option<SignedMessage>,
    registration: Registration,
    did: Did,
    authority: Authority,
    raw: Vec<u8>,
    returned: Returned,
}

impl Step {
    fn run(&self, conn: &mut Conn, auth: &Writing) -> Result<Registered, AuthError> {
        challenge_spend(conn, auth, &self.returned)?;
        let operator = operator_find(conn, &auth.sealer)?;
        if let Some(row) = identity_by_name(conn, &auth.sealer, &Name::Native(self.did.clone()))? {
            let created = is_visitor(&row);
            let row = self.known_run(conn, auth, row)?;
            let identity = Identity::from_row(row, operator.as_ref())?;
            return Ok(Registered { identity, created });
        }
        let mirrored = self.mirrored_take(conn, auth)?;
        if let Some(handle) = &self.registration.handle {
            handle_check(conn, &auth.sealer, handle, &self.did, auth.env.now())?;
        }
        let (did, raw) = (&self.did, self.raw.clone());
        let proof = mutation_record(conn, auth, did, ACTION, did.as_str(), raw, &self.authority)?;
        let mut row = self.row(proof, &auth.env);
        if let Some(state) = mirrored.as_ref().or(self.first.as_ref().map(|first| &first.state)) {
            row_apply(&mut row, state)?;
        }
        let row = row.insert(conn, &auth.sealer)?;
        if let Some(handle) = &self.registration.handle {
            handle_take(conn, &auth.sealer, handle, did, row.created_at, &row.proof)?;
        }
        if let Some(first) = did.public_key() {
            short_alias_note(conn, &auth.sealer, &row, &first)?;
        }
        match (&mirrored, &self.first) {
            (Some(state), _) => devices::reconcile(conn, auth, state, None)?,
            (None, Some(first)) => first.insert(conn, auth)?,
            (None, None) => {}
        }
        Ok(Registered {
            identity: Identity::from_row(row, operator.as_ref())?,
            created: true,
        })
    }

    /// Somebody who is known here: as a visitor, who becomes a resident; as either, who has made this node their home;
    /// or as who they are, and nothing is changed.
    fn known_run(&self, conn: &mut Conn, auth: &Writing, row: IdentityRow) -> Result<IdentityRow, AuthError> {
        if row.deleted_at.is_some() {
            return Err(AuthError::IdentityDeactivated);
        }
        let row = if is_visitor(&row) {
            settle(conn, auth, row, &self.registration, self.raw.clone(), &self.authority)?
        } else {
            // The signature must not work again.
            self.authority.nonce_spend(conn, auth)?;
            row
        };
        match &self.led_here {
            Some(word) => arrive(conn, auth, row, word),
            None => Ok(row),
        }
    }

    /// What a log says that was mirrored here before: from now on it is the log of an identity of this node.
    fn mirrored_take(&self, conn: &mut Conn, auth: &Writing) -> Result<Option<KeyState>, AuthError> {
        let Some((row, state)) = mirrored_find(conn, &auth.sealer, &self.did)? else {
            if self.registration.key.did() != self.did {
                return Err(KeyRefusal::LogUnknown.into());
            }
            return Ok(None);
        };
        match state.status {
            Status::Active => {}
            Status::Contested => return Err(KeyRefusal::Contested.into()),
            Status::Deactivated => return Err(AuthError::IdentityDeactivated),
        }
        // The key may have been replaced since: nobody takes over an identity with a key that counts no longer.
        if !state.has_key(&self.registration.key) {
            return Err(KeyRefusal::KeyReplaced.into());
        }
        if let Some(first) = &self.first
            && !first.is_in(&log_load(conn, &auth.sealer, &self.did)?)?
        {
            return Err(KeyLogError::Forked.into());
        }
        row.delete(conn)?;
        Ok(Some(state))
    }

    fn row(&self, proof: String, env: &imajin_kernel::Env) -> IdentityRow {
        let registration = self.registration.clone();
        IdentityRow {
            did: self.did.clone(),
            public_key: registration.key.to_bytes().to_vec(),
            kind: registration.kind,
            handle: registration.handle.map(Handle::into_string),
            name: registration.name,
            custody: CUSTODY_OWN.to_owned(),
            recovery_key: registration.recovery_key,
            owner_did: self.did.clone(),
            proof,
            created_at: env.now(),
            deleted_at: None,
            key_state: None,
            row_seal: Vec::new(),
        }
    }
}

/// Eight bytes of a key can be matched by another key with enough work: whoever proved the whole key first has the
/// short form, and nobody else gets it.
fn short_alias_note(conn: &mut Conn, sealer: &Sealer, row: &IdentityRow, key: &PublicKey) -> Result<(), AuthError> {
    let alias = Did::short_alias(key);
    let known: i64 = identity_aliases::table
        .filter(identity_aliases::alias.eq(alias.clone()))
        .count()
        .get_result(conn)?;
    if known == 0 {
        let noted = IdentityAliasRow {
            alias,
            did: row.did.clone(),
            created_at: row.created_at,
            row_seal: Vec::new(),
        };
        noted.insert(conn, sealer)?;
    }
    Ok(())
}
