use axum::extract::State;
use axum::response::Response;
use imajin_connections_api::{
    PodCard, PodFetch, PodKind, PodMemberView, PodMembersFetch, PodPageAsk, PodRef, PodRole, PodView, PodVisibility,
    PodsClient, PodsOwn,
};
use imajin_did::Did;
use imajin_kernel::id::PodId;
use imajin_kernel::{Code, Problem};
use imajin_ui::{PodChoice, PodLine, PodPage, PodPersonRow, PodsPage, moment, render};
use imajin_web::{Failure, PathParams, QueryParams, Viewer};
use serde::Deserialize;
use url::form_urlencoded;

use crate::names::Names;
use crate::person::Person;
use crate::{AppState, Www};

/// Entries of one page.
const PAGE: u32 = 50;
/// As many as there are on one page of a list, when all are wanted.
const PAGE_MAX: u32 = 200;
/// So many such pages are read at most.
const PAGES_MAX: usize = 8;

/// Where a list goes on.
#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    cursor: Option<String>,
}

impl ListQuery {
    fn page(self) -> PodPageAsk {
        PodPageAsk {
            limit: Some(PAGE),
            cursor: self.cursor,
        }
    }
}

fn next_of(path: &str, cursor: Option<&str>) -> Option<String> {
    let cursor: String = form_urlencoded::byte_serialize(cursor?.as_bytes()).collect();
    Some(format!("{path}?cursor={cursor}"))
}

/// `/me/pods`: the pods that one is in and invited to.
pub(super) async fn own(
    State(www): State<AppState>,
    person: Person,
    QueryParams(query): QueryParams<ListQuery>,
) -> Result<Response, Failure> {
    let did = person.0.did.canonical();
    let asked = PodsOwn {
        did: did.clone(),
        page: query.page(),
    };
    let page = www.pods()?.pod_list_own(asked).await?;
    let invited_by = page
        .pods
        .iter()
        .filter_map(|card| card.invitation.as_ref().map(|open| &open.by));
    let names = www
        .names(page.pods.iter().map(|card| &card.owner_did).chain(invited_by))
        .await;
    let (invitations, pods): (Vec<_>, Vec<_>) = page.pods.iter().partition(|card| card.invitation.is_some());
    Ok(render(&PodsPage {
        shell: www.frame("Your pods", "/me/pods", Some(&person.0)),
        invitations: invitations.into_iter().map(|card| line(&names, card)).collect(),
        pods: pods.into_iter().map(|card| line(&names, card)).collect(),
        owned: www.owned(&did, None).await?,
        next: next_of("/me/pods", page.cursor.as_deref()),
    }))
}

/// `/pods/{id}`: a pod with the people in it, as far as its reader may see them.
pub(super) async fn pod(
    State(www): State<AppState>,
    PathParams(id): PathParams<PodId>,
    viewer: Viewer,
    QueryParams(query): QueryParams<ListQuery>,
) -> Result<Response, Failure> {
    let reader = viewer.session.as_ref().map(|session| session.did.canonical());
    let fetch = PodFetch {
        pod: id,
        reader: reader.clone(),
    };
    let view = www.pods()?.pod_fetch(fetch).await?;
    let fetch = PodMembersFetch {
        pod: id,
        reader: reader.clone(),
        page: query.page(),
    };
    let page = www.pods()?.pod_member_list(fetch).await?;
    let card = &view.card;
    let invited_by = card.invitation.as_ref().map(|open| &open.by);
    let around = [&card.owner_did].into_iter().chain(invited_by).chain(&view.successor);
    let names = www
        .names(around.chain(page.members.iter().map(|member| &member.did)))
        .await;
    let owned = match (&reader, card.role) {
        (Some(did), Some(PodRole::Owner)) => www.owned(did, Some(&view)).await?,
        _ => Vec::new(),
    };
    let path = format!("/pods/{id}");
    let shell = www.frame(&card.name, &path, viewer.session.as_ref());
    Ok(render(&PodPage {
        people: page.members.iter().map(|one| person_row(&names, card, one)).collect(),
        next: next_of(&path, page.cursor.as_deref()),
        owned,
        ..pod_page(shell, &names, (&view, reader.as_ref()))
    }))
}

/// The page without the people and the choices.
fn pod_page(shell: imajin_ui::Shell, names: &Names, (view, reader): (&PodView, Option<&Did>)) -> PodPage {
    let card = &view.card;
    let is_owner = card.role == Some(PodRole::Owner);
    let invited_by = card.invitation.as_ref().map(|open| names.of(&open.by));
    let offered_to = view.successor.as_ref().filter(|_successor| is_owner);
    PodPage {
        shell,
        line: PodLine {
            note: about(names, view),
            ..line(names, card)
        },
        own_role: card.role.map_or("", PodRole::as_str).to_owned(),
        invited_by: invited_by.unwrap_or_default(),
        is_offered: !is_owner && view.successor.is_some() && view.successor.as_ref() == reader,
        offered_to: offered_to.map(|did| names.of(did)).unwrap_or_default(),
        is_personal: card.kind == PodKind::Personal,
        is_trust_bound: card.visibility == PodVisibility::TrustBound,
        outer: view.parent.as_ref().map(ref_line),
        inner: view.pods.iter().map(ref_line).collect(),
        people: Vec::new(),
        owned: Vec::new(),
        next: None,
    }
}

fn ref_line(pod: &PodRef) -> PodLine {
    PodLine {
        id: pod.id.to_string(),
        path: format!("/pods/{}", pod.id),
        name: pod.name.clone(),
        ..PodLine::default()
    }
}

fn line(names: &Names, card: &PodCard) -> PodLine {
    let owner = names.of(&card.owner_did);
    let note = match (&card.invitation, card.role) {
        (Some(open), _) => format!("{} invites you as {}", names.of(&open.by), open.role.as_str()),
        (None, Some(PodRole::Owner)) => format!("{}, yours", word(card.kind)),
        (None, Some(role)) => format!("{} of {owner}; you are {}", word(card.kind), role.as_str()),
        (None, None) => format!("{} of {owner}", word(card.kind)),
    };
    PodLine {
        id: card.id.to_string(),
        path: format!("/pods/{}", card.id),
        name: card.name.clone(),
        note,
        role: card
            .invitation
            .as_ref()
            .map_or("", |open| open.role.as_str())
            .to_owned(),
    }
}

const fn word(kind: PodKind) -> &'static str {
    match kind {
        PodKind::Personal => "a circle",
        PodKind::Shared => "a group",
        PodKind::Event => "the people of an event",
    }
}

/// What a pod is, in a sentence.
fn about(names: &Names, view: &PodView) -> String {
    let card = &view.card;
    let what = match card.kind {
        PodKind::Personal => "A circle of one person",
        PodKind::Shared => "A group",
        PodKind::Event => "The people of an event",
    };
    let whose = match card.role {
        Some(PodRole::Owner) => "it is yours".to_owned(),
        _ => format!("it is owned by {}", names.of(&card.owner_did)),
    };
    let people = if view.members == 1 { "person" } else { "people" };
    let known = match card.visibility {
        PodVisibility::Private => "Only those who are in it know of it.",
        PodVisibility::TrustBound => "People to whom its owner shows their connections know of it.",
    };
    format!("{what}, with {} {people}; {whose}. {known}", view.members)
}

fn person_row(names: &Names, pod: &PodCard, member: &PodMemberView) -> PodPersonRow {
    let is_owner = pod.role == Some(PodRole::Owner);
    let is_invited = member.joined_at.is_none();
    let is_below = pod.role >= Some(PodRole::Admin) && Some(member.role) < pod.role;
    let other = match member.role {
        PodRole::Member => "admin",
        PodRole::Admin => "member",
        PodRole::Owner => "",
    };
    let may_change = is_owner && !is_invited && pod.kind != PodKind::Personal;
    PodPersonRow {
        name: names.of(&member.did),
        did: member.did.to_string(),
        path: format!("/trust/{}", member.did),
        role: member.role.as_str().to_owned(),
        note: member.joined_at.map_or_else(
            || "has not accepted yet".to_owned(),
            |at| format!("since {}", moment(at).text),
        ),
        is_invited,
        may_remove: is_below,
        other_role: if may_change { other } else { "" }.to_owned(),
    }
}

impl Www {
    /// The service that keeps pods; a node without it has no such pages.
    fn pods(&self) -> Result<&PodsClient, Problem> {
        let none = || Problem::new(Code::NotFound, "This node keeps no pods.");
        self.deps.connections.as_ref().map(|known| &known.pods).ok_or_else(none)
    }

    /// Somebody's own pods, as those that another may stand within.
    async fn owned(&self, did: &Did, chosen_for: Option<&PodView>) -> Result<Vec<PodChoice>, Problem> {
        let mut choices = Vec::new();
        let mut cursor = None;
        for _page in 0..PAGES_MAX {
            let asked = PodsOwn {
                did: did.clone(),
                page: PodPageAsk {
                    limit: Some(PAGE_MAX),
                    cursor,
                },
            };
            let page = self.pods()?.pod_list_own(asked).await?;
            let mine = page.pods.into_iter().filter(|card| card.role == Some(PodRole::Owner));
            let mine = mine.filter(|card| chosen_for.is_none_or(|view| view.card.id != card.id));
            choices.extend(mine.map(|card| PodChoice {
                is_chosen: chosen_for.is_some_and(|view| view.parent.as_ref().is_some_and(|outer| outer.id == card.id)),
                value: card.id.to_string(),
                name: card.name,
            }));
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(choices)
    }
}

#[cfg(test)]
mod tests {
    use imajin_did::SecretKey;
    use imajin_kernel::Timestamp;

    use super::*;

    fn did(number: u8) -> Did {
        SecretKey::from_seed([number; 32]).did()
    }

    fn card(role: Option<PodRole>, kind: PodKind) -> PodCard {
        PodCard {
            id: PodId::from_bytes([1; 16]),
            name: "Choir".to_owned(),
            owner_did: did(1),
            kind,
            visibility: PodVisibility::Private,
            role,
            invitation: None,
        }
    }

    fn row(own: Option<PodRole>, kind: PodKind, role: PodRole, is_in: bool) -> PodPersonRow {
        let member = PodMemberView {
            did: did(2),
            role,
            joined_at: is_in.then(|| Timestamp::from_seconds(1)),
            invited_by: None,
        };
        person_row(&Names::default(), &card(own, kind), &member)
    }

    #[test]
    fn only_what_one_may_do_is_offered() {
        let shared = PodKind::Shared;
        let member = row(Some(PodRole::Owner), shared, PodRole::Member, true);
        assert_eq!((member.may_remove, member.other_role.as_str()), (true, "admin"));
        let invited = row(Some(PodRole::Owner), shared, PodRole::Admin, false);
        assert_eq!((invited.may_remove, invited.other_role.as_str()), (true, ""));
        let colleague = row(Some(PodRole::Admin), shared, PodRole::Admin, true);
        assert_eq!((colleague.may_remove, colleague.other_role.as_str()), (false, ""));
        assert!(row(Some(PodRole::Admin), shared, PodRole::Member, true).may_remove);
        assert!(!row(Some(PodRole::Member), shared, PodRole::Member, true).may_remove);
        assert!(!row(None, shared, PodRole::Member, true).may_remove);
        let circle = row(Some(PodRole::Owner), PodKind::Personal, PodRole::Member, true);
        assert_eq!((circle.may_remove, circle.other_role.as_str()), (true, ""));
    }

    #[test]
    fn a_line_says_whose_it_is() {
        let names = Names::known(&[(&did(1), "Ada")]);
        assert_eq!(
            line(&names, &card(Some(PodRole::Owner), PodKind::Shared)).note,
            "a group, yours"
        );
        assert_eq!(
            line(&names, &card(Some(PodRole::Admin), PodKind::Personal)).note,
            "a circle of Ada; you are admin"
        );
        assert_eq!(
            line(&names, &card(None, PodKind::Event)).note,
            "the people of an event of Ada"
        );
    }
}
