//! An author's manifests.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::ManifestId;
use imajin_kernel::Timestamp;
use imajin_publisher_api::{KeptCard, ListPlace, ManifestCard, ManifestList, ManifestPage};
use imajin_store::{Conn, SealedRow, Sealer};
use imajin_web::PublicBase;

use super::state::fair_url;
use crate::PublisherError;
use crate::rows::ManifestRow;
use crate::schema::manifests;

const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 100;

/// A list that was asked for, and can be.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) author: Did,
    pub(crate) after: Option<ListPlace>,
    limit: u32,
}

impl Wanted {
    pub(crate) fn of(list: &ManifestList) -> Result<Self, PublisherError> {
        let limit = list.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(PublisherError::invalid("limit", format!("must be 1 to {PAGE_MAX}")));
        }
        Ok(Self {
            author: list.author.canonical(),
            after: list.cursor.as_deref().map(place_parse).transpose()?,
            limit,
        })
    }

    /// How many are read: one more than are shown tells whether there are more.
    pub(crate) fn read_limit(&self) -> u32 {
        self.limit.saturating_add(1)
    }
}

fn place_parse(text: &str) -> Result<ListPlace, PublisherError> {
    let parse = || {
        let (micros, id) = text.split_once('.')?;
        Some(ListPlace {
            published_at: Timestamp::from_micros(micros.parse().ok()?),
            id: id.parse().ok()?,
        })
    };
    parse().ok_or_else(|| PublisherError::invalid("cursor", "is not one that this list gave out"))
}

/// What somebody has published in the library, the newest first.
pub(crate) fn library_list(conn: &mut Conn, sealer: &Sealer, wanted: &Wanted) -> Result<Vec<KeptCard>, PublisherError> {
    let mut query = manifests::table
        .filter(manifests::author_did.eq(&wanted.author))
        .filter(manifests::published_by.is_not_null())
        .into_boxed();
    if let Some(after) = &wanted.after {
        let earlier = manifests::created_at.lt(after.published_at);
        let same = manifests::created_at
            .eq(after.published_at)
            .and(manifests::id.lt(after.id.as_str()));
        query = query.filter(earlier.or(same));
    }
    let query = query
        .order_by((manifests::created_at.desc(), manifests::id.desc()))
        .limit(i64::from(wanted.read_limit()));
    let rows: Vec<ManifestRow> = query.select(ManifestRow::as_select()).load(conn)?;
    let card = |row: ManifestRow| {
        let row = row.intact(sealer)?;
        let (id, published_at) = (row.manifest_id()?, row.created_at);
        Ok(KeptCard {
            place: ListPlace { published_at, id },
            title: row.title,
            kind: row.kind,
        })
    };
    rows.into_iter().map(card).collect()
}

/// Those of `ids` that were published in the library.
pub(crate) fn library_has(conn: &mut Conn, ids: &[ManifestId]) -> Result<Vec<ManifestId>, PublisherError> {
    let wanted: Vec<&str> = ids.iter().map(ManifestId::as_str).collect();
    let found: Vec<String> = manifests::table
        .filter(manifests::id.eq_any(wanted))
        .filter(manifests::published_by.is_not_null())
        .select(manifests::id)
        .load(conn)?;
    Ok(ids
        .iter()
        .filter(|id| found.iter().any(|found| found == id.as_str()))
        .cloned()
        .collect())
}

/// One page of what both have. What the library has as well as the keeper is listed once, where the library has it.
pub(crate) fn page(
    public: &PublicBase,
    wanted: &Wanted,
    library: Vec<KeptCard>,
    kept: Vec<KeptCard>,
    twice: &[ManifestId],
) -> ManifestPage {
    let is_copy = |card: &KeptCard| twice.contains(&card.place.id);
    let mut cards: Vec<(KeptCard, bool)> = library.into_iter().map(|card| (card, true)).collect();
    cards.extend(kept.into_iter().map(|card| {
        let is_shown = !is_copy(&card);
        (card, is_shown)
    }));
    cards.sort_by(|(one, _), (other, _)| other.place.cmp(&one.place));
    let length = usize::try_from(wanted.limit).unwrap_or(usize::MAX);
    let has_more = cards.len() > length;
    cards.truncate(length);
    let last = cards.last().filter(|_last| has_more);
    let cursor = last.map(|(card, _)| format!("{}.{}", card.place.published_at.as_micros(), card.place.id));
    let shown = cards.into_iter().filter(|(_card, is_shown)| *is_shown);
    let manifests = shown.map(|(card, _)| ManifestCard {
        url: fair_url(public, &card.place.id),
        id: card.place.id,
        title: card.title,
        kind: card.kind,
        author: wanted.author.clone(),
        published_at: card.place.published_at,
    });
    ManifestPage {
        manifests: manifests.collect(),
        cursor,
    }
}
