//! DID documents and key sets, as others read them.

use imajin_did::{
    Did, DidDocument, Method, MethodReference, PublicKey, Resolution, ResolveError, Service, VerificationMethod,
};
use imajin_kernel::Timestamp;
use imajin_key_log::{KeyState, Status};
use imajin_proof::token::{jwk, key_id};
use imajin_store::{Conn, Sealer};
use imajin_web::{CallerKeys, Custody, Tier};
use serde_json::{Map, Value, json};

use crate::AuthError;
use crate::auth::Auth;
use crate::identities::{Identity, identity_find};
use crate::key_log;
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
    /// What the host of a did:web says.
    Foreign(Box<Resolution>),
    /// Somebody else should know it, and could not be asked or has no usable answer.
    Refused(ResolveError),
    /// Its owner has ended it.
    Deactivated,
    /// The text is no DID.
    Invalid,
    /// A method that this node does not resolve.
    Unsupported,
    /// Nobody here knows it.
    NotFound,
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
        // A visitor is served at home.
        let services = if identity.is_visitor() {
            Vec::new()
        } else {
            vec![Service::new("mjn", "MJNNode", &self.public.absolute("/mjn"))]
        };
        let first = identity.did.public_key().unwrap_or(identity.key);
        document_of_keys(id, &first, &identity.keys, services)
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
        let mut known = self.known(&did).await?;
        // What is at home elsewhere may have changed there, or be known to a witness.
        let has_news = if known.state.is_some() {
            self.known_follow(known.identity.as_ref(), &did).await?
        } else {
            known.identity.is_none() && self.stranger_follow(&did).await
        };
        if has_news {
            known = self.known(&did).await?;
        }
        let Known {
            identity,
            state,
            witnesses,
        } = known;
        if state.as_ref().is_some_and(|state| state.status == Status::Deactivated) {
            return Ok(Resolved::Deactivated);
        }
        Ok(match (identity, did.method()) {
            (Some(identity), _) if identity.deactivated => Resolved::Deactivated,
            (Some(identity), _) => {
                let metadata = metadata_with_log(metadata(&did, Some(&identity)), state.as_ref(), &witnesses);
                let mut document = Box::new(self.identity_document_as(did, &identity));
                self.document_moved(&identity.did, &mut document).await?;
                Resolved::Document { document, metadata }
            }
            (None, Method::Web) => match self.foreign_resolve(&did).await {
                Ok(resolution) => Resolved::Foreign(Box::new(resolution)),
                Err(error) => Resolved::Refused(error),
            },
            (None, _) => self.stranger_resolve(did, state.as_ref(), &witnesses).await?,
        })
    }

    async fn known(&self, did: &Did) -> Result<Known, AuthError> {
        let (name, sealer) = (Name::of_did(did), self.sealer.clone());
        self.db.read(move |conn| known_find(conn, &sealer, &name)).await
    }

    /// A DID that is not at home here: from its mirrored log, from itself, or from a node that a registry knows.
    async fn stranger_resolve(
        &self,
        did: Did,
        state: Option<&KeyState>,
        witnesses: &[Did],
    ) -> Result<Resolved, AuthError> {
        if let (Some(first), Some(state)) = (did.public_key(), state) {
            return Ok(Resolved::Document {
                metadata: metadata_with_log(metadata(&did, None), Some(state), witnesses),
                document: Box::new(document_of_keys(did, &first, &state.keys, Vec::new())),
            });
        }
        Ok(match (did.method(), did.verifying_key()) {
            // W3C did:key: the DID says everything. A did:mjn may have a history that this node does not know.
            (Method::Key, Some(key)) => Resolved::Document {
                metadata: metadata(&did, None),
                document: Box::new(DidDocument::for_verifying_key(did, &key, Vec::new())),
            },
            (Method::Mjn | Method::Imajin, _) => match self.foreign_resolve(&did).await {
                Ok(resolution) => self.brought_along(did, resolution).await?,
                Err(ResolveError::Deactivated) => Resolved::Deactivated,
                Err(_error) => Resolved::NotFound,
            },
            _ => Resolved::NotFound,
        })
    }

    /// What another node said, with what the key log says that came along.
    async fn brought_along(&self, did: Did, resolution: Resolution) -> Result<Resolved, AuthError> {
        let known = self.known(&did).await?;
        let (Some(first), Some(state)) = (did.public_key(), &known.state) else {
            return Ok(Resolved::Foreign(Box::new(resolution)));
        };
        Ok(Resolved::Document {
            metadata: metadata_with_log(metadata(&did, None), Some(state), &known.witnesses),
            document: Box::new(document_of_keys(did, &first, &state.keys, resolution.document.service)),
        })
    }
}

impl Auth {
    /// Asks the host of a did:web, where this node does that.
    pub(crate) async fn foreign_resolve(&self, did: &Did) -> Result<Resolution, ResolveError> {
        match &self.resolver {
            Some(resolver) => resolver.resolve(did).await,
            None => Err(ResolveError::Unsupported),
        }
    }

    /// The keys of a caller whose DID is a did:web of another host. A stale document decides nothing: a key that its
    /// owner has taken out of it could be the one that signed.
    pub(crate) async fn foreign_caller(&self, did: &Did) -> Result<CallerKeys, AuthError> {
        // The node would only call itself.
        if *did == self.node_web_did() {
            return Err(AuthError::CallerUnknown);
        }
        match self.foreign_resolve(did).await {
            Ok(resolution) if !resolution.stale && !resolution.contested && !resolution.keys.is_empty() => {
                Ok(CallerKeys {
                    did: resolution.did,
                    keys: resolution.keys,
                    tier: Tier::Visitor,
                    custody: Custody::Own,
                })
            }
            // The contract knows Ed25519 identities only; of another key its owner is told why it does not count.
            Ok(resolution)
                if resolution.keys.is_empty() && !resolution.document.authentication_verifying_keys().is_empty() =>
            {
                Err(AuthError::KeyKindOther)
            }
            Err(ResolveError::Deactivated) => Err(AuthError::IdentityDeactivated),
            Ok(_) | Err(_) => Err(AuthError::CallerUnknown),
        }
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
    Timestamp::from_seconds(identity.created_at.as_seconds()).to_string()
}

/// What is known about a DID.
struct Known {
    identity: Option<Identity>,
    /// What its key log says, here or in a mirror.
    state: Option<KeyState>,
    /// Who has witnessed the head.
    witnesses: Vec<Did>,
}

fn known_find(conn: &mut Conn, sealer: &Sealer, name: &Name) -> Result<Known, AuthError> {
    let identity = identity_find(conn, sealer, name)?;
    let state = match (&identity, name.key()) {
        (Some(identity), _) => identity.state.clone(),
        (None, Some(key)) => key_log::mirrored_find(conn, sealer, &key.did())?.map(|(_row, state)| state),
        (None, None) => None,
    };
    let head = state.as_ref().and_then(|state| state.head);
    let witnesses = match head {
        Some(head) => key_log::witnesses_of(conn, &head.to_string())?,
        None => Vec::new(),
    };
    Ok(Known {
        identity,
        state,
        witnesses,
    })
}

/// The document of a subject whose keys may be others than the one that its DID is.
fn document_of_keys(id: Did, first: &PublicKey, keys: &[PublicKey], services: Vec<Service>) -> DidDocument {
    // Other forms of the same DID are those of its first key, for ever.
    let mut document = DidDocument::for_key(id, first, services);
    if keys == [*first] {
        return document;
    }
    let template = document.verification_method.pop();
    let methods: Vec<VerificationMethod> = template.map_or_else(Vec::new, |template| {
        let of_key = |key: &PublicKey| VerificationMethod {
            id: format!("{}#{}", document.id, key.multikey()),
            public_key_multibase: Some(key.multikey()),
            ..template.clone()
        };
        keys.iter().map(of_key).collect()
    });
    let references: Vec<MethodReference> = methods
        .iter()
        .map(|method| MethodReference::Id(method.id.clone()))
        .collect();
    document.verification_method = methods;
    document.authentication.clone_from(&references);
    document.assertion_method = references;
    document
}

/// The version of the keys, as W3C DID Resolution names it, and what speaks for it.
fn metadata_with_log(mut metadata: Value, state: Option<&KeyState>, witnesses: &[Did]) -> Value {
    let (Value::Object(members), Some(state)) = (&mut metadata, state) else {
        return metadata;
    };
    if let Some(head) = state.head {
        let updated = Timestamp::from_millis(state.since.unwrap_or(state.at));
        members.insert("versionId".to_owned(), json!(head));
        members.insert(
            "updated".to_owned(),
            json!(Timestamp::from_seconds(updated.as_seconds())),
        );
    }
    members.insert("witnesses".to_owned(), json!(witnesses));
    members.insert("contested".to_owned(), json!(state.status == Status::Contested));
    metadata
}
