//! Which keys old signatures may have been made with.
//!
//! They are in auth's database. Where auth runs in another process, its public routes show the log of each identity,
//! which is verified here; what could not be learnt is said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, header};
use imajin_did::{Did, PublicKey};
use imajin_kernel::{Env, Problem, Timestamp};
use imajin_key_log::{EntryHash, KeyHistory, KeyLog};
use imajin_store::StoreError;
use imajin_web::HttpClient;
use imajin_web::resolve::{key_log_read, key_log_url};

use super::VerifyError;
use crate::config::{Config, Remote, ServiceName};
use crate::data_dir::DataDir;
use crate::run::database_open;

/// How long the process that runs auth has to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is known about keys besides that a DID may be one.
#[derive(Default)]
pub(super) struct KnownKeys {
    ever: BTreeMap<Did, Vec<PublicKey>>,
    histories: BTreeMap<Did, KeyHistory>,
    /// Whose keys somebody has asked for.
    asked: Mutex<BTreeSet<Did>>,
    /// Whose logs could not be read, and why.
    pub(super) unknown: BTreeMap<Did, String>,
}

impl KnownKeys {
    /// Everything that auth's database says; nothing where auth runs elsewhere.
    pub(super) async fn load(data: &DataDir, config: &Config) -> Result<Self, VerifyError> {
        let unreadable = |source| VerifyError::Database {
            service: ServiceName::Auth.as_str(),
            source,
        };
        if !config.services.contains(&ServiceName::Auth) {
            return Ok(Self::default());
        }
        let opened = database_open(data, config, ServiceName::Auth).await;
        let Some(db) = opened.map_err(unreadable)? else {
            return Ok(Self::default());
        };
        let read = db
            .read(|conn| Ok::<_, StoreError>((imajin_auth::keys_ever(conn)?, imajin_auth::key_histories(conn)?)))
            .await;
        db.close().await;
        let (ever, histories) = read.map_err(unreadable)?;
        Ok(Self {
            ever,
            histories,
            ..Self::default()
        })
    }

    /// Every key that a DID is known to have had.
    pub(super) fn ever(&self, did: &Did) -> Vec<PublicKey> {
        let did = did.canonical();
        let later = self.ever.get(&did).into_iter().flatten().copied();
        let keys = did.public_key().into_iter().chain(later).collect();
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(did);
        keys
    }

    /// The keys of a DID that counted then, where its keys have changed.
    pub(super) fn then(&self, did: &Did, at: Timestamp) -> Option<Vec<PublicKey>> {
        self.histories.get(did).map(|history| history.in_force(at))
    }

    /// What the process that runs auth shows about everybody who was asked for; none where there is no such process.
    pub(super) async fn fetched(&self, config: &Config) -> Option<Self> {
        let auth = config.remote.get(&ServiceName::Auth)?;
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut known = Self::default();
        let http = HttpClient::new(TIMEOUT, None);
        let mut away = http.as_ref().err().map(Problem::to_string);
        for did in asked.into_iter().filter(|did| did.public_key().is_some()) {
            // When nobody answers the first time, the others would wait for the same.
            let fetched = match (&http, &away) {
                (Ok(http), None) => log_fetch(http, auth, &did).await,
                (_, reason) => Err(reason.clone().unwrap_or_default()),
            };
            match fetched {
                Ok(None) => {}
                Ok(Some(log)) => {
                    if let Err(reason) = known.learn(&did, &log, auth, config) {
                        known.unknown.insert(did, reason);
                    }
                }
                Err(reason) => {
                    known.unknown.insert(did, reason.clone());
                    away.get_or_insert(reason);
                }
            }
        }
        Some(known)
    }

    fn learn(&mut self, did: &Did, log: &KeyLog, auth: &Remote, config: &Config) -> Result<(), String> {
        let trusted: Vec<Did> = std::iter::once(&auth.did)
            .chain(config.witnesses.values().map(|witness| &witness.did))
            .map(Did::canonical)
            .collect();
        let witnesses = |did: &Did| -> Vec<PublicKey> {
            let is_trusted = trusted.contains(&did.canonical());
            did.public_key().filter(|_key| is_trusted).into_iter().collect()
        };
        let state = log
            .verify(Env::system().now(), &witnesses)
            .map_err(|error| format!("its key log does not verify: {error}"))?;
        // The process that runs auth says by its receipts when an entry began to count there.
        let counted = |hash: EntryHash| {
            let of_entry = log.receipts.iter().filter(|receipt| receipt.payload.entry == hash);
            let own = of_entry.filter(|receipt| receipt.from.canonical() == auth.did.canonical());
            own.map(|receipt| Timestamp::from_millis(receipt.timestamp)).min()
        };
        self.ever.insert(did.clone(), log.keys_ever().into_iter().collect());
        self.histories
            .insert(did.clone(), KeyHistory::of(log, state.head, &counted));
        Ok(())
    }
}

async fn log_fetch(http: &HttpClient, auth: &Remote, did: &Did) -> Result<Option<KeyLog>, String> {
    let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]);
    let url = key_log_url(&auth.public, did);
    let answer = http
        .send(Method::GET, url, headers, Vec::new())
        .await
        .map_err(|problem| problem.to_string())?;
    key_log_read(did, answer.status, &answer.headers, &answer.body)
        .map_err(|_error| format!("{} does not show its key log", auth.public))
}
