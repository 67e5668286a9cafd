use imajin_fair::ManifestId;
use imajin_money::{Asset, Money};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{AccessTerms, AdNetwork, ContentOrigin, Policy, PolicyBroker, PriceRule, Rule, Strategy};
use crate::{NoPattern, PathPattern, Purpose};

/// A longer file is none that a person has written.
const FILE_BYTES_MAX: usize = 256 * 1024;
const RULES_MAX: usize = 1_000;
const BROKERS_MAX: usize = 32;

/// Why a text is no policy, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// No TOML, an unknown word, or a value of the wrong kind.
    #[error("{0}")]
    Syntax(String),
    /// One of its values.
    #[error("{place}: {problem}")]
    Value {
        /// The rule, by its number and pattern, or the member.
        place: String,
        /// What about it.
        problem: String,
    },
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    contact: Option<String>,
    #[serde(default)]
    brokers: Vec<PolicyBroker>,
    ads: Option<AdNetwork>,
    #[serde(default)]
    allow_v10: bool,
    bot_purpose: Option<Purpose>,
    origin: Option<ContentOrigin>,
    #[serde(default)]
    default: TermsTable,
    #[serde(default)]
    rules: Vec<RuleTable>,
}

#[derive(Deserialize, Serialize, Default, Clone)]
#[serde(deny_unknown_fields)]
struct TermsTable {
    allow: Option<bool>,
    price: Option<String>,
    strategy: Option<Strategy>,
    require_binding: Option<bool>,
    requires_payment: Option<bool>,
    allow_ads: Option<bool>,
    attribution: Option<bool>,
    fair: Option<String>,
}

/// The members of [`TermsTable`] beside those of the rule: a flattened table could not refuse unknown words.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    path: String,
    #[serde(default)]
    purposes: Vec<Purpose>,
    allow: Option<bool>,
    price: Option<String>,
    strategy: Option<Strategy>,
    require_binding: Option<bool>,
    requires_payment: Option<bool>,
    allow_ads: Option<bool>,
    attribution: Option<bool>,
    fair: Option<String>,
}

impl RuleTable {
    fn split(self) -> (String, Vec<Purpose>, TermsTable) {
        let terms = TermsTable {
            allow: self.allow,
            price: self.price,
            strategy: self.strategy,
            require_binding: self.require_binding,
            requires_payment: self.requires_payment,
            allow_ads: self.allow_ads,
            attribution: self.attribution,
            fair: self.fair,
        };
        (self.path, self.purposes, terms)
    }
}

impl Policy {
    /// Reads a policy file: TOML, of the version 1.
    ///
    /// # Errors
    /// [`PolicyError`] with the place in the file.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > FILE_BYTES_MAX {
            return Err(PolicyError::Syntax("the file is longer than 256 KiB".to_owned()));
        }
        let file: File = toml::from_str(text).map_err(|error| PolicyError::Syntax(error.to_string()))?;
        if file.version != 1 {
            return Err(wrong("version", &"must be 1"));
        }
        if file.brokers.len() > BROKERS_MAX || file.rules.len() > RULES_MAX {
            return Err(wrong("rules", &"at most 1000 of them, and 32 brokers"));
        }
        if let Some(ads) = &file.ads {
            address_read(&ads.jwks)
                .map_err(|_error| wrong("ads", &"jwks must be the address of the network's keys"))?;
        }
        let brokers = brokers_read(file.brokers)?;
        let open = AccessTerms {
            allow: true,
            price: PriceRule::Fair,
            strategy: Strategy::Hybrid,
            require_binding: false,
            requires_payment: false,
            allow_ads: false,
            attribution: false,
            fair: None,
            rule: None,
        };
        let defaults = terms_read(&file.default, &open, "default", None)?;
        let mut rules = Vec::with_capacity(file.rules.len());
        for (index, table) in file.rules.into_iter().enumerate() {
            let (path, purposes, table) = table.split();
            let place = format!("rule {} ({path})", index.saturating_add(1));
            let pattern = pattern_read(&path, &rules).map_err(|problem| wrong(&place, &problem))?;
            let terms = terms_read(&table, &defaults, &place, Some(&pattern))?;
            rules.push(Rule {
                pattern,
                purposes,
                terms,
            });
        }
        let policy = Self {
            contact: file.contact,
            brokers,
            ads: file.ads,
            is_v10_allowed: file.allow_v10,
            bot_purpose: file.bot_purpose.unwrap_or(Purpose::RagRetrieval),
            origin: file.origin.unwrap_or(ContentOrigin::Human),
            defaults,
            rules,
        };
        policy.payable()?;
        Ok(policy)
    }

    /// A price that nobody can pay is a mistake.
    fn payable(&self) -> Result<(), PolicyError> {
        let all = || self.rules.iter().map(|rule| &rule.terms).chain([&self.defaults]);
        let is_priced = |terms: &AccessTerms| matches!(terms.price, PriceRule::Fixed(_)) && terms.allow;
        if self.brokers.is_empty() && all().any(is_priced) {
            let problem = "there are prices, and no broker whose visas could pay them";
            return Err(wrong("brokers", &problem));
        }
        if self.ads.is_none() && all().any(|terms| terms.allow_ads) {
            let problem = "advertisements pay somewhere, and no network is named that vouches for them";
            return Err(wrong("ads", &problem));
        }
        Ok(())
    }
}

fn wrong(place: &str, problem: &dyn std::fmt::Display) -> PolicyError {
    PolicyError::Value {
        place: place.to_owned(),
        problem: problem.to_string(),
    }
}

/// The pattern of a rule, after the rules before it.
fn pattern_read(text: &str, before: &[Rule]) -> Result<PathPattern, String> {
    let pattern: PathPattern = text.parse().map_err(|error: NoPattern| error.to_string())?;
    if pattern.has_parameters() {
        return Err(
            "a pattern has no `;`: what follows it in a segment is left out before paths are compared".to_owned(),
        );
    }
    let differs = |known: &&str| *known != text && known.eq_ignore_ascii_case(text);
    match before.iter().map(|rule| rule.pattern.as_str()).find(differs) {
        Some(known) => Err(format!(
            "differs from {known} in the case of letters only, which makes no difference"
        )),
        None => Ok(pattern.folded()),
    }
}

/// One broker is named twice only if the same is said about it.
fn brokers_read(named: Vec<PolicyBroker>) -> Result<Vec<PolicyBroker>, PolicyError> {
    let mut brokers: Vec<PolicyBroker> = Vec::with_capacity(named.len());
    for PolicyBroker { issuer, bearer } in named {
        let issuer = address_read(&issuer)?;
        match brokers.iter().find(|known| known.issuer == issuer) {
            Some(known) if known.bearer != bearer => {
                let problem = format!("{issuer} is named twice, with `bearer` and without");
                return Err(wrong("brokers", &problem));
            }
            _ => brokers.push(PolicyBroker { issuer, bearer }),
        }
    }
    Ok(brokers)
}

/// A broker as its visas name it: an address without a slash at its end.
fn address_read(text: &str) -> Result<String, PolicyError> {
    let problem = "must be the address of a broker, https://broker.example/broker, as its visas name it";
    let url = Url::parse(text).map_err(|_error| wrong("brokers", &problem))?;
    let is_plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(wrong("brokers", &problem))
    }
}

fn terms_read(
    table: &TermsTable,
    inherited: &AccessTerms,
    place: &str,
    rule: Option<&PathPattern>,
) -> Result<AccessTerms, PolicyError> {
    let price = table.price.as_deref().map(|text| price_read(text, place)).transpose()?;
    let fair = table.fair.as_deref().map(str::parse::<ManifestId>).transpose();
    let price = price.unwrap_or(inherited.price);
    let is_priced = matches!(price, PriceRule::Fixed(_));
    let binding = table.require_binding.unwrap_or(is_priced || inherited.require_binding);
    if is_priced && !binding {
        return Err(wrong(
            place,
            &"what has a price needs require_binding, or a claim for a cheap page would do",
        ));
    }
    Ok(AccessTerms {
        allow: table.allow.unwrap_or(inherited.allow),
        price,
        strategy: table.strategy.unwrap_or(inherited.strategy),
        require_binding: binding,
        requires_payment: table.requires_payment.unwrap_or(inherited.requires_payment),
        allow_ads: table.allow_ads.unwrap_or(inherited.allow_ads),
        attribution: table.attribution.unwrap_or(inherited.attribution),
        fair: fair
            .map_err(|error| wrong(place, &error))?
            .or_else(|| inherited.fair.clone()),
        rule: rule.cloned(),
    })
}

fn price_read(text: &str, place: &str) -> Result<PriceRule, PolicyError> {
    let problem = "the price is \"free\", \"fair\" (what the terms of the work say), or an amount such as \"0.01 USD\"";
    match text {
        "free" => return Ok(PriceRule::Free),
        "fair" => return Ok(PriceRule::Fair),
        _ => {}
    }
    let money: Money = text.parse().map_err(|_error| wrong(place, &problem))?;
    // Visas count in millionths.
    if money.is_zero() || money.asset.scale() != Asset::USD.scale() {
        return Err(wrong(place, &problem));
    }
    Ok(PriceRule::Fixed(money))
}
