//! `Signature-Input` and `Signature`: structured fields (RFC 9651) that name what is covered and hold the signature.

use imajin_did::{Did, Signature};
use imajin_kernel::Timestamp;
use sfv::{
    BareItem, DictSerializer, Dictionary, InnerList, InnerListSerializer, Integer, KeyRef, ListEntry, ListSerializer,
    Parser, StringRef,
};

use super::base::Component;
use super::{ALGORITHM, LABEL, NONCE_LENGTH_MAX, SignatureParams};
use crate::ProofError;

const INPUT: &str = "Signature-Input";
const SIGNATURE: &str = "Signature";

/// What `Signature-Input` says about one signature.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) components: Vec<Component>,
    /// The value of `@signature-params`.
    pub(super) params: String,
    pub(super) keyid: Did,
    pub(super) created: Timestamp,
    pub(super) expires: Option<Timestamp>,
    pub(super) nonce: String,
    pub(super) tag: Option<String>,
    label: String,
}

const fn header(field: &'static str, problem: &'static str) -> ProofError {
    ProofError::Header { field, problem }
}

impl Input {
    /// Reads the header field; of several signatures the one with our label counts.
    pub(super) fn parse(text: &str) -> Result<Self, ProofError> {
        let dictionary = dictionary(text, INPUT)?;
        let (label, entry) = match (dictionary.get_key_value(LABEL), dictionary.first()) {
            (Some(ours), _) => ours,
            (None, Some(only)) if dictionary.len() == 1 => only,
            _ => return Err(header(INPUT, "it has several signatures and none is called sig1")),
        };
        let ListEntry::InnerList(list) = entry else {
            return Err(header(INPUT, "the signature has no list of covered components"));
        };
        let created = integer(list, "created")?.ok_or(header(INPUT, "the parameter created is missing"))?;
        let keyid = string(list, "keyid")?.ok_or(header(INPUT, "the parameter keyid is missing"))?;
        let nonce = string(list, "nonce")?.ok_or(header(INPUT, "the parameter nonce is missing"))?;
        if nonce.is_empty() || nonce.len() > NONCE_LENGTH_MAX {
            return Err(header(INPUT, "the nonce must have 1 to 128 characters"));
        }
        if string(list, "alg")?.is_some_and(|algorithm| algorithm != ALGORITHM) {
            return Err(header(INPUT, "the algorithm must be ed25519"));
        }
        let keyid: Did = keyid
            .parse()
            .or(Err(header(INPUT, "the keyid must be a DID, for example did:mjn:z6Mk…")))?;
        Ok(Self {
            components: components(list)?,
            params: serialize_list(list),
            keyid: keyid.canonical(),
            created: Timestamp::from_seconds(created),
            expires: integer(list, "expires")?.map(Timestamp::from_seconds),
            nonce,
            tag: string(list, "tag")?,
            label: label.as_str().to_owned(),
        })
    }

    /// The signature of this input's label.
    pub(super) fn signature(&self, text: &str) -> Result<Signature, ProofError> {
        match dictionary(text, SIGNATURE)?.get(self.label.as_str()) {
            Some(ListEntry::Item(item)) if item.params.is_empty() => item
                .bare_item
                .as_byte_sequence()
                .and_then(Signature::from_slice)
                .ok_or(header(SIGNATURE, "an Ed25519 signature is a byte sequence of 64 bytes")),
            _ => Err(header(
                SIGNATURE,
                "it has no signature with the label of Signature-Input",
            )),
        }
    }
}

/// Parses, and demands the one way in which RFC 9651 serializes the same value: what is stored and compared later must
/// not have two texts.
fn dictionary(text: &str, field: &'static str) -> Result<Dictionary, ProofError> {
    let dictionary: Dictionary = Parser::new(text)
        .parse()
        .or(Err(header(field, "it is not a dictionary of structured fields")))?;
    let mut serializer = DictSerializer::new();
    serializer.members(&dictionary);
    if serializer.finish().as_deref() == Some(text.trim_matches(' ')) {
        Ok(dictionary)
    } else {
        Err(header(field, "it is not written in the canonical form"))
    }
}

fn components(list: &InnerList) -> Result<Vec<Component>, ProofError> {
    let mut components = Vec::with_capacity(list.items.len());
    for item in &list.items {
        let name = item
            .bare_item
            .as_string()
            .ok_or(header(INPUT, "a covered component is not a string"))?;
        // Parameters such as `sf`, `req` or `tr` change the value; we compute none of those.
        let component = Component::from_name(name.as_str()).filter(|_| item.params.is_empty());
        let component = component.ok_or(ProofError::UnknownComponent)?;
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

/// The two texts that a signer needs: the value of `@signature-params` and the whole `Signature-Input`.
pub(super) fn write(components: &[Component], params: &SignatureParams) -> Result<(String, String), ProofError> {
    if params.nonce.is_empty() || params.nonce.len() > NONCE_LENGTH_MAX {
        return Err(header(INPUT, "the nonce must have 1 to 128 characters"));
    }
    let mut list = ListSerializer::new();
    write_list(list.inner_list(), components, params)?;
    let mut dictionary = DictSerializer::new();
    write_list(dictionary.inner_list(label()?), components, params)?;
    Ok((
        list.finish().unwrap_or_default(),
        dictionary.finish().unwrap_or_default(),
    ))
}

/// The `Signature` header field.
pub(super) fn write_signature(signature: &Signature) -> Result<String, ProofError> {
    let mut dictionary = DictSerializer::new();
    let _params = dictionary.bare_item(label()?, signature.as_bytes().as_slice());
    Ok(dictionary.finish().unwrap_or_default())
}

fn label() -> Result<&'static KeyRef, ProofError> {
    key(LABEL)
}

fn key(name: &'static str) -> Result<&'static KeyRef, ProofError> {
    KeyRef::from_str(name).or(Err(header(INPUT, "a name is not a structured-field key")))
}

fn text<'a>(value: &'a str, name: &'static str) -> Result<&'a StringRef, ProofError> {
    StringRef::from_str(value).or(Err(ProofError::BadCharacters(name)))
}

fn write_list(
    mut list: InnerListSerializer<'_>,
    components: &[Component],
    params: &SignatureParams,
) -> Result<(), ProofError> {
    for component in components {
        let _params = list.bare_item(text(component.name(), "a component")?);
    }
    let created =
        Integer::try_from(params.created.as_seconds()).or(Err(header(INPUT, "the time created is out of range")))?;
    let mut written = list
        .finish()
        .parameter(key("created")?, created)
        .parameter(key("keyid")?, text(params.keyid.as_str(), "the keyid")?)
        .parameter(key("nonce")?, text(&params.nonce, "the nonce")?)
        .parameter(key("alg")?, text(ALGORITHM, "the algorithm")?);
    if let Some(tag) = &params.tag {
        written = written.parameter(key("tag")?, text(tag, "the tag")?);
    }
    let _buffer = written.finish();
    Ok(())
}
