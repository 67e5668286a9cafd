use axum::extract::State;
use axum::response::Response;
use imajin_connections_api::{CheckAnswer, Neighbour, PathAnswer, StandingView, TrustAsk};
use imajin_did::Did;
use imajin_web::{Asker, Failure, PathParams, ProblemDocument, QueryParams, Reader};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ConnectionsState, private};
use crate::ConnectionsError;
use crate::ask::ListAsk;

const HOPS_DEFAULT: u8 = 3;
const LIMIT_DEFAULT: usize = 100;

/// Between whom.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DistanceParams {
    /// Who trusts.
    #[param(value_type = String)]
    from_did: Did,
    /// Whom.
    #[param(value_type = String)]
    to_did: Did,
}

/// How far it is from one to another.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct DistanceAnswer {
    /// Steps, at most 6; `null` when there is no way, or one of the two does not show it to the caller.
    distance: Option<u8>,
    /// Whether there is a way.
    connected: bool,
    /// What this node had seen when it answered.
    token: String,
}

/// How far it is from one person to another
///
/// As far as both show it to the caller: what they do not show looks as if there were no way.
#[utoipa::path(
    get, path = "/api/trust/distance", tag = "trust", params(DistanceParams),
    responses(
        (status = 200, description = "The distance", body = DistanceAnswer),
        (status = 400, description = "A parameter is wrong", body = ProblemDocument),
    )
)]
pub(super) async fn distance(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    QueryParams(params): QueryParams<DistanceParams>,
    asker: Asker,
) -> Result<Response, Failure> {
    let ask = TrustAsk {
        hops: imajin_trust_graph::HOPS_MAX,
        ..TrustAsk::near(params.from_did, params.to_did)
    };
    let CheckAnswer { hops, token } = connections.check_for(&ask, asker.did()).await?;
    Ok(private(&DistanceAnswer {
        distance: hops,
        connected: hops.is_some(),
        token,
    }))
}

/// A question about the caller, or about somebody who shows their ties, and another.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(super) struct AskParams {
    /// Who trusts; the caller by default.
    #[param(value_type = Option<String>)]
    from: Option<Did>,
    /// Whom.
    #[param(value_type = String)]
    to: Did,
    /// Within how many steps, 1 to 6; 3 by default.
    hops: Option<u8>,
    /// The least that a vouch must be worth to be a step, in millionths; 0 when none is, 1 by default.
    vouch_least: Option<u32>,
    /// Whether to have been at the same event is a step; no by default.
    co_presence: Option<bool>,
    /// What the answer must have seen: the token of an earlier answer.
    token: Option<String>,
}

impl AskParams {
    fn ask(self, asker: &Did) -> TrustAsk {
        TrustAsk {
            from: self.from.unwrap_or_else(|| asker.clone()),
            to: self.to,
            hops: self.hops.unwrap_or(HOPS_DEFAULT),
            vouch_least: self.vouch_least.unwrap_or(1),
            co_presence: self.co_presence.unwrap_or(false),
            token: self.token,
        }
    }
}

/// Whether somebody is within so many steps
#[utoipa::path(
    get, path = "/api/trust/check", tag = "trust", params(AskParams),
    responses(
        (status = 200, description = "The number of steps, or `null`", body = CheckAnswer),
        (status = 400, description = "A parameter is wrong", body = ProblemDocument),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
        (status = 412, description = "This node has not seen what the token names", body = ProblemDocument),
    )
)]
pub(super) async fn check(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    Reader(reader): Reader,
    QueryParams(params): QueryParams<AskParams>,
) -> Result<Response, Failure> {
    Ok(private(
        &connections.check_for(&params.ask(&reader), Some(&reader)).await?,
    ))
}

/// A way to somebody with what was signed, or why there is none
///
/// `steps` hold the signed documents: anybody can check them without this node. They are left out where somebody on the
/// way does not show their ties to the caller.
#[utoipa::path(
    get, path = "/api/trust/path", tag = "trust", params(AskParams),
    responses(
        (status = 200, description = "A shortest way, or why there is none", body = PathAnswer),
        (status = 400, description = "A parameter is wrong", body = ProblemDocument),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
        (status = 412, description = "This node has not seen what the token names", body = ProblemDocument),
    )
)]
pub(super) async fn path(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    Reader(reader): Reader,
    QueryParams(params): QueryParams<AskParams>,
) -> Result<Response, Failure> {
    Ok(private(&connections.path(&params.ask(&reader), &reader).await?))
}

/// What a list holds.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Within how many steps, 1 to 3; 2 by default.
    hops: Option<u8>,
    /// At most so many, 1 to 500; 100 by default.
    limit: Option<usize>,
    /// What the answer must have seen: the token of an earlier answer.
    token: Option<String>,
}

impl ListParams {
    fn ask(self, reader: &Did) -> ListAsk {
        ListAsk {
            reader: reader.clone(),
            hops: self.hops.unwrap_or(2),
            limit: self.limit.unwrap_or(LIMIT_DEFAULT),
            token: self.token,
        }
    }
}

/// People.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PeopleAnswer {
    /// The nearest first, those of one distance in the order of their DIDs.
    people: Vec<Neighbour>,
    /// What this node had seen when it answered.
    token: String,
}

/// Who is near
///
/// Everybody one step away, and further ones as far as they show their ties to the caller.
#[utoipa::path(
    get, path = "/api/trust/within", tag = "trust", params(ListParams),
    responses(
        (status = 200, description = "People near the caller", body = PeopleAnswer),
        (status = 400, description = "A parameter is wrong", body = ProblemDocument),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
    )
)]
pub(super) async fn within(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    Reader(reader): Reader,
    QueryParams(params): QueryParams<ListParams>,
) -> Result<Response, Failure> {
    let (people, token) = connections.within(&params.ask(&reader)).await?;
    Ok(private(&PeopleAnswer { people, token }))
}

/// With whom.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MutualParams {
    /// The other.
    #[param(value_type = String)]
    with: Did,
    /// What the answer must have seen: the token of an earlier answer.
    token: Option<String>,
}

/// Whom both know.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct MutualAnswer {
    /// In the order of their DIDs.
    #[schema(value_type = Vec<String>)]
    mutual: Vec<Did>,
    /// What this node had seen when it answered.
    token: String,
}

/// Whom the caller and another both know
#[utoipa::path(
    get, path = "/api/trust/mutual", tag = "trust", params(MutualParams),
    responses(
        (status = 200, description = "Whom both know, as far as all show it", body = MutualAnswer),
        (status = 400, description = "A parameter is wrong", body = ProblemDocument),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
    )
)]
pub(super) async fn mutual(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    Reader(reader): Reader,
    QueryParams(params): QueryParams<MutualParams>,
) -> Result<Response, Failure> {
    let answer = connections.mutual(&params.with, &reader, params.token.as_deref());
    let (mutual, token) = answer.await?;
    Ok(private(&MutualAnswer { mutual, token }))
}

/// Somebody, and the part of the caller's trust that reaches them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RankRow {
    #[schema(value_type = String)]
    did: Did,
    /// Their part of all trust: those of everybody sum to 1.
    trust: f64,
    /// The part of those who have flagged them.
    distrust: f64,
}

/// How the caller's trust spreads.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RankAnswer {
    /// The most trusted first.
    people: Vec<RankRow>,
    /// What this node had seen when it answered.
    token: String,
}

/// How the caller's trust spreads
///
/// Personalised `PageRank` with damping 0.85 over connections and vouches; a flag takes away as much as whoever raised
/// it is trusted.
#[utoipa::path(
    get, path = "/api/trust/rank", tag = "trust", params(ListParams),
    responses(
        (status = 200, description = "People, the most trusted first", body = RankAnswer),
        (status = 400, description = "A parameter is wrong", body = ProblemDocument),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
    )
)]
pub(super) async fn rank(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    Reader(reader): Reader,
    QueryParams(params): QueryParams<ListParams>,
) -> Result<Response, Failure> {
    let (opinions, token) = connections.rank(&params.ask(&reader)).await?;
    let row = |opinion: imajin_trust_graph::Opinion| RankRow {
        did: opinion.did,
        trust: opinion.trust,
        distrust: opinion.distrust,
    };
    let people = opinions.into_iter().map(row).collect();
    Ok(private(&RankAnswer { people, token }))
}

/// What the answer must have seen.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TokenParams {
    /// The token of an earlier answer.
    token: Option<String>,
}

/// What others have said of somebody, counted
///
/// Nothing here says who. Refused as unknown where they do not show it to the caller.
#[utoipa::path(
    get, path = "/api/trust/standing/{did}", tag = "trust",
    params(("did" = String, Path, description = "A DID"), TokenParams),
    responses(
        (status = 200, description = "The counts", body = StandingView),
        (status = 404, description = "The caller may not know", body = ProblemDocument),
    )
)]
pub(super) async fn standing(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(did): PathParams<Did>,
    QueryParams(params): QueryParams<TokenParams>,
    asker: Asker,
) -> Result<Response, Failure> {
    let answer = connections.standing(&did, asker.did(), params.token.as_deref());
    let (standing, _token) = answer.await?;
    let standing = standing.ok_or(ConnectionsError::NotFound("person, or they do not show this"))?;
    Ok(private(&standing))
}
