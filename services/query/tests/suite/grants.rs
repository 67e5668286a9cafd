//! Standing grants: given, listed, revoked, and what was made of them.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use imajin_consent::{GrantMode, GrantPayload, GrantRevocation, Grantee, GranteeClass, StandingGrant};
use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_query_api::{GrantState, GrantView, OwnConsent, UseKind};
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::json;

use crate::world::{API, Ask, World, key};

on_both!(
    a_grant_is_given_listed_and_revoked_once,
    a_grant_ends_by_itself,
    what_was_revoked_is_not_given_again,
    grants_that_are_not_their_subjects_word_are_refused,
    a_revocation_by_somebody_else_is_refused,
    a_request_to_revoke_counts_once,
    the_answers_from_ones_documents_are_among_the_uses,
);

/// What ada lets ben know.
pub(crate) fn payload() -> GrantPayload {
    GrantPayload {
        subject: key("ada").did(),
        granted_to: Grantee::Did(key("ben").did()),
        purpose: "directory".parse().unwrap(),
        fields: ["profile.name", "profile.bio"]
            .map(|field| field.parse().unwrap())
            .into(),
        mode: GrantMode::Allow,
        expires: None,
    }
}

impl World {
    pub(crate) fn grant(&self, by: &SecretKey, payload: GrantPayload) -> StandingGrant {
        StandingGrant::sign(by, self.env.now(), payload).unwrap()
    }

    pub(crate) async fn give(&self, payload: GrantPayload) -> StandingGrant {
        let grant = self.grant(&key("ada"), payload);
        let given = self.change(&key("ada"), "POST", "/consent/grants", &grant).await;
        let view: GrantView = given.expect(StatusCode::CREATED).parse();
        assert_eq!((view.digest, view.state), (grant.digest().unwrap(), GrantState::Active));
        grant
    }

    pub(crate) async fn revoke(&self, grant: &StandingGrant) -> Answer {
        let revocation = GrantRevocation::sign(&key("ada"), self.env.now(), grant).unwrap();
        self.change(&key("ada"), "POST", "/consent/revocations", &revocation)
            .await
    }

    pub(crate) async fn consent_of(&self, name: &str) -> OwnConsent {
        self.get_as(&key(name), "/consent").await.expect(StatusCode::OK).parse()
    }
}

async fn a_grant_is_given_listed_and_revoked_once(backend: Backend) {
    let world = World::new(backend).await;
    let grant = world.give(payload()).await;
    let again = world.give(grant.payload().clone()).await;
    assert_eq!(again, grant, "the same one is the one that is there");
    let class = GrantPayload {
        granted_to: Grantee::Class(GranteeClass::Connections),
        ..payload()
    };
    world.clock.advance(Span::seconds(1));
    world.give(class).await;
    let own = world.consent_of("ada").await;
    assert_eq!(own.grants.len(), 2);
    assert_eq!(own.grants[1].grant, grant, "the newest first, each as it was signed");
    assert_eq!(world.consent_of("ben").await.grants, []);
    let once: GrantView = world.revoke(&grant).await.expect(StatusCode::OK).parse();
    assert_eq!(
        (once.state, once.revoked_at),
        (GrantState::Revoked, Some(world.env.now()))
    );
    world.clock.advance(Span::minutes(1));
    let twice: GrantView = world.revoke(&grant).await.expect(StatusCode::OK).parse();
    assert_eq!(twice, once, "what was revoked stays as it is");
    let states: Vec<_> = world
        .consent_of("ada")
        .await
        .grants
        .iter()
        .map(|one| one.state)
        .collect();
    assert_eq!(states, [GrantState::Active, GrantState::Revoked]);
    assert_eq!(world.audit().await, []);
}

async fn a_grant_ends_by_itself(backend: Backend) {
    let world = World::new(backend).await;
    let until = |span| GrantPayload {
        expires: Some(world.env.now().plus(span)),
        ..payload()
    };
    world.give(until(Span::minutes(10))).await;
    assert_eq!(world.consent_of("ada").await.grants[0].state, GrantState::Active);
    world.clock.advance(Span::minutes(10));
    assert_eq!(world.consent_of("ada").await.grants[0].state, GrantState::Expired);
    let over = world.grant(&key("ada"), until(Span::seconds(0)));
    let refused = world.change(&key("ada"), "POST", "/consent/grants", &over).await;
    assert_eq!(
        (refused.code().as_str(), &refused.json()["member"]),
        ("invalid_request", &json!("expires"))
    );
}

async fn what_was_revoked_is_not_given_again(backend: Backend) {
    let world = World::new(backend).await;
    let grant = world.give(payload()).await;
    world.revoke(&grant).await.expect(StatusCode::OK);
    let again = world.change(&key("ada"), "POST", "/consent/grants", &grant).await;
    assert_eq!(again.code(), "conflict");
    world.clock.advance(Span::seconds(1));
    world.give(payload()).await;
    assert_eq!(world.audit().await, []);
}

async fn grants_that_are_not_their_subjects_word_are_refused(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, ben) = (key("ada"), key("ben"));
    let grant = world.grant(&ada, payload());
    let relayed = world.change(&ben, "POST", "/consent/grants", &grant).await;
    assert_eq!(relayed.code(), "forbidden", "everybody brings their own");
    let forged = world.grant(&ben, payload());
    assert_eq!(
        world.change(&ada, "POST", "/consent/grants", &forged).await.code(),
        "bad_signature"
    );
    let mut changed = grant.clone();
    changed.0.payload.fields.insert("profile.contact".parse().unwrap());
    assert_eq!(
        world.change(&ada, "POST", "/consent/grants", &changed).await.code(),
        "bad_signature"
    );
    let mut none = grant.clone();
    none.0.payload.fields.clear();
    assert_eq!(
        world.change(&ada, "POST", "/consent/grants", &none).await.code(),
        "invalid_request"
    );
    let mut about_ben = grant.0.clone();
    about_ben.payload.subject = ben.did();
    assert_eq!(
        world.change(&ada, "POST", "/consent/grants", &about_ben).await.code(),
        "forbidden"
    );
    let mut more = serde_json::to_value(&grant).unwrap();
    more["payload"]["note"] = json!("a member that nobody reads could be a restriction");
    assert_eq!(
        world.change(&ada, "POST", "/consent/grants", &more).await.code(),
        "invalid_request"
    );
    world.clock.advance(Span::minutes(-10));
    let early = world.change(&ada, "POST", "/consent/grants", &grant).await;
    assert_eq!(early.code(), "stale_signature", "it is from the future");
    assert_eq!(world.consent_of("ada").await.grants, []);
}

async fn a_revocation_by_somebody_else_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let grant = world.give(payload()).await;
    let (ada, ben) = (key("ada"), key("ben"));
    let mut revocation = GrantRevocation::sign(&ada, world.env.now(), &grant).unwrap();
    let relayed = world.change(&ben, "POST", "/consent/revocations", &revocation).await;
    assert_eq!(relayed.code(), "not_found", "it is none of his");
    let forged = GrantRevocation::sign(&ben, world.env.now(), &grant).unwrap();
    let forged = world.change(&ada, "POST", "/consent/revocations", &forged).await;
    assert_eq!(forged.code(), "bad_signature");
    revocation.0.payload.consent = "0".repeat(64);
    let other = world.change(&ada, "POST", "/consent/revocations", &revocation).await;
    assert_eq!(other.code(), "not_found");
    assert_eq!(world.consent_of("ada").await.grants[0].state, GrantState::Active);
}

async fn a_request_to_revoke_counts_once(backend: Backend) {
    let world = World::new(backend).await;
    let grant = world.give(payload()).await;
    let revocation = GrantRevocation::sign(&key("ada"), world.env.now(), &grant).unwrap();
    let signed = world.sign(&key("ada"), "POST", "/consent/revocations", &revocation);
    let send = || {
        let request = signed.headers().into_iter().fold(
            Request::post(format!("{API}/consent/revocations")).header("content-type", "application/json"),
            |request, (name, value)| request.header(name, value),
        );
        Answer::of(&world.router, request.body(Body::from(signed.body.clone())).unwrap())
    };
    send().await.expect(StatusCode::OK);
    assert_eq!(send().await.code(), "replayed");
    let moved = signed.headers().into_iter().fold(
        Request::post(format!("{API}/consent/grants")).header("content-type", "application/json"),
        |request, (name, value)| request.header(name, value),
    );
    let moved = Answer::of(&world.router, moved.body(Body::from(signed.body.clone())).unwrap()).await;
    assert_eq!(moved.code(), "bad_signature", "it was signed for another URL");
}

async fn the_answers_from_ones_documents_are_among_the_uses(backend: Backend) {
    let world = World::new(backend).await;
    let answer = world.answered(&Ask::usual()).await;
    let own = world.consent_of("ada").await;
    let used = &own.uses[0];
    assert_eq!((used.kind, &used.by), (UseKind::Answer, &key("ben").did()));
    assert_eq!(
        (used.id.clone(), used.purpose.as_str()),
        (answer.question.to_string(), "query")
    );
    assert_eq!(used.receipt, Some(answer.receipt.unwrap().payload.id.to_string()));
    assert_eq!(used.declaration.len(), 64);
    assert_eq!(
        world.consent_of("ben").await.uses,
        [],
        "what he has asked is not a use of what is his"
    );
    let anonymous = world.get("/consent").await;
    assert_eq!(anonymous.code(), "unauthenticated");
}
