//! The libraries of nodes: publishing a manifest there, and getting one with everything behind it.
//!
//! A node is asked, and not believed: what it answers is pinned by its id and checked against its author's key here.

use std::path::{Path, PathBuf};

use clap::Args;
use imajin_did::Did;
use imajin_fair::{Acceptance, ManifestId, ManifestRecord};
use imajin_publisher_api::{Chain, ManifestCard, ManifestPage, Published};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::files::{manifest_of, manifest_write, refusal};
use super::{local, record_read};
use crate::cli::key_log::PublishedLog;
use crate::cli::signers::SignerLogs;
use crate::cli::{CommandError, KeyArg, NodeArg, Output};

/// Publish a manifest in a node's library.
#[derive(Debug, Args)]
pub(in crate::cli) struct PublishArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// A work that carries its manifest, a manifest, or one with the signatures beside it.
    file: PathBuf,
}

/// Get a manifest from a node, and check it.
#[derive(Debug, Args)]
pub(in crate::cli) struct FetchArgs {
    #[command(flatten)]
    node: NodeArg,
    /// The manifest's id, or its address at a node.
    #[arg(value_name = "ID|URL")]
    manifest: String,
    /// Where to write it; otherwise it is printed.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Sign that a split is right in which you have a share.
#[derive(Debug, Args)]
pub(in crate::cli) struct AcceptArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// The manifest's id.
    id: ManifestId,
}

/// Have the node endorse a manifest of its library with its own key. Only for whoever runs it.
#[derive(Debug, Args)]
pub(in crate::cli) struct EndorseArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// The manifest's id.
    id: ManifestId,
}

/// List what somebody has published at a node.
#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    #[command(flatten)]
    node: NodeArg,
    /// The author: a DID or a handle.
    #[arg(value_name = "DID")]
    author: String,
    /// At most so many, the newest.
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
    /// Where the last list ended.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

impl PublishArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let record = match record_read(&self.file) {
            Ok(record) => record,
            // A work, then; what is wrong with it as a work is what helps.
            Err(_no_document) => ManifestRecord::new(manifest_of(&self.file)?),
        };
        let client = self.node.signing(&self.key)?;
        let published: Published = client.send("POST", "/publisher/api/fair", &record, None).await?;
        output.result(&published, |published| {
            let word = if published.created {
                "is published"
            } else {
                "was published before"
            };
            format!("{} {word}: {}", published.id, published.url)
        });
        Ok(())
    }
}

impl FetchArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let named = Named::parse(&self.manifest).ok_or_else(|| {
            local(format!(
                "`{}` is neither a manifest's id nor its address",
                self.manifest
            ))
        })?;
        let chain = named.chain(&self.node).await?;
        let record = &chain.work.record;
        checked(
            record,
            &SignerLogs::of_chain(&chain, &named.node_arg(&self.node)).await?,
        )?;
        match &self.out {
            Some(out) => {
                manifest_write(out, &record.manifest)?;
                output.result(&record.manifest, |manifest| {
                    format!("{} is in {}.", manifest.id, out.display())
                });
            }
            None => output.result(&record.manifest, |manifest| {
                serde_json::to_string_pretty(manifest).unwrap_or_default()
            }),
        }
        Ok(())
    }
}

impl AcceptArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let now = client.node().env().now();
        let acceptance = Acceptance::sign(client.key(), client.did().clone(), self.id.clone(), now).map_err(local)?;
        let path = format!("/publisher/api/fair/{}/accept", self.id);
        let record: Value = client.send("POST", &path, &acceptance, None).await?;
        output.result(&record, |_record| format!("{} accepts {}.", client.did(), self.id));
        Ok(())
    }
}

impl EndorseArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let path = format!("/publisher/api/fair/{}/endorse", self.id);
        let record: Value = client.send("POST", &path, &Value::Null, None).await?;
        output.result(&record, |_record| format!("The node endorses {}.", self.id));
        Ok(())
    }
}

impl ListArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.client()?;
        let author = match self.author.parse::<Did>() {
            Ok(did) => did,
            Err(_handle) => PublishedLog::fetch(&client, &self.author).await?.did,
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("author", author.as_str());
        if let Some(limit) = self.limit {
            query.append_pair("limit", &limit.to_string());
        }
        if let Some(cursor) = &self.cursor {
            query.append_pair("cursor", cursor);
        }
        let path = format!("/publisher/api/fair?{}", query.finish());
        let page: ManifestPage = client.get(&path).await?;
        output.result(&page, |page| {
            let line = |card: &ManifestCard| {
                let title = card.title.as_deref().unwrap_or("untitled");
                format!("{}  {}  {title}", card.published_at, card.id)
            };
            let mut lines: Vec<String> = page.manifests.iter().map(line).collect();
            if lines.is_empty() {
                lines.push(format!("{} has published nothing here.", self.author));
            }
            lines.extend(page.cursor.iter().map(|cursor| format!("more with --cursor {cursor}")));
            lines.join("\n")
        });
        Ok(())
    }
}

/// A manifest that is named instead of given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    id: ManifestId,
    /// The node that the address is of, if it is an address.
    node: Option<Url>,
}

impl Named {
    /// What an argument names that is no file.
    pub(super) fn of(argument: &Path) -> Option<Self> {
        if argument.exists() {
            return None;
        }
        Self::parse(argument.to_str()?)
    }

    fn parse(text: &str) -> Option<Self> {
        if let Ok(id) = text.parse() {
            return Some(Self { id, node: None });
        }
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let id = url.path_segments()?.find_map(|segment| segment.parse().ok())?;
        let node = Url::parse(&url.origin().ascii_serialization()).ok()?;
        Some(Self { id, node: Some(node) })
    }

    /// The node to ask.
    pub(super) fn node_arg(&self, node: &NodeArg) -> NodeArg {
        node.at(self.node.clone().unwrap_or_else(|| node.node.clone()))
    }

    /// The work and everything behind it, as a node has it.
    pub(super) async fn chain(&self, node: &NodeArg) -> Result<Chain, CommandError> {
        let node = self.node_arg(node);
        let path = format!("/publisher/api/fair/{}/chain", self.id);
        let chain: Chain = node.client()?.get(&path).await?;
        let found = std::iter::once(&chain.work).chain(&chain.sources);
        for work in found {
            let manifest = &work.record.manifest;
            if !manifest.is_pinned() {
                return Err(refusal(
                    Path::new(manifest.id.as_str()),
                    &"the node answers with another content",
                ));
            }
        }
        if chain.work.record.manifest.id != self.id {
            return Err(refusal(
                Path::new(self.id.as_str()),
                &"the node answers with another manifest",
            ));
        }
        Ok(chain)
    }
}

/// Checks the signatures of a record with the keys that counted when they were made.
fn checked(record: &ManifestRecord, logs: &SignerLogs) -> Result<(), CommandError> {
    let standing = record.verify(&|did, at| logs.keys(did, at));
    standing
        .map(drop)
        .map_err(|error| refusal(Path::new(record.manifest.id.as_str()), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_named_by_its_id_or_by_its_address_at_a_node() {
        let named = |text: &str| Named::parse(text).map(|named| (named.id.to_string(), named.node.map(String::from)));
        let id = "fair_x".to_owned();
        assert_eq!(named("fair_x"), Some((id.clone(), None)));
        for url in [
            "https://a.example/fair/fair_x",
            "https://a.example/publisher/api/fair/fair_x/record?y",
        ] {
            assert_eq!(
                named(url),
                Some((id.clone(), Some("https://a.example/".to_owned()))),
                "{url}"
            );
        }
        for nothing in ["work.jpg", "https://a.example/work", "file:///fair_x", ""] {
            assert_eq!(named(nothing), None, "{nothing}");
        }
    }
}
