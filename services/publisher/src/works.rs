//! Works that are read here, over the domain, the files and the manifests.

use std::fs::File;

use imajin_did::Did;
use imajin_fair::ManifestRecord;
use imajin_fair_embed::{EmbedError, Work};
use imajin_kernel::id::{CheckoutId, ContentId};
use imajin_kernel::{Code, Problem};
use imajin_pay_api::{GoodsQuote, GoodsRef, GoodsSource};
use imajin_publisher_api::{
    Article, ChainFetch, ChainGather, ChainOf, ContentAsk, ContentFormat, ContentUpload, ContentView, ReaderAccess,
};
use imajin_store::Conn;
use imajin_web::Authorised;

use crate::content::article::article_html;
use crate::content::files::{Files, Part, Wanted};
use crate::context::Context;
use crate::domain::access;
use crate::domain::work::{self, NewVersion, Quota};
use crate::domain::work_change::WorkChange;
use crate::domain::work_find::{self, Shown, card, splits_of};
use crate::rows::VersionRow;
use crate::Publisher;

/// The goods that publisher sells.
pub const CONTENT_GOODS: &str = "content";

/// How long a price is good once it was asked for.
const QUOTED_FOR: imajin_kernel::Span = imajin_kernel::Span::minutes(30);

/// A part of a version's bytes.
pub(crate) struct NewPart {
    pub(crate) id: ContentId,
    pub(crate) offset: u64,
    pub(crate) signer: Authorised<imajin_web::SoftTier>,
    pub(crate) bytes: Vec<u8>,
}

/// What a reader gets.
pub(crate) struct Reading {
    pub(crate) shown: Shown,
    pub(crate) record: ManifestRecord,
}

fn disk(error: &std::io::Error) -> Problem {
    tracing::error!(%error, "a work could not be read from or written to disk");
    Problem::unavailable("The room for works")
}

impl Publisher {
    /// Where works are, if this node keeps any.
    pub(crate) fn files(&self) -> Result<&Files, Problem> {
        self.files.as_ref().ok_or_else(|| {
            Problem::new(Code::NotFound, "This node keeps no works.").hint("Publish at a node with a data directory.")
        })
    }

    fn quota(&self) -> Quota {
        Quota {
            owner_bytes_max: self.works_config().owner_bytes_max,
        }
    }

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

    pub(crate) async fn work_create(&self, change: WorkChange, new: NewVersion) -> Result<ContentView, Problem> {
        self.files()?;
        let (owner, quota) = (change.verified.did().clone(), self.quota());
        let create = move |conn: &mut Conn, context: &Context| work::work_create(conn, context, &change, &new, quota);
        let id = self.write(create).await?;
        self.own_view(id, owner).await
    }

    pub(crate) async fn version_add(
        &self,
        id: ContentId,
        change: WorkChange,
        new: NewVersion,
    ) -> Result<ContentView, Problem> {
        self.files()?;
        let (owner, quota) = (change.verified.did().clone(), self.quota());
        let add = move |conn: &mut Conn, context: &Context| work::version_add(conn, context, &change, id, &new, quota);
        self.write(add).await?;
        self.own_view(id, owner).await
    }

    pub(crate) async fn work_publish(&self, id: ContentId, change: WorkChange) -> Result<ContentView, Problem> {
        let owner = change.verified.did().clone();
        self.write(move |conn, context| work::work_publish(conn, context, &change, id))
            .await?;
        self.own_view(id, owner).await
    }

    pub(crate) async fn work_withdraw(&self, id: ContentId, change: WorkChange) -> Result<ContentView, Problem> {
        let owner = change.verified.did().clone();
        self.write(move |conn, context| work::work_withdraw(conn, context, &change, id))
            .await?;
        self.own_view(id, owner).await
    }

    async fn own_view(&self, id: ContentId, owner: Did) -> Result<ContentView, Problem> {
        let ask = ContentAsk {
            id,
            reader: Some(owner),
        };
        self.content_view(ask).await?.ok_or_else(|| Problem::not_found("work"))
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
        let version = self
            .write(move |conn, context| {
                let work = work::own_work_lock(conn, context, id, signer.did())?;
                context.nonce_spend(conn, &signer)?;
                work_find::version_find(conn, context, id, work.latest)
            })
            .await?;
        let size = version.size()?;
        if version.stored_at.is_some() {
            return Ok(upload(&version, size, true));
        }
        let busy = || {
            Problem::new(Code::Conflict, "Another request sends bytes of this work at this moment.")
                .retry_after_seconds(1)
        };
        let part = files.part(id, version.number).ok_or_else(busy)?;
        let record = self
            .record(&version.manifest_id()?)
            .await?
            .ok_or_else(|| Problem::not_found("manifest"))?;
        let number = version.number;
        let taken = tokio::task::spawn_blocking(move || part_take(&files, &part, &version, &record, offset, &bytes));
        let taken = taken.await.map_err(|error| {
            tracing::error!(%error, "the bytes of a work broke their reader");
            Problem::internal()
        })??;
        if taken.complete {
            self.write(move |conn, context| work::version_stored(conn, context, id, number))
                .await?;
        }
        Ok(taken)
    }

    /// The DIDs whose things are this reader's.
    async fn readers(&self, reader: Option<&Did>) -> Result<Vec<Did>, Problem> {
        match reader {
            Some(did) => self.site.identities.holdings(did).await,
            None => Ok(Vec::new()),
        }
    }

    async fn shown(&self, id: ContentId, reader: Option<&Did>) -> Result<Option<Shown>, Problem> {
        let readers = self.readers(reader).await?;
        Ok(self
            .read(move |conn, context| work_find::work_shown(conn, context, id, &readers))
            .await?)
    }

    /// What a reader gets of a work: the version that is theirs to see, and its manifest.
    pub(crate) async fn reading(&self, id: ContentId, reader: Option<&Did>) -> Result<Reading, Problem> {
        let shown = self.shown(id, reader).await?.ok_or_else(|| Problem::not_found("work"))?;
        let record = self.manifest_of(&shown.version).await?;
        Ok(Reading { shown, record })
    }

    async fn manifest_of(&self, version: &VersionRow) -> Result<ManifestRecord, Problem> {
        self.record_require(&version.manifest_id()?).await
    }

    /// See [`imajin_publisher_api::PublisherApi::content_fetch`].
    pub(crate) async fn content_view(&self, ask: ContentAsk) -> Result<Option<ContentView>, Problem> {
        let Some(shown) = self.shown(ask.id, ask.reader.as_ref()).await? else {
            return Ok(None);
        };
        let record = self.manifest_of(&shown.version).await?;
        let Shown { work, version, access } = shown;
        let upload = match access {
            ReaderAccess::Author => Some(self.upload_of(&version).await?),
            _ => None,
        };
        Ok(Some(ContentView {
            card: card(&self.site.public, &work, &version)?,
            state: work.state()?,
            version: version.number,
            preview_html: article_html(ContentFormat::Markdown, &version.preview),
            preview: version.preview,
            file_name: version.file_name,
            sha256: version.sha256,
            splits: splits_of(&record.manifest),
            manifest_digest: version.manifest_digest,
            access,
            upload,
        }))
    }

    async fn upload_of(&self, version: &VersionRow) -> Result<ContentUpload, Problem> {
        let size = version.size()?;
        if version.stored_at.is_some() {
            return Ok(upload(version, size, true));
        }
        let (files, id, number) = (self.files()?.clone(), version.content_id, version.number);
        let received = tokio::task::spawn_blocking(move || files.received(id, number)).await;
        let received = received.map_err(|_broken| Problem::internal())?;
        Ok(upload(version, received.map_err(|error| disk(&error))?, false))
    }

    /// See [`imajin_publisher_api::PublisherApi::content_article`].
    pub(crate) async fn article(&self, ask: ContentAsk) -> Result<Option<Article>, Problem> {
        let Some(shown) = self.shown(ask.id, ask.reader.as_ref()).await? else {
            return Ok(None);
        };
        let format = shown.version.format()?;
        if !shown.access.may_read() || format == ContentFormat::File || shown.version.stored_at.is_none() {
            return Ok(None);
        }
        let (files, sha256) = (self.files()?.clone(), shown.version.sha256);
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut files.blob(&sha256)?, &mut bytes)?;
            Ok(article_html(format, &String::from_utf8_lossy(&bytes)))
        });
        let html = read.await.map_err(|_broken| Problem::internal())?;
        let html = html.map_err(|error: std::io::Error| disk(&error))?;
        Ok(Some(Article { html }))
    }

    /// Opens the bytes of a version.
    pub(crate) async fn bytes_open(&self, version: &VersionRow) -> Result<File, Problem> {
        if version.stored_at.is_none() {
            return Err(Problem::new(Code::Conflict, "The bytes of this version are not all here."));
        }
        let (files, sha256, size) = (self.files()?.clone(), version.sha256.clone(), version.size()?);
        let opened = tokio::task::spawn_blocking(move || {
            let file = files.blob(&sha256)?;
            if file.metadata()?.len() == size {
                return Ok(file);
            }
            Err(std::io::Error::other("the file of a work has another length"))
        });
        let opened = opened.await.map_err(|_broken| Problem::internal())?;
        opened.map_err(|error| disk(&error))
    }

    /// What a work costs, and whom the money belongs to.
    pub(crate) async fn content_quote(&self, id: ContentId) -> Result<GoodsQuote, Problem> {
        let shown = self.shown(id, None).await?.ok_or_else(|| Problem::not_found("work"))?;
        let Shown { work, version, access } = shown;
        if access == ReaderAccess::Withdrawn {
            return Err(Problem::new(Code::Gone, "This work was withdrawn: nobody new can have it."));
        }
        let manifest = version.manifest_id()?;
        let chain = self.gather(ChainGather {
            of: ChainOf::Id(manifest.clone()),
            fetch: ChainFetch::Never,
        });
        let chain = chain.await?;
        let sources = chain.paid_sources().into_iter().map(|source| GoodsSource {
            manifest: source.record.manifest.clone(),
            accepted: source.accepted.clone(),
        });
        let free = imajin_money::Money::zero(imajin_money::Asset::TEST_USD);
        Ok(GoodsQuote {
            title: version.title.clone(),
            price: version.price()?.unwrap_or(free),
            buyer: None,
            seller: work.owner_did,
            sources: sources.collect(),
            accepted: chain.work.accepted.clone(),
            manifest: chain.work.record.manifest,
            expires_at: self.context.env.now().plus(QUOTED_FOR),
        })
    }

    /// Takes a reader's access back because their money went back; once, however often it is asked.
    ///
    /// # Errors
    /// [`Code::NotFound`] when nobody has paid for the work with this checkout; the database's.
    pub async fn access_revoke(&self, goods: &GoodsRef, checkout: CheckoutId, reason: String) -> Result<(), Problem> {
        let id = content_of(goods).ok_or_else(|| Problem::not_found("work"))?;
        Ok(self
            .write(move |conn, context| access::access_revoke(conn, context, id, checkout, &reason))
            .await?)
    }

    /// Removes files that no version wants. The background task calls it now and then.
    ///
    /// # Errors
    /// When the database or the disk does not answer.
    pub async fn files_sweep(&self) -> Result<usize, Problem> {
        let Some(files) = self.files.clone() else { return Ok(0) };
        let now = self.context.env.now();
        let wanted = self
            .read(move |conn, _context| crate::domain::work_files::wanted(conn, now))
            .await?;
        let before = now.minus(imajin_kernel::Span::hours(1));
        let swept = tokio::task::spawn_blocking(move || files.sweep(before, &wanted as &dyn Wanted)).await;
        swept
            .map_err(|_broken| Problem::internal())?
            .map_err(|error| disk(&error))
    }
}

/// The work that goods name; `None` when they are none.
pub(crate) fn content_of(goods: &GoodsRef) -> Option<ContentId> {
    if goods.kind == CONTENT_GOODS {
        goods.id.parse().ok()
    } else {
        None
    }
}

fn upload(version: &VersionRow, received: u64, complete: bool) -> ContentUpload {
    ContentUpload {
        version: version.number,
        received,
        size: u64::try_from(version.size).unwrap_or(0),
        complete,
    }
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
    let checked = bytes_check(part, version, record);
    if let Err(problem) = checked {
        part.remove().map_err(|error| disk(&error))?;
        return Err(problem);
    }
    files.keep(part, &version.sha256).map_err(|error| disk(&error))?;
    Ok(upload(version, size, true))
}

/// The bytes are the ones that were announced, and the ones that the manifest is about.
fn bytes_check(part: &Part, version: &VersionRow, record: &ManifestRecord) -> Result<(), Problem> {
    let sha256 = part.sha256_hex().map_err(|error| disk(&error))?;
    if sha256 != version.sha256 {
        let detail = format!("The SHA-256 of these bytes is {sha256}, and {} was announced.", version.sha256);
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
    let fits = due.is_some_and(|due| {
        due.sha256 == content.sha256 && (due.size.is_none() || due.size == content.size)
    });
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
