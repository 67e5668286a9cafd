use axum::extract::State;
use axum::response::{IntoResponse, Response};
use imajin_did::Did;
use imajin_events_api::{EventFetch, EventView, TierView};
use imajin_fair::{Contributor, ManifestSignature, Payee};
use imajin_kernel::id::EventId;
use imajin_kernel::{Problem, Timestamp};
use imajin_ui::{EventDetail, EventPage, SplitPart, SplitView, TierRow, render};
use imajin_web::{Failure, PathParams, Viewer, fair};

use crate::AppState;
use crate::names::Names;
use crate::show::{event_end, event_state, event_time, id_short, money_text, place_text, share_percent, tier_state};

/// `/events/{id}`: one event, its tickets, and who gets what of the price.
pub(super) async fn event(
    State(www): State<AppState>,
    PathParams(id): PathParams<EventId>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let reader = viewer.session.as_ref().map(|session| session.did.clone());
    let event = www.deps.events.event_fetch(EventFetch { id, reader }).await?;
    let event = event.ok_or_else(|| Problem::not_found("event").hint("Look at what is on, on the first page."))?;
    let names = www.names(people(&event)).await;
    let now = www.now();
    let page = render(&EventPage {
        shell: www.frame(&event.title, &format!("/events/{id}"), viewer.session.as_ref()),
        event: detail(&event, &names),
        state: event_state(&event, now),
        tiers: event.tiers.iter().map(|tier| tier_row(tier, &event, now)).collect(),
        split: split_view(&event, &names),
        // The form's origin is checked instead.
        form_token: String::new(),
        idempotency_key: hex::encode(www.deps.site.env.random_bytes::<16>()),
    });
    let digest = event.manifest.digest_hex().map_err(|error| {
        tracing::error!(%error, event = %id, "a manifest has no digest");
        Problem::internal()
    })?;
    let manifest_url = format!("/events/api/events/{id}/fair");
    let headers = fair::headers(&www.deps.site.public.absolute(&manifest_url), &digest)?;
    Ok((headers, page).into_response())
}

/// Whose names the page shows, the host first.
fn people(event: &EventView) -> impl Iterator<Item = &Did> {
    let payees = event
        .manifest
        .contributors
        .iter()
        .filter_map(|entry| match &entry.payee {
            Payee::Did(did) => Some(did),
            Payee::Fair(_) => None,
        });
    [&event.owner].into_iter().chain(signer(event)).chain(payees)
}

fn signer(event: &EventView) -> Option<&Did> {
    match &event.manifest.signature {
        Some(ManifestSignature::Native(native)) => Some(&native.did),
        Some(ManifestSignature::Hex(_)) => event.manifest.author.as_ref(),
        None => None,
    }
}

fn detail(event: &EventView, names: &Names) -> EventDetail {
    EventDetail {
        id: event.id.to_string(),
        did: event.did.to_string(),
        title: event.title.clone(),
        starts: event_time(event.starts_at, &event.timezone),
        ends: Some(event_end(event.starts_at, event.ends_at, &event.timezone)),
        place: place_text(event.venue.as_deref(), event.is_online),
        address: event.address.clone().filter(|address| !address.trim().is_empty()),
        virtual_url: event.virtual_url.clone(),
        is_joined_by_ticket: event.is_online && event.virtual_url.is_none(),
        description: event.description.clone(),
        tags: event.tags.clone(),
        host_name: names.of(&event.owner),
        host_did: event.owner.to_string(),
        refund_policy: event.refund_policy.clone().filter(|policy| !policy.trim().is_empty()),
    }
}

fn tier_row(tier: &TierView, event: &EventView, now: Timestamp) -> TierRow {
    TierRow {
        id: tier.id.to_string(),
        name: tier.name.clone(),
        description: Some(tier.description.clone()).filter(|text| !text.trim().is_empty()),
        price: money_text(&tier.price),
        perks: tier.perks.clone(),
        places_left: tier.available,
        order_limit: tier.per_order_limit,
        state: tier_state(tier, event, now),
    }
}

fn split_view(event: &EventView, names: &Names) -> SplitView {
    let accepted: Vec<Did> = event.accepted.iter().map(Did::canonical).collect();
    SplitView {
        manifest_id: event.manifest.id.to_string(),
        manifest_url: format!("/events/api/events/{}/fair", event.id),
        signed_by: signer(event).map(|did| names.of(did)).unwrap_or_default(),
        parts: event
            .manifest
            .contributors
            .iter()
            .map(|entry| split_part(entry, &accepted, names))
            .collect(),
    }
}

pub(super) fn split_part(entry: &Contributor, accepted: &[Did], names: &Names) -> SplitPart {
    let (name, short_id, is_accepted) = match &entry.payee {
        Payee::Did(did) => (
            names.of(did),
            crate::show::did_short(did),
            accepted.contains(&did.canonical()),
        ),
        // Nobody signs for another manifest here: its own payees sign that one.
        Payee::Fair(id) => (id_short(id.as_str()), id_short(id.as_str()), true),
    };
    SplitPart {
        name,
        short_id,
        role: entry.role.clone(),
        percent: share_percent(entry.share),
        share_millionths: entry.share.millionths(),
        accepted: is_accepted,
        is_manifest: matches!(entry.payee, Payee::Fair(_)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{did, event_sample, now};

    #[test]
    fn the_split_names_shares_and_who_has_signed() {
        let mut event = event_sample();
        event.accepted = vec![did(2)];
        let names = Names::known(&[(&did(2), "Ada")]);
        let split = split_view(&event, &names);
        let parts: Vec<_> = split
            .parts
            .iter()
            .map(|part| (part.name.as_str(), part.percent.as_str(), part.accepted))
            .collect();
        let unnamed = crate::show::did_short(&did(3));
        assert_eq!(parts, [("Ada", "70 %", true), (unnamed.as_str(), "30 %", false)]);
        assert_eq!(split.manifest_url, format!("/events/api/events/{}/fair", event.id));
    }

    #[test]
    fn a_tier_shows_its_places_and_limit() {
        let event = event_sample();
        let row = tier_row(&event.tiers[0], &event, now());
        assert_eq!(
            (row.places_left, row.order_limit, row.description),
            (Some(20), 10, None)
        );
        assert_eq!(row.price.plain(), "10.00 TEST-USD");
        assert_eq!(detail(&event, &Names::default()).ends.unwrap().text, "22:30");
    }
}
