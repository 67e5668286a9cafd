//! Who asks for login links: a few addresses must not use up what the node may send.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use imajin_kernel::Timestamp;

use crate::AuthError;
use crate::mailbox::LIMIT_WINDOW;

/// Links that one address may ask for in the time of the limits.
const PER_ADDRESS_MAX: u32 = 10;
/// Addresses that are remembered; when there are more, those whose time is over are forgotten.
const ADDRESSES_MAX: usize = 10_000;

/// How many links each address has asked for, and since when. In memory: after a restart all begin anew.
#[derive(Debug, Default)]
pub(crate) struct LinksAsked(Mutex<BTreeMap<IpAddr, (Timestamp, u32)>>);

impl LinksAsked {
    /// Counts one more.
    ///
    /// # Errors
    /// [`AuthError::MailboxLimit`] when the address has had its share.
    pub(crate) fn count(&self, address: IpAddr, now: Timestamp) -> Result<(), AuthError> {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() >= ADDRESSES_MAX {
            asked.retain(|_address, (since, _links)| now < since.plus(LIMIT_WINDOW));
        }
        let (since, links) = asked.entry(address).or_insert((now, 0));
        if now >= since.plus(LIMIT_WINDOW) {
            (*since, *links) = (now, 0);
        }
        if *links >= PER_ADDRESS_MAX {
            let wait = since.plus(LIMIT_WINDOW).since(now);
            let retry_after_seconds = u32::try_from(wait.as_seconds()).unwrap_or(0).saturating_add(1);
            return Err(AuthError::MailboxLimit { retry_after_seconds });
        }
        *links = links.saturating_add(1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use imajin_kernel::Span;

    use super::*;

    #[test]
    fn an_address_asks_for_a_few_links_in_an_hour() {
        let (asked, now) = (LinksAsked::default(), Timestamp::from_seconds(1_800_000_000));
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        for _number in 0..PER_ADDRESS_MAX {
            asked.count(one, now).unwrap();
        }
        assert!(matches!(asked.count(one, now), Err(AuthError::MailboxLimit { .. })));
        asked.count(other, now).unwrap();
        asked.count(one, now.plus(Span::hours(1))).unwrap();
    }
}
