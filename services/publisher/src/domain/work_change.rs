//! A signed request that changes a work, done once however often it is sent.

use imajin_kernel::id::ContentId;
use imajin_proof::http_sig::SignedRequest;
use imajin_store::Conn;
use imajin_store::idempotency::{self, Key, Outcome};

use super::work::Author;
use crate::context::Context;
use crate::{PublisherError, log};

/// The request, with its idempotency key if it has one.
#[derive(Clone)]
pub(crate) struct WorkChange {
    pub(crate) verified: Author,
    body: Vec<u8>,
    key: Option<Key>,
}

impl WorkChange {
    pub(crate) fn new(verified: Author, request: SignedRequest) -> Result<Self, PublisherError> {
        let key = Key::of(&request).map_err(|error| PublisherError::invalid("Idempotency-Key", error.to_string()))?;
        Ok(Self {
            verified,
            body: request.body,
            key,
        })
    }

    /// Does the work, unless this key was answered before.
    pub(super) fn once(
        &self,
        conn: &mut Conn,
        context: &Context,
        work: impl FnOnce(&mut Conn) -> Result<ContentId, PublisherError>,
    ) -> Result<ContentId, PublisherError> {
        let Some(key) = &self.key else { return work(conn) };
        let (owner, now) = (self.verified.did(), context.env.now());
        match idempotency::check(conn, &context.sealer, &key.request(owner), now)? {
            Outcome::Fresh => {}
            Outcome::Replay { body, .. } => {
                context.nonce_spend(conn, &self.verified)?;
                let id = std::str::from_utf8(&body).ok().and_then(|text| text.parse().ok());
                return id.ok_or_else(|| PublisherError::Fault("a kept answer cannot be read".to_owned()));
            }
            Outcome::InFlight | Outcome::Mismatch => return Err(PublisherError::IdempotencyMismatch),
        }
        let id = work(conn)?;
        let answer = id.to_string();
        idempotency::store(conn, &context.sealer, &key.request(owner), 200, answer.as_bytes(), now)?;
        Ok(id)
    }

    /// Logs the request.
    pub(super) fn append(
        &self,
        conn: &mut Conn,
        context: &Context,
        action: &str,
        id: ContentId,
    ) -> Result<(), PublisherError> {
        log::signed_append(conn, context, &self.verified, action, log::work_object(id), &self.body)
    }
}
