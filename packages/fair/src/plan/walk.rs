//! The recursive split along the manifests' entries.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use imajin_did::Did;
use imajin_money::{Amount, Weighted, split};

use super::{ENTRIES_MAX, Leg, PlanError, PlanInput, Step};
use crate::{Contributor, DEPTH_MAX, LinePath, Manifest, ManifestId, Payee};

/// The legs that `net` goes to.
///
/// The whole net of manifests is walked even where an amount has rounded down to nothing: whether a work can be sold
/// must not depend on its price.
pub(super) fn legs(input: &PlanInput<'_>, net: Amount) -> Result<Vec<Leg>, PlanError> {
    let mut walk = Walk::new(input);
    walk.visit(input.manifest, net)?;
    Ok(walk.legs)
}

/// The same legs, and for each the steps that led to it.
pub(super) fn legs_with_trails(input: &PlanInput<'_>, net: Amount) -> Result<(Vec<Leg>, Vec<Vec<Step>>), PlanError> {
    let mut walk = Walk::new(input);
    walk.trail = Some(Vec::with_capacity(DEPTH_MAX));
    walk.visit(input.manifest, net)?;
    Ok((walk.legs, walk.trails))
}

struct Walk<'a> {
    input: &'a PlanInput<'a>,
    /// Manifests already looked up: a net of manifests names the same one many times.
    found: BTreeMap<ManifestId, Rc<Manifest>>,
    /// The manifests from that of the goods to the one that is being split along.
    path: Vec<ManifestId>,
    /// Entries walked through so far.
    entries: usize,
    legs: Vec<Leg>,
    /// The steps from the goods to here, if they are asked for: planning alone does without them.
    trail: Option<Vec<Step>>,
    /// The trail of each leg.
    trails: Vec<Vec<Step>>,
}

/// What one manifest gives to one payee.
struct Due<'m> {
    payee: Cow<'m, Payee>,
    role: Cow<'m, str>,
    share_millionths: u32,
    amount: Amount,
}

impl<'a> Walk<'a> {
    fn new(input: &'a PlanInput<'a>) -> Self {
        Self {
            input,
            found: BTreeMap::new(),
            path: Vec::new(),
            entries: 0,
            legs: Vec::with_capacity(input.manifest.contributors.len()),
            trail: None,
            trails: Vec::new(),
        }
    }

    fn visit(&mut self, manifest: &Manifest, amount: Amount) -> Result<(), PlanError> {
        if self.path.contains(&manifest.id) {
            let path = self.path_to(&manifest.id);
            return Err(PlanError::Cycle { path });
        }
        if self.path.len() >= DEPTH_MAX {
            let path = self.path_to(&manifest.id);
            return Err(PlanError::TooDeep { path });
        }
        self.entries = self.entries.saturating_add(manifest.contributors.len());
        if self.entries > ENTRIES_MAX {
            return Err(PlanError::TooManyEntries);
        }
        self.path.push(manifest.id.clone());
        for due in dues(manifest, amount)? {
            if let Some(trail) = &mut self.trail {
                trail.push(due.step(manifest));
            }
            match due.payee.as_ref() {
                Payee::Did(did) => self.pay(did.clone(), &due.role, due.amount),
                Payee::Fair(id) => {
                    let source = self.find(id)?;
                    self.visit(&source, due.amount)?;
                }
            }
            if let Some(trail) = &mut self.trail {
                trail.pop();
            }
        }
        self.path.pop();
        Ok(())
    }

    fn path_to(&self, id: &ManifestId) -> LinePath {
        LinePath(self.path.iter().chain([id]).cloned().collect())
    }

    fn pay(&mut self, did: Did, role: &str, amount: Amount) {
        let Some(manifest) = self.path.last() else { return };
        if amount.is_zero() {
            return;
        }
        let held = !(self.input.accepted)(manifest, &did);
        self.legs.push(Leg {
            did,
            role: role.to_owned(),
            path: self.path.clone(),
            amount,
            held,
        });
        if let Some(trail) = &self.trail {
            self.trails.push(trail.clone());
        }
    }

    fn find(&mut self, id: &ManifestId) -> Result<Rc<Manifest>, PlanError> {
        if let Some(known) = self.found.get(id) {
            return Ok(Rc::clone(known));
        }
        let missing = || PlanError::ManifestMissing { id: id.clone() };
        let manifest = (self.input.manifests)(id)
            .filter(|manifest| manifest.id == *id)
            .ok_or_else(missing)?;
        let manifest = Rc::new(manifest);
        self.found.insert(id.clone(), Rc::clone(&manifest));
        Ok(manifest)
    }
}

impl Due<'_> {
    fn step(&self, manifest: &Manifest) -> Step {
        Step {
            manifest: manifest.id.clone(),
            payee: self.payee.clone().into_owned(),
            role: self.role.to_string(),
            share_millionths: self.share_millionths,
            amount: self.amount,
        }
    }

    /// Adds another entry for the same payee.
    fn join(&mut self, entry: &Contributor, part: Amount) -> Result<(), PlanError> {
        self.amount = self.amount.checked_add(part)?;
        self.share_millionths = self.share_millionths.saturating_add(entry.share.millionths());
        if self.role != entry.role {
            self.role = format!("{}, {}", self.role, entry.role).into();
        }
        Ok(())
    }
}

/// Splits an amount along one manifest. Entries for the same payee in the same role, and entries for the same source in
/// any role, are added up: so a path is walked once, and no leg is there twice.
fn dues(manifest: &Manifest, amount: Amount) -> Result<Vec<Due<'_>>, PlanError> {
    let weights: Vec<Weighted<'_>> = manifest.contributors.iter().map(Contributor::weighted).collect();
    let parts = split(amount, &weights).map_err(|source| PlanError::Split {
        id: manifest.id.clone(),
        source,
    })?;
    let mut places = BTreeMap::new();
    let mut dues: Vec<Due<'_>> = Vec::with_capacity(parts.len());
    for (entry, part) in manifest.contributors.iter().zip(parts) {
        let (payee, role) = match &entry.payee {
            Payee::Did(_) => (Cow::Owned(entry.payee.canonical()), entry.role.as_str()),
            Payee::Fair(_) => (Cow::Borrowed(&entry.payee), ""),
        };
        let place = *places.entry((payee.clone(), role)).or_insert(dues.len());
        match dues.get_mut(place) {
            Some(due) => due.join(entry, part)?,
            None => dues.push(Due {
                payee,
                role: Cow::Borrowed(&entry.role),
                share_millionths: entry.share.millionths(),
                amount: part,
            }),
        }
    }
    Ok(dues)
}
