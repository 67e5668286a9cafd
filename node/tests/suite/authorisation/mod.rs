//! Every operation of every service, asked by those who may not.
//!
//! [`table::OPERATIONS`] says who may call what. A route that the API descriptions have and the table does not, or the
//! other way round, fails the test: a new route cannot land without saying whom it refuses, and being asked.

mod listed;
mod table;

use std::collections::BTreeSet;

use imajin_testkit::Backend;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use crate::support::{Buyer, Home, Node};
use table::{Access, OPERATIONS, Operation};

/// Services that have operations.
const SERVICES: [&str; 9] = [
    "auth",
    "pay",
    "connections",
    "profile",
    "publisher",
    "query",
    "broker",
    "events",
    "registry",
];

fn all_services(home: &Home) {
    let services: Vec<_> = SERVICES.iter().chain(["www"].iter()).collect();
    home.configure(&format!("services = {services:?}"));
}

/// What stands in for each path parameter: well-formed, and nobody's.
fn concrete(path: &str) -> String {
    let mut before = "";
    let segments = path.split('/').map(|segment| {
        let concrete = match segment {
            "{did_or_handle}" | "{key}" => "nobody_here".to_owned(),
            "{did}" => "did:key:z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw".to_owned(),
            "{code}" => "inv_00000000000000000000000000".to_owned(),
            "{rail}" => "sandbox".to_owned(),
            "{client_id}" => "oic_00000000000000000000000000".to_owned(),
            "{hash}" => "0".repeat(64),
            "{file}" => "256.jpg".to_owned(),
            "{receipt}" => "rcp_00000000000000000000000000".to_owned(),
            "{name}" => "none".to_owned(),
            "{reference}" => "rmt_nobodys".to_owned(),
            "{id}" => format!("{}_00000000000000000000000000", prefix(before)),
            fixed => fixed.to_owned(),
        };
        before = segment;
        concrete
    });
    segments.collect::<Vec<_>>().join("/")
}

/// How the identifiers of a collection start.
fn prefix(collection: &str) -> &'static str {
    match collection {
        "checkout" => "chk",
        "content" => "cnt",
        "deposits" => "dep",
        "disputes" => "dsp",
        "credit-notes" => "rfd",
        "documents" => "doc",
        "entries" => "ent",
        "fair" => "fair",
        "holds" => "hld",
        "messages" => "rlm",
        "notices" => "ntc",
        "orders" => "ord",
        "pods" => "pod",
        "receipts" => "rcp",
        "sessions" => "ses",
        "statements" => "stm",
        "tickets" => "tkt",
        _ => "evt",
    }
}

async fn described(somebody: &Buyer) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for service in SERVICES {
        let url = somebody.url(&format!("/{service}/api/spec"));
        let spec: Value = somebody.http.get(url).send().await.unwrap().json().await.unwrap();
        for (path, methods) in spec["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                found.insert((method.to_uppercase(), format!("/{service}{path}")));
            }
        }
    }
    found
}

/// Asks, and says how it went.
struct Asker<'a> {
    node: &'a Node,
    operation: &'a Operation,
    path: String,
}

impl Asker<'_> {
    fn method(&self) -> Method {
        self.operation.method.parse().unwrap()
    }

    async fn plain(&self, who: &Buyer, header: Option<(&str, String)>) -> Response {
        let mut request = who.http.request(self.method(), who.url(&self.path));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        if self.operation.method != "GET" {
            request = request
                .header("content-type", "application/json")
                .body(self.operation.body);
        }
        request.send().await.unwrap()
    }

    /// A request that `who` signed for `path`, sent to the operation.
    async fn signed(&self, who: &Buyer, path: &str) -> Response {
        let body = self.operation.body.as_bytes();
        let signed = who.signed(self.operation.method, path, body, Some("authorisation"));
        let mut request = who.http.request(self.method(), who.url(&self.path));
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        let request = request.header("content-type", "application/json");
        request.body(signed.body).send().await.unwrap()
    }

    async fn refused(&self, response: Response, status: StatusCode, asked: &str) {
        let got = response.status();
        let text = response.text().await.unwrap();
        let (method, path) = (self.operation.method, self.operation.path);
        assert_eq!(got, status, "{method} {path}, {asked}: {text}");
    }

    async fn ask(&self, people: &People) {
        let unauthorized = StatusCode::UNAUTHORIZED;
        let stranger = Buyer::stranger(self.node);
        let anonymous = self.plain(&stranger, None).await;
        match self.operation.access {
            Access::Public => {
                let status = anonymous.status();
                let path = self.operation.path;
                assert!(
                    status != unauthorized && status != StatusCode::FORBIDDEN && !status.is_server_error(),
                    "{path} is public and answers {status}"
                );
            }
            Access::Proof => {
                let status = anonymous.status();
                let path = self.operation.path;
                assert!(status.is_client_error(), "{path} answers {status} without a proof");
            }
            Access::Session => {
                self.refused(anonymous, unauthorized, "anonymous").await;
                for header in [
                    ("authorization", "Bearer nonsense".to_owned()),
                    ("cookie", "imajin_session=nonsense".to_owned()),
                    ("authorization", format!("Bearer {}", people.ended)),
                ] {
                    let asked = format!("{header:?}");
                    self.refused(self.plain(&stranger, Some(header)).await, unauthorized, &asked)
                        .await;
                }
            }
            Access::Signed => self.ask_signed(anonymous, people).await,
            Access::Soft | Access::Key => {
                self.ask_signed(anonymous, people).await;
                let answer = self.signed(&stranger, &self.path).await;
                self.refused(answer, StatusCode::FORBIDDEN, "not registered").await;
            }
            Access::Operator => {
                self.ask_signed(anonymous, people).await;
                let answer = self.signed(&people.known, &self.path).await;
                self.refused(answer, StatusCode::FORBIDDEN, "not the operator").await;
            }
            Access::OperatorSession => {
                self.refused(anonymous, unauthorized, "anonymous").await;
                let header = ("authorization", format!("Bearer {}", people.token));
                let answer = self.plain(&people.known, Some(header)).await;
                self.refused(answer, StatusCode::FORBIDDEN, "not the operator").await;
            }
        }
    }

    async fn ask_signed(&self, anonymous: Response, people: &People) {
        let unauthorized = StatusCode::UNAUTHORIZED;
        self.refused(anonymous, unauthorized, "unsigned").await;
        let cookie = ("cookie", format!("imajin_session={}", people.token));
        let answer = self.plain(&people.known, Some(cookie)).await;
        self.refused(answer, unauthorized, "a cookie alone").await;
        let elsewhere = self.signed(&people.known, "/auth/api/elsewhere").await;
        self.refused(elsewhere, unauthorized, "signed for another URL").await;
    }
}

/// Somebody who is registered, with a living session, and one that has ended.
struct People {
    known: Buyer,
    token: String,
    ended: String,
}

impl People {
    async fn new(node: &Node) -> Self {
        let known = Buyer::registered(node).await;
        let (token, ended) = (known.login().await, known.login().await);
        let logout = known.http.post(known.url("/auth/api/logout")).bearer_auth(&ended);
        assert!(logout.send().await.unwrap().status().is_success());
        Self { known, token, ended }
    }
}

#[tokio::test]
async fn every_operation_refuses_those_who_may_not() {
    let home = Home::new(Backend::Sqlite);
    all_services(&home);
    let node = home.up(&[]);
    let people = People::new(&node).await;
    let listed: BTreeSet<_> = OPERATIONS
        .iter()
        .map(|operation| (operation.method.to_owned(), operation.path.to_owned()))
        .collect();
    assert_eq!(
        listed,
        described(&people.known).await,
        "the table and the API descriptions"
    );
    for operation in OPERATIONS {
        let asker = Asker {
            node: &node,
            operation,
            path: concrete(operation.path),
        };
        asker.ask(&people).await;
    }
    node.stop();
}
