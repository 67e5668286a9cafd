//! What caches in front may keep: nothing that one visitor pays for and another reads for nothing. A cache would give
//! it to both.

use http::header::{CACHE_CONTROL, VARY};
use http::{HeaderMap, HeaderName, HeaderValue};
use imajin_imagxp::policy::PriceRule;

use crate::Gate;

/// What tells the answer of one visitor from that of another.
const TELLING: HeaderValue =
    HeaderValue::from_static("x-imagxp-payload, signature-input, payment-signature, authorization");
/// What shared caches believe before `Cache-Control` (RFC 9213, and those before it).
const TARGETED: &str = "cdn-cache-control";
const OLDER: [&str; 2] = ["surrogate-control", "x-accel-expires"];

impl Gate {
    /// Keeps what has a price for anybody out of shared caches, and tells the rest apart.
    pub(crate) async fn cached_as_sold(&self, headers: &mut HeaderMap, path: &str) {
        headers.append(VARY, TELLING);
        if !self.is_dry() && self.may_cost(path).await {
            private_set(headers);
        }
    }

    /// Whether somebody may have to pay for a path.
    async fn may_cost(&self, path: &str) -> bool {
        let policy = self.policy();
        let allowed = policy.terms_all(path).into_iter().filter(|terms| terms.allow);
        let mut is_by_work = false;
        for terms in allowed {
            match terms.price {
                PriceRule::Fixed(_) => return true,
                // What the work asks for, and whom, may change at any time.
                PriceRule::Fair if terms.fair.is_some() => return true,
                PriceRule::Fair => is_by_work = true,
                PriceRule::Free => {}
            }
            if terms.requires_payment {
                return true;
            }
        }
        is_by_work && self.till().terms(path, None).await.map_or(true, |work| work.is_some())
    }
}

/// Keeps what the site says for the visitor's own cache, and nothing of what it says for others.
fn private_set(headers: &mut HeaderMap) {
    let is_targeted = |name: &&HeaderName| name.as_str().ends_with(TARGETED) || OLDER.contains(&name.as_str());
    let targeted: Vec<HeaderName> = headers.keys().filter(is_targeted).cloned().collect();
    for name in targeted {
        headers.remove(name);
    }
    let said = headers.get_all(CACHE_CONTROL).iter();
    let said = said
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','));
    let kept = said
        .map(str::trim)
        .filter(|directive| !directive.is_empty() && !is_for_others(directive));
    let text = ["private"].into_iter().chain(kept).collect::<Vec<_>>().join(", ");
    let value = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("private"));
    headers.insert(CACHE_CONTROL, value);
}

fn is_for_others(directive: &str) -> bool {
    let name = directive.split('=').next().unwrap_or_default().trim_end();
    let others = ["public", "s-maxage", "proxy-revalidate", "private"];
    others.iter().any(|other| name.eq_ignore_ascii_case(other))
}
