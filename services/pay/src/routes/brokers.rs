use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::PayRoutes;

/// What an agent must know to pay here with a visa.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BrokersDocument {
    /// The brokers whose promises count, as their visas name them (`iss`).
    brokers: Vec<String>,
    /// For whom a visa must be (`aud`).
    audience: String,
    /// Whether promises of test money count.
    test_money: bool,
}

/// See whose visas are taken
///
/// The brokers that this node trusts, and the audience that a visa for it names.
#[utoipa::path(
    get, path = "/api/brokers", tag = "balance",
    responses((status = 200, description = "The brokers", body = BrokersDocument))
)]
pub(super) async fn brokers(State(PayRoutes(pay)): State<PayRoutes>) -> Json<BrokersDocument> {
    Json(BrokersDocument {
        brokers: pay.brokers.trusted(),
        audience: pay.brokers.audience.clone(),
        test_money: pay.brokers.test_money,
    })
}
