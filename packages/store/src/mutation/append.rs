use diesel::prelude::*;
use imajin_did::{Did, Keyring};
use imajin_kernel::Env;
use imajin_proof::digest::sha256;
use imajin_proof::http_sig::VerifiedRequest;

use super::erase::{ERASE_ACTION, erased_object};
use super::row::{CheckpointRow, HeadRow, LogRow, genesis};
use super::{CHECKPOINT_EVERY, Proof};
use crate::schema::{mutation_checkpoints, mutation_heads};
use crate::{Conn, Db, SealedRow, Sealer, StoreError, for_update, nonce, row_insert_missing};

/// The place of a row in its chain; the first is 1.
pub type Seq = i64;

/// What writes to the log: one per service. Its rows are one chain, also when several processes of the service share a
/// database: then they wait for each other.
#[derive(Clone)]
pub struct Writer {
    chain: String,
    keyring: Keyring,
    sealer: Sealer,
    env: Env,
}

impl Writer {
    /// A writer of a chain.
    pub fn new(chain: impl Into<String>, keyring: Keyring, sealer: Sealer, env: Env) -> Self {
        Self {
            chain: chain.into(),
            keyring,
            sealer,
            env,
        }
    }

    /// The chain's name.
    pub fn chain(&self) -> &str {
        &self.chain
    }

    /// The node's keys.
    pub const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The service's sealer.
    pub const fn sealer(&self) -> &Sealer {
        &self.sealer
    }

    /// The time and randomness.
    pub const fn env(&self) -> &Env {
        &self.env
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Writer({}/{})", self.sealer.service(), self.chain)
    }
}

/// A change that somebody is answerable for.
#[derive(Debug, Clone)]
pub struct Mutation<'a> {
    /// Whose object is changed.
    pub owner: Did,
    /// What happens, for example `event.publish`.
    pub action: &'a str,
    /// What it happens to: the id of the row that [`super::last_body`] is asked for.
    pub object: String,
    /// The signed body as it came, or what the node decided: what the live row is compared with.
    pub body: Vec<u8>,
    /// By what right.
    pub proof: Proof,
}

impl<'a> Mutation<'a> {
    /// A change by the signature of whoever sent this request.
    pub fn signed(request: &VerifiedRequest, action: &'a str, object: String, body: &[u8]) -> Self {
        Self {
            owner: request.did.clone(),
            action,
            object,
            body: body.to_vec(),
            proof: Proof::Http(request.clone()),
        }
    }
}

/// Adds a mutation to the writer's chain, in the transaction of the change itself. Spends the nonce of a signed
/// request.
///
/// # Errors
/// [`StoreError::Replayed`] when the request's nonce was spent before; [`StoreError::Misattributed`] when the body is
/// not the one that was signed; [`StoreError::Damaged`] when the chain's head was changed outside the node; diesel's.
/// After any of them the transaction must fail.
pub fn append(conn: &mut Conn, writer: &Writer, mutation: &Mutation<'_>) -> Result<Seq, StoreError> {
    append_row(conn, writer, mutation, Some(mutation.body.clone()))
}

/// The same for a body that must not stay, such as a token, or a picture that tells where it was taken: only its digest
/// is kept, as after an erasure, which is logged right behind it. The body never reaches the database.
///
/// # Errors
/// As [`append`].
pub fn append_without_body(conn: &mut Conn, writer: &Writer, mutation: &Mutation<'_>) -> Result<Seq, StoreError> {
    let seq = append_row(conn, writer, mutation, None)?;
    let erasure = Mutation {
        owner: mutation.owner.clone(),
        action: ERASE_ACTION,
        object: erased_object(&writer.chain, seq),
        body: hex::encode(sha256(&mutation.body)).into_bytes(),
        proof: Proof::Node,
    };
    append(conn, writer, &erasure)?;
    Ok(seq)
}

fn append_row(
    conn: &mut Conn,
    writer: &Writer,
    mutation: &Mutation<'_>,
    body: Option<Vec<u8>>,
) -> Result<Seq, StoreError> {
    let body_digest = sha256(&mutation.body);
    if let Proof::Http(request) = &mutation.proof {
        if request.body_digest != body_digest {
            return Err(StoreError::Misattributed);
        }
        nonce::request_spend(conn, &writer.sealer, request)?;
    }
    let stored = mutation.proof.to_stored(writer, mutation, &body_digest);
    let proof =
        serde_json::to_string(&stored).map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))?;
    let head = head_load(conn, writer)?;
    let seq = head.seq.saturating_add(1);
    let mut row = LogRow {
        chain: writer.chain.clone(),
        seq,
        logged_at: writer.env.now(),
        owner_did: mutation.owner.canonical().to_string(),
        action: mutation.action.to_owned(),
        object: mutation.object.clone(),
        body,
        body_digest: body_digest.to_vec(),
        proof,
        prev_hash: head.hash,
        hash: Vec::new(),
        row_seal: Vec::new(),
    };
    row.hash = row.computed_hash()?.to_vec();
    let row = row.insert(conn, &writer.sealer)?;
    head_move(conn, writer, row)?;
    Ok(seq)
}

/// The head, locked until the transaction ends: several processes may write to one chain, and none is before its first
/// row.
fn head_load(conn: &mut Conn, writer: &Writer) -> Result<HeadRow, StoreError> {
    if let Some(head) = head_fetch(conn, writer)? {
        return Ok(head);
    }
    let first = HeadRow {
        chain: writer.chain.clone(),
        seq: 0,
        hash: genesis(writer.sealer.service(), &writer.chain).to_vec(),
        row_seal: Vec::new(),
    };
    let first = first.sealed(&writer.sealer)?;
    row_insert_missing!(conn, mutation_heads, &first)?;
    head_fetch(conn, writer)?.ok_or_else(|| diesel::result::Error::NotFound.into())
}

fn head_fetch(conn: &mut Conn, writer: &Writer) -> Result<Option<HeadRow>, StoreError> {
    let head: Option<HeadRow> = for_update!(
        conn,
        mutation_heads::table.find(&writer.chain).select(HeadRow::as_select()) => first
    )
    .optional()?;
    // A head that was set back would hide a cut tail for ever once it is sealed again.
    head.map(|head| head.intact(&writer.sealer)).transpose()
}

fn head_move(conn: &mut Conn, writer: &Writer, row: LogRow) -> Result<(), StoreError> {
    let head = HeadRow {
        chain: row.chain,
        seq: row.seq,
        hash: row.hash,
        row_seal: Vec::new(),
    };
    let head = head.save(conn, &writer.sealer)?;
    if head.seq % CHECKPOINT_EVERY == 0 {
        checkpoint_insert(conn, writer, &head)?;
    }
    Ok(())
}

/// Signs the head of the writer's chain, unless it is signed already: before the node stops, and now and then.
///
/// # Errors
/// [`StoreError::Damaged`] when the head was changed outside the node; diesel's.
pub fn checkpoint(conn: &mut Conn, writer: &Writer) -> Result<(), StoreError> {
    let Some(head) = head_fetch(conn, writer)? else {
        return Ok(());
    };
    let signed: i64 = mutation_checkpoints::table
        .find((&head.chain, head.seq))
        .count()
        .get_result(conn)?;
    if signed == 0 {
        checkpoint_insert(conn, writer, &head)?;
    }
    Ok(())
}

/// Signs the head on the way out: a tail that is cut off while the node is down shows. A node that cannot, stops all
/// the same.
pub async fn head_sign(db: &Db, writer: &Writer) {
    let writer = writer.clone();
    let signed: Result<(), StoreError> = db.write(move |conn| checkpoint(conn, &writer)).await;
    if let Err(error) = signed {
        tracing::warn!(%error, "the mutation log's head was not signed");
    }
}

fn checkpoint_insert(conn: &mut Conn, writer: &Writer, head: &HeadRow) -> Result<(), StoreError> {
    let mut row = CheckpointRow {
        chain: head.chain.clone(),
        seq: head.seq,
        hash: head.hash.clone(),
        checked_at: writer.env.now(),
        node_did: writer.keyring.node_did().to_string(),
        signature: Vec::new(),
        row_seal: Vec::new(),
    };
    let statement = row.statement(writer.sealer.service());
    row.signature = writer.keyring.sign(statement.as_bytes()).to_bytes().to_vec();
    row.insert(conn, &writer.sealer)?;
    Ok(())
}
