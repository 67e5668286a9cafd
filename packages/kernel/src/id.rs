//! Identifiers: one list of kinds, one textual form.
//!
//! `evt_01jn8z…`: the kind's prefix, an underscore, and a UUID version 7 (RFC 9562) in 26 characters of Crockford's
//! base32 in lower case. The text sorts by creation time, and an identifier of one kind never parses as another.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use crate::Timestamp;

/// What an identifier names. Implemented only by the list at the end of this module.
pub trait Kind: Send + Sync + 'static {
    /// The text before the underscore.
    const PREFIX: &'static str;
}

/// An identifier of one kind.
#[cfg_attr(feature = "diesel", derive(diesel::AsExpression, diesel::FromSqlRow))]
#[cfg_attr(feature = "diesel", diesel(sql_type = diesel::sql_types::Text))]
pub struct Id<K: Kind> {
    uuid: Uuid,
    /// The text, kept beside the bits: databases, logs and JSON all want it, and it must be borrowed by a query.
    text: [u8; TEXT_LENGTH],
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Id<K> {
    /// A version 7 UUID of this moment; [`crate::Env::new_id`] is the usual way to get one.
    pub fn generate(now: Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        Self::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// Wraps a UUID that is known to be of this kind.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self {
            uuid,
            text: encode(K::PREFIX, uuid),
            kind: PhantomData,
        }
    }

    /// The text, `evt_01jn8z…`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// From the 16 bytes beneath the text.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self::from_uuid(Uuid::from_bytes(bytes))
    }

    /// The 16 bytes beneath the text.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.uuid.as_bytes()
    }
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const PREFIX_LENGTH: usize = 3;
const DIGITS: usize = 26;
const TEXT_LENGTH: usize = PREFIX_LENGTH + 1 + DIGITS;

fn encode(prefix: &str, uuid: Uuid) -> [u8; TEXT_LENGTH] {
    let mut text = [b'_'; TEXT_LENGTH];
    for (place, byte) in text.iter_mut().zip(prefix.bytes()) {
        *place = byte;
    }
    let mut bits = uuid.as_u128();
    for place in text.iter_mut().rev().take(DIGITS) {
        let digit = usize::try_from(bits & 31).unwrap_or(0);
        *place = ALPHABET.get(digit).copied().unwrap_or(b'0');
        bits >>= 5;
    }
    text
}

fn decode(text: &str) -> Option<Uuid> {
    if text.len() != DIGITS {
        return None;
    }
    let mut bits: u128 = 0;
    for byte in text.bytes() {
        let digit = ALPHABET.iter().position(|letter| *letter == byte)?;
        bits = bits.checked_mul(32)?.checked_add(u128::try_from(digit).ok()?)?;
    }
    Some(Uuid::from_u128(bits))
}

/// The text is no identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of the form {prefix}_… with 26 lower-case characters")]
pub struct IdError {
    prefix: &'static str,
}

impl<K: Kind> FromStr for Id<K> {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .and_then(decode)
            .map(Self::from_uuid)
            .ok_or(IdError { prefix: K::PREFIX })
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: Kind> Copy for Id<K> {}

impl<K: Kind> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}

impl<K: Kind> Eq for Id<K> {}

impl<K: Kind> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Kind> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uuid.cmp(&other.uuid)
    }
}

impl<K: Kind> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(feature = "diesel")]
mod sql {
    use diesel::backend::Backend;
    use diesel::deserialize::{self, FromSql};
    use diesel::serialize::{self, Output, ToSql};
    use diesel::sql_types::Text;

    use super::{Id, Kind};

    impl<K: Kind, DB: Backend> ToSql<Text, DB> for Id<K>
    where
        str: ToSql<Text, DB>,
    {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
            self.as_str().to_sql(out)
        }
    }

    impl<K: Kind, DB: Backend> FromSql<Text, DB> for Id<K>
    where
        String: FromSql<Text, DB>,
    {
        fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
            Ok(String::from_sql(bytes)?.parse()?)
        }
    }
}

macro_rules! id_kinds {
    ($($(#[$doc:meta])* $Marker:ident, $Alias:ident, $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub enum $Marker {}

        impl Kind for $Marker {
            const PREFIX: &'static str = $prefix;
        }

        const _: () = assert!($prefix.len() == PREFIX_LENGTH, "every prefix has three letters");

        #[doc = concat!("`", $prefix, "_…`")]
        pub type $Alias = Id<$Marker>;
    )*};
}

// Append only, in alphabetical order of the prefix: a prefix once used is never used for something else.
id_kinds! {
    /// An access of an agent to a site behind a gate, which is paid for.
    Access, AccessId, "acc";
    /// A login challenge of auth.
    Challenge, ChallengeId, "chl";
    /// A checkout of pay.
    Checkout, CheckoutId, "chk";
    /// A work of publisher that is read for money or for free.
    Content, ContentId, "cnt";
    /// A document that questions are answered from.
    Document, DocumentId, "doc";
    /// Money that somebody puts into an agent's account at a broker.
    Deposit, DepositId, "dep";
    /// What an agent has against a payment.
    Dispute, DisputeId, "dsp";
    /// An entry of the ledger.
    Entry, EntryId, "ent";
    /// An event that sells tickets.
    Event, EventId, "evt";
    /// A hold on money in the ledger.
    Hold, HoldId, "hld";
    /// An invitation to be connected with somebody.
    Invite, InviteId, "inv";
    /// A proof of a mailbox that is on its way.
    MailboxProof, MailboxProofId, "mbx";
    /// A message to somebody's mailbox about what has happened.
    Notice, NoticeId, "ntc";
    /// Somebody's consent to what an OpenID client may know.
    OidcGrant, OidcGrantId, "ogr";
    /// An OpenID client of auth.
    OidcClient, OidcClientId, "oic";
    /// An order at events: a hold on places, then tickets.
    Order, OrderId, "ord";
    /// A fact on its way to another service.
    OutboxItem, OutboxId, "obx";
    /// Money on its way to its owner, through a payment rail.
    Payout, PayoutId, "pyo";
    /// A message from a payment rail, as received.
    RailMessage, RailMessageId, "rlm";
    /// A named group of people.
    Pod, PodId, "pod";
    /// A question that is to be paid for.
    Question, QuestionId, "qst";
    /// What an answer would cost at most.
    Quote, QuoteId, "quo";
    /// A receipt of pay.
    Receipt, ReceiptId, "rcp";
    /// What a publisher has asked a broker to pay of a visa.
    Redemption, RedemptionId, "rdm";
    /// Money that one node sends to another for people who are at home there.
    Remittance, RemittanceId, "rmt";
    /// A request, for logs and problem documents.
    Request, RequestId, "req";
    /// Money that a seller sends back; its credit note has the same name.
    Refund, RefundId, "rfd";
    /// A session of auth.
    Session, SessionId, "ses";
    /// What somebody has signed about somebody else, in the trust graph.
    Statement, StatementId, "stm";
    /// A ticket.
    Ticket, TicketId, "tkt";
    /// A tier of an event.
    Tier, TierId, "tir";
    /// A use that was made of what somebody lets others know about them.
    Use, UseId, "use";
    /// A promise of a broker to pay for an agent.
    Visa, VisaId, "vis";
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_round_trips_and_sorts_like_the_bytes(a: u128, b: u128) {
            let (a, b) = (EventId::from_uuid(Uuid::from_u128(a)), EventId::from_uuid(Uuid::from_u128(b)));
            prop_assert_eq!(a.to_string().parse::<EventId>(), Ok(a));
            prop_assert_eq!(a.to_string().cmp(&b.to_string()), a.cmp(&b));
        }
    }

    #[test]
    fn one_kind_is_not_another() {
        let event = EventId::generate(Timestamp::from_seconds(1), [7; 10]);
        assert!(event.to_string().parse::<TierId>().is_err());
        assert!(event.to_string().to_uppercase().parse::<EventId>().is_err());
        assert!(
            "evt_zzzzzzzzzzzzzzzzzzzzzzzzzz".parse::<EventId>().is_err(),
            "more than 128 bits"
        );
    }
}
