//! The pages of the copies of registries' directories.

use axum::http::StatusCode;
use imajin_registry_api::directory::{
    DIRECTORY_KIND, DirectoryEntry, DirectoryHead, DirectoryPage, Equivocation, SignedHead,
};
use imajin_registry_api::{Lie, MirrorView};
use serde_json::json;

use crate::fakes::Fakes;
use crate::samples::{did, key, now};
use crate::world::{ORIGIN, World, get};

fn head(nodes: u64) -> SignedHead {
    let head = DirectoryHead {
        seq: 17,
        nodes,
        root: "ab".repeat(32),
        previous: "cd".repeat(32),
    };
    SignedHead::sign(&key(8), did(8), DIRECTORY_KIND, None, now(), head).unwrap()
}

pub(crate) fn mirror_sample() -> MirrorView {
    MirrorView {
        registry: did(8),
        url: "https://registry.example/registry".parse().unwrap(),
        seq: 17,
        nodes: 2,
        signed_at: Some(now()),
        checked_at: now(),
        problem: None,
        lies: vec![Lie {
            source: "https://node.example/registry".parse().unwrap(),
            found_at: now(),
            proof: Equivocation {
                one: head(2),
                other: head(3),
            },
        }],
    }
}

pub(crate) fn mirror_page_sample(is_first: bool) -> DirectoryPage {
    let entry = |number: u8, entry| DirectoryEntry {
        node_id: did(number),
        seq: 17,
        entry,
    };
    DirectoryPage {
        head: head(2),
        entries: vec![
            entry(
                1,
                Some(json!({"subdomain": "linden.nodes.example", "expiresAt": now().as_millis()})),
            ),
            entry(
                2,
                Some(json!({"hostname": "impostor", "revokedReason": "It pretended to be another node."})),
            ),
            entry(3, None),
        ],
        cursor: is_first.then(|| "17.did:mjn:z".to_owned()),
    }
}

#[tokio::test]
async fn copies_of_directories_and_lies_are_shown() {
    let world = World::new();
    world.ask(get("/directory/mirrors")).await.shows(
        StatusCode::OK,
        &[
            "This registry lies",
            "number 17",
            "https://node.example/registry",
            "/directory/mirrors/did%3Amjn",
        ],
    );
    world
        .ask(get("/directory"))
        .await
        .shows(StatusCode::OK, &["/directory/mirrors"]);
    let path = format!("/directory/mirrors/{}", did(8));
    let page = world.ask(get(&path)).await;
    page.shows(
        StatusCode::OK,
        &[
            "linden.nodes.example",
            "It pretended to be another node.",
            "cursor=17.did%3Amjn%3Az",
        ],
    );
    assert!(!page.body.contains(did(3).as_str()), "who has left is not there");
    let other = format!("/directory/mirrors/{}", did(7));
    assert_eq!(world.ask(get(&other)).await.status, StatusCode::NOT_FOUND);
    let nonsense = world.ask(get("/directory/mirrors/nonsense")).await;
    assert_eq!(nonsense.status, StatusCode::NOT_FOUND);
    let fakes = Fakes {
        has_registry: false,
        ..Fakes::default()
    };
    let alone = World::with(fakes, ORIGIN);
    assert_eq!(alone.ask(get("/directory/mirrors")).await.status, StatusCode::NOT_FOUND);
}
