//! What people sign about each other, and how anybody checks it without asking a node.
//!
//! Each document is a [`SignedMessage`]. A connection and a co-presence count once the other has signed an acceptance
//! that names the first document by its digest; a vouch and a flag count at once. Whoever has signed one of the two
//! documents may end it with a revocation. [`Proven`] holds them together, and [`Proven::verify`] says what they prove.

use imajin_did::{Did, Method, PublicKey, SecretKey, Signature};
use imajin_kernel::id::{EventId, StatementId};
use imajin_kernel::{Code, Span, Timestamp};
use imajin_proof::digest::sha256_hex;
use imajin_proof::{ProofError, SignedMessage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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

/// What somebody says about somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StatementKind {
    /// We know each other.
    Connection,
    /// We were at the same event.
    CoPresence,
    /// I trust them, so much.
    Vouch,
    /// I warn of them.
    Flag,
}

impl StatementKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Connection, Self::CoPresence, Self::Vouch, Self::Flag];

    /// The type of its document.
    pub const fn message_type(self) -> &'static str {
        match self {
            Self::Connection => "trust.connection",
            Self::CoPresence => "trust.co-presence",
            Self::Vouch => "trust.vouch",
            Self::Flag => "trust.flag",
        }
    }

    /// Its name in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::CoPresence => "co-presence",
            Self::Vouch => "vouch",
            Self::Flag => "flag",
        }
    }

    /// Whether it takes both signatures.
    pub const fn is_mutual(self) -> bool {
        matches!(self, Self::Connection | Self::CoPresence)
    }
}

impl std::str::FromStr for StatementKind {
    type Err = StatementError;

    fn from_str(text: &str) -> Result<Self, StatementError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or(StatementError::Kind)
    }
}

/// How bad a flag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FlagLevel {
    /// Be careful.
    Yellow,
    /// Something is wrong.
    Amber,
    /// Not for me, and not through me.
    Red,
}

impl FlagLevel {
    /// 1, 2 or 3.
    pub const fn number(self) -> u32 {
        match self {
            Self::Yellow => 1,
            Self::Amber => 2,
            Self::Red => 3,
        }
    }

    /// The level with this number.
    pub const fn of_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Yellow),
            2 => Some(Self::Amber),
            3 => Some(Self::Red),
            _ => None,
        }
    }
}

/// The payload of a connection: empty, or with an invitation to whoever holds its code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionTerms {
    /// For a document that names nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<InviteTerms>,
}

/// Who may take an invitation up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InviteTerms {
    /// The public half of the key that the code is, see [`invite_key`].
    pub key: PublicKey,
    /// How many people may take it up, at most [`INVITE_USES_MAX`].
    pub max_uses: u32,
    /// When it ends, in milliseconds since the Unix epoch.
    pub expires: i64,
}

/// The payload of a co-presence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CoPresenceTerms {
    /// Where both were.
    pub event: EventId,
}

/// The payload of a vouch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VouchTerms {
    /// How much: 1 to 1,000,000 millionths.
    pub weight_millionths: u32,
    /// When it ends by itself, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
}

/// The payload of a flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FlagTerms {
    /// How bad it is.
    pub level: FlagLevel,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it ends by itself, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
}

/// The payload of an acceptance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcceptTerms {
    /// [`digest_of`] the document that is accepted.
    pub statement: String,
    /// Proves that the signer holds the code of an invitation without telling it, see [`invite_prove`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite_proof: Option<Signature>,
}

/// The payload of a revocation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevokeTerms {
    /// [`Fact::digest`] of what is taken back.
    pub statement: String,
}

/// Why documents prove nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The document is of another type.
    #[error("the document must be of the type trust.connection, trust.co-presence, trust.vouch or trust.flag")]
    Kind,
    /// A member of the payload is missing, unknown or impossible.
    #[error("{member}: {problem}")]
    Member {
        /// Which.
        member: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nobody can be joined with themselves.
    #[error("nobody can say this of themselves")]
    Oneself,
    /// A did:email names a mailbox, and these documents are shown to others.
    #[error("a did:email cannot be in it: it names a mailbox, and others get to see the document")]
    Mailbox,
    /// The acceptance is of something else or by somebody else.
    #[error("the acceptance is of another document, or not by the one whom the document names")]
    OtherAcceptance,
    /// The acceptance lacks the proof that its signer holds the code.
    #[error("the acceptance does not prove that its signer was invited")]
    NotInvited,
    /// The invitation had ended when it was taken up.
    #[error("the invitation had ended when it was taken up")]
    InviteOver,
    /// There is an acceptance where none is needed.
    #[error("a vouch and a flag are not accepted by anybody")]
    NeedlessAcceptance,
    /// The revocation is of something else or by somebody else.
    #[error("the revocation is of another document, or by somebody who did not sign it")]
    OtherRevocation,
    /// A signature does not count.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl StatementError {
    /// The closed code for the wire.
    pub const fn code(&self) -> Code {
        match self {
            Self::Proof(error) => error.code(),
            _ => Code::InvalidRequest,
        }
    }
}

const fn member(member: &'static str, problem: &'static str) -> StatementError {
    StatementError::Member { member, problem }
}

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
    SecretKey::from_seed(imajin_proof::digest::sha256(format!("imajin invite\n{code}").as_bytes()))
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
                return Err(member("payload.expires", "must be after the timestamp and before the year 2106"));
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
        return Err(member("payload.invite.expires", "must be within 90 days of the timestamp"));
    }
    Ok(())
}

/// What documents prove together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What.
    pub kind: StatementKind,
    /// Who has said it.
    pub from: Did,
    /// Of whom.
    pub to: Did,
    /// A weight in millionths, the number of a flag's level, or 0.
    pub number: u32,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Whether everybody has signed who must.
    pub is_complete: bool,
    /// Whether it was taken back.
    pub is_revoked: bool,
    /// The name of the whole: of the document, or of the acceptance of an invitation.
    pub digest: String,
}

impl Fact {
    /// Whether it counts at a moment.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.is_complete && !self.is_revoked && self.expires_at.is_none_or(|ends| ends > now)
    }

    /// Its short name.
    pub fn id(&self) -> StatementId {
        id_of(&self.digest)
    }
}

/// The documents about one tie, as they were signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Proven {
    /// What was said.
    #[schema(value_type = Object)]
    pub document: SignedMessage,
    /// The other's signature, where it takes both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub acceptance: Option<SignedMessage>,
    /// What ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub revocation: Option<SignedMessage>,
}

/// Gives the keys of a signer that counted at a moment.
pub type KeysAt<'a> = &'a dyn Fn(&Did, Timestamp) -> Vec<PublicKey>;

impl Proven {
    /// Checks every signature and how the documents hang together, and says what they prove.
    ///
    /// # Errors
    /// [`StatementError`], saying what is wrong.
    pub fn verify(&self, keys: KeysAt<'_>) -> Result<Fact, StatementError> {
        let fact = self.read()?;
        for document in self.documents() {
            let keys = keys(&document.from, Timestamp::from_millis(document.timestamp));
            document.verify_any(&document.kind, &keys)?;
        }
        Ok(fact)
    }

    /// As [`Proven::verify`] with the keys that the signers' DIDs are: asks nobody, and knows of no rotation.
    ///
    /// # Errors
    /// [`StatementError`], saying what is wrong.
    pub fn verify_self_certified(&self) -> Result<Fact, StatementError> {
        self.verify(&|did, _at| did.public_key().into_iter().collect())
    }

    /// The documents there are.
    pub fn documents(&self) -> impl Iterator<Item = &SignedMessage> {
        std::iter::once(&self.document)
            .chain(&self.acceptance)
            .chain(&self.revocation)
    }

    /// What the documents say, without a look at their signatures.
    ///
    /// # Errors
    /// [`StatementError`] when they do not belong together.
    pub fn read(&self) -> Result<Fact, StatementError> {
        let statement = Statement::of(&self.document)?;
        let (to, digest) = match &self.acceptance {
            Some(acceptance) => accepted_by(&statement, acceptance)?,
            None => match &statement.to {
                Some(to) => (to.clone(), statement.digest.clone()),
                None => return Err(StatementError::NotInvited),
            },
        };
        let fact = Fact {
            kind: statement.kind,
            from: statement.from,
            to,
            number: statement.number,
            expires_at: statement.expires_at,
            is_complete: self.acceptance.is_some() || !statement.kind.is_mutual(),
            is_revoked: self.revocation.is_some(),
            digest,
        };
        if let Some(revocation) = &self.revocation {
            revocation_check(&fact, revocation)?;
        }
        Ok(fact)
    }
}

/// Who has accepted, and the name of the whole.
fn accepted_by(statement: &Statement, acceptance: &SignedMessage) -> Result<(Did, String), StatementError> {
    if !statement.kind.is_mutual() {
        return Err(StatementError::NeedlessAcceptance);
    }
    let terms: AcceptTerms = payload(acceptance, ACCEPT)?;
    let by = acceptance.from.canonical();
    if terms.statement != statement.digest {
        return Err(StatementError::OtherAcceptance);
    }
    let Some(invite) = &statement.invite else {
        if statement.to.as_ref() != Some(&by) {
            return Err(StatementError::OtherAcceptance);
        }
        return Ok((by, statement.digest.clone()));
    };
    if by == statement.from {
        return Err(StatementError::Oneself);
    }
    let proof = terms.invite_proof.ok_or(StatementError::NotInvited)?;
    let verified = invite.key.verify(&invite_bytes(&statement.digest, &by), &proof);
    verified.map_err(|_bad| StatementError::NotInvited)?;
    if acceptance.timestamp > invite.expires {
        return Err(StatementError::InviteOver);
    }
    Ok((by, digest_of(acceptance)?))
}

/// Checks that a revocation is of this, by one of those who have signed it.
///
/// # Errors
/// [`StatementError::OtherRevocation`], or that the payload is no revocation.
pub fn revocation_check(fact: &Fact, revocation: &SignedMessage) -> Result<(), StatementError> {
    let terms: RevokeTerms = payload(revocation, REVOKE)?;
    let by = revocation.from.canonical();
    let may = by == fact.from || (fact.kind.is_mutual() && by == fact.to);
    if terms.statement == fact.digest && may {
        Ok(())
    } else {
        Err(StatementError::OtherRevocation)
    }
}

/// The payload of a document of this type.
///
/// # Errors
/// [`ProofError::WrongKind`] or [`ProofError::Jcs`].
pub fn payload<T: DeserializeOwned>(document: &SignedMessage, kind: &str) -> Result<T, StatementError> {
    if document.kind != kind {
        return Err(ProofError::WrongKind {
            expected: kind.to_owned(),
        }
        .into());
    }
    Ok(document.payload_as()?)
}
