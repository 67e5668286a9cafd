//! From changes to points, and from points to shares.

use std::collections::{BTreeMap, BTreeSet};

use imajin_did::Did;
use imajin_kernel::Code;
use imajin_money::Share;
use imajin_proof::digest::sha256_hex;
use imajin_proof::jcs;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::log::{Commit, first_parents};
use crate::apportion::{Claim, apportion};
use crate::manifest::CONTRIBUTORS_MAX;
use crate::{Contributor, Manifest, ManifestError, Payee};

/// The role of everybody in such a manifest.
const ROLE: &str = "author";
/// More points than any change should have: keeps sums of a million changes exact.
const POINTS_MAX: u64 = 1_000_000_000_000;
/// How many unknown authors a refusal names.
const NAMED_MAX: usize = 20;

/// How much a change weighs; see the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Weight {
    /// Points for every change.
    pub per_change: u64,
    /// Points for every line added or removed.
    pub per_line: u64,
    /// How many lines of one change count at most.
    pub lines_max: u64,
}

impl Default for Weight {
    /// A change weighs as much as a hundred lines, and never more than eleven small ones.
    fn default() -> Self {
        Self {
            per_change: 100,
            per_line: 1,
            lines_max: 1_000,
        }
    }
}

impl Weight {
    /// The points of a change of so many lines.
    pub fn points(self, lines: u64) -> u64 {
        let of_lines = lines.min(self.lines_max).saturating_mul(self.per_line);
        of_lines.saturating_add(self.per_change).min(POINTS_MAX)
    }
}

/// A merged change, before it is known who its authors are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The commit on the main line.
    pub hash: String,
    /// Its subject.
    pub subject: String,
    /// When it was committed, RFC 3339.
    pub merged: String,
    /// The commits that came in with it, the one on the main line first.
    pub commits: Vec<String>,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
    /// What each author made of it, by e-mail address, in parts that only mean something in proportion.
    pub made: BTreeMap<String, u128>,
}

/// What is attributed to whom for one merged change: the object that a manifest's shares are summed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribution {
    /// The commit on the main line.
    pub change: String,
    /// Its subject.
    pub subject: String,
    /// When it was committed, RFC 3339.
    pub merged: String,
    /// The commits that came in with it.
    pub commits: Vec<String>,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
    /// The points of the change.
    pub points: u64,
    /// Whose they are; they sum to the points of the change.
    pub authors: Vec<Attributed>,
}

/// Points of one change and whose they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributed {
    /// Whose.
    pub did: Did,
    /// How many.
    pub points: u64,
}

/// What a history comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryManifest {
    /// A draft; its member `attribution` names the changes by the SHA-256 of their RFC 8785 bytes.
    pub manifest: Manifest,
    /// One object for each merged change, oldest first.
    pub changes: Vec<Attribution>,
}

/// Why a history gives no manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeighError {
    /// There is nothing in it.
    #[error("the range has no commits")]
    Empty,
    /// Authors that nobody has claimed.
    #[error("nobody has said whose these addresses are: {}; claim them, or say who gets their part", .0.join(", "))]
    Unclaimed(Vec<String>),
    /// The weight gives nothing for anything.
    #[error("with this weight nothing has any points: raise per-change or per-line")]
    NoPoints,
    /// More contributors than a manifest may have.
    #[error("{0} people have contributed, and a manifest has at most {CONTRIBUTORS_MAX}: take a smaller range")]
    TooManyPeople(usize),
    /// What came out is no manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl WeighError {
    /// What this refusal is called on the wire.
    pub const fn code(&self) -> Code {
        Code::InvalidRequest
    }
}

/// The merged changes of a range, oldest first.
pub fn changes_of(commits: &[Commit]) -> Vec<Change> {
    first_parents(commits)
        .into_iter()
        .filter_map(|commits| change_of(&commits))
        .collect()
}

fn change_of(commits: &[&Commit]) -> Option<Change> {
    let tip = commits.first()?;
    let is_merge = |commit: &&&Commit| commit.parents.len() > 1;
    let mut made: BTreeMap<String, u128> = BTreeMap::new();
    // A merge is not somebody's work, unless nothing else came in with it.
    let authored: Vec<_> = commits.iter().filter(|commit| !is_merge(commit)).collect();
    let authored = if authored.is_empty() { vec![tip] } else { authored };
    // Divisible by every number of authors that a commit can have in practice.
    let whole = 720_720_u128;
    for commit in authored {
        let lines = u128::from(commit.added.saturating_add(commit.removed).min(POINTS_MAX)).saturating_add(1);
        let authors = u128::try_from(commit.authors.len()).unwrap_or(1).max(1);
        for author in &commit.authors {
            // By address: the same person writes its name in many ways.
            let part = made.entry(author.email.clone()).or_default();
            *part = part.saturating_add(lines.saturating_mul(whole) / authors);
        }
    }
    Some(Change {
        hash: tip.hash.clone(),
        subject: tip.subject.clone(),
        merged: tip.committed.clone(),
        commits: commits.iter().map(|commit| commit.hash.clone()).collect(),
        added: commits
            .iter()
            .fold(0_u64, |sum, commit| sum.saturating_add(commit.added)),
        removed: commits
            .iter()
            .fold(0_u64, |sum, commit| sum.saturating_add(commit.removed)),
        made,
    })
}

/// The manifest of these changes. `claims` says whose an address is (in lower case), `unclaimed` who gets the part of
/// addresses that are nobody's.
pub fn manifest_of(
    changes: &[Change],
    claims: &BTreeMap<String, Did>,
    unclaimed: Option<&Did>,
    weight: Weight,
) -> Result<HistoryManifest, WeighError> {
    if changes.is_empty() {
        return Err(WeighError::Empty);
    }
    let did_of = |email: &str| claims.get(email).or(unclaimed).map(Did::canonical);
    let unknown: BTreeSet<&str> = changes
        .iter()
        .flat_map(|change| change.made.keys())
        .map(String::as_str)
        .filter(|email| did_of(email).is_none())
        .collect();
    if !unknown.is_empty() {
        return Err(WeighError::Unclaimed(
            unknown.into_iter().take(NAMED_MAX).map(str::to_owned).collect(),
        ));
    }
    let attributions: Vec<_> = changes
        .iter()
        .map(|change| attribution(change, &did_of, weight))
        .collect();
    let mut totals: BTreeMap<Did, u128> = BTreeMap::new();
    for attributed in attributions.iter().flat_map(|attribution| &attribution.authors) {
        let total = totals.entry(attributed.did.clone()).or_default();
        *total = total.saturating_add(u128::from(attributed.points));
    }
    totals.retain(|_did, points| *points > 0);
    if totals.len() > CONTRIBUTORS_MAX {
        return Err(WeighError::TooManyPeople(totals.len()));
    }
    let weights: Vec<_> = totals.iter().map(|(did, points)| claim(*points, did)).collect();
    let shares = apportion(Share::ONE.millionths(), &weights).ok_or(WeighError::NoPoints)?;
    let entry = |(did, millionths): (&Did, u32)| {
        let share = Share::from_millionths(millionths).ok()?;
        Some(Contributor::new(Payee::Did(did.clone()), ROLE, share))
    };
    let mut contributors: Vec<Contributor> = totals.keys().zip(shares).filter_map(entry).collect();
    contributors.sort_by(|one, other| other.share.cmp(&one.share).then_with(|| one.payee.cmp(&other.payee)));
    let mut manifest = Manifest::new(contributors)?;
    manifest.kind = Some("code".to_owned());
    let canonical = jcs::to_bytes(&attributions).map_err(|error| ManifestError::NotCanonical(error.to_string()))?;
    let reference = json!({"changes": attributions.len(), "sha256": sha256_hex(&canonical), "weight": weight});
    manifest.extra.insert("attribution".to_owned(), reference);
    Ok(HistoryManifest {
        manifest: manifest.with_computed_id()?,
        changes: attributions,
    })
}

fn claim(weight: u128, did: &Did) -> Claim<'_> {
    Claim {
        weight,
        key: did.as_str(),
        role: ROLE,
    }
}

fn attribution(change: &Change, did_of: &dyn Fn(&str) -> Option<Did>, weight: Weight) -> Attribution {
    let points = weight.points(change.added.saturating_add(change.removed));
    let mut made: BTreeMap<Did, u128> = BTreeMap::new();
    for (email, part) in &change.made {
        if let Some(did) = did_of(email) {
            let total = made.entry(did).or_default();
            *total = total.saturating_add(*part);
        }
    }
    Attribution {
        change: change.hash.clone(),
        subject: change.subject.clone(),
        merged: change.merged.clone(),
        commits: change.commits.clone(),
        added: change.added,
        removed: change.removed,
        points,
        authors: divided(points, &made),
    }
}

/// Divides points by largest remainder; of equals, ascending bytes of the DID. Unlike shares, points may be zero.
fn divided(points: u64, made: &BTreeMap<Did, u128>) -> Vec<Attributed> {
    let total: u128 = made.values().fold(0_u128, |sum, part| sum.saturating_add(*part)).max(1);
    let exact = |part: u128| part.saturating_mul(u128::from(points));
    let mut parts: Vec<(Did, u64, u128)> = made
        .iter()
        .map(|(did, part)| {
            let floor = u64::try_from(exact(*part) / total).unwrap_or(points);
            (did.clone(), floor, exact(*part) % total)
        })
        .collect();
    let given = parts
        .iter()
        .fold(0_u64, |sum, (_, floor, _)| sum.saturating_add(*floor));
    let mut left = points.saturating_sub(given);
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|place| std::cmp::Reverse(parts.get(*place).map_or(0, |(_, _, lost)| *lost)));
    for place in order {
        if let Some((_, part, _)) = parts.get_mut(place)
            && left > 0
        {
            *part = part.saturating_add(1);
            left = left.saturating_sub(1);
        }
    }
    let attributed = |(did, points, _)| Attributed { did, points };
    parts.into_iter().map(attributed).collect()
}
