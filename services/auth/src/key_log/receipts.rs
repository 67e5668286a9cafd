//! Asking the witnesses of the configuration to witness what this node has accepted.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::{HeaderMap, HeaderValue, Method, header};
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use imajin_did::Did;
use imajin_kernel::Problem;
use imajin_key_log::{Entry, EntryHash, KeyLog, Receipt};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Notify;
use url::Url;

use super::{log_load, mirror};
use crate::AuthError;
use crate::auth::Auth;
use crate::schema::{key_log_entries, key_log_receipts};

/// Identities that are looked at in one go.
const PAGE: i64 = 64;
/// How much is sent at once, roughly; a mirror takes no more than 1 MiB.
const PART_BYTES: usize = 256 * 1024;

/// Whether there may be entries that a witness has not seen.
#[derive(Debug)]
pub(crate) struct Wanted {
    may_be: AtomicBool,
    news: Notify,
}

impl Default for Wanted {
    /// After a start nobody knows.
    fn default() -> Self {
        Self {
            may_be: AtomicBool::new(true),
            news: Notify::new(),
        }
    }
}

impl Wanted {
    /// An entry was accepted.
    pub(crate) fn note(&self) {
        self.may_be.store(true, Ordering::Relaxed);
        self.news.notify_one();
    }

    /// Waits for the next one.
    pub(crate) async fn next(&self) {
        self.news.notified().await;
    }
}

/// What of a mirror's answer is needed here.
#[derive(Deserialize)]
struct Answer {
    receipts: Vec<Receipt>,
}

impl Auth {
    /// Shows each witness of the configuration what it has not witnessed yet of the logs of this node's identities, and
    /// keeps its receipts; returns how many. The background task calls it after each new entry, and again until every
    /// witness has answered.
    ///
    /// # Errors
    /// What the database says. That a witness does not answer is in the log.
    pub async fn receipts_collect(&self) -> Result<usize, Problem> {
        if !self.wanted.may_be.swap(false, Ordering::Relaxed) {
            return Ok(0);
        }
        let mut collected: usize = 0;
        for witness in self.witnesses.iter() {
            let Some(url) = &witness.url else { continue };
            match self.receipts_of(&witness.did.canonical(), url).await {
                Ok(count) => collected = collected.saturating_add(count),
                Err(error) => {
                    tracing::warn!(%error, witness = %witness.did, "a witness gave no receipts; it is asked again");
                    self.wanted.may_be.store(true, Ordering::Relaxed);
                }
            }
        }
        Ok(collected)
    }

    async fn receipts_of(&self, witness: &Did, url: &Url) -> Result<usize, AuthError> {
        let (mut after, mut collected) = (String::new(), 0_usize);
        loop {
            let (from, asked) = (after.clone(), witness.clone());
            let dids: Vec<Did> = self
                .db
                .read(move |conn| {
                    let witnessed = key_log_receipts::table.filter(
                        key_log_receipts::entry
                            .eq(key_log_entries::hash)
                            .and(key_log_receipts::witness.eq(asked)),
                    );
                    let missing = key_log_entries::table
                        .filter(key_log_entries::did.gt(from))
                        .filter(key_log_entries::kind.ne(mirror::KIND))
                        .filter(not(exists(witnessed)))
                        .select(key_log_entries::did)
                        .distinct()
                        .order(key_log_entries::did)
                        .limit(PAGE);
                    Ok::<_, AuthError>(missing.load(conn)?)
                })
                .await?;
            let Some(last) = dids.last() else { return Ok(collected) };
            last.as_str().clone_into(&mut after);
            for did in dids {
                collected = collected.saturating_add(self.log_show(did, witness, url).await?);
            }
        }
    }

    /// Shows one log to one witness, in parts; how many receipts came back.
    async fn log_show(&self, did: Did, witness: &Did, url: &Url) -> Result<usize, AuthError> {
        let sealer = self.sealer.clone();
        let log = self.db.read(move |conn| log_load(conn, &sealer, &did)).await?;
        let mut receipts = Vec::new();
        for part in parts(&log)? {
            receipts.extend(self.part_show(&part, url).await?);
        }
        receipts.retain(|receipt| receipt.from == *witness && !log.receipts.contains(receipt));
        let count = receipts.len();
        if count > 0 {
            let entries = log.entries;
            self.version_store(KeyLog { entries, receipts }, None, &[]).await?;
        }
        Ok(count)
    }

    async fn part_show(&self, part: &KeyLog, url: &Url) -> Result<Vec<Receipt>, AuthError> {
        let mut to = url.clone();
        to.set_path("/auth/api/mirror");
        let json = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json.clone()), (header::ACCEPT, json)]);
        let body = json!({"entries": part.entries, "receipts": part.receipts}).to_string();
        let answer = self
            .witness_http
            .send(Method::POST, to, headers, body.into_bytes())
            .await?;
        let answer: Answer = answer.json()?;
        Ok(answer.receipts)
    }
}

/// The log in pieces, each with what it follows before it.
fn parts(log: &KeyLog) -> Result<Vec<KeyLog>, AuthError> {
    let (mut parts, mut bytes) = (Vec::new(), 0_usize);
    for entry in &log.entries {
        if parts.is_empty() || bytes > PART_BYTES {
            parts.push(KeyLog::default());
            bytes = 0;
        }
        let hash: EntryHash = entry.hash()?;
        bytes = bytes.saturating_add(Entry::to_text(entry)?.len());
        if let Some(part) = parts.last_mut() {
            part.entries.push(entry.clone());
            let about = log.receipts.iter().filter(|receipt| receipt.payload.entry == hash);
            part.receipts.extend(about.cloned());
        }
    }
    Ok(parts)
}
