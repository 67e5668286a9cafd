//! Pods and their members, a page at a time.

use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_connections_api::{PodCard, PodCheck, PodKind, PodPage, PodPageAsk, PodRole, PodView, PodVisibility};
use imajin_did::Did;
use imajin_kernel::id::PodId;
use imajin_store::{Conn, SealedRow, intact_all};

use super::DEPTH_MAX;
use super::find::{inner_of, members_count, place_living, pod_find};
use crate::ConnectionsError;
use crate::context::Context;
use crate::domain::privacy::blocked_by;
use crate::rows::{PodMemberRow, PodRow};
use crate::schema::{pod_members, pods};

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;
/// So many pods of one person are taken along with their data; nobody can be in more.
const RECORD_MAX: i64 = 1_000;

/// How long a page is.
fn limit_of(page: &PodPageAsk) -> Result<i64, ConnectionsError> {
    let limit = page.limit.unwrap_or(LIMIT_DEFAULT);
    if (1..=LIMIT_MAX).contains(&limit) {
        return Ok(i64::from(limit));
    }
    Err(ConnectionsError::invalid("limit", format!("must be 1 to {LIMIT_MAX}")))
}

/// Takes away what was read beyond the page, and says where the next one begins.
fn page_cut<R>(rows: &mut Vec<R>, limit: i64, key: impl Fn(&R) -> String) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_row| has_more).map(key)
}

/// A pod as it is in a list of whoever has this place in it.
pub(crate) fn card(row: &PodRow, place: Option<&PodMemberRow>) -> Result<PodCard, ConnectionsError> {
    let role = place
        .filter(|place| place.is_in())
        .map(PodMemberRow::role)
        .transpose()?;
    Ok(PodCard {
        id: row.id,
        name: row.name.clone(),
        owner_did: row.owner_did.clone(),
        kind: row.kind()?,
        visibility: row.visibility()?,
        role,
        invitation: place.map(PodMemberRow::invitation).transpose()?.flatten(),
    })
}

/// The pods that somebody is in or invited to; what those whom they have blocked invite them to is not shown.
pub(crate) fn pod_list_own(
    conn: &mut Conn,
    context: &Context,
    (did, page): (&Did, &PodPageAsk),
) -> Result<PodPage, ConnectionsError> {
    let limit = limit_of(page)?;
    let after = page.cursor.as_deref().map(str::parse::<PodId>).transpose();
    let after = after.map_err(|_error| ConnectionsError::invalid("cursor", "is none that this list has given"))?;
    let mut rows = own_rows(conn, context, (did, after), limit.saturating_add(1))?;
    let cursor = page_cut(&mut rows, limit, |(row, _place)| row.id.to_string());
    Ok(PodPage {
        pods: own_cards(conn, context, did, &rows)?,
        cursor,
    })
}

/// All of them, for the export of somebody's data.
pub(crate) fn pods_of(conn: &mut Conn, context: &Context, did: &Did) -> Result<Vec<PodCard>, ConnectionsError> {
    let rows = own_rows(conn, context, (did, None), RECORD_MAX)?;
    own_cards(conn, context, did, &rows)
}

fn own_rows(
    conn: &mut Conn,
    context: &Context,
    (did, after): (&Did, Option<PodId>),
    limit: i64,
) -> Result<Vec<(PodRow, PodMemberRow)>, ConnectionsError> {
    let mut query = pod_members::table
        .inner_join(pods::table.on(pods::id.eq(pod_members::pod)))
        .filter(pod_members::member_did.eq(did))
        .filter(pod_members::ended_at.is_null())
        .filter(pods::deleted_at.is_null())
        .select((PodRow::as_select(), PodMemberRow::as_select()))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(pod_members::pod.gt(after));
    }
    let rows: Vec<(PodRow, PodMemberRow)> = query.order_by(pod_members::pod).limit(limit).load(conn)?;
    rows.into_iter()
        .map(|(row, place)| Ok((row.intact(&context.sealer)?, place.intact(&context.sealer)?)))
        .collect()
}

fn own_cards(
    conn: &mut Conn,
    context: &Context,
    did: &Did,
    rows: &[(PodRow, PodMemberRow)],
) -> Result<Vec<PodCard>, ConnectionsError> {
    let blocked = blocked_by(conn, context, did)?;
    let shown = rows
        .iter()
        .filter(|(_row, place)| place.is_in() || !blocked.contains(&place.invited_by));
    shown.map(|(row, place)| card(row, Some(place))).collect()
}

/// A reader before a pod.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) row: PodRow,
    pub(crate) place: Option<PodMemberRow>,
    pub(crate) reader: Option<Did>,
    /// Whether the owner shows their ties to the reader.
    pub(crate) is_within: bool,
}

impl Seen {
    /// Whether the reader may know of a pod of this owner.
    pub(crate) fn shows(&self, row: &PodRow, place: Option<&PodMemberRow>) -> Result<bool, ConnectionsError> {
        Ok(place.is_some() || (self.is_within && row.visibility()? == PodVisibility::TrustBound))
    }

    /// What the reader is in the pod.
    pub(crate) fn role(&self) -> Result<Option<PodRole>, ConnectionsError> {
        let place = self.place.as_ref().filter(|place| place.is_in());
        place.map(PodMemberRow::role).transpose()
    }

    /// Whether all members are shown, and not only those who show themselves to the reader anyway: to be at the same
    /// event shows nobody.
    pub(crate) fn shows_all(&self) -> Result<bool, ConnectionsError> {
        Ok(match self.role()? {
            Some(PodRole::Owner | PodRole::Admin) => true,
            Some(PodRole::Member) => self.row.kind()? != PodKind::Event,
            None => false,
        })
    }
}

/// A pod with what stands around it, as far as its reader may know of it: all of it has the same owner.
pub(crate) fn pod_view(conn: &mut Conn, context: &Context, seen: &Seen) -> Result<PodView, ConnectionsError> {
    let row = &seen.row;
    let outer = match &row.parent {
        Some(id) => pod_find(conn, context, id)?.filter(|row| row.deleted_at.is_none()),
        None => None,
    };
    let mut around = Vec::new();
    for other in outer.iter().chain(&inner_of(conn, context, &[row.id])?) {
        let place = match &seen.reader {
            Some(reader) => place_living(conn, context, (&other.id, reader))?,
            None => None,
        };
        if seen.shows(other, place.as_ref())? {
            around.push(other.to_ref());
        }
    }
    let (parent, pods): (Vec<_>, Vec<_>) = around.into_iter().partition(|other| row.parent == Some(other.id));
    let knows_offer = seen.role()? == Some(PodRole::Owner) || seen.reader == row.successor_did;
    Ok(PodView {
        card: card(row, seen.place.as_ref())?,
        members: u32::try_from(members_count(conn, &row.id, false)?).unwrap_or(u32::MAX),
        parent: parent.into_iter().next(),
        pods,
        successor: row.successor_did.clone().filter(|_successor| knows_offer),
        created_at: row.created_at,
    })
}

/// A page of the people in a pod, and where the next one begins; those who are invited only for its owner and admins.
pub(crate) fn member_rows(
    conn: &mut Conn,
    context: &Context,
    (seen, page): (&Seen, &PodPageAsk),
) -> Result<(Vec<PodMemberRow>, Option<String>), ConnectionsError> {
    let limit = limit_of(page)?;
    let mut query = pod_members::table
        .filter(pod_members::pod.eq(seen.row.id))
        .filter(pod_members::ended_at.is_null())
        .select(PodMemberRow::as_select())
        .into_boxed();
    if seen.role()? < Some(PodRole::Admin) {
        query = query.filter(pod_members::joined_at.is_not_null());
    }
    if let Some(after) = &page.cursor {
        query = query.filter(pod_members::member_did.gt(after));
    }
    let query = query.order_by(pod_members::member_did).limit(limit.saturating_add(1));
    let mut rows: Vec<PodMemberRow> = query.load(conn)?;
    let cursor = page_cut(&mut rows, limit, |row| row.member_did.to_string());
    Ok((intact_all(rows, &context.sealer)?, cursor))
}

/// What somebody is in a pod, or in one that stands in it where that counts.
pub(crate) fn pod_check(
    conn: &mut Conn,
    context: &Context,
    check: &PodCheck,
) -> Result<Option<PodRole>, ConnectionsError> {
    let top = pod_find(conn, context, &check.pod)?.filter(|row| row.deleted_at.is_none());
    let mut level: Vec<PodRow> = top.into_iter().collect();
    let mut counted = BTreeSet::new();
    for _deep in 0..DEPTH_MAX {
        for row in &level {
            if check.events || row.kind()? != PodKind::Event {
                counted.insert(row.id);
            }
        }
        if !check.with_inner || level.is_empty() {
            break;
        }
        let outer: Vec<PodId> = level.iter().map(|row| row.id).collect();
        level = inner_of(conn, context, &outer)?;
    }
    let did = check.did.canonical();
    let mut highest = None;
    for id in counted {
        let place = place_living(conn, context, (&id, &did))?;
        if let Some(place) = place.filter(PodMemberRow::is_in) {
            highest = highest.max(Some(place.role()?));
        }
    }
    Ok(highest)
}
