//! What the operator of the registry orders: signed, and logged with the signature.

use imajin_store::Conn;
use imajin_store::mutation::{self, Mutation, Proof};
use imajin_web::{Authorised, OperatorTier};

use crate::RegistryError;
use crate::context::Context;

/// The characters of a reason at most: it is shown to people, and published.
const REASON_LENGTH_MAX: usize = 300;

/// A signed request of the operator.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// Who signed, and what: nobody but the operator.
    pub(crate) verified: Authorised<OperatorTier>,
    /// The body that was signed.
    pub(crate) body: Vec<u8>,
}

impl Order {
    /// Logs what was ordered; the nonce is spent with it.
    pub(crate) fn append(
        &self,
        conn: &mut Conn,
        context: &Context,
        action: &str,
        object: &str,
    ) -> Result<(), RegistryError> {
        let mutation = Mutation {
            owner: self.verified.did().clone(),
            action,
            object: object.to_owned(),
            body: self.body.clone(),
            proof: Proof::Http(self.verified.proof().clone()),
        };
        mutation::append(conn, &context.writer, &mutation)?;
        Ok(())
    }
}

/// Refuses a reason that says nothing or too much.
pub(crate) fn reason_check(reason: &str) -> Result<(), RegistryError> {
    let length = reason.chars().count();
    if reason.trim().is_empty() || length > REASON_LENGTH_MAX || reason.chars().any(char::is_control) {
        return Err(RegistryError::shape(
            "reason",
            format!("it is published: write 1 to {REASON_LENGTH_MAX} characters on one line"),
        ));
    }
    Ok(())
}
