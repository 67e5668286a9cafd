use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use imajin_did::SecretKey;
use imajin_kernel::Env;
use imajin_proof::http_sig::{RequestToSign, SignatureParams, sign};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// How often each person does it: so many unpaid orders one buyer may have for one event.
const TIMES_EACH: usize = 5;

/// What a run of callers saw.
pub(crate) struct Measured {
    pub(crate) latencies: Vec<Duration>,
    pub(crate) refused: usize,
    elapsed: Duration,
}

impl Measured {
    /// What was seen, in any order.
    pub(crate) fn of(mut latencies: Vec<Duration>, refused: usize, elapsed: Duration) -> Self {
        latencies.sort_unstable();
        Self {
            latencies,
            refused,
            elapsed,
        }
    }

    pub(crate) fn per_second(&self) -> f64 {
        let done = u32::try_from(self.latencies.len()).unwrap_or(u32::MAX);
        f64::from(done) / self.elapsed.as_secs_f64()
    }

    /// Half of what was done in a second, in whole numbers.
    pub(crate) fn half_per_second(&self) -> usize {
        let (done, millis) = (self.latencies.len(), self.elapsed.as_millis());
        let millis = usize::try_from(millis).unwrap_or(usize::MAX).max(1);
        (done * 500 / millis).max(1)
    }

    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let place = self.latencies.len().saturating_sub(1) * percent / 100;
        self.latencies.get(place).copied().unwrap_or_default()
    }
}

/// A buyer with a fresh key.
pub(crate) struct Caller {
    http: Client,
    base: String,
    event: Value,
    pub(crate) key: SecretKey,
    env: Env,
}

impl Caller {
    /// Sends a request signed with this key.
    pub(crate) async fn signed(&self, method: Method, path: &str, body: &Value) -> Result<Response, Failed> {
        self.signed_as(method, path, body, None).await
    }

    /// The same, with an idempotency key.
    pub(crate) async fn signed_as(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        idempotency_key: Option<&str>,
    ) -> Result<Response, Failed> {
        let (url, body) = (format!("{}{path}", self.base), serde_json::to_vec(body)?);
        let request = RequestToSign {
            method: method.as_str(),
            target_uri: &url,
            idempotency_key,
            body: &body,
        };
        let signed = sign(&self.key, &request, &SignatureParams::now(self.key.did(), &self.env))?;
        let mut call = self
            .http
            .request(method, &url)
            .header("content-type", "application/json");
        for (name, value) in signed.headers() {
            call = call.header(name, value);
        }
        Ok(call.body(body).send().await?)
    }

    async fn hold(&self) -> Result<Option<Value>, Failed> {
        let body = json!({"eventId": self.event["id"], "tierId": self.event["tiers"][0]["id"], "quantity": 1});
        let response = self.signed(Method::POST, "/events/api/checkout", &body).await?;
        if !response.status().is_success() {
            return Ok(None);
        }
        Ok(Some(response.json().await?))
    }

    /// Reads the public facts of one's own identity: no signature, no write.
    pub(crate) async fn lookup(&self) -> Result<bool, Failed> {
        let url = format!("{}/auth/api/lookup/{}", self.base, self.key.did());
        Ok(self.http.get(url).send().await?.status().is_success())
    }

    /// Writes one's profile: signature, nonce, mutation log and row, durable.
    pub(crate) async fn profile_set(&self, version: usize) -> Result<bool, Failed> {
        let body = json!({"version": version, "displayName": format!("Caller {version}")});
        let response = self.signed(Method::PUT, "/profile/api/profile", &body).await?;
        Ok(response.status().is_success())
    }

    /// A challenge's id and our signature over its text.
    async fn challenge_answer(&self) -> Result<(Value, String), Failed> {
        let request = self
            .http
            .post(format!("{}/auth/api/challenge", self.base))
            .json(&json!({"id": self.key.did()}));
        let challenge: Value = request.send().await?.json().await?;
        let text = challenge["challenge"].as_str().unwrap_or_default();
        Ok((
            challenge["challengeId"].clone(),
            self.key.sign(text.as_bytes()).to_hex(),
        ))
    }

    pub(crate) async fn register(&self) -> Result<(), Failed> {
        let (challenge_id, signature) = self.challenge_answer().await?;
        let body = json!({
            "publicKey": self.key.public().to_hex(), "type": "human", "challengeId": challenge_id,
            "signature": signature,
        });
        let request = self.http.post(format!("{}/auth/api/register", self.base)).json(&body);
        request.send().await?.error_for_status()?;
        Ok(())
    }

    /// A challenge, and its answer for a session.
    pub(crate) async fn login(&self) -> Result<String, Failed> {
        let (challenge_id, signature) = self.challenge_answer().await?;
        let body = json!({"id": self.key.did(), "challengeId": challenge_id, "signature": signature});
        let request = self
            .http
            .post(format!("{}/auth/api/authenticate", self.base))
            .json(&body);
        let login: Value = request.send().await?.error_for_status()?.json().await?;
        Ok(login["token"].as_str().unwrap_or_default().to_owned())
    }

    /// Hold, pay, and wait for the receipt.
    async fn purchase(&self, token: &str) -> Result<bool, Failed> {
        let Some(order) = self.hold().await? else {
            return Ok(false);
        };
        self.pay(order["checkoutId"].as_str().unwrap_or_default(), token).await
    }

    /// Pays a checkout with test money, and waits until it is settled.
    pub(crate) async fn pay(&self, checkout: &str, token: &str) -> Result<bool, Failed> {
        let view = self
            .http
            .get(format!("{}/pay/api/checkout/{checkout}", self.base))
            .bearer_auth(token);
        let view: Value = view.send().await?.json().await?;
        let form = [
            ("token", view["formToken"].as_str().unwrap_or_default()),
            ("outcome", "pay"),
        ];
        let press = self.http.post(format!("{}/pay/checkout/{checkout}/pay", self.base));
        press.header("origin", &self.base).form(&form).send().await?;
        for _ in 0..2_000 {
            let view = self
                .http
                .get(format!("{}/pay/api/checkout/{checkout}", self.base))
                .bearer_auth(token);
            let view: Value = view.send().await?.json().await?;
            match view["state"].as_str() {
                Some("settled") => return Ok(true),
                Some("open" | "paid") => tokio::time::sleep(Duration::from_millis(2)).await,
                _ => return Ok(false),
            }
        }
        Ok(false)
    }
}

pub(crate) fn client() -> Result<Client, Failed> {
    #[expect(clippy::disallowed_methods, reason = "a measuring client, on loopback only")]
    Ok(Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()?)
}

/// Does the work so many times, as many at once as there are callers.
pub(crate) async fn run<F, Fut>(
    callers: usize,
    requests: usize,
    work: F,
) -> Result<Measured, Box<dyn std::error::Error>>
where
    F: Fn(usize) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<bool, Failed>> + Send,
{
    let (work, next) = (Arc::new(work), Arc::new(AtomicUsize::new(0)));
    let started = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..callers {
        let (work, next) = (Arc::clone(&work), Arc::clone(&next));
        tasks.spawn(async move {
            let (mut latencies, mut refused) = (Vec::new(), 0);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return Ok::<_, Failed>((latencies, refused));
                }
                let began = Instant::now();
                if work(number).await? {
                    latencies.push(began.elapsed());
                } else {
                    refused += 1;
                }
            }
        });
    }
    let (mut latencies, mut refused) = (Vec::new(), 0);
    while let Some(ended) = tasks.join_next().await {
        let (some, few) = ended?.map_err(|error| error.to_string())?;
        latencies.extend(some);
        refused += few;
    }
    Ok(Measured::of(latencies, refused, started.elapsed()))
}

/// Does the work so many times a second, whether or not what was begun before has ended; latencies are from the moment
/// at which each was due.
pub(crate) async fn paced<F, Fut>(per_second: usize, requests: usize, work: F) -> Result<Measured, Failed>
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = Result<bool, Failed>> + Send + 'static,
{
    let started = tokio::time::Instant::now();
    let pause = Duration::from_secs(1) / u32::try_from(per_second)?;
    let mut running = tokio::task::JoinSet::new();
    let mut due = started;
    for number in 0..requests {
        tokio::time::sleep_until(due).await;
        let (doing, from) = (work(number), due);
        running.spawn(async move { Ok::<_, Failed>(doing.await?.then(|| from.elapsed())) });
        due += pause;
    }
    let (mut latencies, mut refused) = (Vec::new(), 0);
    while let Some(done) = running.join_next().await {
        match done?? {
            Some(latency) => latencies.push(latency),
            None => refused += 1,
        }
    }
    Ok(Measured::of(latencies, refused, started.elapsed()))
}

pub(crate) fn callers_make(url: &str, event: &Value, count: usize) -> Result<Vec<Caller>, Failed> {
    let (http, env) = (client()?, Env::system());
    let caller = |_| Caller {
        http: http.clone(),
        base: url.to_owned(),
        event: event.clone(),
        key: SecretKey::generate(&env),
        env: env.clone(),
    };
    Ok((0..count).map(caller).collect())
}

/// Registers people and lets them do something in turn: each of them every so many requests, so never twice at once.
/// The work is told who does it, and for which time.
pub(crate) async fn in_turn<F, Fut>(
    (url, event): (&str, &Value),
    callers: usize,
    requests: usize,
    work: F,
) -> Result<Measured, Box<dyn std::error::Error>>
where
    F: Fn(Arc<Caller>, usize) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<bool, Failed>> + Send,
{
    let people = callers_make(url, event, requests.div_ceil(TIMES_EACH)).map_err(|error| error.to_string())?;
    for caller in &people {
        caller.register().await.map_err(|error| error.to_string())?;
    }
    let people: Vec<Arc<Caller>> = people.into_iter().map(Arc::new).collect();
    run(callers, requests, move |number| {
        let (person, time) = (number % people.len(), number / people.len());
        work(Arc::clone(&people[person]), time)
    })
    .await
}

pub(crate) async fn holds(
    url: &str,
    event: &Value,
    callers: usize,
    requests: usize,
) -> Result<Measured, Box<dyn std::error::Error>> {
    in_turn((url, event), callers, requests, |caller, _time| async move {
        Ok(caller.hold().await?.is_some())
    })
    .await
}

pub(crate) async fn purchases(
    url: &str,
    event: &Value,
    callers: usize,
    requests: usize,
) -> Result<Measured, Box<dyn std::error::Error>> {
    let people = callers_make(url, event, callers).map_err(|error| error.to_string())?;
    let mut sessions = Vec::new();
    for caller in people {
        caller.register().await.map_err(|error| error.to_string())?;
        let token = caller.login().await.map_err(|error| error.to_string())?;
        sessions.push((caller, token));
    }
    let sessions = Arc::new(sessions);
    run(callers, requests, move |number| {
        let sessions = Arc::clone(&sessions);
        async move {
            let Some((caller, token)) = sessions.get(number % sessions.len()) else {
                return Ok(false);
            };
            caller.purchase(token).await
        }
    })
    .await
}
