//! The checks of a relying party: registering a credential (section 7.1) and verifying an assertion (section 7.2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_proof::digest::sha256;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RelyingParty;
use super::authenticator::{Attestation, AuthenticatorData, NewCredential, Statement};
use super::cose::PasskeyKey;

const CREATE: &str = "webauthn.create";
const GET: &str = "webauthn.get";

/// What `PublicKeyCredential.toJSON()` gives after `navigator.credentials.create`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistrationCredential {
    /// The credential's id in base64url.
    pub(crate) id: String,
    pub(crate) response: RegistrationResponse,
    /// `public-key`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// The authenticator's answer to a registration.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegistrationResponse {
    #[serde(rename = "clientDataJSON")]
    pub(crate) client_data: String,
    pub(crate) attestation_object: String,
}

/// What `PublicKeyCredential.toJSON()` gives after `navigator.credentials.get`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoginCredential {
    /// The credential's id in base64url.
    pub(crate) id: String,
    pub(crate) response: LoginResponse,
    /// `public-key`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// The authenticator's answer to a login.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoginResponse {
    #[serde(rename = "clientDataJSON")]
    pub(crate) client_data: String,
    pub(crate) authenticator_data: String,
    pub(crate) signature: String,
    #[serde(default)]
    pub(crate) user_handle: Option<String>,
}

/// What the browser says about where it was used (section 5.8.1).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: Option<bool>,
    #[serde(default)]
    top_origin: Option<String>,
}

/// Why an answer of an authenticator does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CeremonyError {
    #[error("The answer of the authenticator cannot be read.")]
    Unreadable,
    #[error("The answer is to another kind of question.")]
    OtherKind,
    #[error("The passkey was used on a page of another site.")]
    OtherSite,
    #[error("The authenticator has not checked who is there.")]
    NotVerified,
    #[error("The key or the attestation is of a kind that was not asked for.")]
    OtherKey,
    #[error("The signature is not valid.")]
    BadSignature,
}

fn decode(text: &str) -> Result<Vec<u8>, CeremonyError> {
    URL_SAFE_NO_PAD.decode(text).or(Err(CeremonyError::Unreadable))
}

/// The client data: its bytes, and the challenge in them. Checks everything but the challenge.
fn client_data_check(text: &str, kind: &str, party: &RelyingParty) -> Result<(Vec<u8>, Vec<u8>), CeremonyError> {
    let bytes = decode(text)?;
    let data: ClientData = serde_json::from_slice(&bytes).or(Err(CeremonyError::Unreadable))?;
    if data.kind != kind {
        return Err(CeremonyError::OtherKind);
    }
    if data.origin != party.origin || data.cross_origin == Some(true) || data.top_origin.is_some() {
        return Err(CeremonyError::OtherSite);
    }
    let challenge = decode(&data.challenge)?;
    Ok((bytes, challenge))
}

fn data_check(bytes: &[u8], party: &RelyingParty) -> Result<AuthenticatorData, CeremonyError> {
    let data = AuthenticatorData::read(bytes).ok_or(CeremonyError::Unreadable)?;
    if data.rp_id_hash != sha256(party.id.as_bytes()) {
        return Err(CeremonyError::OtherSite);
    }
    if !data.is_user_verified() {
        return Err(CeremonyError::NotVerified);
    }
    Ok(data)
}

fn signed_bytes(data: &[u8], client_data: &[u8]) -> Vec<u8> {
    [data, &sha256(client_data)].concat()
}

/// A registration that passed; its challenge is still to be looked at.
#[derive(Debug)]
pub(crate) struct Registered {
    pub(crate) challenge: Vec<u8>,
    pub(crate) credential: NewCredential,
    pub(crate) sign_count: u32,
}

impl RegistrationCredential {
    pub(crate) fn check(&self, party: &RelyingParty) -> Result<Registered, CeremonyError> {
        if self.kind != "public-key" {
            return Err(CeremonyError::OtherKind);
        }
        let (client_data, challenge) = client_data_check(&self.response.client_data, CREATE, party)?;
        let attestation = decode(&self.response.attestation_object)?;
        let attestation = Attestation::read(&attestation).ok_or(CeremonyError::OtherKey)?;
        let data = data_check(&attestation.data, party)?;
        let credential = data.credential.ok_or(CeremonyError::Unreadable)?;
        if credential.id != decode(&self.id)? {
            return Err(CeremonyError::Unreadable);
        }
        let key = PasskeyKey::read(&credential.public_key).ok_or(CeremonyError::OtherKey)?;
        if let Statement::Itself(signature) = &attestation.statement
            && !key.verify(&signed_bytes(&attestation.data, &client_data), signature)
        {
            return Err(CeremonyError::BadSignature);
        }
        Ok(Registered {
            challenge,
            credential,
            sign_count: data.sign_count,
        })
    }
}

/// An assertion whose form passed: to be checked with the credential's key.
#[derive(Debug)]
pub(crate) struct Asserted {
    pub(crate) challenge: Vec<u8>,
    pub(crate) sign_count: u32,
    pub(crate) user_handle: Option<Vec<u8>>,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl LoginCredential {
    pub(crate) fn check(&self, party: &RelyingParty) -> Result<Asserted, CeremonyError> {
        if self.kind != "public-key" {
            return Err(CeremonyError::OtherKind);
        }
        let (client_data, challenge) = client_data_check(&self.response.client_data, GET, party)?;
        let bytes = decode(&self.response.authenticator_data)?;
        let data = data_check(&bytes, party)?;
        Ok(Asserted {
            challenge,
            sign_count: data.sign_count,
            user_handle: self.response.user_handle.as_deref().map(decode).transpose()?,
            signed: signed_bytes(&bytes, &client_data),
            signature: decode(&self.response.signature)?,
        })
    }
}

impl Asserted {
    pub(crate) fn is_signed_by(&self, public_key: &[u8]) -> bool {
        PasskeyKey::read(public_key).is_some_and(|key| key.verify(&self.signed, &self.signature))
    }
}
