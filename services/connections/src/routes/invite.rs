use axum::extract::State;
use axum::response::Response;
use imajin_connections_api::statement::{Statement, invite_key};
use imajin_connections_api::{InviteView, StandingView, StatementView};
use imajin_did::Did;
use imajin_kernel::id::InviteId;
use imajin_kernel::{Problem, Timestamp};
use imajin_proof::SignedMessage;
use imajin_web::{Authorised, Failure, KeyTier, PathParams, ProblemDocument, Reader, SignedBody};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{ConnectionsState, private};
use crate::ConnectionsError;
use crate::context::Change;
use crate::domain::invite::{
    NewGuest, NewInvite, invite_accept as accept, invite_issue as issue, invite_list as list, invite_open,
    invite_revoke as revoke,
};

/// Open places of somebody of whom nobody has said anything.
const PLACES_BASE: i64 = 5;
const PLACES_MAX: i64 = 200;

/// An invitation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct InviteBody {
    /// A signed `trust.connection` without `to`, whose payload has `invite`.
    #[schema(value_type = Object)]
    document: SignedMessage,
    /// A word to whoever gets it, at most 280 characters.
    note: Option<String>,
}

/// One's own invitations.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InvitesAnswer {
    /// The newest first.
    invites: Vec<InviteView>,
}

/// What somebody of a standing may have open at once: what others have said of them counts, for and against.
fn places_max(standing: &StandingView) -> i64 {
    let good = i64::from(standing.connections) + 2 * i64::from(standing.vouches);
    let bad = i64::from(standing.yellow) + 5 * i64::from(standing.amber) + 20 * i64::from(standing.red);
    (PLACES_BASE + good - bad).clamp(0, PLACES_MAX)
}

/// List one's own invitations
#[utoipa::path(
    get, path = "/api/invites", tag = "invites",
    responses(
        (status = 200, description = "The caller's invitations", body = InvitesAnswer),
        (status = 401, description = "Nobody is logged in", body = ProblemDocument),
    )
)]
pub(super) async fn invite_list(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    Reader(reader): Reader,
) -> Result<Response, Failure> {
    let (did, now) = (reader.canonical(), connections.site.env.now());
    let rows = connections.read(move |conn, context| list(conn, context, &did)).await?;
    let invites = rows.into_iter().map(|row| row.view(now)).collect();
    Ok(private(&InvitesAnswer { invites }))
}

/// Invite people
///
/// The code is made by whoever invites and never sent here: the document holds the public half of the key that the code
/// is. How many places may be open at once depends on what others have said of the caller.
#[utoipa::path(
    post, path = "/api/invites", tag = "invites", request_body = InviteBody,
    responses(
        (status = 200, description = "The invitation", body = InviteView),
        (status = 400, description = "The document is no invitation", body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong, old or used", body = ProblemDocument),
        (status = 403, description = "The caller has no key of their own here", body = ProblemDocument),
        (status = 409, description = "The key was used before", body = ProblemDocument),
        (status = 429, description = "Too many places are open", body = ProblemDocument),
    )
)]
pub(super) async fn invite_issue(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    signed: SignedBody<InviteBody, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    let SignedBody {
        verified,
        value: InviteBody { document, note },
        request,
    } = signed;
    let did = verified.did().clone();
    let raw = serde_json::to_vec(&document).map_err(|_error| Problem::internal())?;
    let document = connections.own_document(&raw, &did).await?;
    let statement = Statement::of(&document).map_err(ConnectionsError::from)?;
    let terms = statement.invite.clone();
    let terms = terms.ok_or_else(|| ConnectionsError::invalid("document.payload.invite", "must be there"))?;
    let (standing, _token) = connections.standing(&did, Some(&did), None).await?;
    let new = NewInvite {
        change: Change::of(verified, request),
        document,
        statement,
        terms,
        note,
        places_max: standing.map_or(0, |standing| places_max(&standing)),
    };
    let row = connections
        .write(move |conn, context| issue(conn, context, &new))
        .await?;
    Ok(private(&row.view(connections.site.env.now())))
}

/// An invitation as whoever holds the code sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InvitedView {
    /// Who invites.
    #[schema(value_type = String)]
    from: Did,
    note: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// What an acceptance names.
    digest: String,
}

/// Read an invitation by its code
///
/// A code that never was, one that has ended and one whose places are taken get the same answer.
#[utoipa::path(
    get, path = "/api/invites/{code}", tag = "invites",
    params(("code" = String, Path, description = "The code")),
    responses(
        (status = 200, description = "Who invites", body = InvitedView),
        (status = 404, description = "There is none, for whatever reason", body = ProblemDocument),
    )
)]
pub(super) async fn invite_fetch(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(code): PathParams<String>,
) -> Result<Response, Failure> {
    let key = invite_key(&code).public().multikey();
    let row = connections
        .read(move |conn, context| invite_open(conn, context, &key))
        .await?;
    let statement = Statement::of(&row.message()?).map_err(ConnectionsError::from)?;
    Ok(private(&InvitedView {
        from: row.owner_did,
        note: row.note,
        expires_at: row.expires_at,
        digest: statement.digest,
    }))
}

/// Take an invitation up
///
/// The body is a signed `trust.accept` that proves to know the code (`inviteProof`). The two are connected at once.
#[utoipa::path(
    post, path = "/api/invites/{code}/accept", tag = "invites", request_body = Object,
    params(("code" = String, Path, description = "The code")),
    responses(
        (status = 200, description = "The connection", body = StatementView),
        (status = 400, description = "The document does not prove that its signer was invited", body = ProblemDocument),
        (status = 401, description = "A signature is missing, wrong, old or used", body = ProblemDocument),
        (status = 403, description = "The caller has no key of their own here", body = ProblemDocument),
        (status = 404, description = "There is none, for whatever reason", body = ProblemDocument),
        (status = 409, description = "The two are connected already", body = ProblemDocument),
    )
)]
pub(super) async fn invite_accept(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(code): PathParams<String>,
    signed: SignedBody<Value, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    let body = &signed.request.body;
    let acceptance = connections.own_document(body, signed.verified.did()).await?;
    let new = NewGuest {
        change: Change::of(signed.verified, signed.request),
        acceptance,
        key: invite_key(&code).public().multikey(),
    };
    let row = connections
        .write(move |conn, context| accept(conn, context, &new))
        .await?;
    Ok(private(&connections.view_of(&row)?))
}

/// End one of one's own invitations
///
/// By its id, not its code. Connections that came by it stay.
#[utoipa::path(
    delete, path = "/api/invites/{code}", tag = "invites", request_body = Option<Object>,
    params(("code" = String, Path, description = "The invitation's id, `inv_…`")),
    responses(
        (status = 200, description = "Nobody can take it up any more", body = InviteView),
        (status = 401, description = "The signature is missing, wrong or used", body = ProblemDocument),
        (status = 403, description = "The caller has no key of their own here", body = ProblemDocument),
        (status = 404, description = "The caller has no such invitation", body = ProblemDocument),
    )
)]
pub(super) async fn invite_revoke(
    State(ConnectionsState(connections)): State<ConnectionsState>,
    PathParams(id): PathParams<String>,
    signed: SignedBody<Option<Value>, Authorised<KeyTier>>,
) -> Result<Response, Failure> {
    let id: InviteId = id.parse().map_err(|_error| ConnectionsError::NoInvite)?;
    let row = connections
        .write_signed(signed, move |conn, context, change, _nothing| {
            revoke(conn, context, change, &id)
        })
        .await?;
    Ok(private(&row.view(connections.site.env.now())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_decides_how_many_one_may_invite() {
        let nothing = StandingView {
            connections: 0,
            vouches: 0,
            vouched_millionths: 0,
            vouching: 0,
            yellow: 0,
            amber: 0,
            red: 0,
        };
        assert_eq!(places_max(&nothing), 5);
        let known = StandingView {
            connections: 10,
            vouches: 3,
            ..nothing
        };
        assert_eq!(places_max(&known), 21);
        let flagged = StandingView { red: 2, ..known };
        assert_eq!(places_max(&flagged), 0);
        let famous = StandingView {
            connections: u32::MAX,
            ..nothing
        };
        assert_eq!(places_max(&famous), 200);
    }
}
