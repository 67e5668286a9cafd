//! Whom somebody has blocked, or flagged red: nobody to them, for whatever other services decide in their name.

use axum::http::StatusCode;
use imajin_connections_api::{PodCheck, PodRole, PodsApi, TrustApi, TrustAsk};
use imajin_did::SecretKey;
use imajin_profile_api::{ConnectionCheck, ConnectionsApi};
use imajin_testkit::{Backend, on_both};
use serde_json::Value;

use crate::pods::{join, shared};
use crate::world::World;

on_both!(
    whom_somebody_has_blocked_is_not_near_them,
    whom_somebody_has_flagged_red_is_not_near_them,
    a_member_of_a_pod_counts_for_nobody_who_has_blocked_them,
    a_block_is_not_told,
);

impl World {
    async fn block(&self, by: &SecretKey, whom: &SecretKey, blocked: bool) {
        let path = format!("/blocks/{}", whom.did());
        let method = if blocked { "PUT" } else { "DELETE" };
        let set = self.change(by, method, &path, &Value::Null).await;
        set.expect(StatusCode::OK);
    }

    /// How far it is, as other services are told.
    async fn near(&self, from: &SecretKey, to: &SecretKey) -> Option<u8> {
        let ask = TrustAsk::near(from.did(), to.did());
        self.service.trust_check(ask).await.unwrap().hops
    }

    async fn connected(&self, owner: &SecretKey, reader: &SecretKey) -> bool {
        let check = ConnectionCheck {
            owner: owner.did(),
            reader: reader.did(),
        };
        self.service.connection_check(check).await.unwrap().connected
    }

    /// What somebody is in a pod for somebody else.
    async fn role_for(&self, by: Option<&SecretKey>, pod: &str, who: &SecretKey) -> Option<PodRole> {
        let check = PodCheck {
            by: by.map(SecretKey::did),
            ..PodCheck::of(pod.parse().unwrap(), who.did())
        };
        self.service.pod_check(check).await.unwrap().role
    }

    /// ada knows ben, who knows cleo.
    async fn chain(&self) -> [SecretKey; 3] {
        let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| self.person(name));
        self.connect(&ada, &ben).await;
        self.connect(&ben, &cleo).await;
        [ada, ben, cleo]
    }
}

async fn whom_somebody_has_blocked_is_not_near_them(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = world.chain().await;
    assert_eq!(world.near(&ada, &cleo).await, Some(2));
    world.block(&ada, &cleo, true).await;
    assert_eq!(world.near(&ada, &cleo).await, None);
    assert_eq!(
        world.near(&cleo, &ada).await,
        Some(2),
        "what cleo thinks of ada is hers"
    );
    assert_eq!(world.near(&ben, &cleo).await, Some(1), "and ben does as he likes");
    assert_eq!(world.near(&ada, &ada).await, Some(0));
    world.block(&ada, &ben, true).await;
    assert_eq!(
        (world.near(&ada, &ben).await, world.connected(&ada, &ben).await),
        (None, false)
    );
    world.block(&ada, &ben, false).await;
    world.block(&ada, &cleo, false).await;
    assert_eq!(
        (world.near(&ada, &ben).await, world.connected(&ada, &ben).await),
        (Some(1), true)
    );
    assert_eq!(world.near(&ada, &cleo).await, Some(2));
    assert_eq!(world.audit().await, []);
}

async fn whom_somebody_has_flagged_red_is_not_near_them(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = world.chain().await;
    world.flag(&ada, &cleo, "amber").await;
    assert_eq!(world.near(&ada, &cleo).await, Some(2));
    world.flag(&ada, &ben, "red").await;
    assert_eq!(world.near(&ada, &ben).await, None);
    assert_eq!(world.near(&ada, &cleo).await, None, "the way over him is none either");
}

async fn a_member_of_a_pod_counts_for_nobody_who_has_blocked_them(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, cleo] = ["ada", "ben", "cleo"].map(|name| world.person(name));
    let club = shared(&world, &ada).await;
    join(&world, &ada, &club, &ben, "member").await;
    join(&world, &ada, &club, &cleo, "member").await;
    assert_eq!(world.role_for(Some(&ada), &club, &ben).await, Some(PodRole::Member));
    world.block(&ada, &ben, true).await;
    world.flag(&ada, &cleo, "red").await;
    for who in [&ben, &cleo] {
        assert_eq!(world.role_for(Some(&ada), &club, who).await, None);
        assert_eq!(world.role_for(None, &club, who).await, Some(PodRole::Member));
    }
    assert_eq!(world.role_for(Some(&cleo), &club, &ben).await, Some(PodRole::Member));
    world.block(&ada, &ben, false).await;
    assert_eq!(world.role_for(Some(&ada), &club, &ben).await, Some(PodRole::Member));
}

async fn a_block_is_not_told(backend: Backend) {
    let world = World::new(backend).await;
    let [ada, ben, _cleo] = world.chain().await;
    let seen = |what: &'static str, answer: Value| {
        let mut answer = answer;
        if let Some(members) = answer.as_object_mut() {
            members.remove("token");
        }
        (what, answer)
    };
    let distance = format!("/trust/distance?from_did={}&to_did={}", ada.did(), ben.did());
    let look = async || {
        let distance = world
            .get(Some(&ben.did()), &distance)
            .await
            .expect(StatusCode::OK)
            .json();
        let path = world.path(&ben, &ada, "").await;
        [seen("distance", distance), seen("path", path)]
    };
    let before = look().await;
    world.block(&ada, &ben, true).await;
    assert_eq!(look().await, before);
}
