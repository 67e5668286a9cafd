use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use imajin_consent::{Declaration, VerifiedDeclaration};
use imajin_did::{Did, SecretKey, Signature, Verify};
use imajin_kernel::Timestamp;
use imajin_proof::http_sig::{MessageParams, MessageSignature, MessageView, NONCE_KEPT_FOR, SignatureParams};
use imajin_proof::{ProofError, digest, jcs};

use crate::headers::{self, CONTENT_DIGEST, Covered, IDEMPOTENCY_KEY, RFC_SIGNATURE, RFC_SIGNATURE_INPUT, covered};
use crate::{CONSENT, DID, LABEL, MjnError, RequestBinding, SETTLEMENT, SIGNATURE, SettlementInstruction, TIMESTAMP};

/// What the signature of a request covers, in the order in which ours writes it.
const COVERED: [Covered; 7] = [
    covered("\"@method\"", "@method"),
    covered("\"@target-uri\"", "@target-uri"),
    covered("\"content-digest\"", "content-digest"),
    covered("\"x-mjn-did\"", "x-mjn-did"),
    covered("\"x-mjn-consent\"", "x-mjn-consent"),
    covered("\"x-mjn-settlement\"", "x-mjn-settlement"),
    covered("\"x-mjn-timestamp\"", "x-mjn-timestamp"),
];
/// And this, where it is sent: else somebody could make one exchange two.
const COVERED_KEY: Covered = covered("\"idempotency-key\"", "idempotency-key");

/// A request for something of value, before it is signed.
#[derive(Debug, Clone, Copy)]
pub struct RequestDraft<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The absolute URL that will be called, with its query.
    pub target_uri: &'a str,
    /// The `Idempotency-Key`: asked again with the same one, the same is answered and nothing is charged.
    pub idempotency_key: Option<&'a str>,
    /// The asker's consent.
    pub consent: &'a Declaration,
    /// What is paid.
    pub settlement: &'a SettlementInstruction,
    /// The body, byte for byte; may be empty.
    pub body: &'a [u8],
}

/// Signs a request: the header fields to send with it, and what an answer must be bound to.
///
/// # Errors
/// [`MjnError::ConsentOfAnother`] when the consent is not by the signer, [`MjnError::Proof`] when a value holds
/// characters that a header field cannot.
pub fn request_sign(
    key: &SecretKey,
    draft: &RequestDraft<'_>,
    params: &SignatureParams,
) -> Result<(HeaderMap, RequestBinding), MjnError> {
    if !draft.consent.consumer().is_equivalent(&params.keyid) {
        return Err(MjnError::ConsentOfAnother);
    }
    let json = |value: Result<Vec<u8>, jcs::JcsError>| value.map(|bytes| STANDARD.encode(bytes));
    let consent = STANDARD.encode(draft.consent.canonical_bytes()?);
    let settlement = json(jcs::to_bytes(draft.settlement)).map_err(ProofError::from)?;
    let second = Timestamp::from_seconds(params.created.as_seconds()).to_string();
    let mut headers = HeaderMap::new();
    headers::set(&mut headers, DID, params.keyid.as_str())?;
    headers::set(&mut headers, CONSENT, &consent)?;
    headers::set(&mut headers, SETTLEMENT, &settlement)?;
    headers::set(&mut headers, TIMESTAMP, &second)?;
    headers::set(&mut headers, CONTENT_DIGEST, &digest::content_digest(draft.body))?;
    let mut identifiers = COVERED.map(|one| one.identifier).to_vec();
    if let Some(text) = draft.idempotency_key {
        headers::set(&mut headers, IDEMPOTENCY_KEY, text.trim())?;
        identifiers.push(COVERED_KEY.identifier);
    }
    let signing = MessageParams {
        label: LABEL,
        keyid: params.keyid.as_str(),
        created: params.created,
        expires: None,
        nonce: Some(&params.nonce),
        tag: Some(LABEL),
    };
    let signed = MessageView::request(draft.method, draft.target_uri, &headers).sign(key, &identifiers, &signing)?;
    headers::set(&mut headers, RFC_SIGNATURE_INPUT, &signed.signature_input)?;
    headers::set(&mut headers, RFC_SIGNATURE, &signed.signature)?;
    headers::set(&mut headers, SIGNATURE, &headers::repeated(&signed.value))?;
    let binding = RequestBinding::of_signature(&signed.value)?;
    Ok((headers, binding))
}

/// A request that has arrived, read and not yet checked.
#[derive(Clone)]
pub struct MjnRequest<'a> {
    message: MessageView<'a>,
    headers: &'a HeaderMap,
    body: &'a [u8],
    did: Did,
    created: Timestamp,
    nonce: String,
    consent: Declaration,
    settlement: SettlementInstruction,
    signature: MessageSignature,
}

impl<'a> MjnRequest<'a> {
    /// Reads the headers of a request that was made with `method` to `target_uri`, as the receiver knows them from its
    /// own configuration and never from a header.
    ///
    /// # Errors
    /// [`MjnError`] with the header that is missing or wrong.
    pub fn read(
        method: &'a str,
        target_uri: &'a str,
        headers: &'a HeaderMap,
        body: &'a [u8],
    ) -> Result<Self, MjnError> {
        let did: Did = headers::parsed(headers, &DID)?;
        let did = did.canonical();
        let timestamp: Timestamp = headers::parsed(headers, &TIMESTAMP)?;
        let consent = Declaration::parse(&headers::decoded(headers, &CONSENT)?)?;
        let settlement = headers::decoded(headers, &SETTLEMENT)?;
        let settlement: SettlementInstruction =
            jcs::from_slice(&settlement).map_err(|error| headers::invalid(&SETTLEMENT, &error))?;
        let repeated = headers::required(headers, &SIGNATURE)?;
        headers::required(headers, &CONTENT_DIGEST)?;
        let has_key = headers::optional(headers, &IDEMPOTENCY_KEY)?.is_some();
        let message = MessageView::request(method, target_uri, headers);
        let signature = message.signature(LABEL)?;
        covered_check(&signature, COVERED.iter().chain(has_key.then_some(&COVERED_KEY)))?;
        let missing = |problem| ProofError::Header {
            field: "Signature-Input",
            problem,
        };
        let created = signature.created().ok_or(missing("the parameter created is missing"))?;
        let nonce = signature.nonce().ok_or(missing("the parameter nonce is missing"))?;
        if signature.did()? != did {
            return Err(MjnError::OtherSigner);
        }
        if timestamp != created {
            return Err(MjnError::OtherTime);
        }
        if repeated != headers::repeated(signature.value()) {
            return Err(MjnError::NotRepeated);
        }
        if consent.consumer().canonical() != did {
            return Err(MjnError::ConsentOfAnother);
        }
        Ok(Self {
            nonce: nonce.to_owned(),
            message,
            headers,
            body,
            did,
            created,
            consent,
            settlement,
            signature,
        })
    }

    /// Who claims to ask, in the form to store and compare: for finding the keys.
    pub const fn did(&self) -> &Did {
        &self.did
    }

    /// Checks the request and the consent in it against the asker's current keys and the time.
    ///
    /// # Errors
    /// [`MjnError`]; the cheap checks come before the arithmetic.
    pub fn verify<K: Verify>(self, keys: &[K], now: Timestamp) -> Result<VerifiedMjnRequest, MjnError> {
        self.signature.check_fresh(now)?;
        let field = headers::required(self.headers, &CONTENT_DIGEST)?;
        let body_digest = digest::content_digest_verify(field, self.body)?;
        let base = verify_any(&self.signature, &self.message, keys)?;
        let consent = self.consent.verify(keys, now)?;
        Ok(VerifiedMjnRequest {
            binding: RequestBinding::of_signature(self.signature.value())?,
            idempotency_key: headers::optional(self.headers, &IDEMPOTENCY_KEY)?.map(str::to_owned),
            signature: *self.signature.value(),
            did: self.did,
            created: self.created,
            nonce: self.nonce,
            consent,
            settlement: self.settlement,
            base,
            body_digest,
        })
    }
}

/// A request whose signature and consent fit the asker's keys, the URL, the body and the time.
///
/// Only [`MjnRequest::verify`] makes one. Neither its nonce nor that of its consent is spent yet: both are, once, with
/// what the request sets in motion.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VerifiedMjnRequest {
    /// Who asks, in the form to store and compare.
    pub did: Did,
    /// When it was signed.
    pub created: Timestamp,
    /// What makes it good only once.
    pub nonce: String,
    /// What was consented to.
    pub consent: VerifiedDeclaration,
    /// What is paid.
    pub settlement: SettlementInstruction,
    /// The `Idempotency-Key`, if there is one.
    pub idempotency_key: Option<String>,
    /// What the answer is bound to.
    pub binding: RequestBinding,
    /// The text that was signed, to be kept as evidence.
    pub base: String,
    /// The signature over it.
    pub signature: Signature,
    /// SHA-256 of the body.
    pub body_digest: [u8; 32],
}

impl VerifiedMjnRequest {
    /// Until when the request's own nonce must be remembered.
    pub fn nonce_kept_until(&self) -> Timestamp {
        self.created.plus(NONCE_KEPT_FOR)
    }
}

/// The tag, and everything that must be covered.
pub(crate) fn covered_check<'c>(
    signature: &MessageSignature,
    mut required: impl Iterator<Item = &'c Covered>,
) -> Result<(), MjnError> {
    if signature.tag() != Some(LABEL) {
        return Err(ProofError::WrongTag.into());
    }
    match required.find(|one| !signature.covers(one.identifier)) {
        Some(missing) => Err(MjnError::NotCovered(missing.name)),
        None => Ok(()),
    }
}

/// The text that one of the keys has signed.
pub(crate) fn verify_any<K: Verify>(
    signature: &MessageSignature,
    message: &MessageView<'_>,
    keys: &[K],
) -> Result<String, MjnError> {
    let mut failure = ProofError::NoKey;
    for key in keys {
        match signature.verify(message, key) {
            Ok(base) => return Ok(base),
            Err(error) => failure = error,
        }
    }
    Err(failure.into())
}
