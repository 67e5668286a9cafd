use axum::Json;
use axum::extract::State;
use imajin_fair::plan::{FeeRecipient, FeeRule};
use imajin_kernel::Timestamp;
use imajin_web::{Authorised, Failure, OperatorTier, ProblemDocument, SignedBody};
use serde::Serialize;
use utoipa::ToSchema;

use super::PayRoutes;
use crate::domain::fees::{self, FeesWish, TimedFees};

/// The schedules of fees.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FeesDocument {
    /// The schedule in force.
    #[serde(flatten)]
    current: ScheduleDocument,
    /// Schedules that were announced and are not in force yet.
    coming: Vec<ScheduleDocument>,
    /// Schedules that were in force, newest first.
    past: Vec<ScheduleDocument>,
}

/// A schedule.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScheduleDocument {
    /// Its version; receipts name it.
    version: u32,
    /// From when on; none for the schedule that the node was configured with.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_at: Option<Timestamp>,
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

impl From<TimedFees> for ScheduleDocument {
    fn from(timed: TimedFees) -> Self {
        let line = |rule: FeeRule| FeeDocument {
            name: rule.name,
            recipient: match rule.recipient {
                FeeRecipient::Protocol => "protocol",
                FeeRecipient::Node => "node",
                FeeRecipient::Buyer => "buyer",
            },
            rate_micros: rule.rate_micros,
        };
        Self {
            version: timed.schedule.version,
            effective_at: timed.effective_at,
            lines: timed.schedule.lines.into_iter().map(line).collect(),
        }
    }
}

/// The fees of this node
///
/// The schedule in force, those that were announced, and those that were in force before. A checkout keeps the fees
/// that were in force when it was opened.
#[utoipa::path(
    get, path = "/api/fees", tag = "fees",
    responses((status = 200, description = "The schedules", body = FeesDocument))
)]
pub(super) async fn fees(State(PayRoutes(pay)): State<PayRoutes>) -> Result<Json<FeesDocument>, Failure> {
    let now = pay.context.now();
    let all = pay.read(fees::fees_list).await?;
    let current = fees::current(&all, now);
    let version = current.schedule.version;
    let (mut coming, mut past) = (Vec::new(), Vec::new());
    for (place, timed) in all.iter().cloned().enumerate() {
        if fees::is_overtaken(&all, place) {
            continue;
        }
        if timed.effective_at.is_some_and(|from| from > now) {
            coming.push(timed.into());
        } else if timed.schedule.version != version {
            past.insert(0, timed.into());
        }
    }
    Ok(Json(FeesDocument {
        current: current.into(),
        coming,
        past,
    }))
}

/// The body of `POST /api/fees`, for the description.
#[derive(Debug, ToSchema)]
#[schema(as = FeesWish)]
#[expect(dead_code, reason = "describes the members of a type of the domain")]
pub(crate) struct FeesBody {
    /// The fees: `{"name": "node", "recipient": "protocol | node | buyer", "rateMicros": 5000}`; none, if empty.
    #[schema(value_type = Vec<Object>)]
    lines: Vec<FeeRule>,
    /// From when on, RFC 3339; as soon as possible, if not said.
    #[schema(value_type = Option<String>)]
    effective_at: Option<Timestamp>,
}

/// Announce other fees
///
/// By the operator. Each fee is 0.25 to 2 percent. Fees that are higher in anything need 24 hours' notice; lower ones
/// may start at once. Checkouts that are open keep their fees.
#[utoipa::path(
    post, path = "/api/fees", tag = "fees", request_body = FeesBody,
    responses(
        (status = 200, description = "The schedule, with the time from which it is in force", body = ScheduleDocument),
        (status = 400, description = "A fee is out of bounds, or the notice too short", body = ProblemDocument),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Only the operator sets fees", body = ProblemDocument),
    )
)]
pub(super) async fn fees_set(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<FeesWish, Authorised<OperatorTier>>,
) -> Result<Json<ScheduleDocument>, Failure> {
    Ok(Json(pay.write_signed(signed, fees::fees_set).await?.into()))
}
