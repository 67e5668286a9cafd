//! Receipts, for the agents that have paid.

use http::HeaderMap;
use imajin_imagxp::{AgentId, AgentKey, Claim, ClaimHeaders, Purpose};
use serde_json::json;

use crate::{HOST, ORIGIN, World, agent, manifest_of};

/// The path of the receipt that a paid answer links to.
fn receipt_path(headers: &HeaderMap) -> String {
    let links = headers.get_all("link").iter().map(|link| link.to_str().unwrap());
    let found = links
        .filter(|link| link.ends_with("; rel=\"imagxp-receipt\""))
        .collect::<Vec<_>>();
    let [link] = found.as_slice() else { panic!("{found:?}") };
    let url = link.strip_prefix('<').unwrap().split_once('>').unwrap().0;
    url.strip_prefix(ORIGIN).unwrap().to_owned()
}

async fn pays(world: &World) -> String {
    let visa = world.till.visa(&world.key.thumbprint(), HOST, "0.01 USD", 1);
    let answer = world.send("/paid/1", world.paid("/paid/1", &visa)).await;
    assert_eq!((answer.status, answer.header("x-imagxp-receipt")), (200, "receipt-1"));
    receipt_path(&answer.headers)
}

#[tokio::test]
async fn who_has_paid_reads_the_receipt() {
    let world = World::new();
    let path = pays(&world).await;
    assert_eq!(path, "/.well-known/imagxp-receipts/receipt-1");
    let answer = world.send(&path, world.claim(&path)).await;
    assert_eq!(
        (answer.status, answer.header("cache-control")),
        (200, "private, no-store")
    );
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&answer.text).unwrap(),
        json!({"id": "receipt-1"})
    );
    let free = world.send("/free", world.claim("/free")).await;
    assert!(
        !free
            .headers
            .get_all("link")
            .iter()
            .any(|link| link.to_str().unwrap().contains("receipt"))
    );
}

#[tokio::test]
async fn nobody_else_reads_it() {
    let world = World::new();
    let path = pays(&world).await;
    let nobody = world.send(&path, HeaderMap::new()).await;
    assert_eq!(nobody.status, 401, "{}", nobody.text);

    let (other, key): (AgentId, _) = ("other.example".parse().unwrap(), AgentKey::generate().unwrap());
    let manifest = manifest_of(&other, &[&key]);
    world
        .documents
        .known
        .lock()
        .unwrap()
        .insert(other.manifest_url(), manifest);
    let url = format!("{ORIGIN}{path}");
    let claim = Claim::new(&other, world.now(), "n", &url, Purpose::Summary, false).unwrap();
    let theirs = world.send(&path, ClaimHeaders::sign(&key, &claim).unwrap()).await;
    assert_eq!(theirs.status, 404, "as if there were none: {}", theirs.text);

    // A claim for a page, or for the same path wherever it is, opens no receipt.
    for resource in [format!("{ORIGIN}/paid/1"), path.clone()] {
        let claim = Claim::new(&agent(), world.now(), &resource, &resource, Purpose::Summary, false).unwrap();
        let answer = world.send(&path, ClaimHeaders::sign(&world.key, &claim).unwrap()).await;
        assert!(
            [401, 403].contains(&answer.status),
            "{resource}: {} {}",
            answer.status,
            answer.text
        );
    }
    let claim = world.claim(&path);
    assert_eq!(world.send(&path, claim.clone()).await.status, 200);
    let again = world.send(&path, claim).await;
    assert!(
        [401, 403].contains(&again.status),
        "a claim is good once: {}",
        again.text
    );
    let none = "/.well-known/imagxp-receipts/receipt-9";
    assert_eq!(world.send(none, world.claim(none)).await.status, 404);
}
