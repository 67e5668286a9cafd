//! Works that are read here, over the domain, the files and the manifests.

use std::fs::File;

use imajin_did::Did;
use imajin_fair::ManifestRecord;
use imajin_kernel::id::{CheckoutId, ContentId};
use imajin_kernel::{Code, Problem};
use imajin_pay_api::{GoodsQuote, GoodsRef, GoodsSource};
use imajin_publisher_api::{
    Article, ChainFetch, ChainGather, ChainOf, ContentAsk, ContentFormat, ContentView, ReaderAccess,
};
use imajin_store::Conn;

use crate::Publisher;
use crate::content::article::article_html;
use crate::content::files::Files;
use crate::context::Context;
use crate::domain::access;
use crate::domain::work::{self, NewVersion, Quota};
use crate::domain::work_change::WorkChange;
use crate::domain::work_find::{self, Shown, card, splits_of};
use crate::rows::VersionRow;

/// The goods that publisher sells.
pub const CONTENT_GOODS: &str = "content";

/// How long a price is good once it was asked for.
const QUOTED_FOR: imajin_kernel::Span = imajin_kernel::Span::minutes(30);

/// What a reader gets.
pub(crate) struct Reading {
    pub(crate) shown: Shown,
    pub(crate) record: ManifestRecord,
}

pub(crate) fn disk(error: &std::io::Error) -> Problem {
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

    pub(crate) fn quota(&self) -> Quota {
        let config = self.works_config();
        Quota {
            owner_bytes_max: config.owner_bytes_max,
            works_bytes_max: config.works_bytes_max,
        }
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

    /// The DIDs whose things are this reader's.
    pub(crate) async fn readers(&self, reader: Option<&Did>) -> Result<Vec<Did>, Problem> {
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
        let shown = self
            .shown(id, reader)
            .await?
            .ok_or_else(|| Problem::not_found("work"))?;
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
        let preview = version.preview.clone();
        // Whatever it costs, no other request waits for it.
        let rendered = tokio::task::spawn_blocking(move || article_html(ContentFormat::Markdown, &preview)).await;
        let upload = match access {
            ReaderAccess::Author => Some(self.upload_of(&version).await?),
            _ => None,
        };
        Ok(Some(ContentView {
            card: card(&self.site.public, &work, &version)?,
            state: work.state()?,
            version: version.number,
            preview_html: rendered.map_err(|_broken| Problem::internal())?,
            preview: version.preview,
            file_name: version.file_name,
            sha256: version.sha256,
            splits: splits_of(&record.manifest),
            manifest_digest: version.manifest_digest,
            access,
            upload,
        }))
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
            return Err(Problem::new(
                Code::Conflict,
                "The bytes of this version are not all here.",
            ));
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
            return Err(Problem::new(
                Code::Gone,
                "This work was withdrawn: nobody new can have it.",
            ));
        }
        let manifest = version.manifest_id()?;
        let chain = self.gather(ChainGather {
            of: ChainOf::Id(manifest.clone()),
            fetch: ChainFetch::Never,
            shown_by: None,
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
        let swept = tokio::task::spawn_blocking(move || files.sweep(before, &wanted)).await;
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
