use axum::extract::State;
use axum::response::Response;
use imajin_auth_api::SetupStateRequest;
use imajin_ui::{JoinPage, SetupPage, render};
use imajin_web::{Failure, QueryParams, Viewer};
use serde::Deserialize;

use super::login::NextQuery;
use crate::AppState;

/// `/join`: make an identity in this browser.
pub(super) async fn join(
    State(www): State<AppState>,
    viewer: Viewer,
    QueryParams(query): QueryParams<NextQuery>,
) -> Response {
    render(&JoinPage {
        shell: www.frame("Make an identity", "/join", viewer.session.as_ref()),
        next: query.path().as_str().to_owned(),
    })
}

/// The one-time token of the setup link. It may stand in the fragment instead, which no server sees.
#[derive(Debug, Deserialize)]
pub(super) struct SetupQuery {
    #[serde(default)]
    token: String,
}

/// `/setup`: somebody with the one-time link becomes the operator. Auth checks the token; here it only passes through
/// to the browser module that signs with it.
pub(super) async fn setup(
    State(www): State<AppState>,
    viewer: Viewer,
    QueryParams(query): QueryParams<SetupQuery>,
) -> Result<Response, Failure> {
    let state = www.deps.auth.setup_state(SetupStateRequest {}).await?;
    let is_claimed = state.operator.is_some();
    Ok(render(&SetupPage {
        shell: www.frame("Claim this node", "/setup", viewer.session.as_ref()),
        node: www.node_card(),
        token: if is_claimed { String::new() } else { query.token },
        is_claimed,
    }))
}
