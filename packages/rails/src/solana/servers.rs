//! The RPC servers behind [`Rpc`](super::Rpc): one is asked, and the next one when it does not answer.
//!
//! A server that was not the first is asked which chain it is on before anything else. What one server says is
//! believed, except of money that has come in, for which several can be made to agree.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use imajin_web::HttpClient;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use super::Address;
use super::rpc::RpcError;

const TIMEOUT: Duration = Duration::from_secs(15);
const MESSAGE_CHARS_MAX: usize = 200;

#[derive(Deserialize)]
struct Answer<T> {
    result: Option<T>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    code: i64,
    message: String,
}

struct Server {
    url: Url,
    /// Whether it has said that it is on the chain.
    is_checked: AtomicBool,
    /// Whether it did not answer when it was asked last.
    is_away: AtomicBool,
}

/// Servers of one chain, in the order in which they are asked.
#[derive(Clone)]
pub(super) struct Servers {
    http: HttpClient,
    all: Arc<[Server]>,
    /// The one that answered last.
    current: Arc<AtomicUsize>,
    /// The first block of the chain, once it is known.
    chain: Arc<OnceLock<Address>>,
}

impl Servers {
    pub(super) fn new(urls: impl IntoIterator<Item = Url>) -> Result<Self, RpcError> {
        let http = HttpClient::new(TIMEOUT, None).map_err(|problem| RpcError::Away(problem.to_string()))?;
        let server = |url| Server {
            url,
            is_checked: AtomicBool::new(false),
            is_away: AtomicBool::new(false),
        };
        Ok(Self {
            http,
            all: urls.into_iter().map(server).collect(),
            current: Arc::new(AtomicUsize::new(0)),
            chain: Arc::new(OnceLock::new()),
        })
    }

    /// From now on only servers on the chain with this first block are asked.
    pub(super) fn chain_expect(&self, genesis: Address) {
        // One that is known stays: the caller compares every answer with the configuration itself.
        let _known = self.chain.set(genesis);
    }

    /// How many there are, and how many of them did not answer when they were asked last.
    pub(super) fn away(&self) -> (usize, usize) {
        let away = self.all.iter().filter(|server| server.is_away.load(Ordering::Acquire));
        (self.all.len(), away.count())
    }

    /// The servers, the one that answered last in front.
    fn in_order(&self) -> impl Iterator<Item = (usize, &Server)> {
        let first = self.current.load(Ordering::Acquire);
        let behind = self.all.iter().enumerate().skip(first);
        behind.chain(self.all.iter().enumerate().take(first))
    }

    /// Asks the first server that answers.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &Value,
    ) -> Result<Option<T>, RpcError> {
        let mut last = RpcError::Away("none is configured".to_owned());
        for (place, server) in self.in_order() {
            match self.ask_one(server, method, params).await {
                Err(error) if error.is_away() => last = error,
                answered => {
                    self.current.store(place, Ordering::Release);
                    return answered;
                }
            }
        }
        Err(last)
    }

    /// Asks until `agree` servers have said the same. `None`: none of them has it. What too few have is waited for, as
    /// for a server that is away.
    pub(super) async fn ask_agreed<T: PartialEq>(
        &self,
        method: &'static str,
        params: &Value,
        agree: usize,
        read: impl Fn(Value) -> Result<T, RpcError>,
    ) -> Result<Option<T>, RpcError> {
        let (mut said, mut count): (Option<T>, usize) = (None, 0);
        let mut away = None;
        for (_place, server) in self.in_order() {
            let answer = match self.ask_one(server, method, params).await {
                Ok(Some(value)) => read(value)?,
                Ok(None) => continue,
                Err(error) => {
                    away = Some(error);
                    continue;
                }
            };
            if said.as_ref().is_some_and(|said| *said != answer) {
                return Err(unreadable(method, "two servers say different things"));
            }
            said = Some(answer);
            count = count.saturating_add(1);
            if count >= agree {
                return Ok(said);
            }
        }
        match (said, away) {
            (None, None) => Ok(None),
            (None, Some(error)) => Err(error),
            (Some(_), _) => Err(RpcError::Away(format!(
                "{count} of the {agree} servers that must agree have shown it"
            ))),
        }
    }

    /// What `agree` servers list that have every block since a slot. A server that has thrown old blocks away lists
    /// nothing of what was in them, and that is no answer.
    pub(super) async fn lists_since<T: DeserializeOwned>(
        &self,
        since: u64,
        params: &Value,
        agree: usize,
    ) -> Result<Vec<Vec<T>>, RpcError> {
        let mut lists = Vec::new();
        let mut problem = None;
        for (_place, server) in self.in_order() {
            match self.list_since(server, since, params).await {
                Ok(list) => lists.push(list),
                Err(error) => problem = Some(error),
            }
            if lists.len() >= agree {
                return Ok(lists);
            }
        }
        Err(problem.unwrap_or_else(|| RpcError::Away("fewer servers than must agree are configured".to_owned())))
    }

    async fn list_since<T: DeserializeOwned>(
        &self,
        server: &Server,
        since: u64,
        params: &Value,
    ) -> Result<Vec<T>, RpcError> {
        const METHOD: &str = "getSignaturesForAddress";
        const FIRST: &str = "getFirstAvailableBlock";
        let first: Option<u64> = self.ask_one(server, FIRST, &json!([])).await?;
        let first = first.ok_or_else(|| unreadable(FIRST, "neither a result nor an error"))?;
        if first > since {
            let problem = format!("it keeps blocks from slot {first} on, and what was signed at slot {since} is asked");
            return Err(RpcError::Away(problem));
        }
        let list = self.ask_one(server, METHOD, params).await?;
        list.ok_or_else(|| unreadable(METHOD, "neither a result nor an error"))
    }

    async fn ask_one<T: DeserializeOwned>(
        &self,
        server: &Server,
        method: &'static str,
        params: &Value,
    ) -> Result<Option<T>, RpcError> {
        let asked = async {
            if let Some(chain) = self.chain.get().filter(|_| self.all.len() > 1)
                && !server.is_checked.load(Ordering::Acquire)
            {
                let genesis: Option<Address> = self.send(server, "getGenesisHash", &json!([])).await?;
                if genesis.as_ref() != Some(chain) {
                    return Err(RpcError::Away("it is on another chain".to_owned()));
                }
                server.is_checked.store(true, Ordering::Release);
            }
            self.send(server, method, params).await
        };
        let answer = asked.await;
        let is_away = answer.as_ref().is_err_and(RpcError::is_away);
        server.is_away.store(is_away, Ordering::Release);
        answer
    }

    async fn send<T: DeserializeOwned>(
        &self,
        server: &Server,
        method: &'static str,
        params: &Value,
    ) -> Result<Option<T>, RpcError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let body = request.to_string().into_bytes();
        let sent = self.http.send(Method::POST, server.url.clone(), headers, body);
        let answer = sent.await.map_err(|problem| RpcError::Away(problem.to_string()))?;
        if !answer.status.is_success() {
            return Err(RpcError::Away(format!("it answered {}", answer.status)));
        }
        let answer: Answer<T> =
            serde_json::from_slice(&answer.body).map_err(|error| unreadable(method, &error.to_string()))?;
        match answer.error {
            Some(Refusal { code, message }) => Err(RpcError::Refused {
                code,
                message: message.chars().take(MESSAGE_CHARS_MAX).collect(),
            }),
            None => Ok(answer.result),
        }
    }
}

pub(super) fn unreadable(method: &'static str, detail: &str) -> RpcError {
    RpcError::Unreadable {
        method,
        detail: detail.to_owned(),
    }
}
