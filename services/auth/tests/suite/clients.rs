//! The client in this process and the one over a connection give the same answers.

use imajin_auth_api::{
    AuthClient, CallerKeysRequest, DevelopmentMailList, DeviceListRequest, IdentityFetch, MailboxProofSend,
    SessionViewRequest, SetupStateRequest,
};
use imajin_did::{Did, Keyring, SecretKey};
use imajin_kernel::Code;
use imajin_testkit::Backend;
use imajin_web::{
    InternalAccess, Listener, PublicBase, RpcClient, RpcConfig, Tier, TlsMode, internal_listener_router, serve,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::keys::Ada;
use crate::world::World;
use imajin_testkit::on_both;

struct Remote {
    client: AuthClient,
    stranger: AuthClient,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Remote {
    async fn of(world: &World) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base: url::Url = format!("http://{}/", socket.local_addr().unwrap()).parse().unwrap();
        let public = PublicBase(base.clone());
        let allowed = vec![world.keyring.node_did().clone()];
        let access = InternalAccess {
            env: world.env.clone(),
            base: public.clone(),
            allowed,
        };
        let router = internal_listener_router(AuthClient::internal_router(world.auth.clone()), access);
        let listener = Listener {
            socket,
            router,
            public,
            tls: TlsMode::Off,
            connections_max: 16,
        };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(serve(listener, stop.clone()));
        let client = |keyring: Keyring| {
            let config = RpcConfig {
                base: base.clone(),
                keyring,
                env: world.env.clone(),
            };
            AuthClient::http(RpcClient::new(config).unwrap())
        };
        let stranger = client(Keyring::generate(&world.env));
        Self {
            client: client(world.keyring.clone()),
            stranger,
            tasks,
            stop,
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        drop((self.client, self.stranger));
        self.tasks.wait().await;
    }
}

async fn both_clients_give_the_same_answers(backend: Backend) {
    let world = World::new(backend).await;
    let key = world.registered("ada").await;
    let token = world.login(&key).await;
    let remote = Remote::of(&world).await;
    let local = AuthClient::local(world.auth.clone());
    let stranger = SecretKey::generate(&world.env);
    for client in [&local, &remote.client] {
        let registered = client.caller_keys(CallerKeysRequest { did: key.did() }).await.unwrap();
        assert_eq!(
            (registered.did, registered.keys, registered.tier),
            (key.did(), vec![key.public()], Tier::Key)
        );
        for did in stranger.did().also_known_as() {
            let visitor = client.caller_keys(CallerKeysRequest { did }).await.unwrap();
            assert_eq!((visitor.did, visitor.tier), (stranger.did(), Tier::Visitor));
            assert_eq!(visitor.keys, [stranger.public()]);
        }
        for unknown in [
            "did:email:ada_at_example.org",
            "did:web:elsewhere.example",
            "did:imajin:0123456789abcdef",
        ] {
            let did: Did = unknown.parse().unwrap();
            let refused = client.caller_keys(CallerKeysRequest { did }).await.unwrap_err();
            assert_eq!(refused.code, Code::Unauthenticated, "{unknown}");
        }
        let view = client
            .session_view(SessionViewRequest { token: token.clone() })
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (view.did, view.handle.as_deref(), view.tier),
            (key.did(), Some("ada"), Tier::Key)
        );
        assert_eq!(
            client
                .session_view(SessionViewRequest { token: "x".to_owned() })
                .await
                .unwrap(),
            None
        );
        let fetch = |text: &str| IdentityFetch {
            did_or_handle: text.to_owned(),
        };
        let identity = client.identity_fetch(fetch("ada")).await.unwrap().unwrap();
        assert_eq!((identity.did, identity.public_key), (key.did(), key.public()));
        assert_eq!(
            client
                .identity_fetch(fetch("did:email:ada_at_example.org"))
                .await
                .unwrap(),
            None
        );
        assert_eq!(client.setup_state(SetupStateRequest {}).await.unwrap().operator, None);
        let send = MailboxProofSend {
            email: "ada@example.org".to_owned(),
            next: Some("/me".to_owned()),
        };
        assert!(client.mailbox_proof_send(send).await.unwrap().development_mailbox);
        let mails = client.development_mail_list(DevelopmentMailList {}).await.unwrap();
        assert!(mails[0].body.contains(&mails[0].link) && mails[0].to == "ada@example.org");
    }
    remote.end().await;
}

async fn only_the_node_itself_may_ask(backend: Backend) {
    let world = World::new(backend).await;
    let remote = Remote::of(&world).await;
    assert!(remote.client.setup_state(SetupStateRequest {}).await.is_ok());
    assert!(remote.stranger.setup_state(SetupStateRequest {}).await.is_err());
    remote.end().await;
}

async fn another_process_sees_a_rotation_at_once(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, behind) = (Ada::registered(&world, "ada").await, SecretKey::generate(&world.env));
    let token = ada.login(&world, &ada.phone).await;
    let remote = Remote::of(&world).await;
    let local = AuthClient::local(world.auth.clone());
    let keys = CallerKeysRequest { did: ada.did.clone() };
    let session = SessionViewRequest { token: token.clone() };
    for client in [&local, &remote.client] {
        let list = client
            .device_list(DeviceListRequest { token: token.clone() })
            .await
            .unwrap()
            .unwrap();
        assert_eq!((list.did, list.devices[0].key), (ada.did.clone(), ada.phone.public()));
        assert!(list.devices[0].current && list.has_next_key && !list.contested);
        assert_eq!(
            client.caller_keys(keys.clone()).await.unwrap().keys,
            [ada.phone.public()]
        );
        assert!(client.session_view(session.clone()).await.unwrap().is_some());
    }
    let reply = ada.send(&world, "rotate", &ada.rotation(&world, &behind).await).await;
    assert_eq!(reply.status, axum::http::StatusCode::OK, "{reply:?}");
    for client in [&local, &remote.client] {
        assert_eq!(
            client.caller_keys(keys.clone()).await.unwrap().keys,
            [ada.next.public()]
        );
        assert!(client.session_view(session.clone()).await.unwrap().is_none());
        let list = client
            .device_list(DeviceListRequest { token: token.clone() })
            .await
            .unwrap();
        assert_eq!(list, None);
    }
    remote.end().await;
}

on_both! {
    another_process_sees_a_rotation_at_once,
    both_clients_give_the_same_answers,
    only_the_node_itself_may_ask,
}
