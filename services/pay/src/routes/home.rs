use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use imajin_web::{Failure, ProblemDocument, SignedBody, Viewer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use utoipa::ToSchema;

use super::PayRoutes;
use crate::PayError;
use crate::domain::home::{HomeView, home_bind, home_find, home_unbind};

/// The body of `PUT /api/connect/home`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HomeBody {
    /// The address of the node: `https://node.example`.
    #[schema(value_type = String)]
    node: Url,
}

/// Where your money is to arrive.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HomeAnswer {
    /// The node; missing while it stays here.
    #[serde(skip_serializing_if = "Option::is_none")]
    home: Option<HomeView>,
}

/// See at which node your money is to arrive
#[utoipa::path(
    get, path = "/api/connect/home", tag = "peers",
    responses(
        (status = 200, description = "The node, if it is another one", body = HomeAnswer),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
pub(super) async fn home(State(PayRoutes(pay)): State<PayRoutes>, viewer: Viewer) -> Result<Json<HomeAnswer>, Failure> {
    let did = viewer.session_require()?.did.clone();
    let found = pay.read(move |conn, context| home_find(conn, context, &did));
    Ok(Json(HomeAnswer {
        home: found.await?.map(HomeView::of),
    }))
}

/// Say at which node your money is to arrive
///
/// What you have here, and whatever you get from now on, is sent there in batches, as far as brokers have paid this
/// node; until then, and what cannot be sent, is your balance here.
#[utoipa::path(
    put, path = "/api/connect/home", tag = "peers", request_body = HomeBody,
    responses(
        (status = 200, description = "It is noted", body = HomeAnswer),
        (status = 400, description = "There is no node at this address", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
    )
)]
pub(super) async fn home_set(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<HomeBody>,
) -> Result<Json<HomeAnswer>, Failure> {
    let (url, node) = pay.brokers.node_read(signed.verified.did(), &signed.value.node).await?;
    if node.canonical() == pay.context.keyring.node_did().canonical() {
        return Err(PayError::invalid("node", "is this node: DELETE what is bound, and it stays here").into());
    }
    let request = (signed.verified, signed.request.body);
    let home = pay.write(move |conn, context| home_bind(conn, context, &request, &node, &url));
    Ok(Json(HomeAnswer {
        home: Some(home.await?),
    }))
}

/// Leave your money here
#[utoipa::path(
    delete, path = "/api/connect/home", tag = "peers", request_body(content = serde_json::Value, description = "null"),
    responses(
        (status = 204, description = "It stays here from now on"),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 404, description = "Nothing was bound", body = ProblemDocument),
    )
)]
pub(super) async fn home_unset(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<Value>,
) -> Result<StatusCode, Failure> {
    let request = (signed.verified, signed.request.body);
    pay.write(move |conn, context| home_unbind(conn, context, &request))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
