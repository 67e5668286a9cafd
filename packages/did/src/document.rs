use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::{Did, Method, PublicKey, VerifyingKey};

const DID_CONTEXT: &str = "https://www.w3.org/ns/did/v1";
const MULTIKEY_CONTEXT: &str = "https://w3id.org/security/multikey/v1";
const MULTIKEY: &str = "Multikey";

/// A DID document (W3C DID Core 1.0, section 5): the keys that act for a DID and where it is served.
///
/// Members that we do not know survive a round trip, because the documents of others pass through here too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DidDocument {
    /// What the terms mean to a JSON-LD reader.
    #[serde(rename = "@context", default, deserialize_with = "one_or_many")]
    pub context: Vec<Value>,
    /// Whom the document is about.
    pub id: Did,
    /// Other names of the same subject, as its owner claims; other methods than ours may be among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_known_as: Vec<String>,
    /// The keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verification_method: Vec<VerificationMethod>,
    /// Which keys may log in and sign requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authentication: Vec<MethodReference>,
    /// Which keys may sign documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assertion_method: Vec<MethodReference>,
    /// Where the subject is served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service: Vec<Service>,
    /// Members that we do not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One key of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerificationMethod {
    /// The DID, `#` and a name for the key.
    pub id: String,
    /// What kind of key; ours are `Multikey`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who may use the key.
    pub controller: String,
    /// The key of a `Multikey`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key_multibase: Option<String>,
    /// Members of other kinds of key.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A key that a relationship names, or holds itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MethodReference {
    /// The id of one of the document's keys; `#name` is relative to the document.
    Id(String),
    /// A key for this relationship alone.
    Embedded(VerificationMethod),
}

/// A place where the subject is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// The DID, `#` and a name for the service; `#name` alone becomes absolute in [`DidDocument::for_key`].
    pub id: String,
    /// What kind of service, for example `MJNNode`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it is: a URL, or what the kind of service defines.
    pub service_endpoint: Value,
    /// Members that we do not know.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Service {
    /// A service at a URL; `name` becomes the fragment of its id.
    pub fn new(name: &str, kind: &str, url: &str) -> Self {
        Self {
            id: format!("#{name}"),
            kind: kind.to_owned(),
            service_endpoint: Value::String(url.to_owned()),
            extra: Map::new(),
        }
    }
}

impl DidDocument {
    /// The document of a subject with one key.
    ///
    /// A did:email names a mailbox and must not be published: its document is about the did:mjn of `key` instead.
    pub fn for_key(did: Did, key: &PublicKey, services: Vec<Service>) -> Self {
        let id = if did.method() == Method::Email {
            Did::from_key(key)
        } else {
            did
        };
        let native = Did::from_key(key);
        let also_known_as = std::iter::once(native.clone())
            .chain(native.also_known_as())
            .filter(|name| *name != id);
        Self {
            also_known_as: also_known_as.map(|name| name.to_string()).collect(),
            ..Self::with_multikey(id.clone(), &key.multikey(), services)
        }
    }

    /// One key, for every use, and no other names.
    pub(crate) fn with_multikey(id: Did, multikey: &str, services: Vec<Service>) -> Self {
        let key_id = format!("{id}#{multikey}");
        Self {
            context: vec![DID_CONTEXT.into(), MULTIKEY_CONTEXT.into()],
            also_known_as: Vec::new(),
            verification_method: vec![VerificationMethod {
                id: key_id.clone(),
                kind: MULTIKEY.to_owned(),
                controller: id.to_string(),
                public_key_multibase: Some(multikey.to_owned()),
                extra: Map::new(),
            }],
            authentication: vec![MethodReference::Id(key_id.clone())],
            assertion_method: vec![MethodReference::Id(key_id)],
            service: services.into_iter().map(|service| absolute(&id, service)).collect(),
            extra: Map::new(),
            id,
        }
    }

    /// Adds another name of the subject; a did:email is left out, because a document is public.
    #[must_use]
    pub fn with_alias(mut self, alias: &Did) -> Self {
        if alias.method() != Method::Email && *alias != self.id {
            let alias = alias.to_string();
            if !self.also_known_as.contains(&alias) {
                self.also_known_as.push(alias);
            }
        }
        self
    }

    /// The Ed25519 keys that may log in and sign requests for the subject.
    pub fn authentication_keys(&self) -> Vec<PublicKey> {
        ed25519_only(&self.keys_of(&self.authentication))
    }

    /// The Ed25519 keys that may sign documents for the subject.
    pub fn assertion_keys(&self) -> Vec<PublicKey> {
        ed25519_only(&self.keys_of(&self.assertion_method))
    }

    pub(crate) fn is_same_id(&self, one: &str, other: &str) -> bool {
        let fragment = |id: &str| match id.split_once('#') {
            Some(("", fragment)) => Some(fragment.to_owned()),
            Some((did, fragment)) if did == self.id.as_str() => Some(fragment.to_owned()),
            _ => None,
        };
        fragment(one).is_some_and(|name| Some(name) == fragment(other))
    }
}

fn ed25519_only(keys: &[VerifyingKey]) -> Vec<PublicKey> {
    keys.iter().filter_map(VerifyingKey::as_ed25519).copied().collect()
}

fn absolute(id: &Did, mut service: Service) -> Service {
    if service.id.starts_with('#') {
        service.id.insert_str(0, id.as_str());
    }
    service
}

/// DID Core lets `@context` be one value or a list.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Value>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Array(many) => many,
        one => vec![one],
    })
}
