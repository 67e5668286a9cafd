//! Where a node stands: a function of three moments and the present one.

use imajin_kernel::{Span, Timestamp};
use imajin_registry_api::NodeStatus;

/// Silence after which a node is [`NodeStatus::Stale`].
pub const STALE_AFTER: Span = Span::days(3);
/// Silence after which a node is [`NodeStatus::Unreachable`].
pub const UNREACHABLE_AFTER: Span = Span::days(7);
/// How long an accepted attestation registers a node.
pub const REGISTERED_FOR: Span = Span::days(30);
/// How long a name stays reserved for its holder after the registration ran out, or after the holder took another.
pub const GRACE: Span = Span::days(7);
/// With less than this left, a heartbeat is answered with the wish to renew.
pub const RENEW_WITHIN: Span = Span::days(7);

/// What decides about a node's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the fields have the names of their columns")]
pub(crate) struct Facts {
    pub(crate) expires_at: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) last_heartbeat_at: Option<Timestamp>,
}

impl Facts {
    /// The status at a moment. The queries of `domain::list` say the same in SQL.
    pub(crate) fn status_at(&self, now: Timestamp) -> NodeStatus {
        if self.revoked_at.is_some() {
            return NodeStatus::Revoked;
        }
        if self.expires_at <= now {
            return NodeStatus::Expired;
        }
        match self.last_heartbeat_at {
            None => NodeStatus::Pending,
            Some(last) if last > now.minus(STALE_AFTER) => NodeStatus::Active,
            Some(last) if last > now.minus(UNREACHABLE_AFTER) => NodeStatus::Stale,
            Some(_) => NodeStatus::Unreachable,
        }
    }

    /// The changes that the passing of time alone brings, in their order.
    fn moments(&self) -> Vec<(Timestamp, NodeStatus)> {
        if self.revoked_at.is_some() {
            return Vec::new();
        }
        let mut moments = Vec::with_capacity(3);
        if let Some(last) = self.last_heartbeat_at {
            moments.push((last.plus(STALE_AFTER), NodeStatus::Stale));
            moments.push((last.plus(UNREACHABLE_AFTER), NodeStatus::Unreachable));
        }
        moments.push((self.expires_at, NodeStatus::Expired));
        // An expired registration does not become stale any more.
        moments.retain(|(at, status)| self.status_at(*at) == *status);
        moments.sort_by_key(|(at, _)| *at);
        moments
    }

    /// What time has changed after `since`, up to `now`.
    pub(crate) fn changes(&self, since: Timestamp, now: Timestamp) -> Vec<(Timestamp, NodeStatus)> {
        let mut changes = self.moments();
        changes.retain(|(at, _)| *at > since && *at <= now);
        changes
    }

    /// When time will change the status next; never for what has ended.
    pub(crate) fn due_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.moments().into_iter().map(|(at, _)| at).find(|at| *at > now)
    }
}

/// The status as columns hold it.
pub(crate) const fn status_text(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Pending => "pending",
        NodeStatus::Active => "active",
        NodeStatus::Stale => "stale",
        NodeStatus::Unreachable => "unreachable",
        NodeStatus::Expired => "expired",
        NodeStatus::Revoked => "revoked",
    }
}

/// The status that a column holds.
pub(crate) fn status_parse(text: &str) -> Option<NodeStatus> {
    let all = [
        NodeStatus::Pending,
        NodeStatus::Active,
        NodeStatus::Stale,
        NodeStatus::Unreachable,
        NodeStatus::Expired,
        NodeStatus::Revoked,
    ];
    all.into_iter().find(|status| status_text(*status) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_900_000_000);

    fn facts(last: Option<Timestamp>) -> Facts {
        Facts {
            expires_at: START.plus(REGISTERED_FOR),
            revoked_at: None,
            last_heartbeat_at: last,
        }
    }

    #[test]
    fn a_status_begins_exactly_when_its_time_has_come() {
        let node = facts(Some(START));
        let just_before = |span: Span| START.plus(span).minus(Span::millis(1));
        assert_eq!(facts(None).status_at(START), NodeStatus::Pending);
        assert_eq!(node.status_at(START), NodeStatus::Active);
        assert_eq!(node.status_at(just_before(STALE_AFTER)), NodeStatus::Active);
        assert_eq!(node.status_at(START.plus(STALE_AFTER)), NodeStatus::Stale);
        assert_eq!(node.status_at(just_before(UNREACHABLE_AFTER)), NodeStatus::Stale);
        assert_eq!(node.status_at(START.plus(UNREACHABLE_AFTER)), NodeStatus::Unreachable);
        assert_eq!(node.status_at(just_before(REGISTERED_FOR)), NodeStatus::Unreachable);
        assert_eq!(node.status_at(START.plus(REGISTERED_FOR)), NodeStatus::Expired);
        let revoked = Facts {
            revoked_at: Some(START),
            ..node
        };
        assert_eq!(revoked.status_at(START.plus(REGISTERED_FOR)), NodeStatus::Revoked);
        assert_eq!(revoked.due_at(START), None);
    }

    #[test]
    fn the_changes_between_two_moments_are_the_statuses_that_were_passed() {
        let node = facts(Some(START));
        let far = START.plus(Span::days(100));
        let statuses: Vec<NodeStatus> = node.changes(START, far).into_iter().map(|(_, status)| status).collect();
        assert_eq!(
            statuses,
            [NodeStatus::Stale, NodeStatus::Unreachable, NodeStatus::Expired]
        );
        assert_eq!(node.changes(START.plus(STALE_AFTER), START.plus(Span::days(4))), []);
        // Heard of shortly before the end: expired comes first, and nothing comes after it.
        let late = facts(Some(START.plus(Span::days(29))));
        assert_eq!(
            late.changes(START, far),
            [(START.plus(REGISTERED_FOR), NodeStatus::Expired)]
        );
        assert_eq!(late.due_at(far), None);
        assert_eq!(node.due_at(START), Some(START.plus(STALE_AFTER)));
    }
}
