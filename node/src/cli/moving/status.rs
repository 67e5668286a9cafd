use imajin_did::Did;
use imajin_pay_api::BalanceView;
use imajin_publisher_api::ContentState;
use serde::Serialize;
use serde_json::Value;

use super::home::{Moved, moved_find};
use super::list;
use super::works::own_works;
use crate::cli::caller::Caller;
use crate::cli::key_file::local;
use crate::cli::{CommandError, Output};

/// What somebody has at a node.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Standing {
    did: Did,
    node: String,
    /// Where they went, if they have moved away.
    moved: Option<Moved>,
    along: Along,
    stays: Stays,
    /// What the node could not say.
    missing: Vec<Value>,
}

/// What goes along.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Along {
    handle: Option<String>,
    key_log_entries: usize,
    profile: bool,
    picture: bool,
    statements: usize,
    grants: usize,
    manifests: usize,
    works: usize,
}

/// What does not.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Stays {
    balances: Vec<BalanceView>,
    tickets: usize,
    receipts: usize,
    events: usize,
    attestations: usize,
    /// Works that are not published.
    works: usize,
    applications: usize,
}

/// `imajin move status`.
pub(super) async fn show(caller: &Caller, output: Output) -> Result<(), CommandError> {
    let (client, session) = caller.client().await?;
    let mut text = Vec::new();
    client.download_own(&session, "/profile/api/export", &mut text).await?;
    let works = own_works(&client, &session).await?;
    client.logout(&session).await?;
    let mut export: Value =
        serde_json::from_slice(&text).map_err(|error| local(format!("the node sent no complete document: {error}")))?;
    let data = export.get_mut("data").map(Value::take).unwrap_or_default();
    let published = works
        .iter()
        .filter(|work| work.state == ContentState::Published)
        .count();
    let at = |path: &str| data.pointer(path).unwrap_or(&Value::Null);
    let standing = Standing {
        did: client.did().clone(),
        node: client.node().url("/")?.origin().ascii_serialization(),
        moved: moved_find(client.node(), client.did()).await?,
        along: Along {
            handle: at("/account/identity/handle").as_str().map(str::to_owned),
            key_log_entries: list(at("/account/keyLog"), "entries").len(),
            profile: at("/profile/version").as_u64().is_some_and(|version| version > 0),
            picture: at("/avatar").is_object(),
            statements: list(at("/trust"), "statements").len(),
            grants: list(&data, "consentGrants").iter().filter(|one| holds(one)).count(),
            manifests: list(&data, "manifests").len(),
            works: published,
        },
        stays: Stays {
            balances: serde_json::from_value(at("/balances").clone()).unwrap_or_default(),
            tickets: list(&data, "tickets").len(),
            receipts: list(&data, "receipts").len(),
            events: list(&data, "events").len(),
            attestations: list(&data, "attestationsGiven").len(),
            works: works.len().saturating_sub(published),
            applications: list(at("/account"), "grants").len(),
        },
        missing: list(&export, "missing").to_vec(),
    };
    output.result(&standing, standing_text);
    Ok(())
}

/// Whether a standing grant has not ended.
fn holds(grant: &Value) -> bool {
    grant.get("state").and_then(Value::as_str) == Some("active")
}

fn standing_text(standing: &Standing) -> String {
    let Standing { along, stays, .. } = standing;
    let mut lines = vec![match &standing.moved {
        Some(moved) => format!("You moved from {} to {} on {}.", standing.node, moved.url, moved.since),
        None => format!("{} knows of no other home of yours.", standing.node),
    }];
    let handle = along.handle.as_ref().map(|handle| format!(", @{handle} if it is free"));
    lines.push(format!(
        "Goes along: {} entries of the key log, {} profile, {} picture, {} statements, {} grants, {} manifests, {} \
         works{}.",
        along.key_log_entries,
        u8::from(along.profile),
        u8::from(along.picture),
        along.statements,
        along.grants,
        along.manifests,
        along.works,
        handle.unwrap_or_default()
    ));
    lines.push(format!(
        "Stays: {} tickets, {} receipts and {} attestations, which are signed and count anywhere; {} events, {} \
         unpublished works, {} applications.",
        stays.tickets, stays.receipts, stays.attestations, stays.events, stays.works, stays.applications
    ));
    lines.extend(
        stays
            .balances
            .iter()
            .map(|view| money_line(view, standing.moved.as_ref())),
    );
    for missing in &standing.missing {
        let part = missing.get("part").and_then(Value::as_str).unwrap_or_default();
        lines.push(format!("The node could not say: {part}."));
    }
    lines.join("\n")
}

/// What there is, and what to do about it.
fn money_line(view: &BalanceView, moved: Option<&Moved>) -> String {
    let balance = view.balance;
    if balance.is_zero() {
        return format!("Money: {balance} {}.", view.purpose);
    }
    if view.purpose != "available" {
        return format!("Money: {balance} {}: wait until that has ended.", view.purpose);
    }
    let home = moved.map_or("https://new.example", |moved| moved.url.as_str());
    format!(
        "Money: {balance} available. Spend it, have it paid out (`imajin payout`), or sent after you \
         (`imajin peers home {home}`)."
    )
}
