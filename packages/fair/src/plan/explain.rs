//! A plan that shows how each amount came about.

use imajin_money::{Amount, AmountError, Money};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{Leg, Plan, PlanError, PlanInput, walk};
use crate::{ManifestId, Payee};

/// A plan with the way of every leg. Planning the same input gives the same plan, without the ways and faster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The plan.
    pub plan: Plan,
    /// For each leg of the plan, in its order, the steps from the goods' manifest to the payee: as many as the leg's
    /// path has manifests.
    pub trails: Vec<Vec<Step>>,
}

/// What one manifest on the way gives to the next, or to the payee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The manifest that is split along.
    pub manifest: ManifestId,
    /// Whom this part of it goes to: the next manifest, or at the last step the leg's payee.
    pub payee: Payee,
    /// In which role. Several entries for one source are one step; their roles are joined by commas.
    pub role: String,
    /// How much of what the manifest gets, in millionths.
    pub share_millionths: u32,
    /// How much money that is, after the rounding of this level.
    pub amount: Amount,
}

/// Plans a settlement and keeps the way of every leg.
pub fn explain(input: &PlanInput<'_>) -> Result<Explanation, PlanError> {
    let (fees, net) = input.fees.take_from(input.gross.amount)?;
    let (legs, trails) = walk::legs_with_trails(input, net)?;
    let plan = Plan {
        gross: input.gross,
        seller: input.seller.canonical(),
        fee_schedule_version: input.fees.version,
        fees,
        legs,
    };
    plan.check()?;
    Ok(Explanation { plan, trails })
}

impl Explanation {
    /// What waits for contributors who have not accepted yet.
    pub fn held_total(&self) -> Result<Amount, AmountError> {
        Amount::sum(self.plan.legs.iter().filter(|leg| leg.held).map(|leg| leg.amount))
    }

    /// Each leg with its way.
    pub fn legs(&self) -> impl Iterator<Item = (&Leg, &[Step])> {
        self.plan.legs.iter().zip(self.trails.iter().map(Vec::as_slice))
    }
}

impl Step {
    /// The share as a decimal, for example `0.3`.
    pub fn share_decimal(&self) -> String {
        let micros = Amount::from_micros(i64::from(self.share_millionths)).unwrap_or_default();
        let text = micros.to_string();
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl Serialize for Explanation {
    /// The plan's JSON, where each leg also has `steps`, and the sums `net` and `held`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error;

        let asset = self.plan.gross.asset;
        let decimal = |amount: Amount| Money::new(amount, asset).decimal();
        let step = |step: &Step| {
            let (name, payee) = match &step.payee {
                Payee::Did(did) => ("did", did.as_str()),
                Payee::Fair(id) => ("fair", id.as_str()),
            };
            json!({
                "manifest": step.manifest, name: payee, "role": step.role, "share": step.share_decimal(),
                "amount": decimal(step.amount),
            })
        };
        let legs = self.legs().map(|(leg, trail)| {
            let steps: Vec<Value> = trail.iter().map(step).collect();
            json!({
                "did": leg.did, "role": leg.role, "path": leg.path, "amount": decimal(leg.amount), "held": leg.held,
                "steps": steps,
            })
        });
        let plan = serde_json::to_value(&self.plan).map_err(S::Error::custom)?;
        let net = self.plan.legs_total().map_err(S::Error::custom)?;
        let held = self.held_total().map_err(S::Error::custom)?;
        let mut out = serializer.serialize_struct("Explanation", 7)?;
        for name in ["gross", "seller", "feeScheduleVersion", "fees"] {
            out.serialize_field(name, plan.get(name).unwrap_or(&Value::Null))?;
        }
        out.serialize_field("net", &decimal(net))?;
        out.serialize_field("held", &decimal(held))?;
        out.serialize_field("legs", &legs.collect::<Vec<Value>>())?;
        out.end()
    }
}
