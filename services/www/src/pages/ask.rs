use axum::extract::State;
use axum::response::Response;
use imajin_ui::{AnswersPage, AskPage, render};
use imajin_web::{Failure, PathParams, Viewer};

use crate::AppState;
use crate::person::Person;

/// `/ask/{id}`: asking somebody. What it shows comes from `query`, read in the browser, which holds the key that asks.
pub(super) async fn ask(
    State(www): State<AppState>,
    PathParams(id): PathParams<String>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let reader = viewer
        .session
        .as_ref()
        .map_or(&www.deps.node_did, |session| &session.did);
    let did = www.did_of(&id, reader).await?;
    let names = www.names([&did]).await;
    let name = names.of(&did);
    Ok(render(&AskPage {
        shell: www.frame(&format!("Ask {name}"), "/ask", viewer.session.as_ref()),
        name,
        did: did.to_string(),
    }))
}

/// `/answers`: one's own terms, documents and questions.
pub(super) async fn answers(State(www): State<AppState>, person: Person) -> Response {
    render(&AnswersPage {
        shell: www.frame("Your answers", "/answers", Some(&person.0)),
        node: www.deps.node_did.to_string(),
    })
}
