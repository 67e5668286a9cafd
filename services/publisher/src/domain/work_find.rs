//! Works as readers and authors see them.

use std::collections::BTreeMap;

use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::{Manifest, Payee};
use imajin_kernel::id::ContentId;
use imajin_money::{Amount, Asset, Money};
use imajin_publisher_api::{
    ContentCard, ContentList, ContentPage, ContentSales, ContentSplit, ContentState, LibraryEntry, ReaderAccess,
};
use imajin_store::{Conn, Literal, SealedRow};
use imajin_web::PublicBase;

use super::access::access_of;
use crate::PublisherError;
use crate::context::Context;
use crate::rows::{AccessRow, VersionRow, WorkRow};
use crate::schema::{work_accesses, work_versions, works};

const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 100;
/// Works of an author, and of a reader, that are shown at once.
const LIST_MAX: i64 = 500;

/// A work with the version that somebody gets, and what they may do with it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) work: WorkRow,
    pub(crate) version: VersionRow,
    pub(crate) access: ReaderAccess,
}

/// A work as these identities of one reader see it. A draft is its author's alone; the author sees the newest version,
/// everybody else the one that is published.
pub(crate) fn work_shown(
    conn: &mut Conn,
    context: &Context,
    id: ContentId,
    readers: &[Did],
) -> Result<Option<Shown>, PublisherError> {
    let Some(work) = work_find(conn, context, id)? else {
        return Ok(None);
    };
    let is_author = readers.iter().any(|did| did.canonical() == work.owner_did);
    let number = if is_author { Some(work.latest) } else { work.current };
    let Some(number) = number else { return Ok(None) };
    let version = version_find(conn, context, id, number)?;
    let access = access_of(conn, &work, &version, readers)?;
    Ok(Some(Shown { work, version, access }))
}

pub(crate) fn work_find(conn: &mut Conn, context: &Context, id: ContentId) -> Result<Option<WorkRow>, PublisherError> {
    let row: Option<WorkRow> = works::table
        .find(id)
        .select(WorkRow::as_select())
        .first(conn)
        .optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

pub(crate) fn version_find(
    conn: &mut Conn,
    context: &Context,
    id: ContentId,
    number: i64,
) -> Result<VersionRow, PublisherError> {
    let row: VersionRow = work_versions::table
        .find((id, number))
        .select(VersionRow::as_select())
        .first(conn)?;
    Ok(row.intact(&context.sealer)?)
}

pub(crate) fn card(public: &PublicBase, work: &WorkRow, version: &VersionRow) -> Result<ContentCard, PublisherError> {
    Ok(ContentCard {
        id: work.id,
        title: version.title.clone(),
        summary: version.summary.clone(),
        author: work.owner_did.clone(),
        format: version.format()?,
        media_type: version.media_type.clone(),
        size: version.size()?,
        price: version.price()?,
        manifest: version.manifest_id()?,
        url: public.absolute(&format!("/read/{}", work.id)),
        content_url: public.absolute(&format!("/publisher/content/{}", work.id)),
        published_at: work.published_at,
    })
}

/// How a manifest splits what comes in.
pub(crate) fn splits_of(manifest: &Manifest) -> Vec<ContentSplit> {
    let split = |entry: &imajin_fair::Contributor| ContentSplit {
        payee: match &entry.payee {
            Payee::Did(did) => did.to_string(),
            Payee::Fair(id) => id.to_string(),
        },
        role: entry.role.clone(),
        share: entry.share.to_string(),
    };
    manifest.contributors.iter().map(split).collect()
}

/// Published works, the newest first.
pub(crate) fn work_list(
    conn: &mut Conn,
    context: &Context,
    public: &PublicBase,
    list: &ContentList,
) -> Result<ContentPage, PublisherError> {
    let limit = list.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(PublisherError::invalid("limit", format!("must be 1 to {PAGE_MAX}")));
    }
    let mut query = works::table
        .filter(works::state.eq(Literal(ContentState::Published.as_str())))
        .into_boxed();
    if let Some(author) = &list.author {
        query = query.filter(works::owner_did.eq(author.canonical()));
    }
    if let Some(cursor) = &list.cursor {
        let before: ContentId = cursor
            .parse()
            .map_err(|_error| PublisherError::invalid("cursor", "is not one that this list gave out"))?;
        query = query.filter(works::id.lt(before));
    }
    let query = query.order_by(works::id.desc()).limit(i64::from(limit) + 1);
    let mut rows: Vec<WorkRow> = query.select(WorkRow::as_select()).load(conn)?;
    let page_length = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > page_length;
    rows.truncate(page_length);
    let cursor = rows.last().filter(|_row| has_more).map(|row| row.id.to_string());
    let mut cards = Vec::with_capacity(rows.len());
    for row in rows {
        let version = version_find(conn, context, row.id, row.current.unwrap_or(row.latest))?;
        cards.push(card(public, &row, &version)?);
    }
    Ok(ContentPage { works: cards, cursor })
}

/// An author's works, the newest first, with what they have sold.
pub(crate) fn sales_list(
    conn: &mut Conn,
    context: &Context,
    public: &PublicBase,
    owner: &Did,
) -> Result<Vec<ContentSales>, PublisherError> {
    let rows: Vec<WorkRow> = works::table
        .filter(works::owner_did.eq(owner.canonical()))
        .order_by(works::id.desc())
        .limit(LIST_MAX)
        .select(WorkRow::as_select())
        .load(conn)?;
    let mut all = Vec::with_capacity(rows.len());
    for work in rows {
        let version = version_find(conn, context, work.id, work.latest)?;
        let paid: Vec<(String, i64)> = work_accesses::table
            .filter(work_accesses::content_id.eq(work.id))
            .filter(work_accesses::refusal.is_null())
            .filter(work_accesses::revoked_at.is_null())
            .select((work_accesses::asset, work_accesses::gross))
            .load(conn)?;
        all.push(ContentSales {
            card: card(public, &work, &version)?,
            state: work.state()?,
            versions: work.latest,
            readers: u64::try_from(paid.len()).unwrap_or(u64::MAX),
            gross: sums(&paid),
        });
    }
    Ok(all)
}

fn sums(paid: &[(String, i64)]) -> Vec<Money> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for (asset, gross) in paid {
        let sum = sums.entry(asset).or_default();
        *sum = sum.saturating_add(*gross);
    }
    let money = |(asset, units): (&str, i64)| {
        let asset: Asset = asset.parse().ok()?;
        Some(Money::new(Amount::from_micros(units).ok()?, asset))
    };
    sums.into_iter().filter_map(money).collect()
}

/// What somebody, with all identities that are theirs, has paid for, the newest first.
pub(crate) fn library_list(
    conn: &mut Conn,
    context: &Context,
    public: &PublicBase,
    readers: &[Did],
) -> Result<Vec<LibraryEntry>, PublisherError> {
    let readers: Vec<String> = readers.iter().map(|did| did.canonical().to_string()).collect();
    let rows: Vec<AccessRow> = work_accesses::table
        .filter(work_accesses::reader_did.eq_any(readers))
        .filter(work_accesses::refusal.is_null())
        .filter(work_accesses::revoked_at.is_null())
        .order_by(work_accesses::checkout_id.desc())
        .limit(LIST_MAX)
        .select(AccessRow::as_select())
        .load(conn)?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let row = row.intact(&context.sealer)?;
        let Some(work) = work_find(conn, context, row.content_id)? else {
            continue;
        };
        let version = version_find(conn, context, work.id, work.current.unwrap_or(work.latest))?;
        let damaged = || PublisherError::damaged(AccessRow::TABLE, &row.row_key(), "the amount is none");
        let asset: Asset = row.asset.parse().map_err(|_unknown| damaged())?;
        let amount = Amount::from_micros(row.gross).map_err(|_negative| damaged())?;
        all.push(LibraryEntry {
            card: card(public, &work, &version)?,
            paid: Money::new(amount, asset),
            paid_at: row.paid_at,
            checkout: row.checkout_id,
            receipt: row.receipt_id,
        });
    }
    Ok(all)
}
