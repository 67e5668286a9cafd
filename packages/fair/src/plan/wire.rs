//! A plan as JSON: amounts are decimal text at the scale of the plan's own asset.

use imajin_did::Did;
use imajin_money::Money;
use serde::{Deserialize, Serialize};

use super::{FeeLine, FeeRecipient, Leg, Plan, PlanError};
use crate::ManifestId;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlanWire {
    gross: Money,
    seller: Did,
    fee_schedule_version: u32,
    fees: Vec<FeeWire>,
    legs: Vec<LegWire>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeeWire {
    name: String,
    recipient: FeeRecipient,
    rate_micros: u32,
    amount: String,
}

#[derive(Serialize, Deserialize)]
struct LegWire {
    did: Did,
    role: String,
    path: Vec<ManifestId>,
    amount: String,
    held: bool,
}

impl From<Plan> for PlanWire {
    fn from(plan: Plan) -> Self {
        let asset = plan.gross.asset;
        let fee = |line: FeeLine| FeeWire {
            name: line.name,
            recipient: line.recipient,
            rate_micros: line.rate_micros,
            amount: Money::new(line.amount, asset).decimal(),
        };
        let leg = |leg: Leg| LegWire {
            did: leg.did,
            role: leg.role,
            path: leg.path,
            amount: Money::new(leg.amount, asset).decimal(),
            held: leg.held,
        };
        Self {
            gross: plan.gross,
            seller: plan.seller,
            fee_schedule_version: plan.fee_schedule_version,
            fees: plan.fees.into_iter().map(fee).collect(),
            legs: plan.legs.into_iter().map(leg).collect(),
        }
    }
}

impl TryFrom<PlanWire> for Plan {
    type Error = PlanError;

    fn try_from(wire: PlanWire) -> Result<Self, PlanError> {
        let asset = wire.gross.asset;
        let fee = |line: FeeWire| {
            Ok(FeeLine {
                name: line.name,
                recipient: line.recipient,
                rate_micros: line.rate_micros,
                amount: Money::parse_decimal(&line.amount, asset)?.amount,
            })
        };
        let leg = |leg: LegWire| {
            Ok(Leg {
                did: leg.did,
                role: leg.role,
                path: leg.path,
                amount: Money::parse_decimal(&leg.amount, asset)?.amount,
                held: leg.held,
            })
        };
        let plan = Self {
            gross: wire.gross,
            seller: wire.seller,
            fee_schedule_version: wire.fee_schedule_version,
            fees: wire.fees.into_iter().map(fee).collect::<Result<_, PlanError>>()?,
            legs: wire.legs.into_iter().map(leg).collect::<Result<_, PlanError>>()?,
        };
        plan.check()?;
        Ok(plan)
    }
}
