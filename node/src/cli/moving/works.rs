//! The works of somebody: their bytes on the disk, and at the new node.

use std::fs::File;
use std::path::Path;

use imajin_fair::ManifestId;
use imajin_kernel::id::ContentId;
use imajin_money::Money;
use imajin_publisher_api::{ContentFormat, ContentSales, ContentState, ContentView};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bundle::{Bundle, Folder};
use super::parts::Part;
use crate::cli::client::{IdentityClient, LoggedIn};
pub(super) use crate::cli::content::digest_of;
use crate::cli::fair::files::refusal;
use crate::cli::key_file::local;
use crate::cli::{CommandError, Output, content};

const CONTENT: &str = "/publisher/api/content";

/// A published work, as a node is told about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Work {
    manifest: ManifestId,
    title: String,
    summary: String,
    preview: String,
    format: ContentFormat,
    media_type: String,
    file_name: String,
    /// Of the bytes, in hex: their name in the folder.
    pub(super) sha256: String,
    size: u64,
    price: Option<Money>,
}

impl From<ContentView> for Work {
    fn from(view: ContentView) -> Self {
        let card = view.card;
        Self {
            manifest: card.manifest,
            title: card.title,
            summary: card.summary,
            preview: view.preview,
            format: card.format,
            media_type: card.media_type,
            file_name: view.file_name,
            sha256: view.sha256,
            size: card.size,
            price: card.price,
        }
    }
}

/// What somebody has at a node; nothing, where it keeps no works.
pub(super) async fn own_works(client: &IdentityClient, session: &LoggedIn) -> Result<Vec<ContentSales>, CommandError> {
    match client.get_own(session, "/publisher/api/sales").await {
        Err(CommandError::Problem(problem)) if problem.code == imajin_kernel::Code::NotFound => Ok(Vec::new()),
        works => works,
    }
}

async fn view_of(client: &IdentityClient, session: &LoggedIn, id: ContentId) -> Result<ContentView, CommandError> {
    client.get_own(session, &format!("{CONTENT}/{id}")).await
}

/// Saves the published works in a folder; what is there already is not fetched again.
pub(super) async fn works_save(
    client: &IdentityClient,
    session: &LoggedIn,
    folder: &Folder,
    output: Output,
) -> Result<Vec<Work>, CommandError> {
    let mut works = Vec::new();
    for own in own_works(client, session).await? {
        if own.state != ContentState::Published {
            continue;
        }
        let id = own.card.id;
        let work = Work::from(view_of(client, session, id).await?);
        let path = folder.work(&work.sha256);
        if !path.exists() {
            output.note(&format!("Saving “{}”, {} bytes.", work.title, work.size));
            let part = path.with_extension("part");
            let mut sink = File::create(&part).map_err(|error| refusal(&part, &error))?;
            client
                .download_own(session, &format!("/publisher/content/{id}"), &mut sink)
                .await?;
            sink.sync_all()
                .and_then(|()| std::fs::rename(&part, &path))
                .map_err(|error| refusal(&path, &error))?;
        }
        digest_check(&path, &work)?;
        works.push(work);
    }
    Ok(works)
}

fn digest_check(path: &Path, work: &Work) -> Result<(), CommandError> {
    if digest_of(path)?.0 == work.sha256 {
        return Ok(());
    }
    let text = format!(
        "{} is not the work “{}”: delete it and repeat",
        path.display(),
        work.title
    );
    Err(local(text))
}

/// Publishes the works at the new node, but for those that are there; an upload that was cut off goes on.
pub(super) async fn works_bring(client: &IdentityClient, bundle: &Bundle, output: Output) -> Part {
    let mut part = Part::new("works", bundle.contents.works.len());
    if bundle.contents.works.is_empty() {
        return part;
    }
    match there(client).await {
        Ok(there) => {
            for work in &bundle.contents.works {
                let known = there.iter().find(|known| known.card.manifest == work.manifest);
                part.add(work_bring(client, &bundle.folder, work, known, output).await);
            }
        }
        Err(error) => part.fail(&error),
    }
    part
}

async fn there(client: &IdentityClient) -> Result<Vec<ContentSales>, CommandError> {
    let session = client.login().await?;
    let works = own_works(client, &session).await?;
    client.logout(&session).await?;
    Ok(works)
}

/// Whether it was brought now.
async fn work_bring(
    client: &IdentityClient,
    folder: &Folder,
    work: &Work,
    known: Option<&ContentSales>,
    output: Output,
) -> Result<bool, CommandError> {
    let (id, received) = match known {
        Some(known) if known.state != ContentState::Draft => return Ok(false),
        Some(known) => {
            let session = client.login().await?;
            let view = view_of(client, &session, known.card.id).await?;
            client.logout(&session).await?;
            (view.card.id, view.upload.map_or(work.size, |upload| upload.received))
        }
        None => {
            let view: ContentView = client.send("POST", CONTENT, work, None).await?;
            (view.card.id, 0)
        }
    };
    if received < work.size {
        content::send(client, id, &folder.work(&work.sha256), received, output).await?;
    }
    let path = format!("{CONTENT}/{id}/publish");
    let _published: ContentView = client.send("POST", &path, &Value::Null, None).await?;
    Ok(true)
}
