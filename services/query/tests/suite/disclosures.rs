//! Questions about a person: told exactly what was asked, with a receipt; and each refusal by its own test.

use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use imajin_consent::{
    ConsentProfile, ContentRef, DeclarationDraft, GrantMode, GrantPayload, Grantee, GranteeClass, IntendedUse,
    ProfilePayload,
};
use imajin_did::{Did, SecretKey};
use imajin_kernel::{Span, Timestamp};
use imajin_mjn::{Client, Means, RequestDraft, SettlementInstruction};
use imajin_query_api::{Disclosed, UseKind, UseReceipt, values_sha256};
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::grants::payload;
use crate::world::{API, PUBLIC, World, key};

on_both!(
    exactly_what_is_asked_is_told_with_a_receipt_that_the_person_sees,
    a_class_is_asked_of_the_trust_graph,
    nobody_is_told_anything_while_the_trust_graph_is_away,
    without_a_grant_nothing_is_told,
    an_expired_grant_tells_nothing,
    a_revoked_grant_tells_nothing,
    another_purpose_is_refused,
    another_field_is_refused,
    a_replayed_question_is_refused,
    headers_moved_to_another_url_are_refused,
    what_the_person_has_switched_off_is_not_told,
    what_the_person_keeps_to_themselves_is_not_told,
    what_is_revoked_while_the_values_are_gathered_is_not_told,
    consent_that_is_for_something_else_is_refused,
    a_profile_that_was_overtaken_is_refused,
);

/// A question about ada, which differs in little from the usual one.
#[derive(Clone)]
pub(crate) struct About {
    pub(crate) by: SecretKey,
    pub(crate) purpose: &'static str,
    pub(crate) fields: &'static [&'static str],
    /// What the consent is for, where it is not the purpose.
    pub(crate) scope: Option<&'static str>,
    pub(crate) content: Did,
    pub(crate) intended: IntendedUse,
    pub(crate) home: Option<String>,
}

impl About {
    /// ben asks for ada's name and what she says about herself, for a directory.
    pub(crate) fn usual() -> Self {
        Self {
            by: key("ben"),
            purpose: "directory",
            fields: &["profile.bio", "profile.name"],
            scope: None,
            content: key("ada").did(),
            intended: IntendedUse::Read,
            home: None,
        }
    }
}

impl World {
    /// ada switches on what may be disclosed.
    pub(crate) async fn switch(&self, purposes: &[(&str, &[&str])]) -> Answer {
        let purposes = purposes.iter().map(|(purpose, fields)| {
            let fields = fields.iter().map(|field| field.parse().unwrap()).collect();
            (purpose.parse().unwrap(), fields)
        });
        let payload = ProfilePayload {
            purposes: purposes.collect(),
            ..ProfilePayload::default()
        };
        let ada = key("ada");
        let profile = ConsentProfile::sign(&ada, ada.did(), self.env.now(), payload).unwrap();
        self.change(&ada, "PUT", "/consent/profile", &profile).await
    }

    /// ben may know ada's profile for a directory.
    pub(crate) async fn open(backend: Backend) -> Self {
        let world = Self::new(backend).await;
        world.give(payload()).await;
        let on: &[&str] = &["profile.name", "profile.bio"];
        world.switch(&[("directory", on)]).await.expect(StatusCode::OK);
        world
    }

    pub(crate) fn about(&self, ask: &About) -> (Request<Body>, Client, imajin_mjn::Pending) {
        let whom = ContentRef::Did(ask.content.clone());
        let mut draft = DeclarationDraft::now(ask.by.did(), whom, ask.intended, &self.env);
        draft.scope = Some(ask.scope.unwrap_or(ask.purpose).to_owned());
        let consent = draft.sign(&ask.by).unwrap();
        let settlement = SettlementInstruction {
            max: "0 TEST-USD".parse().unwrap(),
            means: Means::Free,
        };
        let mut body = json!({"subject": key("ada").did(), "purpose": ask.purpose, "fields": ask.fields});
        if let Some(home) = &ask.home {
            body["home"] = json!(home);
        }
        let draft = RequestDraft {
            method: "POST",
            target_uri: &format!("{PUBLIC}{API}/consent/disclosures"),
            idempotency_key: None,
            consent: &consent,
            settlement: &settlement,
            body: &serde_json::to_vec(&body).unwrap(),
        };
        let client = Client::new(ask.by.did(), ask.by.clone(), self.env.clone());
        let prepared = client.prepare(self.keyring.node_did(), &draft).unwrap();
        let (mut parts, body) = prepared.request.into_parts();
        parts.uri = format!("{API}/consent/disclosures").parse().unwrap();
        (Request::from_parts(parts, Body::from(body)), client, prepared.pending)
    }

    /// Asks about ada, and checks that the answer is the node's, whatever it says.
    pub(crate) async fn ask_about(&self, ask: &About) -> Answer {
        let (request, client, pending) = self.about(ask);
        let answer = Answer::of(&self.router, request).await;
        let (status, headers): (u16, &HeaderMap) = (answer.status.as_u16(), &answer.headers);
        let verified = client.answer(&pending, &[self.keyring.node_public()], status, headers, &answer.body);
        verified.unwrap();
        answer
    }

    pub(crate) async fn told(&self, ask: &About) -> Disclosed {
        self.ask_about(ask).await.expect(StatusCode::OK).parse()
    }

    /// Asks about ada, is refused, and no use is written down; gives the term that fails.
    async fn refused_term(&self, ask: &About) -> String {
        let before = self.consent_of("ada").await.uses;
        let answer = self.ask_about(ask).await;
        assert_eq!(answer.code(), "forbidden");
        assert_eq!(self.consent_of("ada").await.uses, before, "a refusal is no use");
        assert_eq!(self.audit().await, []);
        answer.json()["term"].as_str().unwrap().to_owned()
    }
}

async fn exactly_what_is_asked_is_told_with_a_receipt_that_the_person_sees(backend: Backend) {
    let world = World::open(backend).await;
    let grant = &world.consent_of("ada").await.grants[0];
    let told = world.told(&About::usual()).await;
    let shown = json!({"profile.bio": "I count.", "profile.name": "Ada"});
    assert_eq!(serde_json::to_value(&told.values).unwrap(), shown);
    told.receipt
        .verify(UseReceipt::KIND, &world.keyring.node_public())
        .unwrap();
    let said = &told.receipt.payload;
    assert_eq!(said.values_sha256, values_sha256(&told.values).unwrap());
    assert_eq!((&said.asker, &said.subject), (&key("ben").did(), &key("ada").did()));
    assert_eq!(said.grants, [grant.digest.clone()].into());
    let own = world.consent_of("ada").await;
    assert_eq!(said.profile, own.profile.unwrap().digest);
    let used = &own.uses[0];
    assert_eq!(
        (used.kind, used.document.as_ref()),
        (UseKind::Disclosure, Some(&told.receipt))
    );
    assert_eq!(
        (used.purpose.as_str(), used.fields.join(" ")),
        ("directory", "profile.bio profile.name".to_owned())
    );
    assert_eq!(used.declaration, said.declaration);
    let less = About {
        fields: &["profile.name"],
        ..About::usual()
    };
    let told = world.told(&less).await;
    assert_eq!(
        serde_json::to_value(&told.values).unwrap(),
        json!({"profile.name": "Ada"})
    );
    assert_eq!(world.consent_of("ada").await.uses.len(), 2, "each time is a use");
    assert_eq!(world.audit().await, []);
}

async fn a_class_is_asked_of_the_trust_graph(backend: Backend) {
    let world = World::new(backend).await;
    let all: &[&str] = &["*"];
    world.switch(&[("directory", all)]).await.expect(StatusCode::OK);
    let to = |class| GrantPayload {
        granted_to: Grantee::Class(class),
        fields: ["profile", "trust"].map(|field| field.parse().unwrap()).into(),
        ..payload()
    };
    let ask = About {
        fields: &["profile.links", "trust.standing"],
        ..About::usual()
    };
    let trusted = world.give(to(GranteeClass::Trusted)).await;
    let told = world.told(&ask).await;
    let values = serde_json::to_value(&told.values).unwrap();
    assert_eq!(values["trust.standing"]["connections"], 3);
    assert_eq!(values["profile.links"][0]["url"], "https://ada.example");
    world.trust.hops.lock().unwrap().insert(key("ben").did(), 3);
    assert_eq!(
        world.refused_term(&ask).await,
        "grant",
        "three steps are further than she trusts"
    );
    world.revoke(&trusted).await.expect(StatusCode::OK);
    world.give(to(GranteeClass::Connections)).await;
    assert_eq!(world.refused_term(&ask).await, "grant", "they are not connected");
    world
        .trust
        .connected
        .lock()
        .unwrap()
        .push((key("ada").did(), key("ben").did()));
    world.told(&ask).await;
}

async fn nobody_is_told_anything_while_the_trust_graph_is_away(backend: Backend) {
    let world = World::open(backend).await;
    let class = GrantPayload {
        granted_to: Grantee::Class(GranteeClass::Trusted),
        mode: GrantMode::Deny,
        ..payload()
    };
    world.give(class).await;
    world.trust.away.store(true, Ordering::SeqCst);
    assert_eq!(world.ask_about(&About::usual()).await.code(), "unavailable");
    assert_eq!(world.consent_of("ada").await.uses, []);
    world.trust.away.store(false, Ordering::SeqCst);
    assert_eq!(world.refused_term(&About::usual()).await, "mode", "what denies wins");
}

async fn without_a_grant_nothing_is_told(backend: Backend) {
    let world = World::open(backend).await;
    let eve = About {
        by: key("eve"),
        ..About::usual()
    };
    assert_eq!(world.refused_term(&eve).await, "grant");
}

async fn an_expired_grant_tells_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let on: &[&str] = &["profile"];
    world.switch(&[("directory", on)]).await.expect(StatusCode::OK);
    let expires = Some(world.env.now().plus(Span::minutes(10)));
    world.give(GrantPayload { expires, ..payload() }).await;
    world.told(&About::usual()).await;
    world.clock.advance(Span::minutes(10));
    assert_eq!(world.refused_term(&About::usual()).await, "expires");
}

async fn a_revoked_grant_tells_nothing(backend: Backend) {
    let world = World::new(backend).await;
    let on: &[&str] = &["profile"];
    world.switch(&[("directory", on)]).await.expect(StatusCode::OK);
    let grant = world.give(payload()).await;
    world.told(&About::usual()).await;
    world.revoke(&grant).await.expect(StatusCode::OK);
    assert_eq!(world.refused_term(&About::usual()).await, "revoked");
}

async fn another_purpose_is_refused(backend: Backend) {
    let world = World::open(backend).await;
    let on: &[&str] = &["profile"];
    world.clock.advance(Span::seconds(1));
    world
        .switch(&[("directory", on), ("research", on)])
        .await
        .expect(StatusCode::OK);
    let research = About {
        purpose: "research",
        ..About::usual()
    };
    assert_eq!(world.refused_term(&research).await, "purpose");
}

async fn another_field_is_refused(backend: Backend) {
    let world = World::open(backend).await;
    let all: &[&str] = &["*"];
    world.clock.advance(Span::seconds(1));
    world.switch(&[("directory", all)]).await.expect(StatusCode::OK);
    let more = About {
        fields: &["profile.name", "profile.contact.email"],
        ..About::usual()
    };
    assert_eq!(world.refused_term(&more).await, "fields");
    for fields in [&["profile.shoe-size"][..], &["profile"], &[]] {
        let answer = world
            .ask_about(&About {
                fields,
                ..About::usual()
            })
            .await;
        assert_eq!(
            (answer.code().as_str(), &answer.json()["member"]),
            ("invalid_request", &json!("fields"))
        );
    }
}

async fn a_replayed_question_is_refused(backend: Backend) {
    let world = World::open(backend).await;
    let (request, ..) = world.about(&About::usual());
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 16).await.unwrap();
    let again = || Request::from_parts(parts.clone(), Body::from(body.clone()));
    Answer::of(&world.router, again()).await.expect(StatusCode::OK);
    assert_eq!(Answer::of(&world.router, again()).await.code(), "replayed");
    assert_eq!(world.consent_of("ada").await.uses.len(), 1);
}

async fn headers_moved_to_another_url_are_refused(backend: Backend) {
    let world = World::open(backend).await;
    let (request, ..) = world.about(&About::usual());
    let (mut parts, body) = request.into_parts();
    parts.uri = format!("{API}/consent/disclosures?again").parse().unwrap();
    let moved = Answer::of(&world.router, Request::from_parts(parts, body)).await;
    assert_eq!(moved.code(), "bad_signature");
    let (request, ..) = world.about(&About::usual());
    let (parts, _body) = request.into_parts();
    let other = json!({"subject": key("ada").did(), "purpose": "directory", "fields": ["profile.links"]});
    let moved = Answer::of(&world.router, Request::from_parts(parts, Body::from(other.to_string()))).await;
    assert!(moved.status.is_client_error(), "another body: {}", moved.code());
    assert_eq!(world.consent_of("ada").await.uses, []);
}

async fn what_the_person_has_switched_off_is_not_told(backend: Backend) {
    let world = World::open(backend).await;
    world.told(&About::usual()).await;
    world.clock.advance(Span::seconds(1));
    let less: &[&str] = &["profile.name"];
    world.switch(&[("directory", less)]).await.expect(StatusCode::OK);
    assert_eq!(world.refused_term(&About::usual()).await, "profile");
    world.clock.advance(Span::seconds(1));
    world.switch(&[]).await.expect(StatusCode::OK);
    assert_eq!(world.refused_term(&About::usual()).await, "profile");
    let never = World::new(backend).await;
    never.give(payload()).await;
    assert_eq!(
        never.refused_term(&About::usual()).await,
        "profile",
        "by default nothing is on"
    );
}

async fn what_the_person_keeps_to_themselves_is_not_told(backend: Backend) {
    let world = World::new(backend).await;
    let all: &[&str] = &["*"];
    world.switch(&[("directory", all)]).await.expect(StatusCode::OK);
    world
        .give(GrantPayload {
            fields: ["*".parse().unwrap()].into(),
            ..payload()
        })
        .await;
    let place = About {
        fields: &["profile.contact.location"],
        ..About::usual()
    };
    let told = world.told(&place).await;
    assert_eq!(
        serde_json::to_value(&told.values).unwrap(),
        json!({"profile.contact.location": "London"})
    );
    let phone = About {
        fields: &["profile.contact.phone"],
        ..About::usual()
    };
    assert_eq!(world.refused_term(&phone).await, "visibility");
}

async fn what_is_revoked_while_the_values_are_gathered_is_not_told(backend: Backend) {
    let world = World::new(backend).await;
    let on: &[&str] = &["profile"];
    world.switch(&[("directory", on)]).await.expect(StatusCode::OK);
    let grant = world.give(payload()).await;
    let (asked, go_on) = world.profile.pause();
    let revoking = async {
        asked.await.unwrap();
        world.revoke(&grant).await.expect(StatusCode::OK);
        go_on.send(()).unwrap();
    };
    let usual = About::usual();
    let (answer, ()) = tokio::join!(world.ask_about(&usual), revoking);
    assert_eq!(
        (answer.code().as_str(), &answer.json()["term"]),
        ("forbidden", &json!("revoked"))
    );
    assert_eq!(world.consent_of("ada").await.uses, []);
}

async fn consent_that_is_for_something_else_is_refused(backend: Backend) {
    let world = World::open(backend).await;
    let usual = About::usual;
    let scope = About {
        scope: Some("research"),
        ..usual()
    };
    assert_eq!(world.refused_term(&scope).await, "scope");
    let content = About {
        content: key("eve").did(),
        ..usual()
    };
    assert_eq!(world.refused_term(&content).await, "content");
    let train = About {
        intended: IntendedUse::Train,
        ..usual()
    };
    assert_eq!(world.refused_term(&train).await, "intendedUse");
}

async fn a_profile_that_was_overtaken_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let ada = key("ada");
    let at = |now: Timestamp| ConsentProfile::sign(&ada, ada.did(), now, ProfilePayload::default()).unwrap();
    let early = at(world.env.now());
    world.clock.advance(Span::seconds(2));
    let late = at(world.env.now());
    world
        .change(&ada, "PUT", "/consent/profile", &late)
        .await
        .expect(StatusCode::OK);
    assert_eq!(
        world.change(&ada, "PUT", "/consent/profile", &early).await.code(),
        "conflict"
    );
    world.clock.advance(Span::minutes(6));
    assert_eq!(
        world.change(&ada, "PUT", "/consent/profile", &late).await.code(),
        "stale_signature"
    );
    assert_eq!(
        world.change(&key("ben"), "PUT", "/consent/profile", &late).await.code(),
        "forbidden"
    );
    let forged = ConsentProfile::sign(&key("ben"), ada.did(), world.env.now(), ProfilePayload::default()).unwrap();
    assert_eq!(
        world.change(&ada, "PUT", "/consent/profile", &forged).await.code(),
        "bad_signature"
    );
    let mut far: Value = serde_json::to_value(at(world.env.now())).unwrap();
    far["payload"]["trustedHops"] = json!(9);
    assert_eq!(
        world.change(&ada, "PUT", "/consent/profile", &far).await.code(),
        "invalid_request"
    );
    assert_eq!(world.audit().await, []);
}
