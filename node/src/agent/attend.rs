//! What is due for one registration, and when to come back to it.

use std::net::IpAddr;

use imajin_kernel::{Code, Problem, Span, Timestamp};
use imajin_registry_api::{Registration, UpgradeNotice};

use super::RegistryLink;
use super::link::{Action, HeartbeatAnswer};

/// A registration is renewed when less than this is left of it.
const RENEW_BEFORE: Span = Span::days(7);

/// Failures are retried after 30 s, then twice as long each time, up to an hour.
const RETRY_FIRST: Span = Span::seconds(30);
const RETRY_DOUBLINGS_MAX: u32 = 7;
const RETRY_LONGEST: Span = Span::hours(1);

/// What a registry asks for with `Retry-After` at most: one that asks for years must not silence the node.
const ASKED_LONGEST: Span = Span::hours(6);

/// Heartbeats are daily at least, so nothing that was planned is further away than this.
const PLANNED_LONGEST: Span = Span::days(1);

/// A new address is told at once, but no oftener than this.
const MOVE_PAUSE: Span = Span::seconds(30);

/// Whether something is to be done for a registration now.
pub(super) fn is_due(registration: &Registration, addresses: &[IpAddr], now: Timestamp) -> bool {
    if registration.next_attempt_at <= now || was_ahead(registration, now) {
        return true;
    }
    let has_moved = !addresses.is_empty() && addresses != registration.addresses;
    let is_quiet = registration
        .last_heartbeat_at
        .is_none_or(|heard| now.since(heard) >= MOVE_PAUSE);
    // A registry that is away hears of it when it is back: it is asked again at growing intervals in any case.
    has_moved && is_quiet && registration.failures == 0
}

/// Whether the times on record are of a clock that was ahead then: they are no plan.
fn was_ahead(registration: &Registration, now: Timestamp) -> bool {
    registration.next_attempt_at > now.plus(PLANNED_LONGEST)
        || registration.last_heartbeat_at.is_some_and(|heard| heard > now)
}

impl RegistryLink {
    /// Does what is due for one registration, and says when to come back.
    pub(super) async fn attend(
        &self,
        mut registration: Registration,
        addresses: &[IpAddr],
        heartbeat: Span,
    ) -> Registration {
        let now = self.env.now();
        let is_other_build = registration
            .attested_build
            .as_ref()
            .is_some_and(|attested| attested != self.facts.build_hash());
        let is_ending = registration
            .expires_at
            .is_none_or(|expires_at| expires_at.since(now) < RENEW_BEFORE);
        let is_renewed = is_ending || is_other_build;
        if is_renewed {
            match self.register(&registration).await {
                Ok(renewed) => registration = renewed,
                Err(problem) => return self.postpone(registration, &problem),
            }
        }
        match self.heartbeat(&registration.registry, addresses).await {
            Ok(answer) => {
                if !addresses.is_empty() {
                    registration.addresses = addresses.to_vec();
                }
                self.heard(registration, &answer, is_renewed, heartbeat)
            }
            Err(problem) => {
                // The registry no longer knows the node, let it run out, or was restored from a backup that is older
                // than the node's key: registering again is the cure.
                if matches!(problem.code, Code::NotFound | Code::Forbidden | Code::BadSignature) {
                    registration.expires_at = None;
                }
                self.postpone(registration, &problem)
            }
        }
    }

    /// The registry has taken a sign of life.
    fn heard(
        &self,
        mut registration: Registration,
        answer: &HeartbeatAnswer,
        is_renewed: bool,
        heartbeat: Span,
    ) -> Registration {
        let now = self.env.now();
        for action in &answer.actions {
            tracing::info!(registry = %registration.registry, action = action.kind, reason = action.reason,
                "the registry asks for an action");
        }
        registration.upgrade = answer.actions.iter().find_map(upgrade_of);
        // What has just been done is not done again at once, should the registry still ask for it.
        let again = !is_renewed && answer.actions.iter().any(asks_to_register);
        if again {
            registration.expires_at = None;
            registration.next_attempt_at = now;
        } else {
            let by_registry = self.jittered(Timestamp::from_millis(answer.next_heartbeat).since(now));
            let own = self.jittered(heartbeat.min(PLANNED_LONGEST));
            let wait = by_registry.min(own).max(RETRY_FIRST);
            registration.next_attempt_at = now.plus(wait);
        }
        registration.last_heartbeat_at = Some(now);
        registration.failures = 0;
        registration.last_error = None;
        registration
    }

    fn postpone(&self, mut registration: Registration, problem: &Problem) -> Registration {
        tracing::warn!(registry = %registration.registry, %problem, "the registry did not hear from this node");
        let doublings = registration.failures.min(RETRY_DOUBLINGS_MAX);
        let backoff = Span::seconds(RETRY_FIRST.as_seconds() << doublings).min(RETRY_LONGEST);
        let asked = problem
            .retry_after_seconds
            .map_or(Span::ZERO, |seconds| Span::seconds(i64::from(seconds)))
            .min(ASKED_LONGEST);
        registration.failures = registration.failures.saturating_add(1);
        let hint = problem.hint.as_ref().map(|hint| format!(" {hint}")).unwrap_or_default();
        registration.last_error = Some(format!("{}{hint}", problem.detail));
        let now = self.env.now();
        registration.next_attempt_at = now.plus(self.jittered(backoff).max(asked));
        registration.last_heartbeat_at = registration.last_heartbeat_at.map(|heard| heard.min(now));
        registration
    }

    /// Up to a tenth earlier, so that many nodes do not all call in the same second.
    fn jittered(&self, span: Span) -> Span {
        let [random] = self.env.random_bytes::<1>();
        Span::millis(span.as_millis() - span.as_millis() * i64::from(random) / 2560)
    }
}

fn asks_to_register(action: &Action) -> bool {
    matches!(action.kind.as_str(), "renew" | "reattest")
}

fn upgrade_of(action: &Action) -> Option<UpgradeNotice> {
    let target_version = action
        .target_version
        .clone()
        .filter(|_version| action.kind == "upgrade")?;
    Some(UpgradeNotice {
        target_version,
        reason: action.reason.clone(),
    })
}
