//! Keys that change at home count where somebody visits, and only they do.

use axum::http::StatusCode;
use imajin_auth_api::AuthApi;
use imajin_did::{Did, SecretKey};
use imajin_kernel::{Code, Span, Timestamp};
use imajin_key_log::{Entry, EntryDraft};
use imajin_proof::SignedMessage;
use imajin_testkit::{Backend, on_both};
use imajin_web::SignerAsked;
use serde_json::json;

use super::pair::{Forger, Nodes, arrive, claims, depart, web_did};
use crate::keys::{Ada, signed_as};
use crate::oidc::Person;
use crate::world::{Reply, World, assert_refused};

pub(super) struct Scene {
    pub(super) nodes: Nodes,
    pub(super) home: World,
    pub(super) visited: World,
    pub(super) ada: Ada,
}

impl Scene {
    pub(super) async fn new(backend: Backend) -> Self {
        let nodes = Nodes::new(backend);
        let (home, visited) = (nodes.node(1).await, nodes.node(2).await);
        let ada = Ada::registered(&home, "ada").await;
        Self {
            nodes,
            home,
            visited,
            ada,
        }
    }

    /// The message that the person signs for a visit, whichever key it is.
    fn message(&self, home: &World, key: &SecretKey, nonce: &str) -> SignedMessage {
        let payload = json!({"home": web_did(home), "nonce": nonce});
        let (from, to) = (self.ada.did.clone(), Some(web_did(&self.visited)));
        SignedMessage::sign(key, from, "login", to, home.env_now(), payload).unwrap()
    }

    /// Signs in at the visited node with a key that is logged in at home.
    async fn visit(&self, key: &SecretKey) -> Reply {
        let token = self.ada.login(&self.home, key).await;
        let departed = depart(&self.visited, &self.home).await;
        let nonce = claims(&departed.request)["nonce"].as_str().unwrap().to_owned();
        let body = json!({"request": departed.request, "message": self.message(&self.home, key, &nonce)});
        let path = "/auth/api/federation/allow";
        let text = body.to_string();
        let signed = signed_as(&self.home, &self.ada.did, key, "POST", path, &text);
        let cookie = format!("__Host-imajin_session={token}");
        let pairs = signed.headers();
        let mut headers: Vec<(&str, &str)> = vec![("content-type", "application/json"), ("cookie", &cookie)];
        headers.extend(pairs.iter().map(|(name, value)| (name.as_str(), *value)));
        let reply = self.home.send("POST".parse().unwrap(), path, &headers, &text).await;
        assert!(reply.status.is_success(), "{reply:?}");
        let back = reply.json()["redirectTo"].as_str().unwrap().to_owned();
        arrive(
            &self.visited,
            back.strip_prefix(&self.visited.origin).unwrap(),
            &departed.cookie,
        )
        .await
    }

    pub(super) async fn visit_session(&self, key: &SecretKey) -> String {
        let reply = self.visit(key).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER, "{reply:?}");
        reply.cookie().split_once('=').unwrap().1.to_owned()
    }

    /// Comes to a node with a message by this key, and with a home that vouches for anything.
    async fn forged(&self, home: &World, key: &SecretKey) -> Reply {
        let departed = depart(&self.visited, home).await;
        let person = Person {
            key: Some(key.clone()),
            token: String::new(),
        };
        let nonce = claims(&departed.request)["nonce"].as_str().unwrap().to_owned();
        let forger = Forger {
            visited: &self.visited,
            home,
            person: &person,
            nonce: nonce.clone(),
        };
        let mut standard = forger.standard();
        standard.sub = self.ada.did.to_string();
        let mut statement = forger.statement();
        statement.message = self.message(home, key, &nonce);
        arrive(&self.visited, &forger.path(&standard, &statement), &departed.cookie).await
    }

    pub(super) async fn rotate(&self) -> Entry {
        let entry = self
            .ada
            .rotation(&self.home, &SecretKey::generate(&self.home.env))
            .await;
        let reply = self.ada.send(&self.home, "rotate", &entry).await;
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
        entry
    }

    /// A request that any signer may make.
    pub(super) async fn request(&self, key: &SecretKey) -> Reply {
        let (path, body) = (
            "/auth/api/devices/requests",
            json!({"handle": "nobody", "name": "x"}).to_string(),
        );
        let signed = signed_as(&self.visited, &self.ada.did, key, "POST", path, &body);
        self.visited.send_signed(&signed, path, &body).await
    }

    pub(super) async fn close(self) {
        for node in [&self.home, &self.visited] {
            assert_eq!(node.audit().await, []);
        }
        self.nodes.close().await;
    }
}

/// The request got past the check of its signature: its body is what is wrong.
pub(super) fn assert_counts(reply: &Reply) {
    assert_refused(reply, 400, "invalid_request");
}

async fn a_rotated_key_signs_in_elsewhere_and_the_old_one_does_not(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (home, visited, ada) = (&scene.home, &scene.visited, &scene.ada);
    let before = scene.visit_session(&ada.phone).await;
    assert_eq!(visited.session_did(&before).await, Some(ada.did.clone()));
    let log = ada.log(visited).await;
    assert_eq!(
        (&log["mirrored"], &log["head"]),
        (&json!(true), &json!(ada.first.hash().unwrap()))
    );
    scene.rotate().await;
    let after = scene.visit_session(&ada.next).await;
    assert_eq!(visited.session_did(&after).await, Some(ada.did.clone()));
    assert_eq!(visited.session_did(&before).await, None, "its key is gone");
    assert_refused(&scene.request(&ada.phone).await, 401, "bad_signature");
    let answer = visited.answer(&ada.phone, ada.did.as_str()).await;
    let login = visited.post("/auth/api/authenticate", &answer).await;
    assert_refused(&login, 401, "bad_signature");
    assert_refused(&scene.forged(home, &ada.phone).await, 401, "bad_signature");
    let reply = scene.forged(home, &SecretKey::generate(&home.env)).await;
    assert_refused(&reply, 401, "bad_signature");
    // What the visited node shows of the log is what home shows.
    assert_eq!(ada.log(visited).await["entries"], ada.log(home).await["entries"]);
    scene.close().await;
}

async fn somebody_who_comes_for_the_first_time_after_a_rotation_has_the_new_key(backend: Backend) {
    let scene = Scene::new(backend).await;
    scene.rotate().await;
    assert_refused(&scene.forged(&scene.home, &scene.ada.phone).await, 401, "bad_signature");
    assert_eq!(
        scene.visited.get(&scene.ada.path("log"), &[]).await.status,
        StatusCode::NOT_FOUND,
        "of a visit that came to nothing nothing is kept"
    );
    let token = scene.visit_session(&scene.ada.next).await;
    assert_eq!(scene.visited.session_did(&token).await, Some(scene.ada.did.clone()));
    assert_refused(&scene.forged(&scene.home, &scene.ada.phone).await, 401, "bad_signature");
    scene.close().await;
}

async fn what_a_visitor_signs_follows_the_log_at_home(backend: Backend) {
    let scene = Scene::new(backend).await;
    let ada = &scene.ada;
    let token = scene.visit_session(&ada.phone).await;
    assert!(scene.request(&ada.phone).await.status.is_success());
    scene.rotate().await;
    assert!(scene.request(&ada.phone).await.status.is_success());
    // Within five minutes the visited node asks again.
    scene.nodes.clock.advance(Span::minutes(5));
    assert_refused(&scene.request(&ada.phone).await, 401, "bad_signature");
    assert_counts(&scene.request(&ada.next).await);
    assert_eq!(scene.visited.session_did(&token).await, None);
    // And its own people's log is not the visited node's to change.
    let entry = EntryDraft::addition(&ada.state(&scene.home).await, &ada.paper.public(), scene.home.env_now());
    let entry = entry.sign(&[&ada.next]).unwrap();
    assert_refused(&ada.send(&scene.visited, "rotate", &entry).await, 409, "conflict");
    scene.close().await;
}

async fn a_session_of_a_replaced_key_ends_where_its_owner_visits(backend: Backend) {
    let scene = Scene::new(backend).await;
    let token = scene.visit_session(&scene.ada.phone).await;
    scene.rotate().await;
    scene.nodes.clock.advance(Span::minutes(5));
    assert_eq!(scene.visited.session_did(&token).await, None);
    scene.close().await;
}

async fn a_home_that_does_not_answer_leaves_everything_as_it_was_seen(backend: Backend) {
    let scene = Scene::new(backend).await;
    let token = scene.visit_session(&scene.ada.phone).await;
    scene.rotate().await;
    scene.nodes.clock.advance(Span::minutes(6));
    let Scene {
        nodes,
        home,
        visited,
        ada,
    } = scene;
    nodes.close().await;
    assert_eq!(visited.session_did(&token).await, Some(ada.did.clone()));
    assert_eq!(visited.audit().await, []);
    drop(home);
}

async fn a_deactivated_identity_is_refused_with_the_reason(backend: Backend) {
    let scene = Scene::new(backend).await;
    let ada = &scene.ada;
    let token = scene.visit_session(&ada.phone).await;
    let end = EntryDraft::deactivation(&ada.state(&scene.home).await, scene.home.env_now());
    let end = end.sign(&[&ada.phone, &ada.next]).unwrap();
    assert_eq!(ada.send(&scene.home, "deactivate", &end).await.status, StatusCode::OK);
    let reply = scene.forged(&scene.home, &ada.phone).await;
    assert_refused(&reply, 410, "gone");
    assert!(reply.text.contains("deactivated by its owner"), "{reply:?}");
    assert_refused(&scene.request(&ada.phone).await, 410, "gone");
    assert_eq!(scene.visited.session_did(&token).await, None);
    scene.close().await;
}

async fn a_home_that_tells_two_histories_makes_its_visitor_contested(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (ada, visited) = (&scene.ada, &scene.visited);
    scene.visit_session(&ada.phone).await;
    // The visited node sees one rotation from somebody, and home has accepted another.
    let mut seen = ada.log(&scene.home).await;
    let [one, two] = [(); 2].map(|()| SecretKey::generate(&scene.home.env));
    let other = ada.rotation(&scene.home, &one).await;
    seen["entries"].as_array_mut().unwrap().push(json!(other));
    let reply = visited.post("/auth/api/mirror", &seen).await;
    assert_eq!(reply.json()["status"], "active", "{reply:?}");
    let accepted = ada.rotation(&scene.home, &two).await;
    assert_eq!(ada.send(&scene.home, "rotate", &accepted).await.status, StatusCode::OK);
    let reply = scene.forged(&scene.home, &ada.next).await;
    assert_refused(&reply, 409, "conflict");
    assert!(reply.text.contains("Two histories"), "{reply:?}");
    assert_refused(&scene.request(&ada.next).await, 409, "conflict");
    assert_eq!(ada.log(visited).await["status"], "contested");
    // Taken back at home, it is settled here as well.
    scene.nodes.clock.advance(Span::minutes(5));
    let new = SecretKey::generate(&scene.home.env);
    let reply = ada.send(&scene.home, "recover", &ada.recovery(&scene.home, &new)).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    assert_counts(&scene.request(&new).await);
    scene.visit_session(&new).await;
    scene.close().await;
}

async fn a_thief_of_the_old_key_gets_nowhere_through_a_node_of_their_own(backend: Backend) {
    let scene = Scene::new(backend).await;
    let ada = &scene.ada;
    scene.rotate().await;
    let third = scene.nodes.node(3).await;
    // Somebody has shown the visited node the log, though its owner was never there.
    let log = ada.log(&scene.home).await;
    assert_eq!(
        scene.visited.post("/auth/api/mirror", &log).await.status,
        StatusCode::OK
    );
    assert_refused(&scene.forged(&third, &ada.phone).await, 401, "bad_signature");
    // The thief's node shows an older log, with an addition that it has witnessed long ago, it says.
    let body = third.registration(&ada.phone, None).await;
    assert_eq!(
        third.post("/auth/api/register", &body).await.status,
        StatusCode::CREATED
    );
    assert_eq!(ada.send(&third, "log", &ada.first).await.status, StatusCode::OK);
    let device = SecretKey::generate(&third.env);
    let entry = EntryDraft::addition(&ada.first.state().unwrap(), &device.public(), third.env_now());
    let reply = ada.send(&third, "rotate", &entry.sign(&[&ada.phone]).unwrap()).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    for key in [&ada.phone, &device] {
        let reply = scene.forged(&third, key).await;
        assert!(reply.status.is_client_error(), "{reply:?}");
    }
    assert_eq!(
        ada.log(&scene.visited).await["status"],
        "active",
        "nothing of it is kept"
    );
    scene.visit_session(&ada.next).await;
    assert_eq!(third.audit().await, []);
    scene.close().await;
}

/// Whether the visited node counts a signature by this key of that moment, or why not.
async fn signer(scene: &Scene, key: &SecretKey, at: Option<Timestamp>, shown_by: Option<&World>) -> Result<bool, Code> {
    let asked = SignerAsked {
        did: scene.ada.did.clone(),
        at,
        follow: shown_by.is_some(),
        shown_by: shown_by.map(|node| node.origin.parse().unwrap()),
    };
    let signer = scene
        .visited
        .auth
        .signer_keys(asked)
        .await
        .map_err(|problem| problem.code)?;
    let (counts, other) = (
        signer.keys.contains(&key.public()),
        signer.others.contains(&key.public()),
    );
    assert!(!(counts && other), "a key is one or the other");
    Ok(counts)
}

async fn what_was_signed_before_a_rotation_goes_on_to_count(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (ada, home) = (&scene.ada, &scene.home);
    let before = home.env_now();
    scene.nodes.clock.advance(Span::hours(1));
    let behind = SecretKey::generate(&home.env);
    let rotation = ada.rotation(home, &behind).await;
    assert_eq!(ada.send(home, "rotate", &rotation).await.status, StatusCode::OK);
    scene.nodes.clock.advance(Span::hours(1));
    let after = Some(home.env_now());
    // Nothing is known of a stranger, and the first key is the DID.
    assert_eq!(signer(&scene, &ada.phone, after, None).await, Ok(true));
    assert_eq!(signer(&scene, &ada.next, after, None).await, Ok(false));
    // The node that shows what was signed knows the log.
    assert_eq!(signer(&scene, &ada.next, after, Some(home)).await, Ok(true));
    assert_eq!(signer(&scene, &ada.phone, after, None).await, Ok(false));
    assert_eq!(signer(&scene, &ada.phone, None, None).await, Ok(false), "as of now");
    assert_eq!(signer(&scene, &ada.phone, Some(before), None).await, Ok(true));
    scene.nodes.clock.advance(Span::hours(1));
    let end = EntryDraft::deactivation(&ada.state(home).await, home.env_now());
    let end = end.sign(&[&ada.next, &behind]).unwrap();
    assert_eq!(ada.send(home, "deactivate", &end).await.status, StatusCode::OK);
    let ended = signer(&scene, &ada.phone, Some(before), Some(home)).await;
    assert_eq!(ended, Err(Code::Gone));
    scene.close().await;
}

async fn the_keys_of_a_resident_are_those_of_the_home(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (ada, visited) = (&scene.ada, &scene.visited);
    let token = scene.visit_session(&ada.phone).await;
    let registered = visited.registration(&ada.phone, Some("ada_here")).await;
    let reply = visited.post("/auth/api/register", &registered).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
    scene.rotate().await;
    scene.nodes.clock.advance(Span::minutes(5));
    assert_refused(&scene.request(&ada.phone).await, 401, "bad_signature");
    assert_counts(&scene.request(&ada.next).await);
    assert_eq!(visited.session_did(&token).await, None, "its key is gone");
    let again = scene.visit_session(&ada.next).await;
    assert_eq!(visited.session_did(&again).await, Some(ada.did.clone()));
    scene.close().await;
}

async fn a_log_that_is_not_about_the_identity_is_not_taken(backend: Backend) {
    let scene = Scene::new(backend).await;
    let mut log = scene.ada.log(&scene.home).await;
    let other: Did = SecretKey::generate(&scene.home.env).did();
    log["entries"][0]["did"] = json!(other);
    let reply = scene.visited.post("/auth/api/mirror", &log).await;
    assert!(reply.status.is_client_error(), "{reply:?}");
    assert_eq!(
        scene
            .visited
            .get(&format!("/auth/api/identity/{other}/log"), &[])
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    scene.close().await;
}

on_both! {
    a_rotated_key_signs_in_elsewhere_and_the_old_one_does_not,
    somebody_who_comes_for_the_first_time_after_a_rotation_has_the_new_key,
    what_a_visitor_signs_follows_the_log_at_home,
    a_session_of_a_replaced_key_ends_where_its_owner_visits,
    a_home_that_does_not_answer_leaves_everything_as_it_was_seen,
    a_deactivated_identity_is_refused_with_the_reason,
    a_home_that_tells_two_histories_makes_its_visitor_contested,
    a_thief_of_the_old_key_gets_nowhere_through_a_node_of_their_own,
    a_log_that_is_not_about_the_identity_is_not_taken,
    what_was_signed_before_a_rotation_goes_on_to_count,
    the_keys_of_a_resident_are_those_of_the_home,
}
