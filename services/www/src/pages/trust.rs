use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use imajin_auth_api::IdentityFetch;
use imajin_connections_api::{
    ConnectionsOwn, NeighbourhoodFetch, PathAnswer, PathFetch, StandingView, StatementKind, StatementStatus,
    StatementView, TrustAsk, TrustClient, WhyNotView,
};
use imajin_did::Did;
use imajin_kernel::{Code, Problem};
use imajin_ui::{ConnectionsPage, Constellation, InviteRow, InvitedPage, TieRow, TrustPage, TrustStep, moment, render};
use imajin_web::{Failure, PathParams, QueryParams, Viewer};
use serde::Deserialize;

use crate::names::Names;
use crate::person::Person;
use crate::{AppState, Www};

/// A path is looked for as far as the graph goes.
const HOPS_MAX: u8 = 6;

/// `/me/connections`: what one has signed and been asked.
pub(super) async fn connections(State(www): State<AppState>, person: Person) -> Result<Response, Failure> {
    let record = www.trust()?.trust_export(ConnectionsOwn {
        did: person.0.did.clone(),
    });
    let record = record.await?;
    let own = record.own;
    let lists = [
        &own.requests_received,
        &own.requests_sent,
        &own.vouches_given,
        &own.vouches_received,
        &own.flags_given,
    ];
    let views = lists.iter().flat_map(|list| list.iter());
    let dids = views
        .flat_map(|view| [&view.from, &view.to])
        .chain(own.connections.iter().map(|row| &row.did));
    let names = www.names(dids).await;
    let rows = |views: &[StatementView], is_given: bool| -> Vec<TieRow> {
        views.iter().map(|view| statement_row(&names, view, is_given)).collect()
    };
    let connected = own.connections.iter().map(|row| TieRow {
        digest: row.digest.clone(),
        note: format!("since {}", moment(row.since).text),
        ..person_row(&names, &row.did)
    });
    Ok(render(&ConnectionsPage {
        shell: www.frame("Your connections", "/me/connections", Some(&person.0)),
        received: rows(&own.requests_received, false),
        connections: connected.collect(),
        sent: rows(&own.requests_sent, true),
        given: rows(&own.vouches_given, true),
        vouched: rows(&own.vouches_received, false),
        flags: rows(&own.flags_given, true),
        audience: own.audience.as_str().to_owned(),
        invites: record
            .invites
            .into_iter()
            .map(|view| InviteRow {
                id: view.id.to_string(),
                note: view.note.unwrap_or_default(),
                state: format!(
                    "{} of {}, until {}",
                    view.uses,
                    view.max_uses,
                    moment(view.expires_at).text
                ),
                is_open: view.open,
            })
            .collect(),
    }))
}

fn person_row(names: &Names, did: &Did) -> TieRow {
    TieRow {
        name: names.of(did),
        path: format!("/trust/{did}"),
        digest: String::new(),
        note: String::new(),
    }
}

fn statement_row(names: &Names, view: &StatementView, is_given: bool) -> TieRow {
    TieRow {
        digest: view.digest.clone(),
        note: note(view),
        ..person_row(names, if is_given { &view.to } else { &view.from })
    }
}

fn note(view: &StatementView) -> String {
    let what = match (view.kind, view.weight_millionths, view.level) {
        (StatementKind::Vouch, Some(1_000_000), _) => "in full".to_owned(),
        (StatementKind::Vouch, Some(weight), _) => {
            let places = format!("{:06}", weight % 1_000_000);
            let places = places.trim_end_matches('0');
            let dot = if places.is_empty() { "" } else { "." };
            format!("{}{dot}{places} of 1", weight / 1_000_000)
        }
        (StatementKind::Flag, _, Some(level)) => format!("a warning: {}", format!("{level:?}").to_lowercase()),
        (StatementKind::CoPresence, ..) => "at the same event".to_owned(),
        _ => "wants to be connected".to_owned(),
    };
    match (view.status, view.expires_at) {
        (StatementStatus::Expired, _) => format!("{what}, over"),
        (_, Some(ends)) => format!("{what}, until {}", moment(ends).text),
        _ => format!("{what}, {}", moment(view.created_at).text),
    }
}

/// Whom to look for.
#[derive(Debug, Deserialize)]
pub(super) struct FindQuery {
    #[serde(default)]
    to: String,
}

/// `/trust`: the form of the page; goes to the page about whoever is named.
pub(super) async fn find(
    State(www): State<AppState>,
    person: Person,
    QueryParams(query): QueryParams<FindQuery>,
) -> Result<Response, Failure> {
    let name = query.to.trim().trim_start_matches('@');
    if name.is_empty() {
        return Ok(Redirect::to("/trust/me").into_response());
    }
    let did = www.did_of(name, &person.0.did).await?;
    Ok(Redirect::to(&format!("/trust/{did}")).into_response())
}

/// `/trust/{id}`: the people around somebody, and the way there.
pub(super) async fn around(
    State(www): State<AppState>,
    PathParams(id): PathParams<String>,
    person: Person,
) -> Result<Response, Failure> {
    let reader = person.0.did.canonical();
    let did = www.did_of(&id, &reader).await?;
    let trust = www.trust()?;
    let fetch = PathFetch {
        ask: TrustAsk {
            hops: HOPS_MAX,
            ..TrustAsk::near(reader.clone(), did.clone())
        },
        reader: reader.clone(),
    };
    let path = trust.trust_path(fetch).await?;
    let fetch = NeighbourhoodFetch {
        did: did.clone(),
        reader: reader.clone(),
    };
    let around = trust.neighbourhood(fetch).await?;
    let steps = path.steps.as_deref().unwrap_or_default();
    // Who is in the picture first: more names are not looked up for one page.
    let dids = steps.iter().flat_map(|step| [&step.from, &step.to]).chain(&path.mutual);
    let dids = std::iter::once(&did)
        .chain(dids)
        .chain(around.people.iter().map(|one| &one.did));
    let names = www.names(dids).await;
    let is_own = did == reader;
    let mutual = if is_own { &[] } else { path.mutual.as_slice() };
    let people: Vec<TieRow> = around.people.iter().map(|one| person_row(&names, &one.did)).collect();
    let name = names.of(&did);
    let title = if is_own { "The people around you" } else { &name };
    let picture = around.is_shown.then(|| Constellation {
        center: name.clone(),
        people: people.iter().map(|row| (row.name.clone(), row.path.clone())).collect(),
    });
    Ok(render(&TrustPage {
        shell: www.frame(title, "/trust", Some(&person.0)),
        distance: distance(&path, is_own),
        steps: steps
            .iter()
            .map(|step| TrustStep {
                from: if step.from == reader {
                    "You".to_owned()
                } else {
                    names.of(&step.from)
                },
                tie: word(step.kind).to_owned(),
                to: names.of(&step.to),
                to_path: format!("/trust/{}", step.to),
            })
            .collect(),
        mutual: mutual.iter().map(|did| person_row(&names, did)).collect(),
        standing: around
            .standing
            .map(|standing| standing_rows(standing, is_own))
            .unwrap_or_default(),
        did: did.to_string(),
        name,
        is_own,
        picture,
        people,
    }))
}

const fn word(kind: StatementKind) -> &'static str {
    match kind {
        StatementKind::Connection => "knows",
        StatementKind::Vouch => "vouches for",
        StatementKind::CoPresence => "has met",
        StatementKind::Flag => "warns of",
    }
}

fn distance(path: &PathAnswer, is_own: bool) -> String {
    match (is_own, path.hops, &path.why_not) {
        (true, ..) => "Everybody one step from you. Choose somebody to go on from there.".to_owned(),
        (_, Some(1), _) => "One step from you.".to_owned(),
        (_, Some(hops), _) if path.steps.is_none() => {
            format!("{hops} steps from you; somebody on the way does not show their ties.")
        }
        (_, Some(hops), _) => format!("{hops} steps from you."),
        (_, None, Some(WhyNotView::Flagged)) => "You have warned of them: no way of yours leads here.".to_owned(),
        (_, None, Some(WhyNotView::Lapsed)) => "There was a way, but something on it has ended.".to_owned(),
        (_, None, _) => "There is no way from you that you may see.".to_owned(),
    }
}

fn standing_rows(standing: StandingView, is_own: bool) -> Vec<(String, u32)> {
    let (vouches, vouching) = if is_own {
        ("Vouches for you", "You vouch for")
    } else {
        ("Vouches for them", "They vouch for")
    };
    let rows = [
        ("Connections", standing.connections),
        (vouches, standing.vouches),
        (vouching, standing.vouching),
        ("Yellow flags", standing.yellow),
        ("Amber flags", standing.amber),
        ("Red flags", standing.red),
    ];
    rows.map(|(label, count)| (label.to_owned(), count)).to_vec()
}

/// `/invited#code`: taking an invitation up.
pub(super) async fn invited(State(www): State<AppState>, viewer: Viewer) -> Result<Response, Failure> {
    www.trust()?;
    Ok(render(&InvitedPage {
        shell: www.frame("You are invited", "/invited", viewer.session.as_ref()),
    }))
}

impl Www {
    /// The service that knows who trusts whom; a node without it has no such pages.
    fn trust(&self) -> Result<&TrustClient, Problem> {
        let none = || Problem::new(Code::NotFound, "This node keeps no connections.");
        self.deps
            .connections
            .as_ref()
            .map(|known| &known.graph)
            .ok_or_else(none)
    }

    /// Whom a page is about: `me`, a DID, or a handle.
    pub(super) async fn did_of(&self, id: &str, reader: &Did) -> Result<Did, Problem> {
        if id == "me" {
            return Ok(reader.canonical());
        }
        if let Ok(did) = id.parse::<Did>() {
            return Ok(did.canonical());
        }
        let fetch = IdentityFetch {
            did_or_handle: id.to_owned(),
        };
        let found = self.deps.auth.identity_fetch(fetch).await?;
        let found = found.ok_or_else(|| Problem::new(Code::NotFound, "There is nobody of that name here."))?;
        Ok(found.did)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(hops: Option<u8>, why_not: Option<WhyNotView>) -> PathAnswer {
        PathAnswer {
            hops,
            steps: None,
            mutual: Vec::new(),
            why_not,
            token: String::new(),
        }
    }

    #[test]
    fn the_distance_is_a_sentence() {
        assert!(distance(&path(None, None), true).starts_with("Everybody"));
        assert_eq!(distance(&path(Some(1), None), false), "One step from you.");
        assert!(distance(&path(Some(2), None), false).contains("does not show"));
        let shown = PathAnswer {
            steps: Some(Vec::new()),
            ..path(Some(2), None)
        };
        assert_eq!(distance(&shown, false), "2 steps from you.");
        assert!(distance(&path(None, Some(WhyNotView::Flagged)), false).contains("warned"));
        assert!(distance(&path(None, Some(WhyNotView::Apart)), false).contains("no way"));
    }
}
