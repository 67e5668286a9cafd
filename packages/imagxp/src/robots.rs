use crate::PathPattern;
use crate::path::encoding_normal;

/// What is read of a robots.txt (RFC 9309, section 2.5, asks for 500 KiB at least).
pub const ROBOTS_BYTES_MAX: usize = 512 * 1024;
const LINES_MAX: usize = 20_000;
const LINKS_MAX: usize = 64;

/// A robots.txt (RFC 9309), with the lines by which sites say what reading them costs.
///
/// There is no text that is none: what is not understood is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Robots {
    groups: Vec<Group>,
    /// `License:` (RSL 1.0): where the terms are.
    pub licenses: Vec<String>,
    /// `IMAGXP-Policy:`: where the policy is.
    pub policies: Vec<String>,
    /// `IMAGXP-Broker:`: whose visas are taken.
    pub brokers: Vec<String>,
    /// `Sitemap:`.
    pub sitemaps: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Group {
    agents: Vec<String>,
    rules: Vec<Rule>,
    usages: Vec<Usage>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    is_allowed: bool,
    pattern: PathPattern,
}

/// `Content-Usage:` (AIPREF), for the paths of a pattern, or for all.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Usage {
    pattern: Option<PathPattern>,
    preference: String,
}

impl Robots {
    /// Reads the text; of a longer one the beginning.
    pub fn parse(text: &[u8]) -> Self {
        let text = text.get(..ROBOTS_BYTES_MAX).unwrap_or(text);
        let text = String::from_utf8_lossy(text);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let mut robots = Self::default();
        // Lines of agents that follow each other begin one group.
        let mut names_follow = false;
        for line in text.split(['\r', '\n']).take(LINES_MAX) {
            let line = line.split('#').next().unwrap_or_default();
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
            if name == "user-agent" {
                robots.agent_add(value, names_follow);
                names_follow = true;
            } else if robots.group_line(&name, value) {
                names_follow = false;
            } else {
                robots.link_add(&name, value);
            }
        }
        robots
    }

    fn agent_add(&mut self, value: &str, is_another: bool) {
        let token = product_token(value);
        match self.groups.last_mut().filter(|_| is_another) {
            Some(group) => group.agents.push(token),
            None => self.groups.push(Group {
                agents: vec![token],
                ..Group::default()
            }),
        }
    }

    /// Whether it is a line of a group; one before the first group says nothing, except about the use.
    fn group_line(&mut self, name: &str, value: &str) -> bool {
        let is_allowed = match name {
            "allow" => true,
            "disallow" => false,
            "content-usage" => {
                if self.groups.is_empty() {
                    self.agent_add("*", false);
                }
                if let Some((group, usage)) = self.groups.last_mut().zip(usage_of(value)) {
                    group.usages.push(usage);
                }
                return true;
            }
            _ => return false,
        };
        // An empty pattern matches nothing.
        if let Some((group, pattern)) = self.groups.last_mut().zip(value.parse().ok()) {
            group.rules.push(Rule { is_allowed, pattern });
        }
        true
    }

    fn link_add(&mut self, name: &str, value: &str) {
        let links = match name {
            "license" => &mut self.licenses,
            "imagxp-policy" => &mut self.policies,
            "imagxp-broker" => &mut self.brokers,
            "sitemap" => &mut self.sitemaps,
            _ => return,
        };
        if !value.is_empty() && links.len() < LINKS_MAX {
            links.push(value.to_owned());
        }
    }

    /// Whether a crawler with this product token may fetch a path with its query.
    pub fn is_allowed(&self, agent: &str, path_and_query: &str) -> bool {
        let path = encoding_normal(path_and_query);
        if path == "/robots.txt" {
            return true;
        }
        let rules = self.groups_of(agent).flat_map(|group| &group.rules);
        let matching = rules.filter(|rule| rule.pattern.matches_normal(&path));
        // The longest counts; of two that are as long, the one that allows.
        let best = matching.max_by_key(|rule| (rule.pattern.specificity(), rule.is_allowed));
        best.is_none_or(|rule| rule.is_allowed)
    }

    /// What the site says about the use of a path, as the value of `Content-Usage`.
    pub fn usage(&self, agent: &str, path_and_query: &str) -> Option<&str> {
        let path = encoding_normal(path_and_query);
        let usages = self.groups_of(agent).flat_map(|group| &group.usages);
        let length = |usage: &&Usage| usage.pattern.as_ref().map_or(0, PathPattern::specificity);
        let is_meant = |usage: &&Usage| usage.pattern.as_ref().is_none_or(|one| one.matches_normal(&path));
        let best = usages.filter(is_meant).max_by_key(length);
        best.map(|usage| usage.preference.as_str())
    }

    /// The groups for an agent: all that name it, else all for everybody.
    fn groups_of(&self, agent: &str) -> impl Iterator<Item = &Group> {
        let token = product_token(agent);
        let is_named = self.groups.iter().any(|group| group.agents.contains(&token));
        let wanted = if is_named { token } else { "*".to_owned() };
        self.groups.iter().filter(move |group| group.agents.contains(&wanted))
    }
}

/// The letters, hyphens and underscores at the beginning, in lower case, or `*`.
fn product_token(value: &str) -> String {
    if value.trim() == "*" {
        return "*".to_owned();
    }
    let letters = value.trim().chars();
    let letters = letters.take_while(|letter| letter.is_ascii_alphabetic() || matches!(letter, '-' | '_'));
    letters.collect::<String>().to_ascii_lowercase()
}

fn usage_of(value: &str) -> Option<Usage> {
    let (pattern, preference) = match value.split_once(char::is_whitespace) {
        Some((path, preference)) if path.starts_with('/') || path.starts_with('*') => {
            (Some(path.parse().ok()?), preference.trim())
        }
        _ => (None, value),
    };
    (!preference.is_empty()).then(|| Usage {
        pattern,
        preference: preference.to_owned(),
    })
}
