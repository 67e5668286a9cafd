//! Which rails a node has.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// Where Stripe is.
pub const STRIPE_URL: &str = "https://api.stripe.com";

/// How a node speaks with Stripe.
#[derive(Clone)]
pub struct StripeConfig {
    /// `sk_test_…` or `rk_test_…`: all its money is test money. `sk_live_…` or `rk_live_…`: all of it is real.
    pub secret_key: SecretString,
    /// The signing secrets of the webhook endpoint, `whsec_…`: one, or two while one replaces the other.
    pub webhook_secrets: Vec<SecretString>,
    /// Where Stripe is: [`STRIPE_URL`], unless a test says otherwise.
    pub api_url: Url,
    /// The node's own address, without a slash at the end: people come back to it.
    pub node_url: String,
}

impl fmt::Debug for StripeConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeConfig")
            .field("api_url", &self.api_url.as_str())
            .finish_non_exhaustive()
    }
}

/// Why a rail cannot be set up as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RailSetupError {
    /// This program was built without it.
    #[error(
        "the rail `{rail}` is configured, and this program was built without it: build with `--features {feature}`, or \
         take a release"
    )]
    NotBuilt {
        /// The rail.
        rail: &'static str,
        /// The cargo feature.
        feature: &'static str,
    },
    /// A setting cannot be right.
    #[error("{0}")]
    Setting(String),
}

/// Whether money under a key is worth nothing; `None` when the key is none of Stripe's.
pub(crate) fn key_is_test(key: &SecretString) -> Option<bool> {
    let key = key.expose_secret();
    let of = |mode: &str| {
        ["sk", "rk"]
            .iter()
            .any(|kind| key.starts_with(&format!("{kind}_{mode}_")))
    };
    match (of("test"), of("live")) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

impl StripeConfig {
    /// Checks what can be checked without asking anybody; says whether its money is test money.
    ///
    /// # Errors
    /// [`RailSetupError::Setting`], which names the setting and never what is in it.
    pub fn check(&self) -> Result<bool, RailSetupError> {
        let wrong = |text: &str| Err(RailSetupError::Setting(text.to_owned()));
        let Some(is_test) = key_is_test(&self.secret_key) else {
            return wrong("`rails.stripe.secret_key` must begin with sk_test_, rk_test_, sk_live_ or rk_live_");
        };
        if self.webhook_secrets.is_empty() {
            return wrong(
                "`rails.stripe.webhook_secrets` is empty: Stripe shows the signing secret (whsec_…) of each webhook \
                 endpoint",
            );
        }
        let whole = |secret: &SecretString| secret.expose_secret().starts_with("whsec_");
        if !self.webhook_secrets.iter().all(whole) {
            return wrong("each of `rails.stripe.webhook_secrets` must begin with whsec_");
        }
        let loopback = matches!(self.api_url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
        if self.api_url.scheme() != "https" && !loopback {
            return wrong("`rails.stripe.api_url` must be https");
        }
        if !is_test && self.api_url.as_str().trim_end_matches('/') != STRIPE_URL && !loopback {
            return wrong("a live key goes to Stripe only: leave `rails.stripe.api_url` out");
        }
        Ok(is_test)
    }
}
