use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use clap::Args;
use imajin_fair::{Contributor, Manifest, ManifestRecord, Payee, Terms};
use imajin_fair_embed::{Work, media_type};
use imajin_kernel::id::ContentId;
use imajin_money::{Money, Share};
use imajin_publisher_api::{ContentUpload, ContentView, Published};
use serde_json::{Value, json};

use crate::cli::client::IdentityClient;
use crate::cli::fair::files::{manifest_of, name, open, refusal};
use crate::cli::{CommandError, KeyArg, NodeArg, Output};

/// So many bytes go with one request.
const PART_BYTES: usize = 1024 * 1024;

/// Publish a work.
#[derive(Debug, Args)]
pub(in crate::cli) struct AddArgs {
    #[command(flatten)]
    node: NodeArg,
    #[command(flatten)]
    key: KeyArg,
    /// The article (Markdown or HTML) or the file. Its manifest may be in it, or beside it as FILE.fair.json; without
    /// one, a manifest is made that gives everything to you.
    file: PathBuf,
    /// What reading costs, `0.50 USD`: for a manifest that is made here, or one that does not say it.
    #[arg(long)]
    price: Option<Money>,
    /// What it is called.
    #[arg(long)]
    title: Option<String>,
    /// What it is about.
    #[arg(long, default_value = "")]
    summary: String,
    /// What everybody may read, as Markdown.
    #[arg(long, default_value = "")]
    preview: String,
    /// Offer it as a file, also when it is an article.
    #[arg(long)]
    as_file: bool,
    /// Leave it a draft.
    #[arg(long)]
    draft: bool,
    /// The work that this is a new version of.
    #[arg(long, value_name = "ID")]
    version_of: Option<ContentId>,
}

impl AddArgs {
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let client = self.node.signing(&self.key)?;
        let (manifest, is_made) = self.manifest(&client)?;
        let record = ManifestRecord::new(manifest);
        let published: Published = client.send("POST", "/publisher/api/fair", &record, None).await?;
        let (sha256, size) = digest_of(&self.file)?;
        let file_name = name(&self.file);
        let format = self.format(&file_name);
        let media_type = if format == "file" {
            Some(media_type_of(&self.file)?)
        } else {
            None
        };
        let body = json!({
            "manifest": published.id, "title": self.title(&record.manifest), "summary": self.summary,
            "preview": self.preview, "format": format, "fileName": file_name, "sha256": sha256, "size": size,
            "mediaType": media_type, "price": self.price.filter(|_| !is_made),
        });
        let path = match self.version_of {
            Some(id) => format!("/publisher/api/content/{id}/versions"),
            None => "/publisher/api/content".to_owned(),
        };
        let mut view: ContentView = client.send("POST", &path, &body, None).await?;
        send(&client, view.card.id, &self.file, 0, output).await?;
        if !self.draft {
            let path = format!("/publisher/api/content/{}/publish", view.card.id);
            view = client.send("POST", &path, &Value::Null, None).await?;
        }
        output.result(&view, |view| {
            let card = &view.card;
            let word = if self.draft { "is a draft" } else { "is published" };
            format!(
                "{} {word}: {}\nprice {}",
                card.id,
                card.url,
                super::price_text(card.price)
            )
        });
        Ok(())
    }

    fn format(&self, file_name: &str) -> &'static str {
        let lower = file_name.to_ascii_lowercase();
        match lower.rsplit_once('.') {
            Some((_, "md" | "markdown" | "txt")) if !self.as_file => "markdown",
            Some((_, "html" | "htm")) if !self.as_file => "html",
            _ => "file",
        }
    }

    fn title(&self, manifest: &Manifest) -> String {
        let from_file = || name(&self.file);
        self.title
            .clone()
            .or_else(|| manifest.title.clone())
            .unwrap_or_else(from_file)
    }

    /// The manifest that the work has, or one that is made here; and whether it was.
    fn manifest(&self, client: &IdentityClient) -> Result<(Manifest, bool), CommandError> {
        if let Ok(manifest) = manifest_of(&self.file) {
            return Ok((manifest, false));
        }
        let of_file = |error| refusal(&self.file, &error);
        let wrong = |error: &dyn std::fmt::Display| CommandError::Local(error.to_string());
        let mut file = open(&self.file)?;
        let mut work = Work::open(&mut file, &name(&self.file)).map_err(of_file)?;
        let layout = work.whole();
        let content = work.content(&layout).map_err(of_file)?;
        let author = client.did().clone();
        let whole = Contributor::new(Payee::Did(author.clone()), "author", Share::ONE);
        let mut manifest = Manifest::new(vec![whole]).map_err(|error| wrong(&error))?;
        manifest.title = Some(self.title.clone().unwrap_or_else(|| name(&self.file)));
        manifest.author = Some(author.clone());
        manifest.content = Some(content);
        if let Some(price) = self.price {
            let read = json!({"read": {"price": price.decimal(), "currency": price.asset}});
            manifest.terms = Terms::try_from(read).map_err(|error| wrong(&error))?;
        }
        let now = client.node().env().now();
        let signed = manifest
            .sign(client.key(), author, now)
            .map_err(|error| wrong(&error))?;
        Ok((signed, true))
    }
}

fn media_type_of(path: &Path) -> Result<&'static str, CommandError> {
    let mut file = open(path)?;
    let work = Work::open(&mut file, &name(path)).map_err(|error| refusal(path, &error))?;
    Ok(media_type(work.format(), &name(path)))
}

/// SHA-256 in hex, and the number of bytes.
pub(in crate::cli) fn digest_of(path: &Path) -> Result<(String, u64), CommandError> {
    let (mut context, mut size) = (Context::new(&SHA256), 0_u64);
    let mut file = open(path)?;
    let mut buffer = vec![0; PART_BYTES];
    loop {
        let part = read_part(&mut file, &mut buffer, path)?;
        if part.is_empty() {
            return Ok((hex::encode(context.finish()), size));
        }
        context.update(part);
        size = size.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
    }
}

/// As much as there is, up to the buffer; nothing at the end.
fn read_part<'a>(file: &mut File, buffer: &'a mut [u8], path: &Path) -> Result<&'a [u8], CommandError> {
    let mut filled = 0_usize;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest).map_err(|error| refusal(path, &error))? {
            0 => break,
            count => filled = filled.saturating_add(count),
        }
    }
    Ok(buffer.get(..filled).unwrap_or_default())
}

/// Sends the bytes from `offset` on part by part, in constant memory.
pub(in crate::cli) async fn send(
    client: &IdentityClient,
    id: ContentId,
    path: &Path,
    mut offset: u64,
    output: Output,
) -> Result<(), CommandError> {
    let mut file = open(path)?;
    let length = file.metadata().map_err(|error| refusal(path, &error))?.len();
    // All of it is there, and the node has not looked at it to the end: it does with any part that comes.
    offset = offset.min(length.saturating_sub(1));
    file.seek(SeekFrom::Start(offset))
        .map_err(|error| refusal(path, &error))?;
    let mut buffer = vec![0; PART_BYTES];
    loop {
        let part = read_part(&mut file, &mut buffer, path)?.to_vec();
        if part.is_empty() {
            return Ok(());
        }
        let address = format!("/publisher/api/content/{id}/bytes?offset={offset}");
        let answer = client.send_bytes("PUT", &address, &part, None).await?;
        let sent: ContentUpload = answer.json()?;
        output.note(&format!("{} of {} bytes are there.", sent.received, sent.size));
        if sent.complete {
            return Ok(());
        }
        offset = sent.received;
    }
}
