use aws_lc_rs::digest::{Context, SHA256};
use http::HeaderMap;
use imajin_did::{Did, PublicKey, Verify};
use imajin_fair::Manifest;
use imajin_kernel::Timestamp;
use imajin_kernel::id::ReceiptId;
use imajin_proof::SignedMessage;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer::{AnswerExpectation, AnswerSigner, attribute, finish, head_verify};
use crate::{MjnError, RequestBinding};

/// The type of the signed message that ends a stream.
const KIND: &str = "answer";
/// The line with which the last event begins. Nothing else in a stream of events has it: data stands behind `data:`.
const MARK: &[u8] = b"event: mjn\n";
/// The most bytes of the last event: a manifest and a receipt.
const END_BYTES_MAX: usize = 1024 * 1024;

/// How a streamed answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamOutcome {
    /// It is all there, and settled.
    Complete,
    /// It could not be finished: nothing was captured, and the consent is void.
    Failed,
}

/// What the last event says besides the data.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamClose {
    /// How it ended.
    pub outcome: StreamOutcome,
    /// The manifest of the answer: whose passages it uses.
    pub fair: Option<Manifest>,
    /// The receipt, as its node signed it.
    pub receipt: Option<Value>,
}

/// What the signed message in the last event says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamEnd {
    /// The signature of the request that is answered, in base64.
    pub request: String,
    /// The status code.
    pub status: u16,
    /// How many bytes came before the last event.
    pub length: u64,
    /// Their SHA-256, in hex.
    pub sha256: String,
    /// How it ended.
    pub outcome: StreamOutcome,
    /// The manifest of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fair: Option<Manifest>,
    /// The receipt, as its node signed it: verify it as such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Value>,
}

impl StreamEnd {
    /// The receipt's own name in it.
    fn receipt_id(&self) -> Option<ReceiptId> {
        let id = self.receipt.as_ref()?.pointer("/payload/id")?.as_str()?;
        id.parse().ok()
    }
}

/// Signs the header of an answer whose body is not known yet.
///
/// # Errors
/// [`MjnError::Proof`] when a value holds characters that a header field cannot.
pub fn stream_sign(
    signer: &AnswerSigner<'_>,
    binding: &RequestBinding,
    status: u16,
    receipt: Option<ReceiptId>,
) -> Result<HeaderMap, MjnError> {
    let mut headers = HeaderMap::new();
    let mut identifiers = vec![crate::answer::STATUS_COVERED.identifier];
    attribute(&mut headers, &mut identifiers, signer.did, None, receipt)?;
    finish(headers, identifiers, signer, binding, status)
}

/// Counts and hashes what was sent.
struct Sent {
    context: Context,
    length: u64,
}

impl Sent {
    fn new() -> Self {
        Self {
            context: Context::new(&SHA256),
            length: 0,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.length = self
            .length
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    }

    fn sha256(&self) -> String {
        hex::encode(self.context.clone().finish().as_ref())
    }
}

/// The answering side of a stream of events: hashes what passes, and makes the last event.
pub struct StreamSigner {
    sent: Sent,
    /// How many line breaks the data ends with, at most two.
    breaks: u8,
    request: String,
    status: u16,
}

impl StreamSigner {
    /// For an answer with this status to the request that `binding` is of.
    pub fn new(binding: &RequestBinding, status: u16) -> Self {
        Self {
            sent: Sent::new(),
            breaks: 2,
            request: binding.as_str().to_owned(),
            status,
        }
    }

    /// Takes note of bytes that are sent.
    pub fn push(&mut self, bytes: &[u8]) {
        self.sent.push(bytes);
        for byte in bytes {
            self.breaks = if *byte == b'\n' {
                self.breaks.saturating_add(1).min(2)
            } else {
                0
            };
        }
    }

    /// The bytes that end the stream: what an event that was broken off lacks, and the last event.
    ///
    /// # Errors
    /// [`MjnError::Proof`] when the receipt has no canonical form.
    pub fn end(mut self, signer: &AnswerSigner<'_>, close: StreamClose) -> Result<Vec<u8>, MjnError> {
        let missing = usize::from(2_u8.saturating_sub(self.breaks));
        let mut bytes: Vec<u8> = b"\n\n".iter().copied().take(missing).collect();
        self.sent.push(&bytes);
        let end = StreamEnd {
            request: self.request,
            status: self.status,
            length: self.sent.length,
            sha256: self.sent.sha256(),
            outcome: close.outcome,
            fair: close.fair,
            receipt: close.receipt,
        };
        let message = SignedMessage::sign(signer.key, signer.did.clone(), KIND, None, signer.now, end)?;
        bytes.extend_from_slice(MARK);
        bytes.extend_from_slice(b"data: ");
        bytes.extend_from_slice(&message.canonical_bytes()?);
        bytes.extend_from_slice(b"\n\n");
        Ok(bytes)
    }
}

/// The verified header of a streamed answer. Nothing of the body is confirmed before [`StreamReader::finish`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamHead {
    /// Who answers.
    pub did: Did,
    /// When the header was signed.
    pub created: Timestamp,
    /// The receipt that is reserved for it.
    pub receipt: Option<ReceiptId>,
    /// The text that was signed.
    pub base: String,
    status: u16,
    request: String,
}

impl StreamHead {
    /// Checks the header of a streamed answer.
    ///
    /// # Errors
    /// [`MjnError`].
    pub fn verify<K: Verify>(
        keys: &[K],
        binding: &RequestBinding,
        expect: &AnswerExpectation<'_>,
        status: u16,
        headers: &HeaderMap,
    ) -> Result<Self, MjnError> {
        let head = head_verify(keys, binding, expect, status, headers, &[])?;
        Ok(Self {
            did: head.did,
            created: head.created,
            receipt: head.receipt,
            base: head.base,
            status,
            request: binding.as_str().to_owned(),
        })
    }

    /// Reads the body.
    pub fn reader(self) -> StreamReader {
        StreamReader {
            head: self,
            sent: Sent::new(),
            place: Place::Line(Vec::new()),
        }
    }
}

/// Where in the stream the reader is.
enum Place {
    /// At the beginning of a line, with what of [`MARK`] has come.
    Line(Vec<u8>),
    /// Within a line of data.
    Data,
    /// In the last event.
    End(Vec<u8>),
}

/// The asking side of a stream of events. It holds back no more than the beginning of a line, and the last event.
pub struct StreamReader {
    head: StreamHead,
    sent: Sent,
    place: Place,
}

impl StreamReader {
    /// Takes bytes as they arrive and gives those that are data. They may be shown while the stream runs, as what is
    /// not confirmed yet.
    ///
    /// # Errors
    /// [`MjnError::TooLarge`] when the last event is larger than any.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, MjnError> {
        let mut data = Vec::with_capacity(bytes.len());
        for byte in bytes {
            match &mut self.place {
                Place::End(end) if end.len() >= END_BYTES_MAX => {
                    return Err(MjnError::TooLarge("the last event of the stream"));
                }
                Place::End(end) => end.push(*byte),
                Place::Line(held) if MARK.get(held.len()) == Some(byte) => {
                    held.push(*byte);
                    if held.len() == MARK.len() {
                        self.place = Place::End(Vec::new());
                    }
                }
                Place::Line(held) => {
                    data.append(held);
                    data.push(*byte);
                    if *byte != b'\n' {
                        self.place = Place::Data;
                    }
                }
                Place::Data => {
                    data.push(*byte);
                    if *byte == b'\n' {
                        self.place = Place::Line(Vec::new());
                    }
                }
            }
        }
        self.sent.push(&data);
        Ok(data)
    }

    /// Checks the last event once everything has arrived.
    ///
    /// # Errors
    /// [`MjnError::Cut`] when it is missing or incomplete, [`MjnError::Altered`] with what differs, or
    /// [`MjnError::Proof`] when its signature is not by one of the keys.
    pub fn finish(self, keys: &[PublicKey]) -> Result<VerifiedStream, MjnError> {
        let Place::End(event) = &self.place else {
            return Err(MjnError::Cut);
        };
        let text = event
            .strip_prefix(b"data: ")
            .and_then(|rest| rest.strip_suffix(b"\n\n"));
        let text = text.ok_or(MjnError::Cut)?;
        if text.contains(&b'\n') {
            return Err(MjnError::Altered("what follows the last event"));
        }
        let message = SignedMessage::from_slice(text)?;
        message.verify_any(KIND, keys)?;
        if !message.from.is_equivalent(&self.head.did) {
            return Err(MjnError::OtherAnswerer);
        }
        let end: StreamEnd = message.payload_as()?;
        let reserved = match end.outcome {
            StreamOutcome::Complete => self.head.receipt,
            StreamOutcome::Failed => None,
        };
        let same = [
            (end.request == self.head.request, "the request"),
            (end.status == self.head.status, "the status"),
            (end.length == self.sent.length, "the length"),
            (end.sha256 == self.sent.sha256(), "the data"),
            (
                end.receipt_id() == reserved && end.receipt.is_some() == reserved.is_some(),
                "the receipt",
            ),
        ];
        if let Some((_, what)) = same.into_iter().find(|(is_same, _)| !is_same) {
            return Err(MjnError::Altered(what));
        }
        Ok(VerifiedStream {
            did: self.head.did,
            end,
            message,
        })
    }
}

/// A streamed answer that is whole and as it was signed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct VerifiedStream {
    /// Who answers.
    pub did: Did,
    /// What the last event says.
    pub end: StreamEnd,
    /// The signed message itself, to be kept as evidence.
    pub message: SignedMessage,
}
