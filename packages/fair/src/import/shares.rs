//! Shares as other software writes them: floats that sum to nearly 1.

use std::collections::BTreeMap;

use imajin_did::Did;
use imajin_money::Share;
use serde_json::{Map, Number, Value};

use super::ImportError;
use crate::MemberError;
use crate::apportion::{Claim, apportion};
use crate::members::Members;

/// How far the sum may be from 1 to count as rounding, in millionths: what the strictest and the most lenient of the
/// other programs tell apart from a mistake.
pub const SHARE_TOLERANCE_MICROS: u128 = 100;

/// Shares are reckoned in 1e-24: every digit that a double prints for a share worth paying. What is finer is cut off.
const PLACES: usize = 24;
const ONE: u128 = 1_000_000_000_000_000_000_000_000;
const MILLIONTH: u128 = 1_000_000_000_000_000_000;

/// An entry before its share is a share.
pub(super) struct Entry {
    pub(super) did: Did,
    pub(super) role: String,
    /// In 1e-24.
    pub(super) share: u128,
    /// The members that are neither of these.
    pub(super) rest: Map<String, Value>,
}

impl Entry {
    /// Reads an entry, where `payees` says who is meant if there is no DID.
    pub(super) fn read(value: Value, payees: &BTreeMap<String, Did>) -> Result<Self, MemberError> {
        let mut members = Members::of(value)?;
        let role: String = members.require("role")?;
        let named: Option<Did> = members.take("did")?;
        let did = named.or_else(|| payees.get(&role).cloned()).ok_or_else(|| {
            let reason = format!("is missing: nobody can be paid as {role}; say who it is");
            MemberError::new("did", &reason)
        })?;
        let number: Number = members.require("share")?;
        Ok(Self {
            did,
            role,
            share: exact(&number)?,
            rest: members.rest(),
        })
    }

    /// Reads a list of entries.
    pub(super) fn read_all(
        name: &str,
        values: Vec<Value>,
        payees: &BTreeMap<String, Did>,
    ) -> Result<Vec<Self>, MemberError> {
        let read = |(place, value): (usize, Value)| {
            Self::read(value, payees).map_err(|error| error.within(&format!("{name}[{place}]")))
        };
        values.into_iter().enumerate().map(read).collect()
    }
}

/// The decimal that the number was written as, in 1e-24.
fn exact(number: &Number) -> Result<u128, MemberError> {
    let wrong = |reason: &str| MemberError::new("share", &reason);
    let value = number.as_f64().ok_or_else(|| wrong("is not a number"))?;
    if !(0.0..=1.0).contains(&value) {
        return Err(wrong("is between 0 and 1"));
    }
    let text = value.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = format!("{whole}{fraction:0<PLACES$.PLACES$}");
    digits.parse().or(Err(wrong("is not a decimal number")))
}

/// The sum as a decimal, without closing zeros.
fn decimal(sum: u128) -> String {
    let (whole, fraction) = (sum / ONE, sum % ONE);
    let text = format!("{whole}.{fraction:0>PLACES$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The entries of a native manifest, whose shares sum to exactly 1.
pub(super) fn contributors(
    entries: Vec<Entry>,
    normalise: bool,
    notes: &mut Vec<String>,
) -> Result<Vec<Value>, ImportError> {
    let entries = merged(entries, notes);
    let sum: u128 = entries.iter().map(|entry| entry.share).sum();
    let too_fine = entries.iter().any(|entry| entry.share % MILLIONTH != 0);
    let millionths = if sum == ONE && !too_fine {
        entries
            .iter()
            .map(|entry| u32::try_from(entry.share / MILLIONTH).ok())
            .collect()
    } else if sum.abs_diff(ONE) > SHARE_TOLERANCE_MICROS * MILLIONTH {
        return Err(ImportError::NotWhole { sum: decimal(sum) });
    } else if normalise {
        notes.push(format!(
            "The shares summed to {} and were made to sum to exactly 1.",
            decimal(sum)
        ));
        let claim = |entry: &Entry| (entry.share, entry.did.as_str().to_owned(), entry.role.clone());
        let claims: Vec<_> = entries.iter().map(claim).collect();
        let claims: Vec<_> = claims
            .iter()
            .map(|(weight, key, role)| Claim {
                weight: *weight,
                key,
                role,
            })
            .collect();
        apportion(Share::ONE.millionths(), &claims)
            .map(|parts| parts.into_iter().map(Some).collect())
            .unwrap_or_default()
    } else {
        return Err(ImportError::NotExact {
            sum: decimal(sum),
            too_fine,
        });
    };
    let millionths: Vec<Option<u32>> = millionths;
    let native = |(entry, millionths): (Entry, Option<u32>)| {
        let share = millionths.and_then(|millionths| Share::from_millionths(millionths).ok())?;
        let mut members = entry.rest;
        members.insert("did".to_owned(), entry.did.as_str().into());
        members.insert("role".to_owned(), entry.role.into());
        members.insert("share".to_owned(), share.to_number().into());
        Some(Value::Object(members))
    };
    Ok(entries.into_iter().zip(millionths).filter_map(native).collect())
}

/// One entry for each payee and role, without those of nothing: the native form knows neither.
fn merged(entries: Vec<Entry>, notes: &mut Vec<String>) -> Vec<Entry> {
    let mut merged: Vec<Entry> = Vec::with_capacity(entries.len());
    for entry in entries {
        if entry.share == 0 {
            notes.push(format!(
                "{} as {} has a share of 0 and was left out.",
                entry.did, entry.role
            ));
            continue;
        }
        let same = |other: &&mut Entry| other.did.canonical() == entry.did.canonical() && other.role == entry.role;
        if let Some(first) = merged.iter_mut().find(same) {
            notes.push(format!(
                "{} was there more than once as {}: the shares were added up.",
                entry.did, entry.role
            ));
            first.share = first.share.saturating_add(entry.share);
        } else {
            merged.push(entry);
        }
    }
    merged
}
