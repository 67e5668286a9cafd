use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::response::Response;
use http::StatusCode;
use imajin_fair::{Manifest, ManifestRecord};
use imajin_fair_embed::{EmbedError, Verdict, Work};
use imajin_kernel::{Code, Problem};
use imajin_web::{Failure, Viewer};
use tokio::sync::Semaphore;

use super::fair::{FairQuery, Given};
use super::fair_view::FileFinding;
use crate::AppState;
use crate::same_origin::SameOrigin;

/// The largest file, and the form around it.
pub(crate) const FORM_BYTES_MAX: usize = 64 * 1024 * 1024 + 64 * 1024;
/// The longest text of a field beside the file.
const FIELD_BYTES_MAX: usize = 256;
/// What is read as a manifest without a file around it.
const MANIFEST_BYTES_MAX: u64 = 1024 * 1024;
/// How many files are looked at at once: each takes its size on disk for a moment.
const UPLOADS_MAX: usize = 4;

/// The places for files on their way in.
#[derive(Debug, Clone)]
pub(crate) struct Uploads(Arc<Semaphore>);

impl Default for Uploads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(UPLOADS_MAX)))
    }
}

/// `POST /fair`: a file is looked at and forgotten. It goes to a nameless file on disk as it comes in, so memory does
/// not grow with it.
pub(super) async fn check(
    State(www): State<AppState>,
    _origin: SameOrigin,
    viewer: Viewer,
    request: Request,
) -> Result<Response, Failure> {
    let session = viewer.session.as_ref();
    let Ok(_place) = www.uploads.0.clone().try_acquire_owned() else {
        let problem = Problem::new(Code::Unavailable, "Too many files are being looked at.");
        return Err(problem.hint("Send it again in a moment.").retry_after_seconds(5).into());
    };
    let form = Multipart::from_request(request, &()).await.map_err(|rejection| {
        Problem::new(
            Code::UnsupportedMediaType,
            format!("The form was not accepted: {}.", rejection.body_text()),
        )
    })?;
    let (query, file) = form_read(form).await?;
    let answer = async {
        let file = file.ok_or_else(|| Problem::invalid("No file was sent.").hint("Choose a file first."))?;
        let given = tokio::task::spawn_blocking(move || file.look())
            .await
            .map_err(|error| {
                tracing::error!(%error, "a file broke its reader");
                Problem::internal()
            })??;
        www.fair_given(session, &query, given).await
    };
    let answer = answer.await;
    Ok(answer.unwrap_or_else(|problem| www.fair_refused(session, &query, &problem)))
}

/// A file of a form, on disk under no name.
struct Upload {
    name: String,
    file: std::fs::File,
    length: u64,
}

async fn form_read(mut form: Multipart) -> Result<(FairQuery, Option<Upload>), Problem> {
    let (mut query, mut upload) = (FairQuery::default(), None);
    while let Some(mut field) = form.next_field().await.map_err(|error| refusal(&error))? {
        match field.name() {
            Some("file") => upload = Some(upload_read(field).await?),
            Some("amount") => query.amount = text_read(&mut field).await?,
            Some("currency") => query.currency = text_read(&mut field).await?,
            _ => return Err(Problem::invalid("The form has a field that this page does not know.")),
        }
    }
    Ok((query, upload))
}

async fn text_read(field: &mut Field<'_>) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| refusal(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > FIELD_BYTES_MAX {
            return Err(Problem::invalid("A field of the form is too long."));
        }
    }
    String::from_utf8(bytes).map_err(|_error| Problem::invalid("A field of the form is no text."))
}

async fn upload_read(mut field: Field<'_>) -> Result<Upload, Problem> {
    let name = field.file_name().unwrap_or_default().to_owned();
    let mut length: u64 = 0;
    let file = tempfile::tempfile().map_err(|error| disk(&error))?;
    let mut out = tokio::fs::File::from_std(file);
    while let Some(chunk) = field.chunk().await.map_err(|error| refusal(&error))? {
        length = length.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        tokio::io::AsyncWriteExt::write_all(&mut out, &chunk)
            .await
            .map_err(|error| disk(&error))?;
    }
    tokio::io::AsyncWriteExt::flush(&mut out)
        .await
        .map_err(|error| disk(&error))?;
    let file = out.into_std().await;
    Ok(Upload { name, file, length })
}

fn refusal(error: &MultipartError) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::new(Code::BodyTooLarge, "The file is larger than 64 MB.")
            .hint("Use the command line for it: imajin fair verify FILE.");
    }
    Problem::invalid(format!("The form could not be read: {}.", error.body_text()))
}

fn disk(error: &std::io::Error) -> Problem {
    tracing::error!(%error, "an uploaded file could not be put aside");
    Problem::unavailable("Room for the file")
}

impl Upload {
    /// The manifest in the file, or the file as one, and whether the file is the one that it is about.
    fn look(mut self) -> Result<Given, Problem> {
        if let Some(record) = self.manifest_alone()? {
            return Ok(Given {
                record,
                file: None,
                shown_by: None,
            });
        }
        let unreadable = |error: EmbedError| match error {
            EmbedError::Io(error) => disk(&error),
            error => Problem::invalid(format!("The manifest in this file cannot be read: {error}.")),
        };
        let mut work = Work::open(&mut self.file, &self.name).map_err(unreadable)?;
        // No key is known here: the signature is checked with the manifest, and this is about the bytes around it.
        let report = work.verify(None, &|_did| None).map_err(unreadable)?;
        let reason = report.reason.unwrap_or_default();
        let Some(manifest) = report.manifest else {
            let problem = if report.verdict == Verdict::Broken {
                Problem::invalid(format!("This file is broken: {reason}."))
            } else {
                Problem::invalid("This file carries no manifest.").hint("Its author puts one there: imajin fair embed.")
            };
            return Err(problem);
        };
        let finding = match (report.verdict, report.content_matches) {
            (Verdict::Broken, _) | (_, Some(false)) => FileFinding::Broken(reason),
            (_, Some(true)) => FileFinding::Intact,
            (_, None) => FileFinding::Unstated,
        };
        Ok(Given {
            record: ManifestRecord::new(manifest),
            file: Some(finding),
            shown_by: None,
        })
    }

    /// A file that is a manifest, or a record of one.
    fn manifest_alone(&mut self) -> Result<Option<ManifestRecord>, Problem> {
        if self.length > MANIFEST_BYTES_MAX {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0)).map_err(|error| disk(&error))?;
        self.file.read_to_end(&mut bytes).map_err(|error| disk(&error))?;
        let is_json = bytes.trim_ascii_start().starts_with(b"{");
        if !is_json {
            return Ok(None);
        }
        if let Ok(record) = serde_json::from_slice::<ManifestRecord>(&bytes) {
            return Ok(Some(record));
        }
        let manifest =
            Manifest::parse(&bytes).map_err(|error| Problem::invalid(format!("This file is no manifest: {error}.")))?;
        Ok(Some(ManifestRecord::new(manifest)))
    }
}
