//! Tokens to read with, and what tokens are worth.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imajin_imagxp::AgentKey;
use imajin_kernel::Span;
use imajin_proof::http_sig::Signer;
use imajin_testkit::{Answer, Backend, on_both};
use serde_json::{Value, json};

use crate::world::{ISSUER, World, key};

on_both!(
    an_agent_gets_a_token_to_read_with,
    an_assertion_that_is_not_the_clients_own_is_refused,
    a_visa_is_shown_to_its_agent_and_its_publisher_only,
);

const FORM: &str = "application/x-www-form-urlencoded";
const TYPE: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";

fn jwt(key: &dyn Signer, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = key.sign_bytes(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn claims(world: &World, jti: &str) -> Value {
    let now = world.env.now().as_seconds();
    json!({"iss": world.host, "sub": world.host, "aud": ISSUER, "jti": jti, "iat": now, "exp": now + 60})
}

async fn post(world: &World, path: &str, form: String) -> Answer {
    let request = Request::post(path).header("content-type", FORM);
    world.send(request.body(Body::from(form)).unwrap()).await
}

async fn token(world: &World, assertion: &str) -> Answer {
    let form = format!("grant_type=client_credentials&client_assertion_type={TYPE}&client_assertion={assertion}");
    post(world, "/broker/oauth/token", form).await
}

async fn an_agent_gets_a_token_to_read_with(backend: Backend) {
    let world = World::new(backend).await;
    world.funded("10.00 TEST-USD").await;
    let header = json!({"alg": "ES256", "kid": "my own name"});
    let assertion = jwt(&world.agent_key, &header, &claims(&world, "one"));
    let answer = token(&world, &assertion).await;
    let said = answer.expect(StatusCode::OK).json();
    assert_eq!(
        (&said["token_type"], &said["scope"], answer.header("cache-control")),
        (&json!("Bearer"), &json!("read"), "no-store")
    );
    assert_eq!(
        token(&world, &assertion).await.status,
        StatusCode::UNAUTHORIZED,
        "it counts once"
    );
    let read = async |token: &str| {
        let request = Request::get("/broker/api/accounts/me").header("authorization", format!("Bearer {token}"));
        world.send(request.body(Body::empty()).unwrap()).await
    };
    let access = said["access_token"].as_str().unwrap();
    let own = read(access).await.expect(StatusCode::OK).json();
    assert_eq!(own["balances"][0]["amount"], "10.00");
    // It moves nothing.
    let order = Request::post("/issue-visa")
        .header("authorization", format!("Bearer {access}"))
        .header("content-type", "application/json")
        .body(Body::from(world.order("1.00", 1).to_string()));
    assert_eq!(world.send(order.unwrap()).await.code(), "unauthenticated");
    // A visa is no token to read with.
    let issued = world
        .agent_post("/issue-visa", &world.order("1.00", 1), None)
        .await
        .json();
    assert_eq!(read(issued["token"].as_str().unwrap()).await.code(), "unauthenticated");
    world.later(Span::minutes(11));
    assert_eq!(read(access).await.code(), "unauthenticated");
    // The other way: by a signature over the request.
    let form = b"grant_type=client_credentials";
    let did = world.agent();
    let who = (&world.agent_key, did.as_str());
    let request = world.agent_request(who, ("POST", "/broker/oauth/token"), (FORM, form), None);
    assert!(world.send(request).await.expect(StatusCode::OK).json()["access_token"].is_string());
}

async fn an_assertion_that_is_not_the_clients_own_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let es256 = json!({"alg": "ES256"});
    let now = world.env.now().as_seconds();
    let foreign = AgentKey::generate().unwrap();
    let mut wrong = vec![
        ("a foreign key", jwt(&foreign, &es256, &claims(&world, "1"))),
        (
            "alg none",
            jwt(&world.agent_key, &json!({"alg": "none"}), &claims(&world, "2")),
        ),
        (
            "HS256",
            jwt(&world.agent_key, &json!({"alg": "HS256"}), &claims(&world, "3")),
        ),
        (
            "EdDSA with a P-256 key",
            jwt(&world.agent_key, &json!({"alg": "EdDSA"}), &claims(&world, "4")),
        ),
        ("nonsense", "a.b.c".to_owned()),
    ];
    for (member, value) in [
        ("aud", json!("https://elsewhere.example")),
        ("iss", json!("other.example")),
        ("exp", json!(now - 1)),
        ("exp", json!(now + 3600)),
        ("iat", json!(now + 300)),
        ("jti", json!("")),
        ("sub", json!("printer.local")),
    ] {
        let mut said = claims(&world, "5");
        said[member] = value;
        if member == "sub" {
            said["iss"] = said["sub"].clone();
        }
        wrong.push((member, jwt(&world.agent_key, &es256, &said)));
    }
    for (what, assertion) in wrong {
        let answer = token(&world, &assertion).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (StatusCode::UNAUTHORIZED, &json!("invalid_client")),
            "{what}"
        );
    }
    for (form, error) in [
        ("grant_type=client_credentials".to_owned(), "invalid_client"),
        ("client_assertion=a&client_assertion=b".to_owned(), "invalid_request"),
        (
            "client_assertion=a&client_assertion_type=b".to_owned(),
            "invalid_request",
        ),
        (
            format!(
                "client_assertion_type={TYPE}&grant_type=password&client_assertion={}",
                { jwt(&world.agent_key, &es256, &claims(&world, "6")) }
            ),
            "unsupported_grant_type",
        ),
        (
            format!(
                "client_assertion_type={TYPE}&grant_type=client_credentials&scope=spend&client_assertion={}",
                { jwt(&world.agent_key, &es256, &claims(&world, "7")) }
            ),
            "invalid_scope",
        ),
    ] {
        assert_eq!(post(&world, "/broker/oauth/token", form).await.json()["error"], error);
    }
}

async fn a_visa_is_shown_to_its_agent_and_its_publisher_only(backend: Backend) {
    let world = World::with(backend, Span::ZERO).await;
    world.funded("10.00 TEST-USD").await;
    let issued = world
        .agent_post("/issue-visa", &world.order("1.00", 2), None)
        .await
        .json();
    let visa = issued["token"].as_str().unwrap().to_owned();
    let path = "/broker/oauth/introspect";
    let by_node = async |name: &str, nonce: &str, token: &str| {
        let node = key(name);
        let (did, now) = (node.did(), world.env.now().as_seconds());
        let said = json!({"iss": did, "sub": did, "aud": [ISSUER], "jti": nonce, "exp": now + 60});
        let assertion = jwt(&node, &json!({"alg": "EdDSA"}), &said);
        let form = format!("token={token}&client_assertion_type={TYPE}&client_assertion={assertion}");
        post(&world, path, form).await.expect(StatusCode::OK).json()
    };
    let said = by_node("publisher", "1", &visa).await;
    assert_eq!(
        (&said["active"], &said["left_micros"], &said["aud"]),
        (&json!(true), &json!(1_000_000), &json!(world.host))
    );
    let jti = said["jti"].as_str().unwrap();
    assert_eq!(world.redeem(&[(jti, "r1", "0.40")]).await, ["credited"]);
    assert_eq!(by_node("publisher", "2", &visa).await["left_micros"], 600_000);
    assert_eq!(by_node("thief", "3", &visa).await, json!({"active": false}));
    assert_eq!(by_node("publisher", "4", "nonsense").await, json!({"active": false}));
    let form = format!("token={visa}");
    let did = world.agent();
    let who = (&world.agent_key, did.as_str());
    let request = world.agent_request(who, ("POST", path), (FORM, form.as_bytes()), None);
    assert_eq!(world.send(request).await.expect(StatusCode::OK).json()["active"], true);
    assert_eq!(post(&world, path, form).await.status, StatusCode::UNAUTHORIZED);
    world.later(Span::minutes(11));
    assert_eq!(by_node("publisher", "5", &visa).await, json!({"active": false}));
}
