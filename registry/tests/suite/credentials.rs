//! What a name's credentials allow, and what they do not.

use axum::body::Body;
use axum::http::{Request, header};
use imajin_dns::RecordKind;
use imajin_kernel::Span;
use serde_json::{Value, json};

use crate::dns::{Served, on_both_served};
use crate::on_both;
use crate::world::{Answer, Node, World};

on_both_served![
    a_text_is_in_dns_when_the_answer_comes,
    addresses_are_set_and_preserved_by_dyndns,
];

on_both![
    anonymous_registration_is_refused,
    wrong_credentials_are_refused,
    credentials_of_another_name_are_refused,
    texts_and_subdomains_that_are_none_are_refused,
    new_credentials_end_the_old_ones,
    a_replayed_request_for_credentials_is_refused,
    a_heartbeat_is_no_request_for_credentials,
    a_restriction_that_would_not_hold_is_refused,
    credentials_end_with_the_registration,
    more_than_the_limits_of_a_name_is_refused,
    addresses_that_cannot_be_published_are_refused,
];

const TEXT: &str = "abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMN_0";

/// What a program was given.
pub(crate) struct Given {
    pub(crate) json: Value,
}

impl Given {
    pub(crate) fn text(&self, member: &str) -> String {
        self.json[member].as_str().unwrap().to_owned()
    }
}

pub(crate) async fn registered(world: &World, name: &str) -> (Node, Given) {
    let node = world.node();
    let answer = world.register(&node, name).await.expect(201);
    let json = answer.json["credentials"].clone();
    (node, Given { json })
}

impl World {
    async fn acme_update(&self, user: &str, key: &str, subdomain: &str, txt: &str) -> Answer {
        let body = json!({"subdomain": subdomain, "txt": txt});
        let request = Request::post("/api/acme-dns/update")
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-api-user", user)
            .header("x-api-key", key);
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    async fn acme_given(&self, given: &Given, txt: &str) -> Answer {
        self.acme_update(
            &given.text("username"),
            &given.text("password"),
            &given.text("subdomain"),
            txt,
        )
        .await
    }

    /// The answer's status and text.
    async fn dyndns(&self, user: &str, password: &str, query: &str) -> (u16, String) {
        use base64::Engine as _;
        use tower::ServiceExt as _;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let request =
            Request::get(format!("/nic/update?{query}")).header(header::AUTHORIZATION, format!("Basic {basic}"));
        let response = self
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let status = response.status().as_u16();
        let is_limited = response.headers().contains_key(header::RETRY_AFTER);
        assert_eq!(is_limited, status == 429);
        let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap().trim().to_owned())
    }

    async fn dyndns_given(&self, given: &Given, query: &str) -> (u16, String) {
        self.pass(Span::minutes(1));
        self.dyndns(&given.text("username"), &given.text("password"), query)
            .await
    }
}

fn wish(world: &World, node: &Node) -> Value {
    node.signed(json!({"nodeId": node.did(), "purpose": "credentials", "timestamp": world.now_ms()}))
}

async fn a_text_is_in_dns_when_the_answer_comes(world: World, served: &Served) {
    let (_alice, given) = registered(&world, "alice").await;
    let other = TEXT.replace('a', "b");
    let third = TEXT.replace('a', "c");
    for (txt, expected) in [
        (TEXT, vec![TEXT]),
        (TEXT, vec![TEXT]),
        (&other, vec![TEXT, &other]),
        (&third, vec![&other, &third]),
    ] {
        world.pass(Span::minutes(1));
        let answer = world.acme_given(&given, txt).await.expect(200);
        assert_eq!(answer.json, json!({"txt": txt}));
        let label = format!("{}._acme", given.text("subdomain"));
        let said = served.says(&label, RecordKind::Txt).await;
        let mut said: Vec<&str> = said.split(',').collect();
        said.sort_unstable();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(said, expected);
    }
    // The name leads there.
    let leads = served.says("_acme-challenge.alice", RecordKind::Cname).await;
    assert_eq!(leads, given.text("fulldomain"));
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}

async fn addresses_are_set_and_preserved_by_dyndns(world: World, served: &Served) {
    let (_alice, given) = registered(&world, "alice").await;
    let host = "hostname=alice.nodes.example";
    let cases = [
        ("&myip=203.0.113.1", "good 203.0.113.1"),
        ("&myip=203.0.113.1&system=dyndns&wildcard=NOCHG", "nochg 203.0.113.1"),
        ("&myipv6=2001:db8::1", "good 203.0.113.1,2001:db8::1"),
        ("&myip=203.0.113.2&myipv6=preserve", "good 203.0.113.2,2001:db8::1"),
        ("&myip=preserve&myipv6=preserve", "nochg 203.0.113.2,2001:db8::1"),
        ("&myip=203.0.113.3,2001:db8::3", "good 203.0.113.3,2001:db8::3"),
    ];
    for (query, expected) in cases {
        let answer = world.dyndns_given(&given, &format!("{host}{query}")).await;
        assert_eq!(answer, (200, expected.to_owned()), "{query}");
        world.registry.dns_drive().await.unwrap();
    }
    let [v4, v6, ..] = served.all_of("alice").await;
    assert_eq!([v4.as_str(), v6.as_str()], ["203.0.113.3", "2001:db8::3"]);
}

async fn anonymous_registration_is_refused(world: World) {
    let alice = world.node();
    world.register(&alice, "alice").await.expect(201);
    for body in [json!({}), json!({"allowfrom": ["192.0.2.0/24"]}), json!(null)] {
        let answer = world.post("/api/acme-dns/register", &body).await.expect(401);
        assert_eq!(answer.json["error"], "forbidden");
    }
    let empty = Request::post("/api/acme-dns/register").body(Body::empty()).unwrap();
    world.send(empty).await.expect(401);
    // Somebody who is no registered node is nobody either.
    let mallory = world.node();
    world
        .post("/api/acme-dns/register", &wish(&world, &mallory))
        .await
        .expect(404);
    let given = world
        .post("/api/acme-dns/register", &wish(&world, &alice))
        .await
        .expect(201);
    assert_eq!(given.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(given.json["allowfrom"], json!([]));
}

async fn wrong_credentials_are_refused(world: World) {
    let (_alice, given) = registered(&world, "alice").await;
    let (user, password, subdomain) = (given.text("username"), given.text("password"), given.text("subdomain"));
    let wrong = [
        (user.as_str(), "x"),
        ("x", password.as_str()),
        ("", ""),
        (user.as_str(), &user),
    ];
    for (user, password) in wrong {
        let answer = world.acme_update(user, password, &subdomain, TEXT).await.expect(401);
        assert_eq!(answer.json["error"], "forbidden");
        let answer = world
            .dyndns(user, password, "hostname=alice.nodes.example&myip=203.0.113.1")
            .await;
        assert_eq!(answer, (401, "badauth".to_owned()));
    }
    let body = json!({"subdomain": subdomain, "txt": TEXT});
    world.post("/api/acme-dns/update", &body).await.expect(401);
}

async fn credentials_of_another_name_are_refused(world: World) {
    let (_alice, given) = registered(&world, "alice").await;
    let (_bob, other) = registered(&world, "bob").await;
    let answer = world
        .acme_update(
            &given.text("username"),
            &given.text("password"),
            &other.text("subdomain"),
            TEXT,
        )
        .await
        .expect(400);
    assert_eq!(answer.json["error"], "bad_subdomain");
    for host in [
        "bob.nodes.example",
        "alice.nodes.example,bob.nodes.example",
        "alice.example.org",
    ] {
        let answer = world
            .dyndns_given(&given, &format!("hostname={host}&myip=203.0.113.1"))
            .await;
        assert_eq!(answer, (200, "nohost".to_owned()));
    }
    let answer = world.dyndns_given(&given, "myip=203.0.113.1").await;
    assert_eq!(answer, (200, "notfqdn".to_owned()));
}

async fn texts_and_subdomains_that_are_none_are_refused(world: World) {
    let (_alice, given) = registered(&world, "alice").await;
    for txt in [
        "",
        "short",
        &TEXT.replace('a', " "),
        &format!("{TEXT}x"),
        &TEXT.replace('a', "="),
    ] {
        let answer = world.acme_given(&given, txt).await.expect(400);
        assert_eq!(answer.json["error"], "bad_txt");
    }
    // Nobody serves the zone here: it would not be true that the text is in DNS.
    let answer = world.acme_given(&given, TEXT).await.expect(503);
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
}

async fn new_credentials_end_the_old_ones(world: World) {
    let (alice, given) = registered(&world, "alice").await;
    world.pass(Span::seconds(1));
    let answer = world
        .post("/api/node/credentials", &wish(&world, &alice))
        .await
        .expect(200);
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
    assert_eq!(
        answer.json["subdomain"], given.json["subdomain"],
        "where the text goes stays"
    );
    let query = "hostname=alice.nodes.example&myip=203.0.113.1";
    assert_eq!(world.dyndns_given(&given, query).await.1, "badauth");
    let fresh = Given { json: answer.json };
    assert_eq!(world.dyndns_given(&fresh, query).await.0, 200);
    let findings = crate::audits::findings(&world).await;
    assert_eq!(findings, [], "{findings:?}");
}

async fn a_replayed_request_for_credentials_is_refused(world: World) {
    let (alice, _given) = registered(&world, "alice").await;
    world.pass(Span::seconds(1));
    let request = wish(&world, &alice);
    world.post("/api/node/credentials", &request).await.expect(200);
    world.pass(Span::seconds(1));
    let answer = world.post("/api/node/credentials", &request).await.expect(401);
    assert_eq!(answer.json["code"], "replayed");
    world.pass(Span::minutes(6));
    world.post("/api/node/credentials", &request).await.expect(401);
    let mut changed = wish(&world, &alice);
    changed["timestamp"] = (world.now_ms() + 1).into();
    let answer = world.post("/api/node/credentials", &changed).await.expect(401);
    assert_eq!(answer.json["code"], "bad_signature");
}

async fn a_heartbeat_is_no_request_for_credentials(world: World) {
    let (alice, _given) = registered(&world, "alice").await;
    let beat = alice.signed(alice.heartbeat(world.now_ms()));
    world.post("/api/node/credentials", &beat).await.expect(400);
    let other = json!({"nodeId": alice.did(), "purpose": "other", "timestamp": world.now_ms()});
    world
        .post("/api/node/credentials", &alice.signed(other))
        .await
        .expect(400);
}

async fn a_restriction_that_would_not_hold_is_refused(world: World) {
    let (alice, _given) = registered(&world, "alice").await;
    for (allowed, status) in [(json!(["192.0.2.0/24"]), 400), (json!([]), 201)] {
        world.pass(Span::seconds(1));
        let mut asked = json!({"nodeId": alice.did(), "purpose": "credentials", "timestamp": world.now_ms()});
        asked["allowfrom"] = allowed;
        let answer = world
            .post("/api/acme-dns/register", &alice.signed(asked))
            .await
            .expect(status);
        assert_eq!(answer.json["error"].is_null(), status == 201, "{:#}", answer.json);
    }
}

async fn credentials_end_with_the_registration(world: World) {
    let (alice, given) = registered(&world, "alice").await;
    let query = "hostname=alice.nodes.example&myip=203.0.113.1";
    // A name that was left is not changed any more.
    world.register(&alice, "blue-note").await.expect(200);
    assert_eq!(world.dyndns_given(&given, query).await.1, "badauth");
    let (_bob, given) = registered(&world, "bob").await;
    world.pass(Span::days(30));
    let query = "hostname=bob.nodes.example&myip=203.0.113.1";
    assert_eq!(world.dyndns_given(&given, query).await.1, "badauth");
    world.acme_given(&given, TEXT).await.expect(403);
}

async fn more_than_the_limits_of_a_name_is_refused(world: World) {
    let (_alice, given) = registered(&world, "alice").await;
    let (_bob, other) = registered(&world, "bob").await;
    let (user, password) = (given.text("username"), given.text("password"));
    let query = "hostname=alice.nodes.example&myip=203.0.113.1";
    assert_eq!(world.dyndns(&user, &password, query).await.0, 200);
    assert_eq!(world.dyndns(&user, &password, query).await.0, 200);
    assert_eq!(world.dyndns(&user, &password, query).await, (429, "abuse".to_owned()));
    let limited = world.acme_given(&given, TEXT).await.expect(429);
    assert!(limited.headers.contains_key(header::RETRY_AFTER));
    // Another name has a limit of its own, and so has nobody who only guesses.
    let query = "hostname=bob.nodes.example&myip=203.0.113.1";
    for _guess in 0..5 {
        assert_eq!(world.dyndns(&other.text("username"), "guess", query).await.0, 401);
    }
    let answer = world
        .dyndns(&other.text("username"), &other.text("password"), query)
        .await;
    assert_eq!(answer.0, 200);
    // Twelve in a minute, then no more until it is over.
    let (user, password) = (other.text("username"), other.text("password"));
    for _more in 0..14 {
        world.pass(Span::seconds(2));
        assert_eq!(world.dyndns(&user, &password, query).await.0, 200);
    }
    world.pass(Span::seconds(2));
    assert_eq!(world.dyndns(&user, &password, query).await.0, 429);
    world.pass(Span::minutes(1));
    assert_eq!(world.dyndns(&user, &password, query).await.0, 200);
}

async fn addresses_that_cannot_be_published_are_refused(world: World) {
    // Here only addresses of the public Internet are published.
    let (_alice, given) = registered(&world, "alice").await;
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "0.0.0.0",
        "::1",
        "fe80::1",
        "224.0.0.1",
        "nonsense",
        "9.9.9.9,10.0.0.1",
    ] {
        let answer = world
            .dyndns_given(&given, &format!("hostname=alice.nodes.example&myip={address}"))
            .await;
        assert_eq!(answer, (200, "dnserr".to_owned()), "{address}");
    }
    // Nor is any invented: this connection has no address.
    let answer = world.dyndns_given(&given, "hostname=alice.nodes.example").await;
    assert_eq!(answer, (200, "dnserr".to_owned()));
    let answer = world
        .dyndns_given(&given, "hostname=alice.nodes.example&myip=9.9.9.9")
        .await;
    assert_eq!(answer, (200, "good 9.9.9.9".to_owned()));
}
