use imajin_kernel::Env;
use imajin_proof::http_sig::SignedRequest;
use imajin_store::mutation::{self, Mutation, Proof};
use imajin_store::{Conn, Sealer};
use imajin_web::{Authorised, KeyTier};

use crate::ConnectionsError;
use crate::rows::json_text;

/// What every domain function may use besides its connection; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) env: Env,
    pub(crate) sealer: Sealer,
    pub(crate) writer: mutation::Writer,
}

/// A signed request that changes something.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) verified: Authorised<KeyTier>,
    /// The body as it was signed.
    pub(crate) body: Vec<u8>,
}

impl Change {
    pub(crate) fn of(verified: Authorised<KeyTier>, request: SignedRequest) -> Self {
        Self {
            verified,
            body: request.body,
        }
    }

    /// The body as text: it was parsed as JSON, so it is.
    pub(crate) fn text(&self) -> Result<String, ConnectionsError> {
        String::from_utf8(self.body.clone())
            .map_err(|_error| ConnectionsError::Fault("a parsed body is no text".into()))
    }

    /// Logs the change by the caller's own signature, and spends its nonce. Gives what is stored with the row as its
    /// proof.
    pub(crate) fn log(
        &self,
        conn: &mut Conn,
        context: &Context,
        action: &str,
        object: String,
    ) -> Result<String, ConnectionsError> {
        let mutation = Mutation::signed(self.verified.proof(), action, object, &self.body);
        mutation::append(conn, &context.writer, &mutation)?;
        json_text(&self.verified.row_proof())
    }

    /// Spends the nonce of a change that changes nothing any more.
    pub(crate) fn spend(&self, conn: &mut Conn, context: &Context) -> Result<(), ConnectionsError> {
        Ok(imajin_store::nonce::request_spend(
            conn,
            &context.sealer,
            self.verified.proof(),
        )?)
    }
}

/// Logs what the node does in somebody's name: it keeps documents that they have brought from another node.
pub(crate) fn node_log(
    conn: &mut Conn,
    context: &Context,
    owner: &imajin_did::Did,
    action: &str,
    object: String,
    body: Vec<u8>,
) -> Result<(), ConnectionsError> {
    let mutation = Mutation {
        owner: owner.clone(),
        action,
        object,
        body,
        proof: Proof::Node,
    };
    mutation::append(conn, &context.writer, &mutation)?;
    Ok(())
}
