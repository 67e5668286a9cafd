//! A line over which HTTP goes to a node, and which kills somebody at a step of an exchange.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reqwest::Client;
use reqwest::redirect::Policy;

use super::line::Step;
use crate::support::{Server, signal};

/// How long an exchange may be on its way to this line.
const PATIENCE: Duration = Duration::from_mins(1);
/// From the end of an exchange to the moment at which the answer is read, and perhaps written down.
const ANSWER_TAKES: Duration = Duration::from_millis(3);
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Which exchange, when in it, and whose process.
struct Armed {
    is_meant: fn(&Request<Body>) -> bool,
    step: Step,
    pid: Arc<Mutex<Option<u32>>>,
}

struct Inner {
    /// Where the line leads at present.
    target: Mutex<String>,
    armed: Mutex<Option<Armed>>,
    killed: Mutex<Sender<()>>,
    http: Client,
}

pub(crate) struct Relay {
    inner: Arc<Inner>,
    deaths: Mutex<Receiver<()>>,
    server: Server,
}

impl Relay {
    /// A line that leads nowhere yet.
    pub(crate) async fn start() -> Self {
        let (killed, deaths) = channel();
        #[expect(clippy::disallowed_methods, reason = "a line between processes of the test")]
        let http = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        let inner = Arc::new(Inner {
            target: Mutex::default(),
            armed: Mutex::default(),
            killed: Mutex::new(killed),
            http,
        });
        let of_route = Arc::clone(&inner);
        let pass = move |request: Request<Body>| {
            let inner = Arc::clone(&of_route);
            async move {
                inner
                    .pass(request)
                    .await
                    .unwrap_or(StatusCode::BAD_GATEWAY.into_response())
            }
        };
        Self {
            inner,
            deaths: Mutex::new(deaths),
            server: Server::start(Router::new().fallback(pass)).await,
        }
    }

    /// The address of this end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.host)
    }

    /// Leads to this address from now on.
    pub(crate) fn lead_to(&self, url: &str) {
        url.clone_into(&mut self.inner.target.lock().unwrap());
    }

    /// Kills somebody at the next exchange that is meant; who it is may be said later.
    pub(super) fn arm(&self, is_meant: fn(&Request<Body>) -> bool, step: Step, pid: &Arc<Mutex<Option<u32>>>) {
        let pid = Arc::clone(pid);
        *self.inner.armed.lock().unwrap() = Some(Armed { is_meant, step, pid });
    }

    /// Waits until somebody is dead.
    pub(super) fn death_wait(&self, what: &str) {
        let dead = self.deaths.lock().unwrap().recv_timeout(PATIENCE);
        dead.unwrap_or_else(|_| panic!("{what}: it never came to this exchange"));
    }
}

impl Inner {
    /// One exchange; nothing, when it broke off.
    async fn pass(&self, request: Request<Body>) -> Option<Response> {
        let armed = self.armed.lock().unwrap().take_if(|armed| (armed.is_meant)(&request));
        let dies = |step: Step| {
            let armed = armed.as_ref().filter(|armed| armed.step == step)?;
            signal(armed.pid.lock().unwrap().unwrap(), "KILL");
            self.killed.lock().unwrap().send(()).unwrap();
            Some(())
        };
        if dies(Step::Before).is_some() {
            return None;
        }
        let (status, headers, body) = self.ask(request).await?;
        if dies(Step::After).is_some() {
            return None;
        }
        if let Some(Armed {
            step: Step::Answered,
            pid,
            ..
        }) = armed
        {
            let (pid, killed) = (pid.lock().unwrap().unwrap(), self.killed.lock().unwrap().clone());
            std::thread::spawn(move || {
                std::thread::sleep(ANSWER_TAKES);
                signal(pid, "KILL");
                killed.send(()).unwrap();
            });
        }
        Some((status, headers, body).into_response())
    }

    async fn ask(&self, request: Request<Body>) -> Option<(StatusCode, HeaderMap, Bytes)> {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, BODY_BYTES_MAX).await.ok()?;
        let url = format!("{}{}", self.target.lock().unwrap(), head.uri);
        let asked = self.http.request(head.method, url).headers(head.headers).body(body);
        let answer = asked.send().await.ok()?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.remove(header::TRANSFER_ENCODING);
        headers.remove(header::CONNECTION);
        Some((status, headers, answer.bytes().await.ok()?))
    }
}
