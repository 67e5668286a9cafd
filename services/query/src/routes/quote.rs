use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use imajin_kernel::Problem;
use imajin_proof::SignedMessage;
use imajin_query_api::{QuoteBody, QuoteTerms};
use imajin_web::{Failure, ProblemDocument, SignedBody};

use super::QueryRoutes;
use crate::QueryError;
use crate::admission::tokens_of;
use crate::context::Change;
use crate::domain::quotes::{NewQuote, quote_issue};

/// Ask what an answer would cost
///
/// The question stays unsaid: its SHA-256 is enough. The quote is signed by the node, good for some minutes, for this
/// question, for the caller, and once. Only who is within the leader's trust gets one, or in a pod that the terms name.
#[utoipa::path(
    post, path = "/api/query/quote", tag = "questions", request_body = QuoteBody,
    responses(
        (status = 201, description = "The quote: a message of the type `query-quote`", body = Object),
        (status = 400, description = "A member is wrong", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller is a stranger to the leader", body = ProblemDocument),
        (status = 404, description = "Nobody's questions are answered under this DID", body = ProblemDocument),
        (status = 503, description = "The trust graph is away", body = ProblemDocument),
    )
)]
pub(super) async fn quote(
    State(QueryRoutes(query)): State<QueryRoutes>,
    signed: SignedBody<QuoteBody>,
) -> Result<(StatusCode, Json<SignedMessage<QuoteTerms>>), Failure> {
    let leader = query.leader_open(&signed.value.leader).await?;
    let facts = query.facts(&leader, signed.verified.did()).await?;
    leader
        .terms
        .query_terms(leader.did.clone())
        .admit(facts)
        .map_err(QueryError::from)?;
    let tokens_max = tokens_of(&leader.terms, signed.value.max_tokens)?;
    let query_sha256 = signed.value.query_sha256.to_ascii_lowercase();
    if hex::decode(&query_sha256).map_or(0, |bytes| bytes.len()) != 32 {
        return Err(QueryError::invalid("querySha256", "must be 64 hex digits: the SHA-256 of the question").into());
    }
    let new = NewQuote {
        ceiling: leader.terms.price(tokens_max),
        leader: leader.did,
        query_sha256,
        tokens_max,
        good_for: query.config.quote_good_for,
        change: Change::of(signed.verified, signed.request),
    };
    let row = query
        .write(move |conn, context| quote_issue(conn, context, &new))
        .await?;
    let keyring = &query.context.keyring;
    let (node, to) = (keyring.node_did().clone(), Some(row.owner_did.clone()));
    let message = SignedMessage::sign(
        keyring.node_key(),
        node,
        QuoteTerms::KIND,
        to,
        row.created_at,
        row.terms()?,
    );
    let message = message.map_err(|error| Problem::from(QueryError::from(error)))?;
    Ok((StatusCode::CREATED, Json(message)))
}
