use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use imajin_auth_api::{AttestationView, AttestationsAbout};
use imajin_events_api::{EventList, EventStatus, EventView};
use imajin_kernel::{Code, Problem};
use imajin_profile_api::{Contact, ContactField, ProfileClient, ProfileFetch, ProfileView, Visibility};
use imajin_publisher_api::{ManifestCard, ManifestList};
use imajin_ui::{
    ContactRow, Person as PersonView, ProfileLinkRow, ProfilePage, SaidRow, WorkRow, did_short, moment, name_or_handle,
    render,
};
use imajin_web::{Failure, PathParams, Viewer};

use crate::show::id_short;
use crate::{AppState, Www};

/// So many statements of others are shown, the newest.
const SAID_MAX: u32 = 20;
/// So many works are shown.
const WORKS_MAX: u32 = 50;

/// `/p/{id}`: somebody's profile, by handle or DID; of whoever has moved, the way to it.
pub(super) async fn profile(
    State(www): State<AppState>,
    PathParams(id): PathParams<String>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    let reader = viewer.session.as_ref().map(|session| session.did.clone());
    if let Some(moved) = www.move_of(&id).await? {
        // Who has moved themselves sees what is left here.
        if reader.is_some_and(|reader| reader.canonical() == moved.did) {
            return Ok(Redirect::to("/me/move").into_response());
        }
        return www.moved_answer(&moved, viewer.session.as_ref());
    }
    let fetch = ProfileFetch {
        did_or_handle: id,
        reader: reader.clone(),
    };
    let view = www.profiles()?.profile_fetch(fetch).await?;
    let view = view.ok_or_else(|| Problem::new(Code::NotFound, "There is nobody of that name here."))?;
    let works = www.works(&view).await;
    let person = www.person_view(&view);
    let said = www.said_about(&view).await;
    let is_own = reader.is_some_and(|reader| reader.canonical() == view.did);
    Ok(render(&ProfilePage {
        shell: www.frame(&person.title(), "/p", viewer.session.as_ref()),
        person,
        bio: view.bio,
        links: view.links.into_iter().map(link_row).collect(),
        contact: contact_rows(view.contact, is_own),
        works,
        said,
        is_own,
        has_connections: www.deps.connections.is_some(),
    }))
}

impl Www {
    /// The service that keeps profiles; a node without it has no such pages.
    pub(crate) fn profiles(&self) -> Result<&ProfileClient, Problem> {
        self.deps
            .profile
            .as_ref()
            .ok_or_else(|| Problem::new(Code::NotFound, "This node keeps no profiles."))
    }

    /// A person as the pages show them.
    pub(super) fn person_view(&self, view: &ProfileView) -> PersonView {
        PersonView {
            did: view.did.to_string(),
            name: view.display_name.clone(),
            handle: view.handle.clone(),
            kind: view.display_type.clone(),
            avatar: view.avatar.as_deref().map(|url| self.own_path(url)),
        }
    }

    /// An address of this node as a path: a page shows pictures of its own origin only, whatever name it was opened
    /// under.
    pub(super) fn own_path(&self, url: &str) -> String {
        let origin = self.deps.site.public.origin();
        url.strip_prefix(&origin).unwrap_or(url).to_owned()
    }

    /// What others have signed about somebody. A page does not fail because it is not known.
    async fn said_about(&self, view: &ProfileView) -> Vec<SaidRow> {
        let about = AttestationsAbout {
            subject: view.did.clone(),
            limit: SAID_MAX,
        };
        match self.deps.auth.attestation_list(about).await {
            Ok(said) => said.into_iter().map(said_row).collect(),
            Err(problem) => {
                tracing::debug!(code = %problem.code, "what others say about somebody could not be asked for");
                Vec::new()
            }
        }
    }

    /// What somebody has made on this node: their events, and what else the library has of them. A page does not fail
    /// because it is not known.
    async fn works(&self, view: &ProfileView) -> Vec<WorkRow> {
        let list = EventList {
            owner: Some(view.did.clone()),
            limit: Some(WORKS_MAX),
            cursor: None,
        };
        let unknown = |problem: Problem| {
            tracing::debug!(code = %problem.code, "somebody's works could not be asked for");
        };
        let events = self.deps.events.event_list(list).await.map_err(unknown);
        let events = events.map(|page| page.events).unwrap_or_default();
        let mut rows: Vec<WorkRow> = events.iter().filter(|event| is_public(event)).map(work_row).collect();
        if let Some(publisher) = &self.deps.publisher {
            let list = ManifestList {
                author: view.did.clone(),
                limit: Some(WORKS_MAX),
                cursor: None,
            };
            let listed = publisher.manifest_list(list).await.map_err(unknown);
            let cards = listed.map(|page| page.manifests).unwrap_or_default();
            let is_new = |card: &ManifestCard| !events.iter().any(|event| event.manifest.id == card.id);
            rows.extend(cards.into_iter().filter(is_new).map(manifest_row));
        }
        rows
    }
}

/// A work of the library: the page about it is the one about its manifest.
fn manifest_row(card: ManifestCard) -> WorkRow {
    WorkRow {
        title: card.title.unwrap_or_else(|| id_short(card.id.as_str())),
        path: format!("/fair/{}", card.id),
        manifest_path: format!("/publisher/api/fair/{}/record", card.id),
    }
}

fn said_row(said: AttestationView) -> SaidRow {
    let (name, handle) = (said.attester_name.as_deref(), said.attester_handle.as_deref());
    SaidRow {
        attester: name_or_handle(name, handle).unwrap_or_else(|| did_short(said.attester.as_str())),
        attester_path: format!("/p/{}", handle.unwrap_or(said.attester.as_str())),
        kind: said.attestation_type,
        time: moment(said.recorded_at),
        document_path: format!("/auth/api/attestations/{}", said.id),
    }
}

/// An owner's list has drafts in it, and this page is for everybody.
fn is_public(event: &EventView) -> bool {
    event.status != EventStatus::Draft
}

fn work_row(event: &EventView) -> WorkRow {
    WorkRow {
        title: event.title.clone(),
        path: format!("/events/{}", event.id),
        manifest_path: format!("/events/api/events/{}/fair", event.id),
    }
}

pub(super) fn link_row(link: imajin_profile_api::ProfileLink) -> ProfileLinkRow {
    ProfileLinkRow {
        label: link.label,
        url: link.url,
    }
}

/// The fields that the reader got, which is what the reader may see.
fn contact_rows(contact: Contact, is_own: bool) -> Vec<ContactRow> {
    let fields = [
        ("E-mail", contact.email),
        ("Phone", contact.phone),
        ("Location", contact.location),
    ];
    let row = |(label, field): (&str, Option<ContactField>)| {
        let field = field?;
        let note = match field.visibility {
            Visibility::Connections => "you and your connections",
            Visibility::Nobody => "only you",
        };
        Some(ContactRow {
            label: label.to_owned(),
            value: field.value,
            note: is_own.then(|| note.to_owned()),
        })
    };
    fields.into_iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::event_sample;

    #[test]
    fn a_draft_is_nobody_elses_business() {
        let draft = EventView {
            status: EventStatus::Draft,
            ..event_sample()
        };
        assert!(!is_public(&draft) && is_public(&event_sample()));
    }

    #[test]
    fn the_owner_is_told_who_sees_what() {
        let field = |visibility| {
            Some(ContactField {
                value: "x".to_owned(),
                visibility,
            })
        };
        let contact = Contact {
            email: field(Visibility::Connections),
            phone: field(Visibility::Nobody),
            location: None,
        };
        let notes = |is_own| -> Vec<_> {
            let rows = contact_rows(contact.clone(), is_own);
            rows.into_iter().map(|row| (row.label, row.note)).collect()
        };
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(
            notes(true),
            [
                ("E-mail".to_owned(), said("you and your connections")),
                ("Phone".to_owned(), said("only you"))
            ]
        );
        assert_eq!(notes(false), [("E-mail".to_owned(), None), ("Phone".to_owned(), None)]);
    }
}
