//! The bytes of works on their way in.

use imajin_fair::ManifestRecord;
use imajin_fair_embed::{EmbedError, Work};
use imajin_kernel::id::ContentId;
use imajin_kernel::{Code, Problem};
use imajin_publisher_api::{ContentFormat, ContentUpload};
use imajin_web::{Authorised, SoftTier};
use tokio::task::JoinError;

use crate::Publisher;
use crate::content::files::{Files, Part};
use crate::domain::work::{self, NewVersion};
use crate::domain::work_find;
use crate::rows::VersionRow;
use crate::works::disk;

/// A part of a version's bytes.
pub(crate) struct NewPart {
    pub(crate) id: ContentId,
    pub(crate) offset: u64,
    pub(crate) signer: Authorised<SoftTier>,
    pub(crate) bytes: Vec<u8>,
}

impl Publisher {
    /// Refuses a version that is too large before anybody sends it.
    pub(crate) fn size_check(&self, new: &NewVersion) -> Result<(), Problem> {
        let config = self.works_config();
        let (most, what) = match new.format {
            ContentFormat::File => (config.file_bytes_max, "A file"),
            ContentFormat::Markdown | ContentFormat::Html => (config.article_bytes_max, "An article"),
        };
        if u64::try_from(new.size).is_ok_and(|size| (1..=most).contains(&size)) {
            return Ok(());
        }
        Err(Problem::new(Code::BodyTooLarge, format!("{what} has 1 to {most} bytes here.")).with("bytesMax", most))
    }

    /// Adds a part of the newest version's bytes; the last one is followed by the check of all of them.
    pub(crate) async fn part_add(&self, new: NewPart) -> Result<ContentUpload, Problem> {
        let files = self.files()?.clone();
        let NewPart {
            id,
            offset,
            signer,
            bytes,
        } = new;
        let quota = self.quota();
        let version = self
            .write(move |conn, context| {
                let work = work::own_work_lock(conn, context, id, signer.did())?;
                context.nonce_spend(conn, &signer)?;
                let version = work_find::version_find(conn, context, id, work.latest)?;
                if version.stored_at.is_none() {
                    work::room_check(conn, version.size, quota)?;
                }
                Ok(version)
            })
            .await?;
        let size = version.size()?;
        if version.stored_at.is_some() {
            return Ok(upload(&version, size, true));
        }
        let busy = || {
            Problem::new(
                Code::Conflict,
                "Another request sends bytes of this work at this moment.",
            )
            .retry_after_seconds(1)
        };
        let part = files.part(id, version.number).ok_or_else(busy)?;
        let record = self
            .record(&version.manifest_id()?)
            .await?
            .ok_or_else(|| Problem::not_found("manifest"))?;
        // A task of its own: the check of a large work takes longer than a request may, and what was checked is written
        // down also when nobody waits for the answer any more.
        let (db, context, free_bytes_min) = (
            self.db.clone(),
            self.context.clone(),
            self.works_config().free_bytes_min,
        );
        let taken = self.uploads.spawn(async move {
            let number = version.number;
            let taking = tokio::task::spawn_blocking(move || {
                disk_check(&files, &bytes, free_bytes_min)?;
                let taken = part_take(&files, &part, &version, &record, offset, &bytes)?;
                Ok::<_, Problem>((part, taken))
            });
            let (part, taken) = taking.await.map_err(|error| broken(&error))??;
            if taken.complete {
                db.write(move |conn| work::version_stored(conn, &context, id, number))
                    .await?;
                let removed = tokio::task::spawn_blocking(move || part.remove()).await;
                removed.map_err(|error| broken(&error))?.map_err(|error| disk(&error))?;
            }
            Ok(taken)
        });
        taken.await.map_err(|error| broken(&error))?
    }

    /// How far the bytes of a version are.
    pub(crate) async fn upload_of(&self, version: &VersionRow) -> Result<ContentUpload, Problem> {
        let size = version.size()?;
        if version.stored_at.is_some() {
            return Ok(upload(version, size, true));
        }
        let (files, id, number) = (self.files()?.clone(), version.content_id, version.number);
        let received = tokio::task::spawn_blocking(move || files.received(id, number)).await;
        let received = received.map_err(|_broken| Problem::internal())?;
        Ok(upload(version, received.map_err(|error| disk(&error))?, false))
    }
}

fn broken(error: &JoinError) -> Problem {
    tracing::error!(%error, "the bytes of a work broke their reader");
    Problem::internal()
}

fn upload(version: &VersionRow, received: u64, complete: bool) -> ContentUpload {
    ContentUpload {
        version: version.number,
        received,
        size: u64::try_from(version.size).unwrap_or(0),
        complete,
    }
}

/// Refuses bytes that would fill the disk.
fn disk_check(files: &Files, bytes: &[u8], free_bytes_min: u64) -> Result<(), Problem> {
    let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let free = files.free_bytes().map_err(|error| disk(&error))?;
    if free.saturating_sub(count) >= free_bytes_min {
        return Ok(());
    }
    tracing::error!(free, free_bytes_min, "the disk is too full for works");
    Err(Problem::unavailable("The room for works"))
}

/// Adds a part where it belongs, and looks at all of it once it is complete. What is not what was announced is thrown
/// away.
fn part_take(
    files: &Files,
    part: &Part,
    version: &VersionRow,
    record: &ManifestRecord,
    offset: u64,
    bytes: &[u8],
) -> Result<ContentUpload, Problem> {
    let size = version.size()?;
    let received = part.received().map_err(|error| disk(&error))?;
    // All of it came before, and nobody has written down that it is here: whatever was sent now is of no use.
    if received == size {
        return part_finish(files, part, version, record);
    }
    if offset != received {
        let detail = format!("{received} bytes are here, and this part begins at {offset}.");
        return Err(Problem::new(Code::Conflict, detail)
            .with("received", received)
            .hint("Go on from `received`."));
    }
    let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let after = received.saturating_add(count);
    if after > size {
        let detail = format!("{size} bytes were announced, and these would be {after}.");
        return Err(Problem::new(Code::BodyTooLarge, detail));
    }
    part.append(bytes).map_err(|error| disk(&error))?;
    if after < size {
        return Ok(upload(version, after, false));
    }
    part_finish(files, part, version, record)
}

/// Looks at all of a version's bytes, and keeps them.
fn part_finish(
    files: &Files,
    part: &Part,
    version: &VersionRow,
    record: &ManifestRecord,
) -> Result<ContentUpload, Problem> {
    let checked = bytes_check(part, version, record);
    if let Err(problem) = checked {
        part.remove().map_err(|error| disk(&error))?;
        return Err(problem);
    }
    files.keep(part, &version.sha256).map_err(|error| disk(&error))?;
    Ok(upload(version, version.size()?, true))
}

/// The bytes are the ones that were announced, and the ones that the manifest is about.
fn bytes_check(part: &Part, version: &VersionRow, record: &ManifestRecord) -> Result<(), Problem> {
    let sha256 = part.sha256_hex().map_err(|error| disk(&error))?;
    if sha256 != version.sha256 {
        let detail = format!(
            "The SHA-256 of these bytes is {sha256}, and {} was announced.",
            version.sha256
        );
        return Err(Problem::invalid(detail).hint("Send the file again from its beginning."));
    }
    let about = |error: EmbedError| match error {
        EmbedError::Io(error) => disk(&error),
        error => Problem::invalid(format!("The manifest in this file cannot be read: {error}.")),
    };
    let manifest = &record.manifest;
    let mut file = part.open().map_err(|error| disk(&error))?;
    let mut work = Work::open(&mut file, &version.file_name).map_err(about)?;
    let found = work.find().map_err(about)?;
    if found.as_ref().is_some_and(|found| found.manifest.id != manifest.id) {
        return Err(Problem::invalid("The file carries the manifest of another work."));
    }
    let layout = match found {
        Some(found) => found.original,
        None => work.whole(),
    };
    let content = work.content(&layout).map_err(about)?;
    let due = manifest.content.as_ref();
    let fits = due.is_some_and(|due| due.sha256 == content.sha256 && (due.size.is_none() || due.size == content.size));
    if fits {
        return Ok(());
    }
    let stated = due.map(|due| due.sha256.clone()).unwrap_or_default();
    let detail = format!(
        "The manifest is about other bytes: their SHA-256 is {stated}, and that of this work is {}.",
        content.sha256
    );
    Err(Problem::invalid(detail).hint("Sign a manifest for these bytes: imajin fair sign FILE."))
}
