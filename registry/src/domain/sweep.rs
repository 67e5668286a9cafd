//! What time alone brings: changes of status are written down, and names of nodes that are gone leave DNS. What is read
//! is right without it.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::{Span, Timestamp};
use imajin_store::{Conn, SealedRow};

use super::directory;
use super::locks::{liveness_lock, node_lock};
use super::publication;
use crate::RegistryError;
use crate::context::Context;
use crate::schema::{dns_names, node_liveness, nodes};
use crate::status::STALE_AFTER;

/// Nodes per transaction: other writes wait meanwhile.
const BATCH: i64 = 200;

/// Looks after the nodes whose status has changed unnoticed; returns how many.
pub(crate) fn statuses_note(conn: &mut Conn, context: &Context) -> Result<usize, RegistryError> {
    let now = context.env.now();
    let due: Vec<Did> = node_liveness::table
        .filter(node_liveness::status_due_at.le(now))
        .order_by((node_liveness::status_due_at, node_liveness::node_did))
        .limit(BATCH)
        .select(node_liveness::node_did)
        .load(conn)?;
    for did in &due {
        // The order of locks is that of a registration.
        let node = node_lock(conn, context, did)?;
        let mut liveness = liveness_lock(conn, context, did)?;
        match node {
            Some(node) => {
                let facts = node.facts(&liveness);
                liveness.passed_note(conn, &context.sealer, &facts, now)?;
                liveness.status_note(conn, &context.sealer, &facts, now)?;
            }
            None => liveness.status_due_at = None,
        }
        liveness.save(conn, &context.sealer)?;
    }
    Ok(due.len())
}

/// Silence from which on a node counts as missed.
const MISSED_AFTER: Span = STALE_AFTER;
/// Nodes that were heard of last within so much time fell silent together.
const TOGETHER: Span = Span::days(2);
/// With more than so many in a hundred of all named nodes falling silent together nothing is swept.
const LOSS_PERCENT_MAX: usize = 15;

/// What became of names whose nodes are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamesSwept {
    /// So many leave DNS.
    Withdrawn(usize),
    /// Too many nodes fell silent together: nothing leaves DNS, and no name becomes free.
    Held {
        /// Nodes that were last heard of within the same two days.
        silent_together: usize,
        /// Nodes whose names are published.
        named: usize,
    },
}

/// Takes the names of nodes whose registration ran out out of DNS, some at a time.
pub(crate) fn names_withdraw(conn: &mut Conn, context: &Context, are_gone: bool) -> Result<NamesSwept, RegistryError> {
    let now = context.env.now();
    let due: Vec<(Did, String)> = dns_names::table
        .inner_join(nodes::table)
        .filter(dns_names::withdrawn_at.is_null())
        .filter(nodes::expires_at.le(now))
        .order_by(dns_names::name)
        .limit(BATCH)
        .select((dns_names::node_did, dns_names::name))
        .load(conn)?;
    if due.is_empty() {
        return Ok(NamesSwept::Withdrawn(0));
    }
    if !are_gone && let Some(held) = loss_check(conn, now)? {
        return Ok(held);
    }
    for (did, name) in &due {
        // The order of locks is that of a registration, which may have come in between.
        let node = node_lock(conn, context, did)?;
        if node.is_some_and(|node| node.expires_at > now) {
            continue;
        }
        publication::name_withdraw(conn, context, did, name)?;
        directory::entry_change(conn, context, did)?;
        publication::publish_enqueue(conn, context, did, vec![name.clone()])?;
    }
    Ok(NamesSwept::Withdrawn(due.len()))
}

/// Why names that are due stay in DNS; nothing when none is due, or nothing holds them.
pub(crate) fn held(conn: &mut Conn, now: Timestamp) -> QueryResult<Option<NamesSwept>> {
    let due: Option<String> = dns_names::table
        .inner_join(nodes::table)
        .filter(dns_names::withdrawn_at.is_null())
        .filter(nodes::expires_at.le(now))
        .select(dns_names::name)
        .first(conn)
        .optional()?;
    if due.is_none() {
        return Ok(None);
    }
    loss_check(conn, now)
}

/// Whether too many of the nodes with a name fell silent together. One alone is never too many.
fn loss_check(conn: &mut Conn, now: Timestamp) -> QueryResult<Option<NamesSwept>> {
    let seen: Vec<(Timestamp, Option<Timestamp>)> = dns_names::table
        .inner_join(nodes::table.inner_join(node_liveness::table))
        .filter(dns_names::withdrawn_at.is_null())
        .select((nodes::updated_at, node_liveness::last_heartbeat_at))
        .load(conn)?;
    let named = seen.len();
    let last_seen = seen
        .into_iter()
        .map(|(attested, heard)| heard.map_or(attested, |heard| heard.max(attested)));
    let mut silent: Vec<Timestamp> = last_seen.filter(|last| *last <= now.minus(MISSED_AFTER)).collect();
    silent.sort_unstable();
    let silent_together = most_within(&silent, TOGETHER);
    let is_too_many =
        silent_together > 1 && silent_together.saturating_mul(100) > named.saturating_mul(LOSS_PERCENT_MAX);
    Ok(is_too_many.then_some(NamesSwept::Held { silent_together, named }))
}

/// The largest number of moments that lie within one span; they come in order.
fn most_within(moments: &[Timestamp], span: Span) -> usize {
    let mut most = 0;
    let mut first = moments.iter().enumerate().peekable();
    for (last, at) in moments.iter().enumerate() {
        while first.next_if(|(_, from)| at.since(**from) > span).is_some() {}
        let from = first.peek().map_or(last, |(index, _)| *index);
        most = most.max(last.saturating_sub(from).saturating_add(1));
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_fell_silent_together_are_counted() {
        let day = |day: i64| Timestamp::from_seconds(1_900_000_000).plus(Span::hours(24 * day));
        assert_eq!(most_within(&[], TOGETHER), 0);
        assert_eq!(most_within(&[day(1)], TOGETHER), 1);
        assert_eq!(most_within(&[day(1), day(4), day(7)], TOGETHER), 1);
        assert_eq!(most_within(&[day(1), day(2), day(3), day(4), day(9)], TOGETHER), 3);
        assert_eq!(most_within(&[day(1), day(9), day(9), day(10), day(11)], TOGETHER), 4);
    }
}
