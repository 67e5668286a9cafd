//! Payment rails: which there are, and where their secrets are.

use std::path::{Path, PathBuf};

use imajin_money::Amount;
use imajin_pay::{RailsConfig, SandboxUse, StripeConfig};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::{ConfigError, SolanaSettings};

/// Payment rails.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RailsSettings {
    /// Test money on a page of the node itself: `auto`, unless a rail takes real money; `on`; `off`.
    pub sandbox: SandboxChoice,
    /// Cards through Stripe.
    pub stripe: StripeSettings,
    /// USDC and SOL on Solana.
    pub solana: SolanaSettings,
    /// Balances of at least so much, `10.00` in any currency, are paid out by themselves; empty: only when their owners
    /// ask.
    pub payout_threshold: Option<String>,
}

/// When the sandbox takes payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxChoice {
    /// Unless a rail takes real money.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// Cards through Stripe. Without a key there are none.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StripeSettings {
    /// The secret or restricted key, `sk_…` or `rk_…`: a test key takes test money, a live key real money.
    pub secret_key: Option<SecretString>,
    /// A file with the key in it, instead.
    pub secret_key_file: Option<PathBuf>,
    /// The signing secrets of the webhook endpoint, `whsec_…`; two with a comma while one replaces the other.
    pub webhook_secrets: Option<SecretString>,
    /// A file with them in it, one on each line, instead.
    pub webhook_secrets_file: Option<PathBuf>,
    /// Where Stripe is.
    pub api_url: Url,
}

/// Secrets are in these keys.
pub(super) const SECRET_KEYS: [&str; 2] = ["rails.stripe.secret_key", "rails.stripe.webhook_secrets"];

impl RailsSettings {
    /// The rails for pay. `node_url` is where people reach the node, `node_name` what wallets call it.
    ///
    /// # Errors
    /// When a secret is given twice or its file cannot be read.
    pub fn resolve(&self, node_url: &Url, node_name: &str) -> Result<RailsConfig, ConfigError> {
        let sandbox = match self.sandbox {
            SandboxChoice::Auto => SandboxUse::Auto,
            SandboxChoice::On => SandboxUse::On,
            SandboxChoice::Off => SandboxUse::Off,
        };
        Ok(RailsConfig {
            sandbox,
            stripe: self.stripe.resolve(node_url)?,
            solana: self.solana.resolve(node_url, node_name)?,
            payout_threshold: self.payout_threshold()?,
        })
    }

    fn payout_threshold(&self) -> Result<Option<Amount>, ConfigError> {
        let text = self.payout_threshold.as_deref().filter(|text| !text.is_empty());
        let parsed = text.map(Amount::parse_decimal).transpose();
        parsed.map_err(|error| contradiction(format!("`rails.payout_threshold`: {error}")))
    }

    /// Whether nothing of what is paid here is worth anything.
    ///
    /// # Errors
    /// As [`RailsSettings::resolve`].
    pub fn is_test(&self, node_url: &Url) -> Result<bool, ConfigError> {
        let rails = self.resolve(node_url, "")?;
        let checked = rails.stripe.map(|stripe| stripe.check()).transpose();
        let cards_are_test = checked
            .map_err(|error| contradiction(error.to_string()))?
            .unwrap_or(true);
        Ok(cards_are_test && rails.solana.is_none_or(|solana| solana.network != "mainnet"))
    }
}

impl StripeSettings {
    fn resolve(&self, node_url: &Url) -> Result<Option<StripeConfig>, ConfigError> {
        let key = secret(
            "rails.stripe.secret_key",
            self.secret_key.as_ref(),
            self.secret_key_file.as_deref(),
        )?;
        let secrets = secret(
            "rails.stripe.webhook_secrets",
            self.webhook_secrets.as_ref(),
            self.webhook_secrets_file.as_deref(),
        )?;
        let Some(key) = key else {
            return match secrets {
                None => Ok(None),
                Some(_) => Err(contradiction(
                    "`rails.stripe.webhook_secrets` is set and `rails.stripe.secret_key` is not".to_owned(),
                )),
            };
        };
        let split = |text: &SecretString| -> Vec<SecretString> {
            let parts = text.expose_secret().split([',', '\n']).map(str::trim);
            parts.filter(|part| !part.is_empty()).map(SecretString::from).collect()
        };
        let config = StripeConfig {
            secret_key: key.expose_secret().trim().into(),
            webhook_secrets: secrets.as_ref().map(split).unwrap_or_default(),
            api_url: self.api_url.clone(),
            node_url: node_url.as_str().trim_end_matches('/').to_owned(),
        };
        config.check().map_err(|error| contradiction(error.to_string()))?;
        Ok(Some(config))
    }
}

/// A secret, from the configuration or from a file.
pub(super) fn secret(
    key: &str,
    given: Option<&SecretString>,
    file: Option<&Path>,
) -> Result<Option<SecretString>, ConfigError> {
    match (given, file) {
        (Some(_), Some(_)) => Err(contradiction(format!(
            "`{key}` and `{key}_file` are both set: choose one"
        ))),
        (Some(given), None) => Ok(Some(given.clone())),
        (None, Some(path)) => {
            let read = std::fs::read_to_string(path);
            let text = read
                .map_err(|error| contradiction(format!("`{key}_file`: {} cannot be read: {error}", path.display())))?;
            Ok(Some(text.into()))
        }
        (None, None) => Ok(None),
    }
}

pub(super) fn contradiction(text: String) -> ConfigError {
    ConfigError::Contradiction(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk_live_hunter2";

    fn settings() -> StripeSettings {
        StripeSettings {
            secret_key: Some(KEY.into()),
            secret_key_file: None,
            webhook_secrets: Some("whsec_one, whsec_two".into()),
            webhook_secrets_file: None,
            api_url: "https://api.stripe.com".parse().unwrap(),
        }
    }

    fn refusal(change: impl FnOnce(&mut StripeSettings)) -> String {
        let mut changed = settings();
        change(&mut changed);
        let node: Url = "https://node.example".parse().unwrap();
        let text = changed.resolve(&node).unwrap_err().to_string();
        assert!(!text.contains("hunter2"), "{text}");
        text
    }

    #[test]
    fn secrets_come_from_the_configuration_or_from_files() {
        let node: Url = "https://node.example/".parse().unwrap();
        let direct = settings().resolve(&node).unwrap().unwrap();
        assert_eq!(
            (direct.webhook_secrets.len(), direct.node_url.as_str()),
            (2, "https://node.example")
        );
        let folder = tempfile::tempdir().unwrap();
        let (key, hooks) = (folder.path().join("key"), folder.path().join("hooks"));
        std::fs::write(&key, format!("{KEY}\n")).unwrap();
        std::fs::write(&hooks, "whsec_one\nwhsec_two\n").unwrap();
        let filed = StripeSettings {
            secret_key: None,
            secret_key_file: Some(key),
            webhook_secrets: None,
            webhook_secrets_file: Some(hooks),
            ..settings()
        };
        let filed = filed.resolve(&node).unwrap().unwrap();
        assert_eq!(filed.secret_key.expose_secret(), KEY);
        assert_eq!(filed.webhook_secrets.len(), 2);
        assert!(!format!("{filed:?}").contains("hunter2"));
    }

    #[test]
    fn what_cannot_be_right_is_named_without_its_content() {
        assert!(refusal(|stripe| stripe.secret_key = Some("pk_live_hunter2".into())).contains("sk_test_"));
        assert!(refusal(|stripe| stripe.webhook_secrets = None).contains("webhook_secrets"));
        assert!(refusal(|stripe| stripe.webhook_secrets = Some("hunter2".into())).contains("whsec_"));
        assert!(refusal(|stripe| stripe.secret_key = None).contains("secret_key"));
        assert!(refusal(|stripe| stripe.secret_key_file = Some("/nowhere".into())).contains("choose one"));
        let elsewhere: Url = "https://stripe.example".parse().unwrap();
        assert!(refusal(|stripe| stripe.api_url = elsewhere).contains("live key"));
        let plain: Url = "http://api.stripe.com".parse().unwrap();
        assert!(refusal(|stripe| stripe.api_url = plain).contains("https"));
        let missing = refusal(|stripe| {
            stripe.secret_key = None;
            stripe.secret_key_file = Some("/nowhere/key".into());
        });
        assert!(missing.contains("/nowhere/key"), "{missing}");
    }
}
