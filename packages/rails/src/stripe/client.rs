//! One request to Stripe, until there is an answer.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use imajin_kernel::{Env, Span, Timestamp};
use imajin_web::{HttpAnswer, HttpClient};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use url::{Url, form_urlencoded};

use super::API_VERSION;
use super::objects::{ErrorBody, List};
use crate::config::StripeConfig;
use crate::{RailError, RailHealth, RailSetupError};

/// How long one attempt may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Attempts within one call; whoever called tries again later, with the same key.
const ATTEMPTS_AGAIN: usize = 2;
const BACKOFF_LEAST: Duration = Duration::from_millis(100);
/// The longest that Stripe is left alone, also when its own `Retry-After` says more.
const PAUSE_MAX: Span = Span::minutes(5);
/// It is left alone for 1 s, 2 s, 4 s, … 64 s.
const PAUSE_DOUBLINGS_MAX: u32 = 6;
/// Objects on a page of a list, and the most pages that are read.
const PAGE: usize = 100;
const PAGES_MAX: usize = 50;
/// The longest text of Stripe's that is passed on.
const TEXT_CHARS_MAX: usize = 300;

/// Names and values of a form, in Stripe's way of nesting.
pub(super) type Form<'a> = [(&'a str, String)];

/// Why there is no object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    /// Nobody knows whether it was done: to be asked again with the same key.
    Away {
        problem: String,
        /// Not before so many seconds.
        wait_seconds: Option<u64>,
        /// Whether asking again at once may help.
        at_once: bool,
    },
    /// It will not be done.
    Refused { status: u16, code: String, message: String },
}

impl From<Failed> for RailError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Away { problem, .. } => Self::Unavailable(problem),
            Failed::Refused { message, code, .. } if code.is_empty() => Self::Refused(message),
            Failed::Refused { message, code, .. } => Self::Refused(format!("{message} ({code})")),
        }
    }
}

pub(super) struct Client {
    http: HttpClient,
    base: Url,
    key: SecretString,
    env: Env,
    health: Mutex<RailHealth>,
    quiet: Mutex<Quiet>,
}

/// After it could not be reached, Stripe is left alone for a while.
#[derive(Debug, Default)]
struct Quiet {
    /// Calls in a row that got no answer.
    failures: u32,
    until: Option<Timestamp>,
}

impl Client {
    pub(super) fn new(config: &StripeConfig, env: Env) -> Result<Self, RailSetupError> {
        let http = HttpClient::new(TIMEOUT, None).map_err(|problem| RailSetupError::Setting(problem.detail))?;
        Ok(Self {
            http,
            base: config.api_url.clone(),
            key: config.secret_key.clone(),
            env,
            health: Mutex::default(),
            quiet: Mutex::default(),
        })
    }

    pub(super) fn health(&self) -> RailHealth {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, query: &Form<'_>) -> Result<T, Failed> {
        self.ask(Method::GET, path, query, None).await
    }

    /// Looks through a list to its end. That something is not there is said only when all of it was read: the node
    /// makes what is not there, and others may have put any number of their own in front of it.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &Form<'_>,
        id: fn(&T) -> &String,
        is_it: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, RailError> {
        let mut after: Option<String> = None;
        for _page in 0..PAGES_MAX {
            let mut query = query.to_vec();
            query.push(("limit", PAGE.to_string()));
            query.extend(after.take().map(|after| ("starting_after", after)));
            let page: List<T> = match self.get(path, &query).await {
                Ok(page) => page,
                // There is no list of what our key may not see.
                Err(Failed::Refused { status: 404, .. }) => return Ok(None),
                Err(failed) => return Err(failed.into()),
            };
            after = page.data.last().filter(|_| page.has_more).map(|last| id(last).clone());
            if let Some(object) = page.data.into_iter().find(&is_it) {
                return Ok(Some(object));
            }
            if after.is_none() {
                return Ok(None);
            }
        }
        let problem = format!("the list of {path} goes on after {PAGES_MAX} pages");
        Err(RailError::Unavailable(problem))
    }

    /// Changes something at Stripe, once for each key.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, form: &Form<'_>, key: &str) -> Result<T, Failed> {
        self.ask(Method::POST, path, form, Some(key)).await
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        form: &Form<'_>,
        key: Option<&str>,
    ) -> Result<T, Failed> {
        self.quiet_check()?;
        let attempt = || self.attempt(&method, path, form, key);
        let backoff = ExponentialBuilder::default()
            .with_min_delay(BACKOFF_LEAST)
            .with_max_times(ATTEMPTS_AGAIN);
        let answer = attempt
            .retry(backoff)
            .when(|failed| matches!(failed, Failed::Away { at_once: true, .. }))
            .await;
        self.note(answer.as_ref().err());
        let answer = answer?;
        serde_json::from_slice(&answer.body).map_err(|error| Failed::Away {
            problem: format!("an answer cannot be read: {error}"),
            wait_seconds: None,
            at_once: false,
        })
    }

    async fn attempt(
        &self,
        method: &Method,
        path: &str,
        form: &Form<'_>,
        key: Option<&str>,
    ) -> Result<HttpAnswer, Failed> {
        let encoded = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let mut url = self.base.clone();
        url.set_path(&format!("/v1/{path}"));
        let body = if *method == Method::GET {
            url.set_query(Some(&encoded).filter(|query| !query.is_empty()).map(String::as_str));
            Vec::new()
        } else {
            encoded.into_bytes()
        };
        let headers = self.headers(key)?;
        let sent = self.http.send(method.clone(), url, headers, body).await;
        let answer = sent.map_err(|problem| Failed::Away {
            problem: problem.detail,
            wait_seconds: None,
            at_once: true,
        })?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(failed_of(&answer))
    }

    fn headers(&self, key: Option<&str>) -> Result<HeaderMap, Failed> {
        let impossible = |_error| Failed::Refused {
            status: 0,
            code: String::new(),
            message: "the secret key holds characters that no key has".to_owned(),
        };
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {}", self.key.expose_secret());
        let mut bearer = HeaderValue::try_from(bearer).map_err(impossible)?;
        bearer.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, bearer);
        headers.insert("stripe-version", HeaderValue::from_static(API_VERSION));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        if let Some(key) = key {
            headers.insert("idempotency-key", HeaderValue::try_from(key).map_err(impossible)?);
        }
        Ok(headers)
    }

    /// While Stripe wants quiet, nobody is asked.
    fn quiet_check(&self) -> Result<(), Failed> {
        let quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        match quiet.until {
            Some(end) if self.env.now() < end => Err(Failed::Away {
                problem: "it could not be reached a moment ago".to_owned(),
                wait_seconds: None,
                at_once: false,
            }),
            _ => Ok(()),
        }
    }

    /// Keeps how it went. A refusal is an answer: the rail works.
    fn note(&self, failed: Option<&Failed>) {
        let now = self.env.now();
        let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        let problem = match failed {
            Some(Failed::Away {
                problem, wait_seconds, ..
            }) => {
                let doubled = 1_u64 << quiet.failures.min(PAUSE_DOUBLINGS_MAX);
                let seconds = i64::try_from(wait_seconds.unwrap_or(doubled)).unwrap_or(i64::MAX);
                quiet.failures = quiet.failures.saturating_add(1);
                quiet.until = Some(now.plus(Span::seconds(seconds).min(PAUSE_MAX)));
                Some(problem.clone())
            }
            Some(Failed::Refused { .. }) | None => {
                *quiet = Quiet::default();
                None
            }
        };
        drop(quiet);
        *self.health.lock().unwrap_or_else(PoisonError::into_inner) = RailHealth {
            works: Some(problem.is_none()),
            asked_at: Some(now),
            problem,
            missing: Vec::new(),
        };
    }
}

/// What an answer that is no success means.
fn failed_of(answer: &HttpAnswer) -> Failed {
    let error = serde_json::from_slice::<ErrorBody>(&answer.body)
        .ok()
        .map(|body| body.error);
    let (code, message) = error.map_or_else(Default::default, |error| {
        (error.code.unwrap_or_default(), error.message.unwrap_or_default())
    });
    let message: String = message.chars().take(TEXT_CHARS_MAX).collect();
    let status = answer.status;
    let away = |problem: String, at_once: bool| Failed::Away {
        problem,
        wait_seconds: answer
            .headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok()),
        at_once,
    };
    match status {
        StatusCode::TOO_MANY_REQUESTS => away("Stripe limits how often it is asked".to_owned(), false),
        // The key is wrong, or may not do this: nothing is lost, and the operator has to look.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            away(format!("Stripe does not take the key: {message}"), false)
        }
        // The first request with this key has not ended yet.
        StatusCode::CONFLICT => away(format!("Stripe is busy: {message}"), true),
        _ if status.is_server_error() => away(format!("Stripe answers with {}", status.as_u16()), true),
        _ => Failed::Refused {
            status: status.as_u16(),
            code,
            message,
        },
    }
}
