use diesel::prelude::*;
use imajin_did::{Did, Keyring, PublicKey, Sealed};
use imajin_events_api::{EventCreate, EventStatus};
use imajin_fair::{Acceptance, Manifest};
use imajin_store::mutation::{self, Keys, Logged, unproven_text};
use imajin_store::{Conn, Finding, StoreError};

use super::{PAGE, finding};
use crate::domain::draft::{EventDraft, TierDraft};
use crate::log;
use crate::rows::{AcceptanceRow, EventRow, TierRow, status_text};
use crate::schema::{acceptances, events, tiers};

/// Events, tiers and acceptances against the log, and what is signed in them.
pub(super) fn check(
    conn: &mut Conn,
    keyring: &Keyring,
    keys: Keys<'_>,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = events::table
            .filter(events::id.gt(&after))
            .order_by(events::id)
            .limit(PAGE);
        let rows: Vec<EventRow> = query.select(EventRow::as_select()).load(conn)?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id.to_string();
        for row in &rows {
            let log = mutation::history(conn, &row.id.to_string())?;
            event_check(row, &log, findings);
            key_check(row, keyring, findings);
            let query = tiers::table
                .filter(tiers::event_id.eq(row.id))
                .order_by(tiers::position);
            let tiers: Vec<TierRow> = query.select(TierRow::as_select()).load(conn)?;
            tiers_check(row, &tiers, &log, findings);
            acceptances_check(conn, row, keys, findings)?;
            manifest_check(row, keys, findings);
        }
    }
}

/// What the owner signed when the event was made; `None` when it is not in the log or was erased.
fn draft_of(log: &[Logged]) -> Option<EventDraft> {
    let made = log.iter().find(|entry| entry.action == log::EVENT_CREATE)?;
    let body: EventCreate = serde_json::from_slice(made.body.as_deref()?).ok()?;
    EventDraft::of(body).ok()
}

fn event_check(row: &EventRow, log: &[Logged], findings: &mut Vec<Finding>) {
    let mut wrong = |problem: &str| findings.push(finding("events", &row.id, problem));
    let Some(made) = log.first().filter(|entry| entry.action == log::EVENT_CREATE) else {
        return wrong("the log does not say who made it");
    };
    if made.owner_did != row.owner_did.as_str() {
        wrong("its owner is not who made it");
    }
    let status = match log.last().map(|entry| entry.action.as_str()) {
        Some(log::EVENT_PUBLISH) => EventStatus::Published,
        Some(log::EVENT_PAUSE) => EventStatus::Paused,
        _ => EventStatus::Draft,
    };
    if row.status != status_text(status) {
        wrong("its status is not the one that was last logged");
    }
    if made.body.is_none() {
        return; // Erased on demand: its digest was checked with the log.
    }
    match draft_of(log) {
        Some(draft) if event_agrees(row, &draft) => {}
        Some(_) => wrong("it does not say what its owner signed"),
        None => wrong("what its owner signed cannot be read"),
    }
}

fn event_agrees(row: &EventRow, draft: &EventDraft) -> bool {
    row.title == draft.title
        && row.description == draft.description
        && row.starts_at == draft.starts_at
        && row.ends_at == draft.ends_at
        && row.timezone == draft.timezone
        && row.venue == draft.venue
        && row.address == draft.address
        && row.virtual_url == draft.virtual_url
        && row.refund_policy == draft.refund_policy
        && row.manifest_id == draft.manifest.id.as_str()
        && row.tags().is_ok_and(|tags| tags == draft.tags)
        && row.manifest().is_ok_and(|manifest| manifest == draft.manifest)
}

fn tiers_check(event: &EventRow, rows: &[TierRow], log: &[Logged], findings: &mut Vec<Finding>) {
    let Some(draft) = draft_of(log) else { return };
    if rows.len() != draft.tiers.len() {
        findings.push(finding(
            "events",
            &event.id,
            "it has not the tiers that its owner signed",
        ));
        return;
    }
    for (row, tier) in rows.iter().zip(&draft.tiers) {
        if !tier_agrees(row, tier) {
            findings.push(finding(
                "tiers",
                &row.id,
                "it does not say what the event's owner signed",
            ));
        }
    }
}

fn tier_agrees(row: &TierRow, tier: &TierDraft) -> bool {
    let perks: Result<Vec<String>, _> = serde_json::from_str(&row.perks);
    row.name == tier.name
        && row.description == tier.description
        && row.price().is_ok_and(|price| price == tier.price)
        && row.quantity == tier.quantity.map(i64::from)
        && row.per_order_limit == i64::from(tier.per_order_limit)
        && row.sales_start == tier.sales_start
        && row.sales_end == tier.sales_end
        && perks.is_ok_and(|perks| perks == tier.perks)
}

fn key_check(row: &EventRow, keyring: &Keyring, findings: &mut Vec<Finding>) {
    let sealed = Sealed::from_bytes(row.sealed_key.clone());
    let problem = match keyring.open_key(&EventRow::key_label(row.id), &sealed) {
        Ok(key) if key.did() == row.did => return,
        Ok(_) => "its sealed key is not the key of its DID",
        Err(_) => "its sealed key cannot be opened",
    };
    findings.push(finding("events", &row.id, problem));
}

/// The keys of a DID: those that the caller knows, and the one that the DID contains.
fn keys_of(did: &Did, keys: Keys<'_>) -> Vec<PublicKey> {
    let mut all = keys(did);
    all.extend(did.public_key());
    all
}

fn manifest_check(row: &EventRow, keys: Keys<'_>, findings: &mut Vec<Finding>) {
    let Ok(manifest) = row.manifest() else {
        findings.push(finding("events", &row.id, "its manifest cannot be read"));
        return;
    };
    let signers = keys_of(&row.owner_did, keys);
    if !signers.iter().any(|key| manifest.verify_signature(key).is_ok()) {
        findings.push(finding("events", &row.id, &unproven_text(&row.owner_did)));
    }
}

fn acceptances_check(
    conn: &mut Conn,
    event: &EventRow,
    keys: Keys<'_>,
    findings: &mut Vec<Finding>,
) -> Result<(), StoreError> {
    let query = acceptances::table.filter(acceptances::event_id.eq(event.id));
    let rows: Vec<AcceptanceRow> = query.select(AcceptanceRow::as_select()).load(conn)?;
    let Ok(manifest) = event.manifest() else { return Ok(()) };
    for row in rows {
        let key = format!("{}/{}", row.event_id, row.did);
        if let Some(problem) = acceptance_problem(&row, &manifest, keys) {
            findings.push(finding("acceptances", &key, &problem));
        }
        let logged = mutation::last_body(conn, &log::acceptance_object(row.event_id, &row.did))?;
        let body = logged.map(|entry| entry.body);
        let agrees = match &body {
            None => false,
            Some(None) => true,
            Some(Some(body)) => same_document(body, &row.document),
        };
        if !agrees {
            findings.push(finding("acceptances", &key, "it is not the one that was logged"));
        }
    }
    Ok(())
}

fn acceptance_problem(row: &AcceptanceRow, manifest: &Manifest, keys: Keys<'_>) -> Option<String> {
    let acceptance = serde_json::from_str::<Acceptance>(&row.document).ok();
    let acceptance = acceptance.filter(|acceptance| {
        acceptance.contributor().canonical() == row.did && row.manifest_id == manifest.id.as_str()
    });
    let Some(acceptance) = acceptance else {
        return Some("it is no acceptance of this manifest by the contributor".to_owned());
    };
    let signers = keys_of(acceptance.contributor(), keys);
    // The keys of a did:web are its own home's: what it has signed is covered by the seal alone.
    let is_signed = signers.is_empty() || signers.iter().any(|key| acceptance.verify(manifest, key).is_ok());
    (!is_signed).then(|| unproven_text(&row.did))
}

fn same_document(body: &[u8], document: &str) -> bool {
    let logged: Result<Acceptance, _> = serde_json::from_slice(body);
    let stored: Result<Acceptance, _> = serde_json::from_str(document);
    matches!((logged, stored), (Ok(logged), Ok(stored)) if logged == stored)
}
