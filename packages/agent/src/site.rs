//! What a site says about its pages before they are asked for.

use imajin_imagxp::policy::{POLICY_PATH, POLICY_REL, PublishedPolicy};
use imajin_imagxp::{Purpose, ROBOTS_BYTES_MAX, Robots};
use imajin_kernel::{Code, Problem};
use imajin_web::HttpAnswer;
use url::Url;

use crate::Agent;
use crate::broker::url_of;
use crate::linked::linked;

/// How sites say by AIPREF that no models are trained with a page for nothing.
const NO_TRAINING: &str = "train-ai=n";

/// A site's robots.txt, and the policy that it names.
pub(crate) struct SiteRules {
    origin: String,
    /// The product token by which robots.txt knows the agent.
    token: String,
    pub(crate) robots: Robots,
    policy: Option<PublishedPolicy>,
}

impl SiteRules {
    /// Whether it is what the site of an address says.
    pub(crate) fn is_of(&self, url: &Url) -> bool {
        self.origin == url.origin().ascii_serialization()
    }

    /// Why a page is not to be asked for, if the site says so.
    pub(crate) fn refusal(&self, url: &Url, purpose: Purpose) -> Option<String> {
        let path = path_and_query(url);
        let origin = &self.origin;
        if !self.robots.is_allowed(&self.token, &path) {
            return Some(format!("The robots.txt of {origin} does not want {path} read."));
        }
        match &self.policy {
            // The policy says it exactly, with what it costs.
            Some(policy) if policy.allows(&path, purpose) => None,
            Some(_) => {
                let purpose = purpose.as_str();
                Some(format!(
                    "The policy of {origin} does not want {path} read for {purpose}."
                ))
            }
            None if purpose == Purpose::CrawlTraining && self.is_against_training(&path) => Some(format!(
                "The robots.txt of {origin} does not want models trained with {path}."
            )),
            None => None,
        }
    }

    fn is_against_training(&self, path: &str) -> bool {
        let usage = self.robots.usage(&self.token, path).unwrap_or_default();
        usage.split(',').any(|preference| preference.trim() == NO_TRAINING)
    }
}

impl Agent {
    /// Reads what a site says about its pages: its robots.txt, and its policy, where that or a header leads to it, or
    /// else where it usually is.
    pub(crate) async fn site_rules(&self, url: &Url) -> Result<SiteRules, Problem> {
        let origin = url.origin().ascii_serialization();
        let answer = self.get_plain(&url_of(&format!("{origin}/robots.txt"))?).await?;
        let linked = linked(&answer.headers, POLICY_REL, url);
        let robots = said(&origin, answer)?.map_or_else(Robots::default, |text| {
            Robots::parse(text.body.get(..ROBOTS_BYTES_MAX).unwrap_or(&text.body))
        });
        let named = robots.policies.iter().filter_map(|text| Url::parse(text).ok());
        // Another host has no say about this one.
        let named = named.into_iter().find(|named| named.origin() == url.origin());
        let wrong = |error| Problem::new(Code::Unavailable, format!("{origin}: {error}."));
        let policy = if let Some(named) = named.or(linked) {
            let answer = said(&origin, self.get_plain(&named).await?)?;
            let policy = answer.map(|answer| PublishedPolicy::parse(&answer.body));
            policy.transpose().map_err(wrong)?
        } else {
            // Whatever else is there is no policy: many sites have a page for every address.
            let usual = self.get_plain(&url_of(&format!("{origin}{POLICY_PATH}"))?).await?;
            let is_there = usual.status.is_success();
            is_there.then(|| PublishedPolicy::parse(&usual.body).ok()).flatten()
        };
        Ok(SiteRules {
            policy,
            token: self.home().id().to_string(),
            origin,
            robots,
        })
    }
}

/// A document of a site; a site that has none says nothing, and one that does not know now is not read.
fn said(origin: &str, answer: HttpAnswer) -> Result<Option<HttpAnswer>, Problem> {
    if answer.status.is_server_error() {
        let detail = format!("{origin} does not say what may be read.");
        return Err(Problem::new(Code::Unavailable, detail));
    }
    Ok(answer.status.is_success().then_some(answer))
}

fn path_and_query(url: &Url) -> String {
    url.query()
        .map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}
