//! Works by MJN headers: consent to the terms and the payment come in one signed request, and the answer is bound to
//! it.

use imajin_consent::{IntendedUse, Permit, WorkAsked, evaluate};
use imajin_kernel::id::{ContentId, ReceiptId};
use imajin_kernel::{Code, Problem, Span};
use imajin_mjn::{Evidence, Means, VerifiedMjnRequest};
use imajin_pay_api::{
    CheckoutFetch, CheckoutState, GoodsHold, GoodsRef, HoldMeans, PayClient, Reader, ReceiptBody, ReceiptFetch,
};
use imajin_proof::SignedMessage;
use imajin_publisher_api::{ReaderAccess, UseGrant};

use crate::Publisher;
use crate::content::token::read_token_issue;
use crate::domain::access::receipt_find;
use crate::works::{CONTENT_GOODS, Reading};

/// How long pay leaves a work that is paid for to this service before it has it handed over itself.
const HANDED_OVER_WITHIN: Span = Span::minutes(1);

impl Publisher {
    /// Lets somebody read a work: the consent meets the terms, then what it costs is paid, once however often it is
    /// asked for, and then there is a token for the bytes.
    pub(crate) async fn work_use(
        &self,
        id: ContentId,
        request: &VerifiedMjnRequest,
    ) -> Result<(UseGrant, Option<ReceiptId>), Problem> {
        let mut reading = self.reading(id, Some(&request.did)).await?;
        if reading.shown.access == ReaderAccess::Withdrawn {
            return Err(Problem::new(
                Code::Gone,
                "This work was withdrawn: nobody new can have it.",
            ));
        }
        let permit = permit(&reading, request)?;
        if !reading.shown.access.may_read() {
            self.work_pay(id, request).await?;
            reading = self.reading(id, Some(&request.did)).await?;
        }
        if !reading.shown.access.may_read() {
            return Err(under_way());
        }
        self.grant(&reading, &permit, request).await
    }

    /// Has pay take the price, as what was signed says, and hand the work over.
    async fn work_pay(&self, id: ContentId, request: &VerifiedMjnRequest) -> Result<(), Problem> {
        let pay = self.pay()?;
        let evidence = serde_json::to_string(&Evidence::of(request)).map_err(|_error| Problem::internal())?;
        let wanted = GoodsHold {
            goods: GoodsRef {
                kind: CONTENT_GOODS.to_owned(),
                id: id.to_string(),
            },
            buyer: request.did.clone(),
            means: means(&request.settlement.means)?,
            max: request.settlement.max,
            evidence,
            due_at: self.context.env.now().plus(HANDED_OVER_WITHIN),
        };
        let held = pay.goods_hold(wanted).await?;
        let paid = pay.goods_finish(CheckoutFetch { id: held.checkout }).await?;
        match paid.state {
            CheckoutState::Settled => Ok(()),
            CheckoutState::Refunded => {
                let why = paid.reason.unwrap_or_default();
                Err(Problem::new(Code::Conflict, format!("The money went back. {why}")))
            }
            _ => Err(under_way()),
        }
    }

    fn pay(&self) -> Result<&PayClient, Problem> {
        let pay = self.pay.as_ref();
        pay.ok_or_else(|| Problem::unavailable("The service `pay`"))
    }

    async fn grant(
        &self,
        reading: &Reading,
        permit: &Permit,
        request: &VerifiedMjnRequest,
    ) -> Result<(UseGrant, Option<ReceiptId>), Problem> {
        let (context, version) = (&self.context, &reading.shown.version);
        let id = version.content_id;
        let (token, expires_at) = read_token_issue(&context.keyring, &context.env, id, &request.did)?;
        let readers = self.readers(Some(&request.did)).await?;
        let receipt_id = self
            .read(move |conn, context| receipt_find(conn, context, id, &readers))
            .await?;
        let grant = UseGrant {
            content: id,
            manifest: version.manifest_id()?,
            title: version.title.clone(),
            sha256: version.sha256.clone(),
            size: version.size()?,
            media_type: version.media_type.clone(),
            conditions: permit.conditions().to_vec(),
            url: self.site.public.absolute(&format!("/publisher/content/{id}")),
            token,
            expires_at,
            receipt: self.receipt(receipt_id, request).await,
        };
        Ok((grant, receipt_id))
    }

    /// The receipt of whoever has paid. Whoever has may read also while pay is away.
    async fn receipt(&self, id: Option<ReceiptId>, request: &VerifiedMjnRequest) -> Option<SignedMessage<ReceiptBody>> {
        let reader = Reader {
            did: request.did.clone(),
            operator: false,
        };
        let fetched = self.pay.as_ref()?.receipt_fetch(ReceiptFetch { id: id?, reader }).await;
        match fetched {
            Ok(view) => view.map(|view| view.message),
            Err(problem) => {
                tracing::warn!(%problem, "a reader gets no receipt now");
                None
            }
        }
    }
}

/// Whether the consent meets the terms, and the offer the price; whoever may read already owes nothing.
fn permit(reading: &Reading, request: &VerifiedMjnRequest) -> Result<Permit, Problem> {
    let price = reading.shown.version.price()?;
    let offered = if reading.shown.access.may_read() {
        price
    } else {
        Some(request.settlement.max)
    };
    let asked = WorkAsked {
        manifest: &reading.record.manifest,
        wanted: IntendedUse::Read,
        scope: None,
        price_named: price,
        offered,
    };
    Ok(evaluate(&request.consent, &asked)?)
}

/// What can pay within one request.
fn means(means: &Means) -> Result<HoldMeans, Problem> {
    match means {
        Means::Balance => Ok(HoldMeans::Balance),
        Means::Visa(token) => Ok(HoldMeans::Visa(token.clone())),
        Means::Free | Means::Checkout(_) | Means::Solana(_) => {
            let detail =
                "means: must be `balance` or `visa`; to pay otherwise, open a checkout: POST /pay/api/checkout.";
            Err(Problem::invalid(detail).with("member", "means"))
        }
    }
}

/// The money is held, and the work is not handed over yet.
fn under_way() -> Problem {
    Problem::new(Code::IdempotencyInFlight, "The payment for this work is under way.")
        .hint("Ask again in a moment: nothing is paid twice.")
        .retry_after_seconds(2)
}
