//! The same path with services in separate processes, and what an outsider may not do to their ports.

use imajin_testkit::Backend;
use serde_json::{Value, json};

use crate::support::{Buyer, Home, Node, event_find, free_address, imajin, text};

pub(crate) struct Ports {
    pub(crate) public: u16,
    pub(crate) internal: u16,
}

impl Ports {
    pub(crate) fn free() -> Self {
        Self {
            public: free_address().port(),
            internal: free_address().port(),
        }
    }
}

pub(crate) fn node_did(home: &Home) -> String {
    let data = home.data();
    imajin(&["node", "init", "--data", text(&data)]).expect_success()["did"]
        .as_str()
        .unwrap()
        .to_owned()
}

pub(crate) fn remote(service: &str, at: &Ports, did: &str) -> String {
    format!(
        "[remote.{service}]\ninternal = \"http://127.0.0.1:{}\"\npublic = \"http://127.0.0.1:{}\"\ndid = \"{did}\"\n",
        at.internal, at.public
    )
}

/// Auth, pay and the pages in one process, events in another: the front passes on what is not its own.
struct TwoProcesses {
    front_home: Home,
    back_home: Home,
    front: Node,
    back: Node,
    back_ports: Ports,
}

fn start(backend: Backend) -> TwoProcesses {
    let (front_home, back_home) = (Home::new(backend), Home::new(backend));
    let (front_ports, back_ports) = (Ports::free(), Ports::free());
    let public_url = format!("public_url = \"http://127.0.0.1:{}/\"\n", front_ports.public);
    let (front_did, back_did) = (node_did(&front_home), node_did(&back_home));
    let internal = |ports: &Ports| format!("internal_listen = \"127.0.0.1:{}\"\n", ports.internal);
    front_home.configure(&format!(
        "services = [\"auth\", \"pay\", \"www\"]\n{public_url}{}{}",
        internal(&front_ports),
        remote("events", &back_ports, &back_did)
    ));
    back_home.configure(&format!(
        "services = [\"events\"]\n{public_url}{}{}{}",
        internal(&back_ports),
        remote("auth", &front_ports, &front_did),
        remote("pay", &front_ports, &front_did)
    ));
    let front = front_home.up(&["--listen", &format!("127.0.0.1:{}", front_ports.public)]);
    let back = back_home.up(&["--demo", "--listen", &format!("127.0.0.1:{}", back_ports.public)]);
    TwoProcesses {
        front_home,
        back_home,
        front,
        back,
        back_ports,
    }
}

fn the_path(backend: Backend) {
    let two = start(backend);
    let key = two.front_home.key("buyer.key");
    imajin(&["login", "--node", &two.front.url(), "--key", text(&key)]).expect_success();
    let event = event_find(&two.front, "10.00");
    let id = event["id"].as_str().unwrap();
    let buy = [
        "ticket",
        "buy",
        "--node",
        &two.front.url(),
        "--key",
        text(&key),
        "--event",
        id,
    ];
    let bought = imajin(&buy).expect_success();
    let receipt = bought["receipt"].as_str().unwrap();
    let receipt = imajin(&[
        "receipt",
        "show",
        receipt,
        "--node",
        &two.front.url(),
        "--key",
        text(&key),
    ])
    .expect_success();
    let legs: Vec<&str> = receipt["message"]["payload"]["legs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|leg| leg["amount"]["amount"].as_str().or(leg["amount"].as_str()).unwrap())
        .collect();
    assert_eq!(legs, ["7.00", "3.00"]);
    two.front.stop();
    two.back.stop();
    two.front_home.verify_clean();
    two.back_home.verify_clean();
}

#[test]
fn the_path_across_processes_on_sqlite() {
    the_path(Backend::Sqlite);
}

#[test]
fn the_path_across_processes_on_postgres() {
    the_path(Backend::Postgres);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsigned_paid_fact_to_a_services_port_is_refused() {
    let two = start(Backend::Sqlite);
    let buyer = Buyer::registered(&two.front).await;
    let fact = json!({"goods": {"type": "order", "id": "ord_00000000000000000000000000"}});
    for (port, status) in [(two.back_ports.internal, 401), (two.back_ports.public, 404)] {
        let url = format!("http://127.0.0.1:{port}/internal/seller/goods_deliver");
        let response = buyer.http.post(url).json(&fact).send().await.unwrap();
        assert_eq!(response.status(), status);
    }
    let front = buyer
        .http
        .post(buyer.url("/internal/seller/goods_deliver"))
        .json(&fact)
        .send()
        .await
        .unwrap();
    assert_eq!(front.status(), 404, "the public listener has no internal routes");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_survives_a_seller_that_is_away() {
    let two = start(Backend::Sqlite);
    let buyer = Buyer::registered(&two.front).await;
    let event = event_find(&two.front, "10.00");
    let order: Value = buyer.checkout(&event, 1, None).await.json().await.unwrap();
    let token = buyer.login().await;
    let listen = format!("127.0.0.1:{}", two.back_ports.public);
    two.back.kill();
    buyer.sandbox_press(&token, &order["checkoutId"], "pay").await;
    let away = buyer.http.get(buyer.url("/events/api/events")).send().await.unwrap();
    assert_eq!(away.status(), 503);
    let back = two.back_home.up(&["--listen", &listen]);
    let order = buyer.order_wait(&token, &order).await;
    assert_eq!(order["state"], "fulfilled");
    two.front.stop();
    back.stop();
    two.front_home.verify_clean();
    two.back_home.verify_clean();
}

/// The pages know every path of a whole node's description: what is another process's is passed on to it.
#[tokio::test(flavor = "multi_thread")]
async fn every_path_of_a_service_is_passed_on_to_its_process() {
    let services = [
        "auth",
        "pay",
        "events",
        "connections",
        "profile",
        "publisher",
        "query",
        "registry",
        "broker",
    ];
    let (whole_home, front_home) = (Home::new(Backend::Sqlite), Home::new(Backend::Sqlite));
    whole_home.configure(&format!("services = {:?}\n", [&services[..], &["www"]].concat()));
    let whole = whole_home.up(&[]);
    let buyer = Buyer::stranger(&whole);
    let spec: Value = buyer
        .http
        .get(buyer.url("/api/spec"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    whole.stop();
    let nobody = Ports::free();
    let remotes: String = services
        .map(|service| remote(service, &nobody, &node_did(&whole_home)))
        .concat();
    let port = free_address().port();
    front_home.configure(&format!(
        "services = [\"www\"]\npublic_url = \"http://127.0.0.1:{port}/\"\n{remotes}"
    ));
    let front = front_home.up(&["--listen", &format!("127.0.0.1:{port}")]);
    let mut lost = Vec::new();
    for path in spec["paths"].as_object().unwrap().keys() {
        let service = path.split('/').nth(1).unwrap_or_default();
        if !services.contains(&service) {
            continue;
        }
        let path = path.replace(['{', '}'], "");
        let answer = buyer.http.get(format!("{}{path}", front.url())).send().await.unwrap();
        if answer.status() != 503 {
            lost.push(format!("{path}: {}", answer.status()));
        }
    }
    assert_eq!(lost, Vec::<String>::new());
    front.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_map_opens_every_service_alone() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--service-ports", "--dev"]);
    let buyer = Buyer::stranger(&node);
    let ports = node.banner()["ports"].as_object().unwrap().clone();
    for (service, port) in [
        ("www", 3000),
        ("auth", 3001),
        ("registry", 3002),
        ("pay", 3004),
        ("events", 3006),
    ] {
        assert_eq!(ports[service], format!("127.0.0.1:{port}"));
        let health = if service == "www" { "/" } else { "/api/health" };
        let response = buyer
            .http
            .get(format!("http://127.0.0.1:{port}{health}"))
            .send()
            .await
            .unwrap();
        assert!(response.status().is_success(), "{service}");
    }
    node.stop();
}
