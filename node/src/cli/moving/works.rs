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
        let path = folder.work(&work.sha256)?;
        if path.exists() {
            digest_check(&path, &work)?;
        } else {
            output.note(&format!("Saving “{}”, {} bytes.", work.title, work.size));
            let part = path.with_extension("part");
            let mut sink = File::create(&part).map_err(|error| refusal(&part, &error))?;
            client
                .download_own(session, &format!("/publisher/content/{id}"), &mut sink)
                .await?;
            sink.sync_all().map_err(|error| refusal(&part, &error))?;
            part_keep(&part, &path, &work)?;
        }
        works.push(work);
    }
    Ok(works)
}

/// What came under the name of its digest; nothing else ever has that name.
fn part_keep(part: &Path, path: &Path, work: &Work) -> Result<(), CommandError> {
    if digest_of(part)?.0 == work.sha256 {
        return std::fs::rename(part, path).map_err(|error| refusal(path, &error));
    }
    std::fs::remove_file(part).map_err(|error| refusal(part, &error))?;
    Err(local(format!(
        "what the node sent is not the work “{}”: repeat this",
        work.title
    )))
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
        content::send(client, id, &folder.work(&work.sha256)?, received, output).await?;
    }
    let path = format!("{CONTENT}/{id}/publish");
    let _published: ContentView = client.send("POST", &path, &Value::Null, None).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{Json, Router};
    use imajin_did::SecretKey;
    use imajin_kernel::Env;
    use imajin_proof::digest::sha256_hex;
    use imajin_web::HttpClient;
    use serde_json::json;
    use tokio_util::task::{AbortOnDropHandle, TaskTracker};
    use url::Url;

    use super::*;
    use crate::cli::client::NodeClient;
    use crate::cli::key_file::Facts;

    const ID: &str = "cnt_01k0000000000000000000000a";

    /// A node that has one work, which it says has this digest, and which has these bytes.
    async fn stub(sha256: String, bytes: &'static str) -> (Url, AbortOnDropHandle<()>) {
        let card = json!({
            "id": ID, "title": "Strings", "summary": "", "author": SecretKey::from_seed([1; 32]).did(),
            "format": "file", "mediaType": "text/plain", "size": bytes.len(), "price": null,
            "manifest": "fair_01ARZ3NDEKTSV4RRFFQ69G5FAV", "url": "/", "contentUrl": "/", "publishedAt": null,
            "state": "published", "versions": 1, "readers": 0, "gross": [], "version": 1, "preview": "",
            "previewHtml": "", "fileName": "strings.txt", "sha256": sha256, "splits": [], "manifestDigest": "",
            "access": "author",
        });
        let all = json!([card]);
        let router = Router::new()
            .route("/publisher/api/sales", axum::routing::get(|| async { Json(all) }))
            .route(&format!("{CONTENT}/{ID}"), axum::routing::get(|| async { Json(card) }))
            .route(
                &format!("/publisher/content/{ID}"),
                axum::routing::get(move || async move { bytes }),
            );
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", socket.local_addr().unwrap()).parse().unwrap();
        let served = TaskTracker::new().spawn(async move { axum::serve(socket, router).await.unwrap() });
        (url, AbortOnDropHandle::new(served))
    }

    fn client(base: Url) -> IdentityClient {
        let key = SecretKey::from_seed([1; 32]);
        let _first = rustls::crypto::aws_lc_rs::default_provider().install_default();
        IdentityClient {
            node: NodeClient {
                base,
                http: HttpClient::new(Duration::from_secs(10), None).unwrap(),
                env: Env::system(),
            },
            did: key.did(),
            facts: Facts {
                did: key.did(),
                recovery: None,
                next_key_hash: None,
            },
            key,
        }
    }

    async fn saved(sha256: &str, bytes: &'static str, folder: &Folder) -> Result<Vec<Work>, CommandError> {
        std::fs::create_dir_all(folder.works()).unwrap();
        let (url, _served) = stub(sha256.to_owned(), bytes).await;
        let session = LoggedIn {
            token: "token".to_owned(),
        };
        works_save(&client(url), &session, folder, Output::new(true)).await
    }

    #[tokio::test]
    async fn a_hostile_node_writes_nothing_but_what_has_the_digest_it_says() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(&root.path().join("move"));
        let true_digest = sha256_hex(b"plucked");
        for sha256 in [
            "../../evil",
            "/tmp/evil",
            "",
            &true_digest.to_uppercase(),
            &"ab".repeat(32),
        ] {
            let refused = saved(sha256, "plucked", &folder).await;
            let text = refused.unwrap_err().to_string();
            assert!(
                text.contains("digest of a work") || text.contains("is not the work"),
                "{text}"
            );
            let left: Vec<_> = std::fs::read_dir(folder.works()).unwrap().collect();
            assert!(left.is_empty(), "{sha256}: {left:?}");
        }
        let outside: Vec<_> = std::fs::read_dir(root.path()).unwrap().collect();
        assert_eq!(outside.len(), 1, "{outside:?}");
        assert_eq!(saved(&true_digest, "plucked", &folder).await.unwrap().len(), 1);
        assert_eq!(std::fs::read(folder.work(&true_digest).unwrap()).unwrap(), b"plucked");
    }
}
