//! `Signature-Input` and `Signature`: structured fields (RFC 9651) that name what is covered and hold the signature.

use imajin_did::{Did, KeyKind, Signature};
use imajin_kernel::Timestamp;
use sfv::{
    BareItem, DictSerializer, Dictionary, InnerList, Integer, ItemSerializer, KeyRef, ListEntry, ListSerializer,
    Parser, StringRef,
};

use super::component::Component;
use super::{COMPONENTS_MAX, FIELD_LENGTH_MAX, LABEL, LABELS_MAX, NONCE_LENGTH_MAX, algorithm_name};
use crate::ProofError;

const INPUT: &str = "Signature-Input";
const SIGNATURE: &str = "Signature";

/// What `Signature-Input` says about one signature.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) label: String,
    pub(super) components: Vec<Component>,
    /// The value of `@signature-params`.
    pub(super) params: String,
    pub(super) keyid: Option<String>,
    pub(super) created: Option<Timestamp>,
    pub(super) expires: Option<Timestamp>,
    pub(super) nonce: Option<String>,
    pub(super) algorithm: Option<KeyKind>,
    pub(super) tag: Option<String>,
}

pub(super) const fn header(field: &'static str, problem: &'static str) -> ProofError {
    ProofError::Header { field, problem }
}

impl Input {
    /// Reads the header field; of several signatures the one with our label counts. The others are not looked at: they
    /// may be of kinds that we do not know.
    pub(super) fn parse(text: &str) -> Result<Self, ProofError> {
        let dictionary = dictionary(text, INPUT)?;
        let (label, entry) = match (dictionary.get_key_value(LABEL), dictionary.first()) {
            (Some(ours), _) => ours,
            (None, Some(only)) if dictionary.len() == 1 => only,
            _ => return Err(header(INPUT, "it has several signatures and none is called sig1")),
        };
        Self::of_entry(label.as_str(), entry)
    }

    /// Reads the signature with this label.
    pub(super) fn parse_label(text: &str, label: &str) -> Result<Self, ProofError> {
        let dictionary = dictionary(text, INPUT)?;
        let entry = dictionary
            .get(label)
            .ok_or(header(INPUT, "it has no signature with this label"))?;
        Self::of_entry(label, entry)
    }

    /// The labels of all signatures.
    pub(super) fn labels(text: &str) -> Result<Vec<String>, ProofError> {
        let dictionary = dictionary(text, INPUT)?;
        Ok(dictionary.keys().map(|label| label.as_str().to_owned()).collect())
    }

    fn of_entry(label: &str, entry: &ListEntry) -> Result<Self, ProofError> {
        let ListEntry::InnerList(list) = entry else {
            return Err(header(INPUT, "the signature has no list of covered components"));
        };
        let nonce = string(list, "nonce")?;
        if nonce
            .as_ref()
            .is_some_and(|nonce| nonce.is_empty() || nonce.len() > NONCE_LENGTH_MAX)
        {
            return Err(header(INPUT, "the nonce must have 1 to 128 characters"));
        }
        Ok(Self {
            label: label.to_owned(),
            components: components(list)?,
            params: serialize_list(list),
            keyid: string(list, "keyid")?,
            created: integer(list, "created")?.map(Timestamp::from_seconds),
            expires: integer(list, "expires")?.map(Timestamp::from_seconds),
            nonce,
            algorithm: string(list, "alg")?.map(|name| algorithm_of(&name)).transpose()?,
            tag: string(list, "tag")?,
        })
    }

    /// Who signed, in the form to store and compare.
    pub(super) fn did(&self) -> Result<Did, ProofError> {
        let keyid = self
            .keyid
            .as_deref()
            .ok_or(header(INPUT, "the parameter keyid is missing"))?;
        let did: Did = keyid
            .parse()
            .or(Err(header(INPUT, "the keyid must be a DID, for example did:mjn:z6Mk…")))?;
        Ok(did.canonical())
    }

    /// When it was signed.
    pub(super) fn created(&self) -> Result<Timestamp, ProofError> {
        self.created.ok_or(header(INPUT, "the parameter created is missing"))
    }

    /// What makes it good only once.
    pub(super) fn nonce(&self) -> Result<&str, ProofError> {
        self.nonce
            .as_deref()
            .ok_or(header(INPUT, "the parameter nonce is missing"))
    }

    /// The signature of this input's label.
    pub(super) fn signature(&self, text: &str) -> Result<Signature, ProofError> {
        match dictionary(text, SIGNATURE)?.get(self.label.as_str()) {
            Some(ListEntry::Item(item)) if item.params.is_empty() => item
                .bare_item
                .as_byte_sequence()
                .and_then(Signature::from_slice)
                .ok_or(header(
                    SIGNATURE,
                    "a signature by ed25519 or ecdsa-p256-sha256 is a byte sequence of 64 bytes",
                )),
            _ => Err(header(
                SIGNATURE,
                "it has no signature with the label of Signature-Input",
            )),
        }
    }
}

fn algorithm_of(name: &str) -> Result<KeyKind, ProofError> {
    [KeyKind::Ed25519, KeyKind::P256]
        .into_iter()
        .find(|kind| algorithm_name(*kind) == name)
        .ok_or(ProofError::Algorithm)
}

/// Parses, and demands the one way in which RFC 9651 serializes the same value: what is stored and compared later must
/// not have two texts.
fn dictionary(text: &str, field: &'static str) -> Result<Dictionary, ProofError> {
    if text.len() > FIELD_LENGTH_MAX {
        return Err(ProofError::TooLong(field));
    }
    let dictionary: Dictionary = Parser::new(text)
        .parse()
        .or(Err(header(field, "it is not a dictionary of structured fields")))?;
    if dictionary.len() > LABELS_MAX {
        return Err(header(field, "it has more than 8 signatures"));
    }
    let mut serializer = DictSerializer::new();
    serializer.members(&dictionary);
    if serializer.finish().as_deref() == Some(text.trim_matches(' ')) {
        Ok(dictionary)
    } else {
        Err(header(field, "it is not written in the canonical form"))
    }
}

fn components(list: &InnerList) -> Result<Vec<Component>, ProofError> {
    if list.items.len() > COMPONENTS_MAX {
        return Err(header(INPUT, "it covers more than 32 components"));
    }
    let mut components = Vec::with_capacity(list.items.len());
    for item in &list.items {
        if item.bare_item.as_string().is_none() {
            return Err(header(INPUT, "a covered component is not a string"));
        }
        let component = Component::parse(item)?;
        if components.contains(&component) {
            return Err(header(INPUT, "a component is covered twice"));
        }
        components.push(component);
    }
    Ok(components)
}

fn parameter<'a>(list: &'a InnerList, name: &str) -> Option<&'a BareItem> {
    list.params.get(name)
}

fn string(list: &InnerList, name: &str) -> Result<Option<String>, ProofError> {
    parameter(list, name)
        .map(|value| value.as_string().map(|text| text.as_str().to_owned()))
        .map(|text| {
            text.ok_or(header(
                INPUT,
                "the parameters keyid, nonce, alg and tag must be strings",
            ))
        })
        .transpose()
}

fn integer(list: &InnerList, name: &str) -> Result<Option<i64>, ProofError> {
    parameter(list, name)
        .map(|value| value.as_integer().map(i64::from))
        .map(|number| number.ok_or(header(INPUT, "the parameters created and expires must be integers")))
        .transpose()
}

fn serialize_list(list: &InnerList) -> String {
    let mut serializer = ListSerializer::new();
    let mut inner = serializer.inner_list();
    inner.items(&list.items);
    let _params = inner.finish().parameters(&list.params);
    serializer.finish().unwrap_or_default()
}

/// What a signer of ours says about its signature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Statement<'a> {
    pub(super) label: &'a str,
    pub(super) keyid: &'a str,
    pub(super) created: Timestamp,
    pub(super) expires: Option<Timestamp>,
    pub(super) nonce: Option<&'a str>,
    pub(super) kind: KeyKind,
    pub(super) tag: Option<&'a str>,
}

/// The two texts that a signer needs: the value of `@signature-params` and the whole `Signature-Input`.
pub(super) fn write(components: &[Component], statement: &Statement<'_>) -> Result<(String, String), ProofError> {
    if statement
        .nonce
        .is_some_and(|nonce| nonce.is_empty() || nonce.len() > NONCE_LENGTH_MAX)
    {
        return Err(header(INPUT, "the nonce must have 1 to 128 characters"));
    }
    let created = statement.created.as_seconds();
    let created = Integer::try_from(created).or(Err(header(INPUT, "the time created is out of range")))?;
    let identifiers: Vec<&str> = components.iter().map(Component::identifier).collect();
    let mut params = format!(
        "({});created={created};keyid={}",
        identifiers.join(" "),
        quoted(statement.keyid, "the keyid")?
    );
    if let Some(expires) = statement.expires {
        let expires = Integer::try_from(expires.as_seconds());
        let expires = expires.or(Err(header(INPUT, "the time expires is out of range")))?;
        params.push_str(";expires=");
        params.push_str(&expires.to_string());
    }
    let texts = [
        ("nonce", statement.nonce, "the nonce"),
        ("alg", Some(algorithm_name(statement.kind)), "the algorithm"),
        ("tag", statement.tag, "the tag"),
    ];
    for (name, value, what) in texts {
        if let Some(value) = value {
            params.push(';');
            params.push_str(name);
            params.push('=');
            params.push_str(&quoted(value, what)?);
        }
    }
    let input = format!("{}={params}", statement.label);
    Ok((params, input))
}

fn quoted(value: &str, what: &'static str) -> Result<String, ProofError> {
    let text = StringRef::from_str(value).or(Err(ProofError::BadCharacters(what)))?;
    Ok(ItemSerializer::new().bare_item(text).finish())
}

/// The `Signature` header field.
pub(super) fn write_signature(label: &str, signature: &Signature) -> Result<String, ProofError> {
    let label = KeyRef::from_str(label).or(Err(header(SIGNATURE, "the label is not a structured-field key")))?;
    let mut dictionary = DictSerializer::new();
    let _params = dictionary.bare_item(label, signature.as_bytes().as_slice());
    Ok(dictionary.finish().unwrap_or_default())
}

/// The label of the signature in a `Signature` field that counts, as in [`Input::parse`].
pub(super) fn label_of(signature: &str) -> Result<String, ProofError> {
    let dictionary = dictionary(signature, SIGNATURE)?;
    match (dictionary.contains_key(LABEL), dictionary.first()) {
        (true, _) => Ok(LABEL.to_owned()),
        (false, Some((only, _entry))) if dictionary.len() == 1 => Ok(only.as_str().to_owned()),
        _ => Err(header(SIGNATURE, "it has several signatures and none is called sig1")),
    }
}
