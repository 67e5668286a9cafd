use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, Method, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use imajin_imagxp::AgentKey;
use imajin_kernel::{Env, Problem, Timestamp};
use imajin_web::{HttpAnswer, HttpClient};
use url::Url;

use crate::{AgentHome, Door, Journal};

/// What stands in `User-Agent`, after the agent's own name.
const USER_AGENT: &str = "IMAGXP/1.0 IMAGXP/1.1";
pub(crate) const JOURNAL: &str = "spent.jsonl";
const TIMEOUT: Duration = Duration::from_mins(2);

/// An agent at work.
pub struct Agent {
    home: AgentHome,
    journal: Mutex<Journal>,
    key: AgentKey,
    http: HttpClient,
    env: Env,
    door: Door,
}

impl Agent {
    /// Goes to work with what is in a folder. `extra_root` is a certificate in PEM form to trust besides the
    /// usual ones.
    ///
    /// # Errors
    /// When a file of the folder is missing or damaged, or the TLS set-up of the machine is broken.
    pub fn new(home: AgentHome, extra_root: Option<&[u8]>, env: Env) -> Result<Self, Problem> {
        Ok(Self {
            journal: Mutex::new(Journal::open(home.path(JOURNAL))?),
            key: home.key()?,
            http: HttpClient::new(TIMEOUT, extra_root)?,
            home,
            env,
            door: Door::default(),
        })
    }

    /// Says who it is by another protocol from here on.
    pub const fn door_set(&mut self, door: Door) {
        self.door = door;
    }

    pub(crate) const fn door(&self) -> Door {
        self.door
    }

    /// Its folder.
    pub const fn home(&self) -> &AgentHome {
        &self.home
    }

    /// Its folder, to change what is in it.
    pub const fn home_mut(&mut self) -> &mut AgentHome {
        &mut self.home
    }

    /// What it has bought. Whoever holds it keeps the others from buying.
    pub fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) const fn key(&self) -> &AgentKey {
        &self.key
    }

    pub(crate) const fn http(&self) -> &HttpClient {
        &self.http
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.env.now()
    }

    /// A name that nobody has used.
    pub(crate) fn fresh_name(&self) -> String {
        hex::encode(self.env.random_bytes::<16>())
    }

    /// A nonce of the length that public libraries of Web Bot Auth ask for.
    pub(crate) fn fresh_nonce(&self) -> String {
        STANDARD.encode(self.env.random_bytes::<64>())
    }

    /// The headers that every request of the agent has.
    pub(crate) fn plain_headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let name = format!("{} {USER_AGENT}", self.home.id().as_str().replace(':', "-"));
        if let Ok(value) = HeaderValue::from_str(&name) {
            headers.insert(header::USER_AGENT, value);
        }
        headers
    }

    /// A document that everybody may read.
    pub(crate) async fn get_plain(&self, url: &Url) -> Result<HttpAnswer, Problem> {
        let headers = self.plain_headers();
        self.http.send(Method::GET, url.clone(), headers, Vec::new()).await
    }
}
