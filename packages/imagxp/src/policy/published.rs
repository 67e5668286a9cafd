use imajin_proof::jcs;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::path::path_folded;
use crate::{ClaimError, PathPattern, Purpose};

/// A longer document is read by nobody.
const BYTES_MAX: usize = 512 * 1024;
const RULES_MAX: usize = 1_001;

/// The policy of a site as it publishes it: what an agent can know before it asks. What holds in the end, the answer to
/// the request says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishedPolicy {
    rules: Vec<(PathPattern, Vec<(Purpose, bool)>)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    #[serde(default)]
    rules: Vec<RuleWire>,
    allow_training: Option<bool>,
    #[serde(rename = "allowRAG")]
    allow_rag: Option<bool>,
}

#[derive(Deserialize)]
struct RuleWire {
    path: String,
    #[serde(default)]
    purposes: Map<String, Value>,
}

impl PublishedPolicy {
    /// Reads the document at `/.well-known/imagxp-policy.json`. Documents of the public libraries have no rules, and
    /// two words for the whole site instead.
    ///
    /// # Errors
    /// [`ClaimError`] when it is none.
    pub fn parse(json: &[u8]) -> Result<Self, ClaimError> {
        if json.len() > BYTES_MAX {
            return Err(ClaimError::TooLong("the policy"));
        }
        let wrong = ClaimError::Malformed("the site's policy is not valid");
        let wire: Wire = jcs::from_slice(json).or(Err(wrong.clone()))?;
        if wire.rules.len() > RULES_MAX {
            return Err(ClaimError::TooLong("the policy"));
        }
        let mut rules = Vec::with_capacity(wire.rules.len().max(1));
        for rule in wire.rules {
            let pattern: PathPattern = rule.path.parse().or(Err(wrong.clone()))?;
            let said = Purpose::ALL.into_iter().filter_map(|purpose| {
                let allow = rule.purposes.get(purpose.as_str())?.get("allow")?.as_bool()?;
                Some((purpose, allow))
            });
            rules.push((pattern.folded(), said.collect()));
        }
        if rules.is_empty() {
            let pattern: PathPattern = "*".parse().or(Err(wrong))?;
            let training = [Purpose::CrawlTraining, Purpose::Embedding].map(|one| (one, wire.allow_training));
            let reading = [Purpose::RagRetrieval].map(|one| (one, wire.allow_rag));
            let said = training.into_iter().chain(reading);
            rules.push((pattern, said.filter_map(|(one, allow)| Some((one, allow?))).collect()));
        }
        Ok(Self { rules })
    }

    /// Whether a path may be asked for with a purpose: the longest pattern that says something about it counts.
    pub fn allows(&self, path: &str, purpose: Purpose) -> bool {
        let path = path_folded(path);
        let mut best: Option<(usize, bool)> = None;
        for (pattern, said) in &self.rules {
            let allow = said.iter().find(|(known, _)| *known == purpose);
            let Some((_, allow)) = allow.filter(|_| pattern.matches_normal(&path)) else {
                continue;
            };
            if best.is_none_or(|(length, _)| pattern.specificity() > length) {
                best = Some((pattern.specificity(), *allow));
            }
        }
        best.is_none_or(|(_, allow)| allow)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Policy, PolicyLinks};
    use super::*;

    #[test]
    fn what_a_policy_publishes_says_the_same_as_the_policy() {
        let text = "version = 1\n[[rules]]\npath = \"/posts/\"\nallow = false\n[[rules]]\npath = \"/posts/open/*\"\n\
                    purposes = [\"SUMMARY\"]\nallow = true\n[[rules]]\npath = \"/*.pdf$\"\n\
                    purposes = [\"CRAWL_TRAINING\"]\nallow = false\n";
        let policy = Policy::parse(text).unwrap();
        let links = PolicyLinks {
            origin: "https://site.example",
            audience: "site.example",
        };
        let document = serde_json::to_vec(&policy.to_document(&links)).unwrap();
        let published = PublishedPolicy::parse(&document).unwrap();
        for path in [
            "/",
            "/posts/1",
            "/posts/open/1",
            "/a.pdf",
            "/a.pdf?x=1",
            "/posts/%6fpen/2",
            "/Posts/Open;v=1/2",
        ] {
            for purpose in Purpose::ALL {
                let allowed = policy.terms(path, Some(purpose)).allow;
                assert_eq!(published.allows(path, purpose), allowed, "{path} {purpose:?}");
            }
        }
    }

    #[test]
    fn the_documents_of_the_public_libraries_are_read() {
        let published = PublishedPolicy::parse(br#"{"version":"1.1","allowTraining":false,"allowRAG":true}"#).unwrap();
        assert!(!published.allows("/", Purpose::CrawlTraining));
        assert!(published.allows("/", Purpose::RagRetrieval));
        assert!(published.allows("/", Purpose::Quotation));
        assert!(PublishedPolicy::parse(b"[]").is_err());
        assert!(PublishedPolicy::parse(br#"{"rules":[{"path":"no pattern"}]}"#).is_err());
    }
}
