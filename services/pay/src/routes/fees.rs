use axum::Json;
use axum::extract::State;
use imajin_fair::plan::{FeeRecipient, FeeSchedule};
use serde::Serialize;
use utoipa::ToSchema;

use super::PayRoutes;

/// The schedule of fees in force.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FeesDocument {
    /// Its version; 0 is no fees.
    version: u32,
    /// The fees, each reckoned from the price and borne by the seller.
    lines: Vec<FeeDocument>,
}

/// A fee.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FeeDocument {
    /// What it is called on receipts.
    name: String,
    /// `protocol`, `node` or `buyer`.
    recipient: &'static str,
    /// Millionths of the price.
    rate_micros: u32,
}

impl FeesDocument {
    fn of(schedule: &FeeSchedule) -> Self {
        let line = |rule: &imajin_fair::plan::FeeRule| FeeDocument {
            name: rule.name.clone(),
            recipient: match rule.recipient {
                FeeRecipient::Protocol => "protocol",
                FeeRecipient::Node => "node",
                FeeRecipient::Buyer => "buyer",
            },
            rate_micros: rule.rate_micros,
        };
        Self {
            version: schedule.version,
            lines: schedule.lines.iter().map(line).collect(),
        }
    }
}

/// The fees of this node
#[utoipa::path(
    get, path = "/api/fees", tag = "fees",
    responses((status = 200, description = "The schedule in force", body = FeesDocument))
)]
pub(super) async fn fees(State(PayRoutes(pay)): State<PayRoutes>) -> Json<FeesDocument> {
    Json(FeesDocument::of(&pay.context.config.fees))
}
