use axum::Json;
use axum::extract::State;
use imajin_kernel::Timestamp;
use imajin_rails::{SANDBOX, SOLANA, SOLANA_BUILT, STRIPE, STRIPE_BUILT, SolanaDesk};
use imajin_web::{Failure, Tier, Viewer};
use serde::Serialize;
use utoipa::ToSchema;

use super::PayRoutes;
use crate::Pay;

/// The rails of the node.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RailList {
    /// One line for each rail that this program knows.
    rails: Vec<RailView>,
}

/// A rail.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RailView {
    /// Its name.
    pub(crate) name: String,
    /// Whether this program was built with it.
    built: bool,
    /// Whether it takes payments.
    pub(crate) open: bool,
    /// Whether its money is test money; missing while it is not set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) test: Option<bool>,
    /// Whether it sends money to payees.
    pub(crate) pays_out: bool,
    /// Whether it answered when it was asked last; missing before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) works: Option<bool>,
    /// When it was asked last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    asked_at: Option<Timestamp>,
    /// What was wrong then; for the operator only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    /// What is still to be done; for the operator only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
    /// Where the node itself is paid, on a chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// The tokens that it knows, on a chain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tokens: Vec<TokenView>,
}

/// A token of a chain.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenView {
    /// What it is called.
    name: String,
    /// Its mint; missing for the coin of the chain itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    mint: Option<String>,
    /// The currency in which it is taken; missing: it is known, and nothing is settled in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
}

fn tokens_of(desk: &dyn SolanaDesk) -> Vec<TokenView> {
    let tokens = desk.tokens().into_iter();
    let token = tokens.map(|token| TokenView {
        name: token.name.to_owned(),
        mint: token.mint,
        currency: token.settles_as.map(|asset| asset.to_string()),
    });
    token.collect()
}

/// The ways to pay here
///
/// Which rails are on, for test money or real money, and whether they work. For the operator each of them is asked now.
#[utoipa::path(
    get, path = "/api/rails", tag = "rails",
    responses((status = 200, description = "The rails", body = RailList))
)]
pub(super) async fn rails(State(PayRoutes(pay)): State<PayRoutes>, viewer: Viewer) -> Result<Json<RailList>, Failure> {
    let is_operator = viewer.session.is_some_and(|session| session.tier == Tier::Operator);
    let views = rail_views(&pay, is_operator).await;
    Ok(Json(RailList { rails: views }))
}

/// Every rail that this program knows; for the operator each of them is asked now.
pub(crate) async fn rail_views(pay: &Pay, is_operator: bool) -> Vec<RailView> {
    let mut views = Vec::new();
    for (name, built) in [(SANDBOX, true), (STRIPE, STRIPE_BUILT), (SOLANA, SOLANA_BUILT)] {
        let rail = pay.context.rails.get(name);
        let health = match rail {
            Some(rail) if is_operator => Some(rail.probe().await),
            Some(rail) => Some(rail.health()),
            None => None,
        };
        let desk = pay.solana.as_deref().filter(|_desk| name == SOLANA);
        views.push(RailView {
            name: name.to_owned(),
            built,
            open: pay.context.rails.is_open(name),
            test: rail.map(|rail| rail.is_test()),
            pays_out: rail.is_some_and(|rail| rail.pays_out()),
            missing: health
                .as_ref()
                .filter(|_health| is_operator)
                .map(|health| health.missing.clone())
                .unwrap_or_default(),
            address: desk.map(SolanaDesk::address),
            tokens: desk.map(tokens_of).unwrap_or_default(),
            works: health.as_ref().and_then(|health| health.works),
            asked_at: health.as_ref().and_then(|health| health.asked_at),
            problem: health.and_then(|health| health.problem).filter(|_text| is_operator),
        });
    }
    views
}
