use axum::Json;
use axum::extract::State;
use imajin_did::Did;
use imajin_fair::distribution::{Contract, Distribution, Outcome, Part, effect};
use imajin_kernel::{Code, Problem};
use imajin_money::Money;
use imajin_web::{Failure, JsonBody, PathParams, ProblemDocument, SignedBody, Viewer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PayRoutes;
use crate::domain::contract::{self, ContractAggregates, ContractVersion, ContractVersions};
use crate::{Pay, PayError};

/// Your distribution contract
///
/// Every version that you have signed, newest first, and which one governs now.
#[utoipa::path(
    get, path = "/api/contract", tag = "contract",
    responses(
        (status = 200, description = "All versions", body = ContractVersions),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
pub(super) async fn contract_list(
    State(PayRoutes(pay)): State<PayRoutes>,
    viewer: Viewer,
) -> Result<Json<ContractVersions>, Failure> {
    let owner = viewer.session_require()?.did.clone();
    let versions = pay.read(move |conn, context| contract::contract_list(conn, context, &owner));
    Ok(Json(versions.await?))
}

/// Sign the next version of your distribution contract
///
/// The body is the contract with its own signature, by the same identity that signs the request. It is kept beside the
/// versions before it and governs what is paid from `effective_at` on, which must still be ahead: never what was paid
/// before. The same version again changes nothing.
#[utoipa::path(
    put, path = "/api/contract", tag = "contract",
    request_body(content = serde_json::Value, description = "The signed contract"),
    responses(
        (status = 200, description = "It is kept", body = ContractVersion),
        (status = 400, description = "It is no contract, or would govern what has happened", body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "It divides somebody else's money", body = ProblemDocument),
        (status = 409, description = "It is not the next version", body = ProblemDocument),
    )
)]
pub(super) async fn contract_set(
    State(PayRoutes(pay)): State<PayRoutes>,
    signed: SignedBody<serde_json::Value>,
) -> Result<Json<ContractVersion>, Failure> {
    let contract = Contract::from_value(signed.value).map_err(PayError::from)?;
    let (verified, body) = (signed.verified, signed.request.body);
    pay.contract_signature_check(&contract, verified.did()).await?;
    let (version, _replayed) = pay
        .write(move |conn, context| contract::contract_set(conn, context, &verified, &contract, &body))
        .await?;
    Ok(Json(version))
}

impl Pay {
    /// Whether a contract is its owner's word, and the owner is who asks.
    async fn contract_signature_check(&self, contract: &Contract, caller: &Did) -> Result<(), PayError> {
        if contract.profile_did.canonical() != caller.canonical() {
            let detail = "This contract divides somebody else's money: only they can sign it.";
            return Err(PayError::Forbidden(detail));
        }
        let keys = self.site.identities.caller_keys(caller).await?.keys;
        let mut wrong = imajin_fair::distribution::ContractError::Unsigned;
        for key in &keys {
            match contract.verify_signature(key) {
                Ok(()) => return Ok(()),
                Err(error) => wrong = error,
            }
        }
        Err(wrong.into())
    }
}

/// What everybody may know of a contract
///
/// The sums by label, if the owner's contract in effect shows them to everybody. Who got them is not said.
#[utoipa::path(
    get, path = "/api/contract/{did}", tag = "contract",
    params(("did" = String, Path, description = "Whose contract")),
    responses(
        (status = 200, description = "The sums by label", body = ContractAggregates),
        (status = 404, description = "There is no contract, or its sums are not public", body = ProblemDocument),
    )
)]
pub(super) async fn contract_aggregates(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(did): PathParams<String>,
) -> Result<Json<ContractAggregates>, Failure> {
    let unknown = || Problem::new(Code::NotFound, "There is no such public distribution contract.");
    let did: Did = did.parse().map_err(|_no_did| unknown())?;
    let found = pay.read(move |conn, context| contract::contract_aggregates(conn, context, &did));
    Ok(Json(found.await?))
}

/// The body of `POST /api/contract/preview`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewBody {
    /// The contract; it need not be signed yet.
    #[schema(value_type = Object)]
    contract: serde_json::Value,
    /// What comes in: `{"amount": "100.00", "currency": "USD"}`.
    #[schema(value_type = Object)]
    amount: Money,
}

/// What a contract does with an amount.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Preview {
    /// What came in.
    #[schema(value_type = Object)]
    amount: Money,
    /// Where it goes; the parts sum to it exactly.
    parts: Vec<PreviewPart>,
}

/// A part of the amount.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PreviewPart {
    /// The label of the allocation.
    label: String,
    /// Who gets it.
    #[schema(value_type = String)]
    recipient: Did,
    /// How much, in percent.
    percentage: String,
    /// How much.
    #[schema(value_type = Object)]
    amount: Money,
    /// Whether it waits until it makes up the minimum together with later parts.
    waits: bool,
}

/// See what a contract does
///
/// Shows the effect of a contract on an amount before it is signed, if everybody whom it names can be paid and nothing
/// has waited. Nothing is stored, and the contracts of others are not looked at.
#[utoipa::path(
    post, path = "/api/contract/preview", tag = "contract", request_body = PreviewBody,
    responses(
        (status = 200, description = "The effect", body = Preview),
        (status = 400, description = "It is no contract, and says what is wrong with it", body = ProblemDocument),
    )
)]
pub(super) async fn contract_preview(JsonBody(body): JsonBody<PreviewBody>) -> Result<Json<Preview>, Failure> {
    let contract = Contract::from_value(body.contract).map_err(PayError::from)?;
    let effect = effect(&contract, body.amount).map_err(|error| PayError::Fault(error.to_string()))?;
    Ok(Json(preview_of(&effect, body.amount)))
}

fn preview_of(effect: &Distribution, amount: Money) -> Preview {
    let part = |part: &Part| {
        let hop = part.route.first();
        PreviewPart {
            label: hop.map(|hop| hop.label.clone()).unwrap_or_default(),
            recipient: part.to.clone(),
            percentage: hop
                .map(|hop| hop.percentage.to_percentage().to_string())
                .unwrap_or_default(),
            amount: Money::new(part.amount, amount.asset),
            waits: part.outcome == Outcome::Accrued,
        }
    };
    Preview {
        amount,
        parts: effect.parts.iter().map(part).collect(),
    }
}
