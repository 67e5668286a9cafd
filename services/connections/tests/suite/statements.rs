//! Saying, accepting, replacing and taking back.

use axum::http::StatusCode;
use imajin_connections_api::{OwnConnections, Proven, StatementKind, StatementStatus};
use imajin_kernel::Span;
use imajin_kernel::id::EventId;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::world::World;

on_both!(
    a_connection_takes_both_signatures,
    the_documents_prove_it_without_the_node,
    a_later_vouch_takes_the_place_of_the_earlier,
    a_vouch_ends_by_itself_without_a_write,
    what_is_taken_back_is_gone_from_the_next_question,
    co_presence_counts_where_it_is_asked_for,
    whoever_raised_a_flag_is_told_to_nobody,
    who_is_blocked_asks_in_vain_and_does_not_learn_it,
    a_document_that_comes_twice_is_there_once,
    everything_is_there_after_a_restart,
    another_process_is_followed,
);

async fn a_connection_takes_both_signatures(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let asked = world.ask(&ada, &ben).await;
    assert_eq!(
        (asked.status, asked.kind),
        (StatementStatus::Pending, StatementKind::Connection)
    );
    assert_eq!(world.hops(&ada, &ben).await, Value::Null);
    let own: OwnConnections = world.get(Some(&ben.did()), "/connections").await.parse();
    assert_eq!(own.requests_received.len(), 1);
    assert_eq!(own.requests_received[0].from, ada.did());
    let done = world.accept(&ben, &asked).await;
    assert_eq!((done.status, done.id), (StatementStatus::Active, asked.id));
    assert_eq!(world.hops(&ada, &ben).await, 1);
    assert_eq!(world.hops(&ben, &ada).await, 1);
    for (one, other) in [(&ada, &ben), (&ben, &ada)] {
        let own: OwnConnections = world.get(Some(&one.did()), "/connections").await.parse();
        assert_eq!(own.connections.len(), 1);
        assert_eq!(own.connections[0].did, other.did());
        assert_eq!((own.requests_received.len(), own.requests_sent.len()), (0, 0));
    }
    let status = world
        .get(Some(&ben.did()), &format!("/connections/status/{}", ada.did()))
        .await;
    assert_eq!(status.json(), json!({"inGraph": true, "connectionCount": 1}));
    assert_eq!(world.audit().await, []);
}

async fn the_documents_prove_it_without_the_node(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| world.person(name));
    world.connect(&ada, &ben).await;
    world.vouch(&ben, &cleo, 700_000).await;
    world.vouch(&cleo, &ada, 1).await;
    let answer = world.path(&ada, &cleo, "").await;
    assert_eq!(answer["hops"], 2);
    let steps = answer["steps"].as_array().unwrap();
    let mut at = ada.did();
    for step in steps {
        let proven: Proven = serde_json::from_value(step["proof"].clone()).unwrap();
        let fact = proven.verify_self_certified().unwrap();
        assert!(fact.holds(world.env.now()));
        assert_eq!(step["from"], json!(at));
        assert!([&fact.from, &fact.to].contains(&&at));
        at = serde_json::from_value(step["to"].clone()).unwrap();
    }
    assert_eq!(at, cleo.did());
    let mut forged: Proven = serde_json::from_value(steps[1]["proof"].clone()).unwrap();
    forged.document.payload["weightMillionths"] = json!(1_000_000);
    forged.verify_self_certified().unwrap_err();
}

async fn a_later_vouch_takes_the_place_of_the_earlier(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let first = world.vouch(&ada, &ben, 200_000).await;
    world.later(Span::seconds(1));
    let second = world.vouch(&ada, &ben, 900_000).await;
    let read = world.get(Some(&ada.did()), &format!("/statements/{}", first.id)).await;
    assert_eq!(read.json()["status"], "replaced");
    let strong = format!("/trust/check?to={}&vouchLeast=800000", ben.did());
    assert_eq!(world.get(Some(&ada.did()), &strong).await.json()["hops"], 1);
    world.revoke(&ada, &second).await;
    assert_eq!(
        world.hops(&ada, &ben).await,
        Value::Null,
        "the earlier one does not come back"
    );
    assert_eq!(world.audit().await, []);
}

async fn a_vouch_ends_by_itself_without_a_write(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let ends = world.env.now().plus(Span::hours(1)).as_millis();
    let payload = json!({"weightMillionths": 500_000, "expires": ends});
    let document = world.said(&ada, StatementKind::Vouch, &ben, &payload);
    let view: Value = world.submit(&ada, &document).await.expect(StatusCode::OK).json();
    assert_eq!(world.hops(&ada, &ben).await, 1);
    world.later(Span::hours(1));
    assert_eq!(world.hops(&ada, &ben).await, Value::Null);
    let why = world.path(&ada, &ben, "").await;
    assert_eq!(why["whyNot"], json!({"reason": "lapsed"}));
    let path = format!("/statements/{}", view["id"].as_str().unwrap());
    let read = world.get(Some(&ada.did()), &path).await;
    assert_eq!(read.json()["status"], "expired");
}

async fn what_is_taken_back_is_gone_from_the_next_question(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| world.person(name));
    let connected = world.connect(&ada, &ben).await;
    let vouched = world.vouch(&ada, &cleo, 1).await;
    // Either of the two ends what both have signed.
    let ended = world.revoke(&ben, &connected).await;
    assert_eq!(ended.status, StatementStatus::Revoked);
    assert_eq!(world.hops(&ada, &ben).await, Value::Null);
    let refused = world.revocation(&cleo, &vouched.digest);
    world.submit(&cleo, &refused).await.expect(StatusCode::BAD_REQUEST);
    world.revoke(&ada, &vouched).await;
    world.revoke(&ada, &vouched).await;
    assert_eq!(world.hops(&ada, &cleo).await, Value::Null);
    // They can find together again.
    world.later(Span::seconds(1));
    world.connect(&ben, &ada).await;
    assert_eq!(world.hops(&ada, &ben).await, 1);
    // A request is refused, or withdrawn, in the same way.
    let asked = world.ask(&ada, &cleo).await;
    world.revoke(&cleo, &asked).await;
    let own: OwnConnections = world.get(Some(&ada.did()), "/connections").await.parse();
    assert_eq!(own.requests_sent.len(), 0);
    assert_eq!(world.audit().await, []);
}

async fn co_presence_counts_where_it_is_asked_for(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let event: EventId = world.env.new_id();
    let document = world.said(&ada, StatementKind::CoPresence, &ben, &json!({"event": event}));
    let asked = world.submit(&ada, &document).await.expect(StatusCode::OK).parse();
    world.accept(&ben, &asked).await;
    assert_eq!(world.hops(&ada, &ben).await, Value::Null);
    let path = format!("/trust/check?to={}&coPresence=true", ben.did());
    assert_eq!(world.get(Some(&ada.did()), &path).await.json()["hops"], 1);
    assert_eq!(world.audit().await, []);
}

async fn whoever_raised_a_flag_is_told_to_nobody(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    world.connect(&ada, &ben).await;
    let flag = world.flag(&ada, &ben, "red").await;
    assert_eq!(
        world.hops(&ada, &ben).await,
        Value::Null,
        "no path of hers leads to him"
    );
    assert_eq!(world.path(&ada, &ben, "").await["whyNot"], json!({"reason": "flagged"}));
    let path = format!("/statements/{}", flag.id);
    world.get(Some(&ben.did()), &path).await.expect(StatusCode::NOT_FOUND);
    world.get(Some(&ada.did()), &path).await.expect(StatusCode::OK);
    let own = world.get(Some(&ben.did()), "/connections").await.text();
    let taken = world.get(Some(&ben.did()), "/export").await.text();
    for text in [own, taken] {
        assert!(
            !text.contains(flag.digest.as_str()) && !text.contains("trust.flag"),
            "{text}"
        );
    }
    let standing = world
        .get(Some(&ben.did()), &format!("/trust/standing/{}", ben.did()))
        .await;
    assert_eq!(standing.json()["red"], 1, "that there is one is told");
}

async fn who_is_blocked_asks_in_vain_and_does_not_learn_it(backend: Backend) {
    use imajin_profile_api::{ConnectionCheck, ConnectionsApi};
    let world = World::new(backend).await;
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| world.person(name));
    world.connect(&ada, &cleo).await;
    let connected = async |reader: &imajin_did::SecretKey| {
        let check = ConnectionCheck {
            owner: ada.did(),
            reader: reader.did(),
        };
        world.service.connection_check(check).await.unwrap().connected
    };
    assert!(connected(&cleo).await && !connected(&ben).await && !connected(&ada).await);
    for other in [&ben, &cleo] {
        let path = format!("/blocks/{}", other.did());
        world
            .change(&ada, "PUT", &path, &Value::Null)
            .await
            .expect(StatusCode::OK);
    }
    assert!(!connected(&cleo).await);
    assert_eq!(world.ask(&ben, &ada).await.status, StatementStatus::Pending);
    let own: OwnConnections = world.get(Some(&ada.did()), "/connections").await.parse();
    assert_eq!((own.requests_received.len(), own.blocked.len()), (0, 2));
    let path = format!("/blocks/{}", ben.did());
    world
        .change(&ada, "DELETE", &path, &Value::Null)
        .await
        .expect(StatusCode::OK);
    let own: OwnConnections = world.get(Some(&ada.did()), "/connections").await.parse();
    assert_eq!((own.requests_received.len(), own.blocked), (1, vec![cleo.did()]));
    assert_eq!(world.audit().await, []);
}

async fn a_document_that_comes_twice_is_there_once(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let document = world.said(&ada, StatementKind::Connection, &ben, &json!({}));
    let first = world.submit(&ada, &document).await.expect(StatusCode::OK).json();
    let again = world.submit(&ada, &document).await.expect(StatusCode::OK).json();
    assert_eq!(first["id"], again["id"]);
    let acceptance = world.acceptance(&ben, first["digest"].as_str().unwrap());
    for _time in 0..2 {
        world.submit(&ben, &acceptance).await.expect(StatusCode::OK);
    }
    assert_eq!(world.audit().await, []);
}

async fn everything_is_there_after_a_restart(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| world.person(name));
    world.connect(&ada, &ben).await;
    let vouched = world.vouch(&ben, &cleo, 5).await;
    let ended = world.connect(&ada, &cleo).await;
    world.revoke(&ada, &ended).await;
    let restarted = world.again().await;
    assert_eq!(restarted.hops(&ada, &cleo).await, 2);
    restarted.revoke(&ben, &vouched).await;
    assert_eq!(restarted.hops(&ada, &cleo).await, Value::Null);
    assert_eq!(restarted.audit().await, []);
}

async fn another_process_is_followed(backend: Backend) {
    let world = World::new(backend).await;
    let other = world.again().await;
    let (ada, ben) = (world.person("ada"), world.person("ben"));
    let done = world.connect(&ada, &ben).await;
    let token = |token: &str| format!("/trust/check?to={}&token={token}", ben.did());
    let answer = other.get(Some(&ada.did()), &token(&done.token)).await;
    assert_eq!(
        answer.expect(StatusCode::OK).json()["hops"],
        1,
        "it has looked for what the token names"
    );
    let refused = other.get(Some(&ada.did()), &token("99")).await;
    refused.expect(StatusCode::PRECONDITION_FAILED);
    other
        .get(Some(&ada.did()), &token("x"))
        .await
        .expect(StatusCode::BAD_REQUEST);
}
