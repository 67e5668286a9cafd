use async_trait::async_trait;

use crate::{Did, DidDocument, PublicKey};

/// What is known about a DID right now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// The form to store and compare.
    pub did: Did,
    /// The Ed25519 keys that may sign for it now. A signature by any one of them counts. Keys of other kinds are in the
    /// document: [`DidDocument::authentication_verifying_keys`].
    pub keys: Vec<PublicKey>,
    /// What others get to read.
    pub document: DidDocument,
    /// The document was fetched some time ago, and its host does not answer now: good for reading, a risk for deciding.
    pub stale: bool,
    /// Two histories of its keys claim to be the right one: no mutation and no payout until that is settled.
    pub contested: bool,
}

/// Why a DID has no keys that could be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Nobody here knows it.
    #[error("this DID is not known here")]
    NotFound,
    /// Its owner has ended it.
    #[error("this DID was deactivated by its owner")]
    Deactivated,
    /// This resolver cannot resolve this form.
    #[error("this form of DID cannot be resolved here")]
    Unsupported,
    /// The text is no DID, or one that cannot be.
    #[error("this is not a valid DID")]
    Invalid,
    /// The address that it names is one that this node does not call, such as one of its own network.
    #[error("the address of this DID is not a public one; it is not called")]
    Refused,
    /// The host has a document, but in a form that is not read here.
    #[error("the DID document has a media type that is not JSON")]
    Representation,
    /// The document could not be fetched or was not valid; the cause is in the log.
    #[error("the DID document could not be fetched; try again later")]
    Unavailable,
}

impl ResolveError {
    /// The value of `error` in the resolution metadata (W3C DID Resolution, section "Errors"). A deactivated DID is no
    /// error there: its document's metadata say so.
    pub const fn code(&self) -> Option<&'static str> {
        match self {
            Self::Deactivated => None,
            Self::Invalid => Some("invalidDid"),
            Self::NotFound | Self::Refused => Some("notFound"),
            Self::Unsupported => Some("methodNotSupported"),
            Self::Representation => Some("representationNotSupported"),
            Self::Unavailable => Some("internalError"),
        }
    }
}

/// Finds the current keys of a DID.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// The current keys and document.
    ///
    /// # Errors
    /// [`ResolveError`] when the DID has no usable keys, or they cannot be learnt.
    async fn resolve(&self, did: &Did) -> Result<Resolution, ResolveError>;
}

/// Resolves the forms that are a key by that key alone. It knows of no rotation: only for DIDs without a key log, and
/// for programs without a node.
#[derive(Debug, Clone, Copy, Default)]
pub struct SelfCertifying;

impl SelfCertifying {
    /// The same without a trait object.
    ///
    /// # Errors
    /// [`ResolveError::Unsupported`] for the forms that are no key.
    pub fn resolve_now(self, did: &Did) -> Result<Resolution, ResolveError> {
        let key = did.verifying_key().ok_or(ResolveError::Unsupported)?;
        let did = did.canonical();
        Ok(Resolution {
            document: DidDocument::for_verifying_key(did.clone(), &key, Vec::new()),
            did,
            keys: key.as_ed25519().copied().into_iter().collect(),
            stale: false,
            contested: false,
        })
    }
}

#[async_trait]
impl Resolver for SelfCertifying {
    async fn resolve(&self, did: &Did) -> Result<Resolution, ResolveError> {
        self.resolve_now(did)
    }
}
