//! Key logs of other nodes, against a real server on this machine.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::StatusCode;
use imajin_did::{Did, PublicKey, ResolveError, Resolver, SecretKey};
use imajin_kernel::Env;
use imajin_key_log::{EntryDraft, KeyLog, KeyState, Status};
use imajin_web::resolve::{KeyLogs, PeerResolver, key_log_fetch};
use imajin_web::{GuardedClient, Reach};
use serde_json::json;

use crate::resolve::{Host, Reply, document, key, result_of};
use crate::support::clock;

/// Remembers what it was shown, and says that these keys count.
struct Logs {
    keys: Vec<PublicKey>,
    status: Status,
    shown: Mutex<Vec<Option<usize>>>,
}

#[async_trait]
impl KeyLogs for Logs {
    async fn version_take(
        &self,
        did: &Did,
        version: Option<KeyLog>,
        _source: &url::Url,
    ) -> Result<KeyState, ResolveError> {
        self.shown
            .lock()
            .unwrap()
            .push(version.map(|version| version.entries.len()));
        Ok(KeyState {
            keys: self.keys.clone(),
            status: self.status,
            ..KeyState::implicit(did).unwrap()
        })
    }
}

#[tokio::test]
async fn another_node_may_name_the_keys_that_the_key_log_names() {
    let (host, did) = (Host::start().await, key(1).did());
    let mut rotated = document(did.clone(), key(2));
    rotated["id"] = json!(did);
    let mut result = result_of(&rotated);
    let resolve = async |keys: Vec<PublicKey>, status| {
        let logs = Arc::new(Logs {
            keys,
            status,
            shown: Mutex::default(),
        });
        let peer = PeerResolver::new(host.url(), Reach::Development).unwrap();
        let peer = peer.with_key_logs(Arc::<Logs>::clone(&logs));
        let resolved = peer.resolve(&did).await;
        let shown = logs.shown.lock().unwrap().clone();
        (resolved, shown)
    };
    // Of a DID without a history nothing more is fetched.
    host.says(Reply::json(&result));
    let (resolved, shown) = resolve(vec![key(2)], Status::Active).await;
    assert_eq!(resolved.unwrap().keys, [key(2)]);
    assert_eq!((shown, host.asked().len()), (vec![None], 1));
    let (resolved, _) = resolve(vec![key(1)], Status::Active).await;
    assert_eq!(
        resolved,
        Err(ResolveError::Unavailable),
        "the node says something else than the log"
    );
    let (resolved, _) = resolve(vec![key(2)], Status::Contested).await;
    assert!(resolved.unwrap().contested);
    let (resolved, _) = resolve(Vec::new(), Status::Deactivated).await;
    assert_eq!(resolved, Err(ResolveError::Deactivated));
    // With a history the log comes along: here the host answers everything with the same text, which is no log.
    result["didDocumentMetadata"]["versionId"] = json!("00");
    host.says(Reply::json(&result));
    let (resolved, shown) = resolve(vec![key(2)], Status::Active).await;
    assert_eq!((resolved, shown), (Err(ResolveError::Unavailable), vec![]));
    assert_eq!(host.asked().last().unwrap(), &format!("/auth/api/identity/{did}/log"));
}

#[tokio::test]
async fn a_log_of_another_node_is_read_and_must_be_about_the_did() {
    let host = Host::start().await;
    let http = GuardedClient::new(Reach::Development, Duration::from_secs(5)).unwrap();
    let owner = SecretKey::from_seed([1; 32]);
    let draft = EntryDraft::inception(&owner.public(), None, None, clock_now());
    let entry = draft.sign(&[&owner]).unwrap();
    let log = json!({"did": owner.did(), "entries": [entry], "receipts": [], "status": "active"});
    host.says(Reply::json(&log));
    let read = key_log_fetch(&http, &host.url(), &owner.did()).await.unwrap().unwrap();
    assert_eq!(read.entries, [entry]);
    let other = key_log_fetch(&http, &host.url(), &key(2).did()).await;
    assert_eq!(other, Err(ResolveError::Unavailable));
    for nothing in [
        Reply::status(StatusCode::NOT_FOUND),
        Reply::json(&json!({"entries": []})),
    ] {
        host.says(nothing);
        assert_eq!(key_log_fetch(&http, &host.url(), &owner.did()).await, Ok(None));
    }
    for (reply, error) in [
        (Reply::json(&json!({"entries": [{}]})), ResolveError::Unavailable),
        (Reply::json(&json!([])), ResolveError::Unavailable),
        (Reply::status(StatusCode::BAD_GATEWAY), ResolveError::Unavailable),
        (
            Reply {
                media_type: "text/html",
                ..Reply::json(&log)
            },
            ResolveError::Representation,
        ),
        (
            Reply {
                body: " ".repeat(3 * 1024 * 1024),
                ..Reply::json(&log)
            },
            ResolveError::Unavailable,
        ),
    ] {
        host.says(reply);
        assert_eq!(key_log_fetch(&http, &host.url(), &owner.did()).await, Err(error));
    }
    let strict = GuardedClient::new(Reach::Public, Duration::from_secs(5)).unwrap();
    let before = host.asked().len();
    let refused = key_log_fetch(&strict, &host.url(), &owner.did()).await;
    assert_eq!((refused, host.asked().len()), (Err(ResolveError::Refused), before));
}

fn clock_now() -> imajin_kernel::Timestamp {
    Env::fixed(clock(), 1).now()
}
