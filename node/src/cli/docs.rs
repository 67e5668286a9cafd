//! The documents that one's questions are answered from.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use imajin_did::Did;
use imajin_fair::{Content, Contributor, Manifest, Payee};
use imajin_kernel::id::DocumentId;
use imajin_money::Share;
use imajin_proof::digest::sha256_hex;
use imajin_query_api::{DocumentBody, DocumentView};
use serde_json::Map;
use url::form_urlencoded::byte_serialize;

use super::client::{Caller, IdentityClient};
use super::output::table;
use super::{CommandError, NodeArg, Output};

/// See [`super::Command::Docs`].
#[derive(Debug, Subcommand)]
pub(super) enum DocsCommand {
    /// Add a text, Markdown or HTML file, with its manifest.
    Add(AddArgs),
    /// List somebody's documents.
    List(ListArgs),
    /// Answer nothing from a document any more. Answers that have quoted it stay.
    Remove {
        #[command(flatten)]
        caller: Caller,
        /// `doc_…`
        id: DocumentId,
    },
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    caller: Caller,
    /// The file, in UTF-8: `.md`, `.html`, or anything else as plain text.
    file: PathBuf,
    /// What it is called; the file's name, if not said.
    #[arg(long)]
    title: Option<String>,
    /// Its manifest, signed with your key and with the SHA-256 of the file in it; without one, it is all yours.
    #[arg(long, value_name = "FILE")]
    fair: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    node: NodeArg,
    /// Whose.
    owner: Did,
}

fn local(error: impl std::fmt::Display) -> CommandError {
    CommandError::Local(error.to_string())
}

fn read(path: &Path) -> Result<String, CommandError> {
    std::fs::read_to_string(path).map_err(|error| local(format!("{} cannot be read: {error}", path.display())))
}

fn media_type(path: &Path) -> &'static str {
    let extension = path
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "md" | "markdown" => "text/markdown",
        "html" | "htm" | "xhtml" => "text/html",
        _ => "text/plain",
    }
}

/// A manifest that says that a text is the caller's own.
fn own_manifest(client: &IdentityClient, title: &str, text: &str, media_type: &str) -> Result<Manifest, CommandError> {
    let did = client.did().clone();
    let entry = Contributor::new(Payee::Did(did.clone()), "author", Share::ONE);
    let mut manifest = Manifest::new(vec![entry]).map_err(local)?;
    manifest.title = Some(title.to_owned());
    manifest.kind = Some("document".to_owned());
    manifest.author = Some(did.clone());
    manifest.content = Some(Content {
        sha256: sha256_hex(text.as_bytes()),
        size: u64::try_from(text.len()).ok(),
        media_type: Some(media_type.to_owned()),
        extra: Map::new(),
    });
    manifest
        .sign(client.key(), did, client.node().env().now())
        .map_err(local)
}

impl DocsCommand {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        match self {
            Self::Add(args) => args.run(output).await,
            Self::List(args) => args.run(output).await,
            Self::Remove { caller, id } => {
                let client = caller.node.signing(&caller.key)?;
                client
                    .send_empty("DELETE", &format!("/query/api/documents/{id}"), None)
                    .await?;
                output.result(&id, |id| format!("Nothing is answered from {id} any more."));
                Ok(())
            }
        }
    }
}

impl AddArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.caller.node.signing(&self.caller.key)?;
        let text = read(&self.file)?;
        let name = self
            .file
            .file_stem()
            .and_then(|name| name.to_str())
            .unwrap_or("Document");
        let title = self.title.unwrap_or_else(|| name.to_owned());
        let kind = media_type(&self.file);
        let manifest = match &self.fair {
            Some(path) => Manifest::parse(read(path)?.as_bytes()).map_err(local)?,
            None => own_manifest(&client, &title, &text, kind)?,
        };
        let body = DocumentBody {
            title,
            media_type: kind.to_owned(),
            text,
            manifest,
        };
        let view: DocumentView = client.send("POST", "/query/api/documents", &body, None).await?;
        output.result(&view, |view| {
            format!("{}\nQuestions are answered from \"{}\" now.", view.id, view.title)
        });
        Ok(())
    }
}

impl ListArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let owner: String = byte_serialize(self.owner.as_str().as_bytes()).collect();
        let path = format!("/query/api/documents?owner={owner}");
        let views: Vec<DocumentView> = self.node.client()?.get(&path).await?;
        output.result(&views, |views| {
            if views.is_empty() {
                return "There are no documents.".to_owned();
            }
            let row = |view: &DocumentView| {
                vec![
                    view.id.to_string(),
                    view.title.clone(),
                    view.media_type.clone(),
                    view.manifest.id.to_string(),
                ]
            };
            table(&views.iter().map(row).collect::<Vec<_>>())
        });
        Ok(())
    }
}
