//! What pay asks about answers: the most that one may cost while it is not there, and what it has cost afterwards.

use async_trait::async_trait;
use imajin_kernel::id::QuestionId;
use imajin_kernel::{Code, Problem, Span};
use imajin_pay_api::{
    ANSWER_GOODS, Delivery, DeliveryOutcome, GoodsQuote, GoodsRef, GoodsReturn, Released, Returned, SellerApi,
};
use imajin_proof::digest::sha256_hex;

use crate::answer::manifest_before;
use crate::course::buyer;
use crate::domain::questions::question_find;
use crate::rows::{QuestionRow, QuestionState};
use crate::{Query, QueryError};

/// How long a price is good once it was asked for.
const QUOTED_FOR: Span = Span::minutes(15);

impl Query {
    /// The question that goods name; `None` when it was forgotten.
    async fn question_of(&self, goods: &GoodsRef) -> Result<Option<QuestionRow>, QueryError> {
        let id: Option<QuestionId> = (goods.kind == ANSWER_GOODS).then(|| goods.id.parse().ok()).flatten();
        let id = id.ok_or(QueryError::NotFound("question"))?;
        self.read(move |conn, context| question_find(conn, context, id)).await
    }

    async fn quote_of(&self, row: &QuestionRow) -> Result<GoodsQuote, QueryError> {
        let state = row.state()?;
        if state == QuestionState::Failed {
            return Err(QueryError::Conflict("This question has no answer."));
        }
        let (price, manifest, sources) = if matches!(state, QuestionState::Answered | QuestionState::Settled) {
            let answer = row.answer()?;
            let sources = self.sources_of(&answer).await?;
            let price = row.fee()?.unwrap_or(row.ceiling()?);
            (price, answer.fair, sources)
        } else {
            (
                row.ceiling()?,
                manifest_before(&self.context, &row.leader_did)?,
                Vec::new(),
            )
        };
        Ok(GoodsQuote {
            title: "An answer to a question".to_owned(),
            price,
            buyer: Some(buyer(row)),
            seller: row.leader_did.clone(),
            manifest,
            // The leader has signed the terms that this split follows from.
            accepted: vec![row.leader_did.clone()],
            sources,
            expires_at: self.context.now().plus(QUOTED_FOR),
        })
    }
}

#[async_trait]
impl SellerApi for Query {
    async fn goods_quote(&self, request: GoodsRef) -> Result<GoodsQuote, Problem> {
        let row = self.question_of(&request).await?;
        let row = row.ok_or(QueryError::NotFound("question"))?;
        Ok(self.quote_of(&row).await?)
    }

    /// An answer that is there is handed over; a question that was given up never will be, nor one that was forgotten
    /// since; and while it is being answered, pay asks again later.
    async fn goods_deliver(&self, request: Delivery) -> Result<DeliveryOutcome, Problem> {
        let Some(row) = self.question_of(&request.goods).await? else {
            let reason = "There is no such question any more.".to_owned();
            return Ok(DeliveryOutcome::Refused { reason });
        };
        match row.state()? {
            QuestionState::Answered | QuestionState::Settled => {
                let answer = row.answer()?;
                let evidence: serde_json::Value = serde_json::from_str(&row.evidence).unwrap_or_default();
                let consent = evidence.get("consent").cloned().unwrap_or_default();
                let consent = imajin_proof::jcs::value_to_bytes(&consent).unwrap_or_default();
                let references = vec![
                    format!("answer sha256:{}", sha256_hex(answer.text.as_bytes())),
                    format!("consent sha256:{}", sha256_hex(&consent)),
                ];
                Ok(DeliveryOutcome::Delivered { references })
            }
            QuestionState::Failed => {
                let problem: Option<Problem> = row.failure.as_deref().and_then(|text| serde_json::from_str(text).ok());
                let reason = problem.map_or_else(|| "There is no answer.".to_owned(), |problem| problem.detail);
                Ok(DeliveryOutcome::Refused { reason })
            }
            QuestionState::Placed | QuestionState::Held => {
                Err(Problem::new(Code::Unavailable, "The question is still being answered."))
            }
        }
    }

    async fn goods_release(&self, _request: GoodsRef) -> Result<Released, Problem> {
        Ok(Released {})
    }

    /// What was said cannot be taken back.
    async fn goods_return(&self, _request: GoodsReturn) -> Result<Returned, Problem> {
        Ok(Returned {})
    }
}
