use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{File, FileFormat, Value, ValueKind};
use serde::Serialize;
use url::Url;

use super::Config;
use super::environment::{environment, variables};
use super::model::DEFAULTS;

/// What the command line sets, by configuration key.
#[derive(Debug, Clone, Default)]
pub struct Overrides(BTreeMap<String, Value>);

impl Overrides {
    /// Sets a key, unless the flag was not given.
    pub fn set<T: Into<ValueKind>>(&mut self, key: &str, value: Option<T>) {
        if let Some(value) = value {
            self.0
                .insert(key.to_owned(), Value::new(Some(&"the command line".to_owned()), value));
        }
    }
}

/// A value in force and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EffectiveValue {
    /// The key, with dots between tables.
    pub key: String,
    /// The value; secrets are not shown.
    pub value: String,
    /// `default`, a file, an environment variable or the command line.
    pub source: String,
}

/// The configuration in force.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values, checked.
    pub config: Config,
    /// The same, one line each, with their sources.
    pub effective: Vec<EffectiveValue>,
}

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A source cannot be read, or a value does not fit; the text names the key.
    #[error("the configuration is not valid: {0}")]
    Invalid(#[from] config::ConfigError),
    /// Two values do not go together.
    #[error("the configuration is not valid: {0}")]
    Contradiction(String),
}

/// The name of the file in the data directory.
const FILE_NAME: &str = "imajin.toml";

/// Secrets are in these keys.
const SECRET_KEYS: [&str; 3] = ["database.url", "mail.smtp_url", "query.engine.key"];

/// Reads defaults, the file in the data directory, `IMAJIN_…` variables (`__` between tables) and the command line.
pub fn load(data_dir: &Path, overrides: &Overrides) -> Result<Loaded, ConfigError> {
    let file: PathBuf = data_dir.join(FILE_NAME);
    let mut builder = config::Config::builder()
        .add_source(File::from_str(DEFAULTS, FileFormat::Toml))
        .add_source(File::from(file).format(FileFormat::Toml).required(false))
        .add_source(environment(variables()));
    for (key, value) in &overrides.0 {
        builder = builder.set_override(key, value.clone())?;
    }
    let merged = builder.build()?;
    let mut effective = Vec::new();
    flatten("", &merged.cache, &mut effective);
    effective.sort_by(|a, b| a.key.cmp(&b.key));
    for line in effective.iter_mut().filter(|line| overrides.0.contains_key(&line.key)) {
        "the command line".clone_into(&mut line.source);
    }
    let config: Config = merged.try_deserialize()?;
    check(&config)?;
    Ok(Loaded { config, effective })
}

fn flatten(prefix: &str, value: &Value, lines: &mut Vec<EffectiveValue>) {
    if let ValueKind::Table(table) = &value.kind
        && (prefix.is_empty() || !table.is_empty())
    {
        for (key, value) in table {
            let key = if prefix.is_empty() {
                key.clone()
            } else {
                format!("{prefix}.{key}")
            };
            flatten(&key, value, lines);
        }
        return;
    }
    let shown = if SECRET_KEYS.contains(&prefix)
        || super::rails::SECRET_KEYS.contains(&prefix)
        || super::solana::SECRET_KEYS.contains(&prefix)
        || super::dns::SECRET_KEYS.contains(&prefix)
    {
        secret_shown(value)
    } else {
        value_shown(value)
    };
    let source = value.origin().map_or_else(|| "default".to_owned(), str::to_owned);
    lines.push(EffectiveValue {
        key: prefix.to_owned(),
        value: shown,
        source,
    });
}

fn value_shown(value: &Value) -> String {
    match &value.kind {
        ValueKind::Array(items) => items.iter().map(value_shown).collect::<Vec<_>>().join(","),
        ValueKind::Table(_) => "{}".to_owned(),
        _ => value.to_string(),
    }
}

fn secret_shown(value: &Value) -> String {
    if value.to_string() == "sqlite" {
        "sqlite".to_owned()
    } else {
        "(set, not shown)".to_owned()
    }
}

fn check(config: &Config) -> Result<(), ConfigError> {
    let refuse = |text: &str| Err(ConfigError::Contradiction(text.to_owned()));
    if config.services.is_empty() {
        return refuse("`services` is empty: name at least one service");
    }
    if let Some(url) = &config.public_url
        && (!matches!(url.scheme(), "http" | "https") || url.host().is_none() || url.path() != "/")
    {
        return refuse("`public_url` must be http:// or https:// with a host and nothing behind it");
    }
    tls_check(&config.tls).map_or(Ok(()), |text| refuse(&text))?;
    let mut services = super::ServiceName::ALL.into_iter();
    let missing = services.find(|service| !service.is_optional() && !config.has(*service));
    if let Some(service) = missing {
        return refuse(&format!(
            "the service `{service}` neither runs in this process nor has an address: add it to `services`, or add a \
             table [remote.{service}] with `internal`, `public` and `did`"
        ));
    }
    if let Some(both) = config.remote.keys().find(|service| config.services.contains(service)) {
        return refuse(&format!(
            "the service `{both}` is in `services` and in `remote`: choose one"
        ));
    }
    if let Err(text) = config.registry.address_source() {
        return refuse(&text);
    }
    if config.registry.heartbeat_seconds < 60 {
        return refuse("`registry.heartbeat_seconds` must be at least 60");
    }
    if config.query.engine.url.is_some() != config.query.engine.model.is_some() {
        return refuse("`query.engine.url` and `query.engine.model` belong together: set both or none");
    }
    let seconds = super::query::TIMEOUT_SECONDS;
    if !seconds.contains(&config.query.engine.timeout_seconds) {
        let (least, most) = seconds.into_inner();
        return refuse(&format!("`query.engine.timeout_seconds` must be {least} to {most}"));
    }
    let days_min = super::query::EVIDENCE_DAYS_MIN;
    if config.query.evidence_days < days_min {
        return refuse(&format!("`query.evidence_days` must be at least {days_min}"));
    }
    witnesses_check(config)?;
    if let Err(text) = config.peers_options().check() {
        return refuse(&format!("`peers`: {text}"));
    }
    if let Some(text) = super::gate::contradiction(config) {
        return refuse(&text);
    }
    mirrors_check(config)
}

fn tls_check(tls: &super::TlsConfig) -> Option<String> {
    if tls.certificate.is_some() != tls.private_key.is_some() {
        return Some("`tls.certificate` and `tls.private_key` go together".to_owned());
    }
    if tls.acme.kind().is_some() && tls.certificate.is_some() {
        return Some("`tls.certificate` and `tls.acme.challenge` are two certificates: choose one".to_owned());
    }
    if tls.acme.kind().is_some() && tls.mode == super::TlsChoice::Off {
        return Some("`tls.acme.challenge` needs `tls.mode` to be auto or on".to_owned());
    }
    tls.acme.contradiction()
}

fn witnesses_check(config: &Config) -> Result<(), ConfigError> {
    for (name, witness) in &config.witnesses {
        if witness.did.public_key().is_none() {
            return Err(ConfigError::Contradiction(format!(
                "the DID of the witness `{name}` is no key: write the node's did:mjn"
            )));
        }
        if witness.url.as_ref().is_some_and(|url| !is_web(url)) {
            return Err(ConfigError::Contradiction(format!(
                "the address of the witness `{name}` must be http:// or https:// with a host"
            )));
        }
    }
    Ok(())
}

fn mirrors_check(config: &Config) -> Result<(), ConfigError> {
    for (name, mirror) in &config.mirrors {
        if mirror.did.public_key().is_none() {
            return Err(ConfigError::Contradiction(format!(
                "the DID of the registry in `mirrors.{name}` is no key: write the did:mjn of the node that runs it"
            )));
        }
        if !std::iter::once(&mirror.url).chain(&mirror.compare).all(is_web) {
            return Err(ConfigError::Contradiction(format!(
                "the addresses in `mirrors.{name}` must be http:// or https:// with a host, and end in /registry"
            )));
        }
    }
    Ok(())
}

fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.host().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_says_where_it_came_from() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join(FILE_NAME),
            "node_name = \"Alice\"\n[events]\nhold_seconds = 60\n",
        )
        .unwrap();
        let mut overrides = Overrides::default();
        overrides.set("listen", Some("127.0.0.1:0"));
        let loaded = load(dir.path(), &overrides).unwrap();
        assert_eq!(loaded.config.node_name, "Alice");
        assert_eq!(loaded.config.events.hold_seconds, 60);
        let source = |key: &str| {
            loaded
                .effective
                .iter()
                .find(|line| line.key == key)
                .unwrap()
                .source
                .clone()
        };
        assert_eq!(source("listen"), "the command line");
        assert_eq!(source("dev"), "default");
        assert!(source("node_name").ends_with(FILE_NAME));
    }

    #[test]
    fn unknown_keys_and_contradictions_are_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE_NAME), "lissten = \"127.0.0.1:1\"\n").unwrap();
        let error = load(dir.path(), &Overrides::default()).unwrap_err().to_string();
        assert!(error.contains("lissten"), "{error}");
        std::fs::write(dir.path().join(FILE_NAME), "services = [\"www\"]\n").unwrap();
        let error = load(dir.path(), &Overrides::default()).unwrap_err().to_string();
        assert!(error.contains("auth"), "{error}");
        std::fs::write(dir.path().join(FILE_NAME), "[query]\nevidence_days = 29\n").unwrap();
        let error = load(dir.path(), &Overrides::default()).unwrap_err().to_string();
        assert!(error.contains("query.evidence_days"), "{error}");
        for seconds in [4, 601] {
            let text = format!("[query.engine]\ntimeout_seconds = {seconds}\n");
            std::fs::write(dir.path().join(FILE_NAME), text).unwrap();
            let error = load(dir.path(), &Overrides::default()).unwrap_err().to_string();
            assert!(error.contains("query.engine.timeout_seconds"), "{error}");
        }
    }

    #[test]
    fn witnesses_are_shown_and_must_be_keys() {
        let dir = tempfile::tempdir().unwrap();
        let write = |did: &str| {
            let text = format!("[witnesses.registry]\ndid = \"{did}\"\nurl = \"https://registry.example/\"\n");
            std::fs::write(dir.path().join(FILE_NAME), text).unwrap();
        };
        let did = "did:mjn:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
        write(did);
        let loaded = load(dir.path(), &Overrides::default()).unwrap();
        let shown = |key: &str| loaded.effective.iter().find(|line| line.key == key).unwrap();
        assert_eq!(shown("witnesses.registry.did").value, did);
        assert!(shown("witnesses.registry.url").source.ends_with(FILE_NAME));
        write("did:web:registry.example");
        let error = load(dir.path(), &Overrides::default()).unwrap_err().to_string();
        assert!(error.contains("registry") && error.contains("did:mjn"), "{error}");
    }

    #[test]
    fn peers_are_hosts_or_dids() {
        let dir = tempfile::tempdir().unwrap();
        let write = |names: &str| {
            std::fs::write(dir.path().join(FILE_NAME), format!("[peers]\nblock = [{names}]\n")).unwrap();
            load(dir.path(), &Overrides::default())
        };
        let loaded = write("\"*.spam.example\", \"did:web:liar.example\"").unwrap();
        assert_eq!(loaded.config.peers.block.len(), 2);
        let error = write("\"https://liar.example\"").unwrap_err().to_string();
        assert!(error.contains("https://liar.example"), "{error}");
    }

    #[test]
    fn mirrors_must_be_of_keys_and_at_addresses() {
        let dir = tempfile::tempdir().unwrap();
        let write = |did: &str, url: &str| {
            let text = format!("[mirrors.central]\ndid = \"{did}\"\nurl = \"{url}\"\n");
            std::fs::write(dir.path().join(FILE_NAME), text).unwrap();
            load(dir.path(), &Overrides::default())
        };
        let did = "did:mjn:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
        let loaded = write(did, "https://registry.example/registry").unwrap();
        assert!(loaded.config.mirrors["central"].compare.is_empty());
        let error = write("did:web:registry.example", "https://registry.example/registry").unwrap_err();
        assert!(error.to_string().contains("did:mjn"), "{error}");
        let error = write(did, "file:///etc/passwd").unwrap_err();
        assert!(error.to_string().contains("mirrors.central"), "{error}");
    }

    #[test]
    fn secrets_are_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join(FILE_NAME),
            "[database]\nurl = \"postgres://u:hunter2@h/d\"\n\n[rails.stripe]\nsecret_key = \"sk_live_hunter2\"\n\
             webhook_secrets = \"whsec_hunter2\"\n",
        )
        .unwrap();
        let loaded = load(dir.path(), &Overrides::default()).unwrap();
        assert!(!format!("{:?}", loaded.effective).contains("hunter2"));
        assert!(!format!("{:?}", loaded.config).contains("hunter2"));
    }
}
