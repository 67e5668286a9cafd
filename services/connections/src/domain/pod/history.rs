//! A pod as its log makes it: every step is what somebody signed, and was theirs to do.

use std::collections::BTreeMap;

use imajin_connections_api::{
    PodAccept, PodBody, PodKind, PodOffer, PodPerson, PodRole, PodSettings, PodVisibility, PodWho,
};
use imajin_did::Did;
use imajin_kernel::id::PodId;
use imajin_store::mutation::Logged;
use serde::de::DeserializeOwned;

use crate::log;
use crate::rows::{PodMemberRow, PodRow};

/// Why a history is none.
type Problem = &'static str;

const UNREADABLE: Problem = "something that was signed for it cannot be read";
const NOT_ALLOWED: Problem = "somebody has changed it who may not";

/// A pod with everybody who was ever invited to it.
#[derive(Debug)]
pub(crate) struct History {
    name: String,
    kind: PodKind,
    visibility: PodVisibility,
    parent: Option<PodId>,
    owner: Did,
    successor: Option<Did>,
    is_dissolved: bool,
    places: BTreeMap<Did, Place>,
}

#[derive(Debug)]
struct Place {
    role: PodRole,
    by: Did,
    is_joined: bool,
    is_ended: bool,
}

/// Goes through everything that was logged of a pod. `None` when a body was erased: what followed from it cannot be
/// said any more.
///
/// # Errors
/// When a step is none that its signer could make.
pub(crate) fn replay(logged: &[Logged]) -> Result<Option<History>, Problem> {
    let mut history: Option<History> = None;
    for entry in logged {
        let Some(body) = &entry.body else { return Ok(None) };
        let by: Did = entry.owner_did.parse().map_err(|_error| UNREADABLE)?;
        match &mut history {
            None => history = Some(History::begin(&entry.action, by, body)?),
            Some(history) => history.step(&entry.action, by, body)?,
        }
    }
    history.map(Some).ok_or("nobody has made it")
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|_error| UNREADABLE)
}

fn allow(is_allowed: bool) -> Result<(), Problem> {
    if is_allowed { Ok(()) } else { Err(NOT_ALLOWED) }
}

impl History {
    fn begin(action: &str, by: Did, body: &[u8]) -> Result<Self, Problem> {
        if action != log::POD_CREATE {
            return Err("nobody has made it");
        }
        let body: PodBody = read(body)?;
        let place = Place {
            role: PodRole::Owner,
            by: by.clone(),
            is_joined: true,
            is_ended: false,
        };
        Ok(Self {
            name: body.name.trim().to_owned(),
            kind: body.kind,
            visibility: body.visibility,
            parent: body.parent,
            owner: by.clone(),
            successor: None,
            is_dissolved: false,
            places: BTreeMap::from([(by, place)]),
        })
    }

    /// What somebody is in the pod at this moment.
    fn role(&self, did: &Did) -> Option<PodRole> {
        let place = self.places.get(did)?;
        (place.is_joined && !place.is_ended).then_some(place.role)
    }

    fn is_manager(&self, did: &Did) -> bool {
        self.role(did) >= Some(PodRole::Admin)
    }

    fn is_owner(&self, did: &Did) -> bool {
        self.role(did) == Some(PodRole::Owner)
    }

    fn step(&mut self, action: &str, by: Did, body: &[u8]) -> Result<(), Problem> {
        allow(!self.is_dissolved)?;
        match action {
            log::POD_SET => {
                allow(self.is_owner(&by))?;
                let settings: PodSettings = read(body)?;
                settings.name.trim().clone_into(&mut self.name);
                self.visibility = settings.visibility;
                self.parent = settings.parent;
            }
            log::POD_INVITE => self.invited(by, &read(body)?)?,
            log::POD_ACCEPT => self.accepted(&by, &read(body)?)?,
            log::POD_ROLE => {
                allow(self.is_owner(&by))?;
                let person: PodPerson = read(body)?;
                let did = person.did.canonical();
                allow(self.role(&did).is_some_and(|role| role != PodRole::Owner))?;
                self.places.entry(did).and_modify(|place| place.role = person.role);
            }
            log::POD_REMOVE => {
                let who: PodWho = read(body)?;
                let remover = self.role(&by);
                allow(self.is_manager(&by))?;
                self.ended(&who.did.canonical(), |role| Some(role) < remover)?;
            }
            log::POD_LEAVE => self.ended(&by, |role| role != PodRole::Owner)?,
            log::POD_OFFER => {
                allow(self.is_owner(&by))?;
                let offer: PodOffer = read(body)?;
                self.successor = offer.did.map(|did| did.canonical());
            }
            log::POD_DISSOLVE => {
                allow(self.is_owner(&by))?;
                self.is_dissolved = true;
                self.successor = None;
            }
            _ => return Err(UNREADABLE),
        }
        Ok(())
    }

    fn invited(&mut self, by: Did, person: &PodPerson) -> Result<(), Problem> {
        let did = person.did.canonical();
        let may = self.is_manager(&by) && person.role < PodRole::Owner;
        allow(may && self.role(&did).is_none() && (self.is_owner(&by) || person.role == PodRole::Member))?;
        let place = Place {
            role: person.role,
            by,
            is_joined: false,
            is_ended: false,
        };
        self.places.insert(did, place);
        Ok(())
    }

    fn accepted(&mut self, by: &Did, accept: &PodAccept) -> Result<(), Problem> {
        if accept.role == PodRole::Owner {
            allow(self.successor.as_ref() == Some(by) && self.role(by).is_some())?;
            let before = std::mem::replace(&mut self.owner, by.clone());
            self.places
                .entry(before)
                .and_modify(|place| place.role = PodRole::Admin);
            self.places
                .entry(by.clone())
                .and_modify(|place| place.role = PodRole::Owner);
            self.successor = None;
            return Ok(());
        }
        let place = self.places.get_mut(by).ok_or(NOT_ALLOWED)?;
        allow(!place.is_joined && !place.is_ended && place.role == accept.role)?;
        place.is_joined = true;
        Ok(())
    }

    fn ended(&mut self, did: &Did, may: impl Fn(PodRole) -> bool) -> Result<(), Problem> {
        let place = self.places.get_mut(did).ok_or(NOT_ALLOWED)?;
        allow(!place.is_ended && may(place.role))?;
        place.is_ended = true;
        if self.successor.as_ref() == Some(did) {
            self.successor = None;
        }
        Ok(())
    }

    /// Whether the row of the pod says the same.
    pub(crate) fn is_pod(&self, row: &PodRow) -> bool {
        row.name == self.name
            && row.kind == self.kind.as_str()
            && row.visibility == self.visibility.as_str()
            && row.parent == self.parent
            && row.owner_did == self.owner
            && row.successor_did == self.successor
            && row.deleted_at.is_some() == self.is_dissolved
    }

    /// Whether the rows of its members are those of the people in it, and say the same.
    pub(crate) fn are_members(&self, rows: &[PodMemberRow]) -> bool {
        let same = |row: &PodMemberRow| {
            self.places.get(&row.member_did).is_some_and(|place| {
                row.role == place.role.as_str()
                    && row.invited_by == place.by
                    && row.joined_at.is_some() == place.is_joined
                    && row.ended_at.is_some() == place.is_ended
            })
        };
        rows.len() == self.places.len() && rows.iter().all(same)
    }
}
