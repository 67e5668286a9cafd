use std::fmt;

use http::HeaderMap;
use http::header::{ACCEPT_LANGUAGE, UPGRADE_INSECURE_REQUESTS, USER_AGENT};
use imajin_fair::{Price, Terms};
use imajin_money::{Asset, Money};

use super::{AccessTerms, Policy, PriceRule, Strategy};
use crate::{Binding, Purpose, Refusal, VisitorType};

/// The terms of the work that is asked for, where the publisher knows them.
pub type FairTerms<'a> = Option<&'a Terms>;

/// Who asks, once the signatures are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visitor {
    /// Somebody who says nothing.
    Silent {
        /// Whether the request looks like a browser's.
        is_browser: bool,
    },
    /// An agent whose claim counts.
    Agent {
        /// What it wants.
        purpose: Purpose,
        /// How closely the claim is bound to what is asked for.
        binding: Binding,
        /// Whether a network of advertisers vouches that it shows the publisher's advertisements.
        is_ad_proven: bool,
    },
}

/// What the policy says about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What holds for it.
    pub terms: AccessTerms,
    /// What the visitor turned out to be.
    pub visitor: VisitorType,
    /// What happens.
    pub due: Due,
    /// Why.
    pub reason: Reason,
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// It passes, for nothing.
    Pass,
    /// It passes once this is paid.
    Pay(Money),
    /// It does not pass.
    Refuse(Refusal),
}

/// Why something is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Everybody passes here.
    Passive,
    /// It looks like a browser.
    Browser,
    /// It says nothing about itself, and here only browsers may do so.
    NoBrowser,
    /// It says nothing about itself, and here nobody may do so.
    Strict,
    /// The purpose is not allowed here.
    Purpose,
    /// The terms of the work prohibit it.
    Prohibited,
    /// The claim does not name the whole URL.
    Unbound,
    /// It is free.
    Free,
    /// Advertisements pay for it.
    Advertised,
    /// It has a price.
    Priced,
    /// Something must be paid, and no price is named: only advertisements would do.
    NoPrice,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passive => "everybody passes here",
            Self::Browser => "it looks like a browser",
            Self::NoBrowser => "it is no browser and says nothing about itself: send a signed claim",
            Self::Strict => "only agents that say who they are pass here: send a signed claim",
            Self::Purpose => "this purpose is not allowed here",
            Self::Prohibited => "the terms of the work prohibit this purpose",
            Self::Unbound => "the claim must name the whole URL that is asked for",
            Self::Free => "it is free",
            Self::Advertised => "advertisements pay for it",
            Self::Priced => "it has a price",
            Self::NoPrice => "only agents that show the publisher's advertisements pass here",
        })
    }
}

impl Policy {
    /// Decides about a request: purpose first, then price. Who the visitor is and that the claim is fresh was checked
    /// before; whether what is due is paid is checked after.
    pub fn decide(&self, path: &str, visitor: Visitor, work: FairTerms<'_>) -> Decision {
        let (purpose, kind) = match visitor {
            Visitor::Silent { is_browser: true } => (None, VisitorType::LikelyHuman),
            Visitor::Silent { is_browser: false } => (None, VisitorType::UnidentifiedBot),
            Visitor::Agent { purpose, .. } => (Some(purpose), VisitorType::VerifiedAgent),
        };
        let terms = self.terms(path, purpose);
        let (due, reason) = match visitor {
            Visitor::Silent { is_browser } => silent(terms.strategy, is_browser),
            Visitor::Agent {
                purpose,
                binding,
                is_ad_proven,
            } => agent(terms, purpose, binding, is_ad_proven, work),
        };
        Decision {
            terms: terms.clone(),
            visitor: kind,
            due,
            reason,
        }
    }
}

fn silent(strategy: Strategy, is_browser: bool) -> (Due, Reason) {
    match (strategy, is_browser) {
        (Strategy::Passive, _) => (Due::Pass, Reason::Passive),
        (Strategy::Hybrid, true) => (Due::Pass, Reason::Browser),
        (Strategy::Hybrid, false) => (Due::Refuse(Refusal::IdentityFail), Reason::NoBrowser),
        (Strategy::Strict, _) => (Due::Refuse(Refusal::IdentityRequired), Reason::Strict),
    }
}

fn agent(
    terms: &AccessTerms,
    purpose: Purpose,
    binding: Binding,
    is_ad_proven: bool,
    work: FairTerms<'_>,
) -> (Due, Reason) {
    let refuse = |refusal, reason| (Due::Refuse(refusal), reason);
    if !terms.allow {
        return refuse(Refusal::PolicyDenied, Reason::Purpose);
    }
    let of_work = work.and_then(|work| work.get(purpose.action()));
    let of_work = of_work.and_then(|term| term.price);
    // What the authors prohibit, the publisher cannot sell.
    if of_work == Some(Price::Prohibited) {
        return refuse(Refusal::PolicyDenied, Reason::Prohibited);
    }
    let price = match (terms.price, of_work) {
        (PriceRule::Fixed(money), _) => Some(money),
        // Visas count in millionths; in another unit nobody could pay.
        (PriceRule::Fair, Some(Price::Of(money))) if money.asset.scale() == Asset::USD.scale() => Some(money),
        (PriceRule::Fair, Some(Price::Of(_))) => return refuse(Refusal::PolicyDenied, Reason::NoPrice),
        _ => None,
    };
    let price = price.filter(|money| !money.is_zero());
    if (terms.require_binding || price.is_some()) && binding == Binding::Unbound {
        return refuse(Refusal::CryptoFail, Reason::Unbound);
    }
    match price {
        _ if terms.allow_ads && is_ad_proven => (Due::Pass, Reason::Advertised),
        Some(price) => (Due::Pay(price), Reason::Priced),
        None if terms.requires_payment => refuse(Refusal::PaymentRequired, Reason::NoPrice),
        None => (Due::Pass, Reason::Free),
    }
}

/// Words in the names of programs that are no browsers.
const PROGRAMS: [&str; 12] = [
    "bot", "crawl", "spider", "scrap", "curl", "wget", "python", "go-http", "httpx", "axios", "node", "java/",
];

/// Whether headers look like those of a browser. Anybody can send them: it keeps out only those who do not try.
///
/// What a proxy adds, such as `cf-ray`, says nothing here: any client can send that as well.
pub fn looks_like_a_browser(headers: &HeaderMap) -> bool {
    let name = headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
    let name = name.unwrap_or_default().to_ascii_lowercase();
    let is_program = name.is_empty() || PROGRAMS.iter().any(|word| name.contains(word));
    let speaks = headers.contains_key(ACCEPT_LANGUAGE);
    let navigates = headers.contains_key("sec-fetch-dest") || headers.contains_key(UPGRADE_INSECURE_REQUESTS);
    !is_program && speaks && navigates
}
