//! The sandbox's payment page and its buttons.

use axum::http::StatusCode;
use imajin_pay_api::CheckoutState;
use imajin_testkit::{Backend, on_both};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::world::{PUBLIC, World};

on_both!(the_buttons_do_what_they_say, a_form_from_elsewhere_is_refused);

async fn the_buttons_do_what_they_say(backend: Backend) {
    let world = World::new(backend).await;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    world.pay.background(&tasks, &stop);
    let checkout = world.checkout("buyer").await;
    let path = format!("/pay/checkout/{}", checkout.id);
    let page = world.get_accepting(None, &path, "text/html").await.text();
    assert!(
        page.contains("TEST MONEY") && page.contains("10.00") && page.contains("An evening"),
        "{page}"
    );
    let token = world.form_token("buyer", checkout.id).await;
    let form = format!("token={token}");
    assert!(page.contains(&token));

    let failed = world.press(&format!("{path}/fail"), Some(PUBLIC), &form).await;
    assert_eq!(
        (failed.status, failed.header("location")),
        (StatusCode::SEE_OTHER, &*format!("{path}?failed=true"))
    );
    let page = world
        .get_accepting(None, failed.header("location"), "text/html")
        .await
        .text();
    assert!(
        page.contains("failed") && page.contains(&format!("href=\"{path}\"")),
        "it can be tried again: {page}"
    );

    let paid = world.press(&path, Some(PUBLIC), &format!("{form}&outcome=pay")).await;
    assert_eq!(
        (paid.status, paid.header("location")),
        (StatusCode::SEE_OTHER, "http://node.test:7000/orders/1")
    );
    assert_eq!(
        world.state(checkout.id).await,
        CheckoutState::Settled,
        "the page waits for the goods"
    );
    let again = world.press(&format!("{path}/pay"), Some(PUBLIC), &form).await;
    assert_eq!(
        (again.status, again.header("location")),
        (StatusCode::SEE_OTHER, path.as_str())
    );
    assert_eq!(world.available("mira").await, "7.00 TEST-USD");

    let other = world.checkout("other").await;
    let path = format!("/pay/checkout/{}/leave", other.id);
    let form = format!("token={}", world.form_token("other", other.id).await);
    let left = world.press(&path, Some(PUBLIC), &form).await;
    assert_eq!(left.header("location"), "http://node.test:7000/events/1");
    assert_eq!(world.state(other.id).await, CheckoutState::Cancelled);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
    world.pay.drive().await.unwrap();
    assert_eq!(
        *world.seller.released.lock().unwrap(),
        [other.goods.id],
        "the seller's places are free again"
    );
    world.audit_clean().await;
}

async fn a_form_from_elsewhere_is_refused(backend: Backend) {
    let world = World::new(backend).await;
    let checkout = world.checkout("buyer").await;
    let path = format!("/pay/checkout/{}/pay", checkout.id);
    let form = format!("token={}", world.form_token("buyer", checkout.id).await);
    for origin in [None, Some("https://elsewhere.example"), Some("null")] {
        let answer = world.press(&path, origin, &form).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (StatusCode::FORBIDDEN, "cross_site"),
            "{origin:?}"
        );
    }
    assert_eq!(
        world.press(&path, Some(PUBLIC), "token=guessed").await.code(),
        "cross_site"
    );
    assert_eq!(
        world.press(&path, Some(PUBLIC), "nothing").await.code(),
        "invalid_request"
    );
    let strange = format!("/pay/checkout/{}/steal", checkout.id);
    assert_eq!(
        world.press(&strange, Some(PUBLIC), &form).await.code(),
        "invalid_request"
    );
    assert_eq!(world.state(checkout.id).await, CheckoutState::Open);
}
