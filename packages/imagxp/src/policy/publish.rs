//! The policy as others read it: our own document, robots.txt, RSL and AIPREF.

use std::fmt::Write as _;

use imajin_money::Money;
use serde_json::{Value, json};

use super::{AccessTerms, Policy, PriceRule, Strategy};
use crate::{PathPattern, Purpose};

/// Where the policy of a site is.
pub const POLICY_PATH: &str = "/.well-known/imagxp-policy.json";
/// How answers link to it (RFC 8288).
pub const POLICY_REL: &str = "imagxp-policy";

/// Where the documents of a site are.
#[derive(Debug, Clone, Copy)]
pub struct PolicyLinks<'a> {
    /// The origin of the site, without a slash at the end.
    pub origin: &'a str,
    /// What visas for it name as audience.
    pub audience: &'a str,
}

impl PolicyLinks<'_> {
    /// Where the policy is.
    pub fn policy(&self) -> String {
        format!("{}{POLICY_PATH}", self.origin)
    }

    /// Where the RSL document is.
    pub fn license(&self) -> String {
        format!("{}/license.xml", self.origin)
    }

    /// The `Link` field of answers.
    pub fn link_header(&self) -> String {
        format!(
            "<{}>; rel=\"{POLICY_REL}\", <{}>; rel=\"license\"; type=\"application/rsl+xml\"",
            self.policy(),
            self.license()
        )
    }
}

impl Policy {
    /// The document at `/.well-known/imagxp-policy.json`: first what the public libraries read, which know one rule for
    /// the whole site; then all of ours.
    pub fn to_document(&self, links: &PolicyLinks<'_>) -> Value {
        let of = |purpose| self.terms("/", Some(purpose));
        let (training, rag) = (of(Purpose::CrawlTraining), of(Purpose::RagRetrieval));
        let mut document = json!({
            "version": "1.1",
            "allowTraining": training.allow,
            "allowRAG": rag.allow,
            "attributionRequired": rag.attribution,
            "allowAdSupportedAccess": rag.allow_ads,
            "requiresPayment": rag.requires_payment || matches!(rag.price, PriceRule::Fixed(_)),
            "requireIdentityBinding": true,
            "strategy": self.terms("/", None).strategy,
            "audience": links.audience,
            "brokers": self.issuers(),
            "origin": self.origin,
            "rules": self.rules_document(),
            "license": links.license(),
        });
        if let Some(members) = document.as_object_mut() {
            if let Some(broker) = self.brokers.first() {
                members.insert("monetization".to_owned(), json!({"brokerUrl": broker.issuer}));
            }
            let bearer = self.bearer_issuers();
            if !bearer.is_empty() {
                members.insert("bearer".to_owned(), json!(bearer));
            }
            if let Some(contact) = &self.contact {
                members.insert("contact".to_owned(), json!(contact));
            }
        }
        document
    }

    /// The rules as others read them: for each pattern what holds for which purpose, the whole site first.
    pub fn rules_document(&self) -> Vec<Value> {
        let mut rules = vec![json!({"path": "*", "purposes": self.purposes_document("/", None)})];
        for pattern in self.patterns() {
            rules.push(json!({
                "path": pattern.as_str(), "purposes": self.purposes_document("", Some(pattern)),
            }));
        }
        rules
    }

    fn purposes_document(&self, path: &str, pattern: Option<&PathPattern>) -> Value {
        let entries = Purpose::ALL.into_iter().filter_map(|purpose| {
            let terms = match pattern {
                // Of a purpose that its rules do not name, a shorter pattern speaks.
                Some(pattern) => self.rule_terms(pattern, purpose)?,
                None => self.terms(path, Some(purpose)),
            };
            Some((purpose.as_str().to_owned(), terms_document(terms)))
        });
        Value::Object(entries.collect())
    }

    /// What holds where this pattern is the one that counts.
    fn terms_of_pattern(&self, pattern: &PathPattern, purpose: Purpose) -> &AccessTerms {
        self.rule_terms(pattern, purpose).unwrap_or(&self.defaults)
    }

    /// What the rules of a pattern say about a purpose, if they do.
    fn rule_terms(&self, pattern: &PathPattern, purpose: Purpose) -> Option<&AccessTerms> {
        let mut rules = self.rules.iter().filter(|rule| rule.pattern == *pattern);
        let named = rules.clone().find(|rule| rule.purposes.contains(&purpose));
        let any = named.or_else(|| rules.find(|rule| rule.purposes.is_empty()));
        any.map(|rule| &rule.terms)
    }

    /// The lines for the site's robots.txt, for everybody: what may be used for what, and where the terms are.
    pub fn robots_lines(&self, links: &PolicyLinks<'_>) -> String {
        let mut text = String::from("User-agent: *\n");
        // Writing to a String cannot fail.
        let _done = writeln!(text, "Content-Usage: {}", self.content_usage("/"));
        for pattern in self.patterns() {
            let terms = self.terms_of_pattern(pattern, Purpose::CrawlTraining);
            let _done = writeln!(text, "Content-Usage: {pattern} {}", usage_of(terms));
        }
        text.push_str("Allow: /\n\n");
        let _done = writeln!(text, "License: {}", links.license());
        let _done = writeln!(text, "IMAGXP-Policy: {}", links.policy());
        for broker in &self.brokers {
            let _done = writeln!(text, "IMAGXP-Broker: {}", broker.issuer);
        }
        text
    }

    /// The value of `Content-Usage` for a path (AIPREF): whether models may be trained with it, for nothing.
    pub fn content_usage(&self, path: &str) -> &'static str {
        usage_of(self.terms(path, Some(Purpose::CrawlTraining)))
    }

    /// The RSL 1.0 document of the site.
    pub fn license_xml(&self, links: &PolicyLinks<'_>) -> String {
        let mut xml =
            String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rsl xmlns=\"https://rslstandard.org/rsl\">\n");
        for pattern in self.patterns() {
            let url = format!("{}{pattern}", links.origin);
            self.content_write(&mut xml, &url, |purpose| self.terms_of_pattern(pattern, purpose));
        }
        let url = format!("{}/*", links.origin);
        self.content_write(&mut xml, &url, |_purpose| &self.defaults);
        xml.push_str("</rsl>\n");
        xml
    }

    /// One licence for each use, since each use has a price of its own.
    fn content_write<'a>(&self, xml: &mut String, url: &str, of: impl Fn(Purpose) -> &'a AccessTerms) {
        let server = self
            .brokers
            .first()
            .map(|broker| format!(" server=\"{}\"", escaped(&broker.issuer)));
        let _done = writeln!(
            xml,
            "  <content url=\"{}\"{}>",
            escaped(url),
            server.unwrap_or_default()
        );
        for (usage, purpose) in USAGES {
            let terms = of(purpose);
            xml.push_str("    <license>\n");
            if terms.allow {
                let _done = writeln!(xml, "      <permits type=\"usage\">{usage}</permits>");
                payment_write(xml, terms);
            } else {
                let _done = writeln!(xml, "      <prohibits type=\"usage\">{usage}</prohibits>");
            }
            xml.push_str("    </license>\n");
        }
        xml.push_str("  </content>\n");
    }
}

/// The uses that RSL knows, each with the purpose of ours that stands for it.
const USAGES: [(&str, Purpose); 3] = [
    ("ai-train", Purpose::CrawlTraining),
    ("ai-input", Purpose::RagRetrieval),
    ("ai-index", Purpose::Embedding),
];

fn payment_write(xml: &mut String, terms: &AccessTerms) {
    let _done = match (terms.price, terms.attribution) {
        (PriceRule::Fixed(Money { asset, .. }), _) if asset.is_test() => {
            // Test money is no currency that a reader of the standard could know.
            writeln!(xml, "      <payment type=\"crawl\"/>")
        }
        (PriceRule::Fixed(money), _) => writeln!(
            xml,
            "      <payment type=\"crawl\"><amount currency=\"{}\">{}</amount></payment>",
            money.asset,
            money.decimal()
        ),
        (PriceRule::Fair, _) => writeln!(xml, "      <payment type=\"crawl\"/>"),
        (PriceRule::Free, true) => writeln!(xml, "      <payment type=\"attribution\"/>"),
        (PriceRule::Free, false) => writeln!(xml, "      <payment type=\"free\"/>"),
    };
}

fn usage_of(terms: &AccessTerms) -> &'static str {
    // What has to be paid for is not simply allowed.
    if terms.allow && terms.price == PriceRule::Free && !terms.requires_payment {
        "train-ai=y"
    } else {
        "train-ai=n"
    }
}

fn terms_document(terms: &AccessTerms) -> Value {
    let price = match terms.price {
        PriceRule::Free => json!("free"),
        PriceRule::Fair => json!("fair"),
        PriceRule::Fixed(money) => json!(money),
    };
    json!({
        "allow": terms.allow, "price": price, "requireBinding": terms.require_binding,
        "requiresPayment": terms.requires_payment || matches!(terms.price, PriceRule::Fixed(_)),
        "allowAds": terms.allow_ads, "attribution": terms.attribution,
        "strict": terms.strategy == Strategy::Strict,
        "fair": terms.fair.as_ref().map(ToString::to_string),
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
