//! A registry whose database was restored from a backup: it tells no second story, and goes on with the first.

use diesel::prelude::*;
use imajin_did::SecretKey;
use imajin_kernel::Span;
use imajin_registry::Followed;
use imajin_registry_api::directory::SignedHead;
use imajin_store::StoreError;
use imajin_testkit::Backend;
use serde_json::{Value, json};
use url::Url;

use crate::audits::{findings, tampered};
use crate::mirrors::{Pair, Source};
use crate::world::{Answer, Node, World};

/// Stamps scenarios, `async fn(Scene)`, over both databases.
macro_rules! on_both {
    ($($scenario:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $scenario() {
                super::$scenario(crate::restores::Scene::new(imajin_testkit::Backend::Sqlite).await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test] async fn $scenario() {
                super::$scenario(crate::restores::Scene::new(imajin_testkit::Backend::Postgres).await).await;
            })*
        }
    };
}
pub(crate) use on_both;

on_both![
    a_restored_registry_signs_nothing_until_the_rest_is_put_back,
    what_does_not_go_on_where_the_log_ends_is_refused,
    a_copy_adds_nothing_to_what_was_signed,
    a_registry_that_has_signed_since_is_told_so,
    nothing_is_signed_before_a_copy_has_said_what_it_has_seen,
    one_copy_does_not_answer_for_the_others,
    what_is_put_back_from_a_copy_that_is_behind_is_not_signed_on,
    a_database_that_is_restored_under_the_running_registry_is_noticed,
    a_registry_that_has_forked_goes_on_with_its_own_story,
    a_head_that_was_shown_is_covered,
];

diesel::table! {
    directory_heads (seq) {
        seq -> BigInt,
    }
}

/// A registry with a mirror, and its backup: the same registry, as it was after alice and bob had come.
pub(crate) struct Scene {
    pub(crate) pair: Pair,
    pub(crate) backup: World,
    /// Where the mirror is asked.
    pub(crate) copy: Source,
    pub(crate) alice: Node,
    pub(crate) carol: Node,
    pub(crate) dave: Node,
}

pub(crate) fn node(seed: u8) -> Node {
    Node {
        key: SecretKey::from_seed([seed; 32]),
    }
}

pub(crate) async fn register(world: &World, node: &Node, name: &str) {
    world.pass(Span::seconds(1));
    let registered = world.register(node, name).await;
    assert!(registered.status.is_success(), "{:#}", registered.json);
    world.registry.directory_sign().await.unwrap();
}

pub(crate) async fn revoke(world: &World, node: &Node) {
    let order = json!({"nodeId": node.did(), "reason": "it was sold"});
    world.order("/api/operator/nodes/revoke", &order).await.expect(200);
    world.registry.directory_sign().await.unwrap();
}

pub(crate) async fn head(world: &World) -> SignedHead {
    let page = world
        .get(&format!("/api/directory?since={}", i64::MAX))
        .await
        .expect(200);
    serde_json::from_value(page.json["head"].clone()).unwrap()
}

/// What the newest directory says of a node.
pub(crate) async fn entry(world: &World, node: &Node) -> Value {
    let page = world.get("/api/directory?since=0").await.expect(200).json;
    let entries = page["entries"].as_array().unwrap();
    let of = entries.iter().find(|entry| entry["nodeId"] == node.did().as_str());
    of.map(|entry| entry["entry"].clone()).unwrap_or_default()
}

impl Scene {
    pub(crate) async fn new(backend: Backend) -> Self {
        let (pair, backup) = (Pair::new(backend).await, World::new(backend).await);
        let [alice, bob, carol, dave] = [1, 2, 3, 4].map(node);
        for world in [&pair.registry, &backup] {
            register(world, &alice, "alice").await;
            register(world, &bob, "bob").await;
        }
        assert_eq!(head(&backup).await, head(&pair.registry).await);
        assert_eq!(pair.follow(vec![]).await, Ok(Followed::Updated(2)));
        // It goes on after the backup.
        register(&pair.registry, &carol, "carol").await;
        register(&pair.registry, &alice, "alice-b").await;
        register(&pair.registry, &dave, "dave").await;
        revoke(&pair.registry, &dave).await;
        assert_eq!(pair.follow(vec![]).await, Ok(Followed::Updated(6)));
        backup.pass(Span::minutes(5));
        let copy = Source::start(&pair.mirror).await;
        // Whoever follows the registry follows what was restored.
        pair.source.be(&backup);
        Self {
            pair,
            backup,
            copy,
            alice,
            carol,
            dave,
        }
    }

    /// The mirror has what the registry has signed after the backup.
    pub(crate) async fn seen(&self, seq: u64) {
        self.pair.source.be(&self.pair.registry);
        assert_eq!(self.pair.follow(vec![]).await, Ok(Followed::Updated(seq)));
    }

    /// The backup runs in the place of the registry, and knows who keeps copies.
    pub(crate) async fn restored(&mut self) {
        self.backup.copies_set(vec![self.copy.url.clone()]).await;
        self.pair.source.be(&self.backup);
    }

    pub(crate) async fn resume(&self, from: &[&Url]) -> Answer {
        self.backup
            .order("/api/operator/directory/resume", &json!({"from": from}))
            .await
    }

    pub(crate) async fn resumed(&mut self) {
        self.restored().await;
        self.resume(&[&self.copy.url]).await.expect(200);
    }

    /// Where the mirror is asked there is something else.
    async fn copy_lost(&self) {
        self.copy.be(&World::with_seed(Backend::Sqlite, None, 9).await);
    }

    fn copy_found(&self) {
        self.copy.be(&self.pair.mirror);
    }

    /// The mirror goes on, and nobody has a proof of two stories.
    pub(crate) async fn followed(&self, seq: u64) {
        assert_eq!(self.pair.follow(vec![]).await, Ok(Followed::Updated(seq)));
        assert_eq!(self.pair.view().await.lies, []);
        self.pair.audited().await;
        let found = findings(&self.backup).await;
        assert_eq!(found, [], "{found:?}");
    }

    async fn trouble(&self) -> Value {
        let console = self.backup.get_as("operator", "/api/operator").await.expect(200);
        console.json["directory"].clone()
    }

    /// It is refused in one line, and nothing has changed.
    async fn refuses(&self, from: &[&Url], status: u16, says: &str) {
        let before = head(&self.backup).await;
        let refused = self.resume(from).await.expect(status);
        let detail = refused.json["detail"].as_str().unwrap();
        assert!(detail.contains(says) && !detail.contains('\n'), "{detail}");
        assert_eq!(head(&self.backup).await, before);
        let found = findings(&self.backup).await;
        assert_eq!(found, [], "{found:?}");
    }
}

async fn a_restored_registry_signs_nothing_until_the_rest_is_put_back(mut scene: Scene) {
    scene.restored().await;
    let erin = node(5);
    register(&scene.backup, &erin, "erin").await;
    scene.backup.pass(Span::days(2));
    assert_eq!(scene.backup.registry.directory_sign().await.unwrap(), 0);
    assert_eq!(head(&scene.backup).await.payload.seq, 2);
    let trouble = scene.trouble().await;
    assert_eq!(trouble["shown"], 6, "{trouble}");
    assert_eq!((&trouble["own"], &trouble["isForked"]), (&json!(2), &json!(false)));
    // Nor after a restart, although nobody can be asked then.
    scene.backup.copies_set(vec![]).await;
    assert_eq!(scene.backup.registry.directory_sign().await.unwrap(), 0);
    scene.pair.source.be(&scene.backup);
    scene.pair.follow(vec![]).await.unwrap_err();
    assert_eq!(scene.pair.view().await.lies, []);
    let resumed = scene.resume(&[&scene.copy.url]).await.expect(200).json;
    assert_eq!(
        resumed,
        json!({"seq": 6, "heads": 4, "entries": 3, "revoked": [scene.dave.did()]})
    );
    assert_eq!(scene.trouble().await, Value::Null);
    assert_eq!(head(&scene.backup).await, head(&scene.pair.registry).await);
    // What came meanwhile is signed on top.
    assert_eq!(scene.backup.registry.directory_sign().await.unwrap(), 1);
    scene.followed(7).await;
    assert_eq!(entry(&scene.backup, &erin).await["hostname"], "erin");
    let again = scene.resume(&[&scene.copy.url]).await.expect(200).json;
    assert_eq!(again, json!({"seq": 7, "heads": 0, "entries": 0, "revoked": []}));
}

async fn a_copy_adds_nothing_to_what_was_signed(mut scene: Scene) {
    const UNSIGNED: &str = "not those that the registry has signed";
    scene.restored().await;
    let expires = scene.backup.now_ms() + Span::days(30).as_millis();
    let forged = json!({"hostname": "forged", "expiresAt": expires});
    // Numbers that the root does not count, where they belong: of another node, and of one that has a genuine entry.
    for (seq, genuine) in [(0, false), (2, false), (7, false), (0, true)] {
        let beside = json!({"nodeId": node(6).did(), "seq": seq, "entry": &forged});
        scene.copy.spoil(move |_path, mut json| {
            if let Some(entries) = json["entries"].as_array_mut().filter(|entries| !entries.is_empty()) {
                let mut beside = beside.clone();
                if genuine {
                    beside["nodeId"] = entries[0]["nodeId"].clone();
                }
                let place = entries.partition_point(|entry| entry["seq"].as_u64() <= Some(seq));
                entries.insert(place, beside);
            }
            json
        });
        scene.refuses(&[&scene.copy.url], 409, UNSIGNED).await;
    }
    // And where they do not: out of order, or one number of a node twice.
    for unordered in [false, true] {
        let forged = forged.clone();
        scene.copy.spoil(move |_path, mut json| {
            if let Some(entries) = json["entries"].as_array_mut().filter(|entries| !entries.is_empty()) {
                let mut after = entries.last().unwrap().clone();
                after["entry"] = forged.clone();
                if unordered {
                    after["seq"] = json!(0);
                }
                entries.push(after);
            }
            json
        });
        scene.refuses(&[&scene.copy.url], 503, "does not go on").await;
    }
    scene.copy.spoil_no_more();
    let resumed = scene.resume(&[&scene.copy.url]).await.expect(200).json;
    assert_eq!(resumed["entries"], 3);
    register(&scene.backup, &node(5), "forged").await;
}

async fn what_does_not_go_on_where_the_log_ends_is_refused(mut scene: Scene) {
    scene.restored().await;
    // A node that keeps no copy, and one that shows another registry's directory.
    let other = World::with_seed(Backend::Sqlite, None, 9).await;
    register(&other, &node(1), "alice").await;
    let stranger = Source::start(&other).await;
    scene
        .refuses(&[&stranger.url], 503, "does not show the directory")
        .await;
    let theirs = other.get("/api/directory?since=0").await.expect(200).json;
    stranger.be(&scene.pair.mirror);
    stranger.spoil(move |_path, _json| theirs.clone());
    scene.refuses(&[&stranger.url], 409, "not signed by the registry").await;
    // Heads that are missing, and entries that are not what was signed.
    scene.copy.spoil(|path, mut json| {
        if path.ends_with("/heads") {
            json["heads"].as_array_mut().unwrap().remove(0);
        }
        json
    });
    scene.refuses(&[&scene.copy.url], 409, "number 3 is not shown").await;
    scene.copy.spoil(|_path, mut json| {
        if let Some(entries) = json["entries"].as_array_mut() {
            entries.truncate(1);
        }
        json
    });
    scene
        .refuses(&[&scene.copy.url], 409, "not those that the registry has signed")
        .await;
    scene.copy.spoil_no_more();
    scene.refuses(&[], 400, "1 to 8 copies").await;
    scene.resume(&[&scene.copy.url]).await.expect(200);
}

async fn a_registry_that_has_signed_since_is_told_so(mut scene: Scene) {
    // Nobody was asked, so it goes on from the backup: two stories.
    let names = ["erin", "frank", "grace", "heidi", "ivan"];
    register(&scene.backup, &node(10), names[0]).await;
    scene.restored().await;
    scene
        .refuses(&[&scene.copy.url], 409, "signed two different directories")
        .await;
    scene.backup = World::new(Backend::Sqlite).await;
    for (name, seed) in names.iter().zip(10..) {
        for number in 0..2_u8 {
            register(&scene.backup, &node(seed * 2 + number), &format!("{name}-{number}")).await;
        }
    }
    scene.restored().await;
    scene.backup.registry.copies_ask().await;
    let trouble = scene.trouble().await;
    assert_eq!((&trouble["own"], &trouble["isForked"]), (&json!(10), &json!(true)));
    scene.refuses(&[&scene.copy.url], 409, "Nothing is put back").await;
}

async fn nothing_is_signed_before_a_copy_has_said_what_it_has_seen(mut scene: Scene) {
    let away: Url = "http://127.0.0.1:9/registry".parse().unwrap();
    let copies = vec![away.clone(), scene.copy.url.clone()];
    scene.backup.copies_set(copies).await;
    let backup = &scene.backup;
    scene.copy_lost().await;
    backup.pass(Span::seconds(1));
    backup.register(&node(5), "erin").await.expect(201);
    for minutes in [0, 9] {
        backup.pass(Span::minutes(minutes));
        assert_eq!(backup.registry.directory_sign().await.unwrap(), 0);
    }
    backup.pass(Span::minutes(1));
    assert_eq!(backup.registry.directory_sign().await.unwrap(), 1, "nobody answers");
    // One of an empty database has nothing to show meanwhile.
    let mut empty = World::with_seed(Backend::Sqlite, None, 11).await;
    empty.copies_set(vec![away]).await;
    empty.get("/api/directory").await.expect(503);
}

async fn one_copy_does_not_answer_for_the_others(mut scene: Scene) {
    let behind = Source::start(&scene.backup).await;
    let copies = vec![behind.url.clone(), scene.copy.url.clone()];
    scene.backup.copies_set(copies).await;
    scene.copy_lost().await;
    let backup = &scene.backup;
    backup.register(&node(5), "erin").await.expect(201);
    assert_eq!(backup.registry.copies_ask().await, [scene.copy.url.clone()]);
    for minutes in [0, 9] {
        backup.pass(Span::minutes(minutes));
        assert_eq!(backup.registry.directory_sign().await.unwrap(), 0);
    }
    scene.copy_found();
    backup.pass(Span::minutes(2));
    assert_eq!(backup.registry.directory_sign().await.unwrap(), 0);
    assert_eq!(scene.trouble().await["shown"], 6);
    scene.resume(&[&scene.copy.url]).await.expect(200);
    assert_eq!(backup.registry.directory_sign().await.unwrap(), 1);
}

async fn what_is_put_back_from_a_copy_that_is_behind_is_not_signed_on(mut scene: Scene) {
    let behind = Source::start(&scene.backup).await;
    scene.copy_lost().await;
    scene.restored().await;
    scene.backup.pass(Span::minutes(5));
    scene.backup.registry.directory_sign().await.unwrap();
    scene.backup.pass(Span::minutes(5));
    scene.backup.registry.directory_sign().await.unwrap();
    // Nobody is waited for any more, and nothing had to be signed.
    scene.backup.register(&node(5), "erin").await.expect(201);
    scene.copy_found();
    let resumed = scene.resume(&[&behind.url]).await.expect(200).json;
    assert_eq!(resumed["seq"], 2);
    assert_eq!(scene.backup.registry.directory_sign().await.unwrap(), 0);
    assert_eq!(scene.trouble().await["shown"], 6);
    // One that does not answer then is waited for.
    scene.resume(&[&scene.copy.url]).await.expect(200);
    scene.copy_lost().await;
    assert_eq!(scene.backup.registry.directory_sign().await.unwrap(), 0);
    scene.copy_found();
    assert_eq!(scene.backup.registry.directory_sign().await.unwrap(), 1);
    scene.followed(7).await;
}

async fn a_database_that_is_restored_under_the_running_registry_is_noticed(mut scene: Scene) {
    scene.pair.registry.copies_set(vec![scene.copy.url.clone()]).await;
    let running = &scene.pair.registry;
    assert_eq!(running.registry.directory_sign().await.unwrap(), 0);
    let restored: Result<usize, StoreError> = running
        .db
        .write(|conn| Ok(diesel::delete(directory_heads::table.filter(directory_heads::seq.gt(2_i64))).execute(conn)?))
        .await;
    assert_eq!(restored.unwrap(), 4);
    running.register(&node(5), "erin").await.expect(201);
    scene.copy_lost().await;
    for minutes in [0, 9] {
        running.pass(Span::minutes(minutes));
        assert_eq!(running.registry.directory_sign().await.unwrap(), 0);
    }
    scene.copy_found();
    assert_eq!(running.registry.directory_sign().await.unwrap(), 0);
    assert_eq!(head(running).await.payload.seq, 2);
    let order = json!({"from": [&scene.copy.url]});
    let resumed = running
        .order("/api/operator/directory/resume", &order)
        .await
        .expect(200);
    assert_eq!(resumed.json["seq"], 6);
    assert_eq!(running.registry.directory_sign().await.unwrap(), 1);
    assert_eq!(head(running).await.payload.seq, 7);
}

async fn a_registry_that_has_forked_goes_on_with_its_own_story(mut scene: Scene) {
    register(&scene.backup, &node(10), "erin").await;
    scene.restored().await;
    // The copy has more, and that it is another story is not seen by it.
    scene
        .copy
        .spoil(|path, json| if path.contains("/heads/") { Value::Null } else { json });
    scene.backup.register(&node(11), "frank").await.expect(201);
    assert_eq!(scene.backup.registry.directory_sign().await.unwrap(), 0);
    assert_eq!(head(&scene.backup).await.payload.seq, 3);
    let trouble = scene.trouble().await;
    assert_eq!((&trouble["shown"], &trouble["isForked"]), (&json!(6), &json!(false)));
    // Who tries to put it back is told so, and it goes on.
    let two = "signed two different directories";
    scene.refuses(&[&scene.copy.url], 409, two).await;
    assert_eq!(scene.trouble().await["isForked"], true);
    assert_eq!(scene.backup.registry.directory_sign().await.unwrap(), 1);
    assert_eq!(head(&scene.backup).await.payload.seq, 4);
    // Asking again does not silence it.
    scene.copy.spoil_no_more();
    assert!(scene.backup.registry.copies_ask().await.is_empty());
    assert_eq!(scene.trouble().await["isForked"], true);
    register(&scene.backup, &node(12), "grace").await;
    assert_eq!(head(&scene.backup).await.payload.seq, 5);
    scene.refuses(&[&scene.copy.url], 409, two).await;
}

async fn a_head_that_was_shown_is_covered(mut scene: Scene) {
    scene.restored().await;
    assert!(scene.backup.registry.copies_ask().await.is_empty());
    let (tried, unnoticed) = tampered(&scene.backup).await;
    assert_eq!(unnoticed, Vec::<String>::new());
    assert!(tried > 50, "{tried}");
}
