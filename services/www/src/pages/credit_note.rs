use axum::extract::State;
use axum::response::Response;
use imajin_did::Did;
use imajin_kernel::Problem;
use imajin_kernel::id::RefundId;
use imajin_pay_api::{CreditNoteFetch, CreditNoteView};
use imajin_ui::{CreditNotePage, CreditNoteRow, Shell, render};
use imajin_web::{Failure, PathParams};

use super::document::{download, signed_document};
use crate::names::Names;
use crate::person::Person;
use crate::show::{amount_text, moment, money_text};
use crate::{AppState, Www};

/// `/credit-notes/{id}`: what went back of a receipt, and who gave it back.
pub(super) async fn note(
    State(www): State<AppState>,
    PathParams(id): PathParams<RefundId>,
    person: Person,
) -> Result<Response, Failure> {
    let note = www.credit_note_of(id, &person).await?;
    let names = www.names(people(&note)).await;
    let title = format!("Credit note: {}", note.message.payload.title);
    let shell = www.frame(&title, &format!("/credit-notes/{id}"), Some(&person.0));
    Ok(render(&page(&note, &names, shell)))
}

/// `/credit-notes/{id}/document.json`: the signed credit note.
pub(super) async fn document_json(
    State(www): State<AppState>,
    PathParams(id): PathParams<RefundId>,
    person: Person,
) -> Result<Response, Failure> {
    let note = www.credit_note_of(id, &person).await?;
    signed_document(id.as_str(), &note.message)
}

/// `/credit-notes/{id}/document.jwt`: the same for machines.
pub(super) async fn document_jwt(
    State(www): State<AppState>,
    PathParams(id): PathParams<RefundId>,
    person: Person,
) -> Result<Response, Failure> {
    let note = www.credit_note_of(id, &person).await?;
    Ok(download(&format!("{id}.jwt"), "application/jwt", note.jwt.into_bytes()))
}

impl Www {
    async fn credit_note_of(&self, id: RefundId, person: &Person) -> Result<CreditNoteView, Problem> {
        let note = self
            .deps
            .pay
            .credit_note_fetch(CreditNoteFetch {
                id,
                reader: person.pay_reader(),
            })
            .await?;
        note.ok_or_else(|| Problem::not_found("credit note"))
    }
}

/// Whose names the page shows.
fn people(note: &CreditNoteView) -> impl Iterator<Item = &Did> {
    let body = &note.message.payload;
    let gave = body
        .legs
        .iter()
        .map(|leg| &leg.did)
        .chain(body.fees.iter().map(|fee| &fee.did));
    note.message.to.iter().chain([&body.seller]).chain(gave)
}

fn page(note: &CreditNoteView, names: &Names, shell: Shell) -> CreditNotePage {
    let (message, body) = (&note.message, &note.message.payload);
    let asset = body.gross.asset;
    let legs = body
        .legs
        .iter()
        .map(|leg| (names.of(&leg.did), leg.role.clone(), leg.amount));
    let fees = body
        .fees
        .iter()
        .map(|fee| (names.of(&fee.did), format!("{} fee", fee.name), fee.amount));
    let borne = body.rail_fee_borne.map(|amount| {
        let role = format!("what {} keeps of the payment, borne by the seller", body.rail);
        (names.of(&body.seller), role, amount)
    });
    let row = |(name, role, amount)| CreditNoteRow {
        name,
        role,
        amount: amount_text(amount, asset),
    };
    CreditNotePage {
        shell,
        id: body.id.to_string(),
        time: moment(body.time),
        title: body.title.clone(),
        refunded: money_text(&body.refunded),
        total: format!("With this note, {} of {} went back.", body.refunded_total, body.gross),
        payer_name: message
            .to
            .as_ref()
            .map_or_else(|| "somebody".to_owned(), |payer| names.of(payer)),
        reason: body.reason.clone().unwrap_or_default(),
        parts: legs.chain(fees).chain(borne).map(row).collect(),
        is_test: body.test_money,
        receipt_id: body.receipt.to_string(),
        rail: body.rail.clone(),
        rail_reference: body.rail_reference.clone(),
        entry_hash: body.ledger_entry.hash.clone(),
        signed_by: message.from.to_string(),
        signature: message.signature.to_hex(),
    }
}
