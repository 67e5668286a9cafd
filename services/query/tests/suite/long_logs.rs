//! A comparison of two long streams leaves nothing out, however old it is.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::id::UseId;
use imajin_kernel::{Span, Timestamp};
use imajin_proof::SignedMessage;
use imajin_proof::digest::sha256_hex;
use imajin_query_api::{DIFFERENCES_MAX, DifferenceKind, UseReceipt, UseRecord};
use imajin_store::{SealedRow, Sealer, StoreError, sealed_row};
use imajin_testkit::{Backend, on_both};
use serde::Serialize;

use crate::disclosures::About;
use crate::schema::{records, uses};
use crate::world::{PUBLIC, World, key};

on_both!(
    what_is_old_is_compared_too,
    more_differences_than_are_listed_are_counted
);

/// More than were compared at once, and more than are read at once.
const MANY: u16 = 2_100;

#[derive(Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = uses, treat_none_as_null = true, treat_none_as_default_value = false)]
struct UseRow {
    id: UseId,
    owner_did: Did,
    asker_did: Did,
    receipt: String,
    evidence: String,
    home: Option<String>,
    created_at: Timestamp,
    row_seal: Vec<u8>,
}

sealed_row!(UseRow, uses, "uses", key = (id));

#[derive(Clone, Serialize, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = records, primary_key(digest))]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
struct RecordRow {
    digest: String,
    owner_did: Did,
    subject_did: Did,
    node_did: Did,
    read_from: Option<String>,
    document: String,
    proof: String,
    created_at: Timestamp,
    row_seal: Vec<u8>,
}

sealed_row!(RecordRow, records, "records", key = (digest));

fn use_id(number: u16) -> UseId {
    let [high, low] = number.to_be_bytes();
    let mut bytes = [9; 16];
    (bytes[0], bytes[1]) = (high, low);
    UseId::from_bytes(bytes)
}

impl World {
    /// The receipt of one use of many, all like `first`: the higher the number, the newer.
    fn receipt_of(&self, first: &SignedMessage<UseReceipt>, number: u16) -> SignedMessage<UseReceipt> {
        let mut said = first.payload.clone();
        said.id = use_id(number);
        said.used_at = self.env.now().minus(Span::minutes(i64::from(MANY - number)));
        let (node, to, at) = (self.keyring.node_did().clone(), first.to.clone(), said.used_at);
        SignedMessage::sign(self.keyring.node_key(), node, UseReceipt::KIND, to, at, said).unwrap()
    }

    /// As if ben had been told many things over the years; `is_noted` says what of it he has written down.
    async fn told_often(&self, is_noted: impl Fn(u16) -> bool) {
        let ask = About {
            home: Some(PUBLIC.to_owned()),
            ..About::usual()
        };
        let first = self.told(&ask).await.receipt;
        let ben = key("ben");
        let (mut told, mut noted) = (Vec::new(), Vec::new());
        for number in 0..MANY {
            let receipt = self.receipt_of(&first, number);
            let said = &receipt.payload;
            if is_noted(number) {
                let record = UseRecord::sign(&ben, &receipt, said.used_at).unwrap();
                noted.push(RecordRow {
                    digest: sha256_hex(&record.canonical_bytes().unwrap()),
                    owner_did: ben.did(),
                    subject_did: said.subject.clone(),
                    node_did: self.keyring.node_did().canonical(),
                    read_from: None,
                    document: serde_json::to_string(&record).unwrap(),
                    proof: String::new(),
                    created_at: said.used_at,
                    row_seal: Vec::new(),
                });
            }
            told.push(UseRow {
                id: said.id,
                owner_did: said.subject.clone(),
                asker_did: said.asker.clone(),
                created_at: said.used_at,
                receipt: serde_json::to_string(&receipt).unwrap(),
                evidence: String::new(),
                home: Some(PUBLIC.to_owned()),
                row_seal: Vec::new(),
            });
        }
        let sealer = Sealer::for_service(&self.keyring, "query");
        let written: Result<(), StoreError> = self
            .db
            .write(move |conn| {
                for row in told.clone() {
                    row.insert(conn, &sealer)?;
                }
                for row in noted.clone() {
                    row.insert(conn, &sealer)?;
                }
                Ok(())
            })
            .await;
        written.unwrap();
    }
}

async fn what_is_old_is_compared_too(backend: Backend) {
    let world = World::open(backend).await;
    world.told_often(|number| number != 0).await;
    let own = world.consent_of("ada").await;
    let comparison = &own.comparisons[0];
    // The oldest of many, and the one that the others were made after.
    assert_eq!((comparison.agreed, comparison.differing), (u32::from(MANY) - 1, 2));
    let missing: Vec<_> = comparison
        .differences
        .iter()
        .map(|one| (one.use_id, one.kind))
        .collect();
    assert!(
        missing.contains(&(use_id(0), DifferenceKind::MissingThere)),
        "{missing:?}"
    );
}

async fn more_differences_than_are_listed_are_counted(backend: Backend) {
    let world = World::open(backend).await;
    world.told_often(|number| number == 7).await;
    let own = world.consent_of("ada").await;
    let comparison = &own.comparisons[0];
    assert_eq!((comparison.agreed, comparison.differing), (1, u64::from(MANY)));
    assert_eq!(comparison.differences.len(), DIFFERENCES_MAX);
    let newest = comparison.differences.iter().any(|one| one.use_id == use_id(MANY - 1));
    assert!(newest, "those of late are among those that are listed");
}
