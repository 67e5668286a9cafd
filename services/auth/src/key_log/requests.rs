//! New devices that ask to be let in.
//!
//! A device makes its own key and signs the request with it. What it gets back is the same whether or not there is such
//! an identity: a token that only this node can make, and a short code for a person to compare.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::prelude::*;
use imajin_did::{Did, PublicKey, Sealed};
use imajin_kernel::{Span, Timestamp};
use imajin_proof::digest::{sha256, sha256_hex};
use imajin_proof::http_sig::VerifiedRequest;
use imajin_store::{Conn, SealedRow, Sealer, intact_all};
use imajin_web::{Custody, Verified};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::KeyRefusal;
use crate::AuthError;
use crate::auth::{Auth, Writing};
use crate::identities::{identity_find, name_parse};
use crate::log::{Authority, mutation_record};
use crate::login::Who;
use crate::names::Name;
use crate::rows::DeviceRequestRow;
use crate::schema::device_requests;

/// How long a device may wait.
const LIFETIME: Span = Span::minutes(15);
/// Requests that an identity holds; a further one pushes the oldest out.
const REQUESTS_MAX: i64 = 10;
const SEAL_LABEL: &str = "auth/device-request/1";
const CODE_LABEL: &[u8] = b"imajin device code 1\0";
const PREFIX: &str = "drq_";
const LENGTH_MAX: usize = 200;
/// Without letters and digits that look alike.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const CODE_LETTERS: usize = 8;

pub(crate) const OUTCOME_APPROVED: &str = "approved";
pub(crate) const OUTCOME_REFUSED: &str = "refused";
const ACTION_REFUSE: &str = "device.refuse";

/// Which identity a new device wants to belong to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct DeviceRequestBody {
    /// The identity: `id`, `did` or `handle`.
    #[serde(flatten)]
    pub(crate) who: Who,
    /// What the device calls itself.
    pub(crate) name: String,
}

/// What the new device keeps.
#[derive(Debug, Clone)]
pub(crate) struct Requested {
    pub(crate) token: String,
    pub(crate) code: String,
    pub(crate) expires_at: Timestamp,
}

/// How a request stands.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) status: &'static str,
    /// The identity, once the device belongs to it.
    pub(crate) did: Option<Did>,
    pub(crate) expires_at: Timestamp,
}

impl Auth {
    /// Notes that a device asks to be let in. The same answer, after the same work, for an identity that nobody has.
    pub(crate) async fn device_request(
        &self,
        verified: &Verified,
        body: &DeviceRequestBody,
    ) -> Result<Requested, AuthError> {
        let key = own_key(verified.did(), verified.proof()).ok_or(KeyRefusal::DeviceKeyForm)?;
        let (named, label) = (
            body.who.name().map_or(Name::Nobody, Name::parse),
            name_parse(&body.name)?,
        );
        let (now, auth) = (self.env.now(), self.writing());
        let expires_at = now.plus(LIFETIME);
        let mut payload = now.as_micros().to_be_bytes().to_vec();
        payload.extend_from_slice(key.as_bytes());
        let sealed = self.keyring.seal(SEAL_LABEL, &payload, &self.env).into_bytes();
        let requested = Requested {
            token: format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(&sealed)),
            code: code_of(&sealed),
            expires_at,
        };
        let row = DeviceRequestRow {
            id: sha256_hex(&sealed),
            // Whom nobody has asks the node, which never looks.
            did: self.keyring.node_did().clone(),
            multikey: key.multikey(),
            name: label,
            code: requested.code.clone(),
            created_at: now,
            expires_at,
            outcome: None,
            row_seal: Vec::new(),
        };
        let authority = Authority::Signed(verified.proof().clone());
        self.db
            .write(move |conn| {
                authority.nonce_spend(conn, &auth)?;
                request_insert(conn, &auth, &named, row.clone())
            })
            .await?;
        Ok(requested)
    }

    /// How a request stands; a request for an identity that nobody has waits until it expires.
    pub(crate) async fn device_request_standing(&self, token: &str) -> Result<Standing, AuthError> {
        let unknown = || AuthError::from(KeyRefusal::RequestUnknown);
        let encoded = token
            .strip_prefix(PREFIX)
            .filter(|rest| rest.len() <= LENGTH_MAX)
            .ok_or_else(unknown)?;
        let sealed = URL_SAFE_NO_PAD.decode(encoded).or(Err(unknown()))?;
        let payload = self
            .keyring
            .open(SEAL_LABEL, &Sealed::from_bytes(sealed.clone()))
            .or(Err(unknown()))?;
        let (asked_at, _key) = payload.split_first_chunk::<8>().ok_or_else(unknown)?;
        let expires_at = Timestamp::from_micros(i64::from_be_bytes(*asked_at)).plus(LIFETIME);
        if expires_at <= self.env.now() {
            return Err(unknown());
        }
        let (id, seals) = (sha256_hex(&sealed), self.sealer.clone());
        let row = self.db.read(move |conn| row_find(conn, &seals, &id)).await?;
        let outcome = row.as_ref().and_then(|row| row.outcome.as_deref());
        let status = match outcome {
            Some(OUTCOME_APPROVED) => OUTCOME_APPROVED,
            Some(_refused) => OUTCOME_REFUSED,
            None => "pending",
        };
        let did = row.filter(|_row| status == OUTCOME_APPROVED).map(|row| row.did);
        Ok(Standing {
            status,
            did,
            expires_at,
        })
    }

    /// Sends a device away.
    pub(crate) async fn device_request_refuse(
        &self,
        verified: &Verified,
        id: &str,
        raw: Vec<u8>,
    ) -> Result<(), AuthError> {
        let (did, id) = (verified.did().clone(), id.to_owned());
        let authority = Authority::Signed(verified.proof().clone());
        let auth = self.writing();
        self.db
            .write(move |conn| {
                let object = format!("device-request/{id}");
                mutation_record(conn, &auth, &did, ACTION_REFUSE, &object, raw.clone(), &authority)?;
                let row = open_request(conn, &auth, &did, &id)?;
                decide(conn, &auth, row, OUTCOME_REFUSED)
            })
            .await
    }
}

/// The key that the DID is, if it has signed the request itself: a device speaks for itself, and not for an identity.
fn own_key(did: &Did, proof: &VerifiedRequest) -> Option<PublicKey> {
    let key = did.public_key()?;
    key.verify(proof.base.as_bytes(), &proof.signature).ok()?;
    Some(key)
}

/// Eight letters that both devices can show.
fn code_of(sealed: &[u8]) -> String {
    let mut input = CODE_LABEL.to_vec();
    input.extend_from_slice(sealed);
    let letters = sha256(&input).into_iter().take(CODE_LETTERS);
    let mut code = String::with_capacity(CODE_LETTERS + 1);
    for (place, byte) in letters.enumerate() {
        if place == CODE_LETTERS / 2 {
            code.push('-');
        }
        code.push(ALPHABET.get(usize::from(byte & 31)).copied().map_or('2', char::from));
    }
    code
}

fn request_insert(conn: &mut Conn, auth: &Writing, named: &Name, mut row: DeviceRequestRow) -> Result<(), AuthError> {
    let identity = identity_find(conn, &auth.sealer, named)?;
    let identity = identity.filter(|identity| identity.custody == Custody::Own && !identity.deactivated);
    if let Some(identity) = identity {
        row.did = identity.did;
    }
    let surplus: Vec<DeviceRequestRow> = device_requests::table
        .filter(
            device_requests::did
                .eq(row.did.clone())
                .and(device_requests::outcome.is_null()),
        )
        .order((device_requests::created_at.desc(), device_requests::id.desc()))
        .offset(REQUESTS_MAX.saturating_sub(1))
        .limit(REQUESTS_MAX)
        .select(DeviceRequestRow::as_select())
        .load(conn)?;
    for old in surplus {
        old.delete(conn)?;
    }
    row.insert(conn, &auth.sealer)?;
    Ok(())
}

fn row_find(conn: &mut Conn, sealer: &Sealer, id: &str) -> Result<Option<DeviceRequestRow>, AuthError> {
    let row: Option<DeviceRequestRow> = device_requests::table
        .find(id)
        .select(DeviceRequestRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(sealer)).transpose()?)
}

/// The requests that wait, newest first.
pub(super) fn pending(
    conn: &mut Conn,
    sealer: &Sealer,
    did: &Did,
    now: Timestamp,
) -> Result<Vec<DeviceRequestRow>, AuthError> {
    let rows: Vec<DeviceRequestRow> = device_requests::table
        .filter(
            device_requests::did
                .eq(did.clone())
                .and(device_requests::outcome.is_null()),
        )
        .filter(device_requests::expires_at.gt(now))
        .order((device_requests::created_at.desc(), device_requests::id.desc()))
        .limit(REQUESTS_MAX)
        .select(DeviceRequestRow::as_select())
        .load(conn)?;
    Ok(intact_all(rows, sealer)?)
}

/// A request of this identity that waits.
pub(super) fn open_request(
    conn: &mut Conn,
    auth: &Writing,
    did: &Did,
    id: &str,
) -> Result<DeviceRequestRow, AuthError> {
    let row = row_find(conn, &auth.sealer, id)?;
    let now = auth.env.now();
    row.filter(|row| row.did == *did && row.outcome.is_none() && row.expires_at > now)
        .ok_or(KeyRefusal::RequestUnknown.into())
}

/// Notes what was decided.
pub(super) fn decide(
    conn: &mut Conn,
    auth: &Writing,
    mut row: DeviceRequestRow,
    outcome: &str,
) -> Result<(), AuthError> {
    row.outcome = Some(outcome.to_owned());
    row.save(conn, &auth.sealer)?;
    Ok(())
}
