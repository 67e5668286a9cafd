use axum::extract::State;
use axum::response::Response;
use imajin_did::Did;
use imajin_events_api::{OrderFetch, OrderView};
use imajin_fair::ManifestId;
use imajin_kernel::Problem;
use imajin_kernel::id::ReceiptId;
use imajin_money::Money;
use imajin_pay_api::{
    ReceiptBody, ReceiptFetch, ReceiptHop, ReceiptLeg, ReceiptView, RefundList, RefundSheet, RefundView,
};
use imajin_ui::{FeeRow, LegRow, PathStep, ReceiptPage, RefundForm, RefundLine, Shell, render};
use imajin_web::{Failure, PathParams};

use super::document::{download, signed_document};
use crate::names::Names;
use crate::person::Person;
use crate::show::{amount_text, did_short, id_short, moment, money_text, part_percent};
use crate::{AppState, Www};

/// The goods that events sells.
const ORDER_GOODS: &str = "order";

/// `/receipts/{id}`: where the money went.
pub(super) async fn receipt(
    State(www): State<AppState>,
    PathParams(id): PathParams<ReceiptId>,
    person: Person,
) -> Result<Response, Failure> {
    let receipt = www.receipt_of(id, &person).await?;
    let order = www.order_of(&receipt.message.payload, &person).await;
    let names = www.names(people(&receipt)).await;
    let shell = www.frame(
        &receipt.message.payload.title,
        &format!("/receipts/{id}"),
        Some(&person.0),
    );
    let sheet = www.deps.pay.refund_list(RefundList {
        receipt: id,
        reader: person.pay_reader(),
    });
    let mut page = page(&receipt, order.as_ref(), &names, shell);
    if let Some(sheet) = sheet.await? {
        refunds_show(&mut page, &sheet);
    }
    Ok(render(&page))
}

/// What went back, and the form for those who may send it.
fn refunds_show(page: &mut ReceiptPage, sheet: &RefundSheet) {
    let line = |refund: &RefundView| RefundLine {
        id: refund.id.to_string(),
        amount: money_text(&refund.amount),
        when: moment(refund.created_at),
        state: match refund.state.as_str() {
            "sent" => "went back",
            "returned" => "went back and was not taken by the buyer's bank: it is in the buyer's balance here",
            "failed" => "could not go back: the payment service refused it, and everything is as it was",
            _ => "is on its way back",
        }
        .to_owned(),
        reason: refund.reason.clone().unwrap_or_default(),
        note_url: ["sent", "returned"]
            .contains(&refund.state.as_str())
            .then(|| format!("/credit-notes/{}", refund.id)),
    };
    page.refunds = sheet.refunds.iter().map(line).collect();
    let all = sheet.left.is_zero() && !sheet.refunded.is_zero();
    page.refunded = page.refunds.last().filter(|_last| all).map(|last| last.when.clone());
    page.refund_form = (sheet.may_refund && !sheet.left.is_zero()).then(|| RefundForm {
        left: amount_text(sheet.left.amount, sheet.left.asset),
        currency: sheet.left.asset.to_string(),
    });
}

/// `/receipts/{id}/document.json`: the signed receipt.
pub(super) async fn document_json(
    State(www): State<AppState>,
    PathParams(id): PathParams<ReceiptId>,
    person: Person,
) -> Result<Response, Failure> {
    let receipt = www.receipt_of(id, &person).await?;
    signed_document(id.as_str(), &receipt.message)
}

/// `/receipts/{id}/document.jwt`: the same for machines.
pub(super) async fn document_jwt(
    State(www): State<AppState>,
    PathParams(id): PathParams<ReceiptId>,
    person: Person,
) -> Result<Response, Failure> {
    let receipt = www.receipt_of(id, &person).await?;
    Ok(download(
        &format!("{id}.jwt"),
        "application/jwt",
        receipt.jwt.into_bytes(),
    ))
}

impl Www {
    async fn receipt_of(&self, id: ReceiptId, person: &Person) -> Result<ReceiptView, Problem> {
        let receipt = self
            .deps
            .pay
            .receipt_fetch(ReceiptFetch {
                id,
                reader: person.pay_reader(),
            })
            .await?;
        receipt.ok_or_else(|| Problem::not_found("receipt"))
    }

    /// The order that was paid, if the reader may see it. A payee reads the receipt without it, and nobody loses a
    /// receipt because events is away.
    async fn order_of(&self, body: &ReceiptBody, person: &Person) -> Option<OrderView> {
        if body.goods.kind != ORDER_GOODS {
            return None;
        }
        let id = body.goods.id.parse().ok()?;
        match self
            .deps
            .events
            .order_fetch(OrderFetch {
                id,
                reader: person.events_reader(),
            })
            .await
        {
            Ok(order) => order,
            Err(problem) => {
                tracing::debug!(code = %problem.code, "the order of a receipt could not be looked up");
                None
            }
        }
    }
}

/// Whose names the page shows, the payer first.
fn people(receipt: &ReceiptView) -> impl Iterator<Item = &Did> {
    let body = &receipt.message.payload;
    let payees = body
        .legs
        .iter()
        .flat_map(|leg| leg.contracts.iter().map(|hop| &hop.profile).chain([&leg.did]))
        .chain(body.fees.iter().map(|fee| &fee.did));
    receipt.message.to.iter().chain(payees)
}

fn page(receipt: &ReceiptView, order: Option<&OrderView>, names: &Names, shell: Shell) -> ReceiptPage {
    let (message, body) = (&receipt.message, &receipt.message.payload);
    let fee_row = |fee: &imajin_pay_api::ReceiptFee| FeeRow {
        name: fee.name.clone(),
        recipient_name: names.of(&fee.did),
        percent: part_percent(fee.amount, body.gross.amount),
        amount: amount_text(fee.amount, body.gross.asset),
        amount_micros: fee.amount.micros(),
    };
    // What the processor has kept is shown as what it is: a fee, and nobody's income here.
    let rail_row = body.rail_fee.map(|kept| FeeRow {
        name: "payment".to_owned(),
        recipient_name: body.rail.clone(),
        percent: part_percent(kept, body.gross.amount),
        amount: amount_text(kept, body.gross.asset),
        amount_micros: kept.micros(),
    });
    ReceiptPage {
        shell,
        receipt_id: body.id.to_string(),
        time: moment(body.time),
        title: body.title.clone(),
        description: order
            .map(|order| format!("{} × {}", order.quantity, order.tier_name))
            .unwrap_or_default(),
        goods_url: order.map(|order| format!("/events/{}", order.event_id)),
        payer_name: message
            .to
            .as_ref()
            .map_or_else(|| "somebody".to_owned(), |payer| names.of(payer)),
        payer_did: message.to.as_ref().map(Did::to_string).unwrap_or_default(),
        gross: money_text(&body.gross),
        gross_micros: body.gross.amount.micros(),
        fees: body.fees.iter().map(fee_row).chain(rail_row).collect(),
        fee_schedule: String::new(),
        legs: body.legs.iter().map(|leg| leg_row(leg, &body.gross, names)).collect(),
        is_test: body.test_money,
        refunded: None,
        refunds: Vec::new(),
        refund_form: None,
        rail: body.rail.clone(),
        rail_reference: body.rail_reference.clone(),
        manifest_id: body.manifest.id.to_string(),
        manifest_digest: body.manifest.sha256.clone(),
        manifest_url: order
            .map(|order| format!("/events/api/events/{}/fair", order.event_id))
            .unwrap_or_default(),
        consent_digest: None,
        entry_hash: body.ledger_entry.hash.clone(),
        signed_by: message.from.to_string(),
        signature: message.signature.to_hex(),
        json_url: format!("/receipts/{}/document.json", body.id),
        jwt_url: format!("/receipts/{}/document.jwt", body.id),
    }
}

fn leg_row(leg: &ReceiptLeg, gross: &Money, names: &Names) -> LegRow {
    let step = |id: &ManifestId| PathStep {
        manifest_id: id.to_string(),
        title: id_short(id.as_str()),
    };
    let contract = |hop: &ReceiptHop| PathStep {
        manifest_id: String::new(),
        title: format!("the contract of {}: {}", names.of(&hop.profile), hop.label),
    };
    LegRow {
        name: names.of(&leg.did),
        did: leg.did.to_string(),
        short_did: did_short(&leg.did),
        role: leg.role.clone(),
        // The first manifest is the goods' own.
        path: leg
            .path
            .iter()
            .skip(1)
            .map(step)
            .chain(leg.contracts.iter().map(contract))
            .collect(),
        percent: part_percent(leg.amount, gross.amount),
        amount: amount_text(leg.amount, gross.asset),
        amount_micros: leg.amount.micros(),
        held: leg.held,
        paid_to: leg.paid_to.clone().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{did, order_sample, receipt_sample};

    #[test]
    fn the_split_is_shown_leg_by_leg_and_adds_up() {
        let names = Names::known(&[(&did(1), "Mira"), (&did(2), "Ada")]);
        let page = page(&receipt_sample(), Some(&order_sample()), &names, Shell::default());
        let legs: Vec<_> = page
            .legs
            .iter()
            .map(|leg| {
                (
                    leg.name.clone(),
                    leg.percent.as_str(),
                    leg.amount.as_str(),
                    leg.path.len(),
                )
            })
            .collect();
        assert_eq!(
            legs,
            [
                ("Ada".to_owned(), "70 %", "7.00", 0),
                (did_short(&did(3)), "30 %", "3.00", 0)
            ]
        );
        assert!(page.parts_match());
        assert_eq!(
            (page.payer_name.as_str(), page.description.as_str()),
            ("Mira", "1 × Standing")
        );
        assert!(page.is_test);
    }

    #[test]
    fn a_payee_reads_it_without_the_order() {
        let page = page(&receipt_sample(), None, &Names::default(), Shell::default());
        assert_eq!(
            (page.goods_url, page.manifest_url.as_str(), page.description.as_str()),
            (None, "", "")
        );
    }
}
