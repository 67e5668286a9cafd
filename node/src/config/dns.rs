//! Who serves the zone of the registry that this node runs itself.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imajin_dns::{Cloudflare, CloudflareSettings, DnsProvider, NameError, Rfc2136, Rfc2136Settings, TsigKey, Zone};
use imajin_kernel::Env;
use imajin_registry::{DnsSettings, NewNodes, RegistryConfig};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::rails::{contradiction, secret};
use super::{ConfigError, RegistryServiceConfig};

/// How long the provider may take for one exchange.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Who serves the registry's zone, and the keys to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryDnsSettings {
    /// `none`: names are given out and not published; `rfc2136`: a server that takes updates signed with TSIG, such as
    /// Knot, BIND or `PowerDNS`; `cloudflare`: a zone at that hoster.
    pub provider: DnsChoice,
    /// For how long others may remember an address, in seconds.
    pub ttl_seconds: u32,
    /// Whether addresses that are not of the public Internet are published: for a network of one's own.
    pub private_addresses: bool,
    /// `rfc2136`: the primary server, `192.0.2.1:53`.
    pub server: Option<SocketAddr>,
    /// `rfc2136`: the name of the TSIG key.
    pub key_name: Option<String>,
    /// `rfc2136`: `hmac-sha256`, `hmac-sha384` or `hmac-sha512`.
    pub key_algorithm: String,
    /// `rfc2136`: the TSIG key's secret in base64.
    pub key_secret: Option<SecretString>,
    /// A file with the secret in it, instead.
    pub key_secret_file: Option<PathBuf>,
    /// `cloudflare`: the identifier of the zone.
    pub zone_id: Option<String>,
    /// `cloudflare`: a token that may edit the DNS of that zone.
    pub api_token: Option<SecretString>,
    /// A file with the token in it, instead.
    pub api_token_file: Option<PathBuf>,
    /// `cloudflare`: where its API is.
    pub api_url: Url,
}

/// Who serves the registry's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DnsChoice {
    /// Nobody.
    None,
    /// A server that takes signed updates.
    Rfc2136,
    /// Cloudflare.
    Cloudflare,
}

/// Secrets are in these keys.
pub(super) const SECRET_KEYS: [&str; 2] = ["registry_service.dns.key_secret", "registry_service.dns.api_token"];

impl RegistryServiceConfig {
    /// What the registry is started with.
    ///
    /// # Errors
    /// As [`RegistryDnsSettings::resolve`].
    pub fn resolve(&self, env: &Env) -> Result<RegistryConfig, ConfigError> {
        Ok(RegistryConfig {
            zone: self.zone.clone(),
            reserved: self.reserved()?,
            dns: self.dns.resolve(&self.zone, env)?,
            known_builds: self.known_builds,
            new_nodes: NewNodes {
                per_hour: self.new_nodes_per_hour,
                per_day: self.new_nodes_per_day,
            },
            copies: self.copies()?,
        })
    }

    fn copies(&self) -> Result<Vec<Url>, ConfigError> {
        let is_web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.host().is_some();
        if self.copies.iter().all(is_web) {
            return Ok(self.copies.clone());
        }
        Err(wrong(
            "copies",
            &"they are http:// or https:// with a host, and end in /registry",
        ))
    }

    /// The names that are given to nobody, as a name is written: another form would reserve nothing.
    fn reserved(&self) -> Result<Vec<String>, ConfigError> {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let mut names = self.reserved.iter();
        match names.find(|name| name.is_empty() || !name.bytes().all(is_name)) {
            None => Ok(self.reserved.clone()),
            Some(other) => Err(wrong(
                "reserved",
                &format!("`{other}` is no name: lower-case letters, digits and hyphens, without the zone"),
            )),
        }
    }
}

impl RegistryDnsSettings {
    /// What the registry publishes names with.
    ///
    /// # Errors
    /// When something is missing or does not fit; no secret is in the text.
    pub fn resolve(&self, zone: &str, env: &Env) -> Result<Option<DnsSettings>, ConfigError> {
        let provider: Arc<dyn DnsProvider> = match self.provider {
            DnsChoice::None => return Ok(None),
            DnsChoice::Rfc2136 => Arc::new(self.rfc2136(zone, env)?),
            DnsChoice::Cloudflare => Arc::new(self.cloudflare(zone)?),
        };
        Ok(Some(DnsSettings {
            provider,
            ttl_seconds: self.ttl_seconds,
            private_addresses: self.private_addresses,
        }))
    }

    fn rfc2136(&self, zone: &str, env: &Env) -> Result<Rfc2136, ConfigError> {
        let missing = |key: &str| wrong(key, &"it is needed for the provider `rfc2136`");
        let secret = secret(
            "registry_service.dns.key_secret",
            self.key_secret.as_ref(),
            self.key_secret_file.as_deref(),
        )?;
        let secret = secret.ok_or_else(|| missing("dns.key_secret"))?;
        let bytes = STANDARD
            .decode(secret.expose_secret().trim())
            .map_err(|_error| wrong("dns.key_secret", &"it is not base64"))?;
        let algorithm = self
            .key_algorithm
            .parse()
            .map_err(|error| wrong("dns.key_algorithm", &error))?;
        let name = self.key_name.as_deref().ok_or_else(|| missing("dns.key_name"))?;
        let key = TsigKey::new(name, algorithm, &bytes).map_err(|error| wrong("dns.key_secret", &error))?;
        let zone: Zone = zone.parse().map_err(|error| wrong("zone", &error))?;
        let settings = Rfc2136Settings {
            server: self.server.ok_or_else(|| missing("dns.server"))?,
            zone,
            key,
            timeout: TIMEOUT,
        };
        Ok(Rfc2136::new(settings, env.clone()))
    }

    fn cloudflare(&self, zone: &str) -> Result<Cloudflare, ConfigError> {
        let missing = |key: &str| wrong(key, &"it is needed for the provider `cloudflare`");
        let token = secret(
            "registry_service.dns.api_token",
            self.api_token.as_ref(),
            self.api_token_file.as_deref(),
        )?;
        let token = token.ok_or_else(|| missing("dns.api_token"))?;
        let zone_id = self.zone_id.clone().ok_or_else(|| missing("dns.zone_id"))?;
        if !zone_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(wrong("dns.zone_id", &"it has letters and digits only"));
        }
        let settings = CloudflareSettings {
            api_url: self.api_url.clone(),
            zone_id,
            zone: zone.parse().map_err(|error: NameError| wrong("zone", &error))?,
            token: token.expose_secret().trim().into(),
            timeout: TIMEOUT,
        };
        Cloudflare::new(settings).map_err(|problem| wrong("dns.provider", &problem))
    }
}

fn wrong(key: &str, error: &dyn std::fmt::Display) -> ConfigError {
    contradiction(format!("`registry_service.{key}`: {error}"))
}

#[cfg(test)]
mod tests {
    use crate::config::{Overrides, load};

    use super::*;

    fn resolved(text: &str) -> Result<Option<DnsSettings>, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("imajin.toml"), text).unwrap();
        let loaded = load(folder.path(), &Overrides::default()).map_err(|error| error.to_string())?;
        let settings = &loaded.config.registry_service;
        assert!(!format!("{settings:?}").contains(SECRET));
        assert!(!loaded.effective.iter().any(|line| line.value.contains(SECRET)));
        let resolved = settings.dns.resolve(&settings.zone, &Env::system());
        resolved.map_err(|error| error.to_string())
    }

    const SECRET: &str = "YSBzZWNyZXQgdGhhdCBldmVyeSB0ZXN0IGtub3dzLi4=";

    #[test]
    fn a_server_with_its_key_is_a_provider_and_no_secret_is_shown() {
        let text = format!(
            "[registry_service]\nzone = \"nodes.example\"\n[registry_service.dns]\nprovider = \"rfc2136\"\nserver = \
             \"192.0.2.1:53\"\nkey_name = \"registry\"\nkey_secret = \"{SECRET}\"\n"
        );
        let settings = resolved(&text).unwrap().unwrap();
        assert_eq!(settings.provider.name(), "rfc2136");
        assert!(resolved("").unwrap().is_none());
        let short = resolved(&text.replace(SECRET, "c2hvcnQ=")).unwrap_err();
        assert!(short.contains("key_secret") && !short.contains("c2hvcnQ"), "{short}");
        for line in ["server", "key_name", "key_secret"] {
            let kept: Vec<&str> = text.lines().filter(|text| !text.starts_with(line)).collect();
            let error = resolved(&kept.join("\n")).unwrap_err();
            assert!(error.contains(&format!("`registry_service.dns.{line}`")), "{error}");
        }
    }

    #[test]
    fn names_are_reserved_as_they_are_written() {
        let reserved = |names: &str| {
            let folder = tempfile::tempdir().unwrap();
            let text = format!("[registry_service]\nreserved = {names}\n");
            std::fs::write(folder.path().join("imajin.toml"), text).unwrap();
            let settings = load(folder.path(), &Overrides::default())
                .unwrap()
                .config
                .registry_service;
            settings.resolve(&Env::system()).map(|config| config.reserved)
        };
        assert_eq!(reserved("[\"shop\", \"dns1\"]").unwrap(), ["shop", "dns1"]);
        for bad in ["[\"Shop\"]", "[\"shop.nodes.example\"]", "[\"\"]"] {
            let error = reserved(bad).unwrap_err().to_string();
            assert!(error.contains("`registry_service.reserved`"), "{error}");
        }
    }

    #[test]
    fn copies_are_at_addresses() {
        let copies = |text: &str| {
            let folder = tempfile::tempdir().unwrap();
            let text = format!("[registry_service]\ncopies = [\"{text}\"]\n");
            std::fs::write(folder.path().join("imajin.toml"), text).unwrap();
            let loaded = load(folder.path(), &Overrides::default()).unwrap();
            let settings = loaded.config.registry_service;
            settings.resolve(&Env::system()).map(|config| config.copies.len())
        };
        assert_eq!(copies("https://node.example/registry").unwrap(), 1);
        let error = copies("mailto:node@node.example").unwrap_err().to_string();
        assert!(error.contains("`registry_service.copies`"), "{error}");
    }

    #[test]
    fn a_zone_at_a_hoster_is_a_provider() {
        let text = format!(
            "[registry_service]\nzone = \"nodes.example\"\n[registry_service.dns]\nprovider = \"cloudflare\"\n\
             zone_id = \"023e105f\"\napi_token = \"{SECRET}\"\n"
        );
        assert_eq!(resolved(&text).unwrap().unwrap().provider.name(), "cloudflare");
        for line in ["zone_id", "api_token"] {
            let kept: Vec<&str> = text.lines().filter(|text| !text.starts_with(line)).collect();
            let error = resolved(&kept.join("\n")).unwrap_err();
            assert!(error.contains(&format!("`registry_service.dns.{line}`")), "{error}");
        }
        assert!(resolved(&text.replace("023e105f", "a/../b")).is_err());
    }
}
