//! What an agent asks its brokers; each request is signed by its key.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use imajin_imagxp::broker::{BrokerAccount, VisaIssued, VisaOrder};
use imajin_kernel::{Code, Problem};
use imajin_money::Money;
use imajin_proof::digest::content_digest;
use imajin_proof::http_sig::{MessageParams, MessageView};
use imajin_web::HttpAnswer;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::again::{TRIES_MAX, is_undecided, wait_before};
use crate::{Agent, Purchase};

/// How long a visa lasts: long enough to go on after an interruption.
const VISA_SECONDS: u32 = 1_800;

#[derive(Deserialize)]
pub(crate) struct Metadata {
    issuer: String,
    #[serde(default)]
    imagxp_visa_endpoint: Option<String>,
    #[serde(default)]
    pub(crate) imagxp_dispute_endpoint: Option<String>,
}

impl Agent {
    /// Buys the visa of a purchase; asked again, it is the same visa.
    pub(crate) async fn visa_buy(&self, purchase: &Purchase) -> Result<String, Problem> {
        let order = VisaOrder {
            publisher: purchase.publisher.clone(),
            max_amount: purchase.price,
            purpose: purchase.door.purpose(purchase.purpose),
            ttl: VISA_SECONDS,
            uses: None,
        };
        let url = self
            .endpoint(&purchase.broker, |said| said.imagxp_visa_endpoint)
            .await?;
        let order = json!(order);
        let asked = self.ask(Method::POST, &url, Some(&order), Some(&purchase.id)).await?;
        let issued: VisaIssued = asked.json()?;
        Ok(issued.token)
    }

    /// Where a broker does something, by its own word and on its own origin.
    pub(crate) async fn endpoint(
        &self,
        broker: &str,
        of: impl FnOnce(Metadata) -> Option<String>,
    ) -> Result<Url, Problem> {
        let origin = url_of(broker)?.origin();
        let url = url_of(&format!("{broker}/.well-known/openid-configuration"))?;
        let metadata: Metadata = self.get_plain(&url).await?.json()?;
        let is_its_own = metadata.issuer == broker;
        let endpoint = of(metadata).as_deref().map(url_of).transpose()?;
        let endpoint = endpoint.filter(|url| url.origin() == origin && is_its_own);
        endpoint.ok_or_else(|| Problem::invalid(format!("{broker} does not say where it can be asked for this.")))
    }

    /// Opens an account at a broker, unless there is one; from here on its visas are bought.
    ///
    /// # Errors
    /// Why the broker refuses, or that it does not answer.
    pub async fn account_open(&mut self, broker: &str) -> Result<(), Problem> {
        let broker = broker.trim_end_matches('/');
        let url = url_of(&format!("{broker}/api/agents"))?;
        let nothing = json!({});
        self.ask(Method::POST, &url, Some(&nothing), None).await?.success()?;
        if self.home().settings().brokers.iter().any(|known| known == broker) {
            return Ok(());
        }
        self.home_mut()
            .change(|settings| settings.brokers.push(broker.to_owned()))
    }

    /// What the agent has at a broker.
    ///
    /// # Errors
    /// As for [`Agent::account_open`].
    pub async fn balances(&self, broker: &str) -> Result<Vec<Money>, Problem> {
        let url = url_of(&format!("{broker}/api/accounts/me"))?;
        let account: BrokerAccount = self.ask(Method::GET, &url, None, None).await?.json()?;
        Ok(account.balances)
    }

    /// Asks a broker where to pay money into the agent's account. The answer is the broker's document about the
    /// deposit; asked again under the same key, it is the same deposit.
    ///
    /// # Errors
    /// As for [`Agent::account_open`].
    pub async fn deposit_ask(&self, broker: &str, amount: Money, key: Option<&str>) -> Result<Value, Problem> {
        let broker = broker.trim_end_matches('/');
        let url = url_of(&format!("{broker}/api/deposits"))?;
        let fresh = self.fresh_name();
        let asked = json!({ "amount": amount });
        let key = Some(key.unwrap_or(&fresh));
        self.ask(Method::POST, &url, Some(&asked), key).await?.json()
    }

    /// Puts a question, and again when the answer was lost or nothing was decided: each time signed anew, under the
    /// same key, and as late as the broker says.
    ///
    /// # Errors
    /// [`Code::Unavailable`] when nothing is known of what became of it in the end.
    pub(crate) async fn ask(
        &self,
        method: Method,
        url: &Url,
        body: Option<&Value>,
        idempotency: Option<&str>,
    ) -> Result<HttpAnswer, Problem> {
        let body = body.map(ToString::to_string).unwrap_or_default().into_bytes();
        let mut tries: u32 = 1;
        loop {
            let headers = self.signed_headers(method.as_str(), url, &body, idempotency)?;
            let answer = self
                .http()
                .send(method.clone(), url.clone(), headers, body.clone())
                .await;
            let undecided = match &answer {
                Ok(answer) => undecided_of(answer),
                Err(problem) => Some(problem.clone()),
            };
            let Some(problem) = undecided else { return answer };
            if tries >= TRIES_MAX {
                return Err(problem);
            }
            let headers = answer.as_ref().ok().map(|answer| &answer.headers);
            tokio::time::sleep(wait_before(tries, headers)).await;
            tries = tries.saturating_add(1);
        }
    }

    fn signed_headers(
        &self,
        method: &str,
        url: &Url,
        body: &[u8],
        idempotency: Option<&str>,
    ) -> Result<HeaderMap, Problem> {
        let mut headers = HeaderMap::new();
        put(&mut headers, "content-type", "application/json")?;
        put(&mut headers, "content-digest", &content_digest(body))?;
        let mut covered = vec![r#""@method""#, r#""@target-uri""#, r#""content-digest""#];
        if let Some(text) = idempotency {
            put(&mut headers, "idempotency-key", text)?;
            covered.push(r#""idempotency-key""#);
        }
        let (did, nonce) = (self.home().did()?, self.fresh_name());
        let params = MessageParams {
            label: "sig1",
            keyid: did.as_str(),
            created: self.now(),
            expires: None,
            nonce: Some(&nonce),
            tag: None,
        };
        let fields = MessageView::request(method, url.as_str(), &headers)
            .sign(self.key(), &covered, &params)
            .map_err(|error| Problem::new(error.code(), error.to_string()))?;
        put(&mut headers, "signature-input", &fields.signature_input)?;
        put(&mut headers, "signature", &fields.signature)?;
        Ok(headers)
    }
}

/// What a broker says that leaves open what became of a request. Most of its conflicts are for good; that the same
/// request is still running is not.
fn undecided_of(answer: &HttpAnswer) -> Option<Problem> {
    let problem = answer.success().err()?;
    let is_open = match answer.status {
        StatusCode::CONFLICT => problem.code == Code::IdempotencyInFlight,
        status => is_undecided(status),
    };
    is_open.then_some(Problem {
        code: Code::Unavailable,
        ..problem
    })
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), Problem> {
    let wrong = |_error| Problem::invalid(format!("{name}: it does not fit into a header."));
    headers.insert(
        HeaderName::from_static(name),
        HeaderValue::from_str(value).map_err(wrong)?,
    );
    Ok(())
}

pub(crate) fn url_of(text: &str) -> Result<Url, Problem> {
    let url = Url::parse(text).map_err(|error| Problem::invalid(format!("{text}: {error}.")))?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err(Problem::invalid(format!("{text} is no address on the web.")))
    }
}
