use data_encoding::BASE32_NOPAD;
use imajin_did::{Did, SecretKey, Signature};
use imajin_kernel::Timestamp;
use imajin_kernel::id::{EventId, ReceiptId, TicketId, TierId};
use imajin_money::Money;
use serde::{Deserialize, Serialize};

/// What a ticket says: the payload of a signed message of the type `ticket` from the event's DID to the holder's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketPayload {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The event.
    pub event_id: EventId,
    /// The kind of ticket.
    pub tier_id: TierId,
    /// The tier's name.
    pub tier: String,
    /// What was paid for this place.
    pub price: Money,
    /// When it was bought, in milliseconds since the Unix epoch.
    pub purchased_at: i64,
    /// Makes two tickets of one order different in more than their id.
    pub nonce: String,
    /// The holder, as in the envelope.
    pub to: Did,
    /// The receipt of the payment.
    pub receipt: ReceiptId,
}

/// What every QR text begins with: the format and its version.
pub const QR_PREFIX: &str = "IMJ1";

/// Signatures over codes cannot be mistaken for signatures over anything else.
const DOMAIN: &[u8] = b"imajin ticket code 1\0";

const FIELDS_LENGTH: usize = 16 + 8 + 8 + 4;
const CODE_LENGTH: usize = FIELDS_LENGTH + 64;

/// The short form of a ticket for a QR code: 100 bytes, checked offline with nothing but the event's DID.
///
/// `IMJ1` followed by upper-case base32 (RFC 4648, no padding) of: ticket id (16 bytes), the first 8 bytes of the
/// holder's public key, 8 bytes of the ticket's nonce, the time of purchase in seconds (4 bytes, big endian), and the
/// Ed25519 signature by the event's key over a domain prefix and the fields before it. All characters are in the QR
/// alphanumeric set, and the code fits version 8 at error correction level M.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketCode {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The first 8 bytes of the holder's key: a scanner can tell whether a shown identity fits.
    pub holder_prefix: [u8; 8],
    /// From the ticket's nonce.
    pub nonce: [u8; 8],
    /// When it was bought, to the second.
    pub purchased_at: Timestamp,
}

/// Why a ticket code is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TicketCodeError {
    /// The text is no ticket code.
    #[error("this is not a ticket code: it must start with {QR_PREFIX} and hold {CODE_LENGTH} bytes in base32")]
    Malformed,
    /// The event's DID does not name a key.
    #[error("the event's DID does not contain a public key")]
    NoKey,
    /// Another key signed it, or it was changed.
    #[error("the code was not signed by this event")]
    BadSignature,
}

impl TicketCode {
    /// The code of an issued ticket. A holder without a key of their own has an all-zero prefix.
    pub fn of(payload: &TicketPayload) -> Self {
        let key = payload.to.public_key().map(|key| *key.as_bytes());
        let holder_prefix = key
            .and_then(|bytes| bytes.first_chunk::<8>().copied())
            .unwrap_or_default();
        let nonce = hex::decode(&payload.nonce)
            .ok()
            .and_then(|bytes| bytes.first_chunk::<8>().copied());
        Self {
            ticket_id: payload.ticket_id,
            holder_prefix,
            nonce: nonce.unwrap_or_default(),
            purchased_at: Timestamp::from_seconds(Timestamp::from_millis(payload.purchased_at).as_seconds()),
        }
    }

    fn fields(&self) -> Vec<u8> {
        let seconds = u32::try_from(self.purchased_at.as_seconds()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(CODE_LENGTH);
        bytes.extend_from_slice(self.ticket_id.as_bytes());
        bytes.extend_from_slice(&self.holder_prefix);
        bytes.extend_from_slice(&self.nonce);
        bytes.extend_from_slice(&seconds.to_be_bytes());
        bytes
    }

    /// Signs the code with the event's key and writes it as QR text.
    pub fn sign(&self, event_key: &SecretKey) -> String {
        let mut bytes = self.fields();
        let signature = event_key.sign(&[DOMAIN, &bytes].concat());
        bytes.extend_from_slice(&signature.to_bytes());
        format!("{QR_PREFIX}{}", BASE32_NOPAD.encode(&bytes))
    }

    /// Reads QR text and checks it against the event's DID. Scanners may have changed the case or added white space.
    pub fn verify(text: &str, event: &Did) -> Result<Self, TicketCodeError> {
        let text: String = text.split_whitespace().collect::<String>().to_ascii_uppercase();
        let encoded = text.strip_prefix(QR_PREFIX).ok_or(TicketCodeError::Malformed)?;
        let bytes = BASE32_NOPAD
            .decode(encoded.as_bytes())
            .or(Err(TicketCodeError::Malformed))?;
        let (fields, signature) = bytes
            .split_at_checked(FIELDS_LENGTH)
            .ok_or(TicketCodeError::Malformed)?;
        let signature: [u8; 64] = signature.try_into().or(Err(TicketCodeError::Malformed))?;
        let key = event.public_key().ok_or(TicketCodeError::NoKey)?;
        key.verify(&[DOMAIN, fields].concat(), &Signature::from_bytes(signature))
            .or(Err(TicketCodeError::BadSignature))?;
        Self::from_fields(fields).ok_or(TicketCodeError::Malformed)
    }

    fn from_fields(fields: &[u8]) -> Option<Self> {
        let (id, rest) = fields.split_first_chunk::<16>()?;
        let (holder_prefix, rest) = rest.split_first_chunk::<8>()?;
        let (nonce, rest) = rest.split_first_chunk::<8>()?;
        let (seconds, _) = rest.split_first_chunk::<4>()?;
        Some(Self {
            ticket_id: TicketId::from_bytes(*id),
            holder_prefix: *holder_prefix,
            nonce: *nonce,
            purchased_at: Timestamp::from_seconds(i64::from(u32::from_be_bytes(*seconds))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> TicketCode {
        TicketCode {
            ticket_id: TicketId::from_bytes([7; 16]),
            holder_prefix: [1; 8],
            nonce: [2; 8],
            purchased_at: Timestamp::from_seconds(1_772_323_200),
        }
    }

    #[test]
    fn a_code_is_checked_with_the_events_did_alone() {
        let key = SecretKey::from_seed([9; 32]);
        let text = code().sign(&key);
        assert!(text.len() <= 221, "fits QR version 8 at level M: {}", text.len());
        assert!(
            text.bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        );
        assert_eq!(TicketCode::verify(&text, &key.did()), Ok(code()));
        assert_eq!(
            TicketCode::verify(&format!(" {} \n", text.to_lowercase()), &key.did()),
            Ok(code())
        );
    }

    #[test]
    fn a_changed_or_foreign_code_is_refused() {
        let key = SecretKey::from_seed([9; 32]);
        let text = code().sign(&key);
        let other = SecretKey::from_seed([8; 32]).did();
        assert_eq!(TicketCode::verify(&text, &other), Err(TicketCodeError::BadSignature));
        for place in QR_PREFIX.len()..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(
                TicketCode::verify(&changed, &key.did()).is_err(),
                "a change at {place} went unseen"
            );
        }
        assert_eq!(TicketCode::verify("IMJ1", &key.did()), Err(TicketCodeError::Malformed));
        assert_eq!(TicketCode::verify("HELLO", &key.did()), Err(TicketCodeError::Malformed));
    }
}
