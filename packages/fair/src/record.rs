//! A manifest together with the signatures that stand beside it.

use std::collections::BTreeSet;

use imajin_did::{Did, PublicKey};
use imajin_kernel::{Code, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Acceptance, AcceptanceError, Endorsement, EndorsementError, Manifest, Payee, SignatureError};

/// How long a share waits for a contributor who has not accepted the manifest.
pub const HELD_FOR: Span = Span::days(90);

/// A manifest and what others have signed about it: the document that is kept and passed on.
///
/// The manifest alone is what its author signed and what travels in the work. Endorsements and acceptances come later,
/// from others, and one by one; so they stand beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestRecord {
    /// What the author signed.
    pub manifest: Manifest,
    /// Nodes that vouch for having seen it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endorsements: Vec<Endorsement>,
    /// Contributors who agree with the split.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptances: Vec<Acceptance>,
}

/// Whose signatures hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Who signed the manifest.
    pub signer: Did,
    /// Who endorsed it.
    pub endorsed_by: BTreeSet<Did>,
    /// Contributors who stand by the split: the signer, if it is one, and those who accepted.
    pub accepted_by: BTreeSet<Did>,
    /// Contributors who have not said anything yet: their shares are held.
    pub outstanding: BTreeSet<Did>,
}

/// Why a record cannot be believed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The manifest itself.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// It does not say whose signature it is.
    #[error("the manifest does not say who signed it: it names no author")]
    NoSigner,
    /// The key of somebody who signed is not to be found.
    #[error("the key of {did} is not known here")]
    NoKey {
        /// Who signed.
        did: Did,
    },
    /// An endorsement.
    #[error(transparent)]
    Endorsement(#[from] EndorsementError),
    /// An acceptance.
    #[error(transparent)]
    Acceptance(#[from] AcceptanceError),
}

impl RecordError {
    /// What this refusal is called on the wire.
    pub fn code(&self) -> Code {
        match self {
            Self::Signature(error) => error.code(),
            Self::NoSigner | Self::NoKey { .. } => Code::BadSignature,
            Self::Endorsement(error) => error.code(),
            Self::Acceptance(error) => error.code(),
        }
    }
}

/// The keys of a DID whose signatures of a moment count; `None` of somebody of whom nothing is known but the DID.
pub type SignerKeys<'a> = &'a dyn Fn(&Did, Option<Timestamp>) -> Option<Vec<PublicKey>>;

/// One signature, to be checked with one key.
type SignatureCheck<'a> = &'a dyn Fn(&PublicKey) -> Result<(), RecordError>;

impl ManifestRecord {
    /// A manifest that nobody else has signed anything about.
    pub fn new(manifest: Manifest) -> Self {
        Self {
            manifest,
            endorsements: Vec::new(),
            acceptances: Vec::new(),
        }
    }

    /// Checks every signature. `keys` gives the keys of a DID that counted when it signed, as far as its signature says
    /// when; for `None`, the key that the DID is.
    pub fn verify(&self, keys: SignerKeys<'_>) -> Result<Standing, RecordError> {
        let checked = |did: &Did, at: Option<Timestamp>, verify: SignatureCheck<'_>| -> Result<(), RecordError> {
            let own = || did.public_key().into_iter().collect();
            let mut last = Err(RecordError::NoKey { did: did.clone() });
            for key in keys(did, at).unwrap_or_else(own) {
                last = verify(&key);
                if last.is_ok() {
                    break;
                }
            }
            last
        };
        let manifest = &self.manifest;
        if manifest.signature.is_none() {
            return Err(SignatureError::Unsigned.into());
        }
        let signer = manifest.signer().ok_or(RecordError::NoSigner)?;
        checked(signer, manifest.signed_at(), &|key| Ok(manifest.verify_signature(key)?))?;
        let mut standing = Standing {
            signer: signer.canonical(),
            endorsed_by: BTreeSet::new(),
            accepted_by: BTreeSet::new(),
            outstanding: self.contributors(),
        };
        for endorsement in &self.endorsements {
            let (did, at) = (endorsement.endorser(), Some(endorsement.signed_at()));
            checked(did, at, &|key| Ok(endorsement.verify(manifest, key)?))?;
            standing.endorsed_by.insert(did.canonical());
        }
        let mut accepted = vec![standing.signer.clone()];
        for acceptance in &self.acceptances {
            let (did, at) = (acceptance.contributor(), Some(acceptance.signed_at()));
            checked(did, at, &|key| Ok(acceptance.verify(manifest, key)?))?;
            accepted.push(did.canonical());
        }
        for did in accepted {
            if standing.outstanding.remove(&did) {
                standing.accepted_by.insert(did);
            }
        }
        Ok(standing)
    }

    fn contributors(&self) -> BTreeSet<Did> {
        let entries = self.manifest.contributors.iter();
        let did = |payee: &Payee| match payee {
            Payee::Did(did) => Some(did.canonical()),
            Payee::Fair(_) => None,
        };
        entries.filter_map(|entry| did(&entry.payee)).collect()
    }
}

/// Where a share goes that a contributor has not claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldShare {
    /// It waits for the contributor until then.
    Waits {
        /// The end of [`HELD_FOR`].
        until: Timestamp,
    },
    /// Nobody came: it goes to this DID, and the contributor, the author and the seller get a notice.
    Released {
        /// The author's overflow, or the author, or who sold, in this order.
        to: Did,
    },
}

impl Manifest {
    /// Where a share of this manifest that is held since `held_since` goes at `now`.
    ///
    /// `overflow` is the `overflow` of the author's distribution contract in effect, `seller` who gets it when the
    /// manifest names no author.
    pub fn held_share(&self, held_since: Timestamp, now: Timestamp, overflow: Option<&Did>, seller: &Did) -> HeldShare {
        let until = held_since.plus(HELD_FOR);
        if now < until {
            return HeldShare::Waits { until };
        }
        let author = self.author.as_ref().or_else(|| self.signer());
        let to = overflow.or(author).unwrap_or(seller).canonical();
        HeldShare::Released { to }
    }
}
