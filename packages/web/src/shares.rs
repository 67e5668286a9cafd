//! How much of something each holder has at the moment.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts what each holder has taken of something that all share: connections of an address, or streams of an
/// identity. Nobody takes more than a share, so nobody takes everything.
#[derive(Debug)]
pub struct Shares<K: Ord> {
    each_max: usize,
    taken: Arc<Mutex<BTreeMap<K, usize>>>,
}

/// One of them; dropping it gives it back.
#[derive(Debug)]
pub struct Share<K: Ord> {
    holder: K,
    taken: Arc<Mutex<BTreeMap<K, usize>>>,
}

impl<K: Ord> Clone for Shares<K> {
    fn clone(&self) -> Self {
        Self {
            each_max: self.each_max,
            taken: Arc::clone(&self.taken),
        }
    }
}

impl<K: Ord + Clone> Shares<K> {
    /// Nothing is taken yet; each holder may have `each_max` at the same time.
    pub fn new(each_max: usize) -> Self {
        Self {
            each_max,
            taken: Arc::default(),
        }
    }

    /// One more for a holder; `None` if it has its share already.
    pub fn take(&self, holder: K) -> Option<Share<K>> {
        let mut taken = lock(&self.taken);
        let count = taken.entry(holder.clone()).or_insert(0);
        if *count >= self.each_max {
            return None;
        }
        *count = count.saturating_add(1);
        drop(taken);
        Some(Share {
            holder,
            taken: Arc::clone(&self.taken),
        })
    }
}

impl<K: Ord> Drop for Share<K> {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(count) = taken.get_mut(&self.holder) {
            *count = count.saturating_sub(1);
            // Who has nothing is forgotten: strangers decide how many holders there are.
            if *count == 0 {
                taken.remove(&self.holder);
            }
        }
    }
}

fn lock<K: Ord>(taken: &Mutex<BTreeMap<K, usize>>) -> MutexGuard<'_, BTreeMap<K, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an address counts as where addresses are counted. Whoever has one of IPv6 has all 2⁶⁴ of its network
/// (RFC 6177), so the network is counted.
pub fn address_counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_takes_its_share_and_no_more() {
        let shares = Shares::new(2);
        let first = shares.take("ada").unwrap();
        let _second = shares.take("ada").unwrap();
        assert!(shares.take("ada").is_none());
        assert!(shares.take("ben").is_some());
        drop(first);
        assert!(shares.take("ada").is_some());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let counted = |text: &str| address_counted(text.parse().unwrap());
        assert_eq!(counted("2001:db8:1:2::1"), counted("2001:db8:1:2:ffff::9"));
        assert_ne!(counted("2001:db8:1:2::1"), counted("2001:db8:1:3::1"));
        assert_ne!(counted("192.0.2.1"), counted("192.0.2.2"));
        assert_eq!(counted("::ffff:192.0.2.1"), counted("192.0.2.1"));
    }
}
