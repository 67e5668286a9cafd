//! Whose visas are taken, and whether one may name neither the publisher nor a key: whoever has copied it can spend it.

use imajin_imagxp::Binding;
use imajin_imagxp::policy::Policy;
use imajin_imagxp::visa::{visa_is_bearer, visa_issuer};

/// Whether the till may take a bearer's visa from this broker for this claim. What the visa says is not proven yet: the
/// till checks it.
///
/// # Errors
/// Why the visa is not taken at all.
pub(crate) fn takes(visa: &str, policy: &Policy, binding: Binding) -> Result<bool, &'static str> {
    let issuer = visa_issuer(visa).ok();
    let Some(broker) = issuer.and_then(|issuer| policy.broker(&issuer)) else {
        return Err("the visa is from none of the brokers whose visas are taken here");
    };
    if !visa_is_bearer(visa).unwrap_or(false) {
        return Ok(false);
    }
    if !broker.bearer {
        return Err("the visa names neither this site nor a key, and such visas of its broker are not taken here");
    }
    // Neither would say for which site: the two together could be copied from one site to another.
    if binding != Binding::Url {
        return Err(
            "the claim names path and query alone, and the visa names neither this site nor a key: \
                    with such a visa, the claim must name the whole URL",
        );
    }
    Ok(true)
}
