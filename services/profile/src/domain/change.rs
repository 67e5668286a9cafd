//! An owner changes or deletes a profile.

use std::collections::BTreeSet;

use diesel::prelude::*;
use imajin_auth_api::IdentityView;
use imajin_did::Did;
use imajin_store::{Conn, SealedRow};

use super::avatar::avatar_empty;
use super::draft::ProfileDraft;
use super::find::profile_lock;
use super::terms::terms_of;
use crate::context::{Change, Context, Made};
use crate::rows::{ProfileRow, TermRow, json_text};
use crate::schema::search_terms;
use crate::{ProfileError, log};

/// Versions that the caller says there must be one of (RFC 9110, section 13.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// `*`: whichever there is.
    Any,
    /// One of these.
    One(Vec<String>),
}

/// A change of what an owner writes, on its way into the database.
#[derive(Debug, Clone)]
pub(crate) struct NewProfile {
    pub(crate) change: Change,
    pub(crate) draft: ProfileDraft,
    pub(crate) if_match: Option<IfMatch>,
    /// Handle and kind, as auth has them.
    pub(crate) identity: IdentityView,
}

/// Makes or changes a profile. A deleted one is made anew, and goes on counting.
pub(crate) fn profile_set(conn: &mut Conn, context: &Context, new: &NewProfile) -> Result<Made, ProfileError> {
    new.change.once(conn, context, |conn| {
        let did = new.change.verified.did();
        // First the nonce: a request that is sent again is told that, and not that the profile has changed.
        log::signed_append(conn, context, &new.change, log::PROFILE_SET, log::profile_object(did))?;
        let known = profile_lock(conn, context, did)?;
        version_check(known.as_ref(), new)?;
        let row = row_of(context, new, known.as_ref())?;
        terms_write(conn, context, did, &terms_of(row.handle.as_deref(), &row.display_name))?;
        match known {
            Some(_) => row.save(conn, &context.sealer)?,
            None => row.insert(conn, &context.sealer)?,
        };
        Ok(())
    })
}

fn version_check(known: Option<&ProfileRow>, new: &NewProfile) -> Result<(), ProfileError> {
    let current = known.map_or(Ok(0), ProfileRow::version)?;
    let stale = |given: String| ProfileError::Stale { given, current };
    match &new.if_match {
        Some(IfMatch::Any) if current == 0 => return Err(stale("*".to_owned())),
        Some(IfMatch::One(tags)) if !tags.contains(&current.to_string()) => return Err(stale(tags.join(", "))),
        _ => {}
    }
    if new.draft.version == current {
        return Ok(());
    }
    Err(stale(new.draft.version.to_string()))
}

fn row_of(context: &Context, new: &NewProfile, known: Option<&ProfileRow>) -> Result<ProfileRow, ProfileError> {
    let (now, draft) = (context.env.now(), new.draft.clone());
    let owner = new.change.verified.did().clone();
    Ok(ProfileRow {
        did: owner.clone(),
        owner_did: owner,
        handle: new.identity.handle.clone(),
        display_type: new.identity.kind.clone(),
        display_name: draft.display_name,
        bio: draft.bio,
        links: json_text(&draft.links)?,
        contact: json_text(&draft.contact)?,
        version: i64::from(draft.version).saturating_add(1),
        proof: log::proof_text(&new.change)?,
        created_at: known.map_or(now, |row| row.created_at),
        updated_at: now,
        deleted_at: None,
        row_seal: Vec::new(),
    })
}

/// Deletes a profile with its picture: the texts are emptied at once, what was signed stays in the log until it is
/// erased. Deleting what is not there changes nothing.
pub(crate) fn profile_delete(conn: &mut Conn, context: &Context, change: &Change) -> Result<Made, ProfileError> {
    change.once(conn, context, |conn| {
        let did = change.verified.did();
        log::signed_append(conn, context, change, log::PROFILE_DELETE, log::profile_object(did))?;
        avatar_empty(conn, context, change)?;
        let Some(row) = profile_lock(conn, context, did)? else {
            return Ok(());
        };
        terms_write(conn, context, did, &BTreeSet::new())?;
        let now = context.env.now();
        let emptied = ProfileRow {
            handle: None,
            display_name: String::new(),
            bio: None,
            links: "[]".to_owned(),
            contact: "{}".to_owned(),
            version: row.version.saturating_add(1),
            proof: log::proof_text(change)?,
            updated_at: now,
            deleted_at: Some(now),
            ..row
        };
        emptied.save(conn, &context.sealer)?;
        Ok(())
    })
}

/// What a profile is found by from now on.
pub(crate) fn terms_write(
    conn: &mut Conn,
    context: &Context,
    did: &Did,
    terms: &BTreeSet<String>,
) -> Result<(), ProfileError> {
    diesel::delete(search_terms::table.filter(search_terms::did.eq(did.clone()))).execute(conn)?;
    let row = |term: &String| TermRow {
        term: term.clone(),
        did: did.clone(),
        row_seal: Vec::new(),
    };
    TermRow::insert_all(terms.iter().map(row).collect(), conn, &context.sealer)?;
    Ok(())
}
