//! Proof that an entry is in a ledger, for somebody who sees no other entry of it.
//!
//! The ledger's owner signs, every so often, the root of a Merkle tree over the hashes of the entries since the last
//! one (the tree of RFC 9162, section 2.1). A proof is that signed root and the path from one entry to it: whoever has
//! it can show, without the ledger, that the entry was in it, and at which place.

use imajin_did::{Did, PublicKey};
use serde::{Deserialize, Serialize};

use crate::digest::sha256;
use crate::{ProofError, SignedMessage};

/// The type of the signed root.
pub const TREE_KIND: &str = "ledger-tree";

type Hash = [u8; 32];

/// What the ledger's owner signs: the payload of a [`SignedMessage`] of the type [`TREE_KIND`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TreeHead {
    /// The writer's chain.
    pub chain: String,
    /// The first entry of the tree, by its place in the chain, from 1.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// The root, in hex.
    pub root: String,
}

/// That an entry is in a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InclusionProof {
    /// The signed root.
    pub tree: SignedMessage<TreeHead>,
    /// The entry's place in the chain.
    pub seq: u64,
    /// The entry's hash, in hex: the one that its receipt names.
    pub hash: String,
    /// The hashes beside the way from the entry to the root, in hex, the lowest first.
    pub path: Vec<String>,
}

impl InclusionProof {
    /// Who signed the root.
    pub fn signer(&self) -> &Did {
        &self.tree.from
    }

    /// Checks that the entry is at its place in the tree whose root the holder of `key` signed.
    ///
    /// # Errors
    /// [`ProofError::WrongKind`] and [`ProofError::BadSignature`] for the signed root; [`ProofError::NotIncluded`] when
    /// the path does not lead from the entry to it.
    pub fn verify(&self, key: &PublicKey) -> Result<(), ProofError> {
        self.tree.verify(TREE_KIND, key)?;
        let head = &self.tree.payload;
        let within = self.seq.checked_sub(head.first).zip(head.last.checked_sub(head.first));
        let (index, last) = within.ok_or(ProofError::NotIncluded)?;
        let path: Option<Vec<Hash>> = self.path.iter().map(|text| hash_read(text)).collect();
        let (entry, path) = hash_read(&self.hash).zip(path).ok_or(ProofError::NotIncluded)?;
        let root = root_along(&entry, index, last, &path).ok_or(ProofError::NotIncluded)?;
        if hash_read(&head.root) != Some(root) {
            return Err(ProofError::NotIncluded);
        }
        Ok(())
    }
}

fn hash_read(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).ok()?;
    Some(hash)
}

fn leaf(entry: &Hash) -> Hash {
    let mut bytes = vec![0];
    bytes.extend_from_slice(entry);
    sha256(&bytes)
}

fn node(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = vec![1];
    bytes.extend_from_slice(left);
    bytes.extend_from_slice(right);
    sha256(&bytes)
}

/// The root over the hashes of entries; of none, the SHA-256 of nothing (RFC 9162, section 2.1.1).
pub fn root(entries: &[Hash]) -> Hash {
    match entries {
        [] => sha256(&[]),
        [only] => leaf(only),
        several => {
            let (left, right) = several.split_at(half(several.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The path of one of the entries, the lowest hash first (RFC 9162, section 2.1.3.1); `None` when there is no such one.
pub fn path(entries: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if index >= entries.len() {
        return None;
    }
    if entries.len() == 1 {
        return Some(Vec::new());
    }
    let middle = half(entries.len());
    let (left, right) = entries.split_at(middle);
    let (mut below, beside) = match index.checked_sub(middle) {
        None => (path(left, index)?, root(right)),
        Some(index) => (path(right, index)?, root(left)),
    };
    below.push(beside);
    Some(below)
}

/// The largest power of two below a number of at least two.
fn half(length: usize) -> usize {
    length.div_ceil(2).checked_next_power_of_two().unwrap_or(1).min(length)
}

/// Walks from an entry to the root (RFC 9162, section 2.1.3.2); `last` is the index of the last entry of the tree.
fn root_along(entry: &Hash, index: u64, last: u64, path: &[Hash]) -> Option<Hash> {
    if index > last {
        return None;
    }
    let (mut place, mut end, mut hash) = (index, last, leaf(entry));
    for beside in path {
        if end == 0 {
            return None;
        }
        if place & 1 == 1 || place == end {
            hash = node(beside, &hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                end >>= 1;
            }
        } else {
            hash = node(&hash, beside);
        }
        place >>= 1;
        end >>= 1;
    }
    (end == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use imajin_did::SecretKey;
    use imajin_kernel::Timestamp;

    use super::*;

    fn hashes(count: u8) -> Vec<Hash> {
        (0..count).map(|number| sha256(&[number])).collect()
    }

    fn proof(entries: &[Hash], index: usize, key: &SecretKey) -> InclusionProof {
        let head = TreeHead {
            chain: "one".to_owned(),
            first: 5,
            last: 4 + u64::try_from(entries.len()).unwrap(),
            root: hex::encode(root(entries)),
        };
        let now = Timestamp::from_seconds(1_800_000_000);
        InclusionProof {
            tree: SignedMessage::sign(key, key.did(), TREE_KIND, None, now, head).unwrap(),
            seq: 5 + u64::try_from(index).unwrap(),
            hash: hex::encode(entries[index]),
            path: path(entries, index).unwrap().iter().map(hex::encode).collect(),
        }
    }

    #[test]
    fn every_entry_of_every_tree_is_proven_and_nothing_else() {
        let key = SecretKey::from_seed([1; 32]);
        for count in 1..=20 {
            let entries = hashes(count);
            for index in 0..entries.len() {
                let good = proof(&entries, index, &key);
                good.verify(&key.public()).unwrap();
                for place in 1..30 {
                    let moved = InclusionProof {
                        seq: place,
                        ..good.clone()
                    };
                    assert_eq!(
                        moved.verify(&key.public()).is_ok(),
                        place == good.seq,
                        "{count} {index} {place}"
                    );
                }
                let other = InclusionProof {
                    hash: hex::encode(sha256(b"other")),
                    ..good.clone()
                };
                assert!(matches!(other.verify(&key.public()), Err(ProofError::NotIncluded)));
                if !good.path.is_empty() {
                    let mut short = good.clone();
                    short.path.pop();
                    assert!(short.verify(&key.public()).is_err());
                }
            }
        }
    }

    #[test]
    fn the_root_must_be_signed_by_the_key() {
        let (key, other) = (SecretKey::from_seed([1; 32]), SecretKey::from_seed([2; 32]));
        let mut wrong = proof(&hashes(4), 2, &key);
        assert!(matches!(wrong.verify(&other.public()), Err(ProofError::BadSignature)));
        wrong.tree.payload.last = 9;
        assert!(matches!(wrong.verify(&key.public()), Err(ProofError::BadSignature)));
    }

    #[test]
    fn the_roots_are_those_of_rfc_9162() {
        // The first roots of the test vectors that certificate-transparency logs share: leaves "" and 0x00.
        let tree = |leaves: &[&[u8]]| -> Hash {
            let hashed: Vec<Hash> = leaves.iter().map(|leaf| sha256(&[&[0], *leaf].concat())).collect();
            match hashed.as_slice() {
                [one, two] => node(one, two),
                _ => hashed[0],
            }
        };
        assert_eq!(
            hex::encode(tree(&[b""])),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        assert_eq!(
            hex::encode(tree(&[b"", b"\0"])),
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
        );
        assert_eq!(
            hex::encode(root(&[])),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
