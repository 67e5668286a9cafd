//! What authors do with their works.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_fair::{Action, Manifest, ManifestId, Price};
use imajin_kernel::id::ContentId;
use imajin_money::Money;
use imajin_publisher_api::{ContentFormat, ContentState};
use imajin_store::{Conn, SealedRow, for_update, units_sum};
use imajin_web::{Authorised, SoftTier};

use super::find::{Kept, record_find};
use super::work_change::WorkChange;
use crate::context::Context;
use crate::rows::{VersionRow, WorkRow};
use crate::schema::{work_versions, works};
use crate::{PublisherError, log};

/// Works of one author.
const WORKS_MAX: i64 = 10_000;
/// Versions of one work.
const VERSIONS_MAX: i64 = 1_000;

/// What an author says about a version.
#[derive(Debug, Clone)]
pub(crate) struct NewVersion {
    pub(crate) manifest: ManifestId,
    pub(crate) title: Option<String>,
    pub(crate) summary: String,
    pub(crate) preview: String,
    pub(crate) format: ContentFormat,
    pub(crate) media_type: String,
    pub(crate) file_name: String,
    pub(crate) sha256: String,
    pub(crate) size: i64,
    /// Only where the manifest says nothing about it.
    pub(crate) price: Option<Money>,
}

/// How much may be stored: by one author, and by all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota {
    pub(crate) owner_bytes_max: u64,
    pub(crate) works_bytes_max: u64,
}

/// Makes a draft with its first version.
pub(crate) fn work_create(
    conn: &mut Conn,
    context: &Context,
    change: &WorkChange,
    new: &NewVersion,
    quota: Quota,
) -> Result<ContentId, PublisherError> {
    change.once(conn, context, |conn| {
        let owner = change.verified.did();
        let count: i64 = works::table
            .filter(works::owner_did.eq(owner))
            .count()
            .get_result(conn)?;
        if count >= WORKS_MAX {
            return Err(PublisherError::State {
                detail: format!("You have {count} works here already."),
                hint: "One identity may have 10000 works; use another identity for more.",
            });
        }
        let (id, now) = (context.env.new_id(), context.env.now());
        let row = WorkRow {
            id,
            owner_did: owner.clone(),
            state: ContentState::Draft.as_str().to_owned(),
            latest: 1,
            current: None,
            proof: log::proof_text(&change.verified)?,
            created_at: now,
            updated_at: now,
            published_at: None,
            row_seal: Vec::new(),
        };
        row.insert(conn, &context.sealer)?;
        version_insert(conn, context, change, new, quota, (id, 1))?;
        change.append(conn, context, log::CONTENT_CREATE, id)?;
        Ok(id)
    })
}

/// Adds a version to a work of the signer's; readers get it once it is published.
pub(crate) fn version_add(
    conn: &mut Conn,
    context: &Context,
    change: &WorkChange,
    id: ContentId,
    new: &NewVersion,
    quota: Quota,
) -> Result<ContentId, PublisherError> {
    change.once(conn, context, |conn| {
        let mut work = own_work_lock(conn, context, id, change.verified.did())?;
        if work.latest >= VERSIONS_MAX {
            return Err(PublisherError::State {
                detail: format!("This work has {} versions already.", work.latest),
                hint: "Make a new work of it.",
            });
        }
        if work.state()? == ContentState::Withdrawn {
            return Err(withdrawn());
        }
        let number = work.latest.saturating_add(1);
        version_insert(conn, context, change, new, quota, (id, number))?;
        work.latest = number;
        work.updated_at = context.env.now();
        work.save(conn, &context.sealer)?;
        change.append(conn, context, log::CONTENT_VERSION, id)?;
        Ok(id)
    })
}

/// Has readers get the newest version, whose bytes must be here.
pub(crate) fn work_publish(
    conn: &mut Conn,
    context: &Context,
    change: &WorkChange,
    id: ContentId,
) -> Result<ContentId, PublisherError> {
    change.once(conn, context, |conn| {
        let mut work = own_work_lock(conn, context, id, change.verified.did())?;
        if work.state()? == ContentState::Withdrawn {
            return Err(withdrawn());
        }
        let version = version_lock(conn, context, id, work.latest)?;
        if version.stored_at.is_none() {
            return Err(PublisherError::State {
                detail: "The bytes of the newest version are not all here.".to_owned(),
                hint: "Send them first: PUT /publisher/api/content/{id}/bytes.",
            });
        }
        let now = context.env.now();
        work.current = Some(work.latest);
        work.published_at = work.published_at.or(Some(now));
        work.state_set(ContentState::Published, now);
        work.save(conn, &context.sealer)?;
        change.append(conn, context, log::CONTENT_PUBLISH, id)?;
        Ok(id)
    })
}

/// Nobody new can have it. Who has paid goes on reading it.
pub(crate) fn work_withdraw(
    conn: &mut Conn,
    context: &Context,
    change: &WorkChange,
    id: ContentId,
) -> Result<ContentId, PublisherError> {
    change.once(conn, context, |conn| {
        let mut work = own_work_lock(conn, context, id, change.verified.did())?;
        if work.state()? == ContentState::Withdrawn {
            return Err(withdrawn());
        }
        work.state_set(ContentState::Withdrawn, context.env.now());
        work.save(conn, &context.sealer)?;
        change.append(conn, context, log::CONTENT_WITHDRAW, id)?;
        Ok(id)
    })
}

/// Notes that the bytes of a version are here, and are the ones that were announced.
pub(crate) fn version_stored(
    conn: &mut Conn,
    context: &Context,
    id: ContentId,
    number: i64,
) -> Result<(), PublisherError> {
    let mut version = version_lock(conn, context, id, number)?;
    if version.stored_at.is_none() {
        version.stored_at = Some(context.env.now());
        version.save(conn, &context.sealer)?;
    }
    Ok(())
}

fn withdrawn() -> PublisherError {
    PublisherError::State {
        detail: "This work was withdrawn.".to_owned(),
        hint: "Publish it as a new work, if it shall be had again.",
    }
}

fn version_insert(
    conn: &mut Conn,
    context: &Context,
    change: &WorkChange,
    new: &NewVersion,
    quota: Quota,
    (id, number): (ContentId, i64),
) -> Result<(), PublisherError> {
    let owner = change.verified.did();
    quota_check(conn, owner, new.size, quota)?;
    let kept = own_manifest(conn, context, owner, &new.manifest)?;
    let manifest = &kept.record.manifest;
    let price = price_of(manifest, new.price)?;
    let title = match (&new.title, &manifest.title) {
        (Some(title), _) | (None, Some(title)) => title.clone(),
        (None, None) => return Err(PublisherError::invalid("title", "is missing, here and in the manifest")),
    };
    let row = VersionRow {
        content_id: id,
        number,
        owner_did: owner.clone(),
        manifest_id: new.manifest.to_string(),
        manifest_digest: kept.row.digest.clone(),
        title,
        summary: new.summary.clone(),
        preview: new.preview.clone(),
        format: new.format.as_str().to_owned(),
        media_type: new.media_type.clone(),
        file_name: new.file_name.clone(),
        sha256: new.sha256.clone(),
        size: new.size,
        asset: price.map(|price| price.asset.to_string()),
        price: price.map(|price| price.amount.micros()),
        proof: log::proof_text(&change.verified)?,
        created_at: context.env.now(),
        stored_at: None,
        row_seal: Vec::new(),
    };
    row.insert(conn, &context.sealer)?;
    Ok(())
}

/// The manifest of a work must be in the library, signed by whoever publishes the work, and say what bytes it is about.
fn own_manifest(conn: &mut Conn, context: &Context, owner: &Did, id: &ManifestId) -> Result<Kept, PublisherError> {
    let kept = record_find(conn, context, id)?.ok_or_else(|| PublisherError::State {
        detail: format!("The library of this node has no manifest {id}."),
        hint: "Publish it first: POST /publisher/api/fair, or imajin fair publish.",
    })?;
    if kept.row.author_did != *owner {
        let problem = "is somebody else's: only who signed the manifest publishes the work";
        return Err(PublisherError::invalid("manifest", problem));
    }
    if kept.record.manifest.content.is_none() {
        let problem = "does not say which bytes it is about: sign one with `content.sha256`";
        return Err(PublisherError::invalid("manifest", problem));
    }
    Ok(kept)
}

/// What it costs to read: the manifest decides, and only where it is silent its author.
fn price_of(manifest: &Manifest, named: Option<Money>) -> Result<Option<Money>, PublisherError> {
    let term = manifest.terms.get(Action::Read).and_then(|term| term.price);
    let price = match (term, named) {
        (Some(Price::Prohibited), _) => {
            return Err(PublisherError::invalid(
                "manifest",
                "prohibits reading, so the work cannot be sold",
            ));
        }
        (Some(Price::Free), Some(named)) if !named.is_zero() => {
            return Err(PublisherError::invalid(
                "price",
                "the manifest says that reading is free",
            ));
        }
        (Some(Price::Of(price)), Some(named)) if named != price => {
            let problem = format!("the manifest says that reading costs {price}");
            return Err(PublisherError::invalid("price", problem));
        }
        (Some(Price::Of(price)), _) => Some(price),
        (Some(Price::Free), _) => None,
        (None, named) => named,
    };
    Ok(price.filter(|price| !price.is_zero()))
}

fn quota_check(conn: &mut Conn, owner: &Did, size: i64, quota: Quota) -> Result<(), PublisherError> {
    let own = work_versions::table.filter(work_versions::owner_did.eq(owner.clone()));
    let stored = units_sum!(conn, own, work_versions::size)?.saturating_add(size);
    if u64::try_from(stored).is_ok_and(|stored| stored <= quota.owner_bytes_max) {
        return room_check(conn, size, quota);
    }
    Err(PublisherError::State {
        detail: format!(
            "Your works would have {stored} bytes together, and {} are the most.",
            quota.owner_bytes_max
        ),
        hint: "Ask the node's operator for more room.",
    })
}

/// Refuses bytes that this node has no room for beside those that are here. What was only announced takes none from
/// others.
pub(crate) fn room_check(conn: &mut Conn, size: i64, quota: Quota) -> Result<(), PublisherError> {
    let here = work_versions::table.filter(work_versions::stored_at.is_not_null());
    let all = units_sum!(conn, here, work_versions::size)?.saturating_add(size);
    if u64::try_from(all).is_ok_and(|all| all <= quota.works_bytes_max) {
        return Ok(());
    }
    Err(PublisherError::State {
        detail: "The works of this node have all the room that they may have.".to_owned(),
        hint: "Ask the node's operator for more room: `publisher.works_bytes_max`.",
    })
}

/// A work of the signer's, locked. For everybody else there is none.
pub(crate) fn own_work_lock(
    conn: &mut Conn,
    context: &Context,
    id: ContentId,
    owner: &Did,
) -> Result<WorkRow, PublisherError> {
    let work = work_lock(conn, context, id)?.filter(|work| work.owner_did == *owner);
    work.ok_or(PublisherError::NotFound("work of yours"))
}

/// A work, locked until the transaction ends.
pub(crate) fn work_lock(conn: &mut Conn, context: &Context, id: ContentId) -> Result<Option<WorkRow>, PublisherError> {
    let row: Option<WorkRow> =
        for_update!(conn, works::table.find(id).select(WorkRow::as_select()) => first).optional()?;
    Ok(row.map(|row| row.intact(&context.sealer)).transpose()?)
}

fn version_lock(conn: &mut Conn, context: &Context, id: ContentId, number: i64) -> Result<VersionRow, PublisherError> {
    let row: Option<VersionRow> = for_update!(
        conn,
        work_versions::table.find((id, number)).select(VersionRow::as_select()) => first
    )
    .optional()?;
    Ok(row
        .ok_or(PublisherError::NotFound("version"))?
        .intact(&context.sealer)?)
}

/// Who may publish works.
pub(crate) type Author = Authorised<SoftTier>;
