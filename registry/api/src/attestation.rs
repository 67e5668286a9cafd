use imajin_did::{Did, PublicKey, SecretKey, Signature};
use imajin_kernel::Timestamp;
use imajin_proof::{ProofError, SignedMessage, jcs};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::NodeType;

/// What a node says about itself when it registers. Signed inside the envelope `{from, type, timestamp, payload}` of a
/// [`SignedMessage`], whose payload is the document without its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeAttestation {
    /// The node's DID; it derives from `public_key`.
    #[schema(value_type = String)]
    pub node_id: Did,
    /// The node's Ed25519 key in 64 hex digits.
    pub public_key: String,
    /// SHA-256 of the running binary in hex: what the node reports, not a proof of honesty.
    pub build_hash: String,
    /// The commit that the binary was built from.
    pub source_commit: String,
    /// The version of the software.
    pub version: String,
    /// The name that it wants.
    pub hostname: String,
    /// Whose it is, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_type: Option<NodeType>,
    /// The services that it offers.
    pub services: Vec<String>,
    /// What else it can do.
    pub capabilities: Vec<String>,
    /// When it was signed, in milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The signature over the envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub signature: Option<Signature>,
}

/// A sign of life.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// The node's DID.
    #[schema(value_type = String)]
    pub node_id: Did,
    /// When it was signed, in milliseconds since the Unix epoch; later than that of any heartbeat before.
    pub timestamp: i64,
    /// SHA-256 of the running binary in hex.
    pub build_hash: String,
    /// The version of the software.
    pub version: String,
    /// How the node is.
    pub health: Health,
    /// Addresses under which the node is reached now, if it tells them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub addresses: Option<Vec<std::net::IpAddr>>,
    /// The signature over the envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub signature: Option<Signature>,
}

/// How a node is, in its own words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `healthy` or `degraded`.
    pub status: String,
    /// Each service: `up` or `down`.
    pub services: std::collections::BTreeMap<String, String>,
    /// Seconds since the node started.
    pub uptime: u64,
    /// Whatever else the node tells.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub metrics: serde_json::Map<String, serde_json::Value>,
}

/// The `purpose` of a [`CredentialsRequest`].
pub const CREDENTIALS_PURPOSE: &str = "credentials";

/// A node asks for new credentials for its name's records; the old ones end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsRequest {
    /// The node's DID.
    #[schema(value_type = String)]
    pub node_id: Did,
    /// `credentials`: what is signed cannot be taken for another document.
    pub purpose: String,
    /// When it was signed, in milliseconds since the Unix epoch; later than that of any such request before.
    pub timestamp: i64,
    /// The signature over the envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub signature: Option<Signature>,
}

/// With what a name's records are changed, by a router (`updateUrl`, dyndns2) or by a client for certificates
/// (`acmeUrl`, acme-dns). Shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NameCredentials {
    /// The name that they are for, in full.
    pub hostname: String,
    /// The user.
    pub username: String,
    /// The password: 40 characters.
    pub password: String,
    /// What acme-dns calls the subdomain: where the text for the certificate authority goes.
    pub subdomain: String,
    /// The same in full; the registry leads `_acme-challenge` of the name there.
    pub fulldomain: String,
    /// Empty: the credentials may be used from anywhere.
    pub allowfrom: Vec<String>,
    /// The URL for programs and routers that speak dyndns2.
    pub update_url: String,
    /// The base URL for programs that speak acme-dns.
    pub acme_url: String,
}

impl std::fmt::Debug for NameCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NameCredentials({}, {})", self.hostname, self.username)
    }
}

/// Why a document is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentError {
    /// It carries no signature.
    Unsigned,
    /// The signature or its freshness is wrong.
    Proof(ProofError),
}

/// The kinds of sender that a node may call itself; the first is what we send.
const SENDER_KINDS: [&str; 2] = ["node", "agent"];

/// A document with its signature inside, signed through an envelope around the rest.
pub trait Unsigned: Serialize + Clone {
    /// Who speaks.
    fn node_id(&self) -> &Did;
    /// When, in milliseconds.
    fn timestamp(&self) -> i64;
    /// The signature, if it is signed.
    fn signature(&self) -> Option<&Signature>;
    /// Sets or removes the signature.
    fn set_signature(&mut self, signature: Option<Signature>);

    /// Signs the document as this node.
    fn sign(mut self, key: &SecretKey) -> Result<Self, ProofError> {
        self.set_signature(None);
        let from = self.node_id().clone();
        let at = Timestamp::from_millis(self.timestamp());
        let message = SignedMessage::sign(key, from, "node", None, at, self.clone())?;
        self.set_signature(Some(message.signature));
        Ok(self)
    }

    /// Checks signature and freshness (five minutes) with the node's key.
    fn verify(&self, key: &PublicKey, now: Timestamp) -> Result<(), DocumentError> {
        let signature = self.signature().copied().ok_or(DocumentError::Unsigned)?;
        let mut payload = self.clone();
        payload.set_signature(None);
        let mut last = DocumentError::Unsigned;
        for kind in SENDER_KINDS {
            let message = SignedMessage {
                from: self.node_id().clone(),
                kind: kind.to_owned(),
                to: None,
                timestamp: self.timestamp(),
                payload: payload.clone(),
                signature,
            };
            match message.verify_fresh(kind, key, now) {
                Ok(()) => return Ok(()),
                Err(error) => last = DocumentError::Proof(error),
            }
        }
        Err(last)
    }

    /// The RFC 8785 bytes of the whole document, for logs and digests.
    fn canonical(&self) -> Result<Vec<u8>, jcs::JcsError> {
        jcs::to_bytes(self)
    }
}

macro_rules! unsigned {
    ($Document:ty) => {
        impl Unsigned for $Document {
            fn node_id(&self) -> &Did {
                &self.node_id
            }

            fn timestamp(&self) -> i64 {
                self.timestamp
            }

            fn signature(&self) -> Option<&Signature> {
                self.signature.as_ref()
            }

            fn set_signature(&mut self, signature: Option<Signature>) {
                self.signature = signature;
            }
        }
    };
}

unsigned!(NodeAttestation);
unsigned!(Heartbeat);
unsigned!(CredentialsRequest);
