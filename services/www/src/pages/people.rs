use axum::extract::State;
use axum::response::Response;
use imajin_profile_api::{ProfileCard, ProfileSearch};
use imajin_ui::{PeoplePage, Person, render};
use imajin_web::{Failure, QueryParams, Viewer};
use serde::Deserialize;
use url::form_urlencoded;

use crate::{AppState, Www};

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PeopleQuery {
    #[serde(default)]
    q: String,
    cursor: Option<String>,
}

/// `/people`: finding somebody.
pub(super) async fn people(
    State(www): State<AppState>,
    viewer: Viewer,
    QueryParams(query): QueryParams<PeopleQuery>,
) -> Result<Response, Failure> {
    let profiles = www.profiles()?;
    let text = query.q.trim().to_owned();
    let (mut people, mut cursor) = (Vec::new(), None);
    if !text.is_empty() {
        let search = ProfileSearch {
            text: text.clone(),
            limit: None,
            cursor: query.cursor,
        };
        let page = profiles.profile_search(search).await?;
        people = page.profiles.into_iter().map(|card| person_of(&www, card)).collect();
        cursor = page.cursor;
    }
    Ok(render(&PeoplePage {
        shell: www.frame("People", "/people", viewer.session.as_ref()),
        next_url: cursor.map(|cursor| next_url(&text, &cursor)),
        query: text,
        people,
    }))
}

fn next_url(text: &str, cursor: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("q", text)
        .append_pair("cursor", cursor)
        .finish();
    format!("/people?{query}")
}

fn person_of(www: &Www, card: ProfileCard) -> Person {
    Person {
        did: card.did.to_string(),
        name: card.display_name,
        handle: card.handle,
        kind: card.display_type,
        avatar: card.avatar_small.as_deref().map(|url| www.own_path(url)),
    }
}
