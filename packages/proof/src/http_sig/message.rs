use std::fmt;

use http::HeaderMap;
use imajin_did::{Did, KeyKind, Signature, Verify};
use imajin_kernel::Timestamp;

use super::base::signature_base;
use super::component::{Component, Source};
use super::input::{self, Input, Statement, header};
use super::request::joined;
use super::verify::time_check;
use super::{FIELD_LENGTH_MAX, LABELS_MAX, Signer};
use crate::ProofError;

/// Any HTTP message, as a signature can cover it.
#[derive(Clone, Copy)]
pub struct MessageView<'a> {
    start: Start<'a>,
    headers: &'a HeaderMap,
}

#[derive(Clone, Copy)]
enum Start<'a> {
    Request {
        method: &'a str,
        target_uri: &'a str,
    },
    Response {
        status: u16,
        request: Option<&'a MessageView<'a>>,
    },
}

impl<'a> MessageView<'a> {
    /// A request; the URL is absolute.
    pub const fn request(method: &'a str, target_uri: &'a str, headers: &'a HeaderMap) -> Self {
        Self {
            start: Start::Request { method, target_uri },
            headers,
        }
    }

    /// A response, and the request that it answers where components of it are covered.
    pub const fn response(status: u16, headers: &'a HeaderMap, request: Option<&'a MessageView<'a>>) -> Self {
        Self {
            start: Start::Response { status, request },
            headers,
        }
    }

    /// All signatures of this message that can be read: of one that covers what we cannot compute, or by an algorithm
    /// that we do not know, the error says so, and the others still count.
    ///
    /// # Errors
    /// When the message is not signed, or the two header fields as such are not well-formed or too long.
    pub fn signatures(&self) -> Result<Vec<Result<MessageSignature, ProofError>>, ProofError> {
        let (input, signature) = self.fields()?;
        let mut signatures = Vec::with_capacity(LABELS_MAX);
        for label in Input::labels(&input)? {
            let one = Input::parse_label(&input, &label).and_then(|input| {
                let signature = input.signature(&signature)?;
                Ok(MessageSignature { input, signature })
            });
            signatures.push(one);
        }
        Ok(signatures)
    }

    /// The signature with this label, whatever others the message has.
    ///
    /// # Errors
    /// [`ProofError::Header`] when there is none, else as for [`MessageView::signatures`].
    pub fn signature(&self, label: &str) -> Result<MessageSignature, ProofError> {
        let (input, signature) = self.fields()?;
        let input = Input::parse_label(&input, label)?;
        let signature = input.signature(&signature)?;
        Ok(MessageSignature { input, signature })
    }

    /// Signs what the identifiers name of this message, for example `"@method"` or `"signature";req;key="sig1"`.
    ///
    /// # Errors
    /// [`ProofError`] when the message does not have a component, or a parameter holds characters that a header field
    /// cannot.
    pub fn sign(
        &self,
        key: &dyn Signer,
        covered: &[&str],
        params: &MessageParams<'_>,
    ) -> Result<SignatureFields, ProofError> {
        let components: Result<Vec<_>, _> = covered.iter().map(|text| Component::from_identifier(text)).collect();
        let components = components?;
        let statement = Statement {
            label: params.label,
            keyid: params.keyid,
            created: params.created,
            expires: params.expires,
            nonce: params.nonce,
            kind: key.kind(),
            tag: params.tag,
        };
        let (signature_params, signature_input) = input::write(&components, &statement)?;
        let base = signature_base(self, &components, &signature_params)?;
        let value = key.sign_bytes(base.as_bytes())?;
        Ok(SignatureFields {
            signature_input,
            signature: input::write_signature(params.label, &value)?,
            value,
            base,
        })
    }

    fn fields(&self) -> Result<(String, String), ProofError> {
        let field = |name| joined(self.headers, &http::HeaderName::from_static(name));
        let missing = |field| header(field, "it is missing, so the message is not signed");
        let input = field("signature-input")?.ok_or(missing("Signature-Input"))?;
        let signature = field("signature")?.ok_or(missing("Signature"))?;
        Ok((input, signature))
    }
}

/// What a signer says about a signature over any message (RFC 9421, section 2.3).
#[derive(Debug, Clone, Copy)]
pub struct MessageParams<'a> {
    /// The name of the signature in its message.
    pub label: &'a str,
    /// Which key signs, in whichever way the protocol names keys.
    pub keyid: &'a str,
    /// When; the wire has whole seconds.
    pub created: Timestamp,
    /// From when on it counts no more, where a protocol asks for it.
    pub expires: Option<Timestamp>,
    /// What makes it good only once, where a protocol asks for it.
    pub nonce: Option<&'a str>,
    /// What it is for.
    pub tag: Option<&'a str>,
}

/// The two header fields of a signature, as [`MessageView::sign`] makes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureFields {
    /// The value of `Signature-Input`.
    pub signature_input: String,
    /// The value of `Signature`.
    pub signature: String,
    /// The signature itself.
    pub value: Signature,
    /// The text that was signed.
    pub base: String,
}

impl Source for MessageView<'_> {
    fn method(&self) -> Option<&str> {
        match self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    fn target_uri(&self) -> Option<&str> {
        match self.start {
            Start::Request { target_uri, .. } if target_uri.len() <= FIELD_LENGTH_MAX => Some(target_uri),
            _ => None,
        }
    }

    fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    fn lines(&self, name: &str) -> Result<Vec<&str>, ProofError> {
        let lines = self.headers.get_all(name).iter();
        lines
            .map(|line| line.to_str().map(str::trim))
            .map(|line| line.or(Err(ProofError::BadCharacters("a header field"))))
            .collect()
    }

    fn request(&self) -> Option<&dyn Source> {
        match self.start {
            Start::Response {
                request: Some(request), ..
            } => Some(request),
            _ => None,
        }
    }
}

/// One signature of a message, read and not yet checked. Which components it must cover, how old it may be and whose
/// key it is, the protocol decides that uses it.
#[derive(Clone)]
pub struct MessageSignature {
    input: Input,
    signature: Signature,
}

impl MessageSignature {
    /// The name of the signature in its message.
    pub fn label(&self) -> &str {
        &self.input.label
    }

    /// The serialized identifiers of what is covered, for example `"@method"` or `"content-digest";req`.
    pub fn covered(&self) -> impl Iterator<Item = &str> {
        self.input.components.iter().map(Component::identifier)
    }

    /// Whether a component is covered, in whichever order its parameters stand.
    pub fn covers(&self, identifier: &str) -> bool {
        Component::from_identifier(identifier).is_ok_and(|component| self.input.components.contains(&component))
    }

    /// In how many ways a header field is covered: as a whole, or a member of it by its key.
    pub fn times_covered(&self, field: &str) -> usize {
        let components = self.input.components.iter();
        components.filter(|component| component.is_of(field)).count()
    }

    /// Whether it counts as made now: at most five minutes old and 30 seconds in the future, and not expired.
    ///
    /// # Errors
    /// [`ProofError::TooOld`], [`ProofError::FromTheFuture`], or [`ProofError::Header`] when it does not say.
    pub fn check_fresh(&self, now: Timestamp) -> Result<(), ProofError> {
        time_check(&self.input, now)
    }

    /// Who claims to have signed, in the form to store and compare.
    ///
    /// # Errors
    /// [`ProofError::Header`] when the parameter `keyid` is missing or no DID.
    pub fn did(&self) -> Result<Did, ProofError> {
        self.input.did()
    }

    /// The signature itself.
    pub const fn value(&self) -> &Signature {
        &self.signature
    }

    /// The parameter `keyid`.
    pub fn keyid(&self) -> Option<&str> {
        self.input.keyid.as_deref()
    }

    /// The parameter `created`.
    pub fn created(&self) -> Option<Timestamp> {
        self.input.created
    }

    /// The parameter `expires`.
    pub fn expires(&self) -> Option<Timestamp> {
        self.input.expires
    }

    /// The parameter `nonce`.
    pub fn nonce(&self) -> Option<&str> {
        self.input.nonce.as_deref()
    }

    /// The parameter `tag`.
    pub fn tag(&self) -> Option<&str> {
        self.input.tag.as_deref()
    }

    /// The parameter `alg`, where it is one of ours.
    pub fn algorithm(&self) -> Option<KeyKind> {
        self.input.algorithm
    }

    /// The text that is signed (RFC 9421, section 2.5).
    ///
    /// # Errors
    /// [`ProofError`] when the message does not have a covered component, or it cannot be computed.
    pub fn base(&self, message: &MessageView<'_>) -> Result<String, ProofError> {
        signature_base(message, &self.input.components, &self.input.params)
    }

    /// Checks the signature over the message by one key, and returns the text that was signed.
    ///
    /// # Errors
    /// [`ProofError::Algorithm`] when the signature names another algorithm than the key's,
    /// [`ProofError::BadSignature`] when it does not fit, and as for [`MessageSignature::base`].
    pub fn verify<K: Verify>(&self, message: &MessageView<'_>, key: &K) -> Result<String, ProofError> {
        if self.input.algorithm.is_some_and(|named| named != key.kind()) {
            return Err(ProofError::Algorithm);
        }
        let base = self.base(message)?;
        key.verify_signature(base.as_bytes(), &self.signature)?;
        Ok(base)
    }
}

impl fmt::Debug for MessageSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageSignature({}={})", self.input.label, self.input.params)
    }
}
