use imajin_did::{Did, PublicKey, SecretKey, Signature};
use imajin_kernel::Timestamp;
use imajin_proof::digest::sha256;
use imajin_proof::http_sig::VerifiedRequest;
use serde::{Deserialize, Serialize};

use super::{Mutation, Writer};

/// By what right a mutation was made.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A request that its sender has signed; the body of the mutation is the body of the request.
    Http(VerifiedRequest),
    /// A challenge of the node that somebody has signed.
    Challenge {
        /// Who signed.
        did: Did,
        /// The key that the signature was verified with.
        key: PublicKey,
        /// The text that was signed.
        text: String,
        /// The signature over the text.
        signature: Signature,
    },
    /// Signed by the node with a key that it keeps for somebody: see [`Proof::custody`].
    Custody {
        /// For whom.
        did: Did,
        /// That identity's key.
        key: PublicKey,
        /// The signature over what [`Proof::custody`] says.
        signature: Signature,
    },
    /// The node acts on its own account; [`super::append`] signs with the node's key.
    Node,
}

impl Proof {
    /// The node signs with a key that it keeps for a soft or custodial identity, and the log says so. Sign before the
    /// transaction: the key is not needed in it.
    pub fn custody(did: Did, key: &SecretKey, owner: &Did, action: &str, object: &str, body: &[u8]) -> Self {
        let statement = statement(owner.as_str(), action, object, &sha256(body));
        Self::Custody {
            did,
            key: key.public(),
            signature: key.sign(&statement),
        }
    }

    pub(super) fn to_stored(&self, writer: &Writer, mutation: &Mutation<'_>, body_digest: &[u8; 32]) -> Stored {
        match self {
            Self::Http(request) => Stored::Http {
                did: request.did.clone(),
                nonce: request.nonce.clone(),
                created: request.created,
                base: request.base.clone(),
                signature: request.signature,
            },
            Self::Challenge {
                did,
                key,
                text,
                signature,
            } => Stored::Challenge {
                did: did.clone(),
                key: *key,
                text: text.clone(),
                signature: *signature,
            },
            Self::Custody { did, key, signature } => Stored::Custody {
                did: did.clone(),
                key: *key,
                custody: Custodian::Node,
                signature: *signature,
            },
            Self::Node => {
                let owner = mutation.owner.canonical();
                let statement = statement(owner.as_str(), mutation.action, &mutation.object, body_digest);
                Stored::Node {
                    did: writer.keyring().node_did().clone(),
                    signature: writer.keyring().sign(&statement),
                }
            }
        }
    }
}

/// A proof as the log keeps it: JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum Stored {
    Http {
        did: Did,
        nonce: String,
        created: Timestamp,
        base: String,
        signature: Signature,
    },
    Challenge {
        did: Did,
        key: PublicKey,
        text: String,
        signature: Signature,
    },
    Custody {
        did: Did,
        key: PublicKey,
        custody: Custodian,
        signature: Signature,
    },
    Node {
        did: Did,
        signature: Signature,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Custodian {
    Node,
}

/// What the node signs for itself or for an identity whose key it keeps: a JSON list, so that no text can be taken
/// for another.
pub(super) fn statement(owner: &str, action: &str, object: &str, body_digest: &[u8]) -> Vec<u8> {
    serde_json::json!(["imajin mutation 1", owner, action, object, hex::encode(body_digest)])
        .to_string()
        .into_bytes()
}
