//! An author's manifests.

use diesel::prelude::*;
use imajin_kernel::Timestamp;
use imajin_publisher_api::{ManifestCard, ManifestList, ManifestPage};
use imajin_store::Conn;
use imajin_web::PublicBase;

use super::state::fair_url;
use crate::PublisherError;
use crate::rows::ManifestRow;
use crate::schema::manifests;

const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 100;

/// Where a page ended: the key of its last row.
struct Cursor {
    created_at: Timestamp,
    id: String,
}

impl Cursor {
    fn parse(text: &str) -> Result<Self, PublisherError> {
        let parse = || {
            let (micros, id) = text.split_once('.')?;
            Some(Self {
                created_at: Timestamp::from_micros(micros.parse().ok()?),
                id: id.to_owned(),
            })
        };
        parse().ok_or_else(|| PublisherError::invalid("cursor", "is not one that this list gave out"))
    }
}

/// A page of what somebody has published, the newest first.
pub(crate) fn manifest_list(
    conn: &mut Conn,
    public: &PublicBase,
    list: &ManifestList,
) -> Result<ManifestPage, PublisherError> {
    let limit = list.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(PublisherError::invalid("limit", format!("must be 1 to {PAGE_MAX}")));
    }
    let mut query = manifests::table
        .filter(manifests::author_did.eq(list.author.canonical()))
        .filter(manifests::published_by.is_not_null())
        .into_boxed();
    if let Some(cursor) = list.cursor.as_deref().map(Cursor::parse).transpose()? {
        let earlier = manifests::created_at.lt(cursor.created_at);
        let same = manifests::created_at
            .eq(cursor.created_at)
            .and(manifests::id.lt(cursor.id));
        query = query.filter(earlier.or(same));
    }
    let query = query
        .order_by((manifests::created_at.desc(), manifests::id.desc()))
        .limit(i64::from(limit) + 1);
    let mut rows: Vec<ManifestRow> = query.select(ManifestRow::as_select()).load(conn)?;
    let page_length = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > page_length;
    rows.truncate(page_length);
    let cursor = rows.last().filter(|_row| has_more);
    let cursor = cursor.map(|row| format!("{}.{}", row.created_at.as_micros(), row.id));
    let manifests: Result<Vec<ManifestCard>, PublisherError> =
        rows.into_iter().map(|row| manifest_card(public, row)).collect();
    Ok(ManifestPage {
        manifests: manifests?,
        cursor,
    })
}

fn manifest_card(public: &PublicBase, row: ManifestRow) -> Result<ManifestCard, PublisherError> {
    let id = row.manifest_id()?;
    Ok(ManifestCard {
        url: fair_url(public, &id),
        id,
        title: row.title,
        kind: row.kind,
        author: row.author_did,
        published_at: row.created_at,
    })
}
