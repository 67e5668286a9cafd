use std::path::Path;

use imajin_fair::{Action, Manifest, Price};
use imajin_publisher_api::{Chain, ChainWork, SignatureFinding};
use serde::Serialize;

use super::files::manifest_of;
use super::library::Named;
use crate::cli::output::table;
use crate::cli::{CommandError, NodeArg, Output};

/// A part of what a work earns.
#[derive(Debug, Serialize)]
pub(super) struct ShownShare {
    share: String,
    role: String,
    payee: String,
}

pub(super) async fn run(path: &Path, node: &NodeArg, output: Output) -> Result<(), CommandError> {
    let Some(named) = Named::of(path) else {
        output.result(&manifest_of(path)?, text);
        return Ok(());
    };
    let chain = named.chain(node).await?;
    output.result(&chain, chain_text);
    Ok(())
}

/// The work, and a line for each work behind it.
fn chain_text(chain: &Chain) -> String {
    let mut lines = vec![text(&chain.work.record.manifest)];
    let row = |work: &ChainWork| {
        let manifest = &work.record.manifest;
        let title = manifest.title.clone().unwrap_or_default();
        let signature = match &work.signature {
            SignatureFinding::Valid { signer } => format!("signed by {signer}"),
            SignatureFinding::Unsigned => "unsigned".to_owned(),
            SignatureFinding::Broken { .. } => "BROKEN".to_owned(),
            SignatureFinding::Unchecked { .. } => "not checked".to_owned(),
        };
        vec![format!("  {}", manifest.id), title, signature]
    };
    if !chain.sources.is_empty() {
        lines.push("works behind it".to_owned());
        lines.push(table(&chain.sources.iter().map(row).collect::<Vec<_>>()));
    }
    lines.extend(
        chain
            .missing
            .iter()
            .map(|work| format!("MISSING {}: {}", work.id, work.reason)),
    );
    lines.extend(
        chain
            .refusal
            .as_ref()
            .map(|refusal| format!("NOT IN ORDER: {}", refusal.detail)),
    );
    let outstanding = std::iter::once(&chain.work)
        .chain(&chain.sources)
        .flat_map(|work| &work.outstanding);
    lines.extend(outstanding.map(|did| format!("has not accepted yet: {did}")));
    lines.join("\n")
}

/// Who gets how much.
pub(super) fn shares(manifest: &Manifest) -> Vec<ShownShare> {
    let shown = manifest.contributors.iter().map(|entry| ShownShare {
        share: entry.share.to_string(),
        role: entry.role.clone(),
        payee: entry.payee.to_string(),
    });
    shown.collect()
}

/// The shares as lines of a table.
pub(super) fn shares_text(shares: &[ShownShare]) -> String {
    let row = |entry: &ShownShare| vec![format!("  {}", entry.share), entry.role.clone(), entry.payee.clone()];
    table(&shares.iter().map(row).collect::<Vec<_>>())
}

fn text(manifest: &Manifest) -> String {
    let mut lines = vec![manifest.id.to_string()];
    let mut line = |label: &str, value: Option<String>| {
        if let Some(value) = value {
            lines.push(format!("{label:<13}{value}"));
        }
    };
    line("title", manifest.title.clone());
    line("type", manifest.kind.clone());
    line("created", manifest.created.clone());
    line("author", manifest.author.as_ref().map(ToString::to_string));
    line(
        "signed by",
        Some(manifest.signer().map_or("nobody".to_owned(), ToString::to_string)),
    );
    line("at home at", manifest.canonical.clone());
    let content = manifest.content.as_ref();
    line("content", content.map(|content| format!("sha256 {}", content.sha256)));
    for parent in &manifest.derives_from {
        line("made from", Some(parent.to_string()));
    }
    for action in Action::ALL {
        line(action.as_str(), term(manifest, action));
    }
    lines.push("shares".to_owned());
    lines.push(shares_text(&shares(manifest)));
    lines.join("\n")
}

fn term(manifest: &Manifest, action: Action) -> Option<String> {
    let term = manifest.terms.get(action)?;
    let price = match &term.price {
        None => None,
        Some(Price::Free) => Some("free".to_owned()),
        Some(Price::Prohibited) => Some("prohibited".to_owned()),
        Some(Price::Of(money)) => Some(money.to_string()),
    };
    let royalty = term.royalty.map(|share| format!("royalty {share}"));
    let consent = term.consent.as_ref().map(|word| format!("consent {word}"));
    let words = [price, royalty, consent]
        .into_iter()
        .flatten()
        .chain(term.conditions.clone());
    Some(words.collect::<Vec<_>>().join(", "))
}
