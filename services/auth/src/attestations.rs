//! What one identity says about another, and takes back.
//!
//! A document is kept as its attester signed it. Nobody is told that something was said about them, and nothing here
//! tells whether a subject is registered. What was taken back is shown to nobody any more, but whoever has the document
//! learns that it was.

use diesel::prelude::*;
use imajin_did::{Did, PublicKey};
use imajin_kernel::{Span, Timestamp};
use imajin_proof::SignedMessage;
use imajin_proof::attestation::{Attestation, Revocation, revocation_verify};
use imajin_store::mutation::{self, Logged};
use imajin_store::{Conn, Finding, SealedRow, for_update};
use imajin_web::{Authorised, KeyTier};

use crate::AuthError;
use crate::audit::finding;
use crate::auth::{Auth, Writing};
use crate::identities::caller_keys;
use crate::log::{Authority, mutation_record};
use crate::names::{Name, identity_by_name};
use crate::rows::AttestationRow;
use crate::schema::attestations;

const ACTION_ISSUE: &str = "attestation.issue";
const ACTION_REVOKE: &str = "attestation.revoke";
/// Of one attester.
const PER_HOUR_MAX: i64 = 200;
/// Of one attester; what was taken back counts, because it stays.
const ALL_MAX: i64 = 20_000;
const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 100;
const AUDIT_PAGE: i64 = 256;

/// What a list is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct AttestationList {
    pub(crate) subject: Option<Did>,
    pub(crate) attester: Option<Did>,
    pub(crate) attestation_type: Option<String>,
    pub(crate) cursor: Option<String>,
    pub(crate) limit: Option<u32>,
    /// Also what was taken back: for the attester alone.
    pub(crate) revoked_too: bool,
}

/// A stored document.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) id: String,
    pub(crate) attestation: Attestation,
    pub(crate) recorded_at: Timestamp,
    /// When and by which document it was taken back.
    pub(crate) revoked: Option<(Timestamp, Revocation)>,
}

/// The newest first.
#[derive(Debug, Clone)]
pub(crate) struct AttestationPage {
    pub(crate) attestations: Vec<Stored>,
    pub(crate) cursor: Option<String>,
}

fn object_of(id: &str) -> String {
    format!("attestation/{id}")
}

fn row_error(id: &str) -> AuthError {
    AuthError::Row(format!("attestations {id}"))
}

impl Stored {
    fn from_row(row: AttestationRow) -> Result<Self, AuthError> {
        let unreadable = || row_error(&row.id);
        let attestation = Attestation::from_slice(row.document.as_bytes()).map_err(|_error| unreadable())?;
        let revoked = match (row.deleted_at, &row.revocation) {
            (Some(at), Some(text)) => Some((at, serde_json::from_str(text).map_err(|_error| unreadable())?)),
            (None, None) => None,
            _ => return Err(unreadable()),
        };
        Ok(Self {
            attestation,
            recorded_at: row.created_at,
            revoked,
            id: row.id,
        })
    }
}

impl Auth {
    /// Keeps a document that its attester has signed, and the request with it. Sent again, it is there already.
    pub(crate) async fn attestation_issue(
        &self,
        signer: &Authorised<KeyTier>,
        raw: Vec<u8>,
    ) -> Result<(Stored, bool), AuthError> {
        let attestation = Attestation::from_slice(&raw)?;
        attestation.fresh(self.env.now())?;
        if attestation.attester.canonical() != *signer.did() {
            return Err(AuthError::OtherSigner);
        }
        let issue = Issue {
            id: attestation.id()?,
            attestation,
            signer: signer.did().clone(),
            authority: Authority::Signed(signer.proof().clone()),
            raw,
        };
        let auth = self.writing();
        self.write_contended(move |conn| issue.run(conn, &auth)).await
    }

    /// Takes an attestation back, by a document that its attester has signed.
    pub(crate) async fn attestation_revoke(
        &self,
        signer: &Authorised<KeyTier>,
        id: String,
        raw: Vec<u8>,
    ) -> Result<Stored, AuthError> {
        let _strict: SignedMessage = SignedMessage::from_slice(&raw)?;
        let revocation: Revocation =
            serde_json::from_slice(&raw).map_err(|_error| AuthError::ListForm("The body is no revocation."))?;
        let revoke = Revoke {
            id,
            revocation,
            signer: signer.did().clone(),
            authority: Authority::Signed(signer.proof().clone()),
            raw,
        };
        let auth = self.writing();
        self.db.write(move |conn| revoke.run(conn, &auth)).await
    }

    /// One document, also when it was taken back.
    pub(crate) async fn attestation_fetch(&self, id: String) -> Result<Stored, AuthError> {
        let sealer = self.sealer.clone();
        let row = self
            .db
            .read(move |conn| {
                let row: Option<AttestationRow> = attestations::table
                    .find(id)
                    .select(AttestationRow::as_select())
                    .first(conn)
                    .optional()?;
                Ok::<_, AuthError>(row.map(|row| row.intact(&sealer)).transpose()?)
            })
            .await?;
        Stored::from_row(row.ok_or(AuthError::AttestationUnknown)?)
    }

    /// The documents about a subject, or by an attester, that were not taken back.
    pub(crate) async fn attestation_list(&self, list: AttestationList) -> Result<AttestationPage, AuthError> {
        let auth = self.writing();
        self.db.read(move |conn| list.run(conn, &auth)).await
    }

    /// The keys that speak for an attester now.
    pub(crate) async fn attester_keys(&self, did: &Did) -> Result<Vec<PublicKey>, AuthError> {
        let (did, sealer) = (did.clone(), self.sealer.clone());
        let caller = self.db.read(move |conn| caller_keys(conn, &sealer, &did)).await?;
        Ok(caller.keys)
    }
}

struct Issue {
    id: String,
    attestation: Attestation,
    signer: Did,
    authority: Authority,
    raw: Vec<u8>,
}

impl Issue {
    fn run(&self, conn: &mut Conn, auth: &Writing) -> Result<(Stored, bool), AuthError> {
        let keys = caller_keys(conn, &auth.sealer, &self.signer)?.keys;
        self.attestation.verify(&keys)?;
        let known: Option<AttestationRow> = attestations::table
            .find(&self.id)
            .select(AttestationRow::as_select())
            .first(conn)
            .optional()?;
        if let Some(known) = known {
            let known = known.intact(&auth.sealer)?;
            if known.deleted_at.is_some() {
                return Err(AuthError::AttestationRevoked);
            }
            self.authority.nonce_spend(conn, auth)?;
            return Ok((Stored::from_row(known)?, false));
        }
        limits_check(conn, &self.signer, auth.env.now())?;
        let (body, object) = (self.raw.clone(), object_of(&self.id));
        let proof = mutation_record(conn, auth, &self.signer, ACTION_ISSUE, &object, body, &self.authority)?;
        let document = String::from_utf8(self.raw.clone()).map_err(|_error| row_error(&self.id))?;
        let row = AttestationRow {
            id: self.id.clone(),
            owner_did: self.signer.clone(),
            subject_did: registered_form(conn, auth, &self.attestation.subject)?,
            attestation_type: self.attestation.attestation_type.clone(),
            document,
            revocation: None,
            proof,
            created_at: auth.env.now(),
            deleted_at: None,
            row_seal: Vec::new(),
        };
        Ok((Stored::from_row(row.insert(conn, &auth.sealer)?)?, true))
    }
}

struct Revoke {
    id: String,
    revocation: Revocation,
    signer: Did,
    authority: Authority,
    raw: Vec<u8>,
}

impl Revoke {
    fn run(&self, conn: &mut Conn, auth: &Writing) -> Result<Stored, AuthError> {
        let query = attestations::table.find(&self.id);
        let row = for_update!(conn, query.select(AttestationRow::as_select()) => first);
        let row: Option<AttestationRow> = row.optional()?;
        let mut row = row.ok_or(AuthError::AttestationUnknown)?.intact(&auth.sealer)?;
        // To anybody else it is as if it were not there; it is public anyway, so this hides nothing and tells nothing.
        if row.owner_did != self.signer {
            return Err(AuthError::AttestationUnknown);
        }
        if row.deleted_at.is_some() {
            self.authority.nonce_spend(conn, auth)?;
            return Stored::from_row(row);
        }
        let attestation = Attestation::from_slice(row.document.as_bytes())?;
        let keys = caller_keys(conn, &auth.sealer, &self.signer)?.keys;
        revocation_verify(&attestation, &self.revocation, &keys)?;
        let (body, object) = (self.raw.clone(), object_of(&self.id));
        row.proof = mutation_record(conn, auth, &self.signer, ACTION_REVOKE, &object, body, &self.authority)?;
        row.revocation = Some(String::from_utf8(self.raw.clone()).map_err(|_error| row_error(&self.id))?);
        row.deleted_at = Some(auth.env.now());
        Stored::from_row(row.save(conn, &auth.sealer)?)
    }
}

/// The native form under which a DID is stored; that of its identity, if it is a short form of one.
fn registered_form(conn: &mut Conn, auth: &Writing, did: &Did) -> Result<Did, AuthError> {
    let registered = identity_by_name(conn, &auth.sealer, &Name::of_did(did))?;
    Ok(registered.map_or_else(|| did.canonical(), |row| row.did))
}

fn limits_check(conn: &mut Conn, attester: &Did, now: Timestamp) -> Result<(), AuthError> {
    let own = attestations::table.filter(attestations::owner_did.eq(attester));
    let all: i64 = own.count().get_result(conn)?;
    let recent: i64 = own
        .filter(attestations::created_at.gt(now.minus(Span::hours(1))))
        .count()
        .get_result(conn)?;
    if all >= ALL_MAX || recent >= PER_HOUR_MAX {
        return Err(AuthError::AttestationLimit {
            hour_max: PER_HOUR_MAX,
            all_max: ALL_MAX,
        });
    }
    Ok(())
}

impl AttestationList {
    fn run(&self, conn: &mut Conn, auth: &Writing) -> Result<AttestationPage, AuthError> {
        let limit = self.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(AuthError::ListForm("The limit must be 1 to 100."));
        }
        if self.subject.is_none() && self.attester.is_none() {
            return Err(AuthError::ListForm("Name a `subject` or an `attester`."));
        }
        let mut query = attestations::table.into_boxed();
        if !self.revoked_too {
            query = query.filter(attestations::deleted_at.is_null());
        }
        if let Some(subject) = &self.subject {
            query = query.filter(attestations::subject_did.eq(registered_form(conn, auth, subject)?));
        }
        if let Some(attester) = &self.attester {
            query = query.filter(attestations::owner_did.eq(registered_form(conn, auth, attester)?));
        }
        if let Some(kind) = &self.attestation_type {
            query = query.filter(attestations::attestation_type.eq(kind));
        }
        if let Some(cursor) = &self.cursor {
            let (at, id) = cursor_parse(cursor)?;
            let earlier = attestations::created_at.lt(at);
            let same = attestations::created_at.eq(at).and(attestations::id.lt(id));
            query = query.filter(attestations::created_at.le(at)).filter(earlier.or(same));
        }
        let mut rows: Vec<AttestationRow> = query
            .order_by((attestations::created_at.desc(), attestations::id.desc()))
            .limit(i64::from(limit) + 1)
            .select(AttestationRow::as_select())
            .load(conn)?;
        let length = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > length;
        rows.truncate(length);
        let last = rows.last().filter(|_row| has_more);
        let cursor = last.map(|row| format!("{}.{}", row.created_at.as_micros(), row.id));
        let attestations = rows
            .into_iter()
            .map(|row| Stored::from_row(row.intact(&auth.sealer)?))
            .collect::<Result<_, AuthError>>()?;
        Ok(AttestationPage { attestations, cursor })
    }
}

fn cursor_parse(text: &str) -> Result<(Timestamp, String), AuthError> {
    let parse = || {
        let (micros, id) = text.split_once('.')?;
        Some((Timestamp::from_micros(micros.parse().ok()?), id.to_owned()))
    };
    parse().ok_or(AuthError::ListForm("The cursor is not one that this list gave out."))
}

/// Each document must be what was logged, under its own name; each revocation as well.
pub(crate) fn attestations_audit(conn: &mut Conn, findings: &mut Vec<Finding>) -> QueryResult<()> {
    let mut after = String::new();
    loop {
        let rows: Vec<AttestationRow> = attestations::table
            .filter(attestations::id.gt(after.clone()))
            .order(attestations::id)
            .limit(AUDIT_PAGE)
            .select(AttestationRow::as_select())
            .load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        last.id.clone_into(&mut after);
        for row in rows {
            let logged = mutation::history(conn, &object_of(&row.id))?;
            if !is_as_logged(&row, &logged) {
                findings.push(finding("attestations", &row.id, "it is not what its attester signed"));
            }
        }
    }
}

fn is_as_logged(row: &AttestationRow, logged: &[Logged]) -> bool {
    let document = Attestation::from_slice(row.document.as_bytes());
    let is_itself = document.is_ok_and(|document| {
        document.id().is_ok_and(|id| id == row.id)
            && document.attester.canonical() == row.owner_did
            && document.attestation_type == row.attestation_type
    });
    // An erased body leaves nothing to compare with; that it was erased is in the log itself.
    let says = |entry: &Logged, action: &str, text: &str| {
        entry.action == action
            && entry.owner_did == row.owner_did.as_str()
            && entry.body.as_deref().is_none_or(|body| body == text.as_bytes())
    };
    let issued = logged
        .first()
        .is_some_and(|entry| says(entry, ACTION_ISSUE, &row.document));
    let ended = match (&row.revocation, row.deleted_at, logged.get(1)) {
        (None, None, None) => true,
        (Some(text), Some(_at), Some(entry)) => says(entry, ACTION_REVOKE, text),
        _ => false,
    };
    is_itself && issued && ended && logged.len() <= 2
}
