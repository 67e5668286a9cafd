use axum::extract::State;
use axum::response::{Redirect, Response};
use imajin_ui::{EnrolPage, KeysPage, RecoverPage, render};
use imajin_web::{QueryParams, Viewer};
use serde::Deserialize;

use crate::AppState;
use crate::local_path::LocalPath;
use crate::person::Person;

/// `/keys`: which keys speak for me. What it shows and changes goes through auth, signed in the browser.
pub(super) async fn keys(State(www): State<AppState>, person: Person) -> Response {
    let enrol_id = person.0.handle.clone().unwrap_or_else(|| person.0.did.to_string());
    let mut enrol_url = www.deps.site.public.0.clone();
    enrol_url.set_path("/enrol");
    enrol_url.query_pairs_mut().append_pair("id", &enrol_id);
    render(&KeysPage {
        shell: www.frame("Keys and devices", "/keys", Some(&person.0)),
        did: person.0.did.to_string(),
        enrol_id,
        enrol_url: enrol_url.into(),
    })
}

/// Who lets the new device in, and where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub(super) struct EnrolQuery {
    #[serde(default)]
    id: String,
    next: Option<String>,
}

/// `/enrol`: a new device asks to be let in.
pub(super) async fn enrol(
    State(www): State<AppState>,
    viewer: Viewer,
    QueryParams(query): QueryParams<EnrolQuery>,
) -> Response {
    let next = query.next.as_deref().and_then(LocalPath::parse);
    render(&EnrolPage {
        shell: www.frame("Let this device in", "/enrol", viewer.session.as_ref()),
        id: query.id,
        next: next.as_ref().map_or("/keys", LocalPath::as_str).to_owned(),
    })
}

/// `/recover`: the recovery key sets a new key.
pub(super) async fn recover(State(www): State<AppState>, viewer: Viewer) -> Response {
    render(&RecoverPage {
        shell: www.frame("Take your identity back", "/recover", viewer.session.as_ref()),
    })
}

/// `/sessions`: the short address of auth's page.
pub(super) async fn sessions() -> Redirect {
    Redirect::to("/auth/sessions")
}

/// `/grants`: the same for the applications that I signed in to.
pub(super) async fn grants() -> Redirect {
    Redirect::to("/auth/grants")
}
