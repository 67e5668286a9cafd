//! The recursive split along the manifests' entries.

use std::collections::BTreeMap;
use std::rc::Rc;

use imajin_did::Did;
use imajin_money::{Amount, Weighted, split};

use super::{ENTRIES_MAX, Leg, PlanError, PlanInput};
use crate::{Contributor, DEPTH_MAX, Manifest, ManifestId, Payee};

/// The legs that `net` goes to.
///
/// The whole net of manifests is walked even where an amount has rounded down to nothing: whether a work can be sold
/// must not depend on its price.
pub(super) fn legs(input: &PlanInput<'_>, net: Amount) -> Result<Vec<Leg>, PlanError> {
    let mut walk = Walk {
        input,
        found: BTreeMap::new(),
        path: Vec::new(),
        entries: 0,
        legs: Vec::with_capacity(input.manifest.contributors.len()),
    };
    walk.visit(input.manifest, net)?;
    Ok(walk.legs)
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
}

/// What one manifest gives to one payee.
enum Due<'m> {
    Did { did: Did, role: &'m str },
    Fair(&'m ManifestId),
}

impl Walk<'_> {
    fn visit(&mut self, manifest: &Manifest, amount: Amount) -> Result<(), PlanError> {
        if self.path.contains(&manifest.id) {
            return Err(PlanError::Cycle {
                id: manifest.id.clone(),
            });
        }
        if self.path.len() >= DEPTH_MAX {
            return Err(PlanError::TooDeep);
        }
        self.entries = self.entries.saturating_add(manifest.contributors.len());
        if self.entries > ENTRIES_MAX {
            return Err(PlanError::TooManyEntries);
        }
        self.path.push(manifest.id.clone());
        for (due, part) in dues(manifest, amount)? {
            match due {
                Due::Did { did, role } => self.pay(did, role, part),
                Due::Fair(id) => {
                    let source = self.find(id)?;
                    self.visit(&source, part)?;
                }
            }
        }
        self.path.pop();
        Ok(())
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

/// Splits an amount along one manifest. Entries for the same payee in the same role, and entries for the same source in
/// any role, are added up: so a path is walked once, and no leg is there twice.
fn dues(manifest: &Manifest, amount: Amount) -> Result<Vec<(Due<'_>, Amount)>, PlanError> {
    let weights: Vec<Weighted<'_>> = manifest.contributors.iter().map(Contributor::weighted).collect();
    let parts = split(amount, &weights).map_err(|source| PlanError::Split {
        id: manifest.id.clone(),
        source,
    })?;
    let mut places = BTreeMap::new();
    let mut dues: Vec<(Due<'_>, Amount)> = Vec::with_capacity(parts.len());
    for (entry, part) in manifest.contributors.iter().zip(parts) {
        let payee = entry.payee.canonical();
        let (due, role) = match &entry.payee {
            Payee::Did(did) => {
                let role = entry.role.as_str();
                let did = did.canonical();
                (Due::Did { did, role }, role)
            }
            Payee::Fair(id) => (Due::Fair(id), ""),
        };
        let place = *places.entry((payee, role)).or_insert(dues.len());
        match dues.get_mut(place) {
            Some((_due, sum)) => *sum = sum.checked_add(part)?,
            None => dues.push((due, part)),
        }
    }
    Ok(dues)
}
