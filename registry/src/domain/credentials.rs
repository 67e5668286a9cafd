//! The credentials with which a name's records are changed by programs that cannot sign.

use diesel::prelude::*;
use imajin_did::{Did, PublicKey};
use imajin_registry_api::{CREDENTIALS_PURPOSE, CredentialsRequest};
use imajin_store::mutation::{self, Mutation, Proof};
use imajin_store::{Conn, SealedRow};
use serde_json::Value;

use super::locks::node_lock;
use super::publication::{challenge_add, name_lock};
use crate::RegistryError;
use crate::context::Context;
use crate::dns::{Credentials, digest_of};
use crate::document::{Proven, SignedDocument};
use crate::rows::{DnsNameRow, NodeRow};
use crate::schema::{dns_names, nodes};

/// The action of the mutation log; its object is the name.
pub(crate) const NAME_CREDENTIALS: &str = "name.credentials";

/// Bytes of a request at most: each one is kept in the log.
const DOCUMENT_BYTES_MAX: usize = 1024;

/// A well-formed request for new credentials; nothing is proven yet.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    did: Did,
    document: SignedDocument<CredentialsRequest>,
}

impl Wish {
    pub(crate) fn parse(body: Value) -> Result<Self, RegistryError> {
        // As acme-dns has it. Whoever asks for a restriction must not believe that there is one.
        if body
            .get("allowfrom")
            .is_some_and(|from| *from != serde_json::json!([]) && !from.is_null())
        {
            let problem = "credentials are not bound to addresses here: leave it out, or empty";
            return Err(RegistryError::shape("allowfrom", problem));
        }
        let document: SignedDocument<CredentialsRequest> = SignedDocument::parse("request", body)?;
        if document.canonical.len() > DOCUMENT_BYTES_MAX {
            return Err(RegistryError::shape(
                "request",
                format!("it is larger than {DOCUMENT_BYTES_MAX} bytes"),
            ));
        }
        if document.value.purpose != CREDENTIALS_PURPOSE {
            return Err(RegistryError::shape("purpose", "it must be `credentials`"));
        }
        let did = document.value.node_id.canonical();
        Ok(Self { did, document })
    }

    pub(crate) const fn did(&self) -> &Did {
        &self.did
    }

    fn check(&self, context: &Context, node: &NodeRow) -> Result<(PublicKey, Proven), RegistryError> {
        let (now, key) = (context.env.now(), node.key()?);
        let proven = self.document.verify_fresh(&key, now)?;
        node.current_require(now)?;
        Ok((key, proven))
    }
}

/// Checks a request against what is on record, before anything is counted or written; returns the node's key.
pub(crate) fn wish_check(conn: &mut Conn, context: &Context, wish: &Wish) -> Result<PublicKey, RegistryError> {
    let node: Option<NodeRow> = nodes::table
        .find(&wish.did)
        .filter(nodes::deleted_at.is_null())
        .select(NodeRow::as_select())
        .first(conn)
        .optional()?;
    let node = node.ok_or(RegistryError::Unknown)?.intact(&context.sealer)?;
    Ok(wish.check(context, &node)?.0)
}

/// Gives a node new credentials for its name; returns the name.
pub(crate) fn credentials_issue(
    conn: &mut Conn,
    context: &Context,
    wish: &Wish,
    fresh: &Credentials,
) -> Result<String, RegistryError> {
    let node = node_lock(conn, context, &wish.did)?.ok_or(RegistryError::Unknown)?;
    let (key, proven) = wish.check(context, &node)?;
    let row = name_lock(conn, context, &node.hostname)?.filter(|row| row.node_did == node.node_did);
    // A registration from before there were credentials.
    let mut row = row.ok_or(RegistryError::Unknown)?;
    if wish.document.value.timestamp <= row.asked_ms {
        return Err(RegistryError::Replayed { what: "A request" });
    }
    row.asked_ms = wish.document.value.timestamp;
    row.credentials_set(fresh, context.env.now());
    row.save(conn, &context.sealer)?;
    let mutation = Mutation {
        owner: node.node_did.clone(),
        action: NAME_CREDENTIALS,
        object: node.hostname.clone(),
        body: wish.document.canonical.clone().into_bytes(),
        proof: Proof::Challenge {
            did: node.node_did,
            key,
            text: proven.text,
            signature: proven.signature,
        },
    };
    mutation::append(conn, &context.writer, &mutation)?;
    Ok(node.hostname)
}

/// What a program presents.
#[derive(Clone)]
pub(crate) struct Presented {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// The name that credentials are for; its node must be registered.
pub(crate) fn presented_check(
    conn: &mut Conn,
    context: &Context,
    presented: &Presented,
) -> Result<DnsNameRow, RegistryError> {
    let row: Option<DnsNameRow> = dns_names::table
        .filter(dns_names::username.eq(&presented.username))
        .select(DnsNameRow::as_select())
        .first(conn)
        .optional()?;
    let row = row.ok_or(RegistryError::Credentials)?.intact(&context.sealer)?;
    if row.password_digest != digest_of(&presented.password) {
        return Err(RegistryError::Credentials);
    }
    let node: NodeRow = nodes::table
        .find(&row.node_did)
        .select(NodeRow::as_select())
        .first(conn)?;
    let node = node.intact(&context.sealer)?;
    node.current_require(context.env.now())?;
    if row.withdrawn_at.is_some() || node.hostname != row.name {
        return Err(RegistryError::Credentials);
    }
    Ok(row)
}

/// The same as [`presented_check`], with the row locked: the credentials may have ended in between.
pub(crate) fn presented_lock(
    conn: &mut Conn,
    context: &Context,
    presented: &Presented,
) -> Result<DnsNameRow, RegistryError> {
    let name = presented_check(conn, context, presented)?.name;
    let row = name_lock(conn, context, &name)?.ok_or(RegistryError::Credentials)?;
    let is_theirs = row.username == presented.username && row.password_digest == digest_of(&presented.password);
    if !is_theirs || row.withdrawn_at.is_some() {
        return Err(RegistryError::Credentials);
    }
    Ok(row)
}

/// Adds a text for a certificate authority; returns the name and the revision that has it.
pub(crate) fn presented_challenge_add(
    conn: &mut Conn,
    context: &Context,
    presented: &Presented,
    text: &str,
) -> Result<(String, i64), RegistryError> {
    let row = presented_lock(conn, context, presented)?;
    let name = row.name.clone();
    let revision = challenge_add(conn, context, row, text)?;
    Ok((name, revision))
}
