use axum::RequestPartsExt;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, Method, header};
use imajin_kernel::{Code, Problem};
use imajin_web::{Failure, SessionView, Tier, Viewer};

use crate::AppState;
use crate::local_path::LocalPath;

/// Somebody who is signed in: what a page of one's own takes.
#[derive(Debug)]
pub(crate) struct Person(pub(crate) SessionView);

impl Person {
    /// Whether this person runs the node.
    pub(crate) fn is_operator(&self) -> bool {
        is_operator(&self.0)
    }

    /// The person as a reader of things that events keeps.
    pub(crate) fn events_reader(&self) -> imajin_events_api::Reader {
        imajin_events_api::Reader {
            did: self.0.did.clone(),
            operator: self.is_operator(),
        }
    }

    /// The person as a reader of things that pay keeps.
    pub(crate) fn pay_reader(&self) -> imajin_pay_api::Reader {
        imajin_pay_api::Reader {
            did: self.0.did.clone(),
            operator: self.is_operator(),
        }
    }
}

/// Whether a session is the operator's.
pub(crate) fn is_operator(session: &SessionView) -> bool {
    session.tier >= Tier::Operator
}

/// A stranger came to a page of somebody's own: a browser is shown where to sign in, a program is told.
#[derive(Debug)]
pub(crate) enum Stranger {
    /// To the sign-in page, and back afterwards.
    ToLogin(LocalPath),
    /// A refusal.
    Refused(Failure),
}

impl IntoResponse for Stranger {
    fn into_response(self) -> Response {
        match self {
            Self::ToLogin(next) => Redirect::to(&next.login_url()).into_response(),
            Self::Refused(failure) => failure.into_response(),
        }
    }
}

impl FromRequestParts<AppState> for Person {
    type Rejection = Stranger;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Stranger> {
        let viewer: Viewer = parts.extract_with_state(state).await.map_err(Stranger::Refused)?;
        let refused = match viewer.session_require() {
            Ok(session) => return Ok(Self(session.clone())),
            Err(problem) => problem,
        };
        let reads = [Method::GET, Method::HEAD].contains(&parts.method);
        if reads && wants_html(&parts.headers) {
            let path = parts.uri.path_and_query().map(http::uri::PathAndQuery::as_str);
            return Err(Stranger::ToLogin(LocalPath::parse_or_home(path)));
        }
        Err(Stranger::Refused(refused.into()))
    }
}

fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    accept.split(',').any(|part| part.trim().starts_with("text/html"))
}

/// The operator of the node.
#[derive(Debug)]
pub(crate) struct Operator(pub(crate) Person);

impl FromRequestParts<AppState> for Operator {
    type Rejection = Stranger;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Stranger> {
        let person: Person = parts.extract_with_state(state).await?;
        if person.is_operator() {
            return Ok(Self(person));
        }
        let problem = Problem::new(Code::Forbidden, "Only the operator of this node may see this page.")
            .hint("If that is you, sign in with the key that claimed the node.");
        Err(Stranger::Refused(problem.into()))
    }
}
