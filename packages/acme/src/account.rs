use std::time::Duration;

use async_trait::async_trait;
use imajin_web::HttpClient;
use instant_acme::{
    AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, Order, OrderStatus,
    RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use url::Url;
use zeroize::Zeroizing;

use crate::error::problem_text;
use crate::transport::Transport;
use crate::{AcmeError, CertificateFacts};

/// The authority is asked for its decision at growing intervals, for this long.
const PATIENCE: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(100))
    .backoff(1.5)
    .timeout(Duration::from_mins(2));

/// An authority, and how to reach it.
#[derive(Clone)]
pub struct Authority {
    /// The address of its directory, `https://acme-v02.api.letsencrypt.org/directory`.
    pub directory: Url,
    /// The client that asks; it knows which certificates of the authority itself to trust.
    pub http: HttpClient,
    /// An address for its notices, `mailto:operator@example.org`.
    pub contact: Option<String>,
}

/// An account at an authority.
pub struct Account {
    inner: instant_acme::Account,
}

/// What was issued.
#[derive(Clone)]
pub struct Issued {
    /// The certificate and those that lead to the authority's root, PEM.
    pub chain_pem: String,
    /// The private key, PKCS#8 DER.
    pub key_der: Zeroizing<Vec<u8>>,
}

/// How a name is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChallengeKind {
    /// By an answer on port 80.
    Http01,
    /// By a text in DNS.
    Dns01,
}

impl ChallengeKind {
    const fn wire(self) -> ChallengeType {
        match self {
            Self::Http01 => ChallengeType::Http01,
            Self::Dns01 => ChallengeType::Dns01,
        }
    }

    /// Its name in RFC 8555, which is also that in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::Dns01 => "dns-01",
        }
    }
}

/// What has to be published to prove one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The name, without `*.`.
    pub name: String,
    /// The last part of the path that is asked for (HTTP-01).
    pub token: String,
    /// What is answered there.
    pub key_authorization: String,
    /// The text at `_acme-challenge` (DNS-01).
    pub dns_value: String,
}

/// Publishes proofs.
#[async_trait]
pub trait Solver: Send + Sync {
    /// Which kind.
    fn kind(&self) -> ChallengeKind;

    /// Publishes all of them; when this returns, the authority can see them.
    async fn present(&self, answers: &[Answer]) -> Result<(), AcmeError>;

    /// They are not needed any more.
    async fn withdraw(&self, answers: &[Answer]);
}

impl Authority {
    /// Makes an account, which means to agree to the authority's terms. The text holds its key: seal it, and give it to
    /// [`Authority::account_restore`] the next time.
    ///
    /// # Errors
    /// [`AcmeError`].
    pub async fn account_create(&self) -> Result<(Account, Zeroizing<String>), AcmeError> {
        let contact: Vec<&str> = self.contact.iter().map(String::as_str).collect();
        let wanted = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let builder = instant_acme::Account::builder_with_http(Box::new(Transport(self.http.clone())));
        let (inner, credentials) = builder.create(&wanted, self.directory.to_string(), None).await?;
        let text = serde_json::to_string(&credentials);
        let text = text.map_err(|error| AcmeError::Unusable(format!("the account cannot be kept: {error}")))?;
        Ok((Account { inner }, Zeroizing::new(text)))
    }

    /// The account that was made before.
    ///
    /// # Errors
    /// [`AcmeError`]; the text may also be that of another program.
    pub async fn account_restore(&self, text: &str) -> Result<Account, AcmeError> {
        let credentials: AccountCredentials = serde_json::from_str(text)
            .map_err(|error| AcmeError::Unusable(format!("the stored account is none: {error}")))?;
        let builder = instant_acme::Account::builder_with_http(Box::new(Transport(self.http.clone())));
        let inner = builder.from_credentials(credentials).await?;
        Ok(Account { inner })
    }
}

impl Account {
    /// Gets a certificate for these names, with a fresh key. A name may begin with `*.` when the solver proves by DNS.
    ///
    /// # Errors
    /// [`AcmeError`]. Asking again does no harm; authorities limit how often.
    pub async fn issue(&self, names: &[String], solver: &dyn Solver) -> Result<Issued, AcmeError> {
        let identifiers: Vec<Identifier> = names.iter().cloned().map(Identifier::Dns).collect();
        let mut order = self.inner.new_order(&NewOrder::new(&identifiers)).await?;
        let answers = answers_of(&mut order, solver.kind()).await?;
        let proven = match solver.present(&answers).await {
            Ok(()) => prove(&mut order, solver.kind()).await,
            Err(error) => Err(error),
        };
        solver.withdraw(&answers).await;
        proven?;
        finish(&mut order, names).await
    }
}

/// What has to be published; names that were proven a short while ago need nothing.
async fn answers_of(order: &mut Order, kind: ChallengeKind) -> Result<Vec<Answer>, AcmeError> {
    let mut answers = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let name = authorization.identifier().to_string();
        let Some(challenge) = authorization.challenge(kind.wire()) else {
            let hint = match kind {
                ChallengeKind::Http01 => "a wildcard needs dns-01",
                ChallengeKind::Dns01 => "choose http-01",
            };
            return Err(AcmeError::NoChallenge {
                kind: kind.as_str(),
                name,
                hint,
            });
        };
        let key_authorization = challenge.key_authorization();
        answers.push(Answer {
            name: name.trim_start_matches("*.").to_owned(),
            token: challenge.token.clone(),
            key_authorization: key_authorization.as_str().to_owned(),
            dns_value: key_authorization.dns_value(),
        });
    }
    Ok(answers)
}

/// Tells the authority to look, and waits for what it says.
async fn prove(order: &mut Order, kind: ChallengeKind) -> Result<(), AcmeError> {
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        if authorization.status == AuthorizationStatus::Pending
            && let Some(mut challenge) = authorization.challenge(kind.wire())
        {
            challenge.set_ready().await?;
        }
    }
    match order.poll_ready(&PATIENCE).await {
        Ok(OrderStatus::Ready | OrderStatus::Valid | OrderStatus::Processing) => Ok(()),
        Ok(OrderStatus::Invalid | OrderStatus::Pending) => {
            let refused = || AcmeError::Refused("the order was not accepted".to_owned());
            Err(failure(order).await.unwrap_or_else(refused))
        }
        Err(error) => Err(failure(order).await.unwrap_or_else(|| error.into())),
    }
}

/// Which name could not be proven, and why.
async fn failure(order: &mut Order) -> Option<AcmeError> {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let name = authorization.identifier().to_string();
        let Ok(state) = authorization.refresh().await else {
            continue;
        };
        let error = state.challenges.iter().find_map(|challenge| challenge.error.as_ref());
        if let Some(problem) = error {
            let why = problem_text(problem);
            return Some(AcmeError::NotProven { name, why });
        }
    }
    None
}

async fn finish(order: &mut Order, names: &[String]) -> Result<Issued, AcmeError> {
    let unusable = |error: rcgen::Error| AcmeError::Unusable(format!("no request can be made: {error}"));
    let key = KeyPair::generate().map_err(unusable)?;
    let mut params = CertificateParams::new(names.to_vec()).map_err(unusable)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).map_err(unusable)?;
    order.finalize_csr(request.der()).await?;
    let chain_pem = order.poll_certificate(&PATIENCE).await?;
    // What came is what was asked for, or it is of no use.
    let facts = CertificateFacts::read(&chain_pem)?;
    if !facts.covers(names) {
        let text = format!(
            "the certificate authority certified other names: {}",
            facts.names.join(", ")
        );
        return Err(AcmeError::Unusable(text));
    }
    Ok(Issued {
        chain_pem,
        key_der: Zeroizing::new(key.serialize_der()),
    })
}
