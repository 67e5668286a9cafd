use http::HeaderMap;
use imajin_did::{Did, SecretKey, Signature, Verify};
use imajin_fair::ManifestId;
use imajin_kernel::Timestamp;
use imajin_kernel::id::ReceiptId;
use imajin_proof::digest;
use imajin_proof::http_sig::{MessageParams, MessageSignature, MessageView};

use crate::headers::{self, CONTENT_DIGEST, Covered, RFC_SIGNATURE, RFC_SIGNATURE_INPUT, covered};
use crate::request::{covered_check, verify_any};
use crate::{DID, FAIR, LABEL, MjnError, RECEIPT, RequestBinding, SIGNATURE};

pub(crate) const STATUS_COVERED: Covered = covered("\"@status\"", "@status");
pub(crate) const DID_COVERED: Covered = covered("\"x-mjn-did\"", "x-mjn-did");
pub(crate) const FAIR_COVERED: Covered = covered("\"x-mjn-fair\"", "x-mjn-fair");
pub(crate) const RECEIPT_COVERED: Covered = covered("\"x-mjn-receipt\"", "x-mjn-receipt");
const DIGEST_COVERED: Covered = covered("\"content-digest\"", "content-digest");

/// An answer before it is signed.
#[derive(Debug, Clone, Copy)]
pub struct AnswerDraft<'a> {
    /// The status code.
    pub status: u16,
    /// The manifest that says who made the answer.
    pub fair: Option<&'a ManifestId>,
    /// The receipt for it.
    pub receipt: Option<ReceiptId>,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

/// Who answers, with which key, and when.
#[derive(Debug, Clone, Copy)]
pub struct AnswerSigner<'a> {
    /// Who answers.
    pub did: &'a Did,
    /// A key of theirs.
    pub key: &'a SecretKey,
    /// The time; the wire has whole seconds.
    pub now: Timestamp,
}

/// Signs an answer to the request that `binding` is of: the header fields to send with it.
///
/// # Errors
/// [`MjnError::Proof`] when a value holds characters that a header field cannot.
pub fn answer_sign(
    signer: &AnswerSigner<'_>,
    binding: &RequestBinding,
    draft: &AnswerDraft<'_>,
) -> Result<HeaderMap, MjnError> {
    let mut headers = HeaderMap::new();
    headers::set(&mut headers, CONTENT_DIGEST, &digest::content_digest(draft.body))?;
    let mut identifiers = vec![STATUS_COVERED.identifier, DIGEST_COVERED.identifier];
    attribute(&mut headers, &mut identifiers, signer.did, draft.fair, draft.receipt)?;
    finish(headers, identifiers, signer, binding, draft.status)
}

/// Writes who answers, the manifest and the receipt.
pub(crate) fn attribute(
    headers: &mut HeaderMap,
    identifiers: &mut Vec<&'static str>,
    did: &Did,
    fair: Option<&ManifestId>,
    receipt: Option<ReceiptId>,
) -> Result<(), MjnError> {
    headers::set(headers, DID, did.as_str())?;
    identifiers.push(DID_COVERED.identifier);
    if let Some(id) = fair {
        headers::set(headers, FAIR, id.as_str())?;
        identifiers.push(FAIR_COVERED.identifier);
    }
    if let Some(id) = receipt {
        headers::set(headers, RECEIPT, id.as_str())?;
        identifiers.push(RECEIPT_COVERED.identifier);
    }
    Ok(())
}

/// Signs what was written, and the request that it answers.
pub(crate) fn finish(
    mut headers: HeaderMap,
    mut identifiers: Vec<&'static str>,
    by: &AnswerSigner<'_>,
    binding: &RequestBinding,
    status: u16,
) -> Result<HeaderMap, MjnError> {
    identifiers.push(RequestBinding::COVERED.identifier);
    let params = MessageParams {
        label: LABEL,
        keyid: by.did.as_str(),
        created: by.now,
        expires: None,
        nonce: None,
        tag: Some(LABEL),
    };
    let request = binding.view();
    let message = MessageView::response(status, &headers, Some(&request));
    let signed = message.sign(by.key, &identifiers, &params)?;
    headers::set(&mut headers, RFC_SIGNATURE_INPUT, &signed.signature_input)?;
    headers::set(&mut headers, RFC_SIGNATURE, &signed.signature)?;
    headers::set(&mut headers, SIGNATURE, &headers::repeated(&signed.value))?;
    Ok(headers)
}

/// What the asker knows about an answer without its signature.
#[derive(Debug, Clone, Copy)]
pub struct AnswerExpectation<'a> {
    /// Who was asked.
    pub from: &'a Did,
    /// The current time, or the time when a stored answer arrived.
    pub now: Timestamp,
}

/// An answer whose signature fits one of the answerer's keys, the request, the status, the body and the time.
///
/// Only [`answer_verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedAnswer {
    /// Who answers, in the form to store and compare.
    pub did: Did,
    /// The manifest of the answer.
    pub fair: Option<ManifestId>,
    /// The receipt for it.
    pub receipt: Option<ReceiptId>,
    /// The text that was signed, to be kept as evidence.
    pub base: String,
    /// The signature over it.
    pub signature: Signature,
    /// SHA-256 of the body.
    pub body_digest: [u8; 32],
}

/// The part of an answer's header that whole and streamed ones share.
pub(crate) struct Head {
    pub(crate) did: Did,
    pub(crate) created: Timestamp,
    pub(crate) fair: Option<ManifestId>,
    pub(crate) receipt: Option<ReceiptId>,
    pub(crate) base: String,
    pub(crate) signature: MessageSignature,
}

/// Checks an answer that is read to its end.
///
/// # Errors
/// [`MjnError`]; the cheap checks come before the arithmetic.
pub fn answer_verify<K: Verify>(
    keys: &[K],
    binding: &RequestBinding,
    expect: &AnswerExpectation<'_>,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<VerifiedAnswer, MjnError> {
    let field = headers::required(headers, &CONTENT_DIGEST)?;
    let body_digest = digest::content_digest_verify(field, body)?;
    let head = head_verify(keys, binding, expect, status, headers, &[DIGEST_COVERED])?;
    Ok(VerifiedAnswer {
        did: head.did,
        fair: head.fair,
        receipt: head.receipt,
        base: head.base,
        signature: *head.signature.value(),
        body_digest,
    })
}

/// Checks the header of an answer, which must cover `also` besides what every answer covers.
pub(crate) fn head_verify<K: Verify>(
    keys: &[K],
    binding: &RequestBinding,
    expect: &AnswerExpectation<'_>,
    status: u16,
    headers: &HeaderMap,
    also: &[Covered],
) -> Result<Head, MjnError> {
    let did: Did = headers::parsed(headers, &DID)?;
    let did = did.canonical();
    if !did.is_equivalent(expect.from) {
        return Err(MjnError::OtherAnswerer);
    }
    let fair = headers::optional(headers, &FAIR)?;
    let fair: Option<ManifestId> = fair
        .map(|text| text.parse().map_err(|error| headers::invalid(&FAIR, &error)))
        .transpose()?;
    let receipt = headers::optional(headers, &RECEIPT)?;
    let receipt: Option<ReceiptId> = receipt
        .map(|text| text.parse().map_err(|error| headers::invalid(&RECEIPT, &error)))
        .transpose()?;
    let request = binding.view();
    let message = MessageView::response(status, headers, Some(&request));
    let signature = message.signature(LABEL)?;
    let always = [STATUS_COVERED, DID_COVERED, RequestBinding::COVERED];
    let attributed = [(fair.is_some(), FAIR_COVERED), (receipt.is_some(), RECEIPT_COVERED)];
    let attributed = attributed.iter().filter_map(|(is_there, one)| is_there.then_some(one));
    covered_check(&signature, always.iter().chain(also).chain(attributed))?;
    if signature.did()? != did {
        return Err(MjnError::OtherSigner);
    }
    if headers::required(headers, &SIGNATURE)? != headers::repeated(signature.value()) {
        return Err(MjnError::NotRepeated);
    }
    signature.check_fresh(expect.now)?;
    let base = verify_any(&signature, &message, keys)?;
    Ok(Head {
        created: signature.created().unwrap_or(expect.now),
        did,
        fair,
        receipt,
        base,
        signature,
    })
}
