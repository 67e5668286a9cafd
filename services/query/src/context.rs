use imajin_did::{Did, Keyring};
use imajin_kernel::{Env, Timestamp};
use imajin_proof::http_sig::SignedRequest;
use imajin_store::mutation::{self, Mutation, Proof};
use imajin_store::{Conn, Sealer};
use imajin_web::Verified;
use serde::Serialize;

use crate::QueryError;

/// What every domain function may use besides its connection; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) keyring: Keyring,
    pub(crate) sealer: Sealer,
    pub(crate) writer: mutation::Writer,
}

/// A signed request that changes something.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) verified: Verified,
    /// The body as it was signed.
    pub(crate) body: Vec<u8>,
}

/// Writes a document into a text column.
pub(crate) fn json_text<T: Serialize>(value: &T) -> Result<String, QueryError> {
    serde_json::to_string(value).map_err(|error| QueryError::Fault(format!("a column could not be written: {error}")))
}

impl Change {
    pub(crate) fn of(verified: Verified, request: SignedRequest) -> Self {
        Self {
            verified,
            body: request.body,
        }
    }

    pub(crate) fn did(&self) -> Did {
        self.verified.did().canonical()
    }

    /// Logs the change by the caller's own signature, and spends its nonce. Gives what is stored with the row as its
    /// proof.
    pub(crate) fn log(
        &self,
        conn: &mut Conn,
        context: &Context,
        action: &str,
        object: String,
    ) -> Result<String, QueryError> {
        let mutation = Mutation::signed(self.verified.proof(), action, object, &self.body);
        mutation::append(conn, &context.writer, &mutation)?;
        json_text(&self.verified.row_proof())
    }

    /// As [`Change::log`], without the body: it is kept once, in its row, and is signed itself.
    pub(crate) fn log_without_body(
        &self,
        conn: &mut Conn,
        context: &Context,
        action: &str,
        object: String,
    ) -> Result<String, QueryError> {
        let mutation = Mutation::signed(self.verified.proof(), action, object, &self.body);
        mutation::append_without_body(conn, &context.writer, &mutation)?;
        json_text(&self.verified.row_proof())
    }
}

impl Context {
    pub(crate) fn now(&self) -> Timestamp {
        self.env.now()
    }

    /// Logs what the node does for somebody.
    pub(crate) fn node_log(
        &self,
        conn: &mut Conn,
        owner: &Did,
        action: &str,
        object: String,
        body: String,
    ) -> Result<(), QueryError> {
        let mutation = Mutation {
            owner: owner.clone(),
            action,
            object,
            body: body.into_bytes(),
            proof: Proof::Node,
        };
        mutation::append(conn, &self.writer, &mutation)?;
        Ok(())
    }
}
