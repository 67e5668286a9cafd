//! What time alone brings: changes of status are written down, and names of nodes that are gone leave DNS. What is read
//! is right without it.

use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::{Span, Timestamp};
use imajin_store::{Conn, SealedRow};

use super::directory;
use super::locks::{liveness_lock, node_lock};
use super::{publication, unproven};
use crate::RegistryError;
use crate::context::Context;
use crate::schema::{dns_names, node_liveness, nodes};
use crate::status::{GRACE, STALE_AFTER};

/// Nodes per transaction: other writes wait meanwhile.
const BATCH: i64 = 200;

/// What became of the nodes that were looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Noted {
    pub(crate) changed: usize,
    /// Those with a damaged row: they are still due, and not to be looked at again this time.
    pub(crate) passed: Vec<Did>,
}

/// Looks after the nodes whose status has changed unnoticed, but for those that were `passed` over.
pub(crate) fn statuses_note(conn: &mut Conn, context: &Context, passed: &[Did]) -> Result<Noted, RegistryError> {
    let now = context.env.now();
    let due: Vec<Did> = node_liveness::table
        .filter(node_liveness::status_due_at.le(now))
        .filter(node_liveness::node_did.ne_all(passed))
        .order_by((node_liveness::status_due_at, node_liveness::node_did))
        .limit(BATCH)
        .select(node_liveness::node_did)
        .load(conn)?;
    let mut noted = Noted::default();
    for did in due {
        match RegistryError::damage_pass(status_note(conn, context, &did, now))? {
            Some(()) => noted.changed = noted.changed.saturating_add(1),
            None => noted.passed.push(did),
        }
    }
    Ok(noted)
}

fn status_note(conn: &mut Conn, context: &Context, did: &Did, now: Timestamp) -> Result<(), RegistryError> {
    // The order of locks is that of a registration.
    let node = node_lock(conn, context, did)?;
    let mut liveness = liveness_lock(conn, context, did)?;
    match node {
        Some(node) => {
            liveness.passed_note(conn, &context.sealer, &node.facts(&liveness), now)?;
            let node = unproven::registration_end(conn, context, node, &liveness)?;
            liveness.status_note(conn, &context.sealer, &node.facts(&liveness), now)?;
        }
        None => liveness.status_due_at = None,
    }
    liveness.save(conn, &context.sealer)?;
    Ok(())
}

/// Silence from which on a node counts as missed.
const MISSED_AFTER: Span = STALE_AFTER;
/// Nodes that were heard of last within so much time fell silent together.
const TOGETHER: Span = Span::days(2);
/// With more than so many in a hundred of all named nodes falling silent together nothing is swept.
const LOSS_PERCENT_MAX: usize = 15;
/// Fewer than so many are never too many, while others are heard: of a few nodes two may well end in one week.
const LOSS_MIN: usize = 5;
/// Nodes that live were heard of within so much time: heartbeats are daily at least.
const HEARD_WITHIN: Span = Span::days(1);
/// With so many in a hundred of the other nodes heard of lately it is not the registry's own network.
const REACHED_PERCENT_MIN: usize = 85;

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

/// What became of some names, and the last of them.
#[derive(Debug, Clone)]
pub(crate) struct Withdrawn {
    pub(crate) swept: NamesSwept,
    /// None: no name behind those is due.
    pub(crate) last: Option<String>,
}

/// Takes the names of nodes whose registration ran out out of DNS, some at a time: those behind a name.
pub(crate) fn names_withdraw(
    conn: &mut Conn,
    context: &Context,
    (after, are_gone): (&str, bool),
) -> Result<Withdrawn, RegistryError> {
    let now = context.env.now();
    let due: Vec<(Did, String)> = dns_names::table
        .inner_join(nodes::table)
        .filter(dns_names::withdrawn_at.is_null())
        .filter(nodes::expires_at.le(now))
        .filter(dns_names::name.gt(after))
        .order_by(dns_names::name)
        .limit(BATCH)
        .select((dns_names::node_did, dns_names::name))
        .load(conn)?;
    let last = due.last().map(|(_did, name)| name.clone());
    if last.is_some()
        && !are_gone
        && let Some(swept) = loss_check(conn, now)?
    {
        return Ok(Withdrawn { swept, last: None });
    }
    let mut names = 0_usize;
    for (did, name) in &due {
        let done = RegistryError::damage_pass(expired_withdraw(conn, context, did, name))?;
        names = names.saturating_add(usize::from(done == Some(true)));
    }
    let swept = NamesSwept::Withdrawn(names);
    Ok(Withdrawn { swept, last })
}

/// Whether the name leaves DNS: the node may have come back in between.
fn expired_withdraw(conn: &mut Conn, context: &Context, did: &Did, name: &str) -> Result<bool, RegistryError> {
    // The order of locks is that of a registration.
    let node = node_lock(conn, context, did)?;
    if node.is_some_and(|node| node.expires_at > context.env.now()) {
        return Ok(false);
    }
    // What is refused when it is damaged comes first: nothing is done by half.
    directory::entry_change(conn, context, did)?;
    publication::name_withdraw(conn, context, did, name)?;
    publication::publish_enqueue(conn, context, did, vec![name.to_owned()])?;
    Ok(true)
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

/// Whether too many of the nodes with a name fell silent together. Who was never heard of since they registered says
/// nothing about the network.
fn loss_check(conn: &mut Conn, now: Timestamp) -> QueryResult<Option<NamesSwept>> {
    let seen: Vec<(Timestamp, Timestamp)> = dns_names::table
        .inner_join(nodes::table.inner_join(node_liveness::table))
        .filter(dns_names::withdrawn_at.is_null())
        .filter(node_liveness::last_heartbeat_at.is_not_null())
        .select((nodes::updated_at, node_liveness::last_heartbeat_at.assume_not_null()))
        .load(conn)?;
    let signs = seen.into_iter().map(|(attested, heard)| heard.max(attested)).collect();
    Ok(loss_of(signs, now))
}

/// `signs`: when each node was heard of last.
fn loss_of(mut signs: Vec<Timestamp>, now: Timestamp) -> Option<NamesSwept> {
    signs.sort_unstable();
    let named = signs.len();
    let is_long_gone = |last: &Timestamp| *last <= now.minus(GRACE);
    let (long_gone, others): (Vec<_>, Vec<_>) = signs.iter().copied().partition(is_long_gone);
    // Those who have been silent for a while let go once the others prove that the registry is within reach. Who is a
    // minority cannot prove it: the registry's own node is heard although the cable is cut.
    let heard = others.iter().filter(|last| **last > now.minus(HEARD_WITHIN)).count();
    let is_reached = heard.saturating_mul(100) >= others.len().saturating_mul(REACHED_PERCENT_MIN)
        && heard >= most_within(&long_gone, TOGETHER).max(1);
    let counted = if is_reached { others } else { signs };
    let silent: Vec<Timestamp> = counted
        .into_iter()
        .filter(|last| *last <= now.minus(MISSED_AFTER))
        .collect();
    let silent_together = most_within(&silent, TOGETHER);
    let is_many = silent_together >= LOSS_MIN || silent_together == named;
    let is_too_many =
        silent_together > 1 && is_many && silent_together.saturating_mul(100) > named.saturating_mul(LOSS_PERCENT_MAX);
    is_too_many.then_some(NamesSwept::Held { silent_together, named })
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
    /// So many nodes that were heard of last so many days ago.
    fn last(groups: &[(usize, i64)]) -> Option<(usize, usize)> {
        let now = Timestamp::from_seconds(1_900_000_000);
        let of = |(count, days): &(usize, i64)| vec![now.minus(Span::days(*days)); *count];
        match loss_of(groups.iter().flat_map(of).collect(), now)? {
            NamesSwept::Held { silent_together, named } => Some((silent_together, named)),
            NamesSwept::Withdrawn(_) => None,
        }
    }

    #[test]
    fn a_loss_holds_until_the_others_prove_that_the_registry_is_within_reach() {
        assert_eq!(last(&[]), None);
        assert_eq!(last(&[(11, 0), (2, 4)]), None, "two of thirteen end in one week");
        assert_eq!(last(&[(15, 0), (5, 4)]), Some((5, 20)));
        assert_eq!(
            last(&[(15, 0), (5, 8)]),
            None,
            "the others are heard, and were all the time"
        );
        assert_eq!(
            last(&[(10, 0), (5, 2), (5, 8)]),
            Some((5, 20)),
            "many others are not heard"
        );
        assert_eq!(
            last(&[(1, 0), (19, 30)]),
            Some((19, 20)),
            "only the registry's own node is heard"
        );
        assert_eq!(last(&[(12, 0), (4, 9), (4, 20)]), None);
        assert_eq!(last(&[(3, 3650)]), Some((3, 3)), "a clock that jumped");
        assert_eq!(last(&[(1, 60)]), None);
    }
}
