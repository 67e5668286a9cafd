//! How often wallets ask for the transaction of a checkout: each answer may cost a question to the chain's server.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use imajin_kernel::id::CheckoutId;
use imajin_kernel::{Code, Problem, Span, Timestamp};

/// So many answers a minute for one checkout.
const PER_MINUTE: u32 = 20;
/// So many checkouts are counted at once; with more of them all are counted anew.
const CHECKOUTS_MAX: usize = 10_000;

/// Counts the answers of the last minute.
#[derive(Debug, Default)]
pub(crate) struct WalletCalls(Mutex<HashMap<CheckoutId, (Timestamp, u32)>>);

impl WalletCalls {
    /// Refuses a wallet that asks too often.
    pub(crate) fn check(&self, checkout: CheckoutId, now: Timestamp) -> Result<(), Problem> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() >= CHECKOUTS_MAX {
            calls.retain(|_, (since, _)| now < since.plus(Span::minutes(1)));
            if calls.len() >= CHECKOUTS_MAX {
                calls.clear();
            }
        }
        let call = calls.entry(checkout).or_insert((now, 0));
        if now >= call.0.plus(Span::minutes(1)) {
            *call = (now, 0);
        }
        call.1 = call.1.saturating_add(1);
        if call.1 <= PER_MINUTE {
            return Ok(());
        }
        let problem = Problem::new(Code::RateLimited, "This checkout was asked for too often.");
        Err(problem
            .hint("Wait a minute, and scan the code again.")
            .retry_after_seconds(60))
    }
}

#[cfg(test)]
mod tests {
    use imajin_kernel::{Env, ManualClock};

    use super::*;

    #[test]
    fn a_wallet_that_asks_all_the_time_waits_and_the_others_do_not() {
        let env = Env::fixed(ManualClock::at(Timestamp::from_seconds(0)), 1);
        let (calls, now) = (WalletCalls::default(), env.now());
        let (busy, other) = (env.new_id(), env.new_id());
        for _ in 0..PER_MINUTE {
            assert!(calls.check(busy, now).is_ok());
        }
        assert_eq!(calls.check(busy, now).unwrap_err().code, Code::RateLimited);
        assert!(calls.check(other, now).is_ok());
        assert!(calls.check(busy, now.plus(Span::minutes(1))).is_ok());
    }
}
