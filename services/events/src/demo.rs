//! Demonstration content: two events, made once through the same functions as any other.

use std::sync::Arc;

use imajin_did::{Did, Keyring, SecretKey};
use imajin_events_api::{EventCreate, EventList, EventStatus, EventView, TierCreate};
use imajin_fair::{Acceptance, Contributor, Manifest, Payee};
use imajin_kernel::id::EventId;
use imajin_kernel::{Problem, Span, Timestamp};
use imajin_money::{Amount, Asset, Money, Share};
use imajin_proof::http_sig::{self, RequestToSign, SignatureParams, SignedRequest};
use imajin_web::Signer;

use crate::domain::create::Created;
use crate::domain::draft::EventDraft;
use crate::domain::list;
use crate::{Events, EventsError};

/// Somebody who exists for the demonstration only; the key follows from the node's master key.
#[derive(Debug, Clone)]
pub struct DemoIdentity {
    /// A handle to register.
    pub handle: &'static str,
    /// A name to register.
    pub name: &'static str,
    /// The private key.
    pub key: SecretKey,
}

/// What [`demo_seed`] made or found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoSeed {
    /// Who sells the demonstration events.
    pub seller: Did,
    /// The event that splits 70 to 30, then the one that splits in thirds.
    pub events: Vec<EventId>,
}

const SELLER: (&str, &str) = ("demo_venue", "Rosewood Hall");
const ARTISTS: [(&str, &str); 3] = [
    ("demo_mira", "Mira Okafor"),
    ("demo_jonas", "Jonas Lindqvist"),
    ("demo_ana", "Ana Ferreira"),
];

/// The seller first, then the artists in the order of the manifests. For auth, to give them their names.
pub fn demo_identities(keyring: &Keyring) -> Vec<DemoIdentity> {
    let identity = |(handle, name): (&'static str, &'static str)| DemoIdentity {
        handle,
        name,
        key: SecretKey::from_seed(keyring.derive(&format!("demo/{handle}"))),
    };
    std::iter::once(SELLER).chain(ARTISTS).map(identity).collect()
}

/// What differs between the demonstration events.
struct DemoEvent {
    title: &'static str,
    description: &'static str,
    tags: [&'static str; 2],
    price_micros: i64,
    quantity: u32,
    shares: &'static [u32],
    days_ahead: i64,
}

const EVENTS: [DemoEvent; 2] = [
    DemoEvent {
        title: "Night of Two Strings",
        description: "Two musicians, one stage, one evening.\n\nOf each ticket, 70 % goes to Mira Okafor and 30 % to \
                      Jonas Lindqvist: look at the receipt.",
        tags: ["concert", "strings"],
        price_micros: 10_000_000,
        quantity: 200,
        shares: &[700_000, 300_000],
        days_ahead: 61,
    },
    DemoEvent {
        title: "Three Thirds",
        description: "A trio that shares everything equally, down to the last millionth.\n\nA price that does not \
                      divide by three: the receipt shows where the rest goes.",
        tags: ["concert", "trio"],
        price_micros: 9_990_000,
        quantity: 90,
        shares: &[333_333, 333_333, 333_334],
        days_ahead: 68,
    },
];

/// Makes the demonstration events, signs their manifests, accepts them for the artists and publishes them. What is
/// there already is left as it is, also when an earlier run stopped half-way.
pub async fn demo_seed(events: &Arc<Events>) -> Result<DemoSeed, Problem> {
    let people = demo_identities(&events.context.keyring);
    let Some((seller, artists)) = people.split_first() else {
        return Err(Problem::internal());
    };
    let owner = seller.key.did();
    let list = EventList {
        owner: Some(owner.clone()),
        limit: Some(100),
        cursor: None,
    };
    let known = events
        .read(move |conn, context| list::event_list(conn, context, &list))
        .await?
        .events;
    let mut ids = Vec::with_capacity(EVENTS.len());
    for demo in &EVENTS {
        let found = known.iter().find(|event| event.title == demo.title).cloned();
        let event = match found {
            Some(event) => event,
            None => create(events, seller, artists, demo).await?,
        };
        let event = accept(events, artists, event).await?;
        if event.status == EventStatus::Draft {
            let (verified, request) = signed(
                events,
                &seller.key,
                &format!("/events/api/events/{}/publish", event.id),
                b"{}",
            )
            .await?;
            events
                .event_move(event.id, EventStatus::Published, verified, request.body)
                .await?;
        }
        ids.push(event.id);
    }
    Ok(DemoSeed {
        seller: owner,
        events: ids,
    })
}

async fn create(
    events: &Arc<Events>,
    seller: &DemoIdentity,
    artists: &[DemoIdentity],
    demo: &DemoEvent,
) -> Result<EventView, Problem> {
    let body = body_of(demo, seller, artists, events.context.env.now())?;
    let json = serde_json::to_vec(&body).map_err(|error| EventsError::Fault(error.to_string()))?;
    let (verified, request) = signed(events, &seller.key, "/events/api/events", &json).await?;
    let owner = seller.key.did();
    let (Created::Fresh(id) | Created::Replayed(id)) =
        events.event_create(verified, EventDraft::of(body)?, &request).await?;
    let view = events
        .read(move |conn, context| list::event_fetch(conn, context, id, Some(&owner)))
        .await?;
    view.ok_or_else(|| Problem::not_found("event"))
}

fn body_of(
    demo: &DemoEvent,
    seller: &DemoIdentity,
    artists: &[DemoIdentity],
    now: Timestamp,
) -> Result<EventCreate, EventsError> {
    let fault = |error: &dyn std::fmt::Display| EventsError::Fault(format!("the demonstration content: {error}"));
    let mut contributors = Vec::with_capacity(demo.shares.len());
    for (artist, share) in artists.iter().zip(demo.shares) {
        let share = Share::from_millionths(*share).map_err(|error| fault(&error))?;
        contributors.push(Contributor::new(Payee::Did(artist.key.did()), "artist", share));
    }
    let mut manifest = Manifest::new(contributors)?;
    manifest.title = Some(demo.title.to_owned());
    manifest.kind = Some("event".to_owned());
    manifest.created = Some(now.to_string());
    manifest.author = Some(seller.key.did());
    let manifest = manifest.sign(&seller.key, seller.key.did(), now)?;
    let amount = Amount::from_micros(demo.price_micros).map_err(|error| fault(&error))?;
    let day = now.as_days().saturating_add(demo.days_ahead);
    let starts_at = Timestamp::from_days(day).plus(Span::hours(18));
    Ok(EventCreate {
        title: demo.title.to_owned(),
        description: demo.description.to_owned(),
        starts_at,
        ends_at: starts_at.plus(Span::hours(3)),
        timezone: "Europe/Berlin".to_owned(),
        venue: Some("Rosewood Hall".to_owned()),
        address: Some("Lindenstraße 12, 10969 Berlin".to_owned()),
        virtual_url: None,
        tags: demo.tags.map(str::to_owned).to_vec(),
        tiers: vec![TierCreate {
            name: "Standard".to_owned(),
            description: "One seat, free choice.".to_owned(),
            price: Money::new(amount, Asset::TEST_USD),
            quantity: Some(demo.quantity),
            perks: Vec::new(),
            sales_start: None,
            sales_end: None,
            per_order_limit: None,
        }],
        manifest,
        refund_policy: Some("Test money: there is nothing to give back.".to_owned()),
    })
}

/// The artists whom the manifest names countersign it, those who have not yet.
async fn accept(events: &Arc<Events>, artists: &[DemoIdentity], event: EventView) -> Result<EventView, Problem> {
    let mut event = event;
    for artist in artists {
        let did = artist.key.did();
        let has_share = event
            .manifest
            .contributors
            .iter()
            .any(|entry| entry.payee == Payee::Did(did.clone()));
        if !has_share || event.accepted.contains(&did) {
            continue;
        }
        let now = events.context.env.now();
        let acceptance =
            Acceptance::sign(&artist.key, did, event.manifest.id.clone(), now).map_err(EventsError::from)?;
        let json = serde_json::to_vec(&acceptance).map_err(|error| EventsError::Fault(error.to_string()))?;
        let path = format!("/events/api/events/{}/fair/accept", event.id);
        let (verified, request) = signed(events, &artist.key, &path, &json).await?;
        event = events
            .acceptance_add(event.id, acceptance, verified, request.body)
            .await?;
    }
    Ok(event)
}

/// Signs a request as a client would, and verifies it as a route would.
async fn signed<W: Signer>(
    events: &Events,
    key: &SecretKey,
    path: &str,
    body: &[u8],
) -> Result<(W, SignedRequest), Problem> {
    let target_uri = events.site.public.absolute(path);
    let to_sign = RequestToSign {
        method: "POST",
        target_uri: &target_uri,
        idempotency_key: None,
        body,
    };
    let params = SignatureParams::now(key.did(), &events.context.env);
    let request = http_sig::sign(key, &to_sign, &params).map_err(EventsError::from)?;
    let verified = events.site.verify(&request, "POST", &target_uri).await?;
    Ok((W::admit(verified)?, request))
}
