use std::collections::{BTreeMap, BTreeSet};

use imajin_did::Did;
use imajin_kernel::Timestamp;

use crate::{FieldPath, GrantMode, Grantee, GranteeClass, Purpose, StandingGrant};

/// Who wants to know what about somebody, and what for.
#[derive(Debug, Clone, Copy)]
pub struct DisclosureAsked<'a> {
    /// Whom it is about.
    pub subject: &'a Did,
    /// Who asks.
    pub asker: &'a Did,
    /// What the asker is to the subject.
    pub classes: &'a BTreeSet<GranteeClass>,
    /// What for.
    pub purpose: &'a Purpose,
    /// What.
    pub fields: &'a BTreeSet<FieldPath>,
    /// The current time.
    pub now: Timestamp,
}

/// What may be disclosed of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldAnswer {
    /// It may, by the grant at this place of the list.
    Allowed(usize),
    /// The subject must be asked, by the grant at this place.
    Ask(usize),
    /// It may not, by the grant at this place.
    Denied(usize),
    /// No grant speaks of it, so it may not.
    NotGranted,
}

/// What may be disclosed, field by field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {
    /// Each field that was asked for.
    pub fields: BTreeMap<FieldPath, FieldAnswer>,
}

impl Disclosure {
    /// The fields that may be disclosed.
    pub fn allowed(&self) -> impl Iterator<Item = &FieldPath> {
        let allowed = |answer: &FieldAnswer| matches!(answer, FieldAnswer::Allowed(_));
        self.fields
            .iter()
            .filter_map(move |(field, answer)| allowed(answer).then_some(field))
    }
}

/// What the subject's grants say to a question. The caller has verified them when they arrived, and left out those that
/// were revoked.
///
/// For each field: a grant that denies it, or a part of it, wins. Else the grant counts that names the asker most
/// closely (the person, the connections, the trusted, anyone); of several equally close ones that allow, one is enough.
/// A field is allowed only by a grant that covers all of it, and what no grant covers is not granted.
pub fn disclose(grants: &[StandingGrant], asked: &DisclosureAsked<'_>) -> Disclosure {
    let relevant: Vec<(usize, &StandingGrant)> = grants
        .iter()
        .enumerate()
        .filter(|(_, grant)| speaks_of(grant, asked))
        .collect();
    let answer = |field: &FieldPath| {
        let denied = relevant.iter().find(|(_, grant)| {
            let fields = &grant.payload().fields;
            let touches = fields.iter().any(|one| one.covers(field) || field.covers(one));
            grant.payload().mode == GrantMode::Deny && touches
        });
        if let Some((place, _)) = denied {
            return FieldAnswer::Denied(*place);
        }
        let covering = relevant
            .iter()
            .filter(|(_, grant)| grant.payload().fields.iter().any(|one| one.covers(field)));
        // The closest to the asker first, then what allows, then the order of the list.
        let best = covering.min_by_key(|(place, grant)| {
            let payload = grant.payload();
            (closeness(&payload.granted_to), payload.mode, *place)
        });
        match best {
            Some((place, grant)) if grant.payload().mode == GrantMode::Allow => FieldAnswer::Allowed(*place),
            Some((place, _)) => FieldAnswer::Ask(*place),
            None => FieldAnswer::NotGranted,
        }
    };
    Disclosure {
        fields: asked
            .fields
            .iter()
            .map(|field| (field.clone(), answer(field)))
            .collect(),
    }
}

/// Whether a grant is in force and is about this subject, asker and purpose.
pub(crate) fn speaks_of(grant: &StandingGrant, asked: &DisclosureAsked<'_>) -> bool {
    is_addressed(grant, asked) && grant.payload().purpose == *asked.purpose && !grant.is_over(asked.now)
}

/// Whether a grant is about this subject and to this asker, whether it holds or not.
pub(crate) fn is_addressed(grant: &StandingGrant, asked: &DisclosureAsked<'_>) -> bool {
    let payload = grant.payload();
    let to_asker = match &payload.granted_to {
        Grantee::Did(did) => did.is_equivalent(asked.asker),
        Grantee::Class(GranteeClass::Anyone) => true,
        Grantee::Class(class) => asked.classes.contains(class),
    };
    to_asker && payload.subject.is_equivalent(asked.subject)
}

/// How closely a grant names its asker: a person before the connections, these before the trusted, these before anyone.
const fn closeness(grantee: &Grantee) -> u8 {
    match grantee {
        Grantee::Did(_) => 0,
        Grantee::Class(GranteeClass::Connections) => 1,
        Grantee::Class(GranteeClass::Trusted) => 2,
        Grantee::Class(GranteeClass::Anyone) => 3,
    }
}
