//! Variables of the environment that set configuration keys: `IMAJIN_` and the key, with `__` between tables.

use config::{Environment, Map};

/// The keys and tables of [`Config`].
const TOP_LEVEL_KEYS: [&str; 27] = [
    "listen",
    "trusted_proxies",
    "public_url",
    "node_name",
    "services",
    "service_ports",
    "dev",
    "database",
    "internal_listen",
    "remote",
    "witnesses",
    "mirrors",
    "peers",
    "imagxp",
    "tls",
    "mail",
    "oidc",
    "fees",
    "rails",
    "brokers",
    "events",
    "publisher",
    "gate",
    "query",
    "broker",
    "registry",
    "registry_service",
];

/// Lists: in a variable they have commas.
const LIST_KEYS: [&str; 9] = [
    "services",
    "trusted_proxies",
    "tls.acme.names",
    "brokers.trusted",
    "peers.allow",
    "peers.block",
    "publisher.peers",
    "registry_service.reserved",
    "registry_service.copies",
];

/// What these variables say, as a source of the configuration.
pub(super) fn environment(variables: Map<String, String>) -> Environment {
    let environment = Environment::with_prefix("IMAJIN")
        .prefix_separator("_")
        .separator("__")
        .try_parsing(true)
        .source(Some(variables))
        .list_separator(",");
    LIST_KEYS
        .iter()
        .fold(environment, |environment, key| environment.with_list_parse_key(key))
}

/// The variables that set a configuration key. Others with our prefix belong to the command line (`IMAJIN_DATA`,
/// `IMAJIN_KEY`, `IMAJIN_NODE`), to the log (`IMAJIN_LOG`) or to the tests.
pub(super) fn variables() -> Map<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| {
            let key = name.strip_prefix("IMAJIN_").unwrap_or_default().to_ascii_lowercase();
            let top = key.split("__").next().unwrap_or_default();
            TOP_LEVEL_KEYS.contains(&top)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::model::DEFAULTS;

    #[test]
    fn lists_have_commas() {
        let variables = [
            ("IMAJIN_TRUSTED_PROXIES", "127.0.0.1,::1"),
            ("IMAJIN_REGISTRY_SERVICE__RESERVED", "shop"),
            ("IMAJIN_PEERS__BLOCK", "a.example,b.example"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let merged = config::Config::builder()
            .add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml))
            .add_source(environment(variables.into()))
            .build()
            .unwrap();
        let config: Config = merged.try_deserialize().unwrap();
        let proxies: Vec<String> = config.trusted_proxies.iter().map(ToString::to_string).collect();
        assert_eq!(proxies, ["127.0.0.1", "::1"]);
        assert_eq!(config.registry_service.reserved, ["shop"]);
        assert_eq!(config.peers.block, ["a.example", "b.example"]);
    }
}
