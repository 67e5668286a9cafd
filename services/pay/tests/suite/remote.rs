//! The same service through its client over a real connection, as another process would call it.

use imajin_did::Keyring;
use imajin_pay_api::{
    BalanceList, CheckoutCreate, CheckoutFetch, CheckoutState, PayClient, Reader, ReceiptFetch, ReceiptList,
    SalesSummaryRequest,
};
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

/// Pay behind its internal listener, and a client with the given keys.
async fn listen(world: &World, stop: &CancellationToken) -> impl Fn(Keyring) -> PayClient {
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
        router: internal_listener_router(PayClient::internal_router(world.pay.clone()), access),
        public,
        tls: TlsMode::Off,
        connections_max: 16,
    };
    TaskTracker::new().spawn(serve(listener, stop.clone()));
    let env = world.env.clone();
    move |keyring| {
        let (base, env) = (base.clone(), env.clone());
        PayClient::http(RpcClient::new(RpcConfig { base, keyring, env }).unwrap())
    }
}

async fn another_process_sees_the_same_service(backend: Backend) {
    let world = World::new(backend).await;
    let stop = CancellationToken::new();
    let client = listen(&world, &stop).await;
    let pay = client(world.keyring.clone());
    let goods = world.goods("buyer");
    let request = CheckoutCreate {
        goods: goods.clone(),
        buyer: key("buyer").did(),
        success_url: "/orders/1".to_owned(),
        cancel_url: "/".to_owned(),
    };
    let checkout = pay.checkout_create(request.clone()).await.unwrap();
    assert_eq!(pay.checkout_create(request).await.unwrap().id, checkout.id);
    world.pay_for(&checkout).await;
    let view = pay
        .checkout_fetch(CheckoutFetch { id: checkout.id })
        .await
        .unwrap()
        .unwrap();
    assert_eq!((view.state, view.goods), (CheckoutState::Settled, goods));
    assert_eq!(
        pay.checkout_cancel(CheckoutFetch { id: checkout.id })
            .await
            .unwrap()
            .state,
        CheckoutState::Settled
    );
    let unknown = pay
        .checkout_cancel(CheckoutFetch { id: world.env.new_id() })
        .await
        .unwrap_err();
    assert_eq!(unknown.code, imajin_kernel::Code::NotFound);
    let id = view.receipt.unwrap();
    let fetch = |name: &str, operator| ReceiptFetch {
        id,
        reader: Reader {
            did: key(name).did(),
            operator,
        },
    };
    let receipt = pay.receipt_fetch(fetch("mira", false)).await.unwrap().unwrap();
    receipt.message.verify("receipt", &world.keyring.node_public()).unwrap();
    assert!(pay.receipt_fetch(fetch("stranger", false)).await.unwrap().is_none());
    assert!(pay.receipt_fetch(fetch("stranger", true)).await.unwrap().is_some());
    let list = ReceiptList {
        owner: Some(key("buyer").did()),
        before: None,
        limit: 10,
    };
    assert_eq!(pay.receipt_list(list).await.unwrap(), [receipt]);
    let balances = pay
        .balance_list(BalanceList {
            owner: key("mira").did(),
        })
        .await
        .unwrap();
    assert_eq!(balances[0].balance.to_string(), "7.00 TEST-USD");
    assert_eq!(pay.sales_summary(SalesSummaryRequest {}).await.unwrap().receipts, 1);

    // Whoever is not one of the node's processes is refused.
    let stranger = client(Keyring::generate(&world.env));
    assert!(
        stranger
            .balance_list(BalanceList {
                owner: key("mira").did()
            })
            .await
            .is_err()
    );
    stop.cancel();
}
