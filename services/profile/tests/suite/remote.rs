//! The same service through its client over a real connection, as another process would call it.

use imajin_kernel::Code;
use imajin_profile_api::{ProfileClient, ProfileFetch, ProfileSearch};
use imajin_testkit::{Backend, on_both};
use imajin_web::{
    Custody, InternalAccess, Listener, PublicBase, RpcClient, RpcConfig, TlsMode, internal_listener_router, serve,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::world::{AVATAR, PROFILE, World, avatar_body, picture};

on_both!(another_process_sees_the_same_service);

async fn client(world: &World, stop: &CancellationToken) -> ProfileClient {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base: Url = format!("http://{}", socket.local_addr().unwrap()).parse().unwrap();
    let public = PublicBase(base.clone());
    let access = InternalAccess {
        env: world.env.clone(),
        base: public.clone(),
        allowed: vec![world.keyring.node_did().clone()],
    };
    let listener = Listener {
        socket,
        router: internal_listener_router(ProfileClient::internal_router(world.profile.clone()), access),
        public,
        tls: TlsMode::Off,
        connections_max: 16,
    };
    TaskTracker::new().spawn(serve(listener, stop.clone()));
    let config = RpcConfig {
        base,
        keyring: world.keyring.clone(),
        env: world.env.clone(),
    };
    ProfileClient::http(RpcClient::new(config).unwrap())
}

async fn another_process_sees_the_same_service(backend: Backend) {
    let world = World::new(backend).await;
    let stop = CancellationToken::new();
    let profiles = client(&world, &stop).await;
    // As www does it for a mailbox identity: the node signs with the key that it keeps, and relays.
    let soft = world.register("soft", None, Custody::Node);
    let body = json!({"version": 0, "displayName": "A guest", "contact": {"phone": {"value": "123"}}});
    let signed = world.sign(&soft, "PUT", PROFILE, None, &body);
    let view = profiles.profile_set(signed.clone()).await.unwrap();
    assert_eq!((view.version, view.display_name.as_str()), (1, "A guest"));
    assert_eq!(profiles.profile_set(signed).await.unwrap_err().code, Code::Replayed);
    let stale = world.sign(&soft, "PUT", PROFILE, None, &body);
    let stale = profiles.profile_set(stale).await.unwrap_err();
    assert_eq!(
        (stale.code, &stale.extra["version"]),
        (Code::PreconditionFailed, &json!(1))
    );
    // A request for one thing is not taken for another.
    let other = world.sign(&soft, "DELETE", AVATAR, None, &json!({}));
    assert_eq!(
        profiles.profile_delete(other).await.unwrap_err().code,
        Code::BadSignature
    );

    let body = avatar_body(&picture(image::ImageFormat::Jpeg, 200, 200));
    let view = profiles
        .avatar_set(world.sign(&soft, "PUT", AVATAR, None, &body))
        .await
        .unwrap();
    assert!(view.avatar.is_some());
    let fetch = |reader| ProfileFetch {
        did_or_handle: soft.did().to_string(),
        reader,
    };
    let public = profiles.profile_fetch(fetch(None)).await.unwrap().unwrap();
    assert!(public.contact.is_empty());
    let own = profiles.profile_fetch(fetch(Some(soft.did()))).await.unwrap().unwrap();
    assert_eq!(own.contact.phone.unwrap().value, "123");
    let search = ProfileSearch {
        text: "guest".to_owned(),
        limit: None,
        cursor: None,
    };
    assert_eq!(profiles.profile_search(search).await.unwrap().profiles.len(), 1);
    let removed = world.sign(&soft, "DELETE", AVATAR, None, &json!({}));
    assert_eq!(profiles.avatar_remove(removed).await.unwrap().avatar, None);
    let deleted = world.sign(&soft, "DELETE", PROFILE, None, &json!({}));
    assert!(profiles.profile_delete(deleted).await.unwrap().deleted);
    assert_eq!(profiles.profile_fetch(fetch(None)).await.unwrap_err().code, Code::Gone);
    stop.cancel();
}
