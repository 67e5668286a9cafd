//! Somebody whose keys change, and what they send.

use axum::http::StatusCode;
use imajin_did::{Did, SecretKey};
use imajin_kernel::Span;
use imajin_key_log::{Entry, EntryDraft, KeyHash, KeyState};
use imajin_proof::http_sig::{RequestToSign, SignatureParams, SignedRequest, sign};
use serde_json::{Value, json};

use crate::world::{Reply, World};

/// A person with a phone, a key kept back and a recovery key on paper, registered with a key log.
pub(crate) struct Ada {
    pub(crate) did: Did,
    pub(crate) phone: SecretKey,
    pub(crate) next: SecretKey,
    pub(crate) paper: SecretKey,
    pub(crate) first: Entry,
}

pub(crate) fn hash(key: &SecretKey) -> KeyHash {
    KeyHash::of(&key.public())
}

impl Ada {
    /// Keys, and a first entry that nobody has seen.
    pub(crate) fn new(world: &World) -> Self {
        let [phone, next, paper] = [(); 3].map(|()| SecretKey::generate(&world.env));
        let draft = EntryDraft::inception(
            &phone.public(),
            Some(hash(&next)),
            Some(paper.public()),
            world.env_now(),
        );
        Self {
            did: phone.did(),
            first: draft.sign(&[&phone]).unwrap(),
            phone,
            next,
            paper,
        }
    }

    pub(crate) async fn registered(world: &World, handle: &str) -> Self {
        let ada = Self::new(world);
        let mut body = world.registration(&ada.phone, Some(handle)).await;
        body["keyLog"] = serde_json::to_value(&ada.first).unwrap();
        let reply = world.post("/auth/api/register", &body).await;
        assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
        world.clock.advance(Span::minutes(1));
        ada
    }

    pub(crate) fn path(&self, route: &str) -> String {
        format!("/auth/api/identity/{}/{route}", self.did)
    }

    pub(crate) async fn log(&self, world: &World) -> Value {
        let reply = world.get(&self.path("log"), &[]).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        reply.json()
    }

    /// The state after the newest entry.
    pub(crate) async fn state(&self, world: &World) -> KeyState {
        let log = self.log(world).await;
        let entries: Vec<Entry> = serde_json::from_value(log["entries"].clone()).unwrap();
        let of_head = |entry: &&Entry| entry.hash().unwrap().to_string() == log["head"];
        entries.iter().find(of_head).unwrap().state().unwrap()
    }

    pub(crate) async fn send(&self, world: &World, route: &str, entry: &Entry) -> Reply {
        world
            .post(&self.path(route), &serde_json::to_value(entry).unwrap())
            .await
    }

    /// To the key that was kept back, with another one behind it.
    pub(crate) async fn rotation(&self, world: &World, behind: &SecretKey) -> Entry {
        let state = self.state(world).await;
        let keys = vec![self.next.public()];
        EntryDraft::rotation(&state, keys, Some(hash(behind)), state.recovery, world.env_now())
            .sign(&[&self.phone, &self.next])
            .unwrap()
    }

    /// By the paper, after the first entry.
    pub(crate) fn recovery(&self, world: &World, new: &SecretKey) -> Entry {
        let state = self.first.state().unwrap();
        EntryDraft::recovery(&state, vec![new.public()], None, None, world.env_now())
            .sign(&[&self.paper])
            .unwrap()
    }

    pub(crate) async fn addition(&self, world: &World, device: &SecretKey) -> Entry {
        EntryDraft::addition(&self.state(world).await, &device.public(), world.env_now())
            .sign(&[&self.phone])
            .unwrap()
    }

    /// A session opened by a key of this identity.
    pub(crate) async fn login_reply(&self, world: &World, key: &SecretKey) -> Reply {
        world.clock.advance(Span::seconds(1));
        let answer = world.answer(key, self.did.as_str()).await;
        world.post("/auth/api/authenticate", &answer).await
    }

    pub(crate) async fn login(&self, world: &World, key: &SecretKey) -> String {
        let reply = self.login_reply(world, key).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    /// A request as this identity, signed by whichever key.
    pub(crate) async fn request(
        &self,
        world: &World,
        key: &SecretKey,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Reply {
        let text = body.map(Value::to_string).unwrap_or_default();
        let signed = signed_as(world, &self.did, key, method, path, &text);
        world.send_signed(&signed, path, &text).await
    }

    /// A harmless mutation: the phone gets a name.
    pub(crate) async fn mutate(&self, world: &World, key: &SecretKey) -> Reply {
        let path = format!("/auth/api/devices/{}/name", key.public().multikey());
        self.request(world, key, "POST", &path, Some(&json!({"name": "Phone"})))
            .await
    }
}

pub(crate) fn signed_as(
    world: &World,
    did: &Did,
    key: &SecretKey,
    method: &str,
    path: &str,
    body: &str,
) -> SignedRequest {
    let target_uri = format!("{}{path}", world.origin);
    let to_sign = RequestToSign {
        method,
        target_uri: &target_uri,
        idempotency_key: None,
        body: body.as_bytes(),
    };
    sign(key, &to_sign, &SignatureParams::now(did.clone(), &world.env)).unwrap()
}

/// Registers a key with a body that only the key itself may send.
pub(crate) async fn register_signed(world: &World, key: &SecretKey, body: &Value) -> Reply {
    let body = body.to_string();
    let signed = world.signed(key, "POST", "/auth/api/register", &body);
    world.send_signed(&signed, "/auth/api/register", &body).await
}
