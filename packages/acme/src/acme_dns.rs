use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use imajin_web::HttpClient;
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;
use zeroize::Zeroize;

use crate::{AcmeError, Answer, ChallengeKind, Solver};

/// Texts that an endpoint keeps for one name: one for the name, one for the wildcard beneath it.
const TEXTS_MAX: usize = 2;

/// What an endpoint with the interface of acme-dns needs to set the text of one name.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DnsAccount {
    /// The name whose certificates it is for, in full.
    pub hostname: String,
    /// The base URL of the endpoint.
    pub acme_url: Url,
    /// The user.
    pub username: String,
    /// The password.
    pub password: String,
    /// Where the text goes, in the endpoint's words.
    pub subdomain: String,
}

impl std::fmt::Debug for DnsAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DnsAccount({} at {})", self.hostname, self.acme_url)
    }
}

impl Drop for DnsAccount {
    fn drop(&mut self) {
        self.password.zeroize();
    }
}

/// Proves a name by a text in DNS that an endpoint with the interface of acme-dns sets.
pub struct AcmeDns {
    http: HttpClient,
    account: DnsAccount,
}

impl AcmeDns {
    /// Nothing is sent yet.
    pub const fn new(http: HttpClient, account: DnsAccount) -> Self {
        Self { http, account }
    }

    async fn update(&self, text: &str) -> Result<(), AcmeError> {
        let refused = |why: String| AcmeError::NotPublished(format!("{}: {why}", self.account.acme_url));
        let base = format!("{}/", self.account.acme_url.as_str().trim_end_matches('/'));
        let url = Url::parse(&base).and_then(|base| base.join("update"));
        let url = url.map_err(|error| refused(error.to_string()))?;
        let secret = |text: &str| HeaderValue::from_str(text).map_err(|error| refused(error.to_string()));
        let mut password = secret(&self.account.password)?;
        password.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (HeaderName::from_static("x-api-user"), secret(&self.account.username)?),
            (HeaderName::from_static("x-api-key"), password),
        ]);
        let body = json!({"subdomain": self.account.subdomain, "txt": text}).to_string();
        let answer = self.http.send(Method::POST, url, headers, body.into_bytes()).await;
        let answer = answer.map_err(|problem| refused(problem.detail))?;
        match answer.success() {
            Err(problem) if answer.status == StatusCode::UNAUTHORIZED => Err(AcmeError::NoAccount(format!(
                "{}: {}",
                self.account.acme_url, problem.detail
            ))),
            answered => answered.map_err(|problem| refused(problem.detail)),
        }
    }
}

#[async_trait]
impl Solver for AcmeDns {
    fn kind(&self) -> ChallengeKind {
        ChallengeKind::Dns01
    }

    async fn present(&self, answers: &[Answer]) -> Result<(), AcmeError> {
        if answers.len() > TEXTS_MAX {
            let text = "one name and the wildcard beneath it are all that one account can prove";
            return Err(AcmeError::NotPublished(text.to_owned()));
        }
        if let Some(other) = answers.iter().find(|answer| answer.name != self.account.hostname) {
            let text = format!("the account is for {}, not for {}", self.account.hostname, other.name);
            return Err(AcmeError::NotPublished(text));
        }
        for answer in answers {
            self.update(&answer.dns_value).await?;
        }
        Ok(())
    }

    /// The endpoint lets the next texts take the place of these.
    async fn withdraw(&self, _answers: &[Answer]) {}
}
