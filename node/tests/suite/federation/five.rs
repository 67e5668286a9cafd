//! Five nodes, of which each keeps a copy of what the registry has signed.

use imajin_kernel::{Env, Span};
use imajin_registry_api::DirectorySource;
use imajin_registry_api::directory::DirectoryCopy;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use super::liar::Liar;
use super::person::Person;
use super::{Member, down_all, pass, settled};
use crate::agent::http;
use crate::support::imajin;

/// A registry and five nodes that are registered with it and keep copies.
async fn net(backend: Backend) -> (Member, Vec<Member>) {
    let mut registry = Member::new(backend, 100);
    registry.up().await;
    let mut nodes: Vec<Member> = (101..106).map(|seed| Member::new(backend, seed)).collect();
    for (node, name) in nodes.iter().zip(["alma", "bela", "cora", "dina", "emma"]) {
        node.configure(&format!(
            "[mirrors.central]\ndid = \"{}\"\nurl = \"{}\"\n[registry]\nurl = \"{}\"\n",
            registry.did,
            registry.registry_url(),
            registry.registry_url()
        ));
        node.register(&registry, name).await;
    }
    all_signed(&registry).await;
    for node in &mut nodes {
        node.up().await;
    }
    (registry, nodes)
}

async fn all_signed(registry: &Member) {
    settled(registry, "/registry/api/directory?limit=1", |page| {
        page["head"]["payload"]["nodes"] == 5
    })
    .await;
}

async fn five_nodes_go_on_while_their_registry_is_cut_off(backend: Backend) {
    let (mut registry, mut nodes) = net(backend).await;
    for node in &nodes {
        settled(node, "/registry/api/mirrors", |copies| copies[0]["nodes"] == 5).await;
    }
    let home = &nodes[0];
    let ada = Person::at(home, &Env::fixed(home.clock.clone(), 7)).await;
    for visited in &nodes[1..] {
        ada.visit(home, visited).await.succeeds();
    }
    registry.down().await;
    pass(&nodes, Span::days(40));
    let home = &nodes[0];
    // People sign in across nodes, and nodes and people are found.
    for visited in &nodes[1..] {
        ada.visit(home, visited).await.succeeds();
        let found = visited.resolves(&home.web_did()).await;
        assert_eq!(found["didDocument"]["id"], json!(home.web_did()), "{found}");
        let found = visited.resolves(&ada.did()).await;
        assert_eq!(found["didDocument"]["id"], json!(ada.did()), "{found}");
    }
    // Somebody who never met the registry has its key and any of the nodes.
    for node in &nodes {
        let source = DirectorySource::new(http(), node.registry_url(), &registry.did).unwrap();
        let mut copy = DirectoryCopy::new(*source.key());
        copy.update(source.changes(0).await.unwrap()).unwrap();
        assert_eq!(copy.nodes().count(), 5);
        let said = copy.entry(&nodes[4].did).unwrap();
        assert_eq!(said["hostname"], "emma");
    }
    let (one, other) = (nodes[1].registry_url(), nodes[2].registry_url());
    let did = registry.did.to_string();
    let told = imajin(&["directory", "compare", one.as_str(), other.as_str(), "--registry", &did]).expect_success();
    assert_eq!(told["lies"], false);
    // A peer that lies is refused, and it is said why.
    let liar = Liar::beside(&nodes[3].origin()).await;
    let refused = imajin(&["directory", "verify", liar.url.as_str(), "--registry", &did]);
    assert!(!refused.success);
    assert!(
        refused.stderr.contains("not those that the registry has signed"),
        "{}",
        refused.stderr
    );
    let shown = imajin(&[
        "directory",
        "show",
        one.as_str(),
        "--registry",
        &did,
        "--matching",
        "cora",
    ])
    .expect_success();
    assert_eq!(shown["nodes"][0]["nodeId"], json!(nodes[2].did), "{shown:#}");
    down_all(&mut nodes).await;
}

on_both!(five_nodes_go_on_while_their_registry_is_cut_off);

/// One of them follows the registry through a node that lies, beside others that do not.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_lies_is_believed_by_nobody() {
    let mut registry = Member::new(Backend::Sqlite, 110);
    registry.up().await;
    let mut nodes: Vec<Member> = (111..113).map(|seed| Member::new(Backend::Sqlite, seed)).collect();
    nodes[0].register(&registry, "alma").await;
    settled(&registry, "/registry/api/directory?limit=1", |page| {
        page["head"]["payload"]["nodes"] == 1
    })
    .await;
    let liar = Liar::beside(&registry.origin()).await;
    nodes[0].configure(&format!(
        "[mirrors.central]\ndid = \"{}\"\nurl = \"{}\"\n",
        registry.did,
        registry.registry_url()
    ));
    nodes[1].configure(&format!(
        "[mirrors.central]\ndid = \"{}\"\nurl = \"{}\"\n",
        registry.did, liar.url
    ));
    for node in &mut nodes {
        node.up().await;
    }
    settled(&nodes[0], "/registry/api/mirrors", |copies| copies[0]["nodes"] == 1).await;
    let refused = settled(&nodes[1], "/registry/api/mirrors", |copies| {
        !copies[0]["problem"].is_null()
    })
    .await;
    let why = refused[0]["problem"].as_str().unwrap();
    assert!(why.contains("not those that the registry has signed"), "{why}");
    assert_eq!(refused[0]["seq"], 0);
    down_all(&mut nodes).await;
    registry.down().await;
}
