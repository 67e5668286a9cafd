//! Who is right when an agent objects and a publisher answers: pure, over what both have done lately.

use imajin_kernel::Span;

/// How far back it is looked.
pub(crate) const LATELY: Span = Span::days(30);
/// So often an agent may object, however little it has paid.
const OBJECTIONS_MIN: i64 = 3;
/// And once for so many payments.
const PAYMENTS_PER_OBJECTION: i64 = 20;
/// A publisher that has lost fewer disputes than that has a good name.
const LOST_MIN: i64 = 3;
/// And one that has lost at most one for so many payments.
const PAYMENTS_PER_LOSS: i64 = 10;

/// The same in words.
pub(crate) const OBJECTIONS_TEXT: &str = "3, or one for 20 payments if that is more, in all and at each publisher";

/// What somebody has done lately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// Redemptions.
    pub(crate) payments: i64,
    /// Of an agent: how often it has objected and was not proven right by the publisher or the arbiter. Of a publisher:
    /// how often it has lost, without giving in itself.
    pub(crate) disputes: i64,
}

/// What an agent has done lately: in all, and at the publisher that it objects to. By payments to others alone, which
/// may be its own, nobody objects more often.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct AgentRecord {
    pub(crate) everywhere: Record,
    pub(crate) here: Record,
}

impl AgentRecord {
    const fn objects_often(self) -> bool {
        objects_often(self.everywhere) || objects_often(self.here)
    }
}

/// What follows from the rules alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ruling {
    /// The publisher is paid.
    Publisher,
    /// The agent has its money back.
    Agent,
    /// Somebody must look at it.
    Arbiter,
}

/// How often an agent may object lately: who objects to everything reads nothing for free.
pub(crate) const fn objections_max(agent: Record) -> i64 {
    let by_payments = agent.payments / PAYMENTS_PER_OBJECTION;
    if by_payments > OBJECTIONS_MIN {
        by_payments
    } else {
        OBJECTIONS_MIN
    }
}

const fn objects_often(agent: Record) -> bool {
    agent.disputes.saturating_mul(2) > objections_max(agent)
}

/// Rules, when a publisher has answered; the present dispute is one of the agent's. Without the agent's own claim
/// nothing is decided by rules.
pub(crate) const fn rule(agent: AgentRecord, publisher: Record, is_shown: bool) -> Ruling {
    if !is_shown {
        return Ruling::Arbiter;
    }
    let loses_often =
        publisher.disputes >= LOST_MIN && publisher.disputes.saturating_mul(PAYMENTS_PER_LOSS) > publisher.payments;
    match (agent.objects_often(), loses_often) {
        (true, false) => Ruling::Publisher,
        (false, true) => Ruling::Agent,
        _ => Ruling::Arbiter,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn record(payments: i64, disputes: i64) -> Record {
        Record { payments, disputes }
    }

    /// All of it at one publisher.
    const fn everywhere(agent: Record) -> AgentRecord {
        AgentRecord {
            everywhere: agent,
            here: agent,
        }
    }

    #[test]
    fn payments_to_others_make_no_objection_to_a_publisher_a_rare_one() {
        let agent = AgentRecord {
            everywhere: record(10_000, 2),
            here: record(4, 2),
        };
        assert_eq!(rule(agent, record(100, 2), true), Ruling::Publisher);
        assert_eq!(rule(agent, record(20, 3), true), Ruling::Arbiter);
    }

    #[test]
    fn who_objects_often_is_believed_less_than_who_seldom_loses() {
        let good = record(100, 2);
        let bad = record(20, 3);
        let rule = |agent, publisher, is_shown| rule(everywhere(agent), publisher, is_shown);
        assert_eq!(rule(record(10, 1), good, true), Ruling::Arbiter);
        assert_eq!(rule(record(10, 2), good, true), Ruling::Publisher);
        assert_eq!(rule(record(10, 1), bad, true), Ruling::Agent);
        assert_eq!(rule(record(10, 2), bad, true), Ruling::Arbiter);
        assert_eq!(rule(record(200, 5), good, true), Ruling::Arbiter);
        assert_eq!(rule(record(200, 6), good, true), Ruling::Publisher);
        assert_eq!(rule(record(10, 2), good, false), Ruling::Arbiter);
    }

    proptest! {
        #[test]
        fn objecting_more_never_helps(payments in 0_i64..10_000, disputes in 0_i64..10_000, lost in 0_i64..100) {
            let publisher = record(500, lost);
            let wins = |disputes| rule(everywhere(record(payments, disputes)), publisher, true) == Ruling::Agent;
            prop_assert!(wins(disputes) || !wins(disputes + 1));
            prop_assert!(objections_max(record(payments, disputes)) <= (payments / 20).max(3));
        }
    }
}
