//! Pods against what was signed in them.

use diesel::prelude::*;
use imajin_store::mutation;
use imajin_store::{Conn, Finding, StoreError};

use super::{PAGE, finding};
use crate::domain::pod::history::replay;
use crate::log;
use crate::rows::{PodMemberRow, PodRow};
use crate::schema::{pod_members, pods};

/// Each pod and everybody in it is what follows from the log, step by step; and it stands within a pod of its owner.
pub(super) fn pods_check(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let query = pods::table.filter(pods::id.gt(&after)).order_by(pods::id).limit(PAGE);
        let rows: Vec<PodRow> = query.select(PodRow::as_select()).load(conn)?;
        let Some(end) = rows.last() else { return Ok(()) };
        after = end.id.to_string();
        for row in &rows {
            let members = pod_members::table.filter(pod_members::pod.eq(row.id));
            let members: Vec<PodMemberRow> = members.select(PodMemberRow::as_select()).load(conn)?;
            match replay(&mutation::history(conn, &log::pod_object(&row.id))?) {
                Err(problem) => findings.push(finding("pods", &row.id, problem)),
                Ok(Some(history)) if !history.is_pod(row) => {
                    findings.push(finding("pods", &row.id, "it is not what was signed for it"));
                }
                Ok(Some(history)) if !history.are_members(&members) => {
                    findings.push(finding(
                        "pod_members",
                        &row.id,
                        "they are not those who have signed to be in it",
                    ));
                }
                Ok(_) => {}
            }
            if !stands_well(conn, row)? {
                findings.push(finding("pods", &row.id, "it does not stand within a pod of its owner"));
            }
        }
    }
}

fn stands_well(conn: &mut Conn, row: &PodRow) -> Result<bool, StoreError> {
    let Some(parent) = row.parent.filter(|_parent| row.deleted_at.is_none()) else {
        return Ok(true);
    };
    let outer = pods::table
        .find(parent)
        .filter(pods::owner_did.eq(&row.owner_did))
        .filter(pods::deleted_at.is_null());
    let count: i64 = outer.count().get_result(conn)?;
    Ok(count == 1)
}
