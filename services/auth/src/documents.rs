//! DID documents and key sets, as others read them.

use imajin_did::{Did, DidDocument, Method, Service};
use imajin_proof::digest::sha256_hex;
use imajin_proof::token::{jwk, key_id};
use serde_json::{Map, Value, json};

use crate::AuthError;
use crate::auth::Auth;
use crate::identities::{Identity, identity_find};
use crate::names::Name;

/// What a DID resolves to (W3C DID Resolution).
#[derive(Debug)]
pub(crate) enum Resolved {
    /// A living identity, or a DID that is its own document.
    Document {
        document: Box<DidDocument>,
        /// The member `didDocumentMetadata`.
        metadata: Value,
    },
    /// Its owner has ended it.
    Deactivated,
    /// The text is no DID.
    Invalid,
    /// A method that this node does not resolve.
    Unsupported,
    /// Nobody here knows it.
    NotFound,
}

/// A document's entity tag: a digest of its bytes (RFC 9110, section 8.8.3).
pub(crate) fn entity_tag(bytes: &[u8]) -> String {
    let digest = sha256_hex(bytes);
    format!("\"{}\"", digest.get(..32).unwrap_or(&digest))
}

impl Auth {
    /// The node's did:web, where its host can be one; else its native DID.
    pub(crate) fn node_web_did(&self) -> Did {
        let host = self.public.0.host_str().unwrap_or_default();
        let authority = self
            .public
            .0
            .port()
            .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        Did::from_web_authority(&authority).unwrap_or_else(|_error| self.keyring.node_did().clone())
    }

    /// The document of this node under one of its names.
    pub(crate) fn node_document(&self, id: Did) -> DidDocument {
        let document = DidDocument::for_key(id, &self.keyring.node_public(), self.node_services());
        document.with_alias(&self.node_web_did())
    }

    fn node_services(&self) -> Vec<Service> {
        vec![
            Service::new("mjn", "MJNNode", &self.public.absolute("/mjn")),
            Service::new("auth", "ImajinAuth", &self.issuer()),
        ]
    }

    /// The public keys of this node: those of its sessions, and its own, with which it signs receipts.
    pub(crate) fn key_set(&self) -> Value {
        let node = self.keyring.node_public();
        let mut keys: Vec<Value> = self
            .keys
            .set()
            .published()
            .iter()
            .map(|(kid, key)| jwk(key, kid))
            .collect();
        keys.push(jwk(&node, &key_id(&node)));
        json!({ "keys": keys })
    }

    /// The document of a registered identity, under its native DID.
    pub(crate) fn identity_document(&self, identity: &Identity) -> DidDocument {
        self.identity_document_as(identity.did.clone(), identity)
    }

    fn identity_document_as(&self, id: Did, identity: &Identity) -> DidDocument {
        DidDocument::for_key(
            id,
            &identity.key,
            vec![Service::new("mjn", "MJNNode", &self.public.absolute("/mjn"))],
        )
    }

    /// Resolves a DID: of this node, of an identity registered here, or one that is its own document.
    pub(crate) async fn did_resolve(&self, text: &str) -> Result<Resolved, AuthError> {
        let did: Did = match text.parse() {
            Ok(did) => did,
            Err(imajin_did::DidError::UnknownMethod) => return Ok(Resolved::Unsupported),
            Err(_error) => return Ok(Resolved::Invalid),
        };
        if did == self.node_web_did() || did.canonical() == *self.keyring.node_did() {
            let document = Box::new(self.node_document(did.clone()));
            return Ok(Resolved::Document {
                document,
                metadata: metadata(&did, None),
            });
        }
        let (name, sealer) = (Name::of_did(&did), self.sealer.clone());
        let identity = self.db.read(move |conn| identity_find(conn, &sealer, &name)).await?;
        Ok(match (identity, did.method()) {
            (Some(identity), _) if identity.deactivated => Resolved::Deactivated,
            (Some(identity), _) => Resolved::Document {
                metadata: metadata(&did, Some(&identity)),
                document: Box::new(self.identity_document_as(did, &identity)),
            },
            // W3C did:key: the DID says everything. A did:mjn may have a history that this node does not know.
            (None, Method::Key) => did.public_key().map_or(Resolved::NotFound, |key| Resolved::Document {
                metadata: metadata(&did, None),
                document: Box::new(DidDocument::for_key(did.clone(), &key, Vec::new())),
            }),
            (None, Method::Web) => Resolved::Unsupported,
            (None, _) => Resolved::NotFound,
        })
    }
}

/// Names the native form when another one was asked for (W3C DID Resolution, `canonicalId` and `equivalentId`).
fn metadata(asked: &Did, identity: Option<&Identity>) -> Value {
    let mut members = Map::new();
    let native = identity.map_or_else(|| asked.canonical(), |identity| identity.did.clone());
    if let Some(identity) = identity {
        members.insert("created".to_owned(), json!(seconds_text(identity)));
        if native != *asked {
            members.insert("canonicalId".to_owned(), json!(native));
        }
        let equivalent: Vec<Did> = std::iter::once(native.clone())
            .chain(native.also_known_as())
            .filter(|other| other != asked)
            .collect();
        members.insert("equivalentId".to_owned(), json!(equivalent));
    }
    Value::Object(members)
}

/// DID Core wants times without fractions of a second.
fn seconds_text(identity: &Identity) -> String {
    imajin_kernel::Timestamp::from_seconds(identity.created_at.as_seconds()).to_string()
}
