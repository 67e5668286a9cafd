//! What is told about people: each use is permitted, written down and receipted in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use diesel::prelude::*;
use imajin_consent::{
    DisclosureAsked, FieldPath, GranteeClass, ProfilePayload, Purpose, Standing, StandingGrant, VerifiedDeclaration,
    evaluate_disclosure,
};
use imajin_did::Did;
use imajin_kernel::Span;
use imajin_kernel::id::UseId;
use imajin_mjn::Evidence;
use imajin_proof::SignedMessage;
use imajin_query_api::UseReceipt;
use imajin_store::{Conn, SealedRow};

use super::grants::grants_standing;
use super::profiles::profile_find;
use crate::QueryError;
use crate::context::{Context, json_text};
use crate::rows::UseRow;
use crate::schema::uses;

/// The action in the mutation log.
pub(crate) const USE_MAKE: &str = "use.make";

/// So often may one asker be told something about one person in a day.
const DAILY_MAX: i64 = 200;

/// The name of a use in the log.
pub(crate) fn use_object(id: &UseId) -> String {
    format!("use/{id}")
}

/// A question about a person.
#[derive(Debug, Clone)]
pub(crate) struct UseAsked {
    pub(crate) subject: Did,
    pub(crate) asker: Did,
    pub(crate) purpose: Purpose,
    pub(crate) fields: BTreeSet<FieldPath>,
    /// What the asker is to the person.
    pub(crate) classes: BTreeSet<GranteeClass>,
    pub(crate) consent: VerifiedDeclaration,
}

/// What a person has said about who may know what about them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    /// The grants that were not revoked, by their digests.
    pub(crate) grants: Vec<StandingGrant>,
    /// Those that were.
    pub(crate) revoked: Vec<StandingGrant>,
    /// The profile and its digest.
    pub(crate) profile: Option<(ProfilePayload, String)>,
}

/// By what a question may be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permission {
    /// The digests of the grants.
    pub(crate) grants: BTreeSet<String>,
    /// That of the profile.
    pub(crate) profile: String,
}

/// What somebody has said.
pub(crate) fn said_by(conn: &mut Conn, context: &Context, subject: &Did) -> Result<Said, QueryError> {
    let (grants, revoked) = grants_standing(conn, context, subject)?;
    let profile = profile_find(conn, context, subject)?;
    let profile = profile
        .map(|row| {
            row.profile()
                .and_then(|said| Ok((said.payload().clone(), said.digest()?)))
        })
        .transpose()?;
    Ok(Said {
        grants,
        revoked,
        profile,
    })
}

/// Whether a question may be answered, by what the person has said.
pub(crate) fn permit(context: &Context, said: &Said, asked: &UseAsked) -> Result<Permission, QueryError> {
    let standing = Standing {
        grants: &said.grants,
        revoked: &said.revoked,
        profile: said.profile.as_ref().map(|(payload, _)| payload),
    };
    let question = DisclosureAsked {
        subject: &asked.subject,
        asker: &asked.asker,
        classes: &asked.classes,
        purpose: &asked.purpose,
        fields: &asked.fields,
        now: context.now(),
    };
    let node = context.keyring.node_did();
    let allowed: BTreeMap<FieldPath, usize> = evaluate_disclosure(&standing, node, &asked.consent, &question)?;
    let places: BTreeSet<usize> = allowed.into_values().collect();
    let grants = places.into_iter().filter_map(|place| said.grants.get(place));
    let profile = said.profile.as_ref().map(|(_, digest)| digest.clone());
    Ok(Permission {
        grants: grants.map(StandingGrant::digest).collect::<Result<_, _>>()?,
        profile: profile.unwrap_or_default(),
    })
}

/// What is told, with everything that is written down of it.
#[derive(Debug, Clone)]
pub(crate) struct NewUse {
    pub(crate) asked: UseAsked,
    pub(crate) evidence: Evidence,
    pub(crate) values_sha256: String,
    pub(crate) home: Option<String>,
}

/// Writes a use down and signs its receipt, if what the person has said now still permits it: what was revoked or
/// switched off while the values were gathered is not told.
pub(crate) fn use_make(
    conn: &mut Conn,
    context: &Context,
    new: &NewUse,
) -> Result<SignedMessage<UseReceipt>, QueryError> {
    let asked = &new.asked;
    let permission = permit(context, &said_by(conn, context, &asked.subject)?, asked)?;
    let (id, now): (UseId, _) = (context.env.new_id(), context.now());
    let today: i64 = uses::table
        .filter(uses::owner_did.eq(&asked.subject))
        .filter(uses::asker_did.eq(&asked.asker))
        .filter(uses::created_at.gt(now.plus(Span::hours(-24))))
        .count()
        .get_result(conn)?;
    if today >= DAILY_MAX {
        let detail = format!("You were told something about this person {today} times today, and that is the most.");
        return Err(QueryError::Limit(detail));
    }
    let receipt = UseReceipt {
        id,
        subject: asked.subject.clone(),
        asker: asked.asker.clone(),
        purpose: asked.purpose.clone(),
        fields: asked.fields.clone(),
        values_sha256: new.values_sha256.clone(),
        grants: permission.grants,
        profile: permission.profile,
        declaration: hex::encode(asked.consent.digest()),
        used_at: now,
    };
    let (key, node) = (context.keyring.node_key(), context.keyring.node_did().clone());
    let receipt = SignedMessage::sign(key, node, UseReceipt::KIND, Some(asked.asker.clone()), now, receipt)?;
    let document = json_text(&receipt)?;
    context.node_log(conn, &asked.subject, USE_MAKE, use_object(&id), document.clone())?;
    let row = UseRow {
        id,
        owner_did: asked.subject.clone(),
        asker_did: asked.asker.clone(),
        receipt: document,
        evidence: json_text(&new.evidence)?,
        home: new.home.clone(),
        created_at: now,
        row_seal: Vec::new(),
    };
    row.insert(conn, &context.sealer)?;
    Ok(receipt)
}
