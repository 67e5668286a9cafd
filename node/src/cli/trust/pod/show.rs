//! Pods as one sees them.

use imajin_connections_api::{PodCard, PodMemberPage, PodMemberView, PodPage, PodView};
use serde::Serialize;

use super::{OneArgs, fetch, line, path};
use crate::cli::caller::Caller;
use crate::cli::output::table;
use crate::cli::trust::{API, encoded};
use crate::cli::{CommandError, Output};

/// A pod with the people in it.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    pod: PodView,
    people: Vec<PodMemberView>,
}

/// `imajin trust pod list`.
pub(super) async fn list(caller: &Caller, output: Output) -> Result<(), CommandError> {
    let (client, session) = caller.client().await?;
    let mut pods: Vec<PodCard> = Vec::new();
    let mut next = format!("{API}/pods?limit=200");
    loop {
        let page: PodPage = client.get_own(&session, &next).await?;
        pods.extend(page.pods);
        match page.cursor {
            Some(cursor) => next = format!("{API}/pods?limit=200&cursor={}", encoded(&cursor)),
            None => break,
        }
    }
    output.result(&pods, |pods| list_text(pods));
    Ok(())
}

fn list_text(pods: &[PodCard]) -> String {
    if pods.is_empty() {
        return "You are in no pod. Make one with `imajin trust pod create`.".to_owned();
    }
    let row = |card: &PodCard| {
        let invited = || {
            card.invitation
                .as_ref()
                .map(|open| format!("invited as {}", open.role.as_str()))
        };
        vec![
            card.id.to_string(),
            card.name.clone(),
            card.role
                .map(|role| role.as_str().to_owned())
                .or_else(invited)
                .unwrap_or_default(),
            card.kind.as_str().to_owned(),
            card.visibility.as_str().to_owned(),
        ]
    };
    table(&pods.iter().map(row).collect::<Vec<_>>())
}

/// `imajin trust pod show`.
pub(super) async fn show(args: &OneArgs, output: Output) -> Result<(), CommandError> {
    let (client, session) = args.caller.client().await?;
    let pod = fetch(&client, &session, &args.pod).await?;
    let mut people: Vec<PodMemberView> = Vec::new();
    let mut next = path(&args.pod, "/members?limit=200");
    loop {
        let page: PodMemberPage = client.get_own(&session, &next).await?;
        people.extend(page.members);
        match page.cursor {
            Some(cursor) => next = path(&args.pod, &format!("/members?limit=200&cursor={}", encoded(&cursor))),
            None => break,
        }
    }
    output.result(&Shown { pod, people }, shown_text);
    Ok(())
}

fn shown_text(shown: &Shown) -> String {
    let card = &shown.pod.card;
    let mut lines = vec![format!(
        "{}\n{}, {}, owned by {}, {} people",
        line(&shown.pod),
        card.kind.as_str(),
        card.visibility.as_str(),
        card.owner_did,
        shown.pod.members
    )];
    lines.extend(
        shown
            .pod
            .parent
            .iter()
            .map(|outer| format!("in {}  {}", outer.id, outer.name)),
    );
    lines.extend(
        shown
            .pod
            .pods
            .iter()
            .map(|inner| format!("with {}  {}", inner.id, inner.name)),
    );
    lines.extend(shown.pod.successor.iter().map(|did| format!("offered to {did}")));
    let row = |member: &PodMemberView| {
        let since = member.joined_at.map(|at| format!("since {at}"));
        vec![
            member.role.as_str().to_owned(),
            member.did.to_string(),
            since.unwrap_or_else(|| "has not accepted yet".to_owned()),
        ]
    };
    lines.push(table(&shown.people.iter().map(row).collect::<Vec<_>>()));
    lines.join("\n")
}
