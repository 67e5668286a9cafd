//! Passkeys, with an authenticator in software that can also do it wrong.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use axum::http::{Method, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coset::cbor::{Value as Cbor, ser};
use coset::{CborSerializable, CoseKeyBuilder, iana};
use imajin_kernel::Span;
use imajin_proof::digest::sha256;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::oidc::{Person, ada, mailbox_person, signed};
use crate::world::{ORIGIN, Reply, World, assert_refused};

const PASSKEYS: &str = "/auth/api/passkeys";
const LOGIN: &str = "/auth/api/passkeys/login";
const PRESENT_AND_VERIFIED: u8 = 0x05;

/// A device with one passkey.
pub(crate) struct Device {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    user: String,
    count: u32,
    flags: u8,
    origin: String,
    rp_id: String,
    cross_origin: bool,
}

fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Device {
    fn new(id: u8) -> Self {
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            id: vec![id; 16],
            user: String::new(),
            count: 1,
            flags: PRESENT_AND_VERIFIED,
            origin: ORIGIN.to_owned(),
            rp_id: "localhost".to_owned(),
            cross_origin: false,
        }
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Vec<u8> {
        let data = json!({
            "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.cross_origin,
        });
        data.to_string().into_bytes()
    }

    fn head(&self, flags: u8) -> Vec<u8> {
        let mut data = sha256(self.rp_id.as_bytes()).to_vec();
        data.push(flags);
        data.extend(self.count.to_be_bytes());
        data
    }

    fn public_key(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let (x, y) = (point[1..33].to_vec(), point[33..].to_vec());
        let key = CoseKeyBuilder::new_ec2_pub_key(iana::EllipticCurve::P_256, x, y);
        key.algorithm(iana::Algorithm::ES256).build().to_vec().unwrap()
    }

    fn create(&mut self, options: &Value) -> Value {
        let asked = &options["publicKey"];
        asked["user"]["id"].as_str().unwrap().clone_into(&mut self.user);
        let mut data = self.head(self.flags | 0x40);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        data.extend(self.public_key());
        let text = |name: &str| Cbor::Text(name.to_owned());
        let object = Cbor::Map(vec![
            (text("fmt"), text("none")),
            (text("attStmt"), Cbor::Map(Vec::new())),
            (text("authData"), Cbor::Bytes(data)),
        ]);
        let mut bytes = Vec::new();
        ser::into_writer(&object, &mut bytes).unwrap();
        json!({
            "id": b64(&self.id), "rawId": b64(&self.id), "type": "public-key", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(&self.client_data("webauthn.create", &asked["challenge"])),
                "attestationObject": b64(&bytes), "transports": ["internal"],
            },
        })
    }

    fn get(&mut self, options: &Value) -> Value {
        self.count += 1;
        self.assert("webauthn.get", options)
    }

    fn assert(&self, kind: &str, options: &Value) -> Value {
        let client_data = self.client_data(kind, &options["publicKey"]["challenge"]);
        let data = self.head(self.flags);
        let signed = [data.as_slice(), &sha256(&client_data)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({"credential": {
            "id": b64(&self.id), "rawId": b64(&self.id), "type": "public-key", "clientExtensionResults": {},
            "response": {
                "clientDataJSON": b64(&client_data), "authenticatorData": b64(&data),
                "signature": b64(signature.as_ref()), "userHandle": self.user,
            },
        }})
    }
}

async fn add_options(world: &World, person: &Person) -> Value {
    let reply = person.open(world, "/auth/api/passkeys/options").await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    reply.json()
}

async fn login_options(world: &World) -> Value {
    world.post("/auth/api/passkeys/login/options", &json!({})).await.json()
}

async fn add(world: &World, person: &Person, credential: &Value) -> Reply {
    let body = json!({"name": "Phone", "credential": credential});
    signed(world, person.key.as_ref().unwrap(), "POST", PASSKEYS, &body).await
}

pub(crate) async fn login(world: &World, device: &mut Device) -> Reply {
    let answer = device.get(&login_options(world).await);
    world.post_from(LOGIN, &[("origin", ORIGIN)], &answer).await
}

/// Somebody with a passkey.
async fn with_passkey(world: &World) -> (Person, Device) {
    let person = ada(world).await;
    let mut device = Device::new(7);
    let credential = device.create(&add_options(world, &person).await);
    let reply = add(world, &person, &credential).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    (person, device)
}

/// A row in the table.
pub(crate) async fn fill(world: &World, key: &imajin_did::SecretKey) {
    added(world, key).await;
}

/// A passkey of whoever has this key.
pub(crate) async fn added(world: &World, key: &imajin_did::SecretKey) -> Device {
    let person = Person {
        token: world.login(key).await,
        key: Some(key.clone()),
    };
    let mut device = Device::new(9);
    let credential = device.create(&add_options(world, &person).await);
    assert_eq!(add(world, &person, &credential).await.status, StatusCode::OK);
    device
}

async fn a_passkey_opens_a_session_that_only_reads(backend: Backend) {
    let world = World::new(backend).await;
    let (person, mut device) = with_passkey(&world).await;
    let reply = login(&world, &mut device).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_eq!(reply.json()["did"], json!(person.key.as_ref().unwrap().did()));
    assert!(reply.header("set-cookie").starts_with("__Host-imajin_session="));
    let cookie = reply.cookie();
    let list = world.get("/auth/api/sessions", &[("cookie", &cookie)]).await.json();
    let methods: Vec<&Value> = list["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|session| &session["method"])
        .collect();
    assert!(methods.contains(&&json!("passkey")), "{methods:?}");
    // It changes nothing: neither does the cookie, nor does the node sign for whoever has it.
    let headers = [("cookie", cookie.as_str()), ("origin", ORIGIN)];
    let body = json!({"name": "x", "credential": Device::new(8).create(&add_options(&world, &person).await)});
    assert_refused(
        &world.post_from(PASSKEYS, &headers, &body).await,
        401,
        "unauthenticated",
    );
    assert_refused(
        &world.post_from("/auth/passkeys/add", &headers, &body).await,
        403,
        "forbidden",
    );
    let page = world.get("/auth/passkeys", &[("cookie", &cookie)]).await;
    assert!(
        page.text.contains("Phone") && page.text.contains("last used"),
        "{}",
        page.text
    );
    assert_eq!(world.audit().await, []);
}

async fn a_removed_passkey_opens_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let (person, mut device) = with_passkey(&world).await;
    let eve = world.registered("eve").await;
    let path = format!("{PASSKEYS}/{}", b64(&device.id));
    assert_refused(
        &signed(&world, &eve, "DELETE", &path, &json!(null)).await,
        404,
        "not_found",
    );
    let cookie = person.cookie();
    let by_cookie = world
        .send(Method::DELETE, &path, &[("cookie", &cookie), ("origin", ORIGIN)], "")
        .await;
    assert_refused(&by_cookie, 401, "unauthenticated");
    let removed = signed(&world, person.key.as_ref().unwrap(), "DELETE", &path, &json!(null)).await;
    assert_eq!(removed.status, StatusCode::OK, "{removed:?}");
    assert_refused(&login(&world, &mut device).await, 401, "bad_signature");
    assert_eq!(world.audit().await, []);
}

async fn a_mailbox_identity_adds_and_removes_passkeys_from_our_own_page(backend: Backend) {
    let world = World::new(backend).await;
    let person = mailbox_person(&world).await;
    let mut device = Device::new(3);
    let credential = device.create(&add_options(&world, &person).await);
    let body = json!({"name": "Phone", "credential": credential});
    let cookie = person.cookie();
    let foreign = [("cookie", cookie.as_str()), ("origin", "https://evil.example")];
    assert_refused(
        &world.post_from("/auth/passkeys/add", &foreign, &body).await,
        403,
        "cross_site",
    );
    let own = [("cookie", cookie.as_str()), ("origin", ORIGIN)];
    let added = world.post_from("/auth/passkeys/add", &own, &body).await;
    assert_eq!(added.status, StatusCode::OK, "{added:?}");
    assert_eq!(login(&world, &mut device).await.status, StatusCode::OK);
    let id = b64(&device.id);
    let removed = person.form(&world, "/auth/passkeys/remove", &[("id", &id)]).await;
    assert_eq!(removed.status, StatusCode::SEE_OTHER, "{removed:?}");
    assert_refused(&login(&world, &mut device).await, 401, "bad_signature");
    assert_eq!(world.audit().await, []);
}

async fn a_passkey_used_on_another_site_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (person, mut device) = with_passkey(&world).await;
    for change in [
        |device: &mut Device| device.origin = "https://evil.example".to_owned(),
        |device: &mut Device| device.origin = "http://sub.localhost:7000".to_owned(),
        |device: &mut Device| device.rp_id = "evil.example".to_owned(),
        |device: &mut Device| device.cross_origin = true,
    ] {
        change(&mut device);
        assert_refused(&login(&world, &mut device).await, 401, "bad_signature");
        let mut other = Device::new(8);
        change(&mut other);
        let credential = other.create(&add_options(&world, &person).await);
        assert_refused(&add(&world, &person, &credential).await, 401, "bad_signature");
        (device.origin, device.rp_id, device.cross_origin) = (ORIGIN.to_owned(), "localhost".to_owned(), false);
    }
    assert_eq!(login(&world, &mut device).await.status, StatusCode::OK);
}

async fn a_challenge_is_answered_once_and_in_time(backend: Backend) {
    let world = World::new(backend).await;
    let (_person, mut device) = with_passkey(&world).await;
    let options = login_options(&world).await;
    let answer = device.get(&options);
    assert_eq!(world.post(LOGIN, &answer).await.status, StatusCode::OK);
    assert_refused(&world.post(LOGIN, &answer).await, 401, "bad_signature");
    let again = device.get(&options);
    assert_refused(&world.post(LOGIN, &again).await, 401, "replayed");
    let late = login_options(&world).await;
    world.clock.advance(Span::minutes(5));
    let answer = device.get(&late);
    assert_refused(&world.post(LOGIN, &answer).await, 401, "stale_signature");
    let made_up = json!({"publicKey": {"challenge": b64(&[1; 32])}});
    let answer = device.get(&made_up);
    assert_refused(&world.post(LOGIN, &answer).await, 401, "bad_signature");
}

async fn a_challenge_for_one_thing_is_none_for_another(backend: Backend) {
    let world = World::new(backend).await;
    let (person, mut device) = with_passkey(&world).await;
    // To add is not to log in, in the challenge and in what the browser says.
    let answer = device.get(&add_options(&world, &person).await);
    assert_refused(&world.post(LOGIN, &answer).await, 401, "bad_signature");
    let answer = device.assert("webauthn.create", &login_options(&world).await);
    assert_refused(&world.post(LOGIN, &answer).await, 401, "bad_signature");
    let mut options = add_options(&world, &person).await;
    options["publicKey"]["challenge"] = login_options(&world).await["publicKey"]["challenge"].clone();
    let credential = Device::new(8).create(&options);
    assert_refused(&add(&world, &person, &credential).await, 401, "bad_signature");
    // Somebody else's challenge.
    let eve = world.registered("eve").await;
    let eve = Person {
        token: world.login(&eve).await,
        key: Some(eve),
    };
    let credential = Device::new(8).create(&add_options(&world, &eve).await);
    assert_refused(&add(&world, &person, &credential).await, 401, "bad_signature");
    assert_eq!(add(&world, &eve, &credential).await.status, StatusCode::OK);
    assert_refused(&add(&world, &eve, &credential).await, 401, "replayed");
}

async fn a_passkey_of_somebody_else_opens_nothing_of_mine(backend: Backend) {
    let world = World::new(backend).await;
    let (person, device) = with_passkey(&world).await;
    // The same id again, for somebody else.
    let eve = world.registered("eve").await;
    let eve = Person {
        token: world.login(&eve).await,
        key: Some(eve),
    };
    let mut copy = Device::new(7);
    let credential = copy.create(&add_options(&world, &eve).await);
    assert_refused(&add(&world, &eve, &credential).await, 409, "conflict");
    // Another key under a known id, another owner's name under a known key, and an id that nobody has: one answer.
    let mut answers = Vec::new();
    let mut own = Device::new(5);
    add(&world, &eve, &own.create(&add_options(&world, &eve).await)).await;
    device.user.clone_into(&mut own.user);
    for mut wrong in [copy, own, Device::new(6)] {
        let reply = login(&world, &mut wrong).await;
        assert_refused(&reply, 401, "bad_signature");
        answers.push(reply.json()["detail"].clone());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(person.key.is_some());
}

async fn a_person_must_be_there_and_be_recognised(backend: Backend) {
    let world = World::new(backend).await;
    let (person, mut device) = with_passkey(&world).await;
    for flags in [0x00, 0x01, 0x04] {
        device.flags = flags;
        assert_refused(&login(&world, &mut device).await, 401, "bad_signature");
        let mut other = Device::new(8);
        other.flags = flags;
        let credential = other.create(&add_options(&world, &person).await);
        assert_refused(&add(&world, &person, &credential).await, 401, "bad_signature");
    }
}

async fn a_counter_that_does_not_grow_is_a_copy(backend: Backend) {
    let world = World::new(backend).await;
    let (_person, mut device) = with_passkey(&world).await;
    assert_eq!(login(&world, &mut device).await.status, StatusCode::OK);
    device.count -= 1;
    assert_refused(&login(&world, &mut device).await, 401, "bad_signature");
    device.count += 10;
    assert_eq!(login(&world, &mut device).await.status, StatusCode::OK);
}

async fn a_foreign_page_logs_nobody_in(backend: Backend) {
    let world = World::new(backend).await;
    let (_person, mut device) = with_passkey(&world).await;
    let answer = device.get(&login_options(&world).await);
    let reply = world
        .post_from(LOGIN, &[("origin", "https://evil.example")], &answer)
        .await;
    assert_refused(&reply, 403, "cross_site");
    assert_refused(
        &world.get("/auth/api/passkeys/options", &[]).await,
        401,
        "unauthenticated",
    );
    assert_refused(&world.get(PASSKEYS, &[]).await, 401, "unauthenticated");
}

on_both! {
    a_passkey_opens_a_session_that_only_reads,
    a_removed_passkey_opens_nothing,
    a_mailbox_identity_adds_and_removes_passkeys_from_our_own_page,
    a_passkey_used_on_another_site_is_refused,
    a_challenge_is_answered_once_and_in_time,
    a_challenge_for_one_thing_is_none_for_another,
    a_passkey_of_somebody_else_opens_nothing_of_mine,
    a_person_must_be_there_and_be_recognised,
    a_counter_that_does_not_grow_is_a_copy,
    a_foreign_page_logs_nobody_in,
}
