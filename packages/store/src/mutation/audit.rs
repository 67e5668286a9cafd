//! Recomputes the log. Pages, so that the memory does not grow with it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diesel::prelude::*;
use imajin_did::{Did, PublicKey, Signature};
use imajin_proof::digest::sha256;
use imajin_proof::http_sig;

use super::erase::{ERASE_ACTION, erased_object};
use super::proof::{Stored, statement};
use super::row::{CheckpointRow, HeadRow, LogRow, genesis};
use super::{Seq, Writer};
use crate::schema::{mutation_checkpoints, mutation_heads, mutation_log};
use crate::{Conn, Finding, SealedRow};

/// Rows at a time. A row may hold a whole request body.
const PAGE: i64 = 64;

/// The keys that a DID has or had. A key that the DID itself contains need not be in it.
pub type Keys<'a> = &'a dyn Fn(&Did) -> Vec<PublicKey>;

/// What [`audit`] says of a row that no key which it was given for the DID has signed.
pub fn unproven_text(did: &Did) -> String {
    format!("its proof does not verify: no known key of {did} has made it")
}

/// Adds a finding for each row of the log, of its heads and checkpoints that is not as it was written; returns how
/// many rows of the log were checked. Run it in a transaction of a reader to look at one moment.
///
/// # Errors
/// Diesel's, for what stopped the audit.
pub fn audit(conn: &mut Conn, writer: &Writer, keys: Keys<'_>, findings: &mut Vec<Finding>) -> QueryResult<u64> {
    crate::seal::audit_begin(conn)?;
    HeadRow::audit(conn, writer.sealer(), findings)?;
    CheckpointRow::audit(conn, writer.sealer(), findings)?;
    let mut checked = 0;
    for name in chains(conn)? {
        let mut chain = Chain {
            writer,
            keys,
            previous: vec![genesis(writer.sealer().service(), &name).to_vec()],
            name,
            next: 1,
            checked: 0,
            findings: &mut *findings,
        };
        chain.walk(conn)?;
        chain.check_end(conn)?;
        checked += chain.checked;
    }
    Ok(checked)
}

/// Every chain that any of the three tables knows.
fn chains(conn: &mut Conn) -> QueryResult<Vec<String>> {
    let mut names: Vec<String> = mutation_log::table.select(mutation_log::chain).distinct().load(conn)?;
    names.extend(
        mutation_heads::table
            .select(mutation_heads::chain)
            .load::<String>(conn)?,
    );
    let signed = mutation_checkpoints::table
        .select(mutation_checkpoints::chain)
        .distinct();
    names.extend(signed.load::<String>(conn)?);
    names.sort();
    names.dedup();
    Ok(names)
}

struct Chain<'a> {
    writer: &'a Writer,
    keys: Keys<'a>,
    name: String,
    /// The hash of the row before: as it is stored and as it should be. When they differ, that row has its own
    /// finding, and the row after it is right with either.
    previous: Vec<Vec<u8>>,
    next: Seq,
    checked: u64,
    findings: &'a mut Vec<Finding>,
}

impl Chain<'_> {
    fn walk(&mut self, conn: &mut Conn) -> QueryResult<()> {
        loop {
            let rows: Vec<LogRow> = mutation_log::table
                .filter(mutation_log::chain.eq(&self.name))
                .filter(mutation_log::seq.ge(self.next))
                .order_by(mutation_log::seq)
                .limit(PAGE)
                .select(LogRow::as_select())
                .load(conn)?;
            let Some(last) = rows.last() else { return Ok(()) };
            let signed = self.checkpoints(conn, last.seq)?;
            for row in rows {
                self.check_row(conn, &row, signed.get(&row.seq))?;
            }
        }
    }

    /// The signed hashes of a page, by place. Rows with a seq below 1 cannot be: the walk begins at 1.
    fn checkpoints(&self, conn: &mut Conn, last: Seq) -> QueryResult<BTreeMap<Seq, Vec<u8>>> {
        let rows: Vec<CheckpointRow> = mutation_checkpoints::table
            .filter(mutation_checkpoints::chain.eq(&self.name))
            .filter(mutation_checkpoints::seq.between(self.next, last))
            .select(CheckpointRow::as_select())
            .load(conn)?;
        Ok(rows.into_iter().map(|row| (row.seq, row.hash)).collect())
    }

    fn check_row(&mut self, conn: &mut Conn, row: &LogRow, signed: Option<&Vec<u8>>) -> QueryResult<()> {
        let computed = row.computed_hash()?.to_vec();
        let mut problems = Vec::new();
        if row.seq != self.next {
            self.missing(self.next, row.seq.saturating_sub(1));
        } else if !self.previous.contains(&row.prev_hash) {
            problems.push("it does not follow the row before it".to_owned());
        }
        if row.hash != computed {
            problems.push("its hash does not fit its columns".to_owned());
        }
        if signed.is_some_and(|hash| *hash != row.hash) {
            problems.push("it is not the row that the node signed in a checkpoint".to_owned());
        }
        problems.extend(self.check_body(conn, row)?);
        problems.extend(self.check_proof(row));
        if !row.is_intact(self.writer.sealer()) {
            problems.insert(0, "the row was changed outside imajin".to_owned());
        }
        if !problems.is_empty() {
            self.report("mutation_log", row.place(), problems.join("; "));
        }
        self.previous = vec![row.hash.clone(), computed];
        self.next = row.seq.saturating_add(1);
        self.checked = self.checked.saturating_add(1);
        Ok(())
    }

    fn check_body(&self, conn: &mut Conn, row: &LogRow) -> QueryResult<Option<String>> {
        let Some(body) = &row.body else {
            let is_logged = self.erasure_is_logged(conn, row)?;
            return Ok((!is_logged).then(|| "its body is gone, and no erasure was logged".to_owned()));
        };
        let fits = sha256(body).as_slice() == row.body_digest;
        Ok((!fits).then(|| "its body is not the one that was logged".to_owned()))
    }

    fn erasure_is_logged(&self, conn: &mut Conn, row: &LogRow) -> QueryResult<bool> {
        let erasures: Vec<LogRow> = mutation_log::table
            .filter(mutation_log::object.eq(erased_object(&row.chain, row.seq)))
            .filter(mutation_log::action.eq(ERASE_ACTION))
            .limit(2)
            .select(LogRow::as_select())
            .load(conn)?;
        Ok(erasures.iter().any(|erasure| erasure.is_intact(self.writer.sealer())))
    }

    fn check_proof(&self, row: &LogRow) -> Option<String> {
        let Ok(stored) = serde_json::from_str::<Stored>(&row.proof) else {
            return Some("its proof cannot be read".to_owned());
        };
        let proven = match &stored {
            Stored::Http {
                did,
                nonce,
                created,
                base,
                signature,
            } => http_sig::audit(base, signature, &self.keys_of(did)).is_ok_and(|audited| {
                let digest = format!("sha-256=:{}:", STANDARD.encode(&row.body_digest));
                audited.did.canonical() == did.canonical()
                    && audited.nonce == *nonce
                    && audited.created == *created
                    && audited.content_digest.contains(&digest)
            }),
            Stored::Challenge {
                did,
                key,
                text,
                signature,
            } => self.may_be_key_of(did, key) && key.verify(text.as_bytes(), signature).is_ok(),
            Stored::Custody {
                did, key, signature, ..
            } => self.may_be_key_of(did, key) && key.verify(&row_statement(row), signature).is_ok(),
            Stored::Node { did, signature } => self.is_signed_by_node(did, &row_statement(row), signature),
        };
        (!proven).then(|| match &stored {
            Stored::Http { did, .. } | Stored::Challenge { did, .. } | Stored::Custody { did, .. } => {
                unproven_text(did)
            }
            Stored::Node { .. } => "its proof does not verify".to_owned(),
        })
    }

    fn is_signed_by_node(&self, did: &Did, statement: &[u8], signature: &Signature) -> bool {
        self.keys_of_node(did)
            .iter()
            .any(|key| key.verify(statement, signature).is_ok())
    }

    /// This node's key; the resolver may know the keys of the same database's former nodes.
    fn keys_of_node(&self, did: &Did) -> Vec<PublicKey> {
        if did == self.writer.keyring().node_did() {
            return vec![self.writer.keyring().node_public()];
        }
        (self.keys)(did)
    }

    fn keys_of(&self, did: &Did) -> Vec<PublicKey> {
        let mut keys = (self.keys)(did);
        keys.extend(did.public_key());
        keys
    }

    /// A key that is stored with the proof counts for a DID that has no other known key, such as a mailbox: the
    /// row's seal vouches for it.
    fn may_be_key_of(&self, did: &Did, key: &PublicKey) -> bool {
        let known = self.keys_of(did);
        known.is_empty() || known.contains(key)
    }

    /// The head and the checkpoints say how long the chain is.
    fn check_end(&mut self, conn: &mut Conn) -> QueryResult<()> {
        let last = self.next.saturating_sub(1);
        let head: Option<HeadRow> = mutation_heads::table
            .find(&self.name)
            .select(HeadRow::as_select())
            .first(conn)
            .optional()?;
        match head {
            Some(head) if head.seq > last => self.missing(self.next, head.seq),
            Some(head) if head.seq < last => {
                self.report(
                    "mutation_heads",
                    self.name.clone(),
                    format!("it is behind the log, which ends at {last}"),
                );
            }
            Some(head) if last > 0 && !self.previous.contains(&head.hash) => {
                self.report(
                    "mutation_heads",
                    self.name.clone(),
                    "it is not the end of the log".to_owned(),
                );
            }
            Some(_) => {}
            None => self.report(
                "mutation_heads",
                self.name.clone(),
                "the head of the chain is missing".to_owned(),
            ),
        }
        self.check_signatures(conn, last)
    }

    fn check_signatures(&mut self, conn: &mut Conn, last: Seq) -> QueryResult<()> {
        let mut after = 0;
        loop {
            let rows: Vec<CheckpointRow> = mutation_checkpoints::table
                .filter(mutation_checkpoints::chain.eq(&self.name))
                .filter(mutation_checkpoints::seq.gt(after))
                .order_by(mutation_checkpoints::seq)
                .limit(PAGE)
                .select(CheckpointRow::as_select())
                .load(conn)?;
            let Some(end) = rows.last() else { return Ok(()) };
            after = end.seq;
            for row in rows {
                self.check_checkpoint(&row, last);
            }
        }
    }

    fn check_checkpoint(&mut self, row: &CheckpointRow, last: Seq) {
        let statement = row.statement(self.writer.sealer().service());
        let did = row.node_did.parse::<Did>().ok();
        let signature = Signature::from_slice(&row.signature);
        let is_signed = did
            .zip(signature)
            .is_some_and(|(did, signature)| self.is_signed_by_node(&did, statement.as_bytes(), &signature));
        if !is_signed {
            self.report(
                "mutation_checkpoints",
                row.row_key(),
                "the node's signature does not verify".to_owned(),
            );
        } else if row.seq > last {
            self.missing(last.saturating_add(1), row.seq);
        }
    }

    fn missing(&mut self, first: Seq, last: Seq) {
        let problem = if first == last {
            "the row is missing".to_owned()
        } else {
            format!("the rows up to {last} are missing")
        };
        self.report("mutation_log", format!("{}/{first}", self.name), problem);
    }

    fn report(&mut self, table: &str, row: String, problem: String) {
        let finding = Finding::new(self.writer.sealer().service(), table, row, problem);
        // The head and a checkpoint may miss the same rows.
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}

fn row_statement(row: &LogRow) -> Vec<u8> {
    statement(&row.owner_did, &row.action, &row.object, &row.body_digest)
}
