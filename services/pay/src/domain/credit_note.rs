//! Credit notes: signed by the node when a rail has taken a refund.

use imajin_did::Keyring;
use imajin_kernel::Span;
use imajin_ledger::{Entry, entry_find};
use imajin_money::{Amount, Money};
use imajin_pay_api::{
    CreditNoteBody, CreditNoteClaims, CreditNoteLeg, CreditNoteView, ReceiptBody, ReceiptFee, ReceiptLedgerEntry,
};
use imajin_proof::digest::sha256_hex;
use imajin_proof::jcs::JcsError;
use imajin_proof::token::{self, Standard};
use imajin_proof::{ProofError, SignedMessage};
use imajin_store::{Conn, SealedRow};

use super::receipt::audience;
use super::sale::{Line, Sale};
use crate::PayError;
use crate::context::Context;
use crate::rows::{RefundRow, Reversal};

/// The type of the signed document.
pub(crate) const CREDIT_NOTE_KIND: &str = "credit-note";

/// A credit note's JWT does not end before anyone stops asking for it.
const JWT_LIFETIME: Span = Span::days(36_500);

/// Writes and signs the credit note of a refund; answers with its RFC 8785 text.
pub(crate) fn note_make(
    conn: &mut Conn,
    context: &Context,
    sale: &Sale,
    row: &RefundRow,
    total: Money,
) -> Result<String, PayError> {
    let name = row.id.to_string();
    let missing = || PayError::damaged(RefundRow::TABLE, &name, "what it took is not in the ledger");
    let entry = entry_find(conn, &context.sealer, &row.ledger_key())?.ok_or_else(missing)?;
    let key = row.ledger_key();
    let reversal = sale.reversals.iter().find(|(known, _)| *known == key);
    let (_, reversal) = reversal.ok_or_else(missing)?;
    let body = note_body(sale, row, reversal, &entry, total)?;
    let keyring = &context.keyring;
    let (node, payer, now) = (keyring.node_did().clone(), sale.checkout.buyer()?, context.now());
    let (_message, document) =
        SignedMessage::sign_to_bytes(keyring.node_key(), node, CREDIT_NOTE_KIND, Some(payer), now, body)?;
    Ok(String::from_utf8(document).or(Err(ProofError::Jcs(JcsError::NotJson)))?)
}

fn note_body(
    sale: &Sale,
    row: &RefundRow,
    reversal: &Reversal,
    entry: &Entry,
    total: Money,
) -> Result<CreditNoteBody, PayError> {
    let lines: Vec<(Line, i64)> = sale.lines.clone();
    let (fees, legs, borne) = note_lines(&sale.body, &lines, reversal);
    let body = &sale.body;
    Ok(CreditNoteBody {
        id: row.id,
        time: row.ended_at.unwrap_or(row.created_at),
        receipt: row.receipt_id,
        checkout: row.checkout_id,
        goods: body.goods.clone(),
        title: body.title.clone(),
        seller: body.seller.clone(),
        gross: body.gross,
        refunded: row.money()?,
        refunded_total: total,
        fees,
        legs,
        rail_fee_borne: (!borne.is_zero()).then_some(borne),
        reason: row.reason.clone(),
        rail: row.rail.clone(),
        rail_reference: row.reference.clone().unwrap_or_default(),
        test_money: body.test_money,
        ledger_entry: ReceiptLedgerEntry {
            id: entry.id,
            hash: hex::encode(entry.hash),
        },
    })
}

/// What came back of the fees, of the legs, and what of the rail's fee the seller bears.
pub(crate) fn note_lines(
    body: &ReceiptBody,
    lines: &[(Line, i64)],
    reversal: &Reversal,
) -> (Vec<ReceiptFee>, Vec<CreditNoteLeg>, Amount) {
    let taken = |line: usize| {
        let backs = reversal.lines.iter().filter(|back| back.line == line);
        let units = backs.map(|back| back.units).fold(0, i64::saturating_add);
        Amount::from_micros(units).ok().filter(|amount| !amount.is_zero())
    };
    let (mut fees, mut legs, mut borne) = (Vec::new(), Vec::new(), Amount::ZERO);
    for (place, (line, _)) in lines.iter().enumerate() {
        let Some(amount) = taken(place) else { continue };
        match *line {
            Line::Fee(number) => fees.extend(body.fees.get(number).map(|fee| ReceiptFee { amount, ..fee.clone() })),
            Line::Leg(number) => legs.extend(body.legs.get(number).map(|leg| CreditNoteLeg {
                leg: u32::try_from(number).unwrap_or(u32::MAX),
                did: leg.did.clone(),
                role: leg.role.clone(),
                amount,
            })),
            Line::Rail => borne = amount,
        }
    }
    (fees, legs, borne)
}

/// A credit note in both of its forms; none while the rail has not taken the refund.
pub(crate) fn note_view(keyring: &Keyring, row: &RefundRow) -> Result<Option<CreditNoteView>, PayError> {
    let (Some(message), Some(document)) = (row.note()?, &row.document) else {
        return Ok(None);
    };
    let body = &message.payload;
    let payer = message.to.clone();
    let claims = CreditNoteClaims {
        payer: payer.ok_or_else(|| PayError::Fault("a credit note for nobody".to_owned()))?,
        refunded: body.refunded,
        receipt: body.receipt,
        document_sha256: sha256_hex(document.as_bytes()),
        entry_hash: body.ledger_entry.hash.clone(),
    };
    let standard = Standard {
        iss: keyring.node_did().to_string(),
        aud: audience(&body.goods),
        sub: body.id.to_string(),
        jti: body.id.to_string(),
        iat: body.time,
        exp: body.time.plus(JWT_LIFETIME),
    };
    let kid = token::key_id(&keyring.node_public());
    let jwt = token::issue(keyring.node_key(), &kid, &standard, &claims)
        .map_err(|error| PayError::Fault(format!("a credit note's token: {error}")))?;
    Ok(Some(CreditNoteView { message, jwt }))
}
