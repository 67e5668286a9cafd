use axum::Json;
use axum::extract::State;
use imajin_broker_api::{AccountView, Page};
use imajin_did::Did;
use imajin_kernel::Problem;
use imajin_web::{Failure, ProblemDocument, QueryParams};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::BrokerState;
use super::reader::OwnReader;
use crate::caller::Signed;
use crate::context::Change;
use crate::domain::lists::Wanted;

/// Which part of a list, and whose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    limit: Option<u32>,
    cursor: Option<String>,
    #[serde(default)]
    all: bool,
}

impl Whose {
    /// Whose things the reader may see: their own, or nobody's in particular.
    pub(super) fn of(self, reader: &OwnReader) -> Result<(Option<Did>, Wanted), Problem> {
        self.seen_by(reader, false)
    }

    /// The same, where somebody else than the operator may see all as well.
    pub(super) fn seen_by(self, reader: &OwnReader, sees_all: bool) -> Result<(Option<Did>, Wanted), Problem> {
        if self.all && !sees_all {
            reader.operator()?;
        }
        let wanted = Wanted {
            limit: self.limit,
            cursor: self.cursor,
        };
        Ok(((!self.all).then(|| reader.did.clone()), wanted))
    }
}

/// Look at all accounts
///
/// For the operator.
#[utoipa::path(
    get, path = "/api/agents", tag = "operator",
    params(
        ("limit" = Option<u32>, Query, description = "At most so many: 50 by default, 200 at most"),
        ("cursor" = Option<String>, Query, description = "Where the last page ended"),
    ),
    responses(
        (status = 200, description = "A page of `items`, with a `cursor` if there are more", body = Vec<AccountView>),
        (status = 401, description = "Nobody says who asks", body = ProblemDocument),
        (status = 403, description = "Only the operator may", body = ProblemDocument),
    )
)]
pub(super) async fn account_list(
    State(BrokerState(broker)): State<BrokerState>,
    QueryParams(wanted): QueryParams<Wanted>,
    reader: OwnReader,
) -> Result<Json<Page<AccountView>>, Failure> {
    reader.operator()?;
    Ok(Json(broker.account_list(wanted).await.map_err(Problem::from)?))
}

/// The body of `POST /api/keys/rotate`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RotateAsk {}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rotated {
    /// Whether another key follows; not, while one already waits.
    rotated: bool,
}

/// Have another key sign visas
///
/// For the operator. The new key is published at once and signs an hour later; the old one stays published until
/// nothing is left of what it has signed.
#[utoipa::path(
    post, path = "/api/keys/rotate", tag = "operator", request_body = RotateAsk,
    responses(
        (status = 200, description = "Whether another key follows", body = Rotated),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "Only the operator may", body = ProblemDocument),
    )
)]
pub(super) async fn keys_rotate(
    State(BrokerState(broker)): State<BrokerState>,
    signed: Signed<RotateAsk>,
) -> Result<Json<Rotated>, Failure> {
    let RotateAsk {} = signed.value;
    signed.caller.operator().map_err(Problem::from)?;
    let change = Change::of(signed.caller, &signed.request).map_err(Problem::from)?;
    let rotated = broker.keys_rotate(Some(change)).await.map_err(Problem::from)?;
    Ok(Json(Rotated { rotated }))
}
