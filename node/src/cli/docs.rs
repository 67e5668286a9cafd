//! The documents that one's questions are answered from.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{Args, Subcommand};
use imajin_fair::Manifest;
use imajin_kernel::id::DocumentId;
use imajin_query_api::{DOCUMENTS_PAGE, DocumentBody, DocumentCard, DocumentView};
use url::form_urlencoded::byte_serialize;

use super::caller::Caller;
use super::output::table;
use super::{CommandError, NodeArg, Output};

/// See [`super::Command::Docs`].
#[derive(Debug, Subcommand)]
pub(super) enum DocsCommand {
    /// Add a text, Markdown, HTML or PDF file, with its manifest.
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
    /// The file: `.md`, `.html` or plain text in UTF-8, or a `.pdf`, of which the text is added (by `pdftotext`, which
    /// must be installed).
    file: PathBuf,
    /// What it is called; the file's name, if not said.
    #[arg(long)]
    title: Option<String>,
    /// Its manifest, signed with your key and with the SHA-256 of the text in it; without one, it is all yours.
    #[arg(long, value_name = "FILE")]
    fair: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    node: NodeArg,
    /// Whose: a DID, or a handle of the node.
    owner: String,
}

fn local(error: impl std::fmt::Display) -> CommandError {
    CommandError::Local(error.to_string())
}

fn read(path: &Path) -> Result<String, CommandError> {
    std::fs::read_to_string(path).map_err(|error| local(format!("{} cannot be read: {error}", path.display())))
}

/// What a file is, by its name.
enum FileKind {
    /// Text that is added as it is.
    Text(&'static str),
    Pdf,
}

impl FileKind {
    fn of(path: &Path) -> Self {
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "md" | "markdown" => Self::Text("text/markdown"),
            "html" | "htm" | "xhtml" => Self::Text("text/html"),
            "pdf" => Self::Pdf,
            _ => Self::Text("text/plain"),
        }
    }

    /// The text of a file, and its media type.
    fn text(&self, path: &Path) -> Result<(String, &'static str), CommandError> {
        match self {
            Self::Text(media_type) => Ok((read(path)?, media_type)),
            Self::Pdf => Ok((pdf_text(path)?, "text/plain")),
        }
    }
}

/// The text of a PDF, as another program reads it: it is the author's own file on the author's own machine, and no node
/// ever has to open a stranger's.
fn pdf_text(path: &Path) -> Result<String, CommandError> {
    let shown = path.display();
    // From its root, a name is no option.
    let path = std::fs::canonicalize(path).map_err(|error| local(format!("{shown} cannot be read: {error}")))?;
    let mut command = Command::new("pdftotext");
    command
        .args(["-enc", "UTF-8", "-eol", "unix"])
        .arg(path)
        .arg("-")
        .stdin(Stdio::null());
    let output = command.output().map_err(|error| {
        local(format!(
            "pdftotext, which reads PDF files, cannot be run ({error}): install it (Debian: apt install \
             poppler-utils), or add the text"
        ))
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let why = said.lines().last().unwrap_or("pdftotext does not say why");
        return Err(local(format!("{shown} cannot be read as a PDF: {why}")));
    }
    // Pages end with a form feed: a page ends a paragraph, too.
    let text = String::from_utf8_lossy(&output.stdout).replace('\u{c}', "\n\n");
    if text.trim().is_empty() {
        return Err(local(format!(
            "{shown} has no text: it may be a scan, which a program for text recognition can read"
        )));
    }
    Ok(text)
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
        let (text, kind) = FileKind::of(&self.file).text(&self.file)?;
        let name = self
            .file
            .file_stem()
            .and_then(|name| name.to_str())
            .unwrap_or("Document");
        let title = self.title.unwrap_or_else(|| name.to_owned());
        let (author, now) = ((client.key(), client.did()), client.node().env().now());
        let mut body = DocumentBody::own(author, &title, kind, text, now).map_err(local)?;
        if let Some(path) = &self.fair {
            body.manifest = Manifest::parse(read(path)?.as_bytes()).map_err(local)?;
        }
        let view: DocumentView = client.send("POST", "/query/api/documents", &body, None).await?;
        output.result(&view, |view| {
            format!("{}\nQuestions are answered from \"{}\" now.", view.id, view.title)
        });
        Ok(())
    }
}

impl ListArgs {
    async fn run(self, output: Output) -> Result<(), CommandError> {
        let node = self.node.client()?;
        let owner = node.did_of(&self.owner).await?;
        let owner: String = byte_serialize(owner.as_str().as_bytes()).collect();
        let (mut views, mut after) = (Vec::<DocumentCard>::new(), String::new());
        loop {
            let path = format!("/query/api/documents?owner={owner}{after}");
            let page: Vec<DocumentCard> = node.get(&path).await?;
            let is_last = page.len() < DOCUMENTS_PAGE;
            views.extend(page);
            match views.last() {
                Some(last) if !is_last => after = format!("&after={}", last.id),
                _ => break,
            }
        }
        output.result(&views, |views| {
            if views.is_empty() {
                return "There are no documents.".to_owned();
            }
            let row = |view: &DocumentCard| {
                vec![
                    view.id.to_string(),
                    view.title.clone(),
                    view.media_type.clone(),
                    view.manifest_id.to_string(),
                ]
            };
            table(&views.iter().map(row).collect::<Vec<_>>())
        });
        Ok(())
    }
}
