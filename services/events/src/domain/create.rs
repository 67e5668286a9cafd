use diesel::prelude::*;
use imajin_did::{Did, SecretKey};
use imajin_events_api::EventStatus;
use imajin_kernel::Timestamp;
use imajin_kernel::id::{EventId, TierId};
use imajin_proof::jcs;
use imajin_store::idempotency::Outcome;
use imajin_store::{Conn, SealedRow};
use imajin_web::{Authorised, KeyTier, SignerKeys};

use super::draft::{EventDraft, TierDraft};
use crate::context::{Context, IdempotencyKey};
use crate::rows::{EventRow, TierRow, json_text, status_text};
use crate::schema::events;
use crate::{EventsError, log};

/// Events that one owner may have: a bound on what a single key can fill.
const EVENTS_PER_OWNER_MAX: i64 = 1_000;

/// An event that is ready to be written: identifiers and keys are made once, although the write may run twice.
#[derive(Clone)]
pub(crate) struct NewEvent {
    id: EventId,
    did: Did,
    sealed_key: Vec<u8>,
    draft: EventDraft,
    tiers: Vec<TierId>,
    verified: Authorised<KeyTier>,
    body: Vec<u8>,
    idempotency: Option<IdempotencyKey>,
}

/// What became of it.
pub(crate) enum Created {
    /// It is new.
    Fresh(EventId),
    /// It was made by an earlier request with the same idempotency key.
    Replayed(EventId),
}

impl NewEvent {
    /// Checks the manifest's signature and gives the event an identity of its own.
    pub(crate) fn prepare(
        context: &Context,
        draft: EventDraft,
        owner: &SignerKeys,
        verified: Authorised<KeyTier>,
        body: Vec<u8>,
        idempotency: Option<IdempotencyKey>,
    ) -> Result<Self, EventsError> {
        draft.times_check(context.env.now())?;
        manifest_verify(&draft, owner)?;
        let id = context.env.new_id();
        let key = SecretKey::generate(&context.env);
        let sealed_key = context
            .keyring
            .seal_key(&EventRow::key_label(id), &key, &context.env)
            .into_bytes();
        let tiers = draft.tiers.iter().map(|_tier| context.env.new_id()).collect();
        Ok(Self {
            id,
            did: key.did(),
            sealed_key,
            draft,
            tiers,
            verified,
            body,
            idempotency,
        })
    }

    fn row(&self, now: Timestamp) -> Result<EventRow, EventsError> {
        let draft = self.draft.clone();
        Ok(EventRow {
            id: self.id,
            did: self.did.clone(),
            owner_did: self.verified.did().clone(),
            status: status_text(EventStatus::Draft).to_owned(),
            title: draft.title,
            description: draft.description,
            starts_at: draft.starts_at,
            ends_at: draft.ends_at,
            timezone: draft.timezone,
            venue: draft.venue,
            address: draft.address,
            virtual_url: draft.virtual_url,
            tags: json_text(&draft.tags)?,
            refund_policy: draft.refund_policy,
            manifest_id: draft.manifest.id.to_string(),
            manifest: jcs::to_string(&draft.manifest).map_err(imajin_proof::ProofError::from)?,
            sealed_key: self.sealed_key.clone(),
            proof: log::proof_text(&self.verified)?,
            created_at: now,
            updated_at: now,
            published_at: None,
            deleted_at: None,
            row_seal: Vec::new(),
        })
    }
}

/// Writes a new event as a draft.
pub(crate) fn event_create(conn: &mut Conn, context: &Context, new: &NewEvent) -> Result<Created, EventsError> {
    let now = context.env.now();
    let owner = new.verified.did();
    if let Some(key) = &new.idempotency
        && let Outcome::Replay { body, .. } = context.idempotency_check(conn, owner, key, now)?
    {
        context.nonce_spend(conn, &new.verified)?;
        return Ok(Created::Replayed(Context::replayed_id(&body)?));
    }
    let count: i64 = events::table
        .filter(events::owner_did.eq(owner))
        .filter(events::deleted_at.is_null())
        .count()
        .get_result(conn)?;
    if count >= EVENTS_PER_OWNER_MAX {
        return Err(EventsError::State {
            detail: format!("You have {count} events already."),
            hint: "One identity may have 1000 events; use another identity for more.",
        });
    }
    log::signed_append(conn, context, &new.verified, log::EVENT_CREATE, &new.id, &new.body)?;
    new.row(now)?.insert(conn, &context.sealer)?;
    let tiers: Result<Vec<TierRow>, EventsError> = new
        .draft
        .tiers
        .iter()
        .zip(&new.tiers)
        .zip(0..)
        .map(|((tier, id), position)| tier_row(new.id, *id, position, tier))
        .collect();
    TierRow::insert_all(tiers?, conn, &context.sealer)?;
    if let Some(key) = &new.idempotency {
        context.idempotency_store(conn, owner, key, &new.id.to_string(), now)?;
    }
    Ok(Created::Fresh(new.id))
}

fn tier_row(event_id: EventId, id: TierId, position: i64, tier: &TierDraft) -> Result<TierRow, EventsError> {
    Ok(TierRow {
        id,
        event_id,
        position,
        name: tier.name.clone(),
        description: tier.description.clone(),
        price_micros: tier.price.amount.micros(),
        asset: tier.price.asset.to_string(),
        quantity: tier.quantity.map(i64::from),
        per_order_limit: i64::from(tier.per_order_limit),
        sales_start: tier.sales_start,
        sales_end: tier.sales_end,
        perks: json_text(&tier.perks)?,
        sold: 0,
        held: 0,
        gross_micros: 0,
        row_seal: Vec::new(),
    })
}

/// The author is the caller, and one of the caller's keys signed the manifest while it counted.
fn manifest_verify(draft: &EventDraft, owner: &SignerKeys) -> Result<(), EventsError> {
    let is_owner = |did: &Did| did.canonical() == owner.did;
    let (author, signer) = (draft.manifest.author.as_ref(), draft.manifest.signer());
    if !author.is_some_and(is_owner) {
        return Err(EventsError::invalid("manifest.author", "must be the caller's DID"));
    }
    if !signer.is_none_or(is_owner) {
        return Err(EventsError::invalid(
            "manifest.signature.did",
            "must be the caller's DID",
        ));
    }
    owner.check(|key| draft.manifest.verify_signature(key))
}
