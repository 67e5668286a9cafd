//! Another process asks the registry over a real connection.

use std::sync::Arc;

use imajin_kernel::Code;
use imajin_registry_api::{NodeFetch, NodeList, NodeStatus, RegistryApi, RegistryClient};
use imajin_web::{
    InternalAccess, Listener, PublicBase, RpcClient, RpcConfig, TlsMode, internal_listener_router, serve,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::on_both;
use crate::world::World;

on_both![
    a_client_of_another_process_gets_the_same_answers,
    a_stranger_process_is_refused
];

fn service(world: &World) -> Arc<dyn RegistryApi> {
    world.registry.clone()
}

struct Remote {
    base: Url,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Remote {
    async fn start(world: &World) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base: Url = format!("http://{}/", socket.local_addr().unwrap()).parse().unwrap();
        let public = PublicBase(base.clone());
        let allowed = vec![world.keyring.node_did().clone()];
        let access = InternalAccess {
            env: world.env.clone(),
            base: public.clone(),
            allowed,
        };
        let guarded = RegistryClient::internal_router(service(world));
        let router = internal_listener_router(guarded, access);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(serve(
            Listener {
                socket,
                router,
                public,
                tls: TlsMode::Off,
                connections_max: 8,
            },
            stop.clone(),
        ));
        Self { base, stop, tasks }
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

async fn a_client_of_another_process_gets_the_same_answers(world: World) {
    let remote = Remote::start(&world).await;
    let config = RpcConfig {
        base: remote.base.clone(),
        keyring: world.keyring.clone(),
        env: world.env.clone(),
    };
    let http = RegistryClient::http(RpcClient::new(config).unwrap());
    let local = RegistryClient::local(service(&world));
    let (alice, bob) = (world.node(), world.node());
    world.register(&alice, "alice").await.expect(201);
    world.register(&bob, "bob").await.expect(201);
    world.beat(&bob).await.expect(200);
    for client in [&http, &local] {
        let page = client
            .node_list(NodeList {
                limit: Some(1),
                ..NodeList::default()
            })
            .await
            .unwrap();
        assert_eq!(page.nodes[0].node_id, alice.did());
        let next = NodeList {
            cursor: page.cursor,
            ..NodeList::default()
        };
        let page = client.node_list(next).await.unwrap();
        assert_eq!(page.nodes.len(), 1);
        assert_eq!(page.nodes[0].status, NodeStatus::Active);
        assert_eq!(page.cursor, None);
        let found = client
            .node_fetch(NodeFetch {
                key: "bob.nodes.example".to_owned(),
            })
            .await
            .unwrap();
        assert_eq!(found.as_ref(), Some(&page.nodes[0]));
        assert_eq!(
            client
                .node_fetch(NodeFetch {
                    key: "carol".to_owned()
                })
                .await
                .unwrap(),
            None
        );
        let bad = NodeList {
            cursor: Some("x".to_owned()),
            ..NodeList::default()
        };
        let problem = client.node_list(bad).await.unwrap_err();
        assert_eq!(problem.code, Code::InvalidRequest);
        assert_eq!(problem.extra["member"], "cursor");
    }
    remote.end().await;
}

async fn a_stranger_process_is_refused(world: World) {
    let remote = Remote::start(&world).await;
    let keyring = imajin_did::Keyring::generate(&world.env);
    let config = RpcConfig {
        base: remote.base.clone(),
        keyring,
        env: world.env.clone(),
    };
    let stranger = RegistryClient::http(RpcClient::new(config).unwrap());
    let problem = stranger.node_list(NodeList::default()).await.unwrap_err();
    assert_eq!(problem.code, Code::Unavailable);
    remote.end().await;
}
