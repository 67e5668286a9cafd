use imajin_did::{Did, PublicKey};
use imajin_kernel::Timestamp;
use imajin_kernel::id::StatementId;
use imajin_proof::{ProofError, SignedMessage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    ACCEPT, AcceptTerms, REVOKE, RevokeTerms, Statement, StatementError, StatementKind, digest_of, id_of, invite_bytes,
};

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
