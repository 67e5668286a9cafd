use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

/// What answers questions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryConfig {
    /// A language model, besides the engine without one that every node has.
    pub engine: EngineConfig,
}

/// A language model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    /// Where its `chat/completions` is, `http://localhost:11434/v1`; empty: none.
    pub url: Option<Url>,
    /// The model.
    pub model: Option<String>,
    /// What the endpoint wants as `Authorization: Bearer`.
    pub key: Option<SecretString>,
}
