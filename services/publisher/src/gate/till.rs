use async_trait::async_trait;
use imajin_fair::{ManifestId, Terms};
use imajin_gate::{Charge, Charged, ManifestShown, Till, is_undecided};
use imajin_kernel::{Code, Problem};
use imajin_pay_api::{CheckoutState, GoodsRef, Reader, ReceiptFetch, VisaCapture, VisaCaptured, VisaCheck};
use imajin_proof::digest::sha256_hex;
use serde_json::Value;

use super::replays::agent_did;
use super::{ACCESS_GOODS, GateBooks};
use crate::domain::charge::{Begun, ChargeWish, charge_begin, charge_find, charge_refuse, is_begun};
use crate::domain::state::fair_url;
use crate::rows::ChargeRow;

/// How often pay is asked about one charge: its answer may be lost once.
const ASKED_MAX: u32 = 2;

#[async_trait]
impl Till for GateBooks {
    async fn terms(&self, _path: &str, fair: Option<&ManifestId>) -> Result<Option<Terms>, Problem> {
        let Some(id) = fair else { return Ok(None) };
        Ok(Some(self.chain(id).await?.work.record.manifest.terms.clone()))
    }

    async fn manifest(&self, fair: &ManifestId) -> Result<Option<ManifestShown>, Problem> {
        let chain = self.chain(fair).await?;
        let bytes = chain.work.record.manifest.canonical_bytes();
        let bytes = bytes.map_err(|_error| Problem::internal())?;
        Ok(Some(ManifestShown {
            url: fair_url(&self.publisher.site.public, fair),
            digest: sha256_hex(&bytes),
        }))
    }

    async fn check(&self, charge: &Charge) -> Result<(), Problem> {
        if self.is_begun(charge).await? {
            return Ok(());
        }
        let check = VisaCheck {
            price: charge.price,
            visa: charge.visa.clone(),
            holder: charge.holder.clone(),
            takes_bearer: charge.takes_bearer,
            audience: Some(self.site.audience.clone()),
            purpose: Some(charge.purpose),
        };
        match self.pay.visa_check(check).await {
            // Meanwhile the same request may have paid, with this very visa, at another door.
            Err(problem) if !self.is_begun(charge).await? => Err(problem),
            _pays => Ok(()),
        }
    }

    async fn charge(&self, charge: &Charge) -> Result<Charged, Problem> {
        let wish = ChargeWish {
            site: self.site.name.clone(),
            agent_did: agent_did(&charge.agent)?,
            seller: self.site.payee.clone(),
            charge: charge.clone(),
        };
        let begun = self
            .publisher
            .write(move |conn, context| charge_begin(conn, context, &wish));
        match begun.await? {
            Begun::Paid(charged) => Ok(charged),
            Begun::Ask(row) => self.capture(&row, charge).await,
        }
    }

    async fn receipt(&self, receipt: &str, agent: &str) -> Result<Option<Value>, Problem> {
        let Ok(id) = receipt.parse() else { return Ok(None) };
        let reader = Reader {
            did: agent_did(agent)?,
            operator: false,
        };
        let found = self.pay.receipt_fetch(ReceiptFetch { id, reader }).await?;
        let shown = found.map(serde_json::to_value).transpose();
        shown.map_err(|_error| Problem::internal())
    }
}

impl GateBooks {
    /// Whether the same request has paid before, or has begun to.
    async fn is_begun(&self, charge: &Charge) -> Result<bool, Problem> {
        if charge.retry_key.is_none() {
            return Ok(false);
        }
        let asked = charge.clone();
        let begun = self
            .publisher
            .read(move |conn, context| is_begun(conn, context, &asked));
        Ok(begun.await?)
    }

    /// Asks pay for the money of a charge. The same charge asked again is the same capture.
    async fn capture(&self, row: &ChargeRow, charge: &Charge) -> Result<Charged, Problem> {
        let capture = VisaCapture {
            goods: GoodsRef {
                kind: ACCESS_GOODS.to_owned(),
                id: row.id.to_string(),
            },
            payer: row.agent_did.clone(),
            visa: charge.visa.clone(),
            holder: charge.holder.clone(),
            takes_bearer: charge.takes_bearer,
            claim_digest: row.claim_digest.clone(),
            audience: Some(self.site.audience.clone()),
            purpose: Some(charge.purpose),
        };
        let mut tries: u32 = 1;
        let captured = loop {
            match self.pay.visa_capture(capture.clone()).await {
                Err(problem) if is_undecided(&problem) && tries < ASKED_MAX => tries = tries.saturating_add(1),
                decided => break decided,
            }
        };
        match captured {
            Ok(captured) => self.captured(row, &captured, charge).await,
            Err(problem) => {
                if !is_undecided(&problem) {
                    self.refuse(row, problem.detail.clone()).await?;
                }
                Err(problem)
            }
        }
    }

    async fn captured(&self, row: &ChargeRow, captured: &VisaCaptured, charge: &Charge) -> Result<Charged, Problem> {
        let reason = captured.reason.clone();
        match captured.state {
            CheckoutState::Settled | CheckoutState::Paid | CheckoutState::Open => {}
            CheckoutState::Refunded | CheckoutState::Cancelled | CheckoutState::Expired => {
                let reason = reason.unwrap_or_else(|| "Pay took nothing.".to_owned());
                self.refuse(row, reason.clone()).await?;
                return Err(Problem::new(Code::PaymentFailed, reason));
            }
        }
        let id = row.id;
        let row = self
            .publisher
            .read(move |conn, context| charge_find(conn, context, id))
            .await?;
        let Some(receipt) = row.receipt_id else {
            // The money is held; what is sent again with the same key finds it paid.
            let problem = Problem::unavailable("The payment for this was made, and its receipt");
            return Err(problem.hint("Ask again in a moment, with the same visa and the same key."));
        };
        Ok(Charged {
            receipt: receipt.to_string(),
            // Another claim with the same key was the one that counts.
            is_repeated: row.claim_digest != charge.claim_digest,
        })
    }

    async fn refuse(&self, row: &ChargeRow, reason: String) -> Result<(), Problem> {
        let id = row.id;
        let refused = self
            .publisher
            .write(move |conn, context| charge_refuse(conn, context, id, &reason));
        Ok(refused.await?)
    }
}
