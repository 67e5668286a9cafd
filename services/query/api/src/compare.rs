//! What a node says it has told somebody, against what they say themselves.

use std::collections::BTreeMap;

use imajin_did::Did;
use imajin_kernel::id::UseId;
use imajin_kernel::{Span, Timestamp};
use imajin_proof::SignedMessage;
use imajin_proof::digest::sha256_hex;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{UseReceipt, UseRecord};

/// How far the clocks of both may be apart.
pub const CLOCKS_APART: Span = Span::minutes(5);

/// How the two streams differ about one use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// The node has told it, and the asker's log does not have it.
    MissingThere,
    /// The asker's log has it, and the node does not say that it has told it.
    MissingHere,
    /// Both have it, for different purposes.
    OtherPurpose,
    /// Both have it, with different fields.
    OtherFields,
    /// Both have it, at times that are too far apart.
    OtherTime,
    /// The asker names another receipt than the node has signed.
    OtherReceipt,
}

impl DifferenceKind {
    /// What it means to the person whom the use is about.
    pub const fn words(self) -> &'static str {
        match self {
            Self::MissingThere => "this node has told it, and their log does not have it",
            Self::MissingHere => "their log has it, and this node does not say that it has told it",
            Self::OtherPurpose => "their log says that it was for something else",
            Self::OtherFields => "their log says that something else was told",
            Self::OtherTime => "their log says that it was at another time",
            Self::OtherReceipt => "their log names another receipt",
        }
    }
}

/// A difference between the two streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The use.
    #[serde(rename = "use")]
    #[schema(value_type = String)]
    pub use_id: UseId,
    /// How they differ.
    pub kind: DifferenceKind,
    /// What this node says; `null` where it says nothing.
    pub here: Option<String>,
    /// What the asker says; `null` where they say nothing.
    pub there: Option<String>,
}

/// What came of a comparison with one asker's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Whose log.
    #[schema(value_type = String)]
    pub asker: Did,
    /// The node where they keep it, where they have said so.
    pub home: Option<String>,
    /// When their log was read last; `null` while it never was, and then nothing is compared.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub read_at: Option<Timestamp>,
    /// Why it could not be read, if it could not.
    pub problem: Option<String>,
    /// How many uses both say the same of.
    pub agreed: u32,
    /// In how many places they differ.
    #[serde(default)]
    pub differing: u64,
    /// Where they differ: all of it, or as much as is listed.
    pub differences: Vec<Difference>,
}

/// So many differences are listed; all are counted.
pub const DIFFERENCES_MAX: usize = 1_000;

/// Compares the two streams piece by piece: first the whole log with [`Comparing::log`], then everything that the node
/// has told with [`Comparing::told`]. Between the pieces it holds the name of each use that the log has, and what it
/// has found.
#[derive(Debug)]
pub struct Comparing {
    read_at: Timestamp,
    /// Which uses the log has, and whether all that it says of each is what the node says.
    said: BTreeMap<UseId, bool>,
    differing: u64,
    differences: Vec<Difference>,
}

/// What came of comparing the two streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compared {
    /// How many uses both say the same of.
    pub agreed: u32,
    /// In how many places they differ.
    pub differing: u64,
    /// Where, by use; at most [`DIFFERENCES_MAX`], and what the log says otherwise before what it lacks.
    pub differences: Vec<Difference>,
}

impl Comparing {
    /// With a log that was read then: what the node has told later it could not have yet.
    pub const fn at(read_at: Timestamp) -> Self {
        Self {
            read_at,
            said: BTreeMap::new(),
            differing: 0,
            differences: Vec::new(),
        }
    }

    /// A piece of the log, in any order, with the receipts of the uses that it names, as far as there are such.
    pub fn log(&mut self, records: &[SignedMessage<UseRecord>], receipts: &[SignedMessage<UseReceipt>]) {
        let here: BTreeMap<UseId, &SignedMessage<UseReceipt>> =
            receipts.iter().map(|receipt| (receipt.payload.id, receipt)).collect();
        for record in records {
            let said = &record.payload;
            let found = match here.get(&said.use_id) {
                Some(receipt) => differ(receipt, said),
                None => vec![Difference {
                    use_id: said.use_id,
                    kind: DifferenceKind::MissingHere,
                    here: None,
                    there: Some(fields_text(said.fields.iter())),
                }],
            };
            let agrees = self.said.entry(said.use_id).or_insert(true);
            *agrees &= found.is_empty();
            for one in found {
                self.found(one);
            }
        }
    }

    /// A piece of what the node has told, after the whole log.
    pub fn told(&mut self, receipts: &[SignedMessage<UseReceipt>]) {
        for receipt in receipts {
            let said = &receipt.payload;
            if said.used_at <= self.read_at && !self.said.contains_key(&said.id) {
                self.found(Difference {
                    use_id: said.id,
                    kind: DifferenceKind::MissingThere,
                    here: Some(fields_text(said.fields.iter())),
                    there: None,
                });
            }
        }
    }

    fn found(&mut self, difference: Difference) {
        self.differing = self.differing.saturating_add(1);
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(difference);
        }
    }

    /// What came of it.
    pub fn end(mut self) -> Compared {
        self.differences
            .sort_by_key(|difference| (difference.use_id, difference.kind));
        let agreed = self.said.values().filter(|agrees| **agrees).count();
        Compared {
            agreed: u32::try_from(agreed).unwrap_or(u32::MAX),
            differing: self.differing,
            differences: self.differences,
        }
    }
}

fn fields_text<'a>(fields: impl Iterator<Item = &'a imajin_consent::FieldPath>) -> String {
    fields
        .map(imajin_consent::FieldPath::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn differ(receipt: &SignedMessage<UseReceipt>, record: &UseRecord) -> Vec<Difference> {
    let said = &receipt.payload;
    let digest = receipt
        .canonical_bytes()
        .map(|bytes| sha256_hex(&bytes))
        .unwrap_or_default();
    let apart = said
        .used_at
        .since(record.used_at)
        .max(record.used_at.since(said.used_at));
    let checks = [
        (
            DifferenceKind::OtherPurpose,
            said.purpose == record.purpose,
            said.purpose.to_string(),
            record.purpose.to_string(),
        ),
        (
            DifferenceKind::OtherFields,
            said.fields == record.fields,
            fields_text(said.fields.iter()),
            fields_text(record.fields.iter()),
        ),
        (
            DifferenceKind::OtherTime,
            apart <= CLOCKS_APART,
            said.used_at.to_string(),
            record.used_at.to_string(),
        ),
        (
            DifferenceKind::OtherReceipt,
            digest == record.receipt_sha256,
            digest,
            record.receipt_sha256.clone(),
        ),
    ];
    let differing = checks.into_iter().filter(|(_, is_same, ..)| !is_same);
    differing
        .map(|(kind, _, here, there)| Difference {
            use_id: said.id,
            kind,
            here: Some(here),
            there: Some(there),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use imajin_did::SecretKey;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn node() -> SecretKey {
        SecretKey::from_seed([1; 32])
    }

    fn asker() -> SecretKey {
        SecretKey::from_seed([2; 32])
    }

    fn receipt(number: u8) -> SignedMessage<UseReceipt> {
        let said = UseReceipt {
            id: UseId::from_bytes([number; 16]),
            subject: SecretKey::from_seed([3; 32]).did(),
            asker: asker().did(),
            purpose: "directory".parse().unwrap(),
            fields: ["profile.name".parse().unwrap()].into(),
            values_sha256: "v".to_owned(),
            grants: ["g".to_owned()].into(),
            profile: "p".to_owned(),
            declaration: "d".to_owned(),
            used_at: NOW,
        };
        SignedMessage::sign(&node(), node().did(), UseReceipt::KIND, None, NOW, said).unwrap()
    }

    fn record(receipt: &SignedMessage<UseReceipt>, change: impl Fn(&mut UseRecord)) -> SignedMessage<UseRecord> {
        let mut record = UseRecord::sign(&asker(), receipt, NOW).unwrap();
        change(&mut record.payload);
        record
    }

    /// The log record by record, and what was told in two pieces.
    fn compared(
        receipts: &[SignedMessage<UseReceipt>],
        records: &[SignedMessage<UseRecord>],
        read_at: Timestamp,
    ) -> Compared {
        let mut comparing = Comparing::at(read_at);
        for record in records {
            comparing.log(std::slice::from_ref(record), receipts);
        }
        let (first, second) = receipts.split_at(receipts.len() / 2);
        comparing.told(first);
        comparing.told(second);
        let by_piece = comparing.end();
        let mut comparing = Comparing::at(read_at);
        comparing.log(records, receipts);
        comparing.told(receipts);
        assert_eq!(comparing.end(), by_piece, "the pieces make no difference");
        by_piece
    }

    fn kinds(receipts: &[SignedMessage<UseReceipt>], records: &[SignedMessage<UseRecord>]) -> Vec<DifferenceKind> {
        compared(receipts, records, NOW)
            .differences
            .iter()
            .map(|difference| difference.kind)
            .collect()
    }

    #[test]
    fn streams_that_say_the_same_agree() {
        let receipts = [receipt(1), receipt(2)];
        let records = receipts.each_ref().map(|one| record(one, |_| {}));
        let found = compared(&receipts, &records, NOW);
        assert_eq!((found.agreed, found.differing, found.differences), (2, 0, Vec::new()));
    }

    #[test]
    fn what_one_of_them_lacks_is_named() {
        let (one, two) = (receipt(1), receipt(2));
        let both = [record(&one, |_| {}), record(&two, |_| {})];
        assert_eq!(kinds(std::slice::from_ref(&one), &both), [DifferenceKind::MissingHere]);
        assert_eq!(
            kinds(&[one.clone(), two.clone()], &both[..1]),
            [DifferenceKind::MissingThere]
        );
        let found = compared(&[one, two], &both[..1], NOW.plus(Span::seconds(-1)));
        assert_eq!(
            (found.agreed, found.differences),
            (1, Vec::new()),
            "their log was read before the second one"
        );
    }

    #[test]
    fn what_they_say_differently_is_named() {
        let one = receipt(1);
        let others = [
            record(&one, |said| said.purpose = "research".parse().unwrap()),
            record(&one, |said| said.fields = ["profile.bio".parse().unwrap()].into()),
            record(&one, |said| said.used_at = NOW.plus(Span::minutes(6))),
            record(&one, |said| said.used_at = NOW.plus(Span::minutes(-6))),
            record(&one, |said| said.receipt_sha256 = "0".repeat(64)),
        ];
        let wanted = [
            DifferenceKind::OtherPurpose,
            DifferenceKind::OtherFields,
            DifferenceKind::OtherTime,
            DifferenceKind::OtherTime,
            DifferenceKind::OtherReceipt,
        ];
        for (other, kind) in others.iter().zip(wanted) {
            assert_eq!(kinds(std::slice::from_ref(&one), std::slice::from_ref(other)), [kind]);
        }
        let near = record(&one, |said| said.used_at = NOW.plus(Span::minutes(4)));
        assert_eq!(kinds(&[one], &[near]), []);
    }
}
