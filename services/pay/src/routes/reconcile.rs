use axum::Json;
use axum::extract::State;
use imajin_web::{Authorised, Failure, OperatorTier, ProblemDocument, SignedBody, Viewer};
use serde::Deserialize;
use utoipa::ToSchema;

use super::PayRoutes;
use crate::domain::reconcile::list::{self, Reconciliation};
use crate::{Pay, PayError};

/// The body of `POST /api/reconciliation`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReconcileBody {
    /// `rail:<name>`, `broker:<issuer>` or `ledger`; everything, if not said.
    scope: Option<String>,
}

pub(crate) async fn reconciliation_of(pay: &Pay) -> Result<Reconciliation, PayError> {
    let scopes = pay.reconcile_scopes();
    pay.read(move |conn, context| list::reconciliation(conn, context, &scopes))
        .await
}

/// What differs between the rails and the ledger
///
/// For the operator: how far the comparison of each rail with the ledger is, every difference with what to do about it,
/// and those that were resolved.
#[utoipa::path(
    get, path = "/api/reconciliation", tag = "reconciliation",
    responses(
        (status = 200, description = "The rounds and the differences", body = Reconciliation),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
    )
)]
pub(super) async fn reconciliation(
    State(PayRoutes(pay)): State<PayRoutes>,
    viewer: Viewer,
) -> Result<Json<Reconciliation>, Failure> {
    viewer.operator_require()?;
    Ok(Json(reconciliation_of(&pay).await?))
}

/// Compare now
///
/// By the operator: each rail and each broker with the ledger, or one of them, without waiting for the job that does it
/// every six hours. What takes long goes on in the background; the answer shows how far it is.
#[utoipa::path(
    post, path = "/api/reconciliation", tag = "reconciliation", request_body = ReconcileBody,
    responses(
        (status = 200, description = "The rounds and the differences", body = Reconciliation),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Not the operator", body = ProblemDocument),
        (status = 404, description = "There is no such rail or broker", body = ProblemDocument),
    )
)]
pub(super) async fn reconcile(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<ReconcileBody, Authorised<OperatorTier>>,
) -> Result<Json<Reconciliation>, Failure> {
    let SignedBody {
        verified,
        value,
        request,
    } = signed;
    let body = request.body;
    let object = value.scope.clone().unwrap_or_else(|| "all".to_owned());
    pay.write(move |conn, context| context.signed_append(conn, &verified, "reconcile", &object, &body))
        .await?;
    pay.reconcile_now(value.scope.as_deref()).await?;
    Ok(Json(reconciliation_of(&pay).await?))
}
