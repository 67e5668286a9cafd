use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use imajin_kernel::id::EntryId;
use imajin_kernel::{Span, Timestamp};
use imajin_ledger::{Owner, account_list, entry_fetch, entry_proof, tree_sign};
use imajin_proof::inclusion::InclusionProof;
use imajin_web::{Failure, PathParams, ProblemDocument, QueryParams, Tier, Viewer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PayRoutes;
use crate::PayError;
use crate::csv::csv;
use crate::domain::statements::{self, ExportRow, Period, StatementRow};

/// The time of a statement when nobody says from when.
const PERIOD_DEFAULT: Span = Span::days(31);

/// Which time, and in which form.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PeriodQuery {
    /// The beginning, RFC 3339; 31 days before the end, if not said.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// The end, which is not part of it; now, if not said.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// `json` (if not said) or `csv`.
    format: Option<String>,
    /// Everybody's, for the operator of the node. Only for the export.
    #[serde(default)]
    all: bool,
}

impl PeriodQuery {
    fn period(&self, now: Timestamp) -> Result<Period, PayError> {
        // What is booked in this very moment is part of a statement until now.
        let until = self.to.unwrap_or_else(|| now.plus(Span::seconds(1)));
        let from = self.from.unwrap_or_else(|| until.minus(PERIOD_DEFAULT));
        if from >= until {
            return Err(PayError::invalid("from", "must be before the end"));
        }
        Ok((from, until))
    }

    fn is_csv(&self) -> Result<bool, PayError> {
        match self.format.as_deref() {
            None | Some("json") => Ok(false),
            Some("csv") => Ok(true),
            Some(_) => Err(PayError::invalid("format", "must be json or csv")),
        }
    }
}

fn csv_answer(name: &str, text: String) -> Response {
    let disposition = format!("attachment; filename=\"{name}.csv\"");
    let disposition = HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment"));
    let media_type = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
    (
        [
            (header::CONTENT_TYPE, media_type),
            (header::CONTENT_DISPOSITION, disposition),
        ],
        text,
    )
        .into_response()
}

/// A statement.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Statement {
    /// The beginning.
    #[schema(value_type = String)]
    from: Timestamp,
    /// The end, not part of it.
    #[schema(value_type = String)]
    to: Timestamp,
    /// The lines, oldest first.
    lines: Vec<StatementRow>,
}

/// Your statement
///
/// Everything that came into your accounts and went out of them in a time, oldest first; at most 10,000 lines.
#[utoipa::path(
    get, path = "/api/statement", tag = "accounts", params(PeriodQuery),
    responses(
        (status = 200, description = "The lines, as JSON or CSV", body = Statement),
        (status = 400, description = "A parameter is wrong, or the time is too long", body = ProblemDocument),
        (status = 401, description = "Not logged in", body = ProblemDocument),
    )
)]
pub(super) async fn statement(
    State(PayRoutes(pay)): State<PayRoutes>,
    viewer: Viewer,
    QueryParams(query): QueryParams<PeriodQuery>,
) -> Result<Response, Failure> {
    let owner = viewer.session_require()?.did.clone();
    let (period, is_csv) = (query.period(pay.context.now())?, query.is_csv()?);
    let owners = pay.site.identities.holdings(&owner).await?;
    let lines = pay
        .read(move |conn, context| statements::statement(conn, context, &owners, period))
        .await?;
    if is_csv {
        let columns = [
            "time",
            "owner",
            "currency",
            "purpose",
            "kind",
            "amount",
            "balance",
            "reference",
            "entry",
        ];
        return Ok(csv_answer("statement", csv(&columns, &lines)?));
    }
    let (from, to) = period;
    Ok(Json(Statement { from, to, lines }).into_response())
}

/// An accountant's export.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Export {
    /// One line for each part of each payment, oldest first.
    lines: Vec<ExportRow>,
}

/// Your payments for your accountant
///
/// One line for each part of each payment that went to you, with who paid, for what, in which role and by which
/// manifest; for the operator also everybody's, with `all=true`. At most 10,000 lines.
#[utoipa::path(
    get, path = "/api/export", tag = "accounts", params(PeriodQuery),
    responses(
        (status = 200, description = "The lines, as JSON or CSV", body = Export),
        (status = 400, description = "A parameter is wrong, or the time is too long", body = ProblemDocument),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 403, description = "Only the operator sees everybody's", body = ProblemDocument),
    )
)]
pub(super) async fn export(
    State(PayRoutes(pay)): State<PayRoutes>,
    viewer: Viewer,
    QueryParams(query): QueryParams<PeriodQuery>,
) -> Result<Response, Failure> {
    let session = viewer.session_require()?;
    if query.all && session.tier < Tier::Operator {
        return Err(PayError::Forbidden("Only the operator of the node sees everybody's payments.").into());
    }
    let (period, is_csv) = (query.period(pay.context.now())?, query.is_csv()?);
    let owners = if query.all {
        None
    } else {
        Some(pay.site.identities.holdings(&session.did).await?)
    };
    let lines = pay
        .read(move |conn, context| statements::export(conn, context, owners.as_deref(), period))
        .await?;
    if is_csv {
        let columns = [
            "time",
            "receipt",
            "kind",
            "goods",
            "title",
            "seller",
            "payer",
            "payee",
            "role",
            "through",
            "state",
            "amount",
            "gross",
            "currency",
            "testMoney",
            "rail",
            "railReference",
            "manifest",
            "entry",
        ];
        return Ok(csv_answer("export", csv(&columns, &lines)?));
    }
    Ok(Json(Export { lines }).into_response())
}

/// Prove that an entry is in the ledger
///
/// A signed Merkle root (RFC 9162) and the path from the entry to it: whoever has it can show, without this node, that
/// the entry which a receipt names was in the ledger. For everybody whose account the entry touches, and the operator.
#[utoipa::path(
    get, path = "/api/entries/{id}/proof", tag = "accounts",
    params(("id" = String, Path, description = "The entry, as the receipt names it")),
    responses(
        (status = 200, description = "The proof", body = serde_json::Value),
        (status = 401, description = "Not logged in", body = ProblemDocument),
        (status = 404, description = "There is no such entry of yours", body = ProblemDocument),
    )
)]
pub(super) async fn proof(
    State(PayRoutes(pay)): State<PayRoutes>,
    PathParams(id): PathParams<EntryId>,
    viewer: Viewer,
) -> Result<Json<InclusionProof>, Failure> {
    let session = viewer.session_require()?;
    let is_operator = session.tier >= Tier::Operator;
    let owners = pay.site.identities.holdings(&session.did).await?;
    let entry = pay.read(move |conn, context| {
        let entry = entry_fetch(conn, &context.sealer, id)?;
        let Some(entry) = entry else { return Ok(None) };
        let mut own = Vec::new();
        for owner in &owners {
            let accounts = account_list(conn, &context.sealer, &Owner::Did(owner.canonical()))?;
            own.extend(accounts.iter().map(|account| account.key.id()));
        }
        let is_party = is_operator || entry.legs.iter().any(|leg| own.contains(&leg.account()));
        Ok(is_party.then_some(entry))
    });
    let entry = entry.await?.ok_or(PayError::NotFound("entry"))?;
    let asked = entry.clone();
    let ready = pay
        .read(move |conn, context| Ok(entry_proof(conn, &context.sealer, &asked)?))
        .await?;
    if let Some(proof) = ready {
        return Ok(Json(proof));
    }
    // Booked since the last root: sign one now.
    let signed = pay.write(move |conn, context| {
        while tree_sign(conn, &context.ledger, &context.keyring)? {}
        Ok(entry_proof(conn, &context.sealer, &entry)?)
    });
    let proof = signed.await?;
    Ok(Json(proof.ok_or(PayError::NotFound(
        "proof yet: another process signs it within a minute",
    ))?))
}
