use axum::Json;
use axum::extract::State;
use imajin_kernel::Timestamp;
use imajin_ledger::Purpose;
use imajin_pay_api::BalanceView;
use imajin_web::{Failure, ProblemDocument, QueryParams, Viewer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PayRoutes;
use crate::PayError;
use crate::domain::limits::{self, LimitsView};
use crate::domain::lists::{self, EntryPage, EntryWish};
use crate::domain::statements;

/// How long a page of entries is when nobody says.
const PAGE_DEFAULT: u32 = 50;

/// Somebody's balances.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Balances {
    /// One line per currency and purpose.
    #[schema(value_type = Vec<Object>)]
    balances: Vec<BalanceView>,
    /// What the node's operator allows you at most; nothing is limited that is not here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    limits: Vec<LimitsView>,
}

/// As of when.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct BalanceQuery {
    /// A moment in the past, RFC 3339; now, if not said.
    #[param(value_type = Option<String>)]
    at: Option<Timestamp>,
}

/// Your balances
///
/// Now, or as they were at a moment.
#[utoipa::path(
    get, path = "/api/balance", tag = "accounts", params(BalanceQuery),
    responses(
        (status = 200, description = "Your balances at this node", body = Balances),
        (status = 400, description = "The moment is none", body = ProblemDocument),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
pub(super) async fn balance(
    State(PayRoutes(pay)): State<PayRoutes>,
    viewer: Viewer,
    QueryParams(query): QueryParams<BalanceQuery>,
) -> Result<Json<Balances>, Failure> {
    let owner = viewer.session_require()?.did.clone();
    let owners = pay.holdings_collect(&owner).await?;
    let asked = pay.read(move |conn, context| match query.at {
        None => Ok(Balances {
            balances: lists::balances_of(conn, context, &owners)?,
            limits: limits::limits_of_owner(conn, context, &owner)?,
        }),
        Some(at) => Ok(Balances {
            balances: statements::balances_at(conn, context, &owners, at)?,
            limits: Vec::new(),
        }),
    });
    Ok(Json(asked.await?))
}

/// Which entries.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EntriesQuery {
    /// What the money is for: `available` (if not said), `held`, `pending`, `accrued`, `fees`.
    purpose: Option<String>,
    /// The currency; needed by those who have several.
    currency: Option<String>,
    /// `before` of the page before this one.
    before: Option<i64>,
    /// Entries on the page, 1 to 100; 50, if not said.
    limit: Option<u32>,
}

/// Your entries
///
/// What came into one of your accounts and went out of it, newest first.
#[utoipa::path(
    get, path = "/api/entries", tag = "accounts", params(EntriesQuery),
    responses(
        (status = 200, description = "A page of entries", body = EntryPage),
        (status = 400, description = "A parameter is wrong, or the currency must be said", body = ProblemDocument),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 404, description = "You have no such account", body = ProblemDocument),
    )
)]
pub(super) async fn entries(
    State(PayRoutes(pay)): State<PayRoutes>,
    viewer: Viewer,
    QueryParams(query): QueryParams<EntriesQuery>,
) -> Result<Json<EntryPage>, Failure> {
    let owner = viewer.session_require()?.did.clone();
    pay.holdings_collect(&owner).await?;
    let purpose = query.purpose.map_or(Ok(Purpose::Available), |text| text.parse());
    let purpose = purpose
        .map_err(|_unknown| PayError::invalid("purpose", "must be available, held, pending, accrued or fees"))?;
    let currency = query.currency.map(|text| text.parse()).transpose();
    let currency =
        currency.map_err(|error: imajin_money::AssetError| PayError::invalid("currency", error.to_string()))?;
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=lists::PAGE_MAX).contains(&limit) {
        return Err(PayError::invalid("limit", format!("must be 1 to {}", lists::PAGE_MAX)).into());
    }
    let wish = EntryWish {
        owner,
        purpose,
        currency,
        before: query.before,
        limit,
    };
    Ok(Json(
        pay.read(move |conn, context| lists::entry_page(conn, context, &wish))
            .await?,
    ))
}
