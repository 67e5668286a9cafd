//! What people sign about each other, and how anybody checks it without asking a node.
//!
//! Each document is a [`SignedMessage`]. A connection and a co-presence count once the other has signed an acceptance
//! that names the first document by its digest; a vouch and a flag count at once. Whoever has signed one of the two
//! documents may end it with a revocation. [`Proven`] holds them together, and [`Proven::verify`] says what they prove.

mod error;
mod proven;
mod terms;

use imajin_did::{Did, Method, SecretKey, Signature};
use imajin_kernel::id::StatementId;
use imajin_kernel::{Span, Timestamp};
use imajin_proof::digest::sha256_hex;
use imajin_proof::{ProofError, SignedMessage};

pub use error::StatementError;
use error::member;
pub use proven::{Fact, KeysAt, Proven, payload, revocation_check};
pub use terms::{
    AcceptTerms, CoPresenceTerms, ConnectionTerms, FlagLevel, FlagTerms, InviteTerms, RevokeTerms, StatementKind,
    VouchTerms,
};

/// The type of an acceptance.
pub const ACCEPT: &str = "trust.accept";
/// The type of a revocation.
pub const REVOKE: &str = "trust.revoke";
/// The characters of a reason at most.
pub const REASON_LENGTH_MAX: usize = 280;
/// An invitation is for so many people at most.
pub const INVITE_USES_MAX: u32 = 100;
/// An invitation lasts so long at most.
pub const INVITE_LASTS_MAX: Span = Span::days(90);
/// Full trust, in millionths.
const WEIGHT_MAX: u32 = 1_000_000;

/// The name of a document: the SHA-256 of its canonical bytes with the signature, in hex.
///
/// # Errors
/// [`ProofError::Jcs`] when the payload has no canonical form.
pub fn digest_of(document: &SignedMessage) -> Result<String, ProofError> {
    Ok(sha256_hex(&document.canonical_bytes()?))
}

/// The short name: the first 16 bytes of the digest.
pub fn id_of(digest: &str) -> StatementId {
    let mut bytes = [0; 16];
    let pairs = digest.as_bytes().chunks(2);
    for (place, pair) in bytes.iter_mut().zip(pairs) {
        let text = std::str::from_utf8(pair).unwrap_or("0");
        *place = u8::from_str_radix(text, 16).unwrap_or(0);
    }
    StatementId::from_bytes(bytes)
}

/// The key that the code of an invitation is.
pub fn invite_key(code: &str) -> SecretKey {
    SecretKey::from_seed(imajin_proof::digest::sha256(
        format!("imajin invite\n{code}").as_bytes(),
    ))
}

/// Proves that `invited` holds the code of the invitation with this digest.
pub fn invite_prove(code: &str, digest: &str, invited: &Did) -> Signature {
    invite_key(code).sign(&invite_bytes(digest, invited))
}

fn invite_bytes(digest: &str, invited: &Did) -> Vec<u8> {
    format!("imajin invite\n{digest}\n{}", invited.canonical()).into_bytes()
}

/// What a document says, before anybody else has signed anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What.
    pub kind: StatementKind,
    /// Who says it, in the native form.
    pub from: Did,
    /// Of whom, in the native form; `None` for an invitation.
    pub to: Option<Did>,
    /// A weight in millionths, the number of a flag's level, or 0.
    pub number: u32,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was signed, as its signer claims.
    pub signed_at: Timestamp,
    /// Whom the invitation is for.
    pub invite: Option<InviteTerms>,
    /// Why, for people.
    pub reason: Option<String>,
    /// [`digest_of`] the document.
    pub digest: String,
}

impl Statement {
    /// Reads a document; its signature is not looked at.
    ///
    /// # Errors
    /// [`StatementError`], saying what is wrong.
    pub fn of(document: &SignedMessage) -> Result<Self, StatementError> {
        let kind = StatementKind::ALL
            .into_iter()
            .find(|kind| kind.message_type() == document.kind)
            .ok_or(StatementError::Kind)?;
        let mut statement = Self {
            kind,
            from: document.from.canonical(),
            to: document.to.as_ref().map(Did::canonical),
            number: 0,
            expires_at: None,
            signed_at: Timestamp::from_millis(document.timestamp),
            invite: None,
            reason: None,
            digest: digest_of(document)?,
        };
        statement.read(document)?;
        statement.check()?;
        Ok(statement)
    }

    fn read(&mut self, document: &SignedMessage) -> Result<(), StatementError> {
        let expires = match self.kind {
            StatementKind::Connection => {
                self.invite = document.payload_as::<ConnectionTerms>()?.invite;
                None
            }
            StatementKind::CoPresence => {
                let _event: CoPresenceTerms = document.payload_as()?;
                None
            }
            StatementKind::Vouch => {
                let terms: VouchTerms = document.payload_as()?;
                if !(1..=WEIGHT_MAX).contains(&terms.weight_millionths) {
                    return Err(member("payload.weightMillionths", "must be 1 to 1000000"));
                }
                self.number = terms.weight_millionths;
                terms.expires
            }
            StatementKind::Flag => {
                let terms: FlagTerms = document.payload_as()?;
                let length = terms.reason.as_deref().map_or(0, |reason| reason.chars().count());
                if length > REASON_LENGTH_MAX {
                    return Err(member("payload.reason", "must have at most 280 characters"));
                }
                self.number = terms.level.number();
                self.reason = terms.reason;
                terms.expires
            }
        };
        if let Some(millis) = expires {
            let ends = Timestamp::from_millis(millis);
            // The graph counts seconds in 32 bits; what ends later than that is written without an end.
            if ends <= self.signed_at || u32::try_from(ends.as_seconds()).is_err() {
                return Err(member(
                    "payload.expires",
                    "must be after the timestamp and before the year 2106",
                ));
            }
            self.expires_at = Some(ends);
        }
        Ok(())
    }

    fn check(&self) -> Result<(), StatementError> {
        if self.to.as_ref() == Some(&self.from) {
            return Err(StatementError::Oneself);
        }
        let parties = std::iter::once(&self.from).chain(&self.to);
        if parties.into_iter().any(|did| did.method() == Method::Email) {
            return Err(StatementError::Mailbox);
        }
        match (&self.to, &self.invite) {
            (Some(_to), None) => Ok(()),
            (None, Some(invite)) => invite_check(invite, self.signed_at),
            (Some(_), Some(_)) => Err(member("to", "must not be there in an invitation")),
            (None, None) => Err(member("to", "must name somebody")),
        }
    }
}

fn invite_check(invite: &InviteTerms, signed_at: Timestamp) -> Result<(), StatementError> {
    if !(1..=INVITE_USES_MAX).contains(&invite.max_uses) {
        return Err(member("payload.invite.maxUses", "must be 1 to 100"));
    }
    let ends = Timestamp::from_millis(invite.expires);
    if ends <= signed_at || ends > signed_at.plus(INVITE_LASTS_MAX) {
        return Err(member(
            "payload.invite.expires",
            "must be within 90 days of the timestamp",
        ));
    }
    Ok(())
}
