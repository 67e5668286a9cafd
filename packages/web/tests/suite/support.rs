use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Request, Response};
use http_body_util::BodyExt;
use imajin_did::{Did, SecretKey};
use imajin_kernel::{Code, Env, ManualClock, Problem, Timestamp};
use imajin_web::{CallerKeys, Custody, Identities, PublicBase, SessionView, Site, Tier};

pub(crate) struct SelfCertified;

#[async_trait]
impl Identities for SelfCertified {
    async fn caller_keys(&self, did: &Did) -> Result<CallerKeys, Problem> {
        let key = did
            .public_key()
            .ok_or_else(|| Problem::new(Code::Unauthenticated, "no key"))?;
        Ok(CallerKeys {
            did: did.canonical(),
            keys: vec![key],
            tier: Tier::Key,
            custody: Custody::Own,
        })
    }

    async fn session_view(&self, _token: &str) -> Result<Option<SessionView>, Problem> {
        Ok(None)
    }
}

pub(crate) fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_seconds(1_790_000_000))
}

pub(crate) fn site(clock: &ManualClock) -> Site {
    Site {
        env: Env::fixed(clock.clone(), 7),
        public: PublicBase("https://node.example/".parse().unwrap()),
        identities: Arc::new(SelfCertified),
    }
}

pub(crate) fn key() -> SecretKey {
    SecretKey::from_seed([3; 32])
}

pub(crate) async fn json(response: Response<Body>) -> serde_json::Value {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&bytes).unwrap()
}

pub(crate) fn post(path: &str, headers: &[(&str, String)], body: &str) -> Request<Body> {
    let mut request = Request::post(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}
