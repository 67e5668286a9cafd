use imajin_did::Did;
use imajin_fair::ManifestId;
use imajin_fair::plan::{FeeSchedule, Plan, PlanInput, plan};
use imajin_pay_api::GoodsQuote;

use crate::PayError;

/// How the price of goods is split, from what the seller said and the fees of that moment: the same now and forever.
///
/// Whoever signed the manifest has accepted it. Shares of other manifests cannot be followed: the seller's word holds
/// the goods' own manifest only.
pub(crate) fn plan_of(quote: &GoodsQuote, fees: &FeeSchedule) -> Result<Plan, PayError> {
    let signer = quote.manifest.signer().map(Did::canonical);
    let accepted = |manifest: &ManifestId, did: &Did| {
        *manifest == quote.manifest.id
            && (signer.as_ref() == Some(did) || quote.accepted.iter().any(|accepted| accepted.canonical() == *did))
    };
    let input = PlanInput {
        gross: quote.price,
        fees,
        seller: quote.seller.clone(),
        manifest: &quote.manifest,
        manifests: &|_other| None,
        accepted: &accepted,
    };
    Ok(plan(&input)?)
}
