//! Receipts: made in the transaction of the settlement, signed by the node.

use std::collections::BTreeSet;

use imajin_did::{Did, Keyring};
use imajin_fair::distribution::{Distribution, Hop, Outcome, Part};
use imajin_fair::plan::Plan;
use imajin_kernel::Span;
use imajin_kernel::id::ReceiptId;
use imajin_ledger::{Posted, Recipients};
use imajin_money::{Amount, Money};
use imajin_pay_api::{
    GoodsRef, ReceiptBody, ReceiptClaims, ReceiptFee, ReceiptHop, ReceiptLedgerEntry, ReceiptLeg, ReceiptRelease,
    ReceiptView,
};
use imajin_proof::digest::sha256_hex;
use imajin_proof::jcs::JcsError;
use imajin_proof::token::{self, Standard};
use imajin_proof::{ProofError, SignedMessage};
use imajin_rails::RailDirect;

use super::plan::Split;
use crate::PayError;
use crate::rows::{CheckoutRow, PartyRow, ReceiptRow};

/// The type of the signed document.
pub(crate) const RECEIPT_KIND: &str = "receipt";

/// A receipt's JWT does not end before anyone stops asking for it.
const JWT_LIFETIME: Span = Span::days(36_500);

/// What a receipt says beside the checkout's own columns.
pub(crate) struct ReceiptParts<'a> {
    pub(crate) id: ReceiptId,
    pub(crate) plan: &'a Plan,
    pub(crate) distribution: &'a Distribution,
    pub(crate) direct: &'a [RailDirect],
    /// What was paid, before the rail took anything.
    pub(crate) price: Money,
    pub(crate) rail_fee: Option<Amount>,
    pub(crate) split: &'a Split,
    pub(crate) delivered: &'a [String],
    pub(crate) recipients: &'a Recipients,
    pub(crate) entry: &'a Posted,
    pub(crate) test_money: bool,
}

/// How goods are named in a JWT's audience.
pub(crate) fn audience(goods: &GoodsRef) -> String {
    format!("{}:{}", goods.kind, goods.id)
}

/// The fees of a plan as a receipt prints them.
pub(crate) fn fees_of(plan: &Plan, recipients: &Recipients) -> Vec<ReceiptFee> {
    let fee = |line: &imajin_fair::plan::FeeLine| ReceiptFee {
        name: line.name.clone(),
        did: recipients.did(line.recipient).clone(),
        amount: line.amount,
    };
    plan.fees.iter().map(fee).collect()
}

/// The legs of a plan, distributed along the contracts, as a receipt prints them.
pub(crate) fn legs_of(plan: &Plan, distribution: &Distribution, direct: &[RailDirect]) -> Vec<ReceiptLeg> {
    let leg = |part: &Part| {
        let leg = plan.legs.get(part.leg);
        let paid_to = direct.iter().find(|paid| paid.share == part.leg);
        ReceiptLeg {
            did: part.to.clone(),
            role: leg.map(|leg| leg.role.clone()).unwrap_or_default(),
            path: leg.map(|leg| leg.path.clone()).unwrap_or_default(),
            amount: part.amount,
            held: part.outcome == Outcome::Held,
            contracts: part.route.iter().map(hop_of).collect(),
            accrued: part.outcome == Outcome::Accrued,
            paid_to: paid_to.map(|paid| paid.address.clone()),
        }
    };
    distribution.parts.iter().map(leg).collect()
}

fn hop_of(hop: &Hop) -> ReceiptHop {
    ReceiptHop {
        profile: hop.profile.clone(),
        version: hop.version,
        label: hop.label.clone(),
        recipient: hop.recipient.clone(),
        percentage: hop.percentage.to_percentage().to_string(),
        amount: hop.amount,
        overflowed: hop.overflowed,
    }
}

pub(crate) fn releases_of(distribution: &Distribution) -> Vec<ReceiptRelease> {
    let release = |release: &imajin_fair::distribution::Release| ReceiptRelease {
        profile: release.from.profile.clone(),
        label: release.from.label.clone(),
        did: release.from.recipient.clone(),
        amount: release.amount,
    };
    distribution.releases.iter().map(release).collect()
}

/// Writes and signs a receipt.
pub(crate) fn receipt_make(
    keyring: &Keyring,
    checkout: &CheckoutRow,
    parts: &ReceiptParts<'_>,
) -> Result<(ReceiptRow, SignedMessage<ReceiptBody>), PayError> {
    let gross = parts.price;
    let body = ReceiptBody {
        id: parts.id,
        time: parts.entry.posted_at,
        checkout: checkout.id,
        goods: checkout.goods(),
        title: checkout.title.clone(),
        delivered: parts.delivered.to_vec(),
        seller: parts.split.document.seller.clone(),
        manifest: parts.split.manifest.clone(),
        gross,
        fees: fees_of(parts.plan, parts.recipients),
        legs: legs_of(parts.plan, parts.distribution, parts.direct),
        releases: releases_of(parts.distribution),
        rail: checkout.rail.clone(),
        rail_fee: parts.rail_fee,
        rail_reference: checkout.rail_reference.clone().unwrap_or_default(),
        test_money: parts.test_money,
        ledger_entry: ReceiptLedgerEntry {
            id: parts.entry.id,
            hash: hex::encode(parts.entry.hash),
        },
    };
    let (node, payer) = (keyring.node_did().clone(), parts.recipients.payer.clone());
    let now = parts.entry.posted_at;
    let (message, document) =
        SignedMessage::sign_to_bytes(keyring.node_key(), node, RECEIPT_KIND, Some(payer), now, body)?;
    let row = ReceiptRow {
        id: parts.id,
        checkout_id: checkout.id,
        entry_id: parts.entry.id,
        payer_did: checkout.owner_did.clone(),
        asset: gross.asset.to_string(),
        gross: gross.amount.micros(),
        issued_at: now,
        // The canonical bytes are the document's text: whoever hashes the column gets what the JWT says.
        document: String::from_utf8(document).or(Err(ProofError::Jcs(JcsError::NotJson)))?,
        row_seal: Vec::new(),
    };
    Ok((row, message))
}

/// A receipt in both of its forms. The JWT says nothing that the document does not: it is made when somebody asks, with
/// the key that the node has then, and is the same for as long as that key is.
pub(crate) fn receipt_view(keyring: &Keyring, row: &ReceiptRow) -> Result<ReceiptView, PayError> {
    let message = row.message()?;
    let body = &message.payload;
    let claims = ReceiptClaims {
        payer: message
            .to
            .clone()
            .ok_or_else(|| PayError::Fault("a receipt for nobody".to_owned()))?,
        gross: body.gross,
        document_sha256: sha256_hex(row.document.as_bytes()),
        manifest: body.manifest.id.clone(),
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
        .map_err(|error| PayError::Fault(format!("a receipt's token: {error}")))?;
    Ok(ReceiptView { message, jwt })
}

/// Who may see a receipt beside the operator: the payer, the payees, and those whose contracts passed money on.
pub(crate) fn parties_of(message: &SignedMessage<ReceiptBody>) -> Vec<PartyRow> {
    let mut dids: BTreeSet<&Did> = message.payload.legs.iter().map(|leg| &leg.did).collect();
    let hops = message.payload.legs.iter().flat_map(|leg| &leg.contracts);
    dids.extend(hops.map(|hop| &hop.profile));
    dids.extend(message.payload.releases.iter().map(|release| &release.did));
    dids.extend(message.payload.fees.iter().map(|fee| &fee.did));
    dids.extend(&message.to);
    let receipt_id = message.payload.id.to_string();
    dids.into_iter()
        .map(|did| PartyRow {
            did: did.to_string(),
            receipt_id: receipt_id.clone(),
        })
        .collect()
}
