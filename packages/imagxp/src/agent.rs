use std::fmt;
use std::str::FromStr;

use crate::ClaimError;

/// Names that nobody owns on the public Internet (RFC 6761, RFC 6762, RFC 8375, RFC 9476, and ICANN's `internal`).
const RESERVED: [&str; 10] = [
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home",
    "arpa",
    "alt",
    "onion",
];

/// How this machine is called, for development.
const LOCAL_HOSTS: [&str; 2] = ["localhost", "127.0.0.1"];

/// Which names of agents are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Names {
    /// Public domains only.
    #[default]
    Public,
    /// Those of this machine as well, with a port if need be: for development.
    Development,
}

/// The domain of an agent, in lower case: whoever holds it publishes the agent's keys there.
///
/// Never an address, never a name of a private network: the manifest is fetched from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(String);

impl AgentId {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a name as far as it is believed.
    ///
    /// # Errors
    /// [`ClaimError::AgentName`].
    pub fn parse(text: &str, names: Names) -> Result<Self, ClaimError> {
        match text.parse() {
            Err(error) if names == Names::Development => Self::of_this_machine(text).ok_or(error),
            public => public,
        }
    }

    /// A name of this machine, in the one form that it has: its claims, visas and accounts are found by it.
    fn of_this_machine(text: &str) -> Option<Self> {
        let name = text.to_ascii_lowercase();
        let (host, port) = match name.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (name.as_str(), None),
        };
        // Digits only, without zeros in front: `+80` and `080` are read as numbers as well.
        let number = port.map(|port| port.parse::<u16>().ok().filter(|number| number.to_string() == port));
        let is_port = !matches!(number, Some(None | Some(0)));
        if !is_port || !LOCAL_HOSTS.contains(&host) {
            return None;
        }
        let is_default = number.flatten() == Some(80);
        Some(Self(if is_default { host.to_owned() } else { name }))
    }

    /// The origin of the agent: over TLS, except on this machine.
    pub fn origin(&self) -> String {
        let scheme = if self.is_of_this_machine() { "http" } else { "https" };
        format!("{scheme}://{}", self.0)
    }

    /// Where the agent's manifest is.
    pub fn manifest_url(&self) -> String {
        format!("{}/.well-known/imagxp-agent.json", self.origin())
    }

    fn is_of_this_machine(&self) -> bool {
        LOCAL_HOSTS.contains(&self.0.split_once(':').map_or(self.0.as_str(), |(host, _port)| host))
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AgentId {
    type Err = ClaimError;

    fn from_str(text: &str) -> Result<Self, ClaimError> {
        let name = text.to_ascii_lowercase();
        let labels: Vec<&str> = name.split('.').collect();
        let is_label = |label: &&str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let last = labels.last().copied().unwrap_or_default();
        // An address has a number at its end, in whichever of its forms.
        let is_public = last.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-') || last.starts_with("xn--");
        if name.len() <= 253
            && labels.len() >= 2
            && labels.iter().all(is_label)
            && is_public
            && !RESERVED.contains(&last)
        {
            Ok(Self(name))
        } else {
            Err(ClaimError::AgentName)
        }
    }
}
