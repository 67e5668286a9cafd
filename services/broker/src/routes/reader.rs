use axum::extract::{FromRequest, FromRequestParts, Request};
use imajin_did::Did;
use imajin_kernel::{Code, Problem};
use imajin_web::{Failure, RawRequest, Tier, Viewer, bearer};

use super::BrokerState;

/// Whoever reads their own account: by a signature, by a token of this broker, or logged in at this node.
pub(super) struct OwnReader {
    pub(super) did: Did,
    is_operator: bool,
}

impl OwnReader {
    /// Refuses everybody but the operator.
    pub(super) fn operator(&self) -> Result<(), Problem> {
        if self.is_operator {
            return Ok(());
        }
        let refused = "Only the operator of this node may do this.";
        Err(Problem::new(Code::Forbidden, refused))
    }
}

impl FromRequest<BrokerState> for OwnReader {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &BrokerState) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let viewer = Viewer::from_request_parts(&mut parts, state).await?;
        let raw = RawRequest::from_request(Request::from_parts(parts, body), state).await?;
        if raw.is_signed() {
            let caller = state.0.caller_of(&raw.signed()?).await.map_err(Problem::from)?;
            return Ok(Self {
                did: caller.did().canonical(),
                is_operator: caller.operator().is_ok(),
            });
        }
        if let Some(token) = bearer(&raw.headers).filter(|_token| viewer.session.is_none())
            && let Some(did) = state.0.token_reader(&token).await.map_err(Problem::from)?
        {
            let is_operator = false;
            return Ok(Self { did, is_operator });
        }
        let session = viewer.session_require()?;
        Ok(Self {
            did: session.did.canonical(),
            is_operator: session.tier == Tier::Operator,
        })
    }
}
