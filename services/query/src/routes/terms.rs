use axum::Json;
use axum::extract::State;
use imajin_did::Did;
use imajin_proof::SignedMessage;
use imajin_query_api::{LeaderTerms, TermsView};
use imajin_web::{Authorised, Failure, KeyTier, ProblemDocument, QueryParams, SignedBody};
use serde::Deserialize;
use serde_json::Value;

use super::QueryRoutes;
use crate::context::Change;
use crate::domain::leaders::{terms_of, terms_set as set};
use crate::{Query, QueryError};

/// Whose terms.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TermsQuery {
    leader: Did,
}

impl Query {
    /// Somebody's terms, open or not.
    pub(crate) async fn terms_view(&self, leader: &Did) -> Result<Option<TermsView>, QueryError> {
        let leader = leader.canonical();
        self.read(move |conn, context| terms_of(conn, context, &leader)).await
    }

    /// Terms that came just now from their leader, for this node and one of its engines.
    async fn terms_check(&self, body: &[u8], signer: &Did) -> Result<(), QueryError> {
        let message = SignedMessage::from_slice(body)?;
        if message.from.canonical() != signer.canonical() {
            return Err(QueryError::OtherSigner);
        }
        let keys = self.keys_at(&message.from, None).await?;
        let now = self.context.now();
        keys.check::<_, QueryError>(|key| message.verify_fresh(LeaderTerms::KIND, key, now))?;
        let terms: LeaderTerms = message
            .payload_as()
            .map_err(|error| QueryError::invalid("payload", error.to_string()))?;
        terms.check()?;
        if !terms.node.is_equivalent(self.context.keyring.node_did()) {
            let problem = format!("must be this node, {}: it answers", self.context.keyring.node_did());
            return Err(QueryError::invalid("node", problem));
        }
        self.engine_of(&terms)?;
        self.pods_check(&terms, &signer.canonical()).await
    }
}

/// Read a leader's terms
///
/// Who may ask, what may be done with an answer, which engine answers and what it costs at most. The leader has signed
/// them, and they name the node that answers in the leader's name.
#[utoipa::path(
    get, path = "/api/query/terms", tag = "terms",
    params(("leader" = String, Query, description = "The leader's DID")),
    responses(
        (status = 200, description = "The terms", body = TermsView),
        (status = 404, description = "Nobody's questions are answered under this DID", body = ProblemDocument),
    )
)]
pub(super) async fn terms_fetch(
    State(QueryRoutes(query)): State<QueryRoutes>,
    QueryParams(asked): QueryParams<TermsQuery>,
) -> Result<Json<TermsView>, Failure> {
    let view = query.terms_view(&asked.leader).await?;
    Ok(Json(view.ok_or(QueryError::NotFound("leader who answers questions"))?))
}

/// Say under which terms one's questions are answered
///
/// The body is the signed document itself: a message of the type `query-terms` by the caller.
#[utoipa::path(
    put, path = "/api/query/terms", tag = "terms", request_body = Object,
    responses(
        (status = 200, description = "They hold from now on", body = TermsView),
        (status = 400, description = "A member is wrong, or the engine is none of this node's", body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong, old or used", body = ProblemDocument),
        (status = 403, description = "Somebody else has signed them, or the caller has no key of their own here",
            body = ProblemDocument),
        (status = 503, description = "Whether the caller is in the pods cannot be asked now", body = ProblemDocument),
    )
)]
pub(super) async fn terms_set(
    State(QueryRoutes(query)): State<QueryRoutes>,
    signed: SignedBody<Value, Authorised<KeyTier>>,
) -> Result<Json<TermsView>, Failure> {
    let did = signed.verified.did().clone();
    query.terms_check(&signed.request.body, &did).await?;
    let change = Change::of((*signed.verified).clone(), signed.request);
    query.write(move |conn, context| set(conn, context, &change)).await?;
    let view = query.terms_view(&did).await?;
    Ok(Json(view.ok_or(QueryError::NotFound("leader"))?))
}
