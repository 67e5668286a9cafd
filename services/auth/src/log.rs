//! Auth's view of the mutation log: who changed what, and by which right.

use imajin_did::{Did, PublicKey, Signature};
use imajin_proof::http_sig::VerifiedRequest;
use imajin_store::mutation::{self, Mutation, Proof};
use imajin_store::{Conn, nonce};
use serde_json::json;

use crate::AuthError;
use crate::auth::Writing;

/// By what right something is changed.
#[derive(Debug, Clone)]
pub(crate) enum Authority {
    /// The request itself is signed.
    Signed(VerifiedRequest),
    /// A fresh challenge was answered by the key.
    Challenge {
        /// The key that answered.
        key: PublicKey,
        /// What it was asked to sign.
        text: String,
        /// Its signature over that text.
        signature: Signature,
    },
    /// The node acts on its own account.
    Node,
}

impl Authority {
    fn proof(&self) -> Proof {
        match self {
            Self::Signed(request) => Proof::Http(request.clone()),
            Self::Challenge { key, text, signature } => Proof::Challenge {
                did: key.did(),
                key: *key,
                text: text.clone(),
                signature: *signature,
            },
            Self::Node => Proof::Node,
        }
    }

    /// Spends the nonce of a signed request that changes nothing.
    pub(crate) fn nonce_spend(&self, conn: &mut Conn, auth: &Writing) -> Result<(), AuthError> {
        if let Self::Signed(request) = self {
            nonce::request_spend(conn, &auth.sealer, request)?;
        }
        Ok(())
    }

    /// The proof as a live row keeps it, with the place of the row in the log.
    fn text(&self, place: &str) -> String {
        let value = match self {
            Self::Signed(request) => json!({
                "type": "http", "did": request.did, "base": request.base, "signature": request.signature, "log": place,
            }),
            Self::Challenge { key, text, signature } => json!({
                "type": "challenge", "did": key.did(), "text": text, "signature": signature, "log": place,
            }),
            Self::Node => json!({"type": "node", "log": place}),
        };
        value.to_string()
    }
}

/// Logs a change in its own transaction, spends the nonce of a signed request, and returns what the changed row keeps
/// as its proof.
pub(crate) fn mutation_record(
    conn: &mut Conn,
    auth: &Writing,
    owner: &Did,
    action: &str,
    object: &str,
    body: Vec<u8>,
    authority: &Authority,
) -> Result<String, AuthError> {
    let mutation = Mutation {
        owner: owner.clone(),
        action,
        object: object.to_owned(),
        body,
        proof: authority.proof(),
    };
    let seq = mutation::append(conn, &auth.writer, &mutation)?;
    Ok(authority.text(&format!("{}/{seq}", auth.writer.chain())))
}

/// The same for a body that holds a token: the log keeps its digest only.
pub(crate) fn secret_mutation_record(
    conn: &mut Conn,
    auth: &Writing,
    owner: &Did,
    action: &str,
    object: &str,
    body: Vec<u8>,
    authority: &Authority,
) -> Result<String, AuthError> {
    let mutation = Mutation {
        owner: owner.clone(),
        action,
        object: object.to_owned(),
        body,
        proof: authority.proof(),
    };
    let seq = mutation::append_without_body(conn, &auth.writer, &mutation)?;
    Ok(authority.text(&format!("{}/{seq}", auth.writer.chain())))
}
