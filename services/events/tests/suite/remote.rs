//! The same service through its clients over a real connection, as another process would call it.

use imajin_events_api::{EventFetch, EventsClient, OrderFetch, OrderState, Reader};
use imajin_kernel::Code;
use imajin_pay_api::{DeliveryOutcome, GoodsRef, SellerClient};
use imajin_testkit::{Backend, on_both};
use imajin_web::{
    InternalAccess, Listener, PublicBase, RpcClient, RpcConfig, TlsMode, internal_listener_router, serve,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::world::{World, key};

on_both!(another_process_sees_the_same_service);

struct Remote {
    base: Url,
    stop: CancellationToken,
}

async fn listen(world: &World) -> Remote {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base: Url = format!("http://{}", socket.local_addr().unwrap()).parse().unwrap();
    let public = PublicBase(base.clone());
    let internal =
        EventsClient::internal_router(world.events.clone()).merge(SellerClient::internal_router(world.events.clone()));
    let access = InternalAccess {
        env: world.env.clone(),
        base: public.clone(),
        allowed: vec![world.keyring.node_did().clone()],
    };
    let router = internal_listener_router(internal, access);
    let stop = CancellationToken::new();
    let listener = Listener {
        socket,
        router,
        public,
        tls: TlsMode::Off,
        connections_max: 16,
    };
    TaskTracker::new().spawn(serve(listener, stop.clone()));
    Remote { base, stop }
}

async fn another_process_sees_the_same_service(backend: Backend) {
    let world = World::new(backend).await;
    let remote = listen(&world).await;
    let config = |keyring| RpcConfig {
        base: remote.base.clone(),
        keyring,
        env: world.env.clone(),
    };
    let rpc = RpcClient::new(config(world.keyring.clone())).unwrap();
    let (events, seller) = (EventsClient::http(rpc.clone()), SellerClient::http(rpc));

    let event = world.event(Some(1)).await;
    let fetched = events
        .event_fetch(EventFetch {
            id: event.id,
            reader: None,
        })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (fetched.title, fetched.manifest),
        (event.title.clone(), event.manifest.clone())
    );
    let body = serde_json::to_vec(&World::wish(&event, 1)).unwrap();
    let signed = world.sign(&key("buyer"), "/events/api/checkout", None, &body);
    let order = events.checkout(signed.clone()).await.unwrap();
    assert_eq!(events.checkout(signed).await.unwrap_err().code, Code::Replayed);
    let other = world.sign(&key("other"), "/events/api/checkout", None, &body);
    let problem = events.checkout(other).await.unwrap_err();
    assert_eq!(
        (problem.code, &problem.extra["left"]),
        (Code::SoldOut, &serde_json::json!(0))
    );

    let goods = GoodsRef {
        kind: "order".to_owned(),
        id: order.id.to_string(),
    };
    assert_eq!(seller.goods_quote(goods).await.unwrap().price, order.total);
    let outcome = seller
        .goods_deliver(world.pay.delivery(order.checkout_id.unwrap()))
        .await
        .unwrap();
    assert!(matches!(outcome, DeliveryOutcome::Delivered { .. }));
    let reader = Reader {
        did: key("buyer").did(),
        operator: false,
    };
    let fetched = events
        .order_fetch(OrderFetch { id: order.id, reader })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(fetched.state, OrderState::Fulfilled);

    // A fact from somebody who is not one of the node's processes is refused.
    let stranger = imajin_did::Keyring::generate(&world.env);
    let stranger = SellerClient::http(RpcClient::new(config(stranger)).unwrap());
    let refused = stranger
        .goods_deliver(world.pay.delivery(order.checkout_id.unwrap()))
        .await;
    assert!(refused.is_err());
    remote.stop.cancel();
}
