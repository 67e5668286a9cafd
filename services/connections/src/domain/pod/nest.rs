//! Pods within pods: at most three deep, and never in a circle.

use imajin_kernel::id::PodId;

use super::{DEPTH_MAX, UNKNOWN};
use crate::ConnectionsError;
use crate::rows::PodRow;

/// How many pods there are from the outermost to this one. `owned` are all pods of its owner; more than may be is
/// `DEPTH_MAX` and one, whatever there is.
fn depth(owned: &[PodRow], id: PodId) -> usize {
    let mut deep = 1;
    let mut at = id;
    while let Some(parent) = owned.iter().find(|row| row.id == at).and_then(|row| row.parent) {
        if deep > DEPTH_MAX {
            break;
        }
        deep += 1;
        at = parent;
    }
    deep
}

/// How many pods there are from this one to the innermost: one where nothing stands in it.
fn height(owned: &[PodRow], id: PodId) -> usize {
    let mut level = vec![id];
    let mut high = 0;
    while !level.is_empty() && high <= DEPTH_MAX {
        high += 1;
        let stands_here = |row: &&PodRow| row.parent.is_some_and(|parent| level.contains(&parent));
        level = owned.iter().filter(stands_here).map(|row| row.id).collect();
    }
    high
}

/// Whether a pod is another, or stands within it.
fn is_within(owned: &[PodRow], id: PodId, outer: PodId) -> bool {
    let mut at = Some(id);
    for _level in 0..=DEPTH_MAX {
        match at {
            Some(pod) if pod == outer => return true,
            Some(pod) => at = owned.iter().find(|row| row.id == pod).and_then(|row| row.parent),
            None => return false,
        }
    }
    false
}

/// Whether a pod may stand within another, given all pods of its owner. A pod that is not among them is new.
pub(super) fn nest_check(owned: &[PodRow], id: PodId, parent: Option<PodId>) -> Result<(), ConnectionsError> {
    let Some(parent) = parent else { return Ok(()) };
    if !owned.iter().any(|row| row.id == parent) {
        return Err(UNKNOWN);
    }
    if is_within(owned, parent, id) {
        let problem = "is this pod, or stands within it: a pod cannot stand in itself";
        return Err(ConnectionsError::invalid("parent", problem));
    }
    if depth(owned, parent) + height(owned, id) > DEPTH_MAX {
        let problem = "is too deep: at most three pods stand within each other";
        return Err(ConnectionsError::invalid("parent", problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use imajin_did::SecretKey;
    use imajin_kernel::Timestamp;

    use super::*;

    fn id(number: u8) -> PodId {
        PodId::from_bytes([number; 16])
    }

    /// Pods by number, each with the one that it stands within.
    fn pods(parents: &[(u8, Option<u8>)]) -> Vec<PodRow> {
        let owner = SecretKey::from_seed([1; 32]).did();
        let row = |(number, parent): &(u8, Option<u8>)| PodRow {
            id: id(*number),
            name: String::new(),
            kind: String::new(),
            visibility: String::new(),
            parent: parent.map(id),
            owner_did: owner.clone(),
            successor_did: None,
            proof: String::new(),
            created_at: Timestamp::from_millis(0),
            deleted_at: None,
            row_seal: Vec::new(),
        };
        parents.iter().map(row).collect()
    }

    #[test]
    fn three_stand_within_each_other_and_no_more() {
        let owned = pods(&[(1, None), (2, Some(1)), (3, Some(2)), (4, None), (5, Some(4))]);
        assert!(nest_check(&owned, id(9), Some(id(2))).is_ok());
        assert!(nest_check(&owned, id(9), Some(id(3))).is_err());
        assert!(nest_check(&owned, id(4), Some(id(1))).is_ok(), "two below one");
        assert!(nest_check(&owned, id(4), Some(id(2))).is_err());
        assert!(nest_check(&owned, id(4), None).is_ok());
    }

    #[test]
    fn no_circle_is_made() {
        let owned = pods(&[(1, None), (2, Some(1)), (3, None)]);
        assert!(nest_check(&owned, id(1), Some(id(1))).is_err());
        assert!(nest_check(&owned, id(1), Some(id(2))).is_err());
        assert!(nest_check(&owned, id(2), Some(id(1))).is_ok(), "where it is");
        assert!(matches!(
            nest_check(&owned, id(3), Some(id(8))),
            Err(ConnectionsError::NotFound("pod"))
        ));
    }

    #[test]
    fn a_circle_in_the_rows_does_not_hang() {
        let owned = pods(&[(1, Some(2)), (2, Some(1))]);
        assert!(nest_check(&owned, id(3), Some(id(1))).is_err());
        assert!(nest_check(&owned, id(1), Some(id(2))).is_err());
    }
}
