use axum::http::StatusCode;
use imajin_kernel::Span;
use imajin_testkit::{Backend, on_both};
use serde_json::json;

use super::pair::{Nodes, arrive, at_home, depart, start};
use crate::oidc::{Person, ada, hidden, mailbox_person};
use crate::world::{World, assert_refused};

async fn somebody_of_one_node_signs_in_at_another(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, visited) = (nodes.node(1).await, nodes.node(2).await);
    let person = ada(&home).await;
    let did = person.key.as_ref().unwrap().did();
    for _again in 0..2 {
        nodes.clock.advance(Span::seconds(1));
        let departed = depart(&visited, &home).await;
        let path = at_home(&visited, &home, &person, &departed).await;
        let reply = arrive(&visited, &path, &departed.cookie).await;
        assert_eq!(
            (reply.status, reply.header("location")),
            (StatusCode::SEE_OTHER, "/events/evt_1"),
            "{reply:?}"
        );
        let token = reply.cookie().split_once('=').unwrap().1.to_owned();
        assert!(reply.cookie().starts_with("__Host-imajin_session="));
        let bearer = format!("Bearer {token}");
        let session = visited
            .get("/auth/api/session", &[("authorization", &bearer)])
            .await
            .json();
        assert_eq!((&session["did"], &session["tier"]), (&json!(did), &json!("visitor")));
        assert_eq!(
            (&session["name"], &session["handle"]),
            (&json!("Ada"), &json!(null)),
            "a handle is of one node"
        );
        let list = visited
            .get("/auth/api/sessions", &[("authorization", &bearer)])
            .await
            .json();
        assert_eq!(list["sessions"][0]["method"], "federated");
    }
    for node in [&home, &visited] {
        assert_eq!(node.audit().await, []);
    }
    nodes.close().await;
}

async fn a_mailbox_identity_signs_in_elsewhere_without_javascript(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, visited) = (nodes.node(1).await, nodes.node(2).await);
    let person = mailbox_person(&home).await;
    let departed = depart(&visited, &home).await;
    let page = person.open(&home, &departed.path).await;
    assert!(!page.text.contains("<script"), "{}", page.text);
    let request = hidden(&page, "request");
    let reply = form(&home, &person, &request, "allow").await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "{reply:?}");
    let path = reply
        .header("location")
        .strip_prefix(&visited.origin)
        .unwrap()
        .to_owned();
    let reply = arrive(&visited, &path, &departed.cookie).await;
    let token = reply.cookie().split_once('=').unwrap().1.to_owned();
    assert_eq!(visited.session_did(&token).await, home.session_did(&person.token).await);
    assert_eq!(
        visited.dump_contains(&["ada.l@example.org".to_owned()]).await,
        Vec::<String>::new()
    );
    nodes.close().await;
}

async fn form(home: &World, person: &Person, request: &str, decision: &str) -> crate::world::Reply {
    let cookie = person.cookie();
    let body = format!("request={request}&decision={decision}");
    let headers = [("cookie", cookie.as_str()), ("origin", home.origin.as_str())];
    home.post_form("/auth/federation/consent", &headers, &body).await
}

async fn whoever_is_not_signed_in_at_home_does_that_first_and_nothing_is_fetched(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, visited) = (nodes.node(1).await, nodes.node(2).await);
    let departed = depart(&visited, &home).await;
    let reply = home.get(&departed.path, &[]).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    assert!(
        reply
            .header("location")
            .starts_with("/login?next=%2Fauth%2Ffederation%2Fauthorize%3Frequest%3D")
    );
    let reply = home.get("/auth/federation/authorize?request=nonsense", &[]).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER, "a stranger learns nothing");
    nodes.close().await;
}

async fn saying_no_signs_nobody_in(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, visited) = (nodes.node(1).await, nodes.node(2).await);
    let person = ada(&home).await;
    let departed = depart(&visited, &home).await;
    let reply = form(&home, &person, &departed.request, "deny").await;
    let path = reply
        .header("location")
        .strip_prefix(&visited.origin)
        .unwrap()
        .to_owned();
    let reply = arrive(&visited, &path, &departed.cookie).await;
    assert!(
        reply.text.contains("You are not signed in") && reply.header("set-cookie").is_empty(),
        "{reply:?}"
    );
    // Whoever holds a key cannot say yes by the form.
    let reply = form(&home, &person, &departed.request, "allow").await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN, "{reply:?}");
    nodes.close().await;
}

async fn a_form_of_a_foreign_page_starts_and_answers_nothing(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, visited) = (nodes.node(1).await, nodes.node(2).await);
    let person = mailbox_person(&home).await;
    let departed = depart(&visited, &home).await;
    let cookie = person.cookie();
    let foreign = [("cookie", cookie.as_str()), ("origin", visited.origin.as_str())];
    let body = format!("request={}&decision=allow", departed.request);
    assert_refused(
        &home.post_form("/auth/federation/consent", &foreign, &body).await,
        403,
        "cross_site",
    );
    let reply = visited
        .post_form("/auth/federation/login", &[("origin", &home.origin)], "home=x.example")
        .await;
    assert_refused(&reply, 403, "cross_site");
    nodes.close().await;
}

async fn nodes_on_this_machine_are_asked_only_where_that_is_switched_on(backend: Backend) {
    let nodes = Nodes::new(backend);
    let home = nodes.node(1).await;
    let strict = World::with_options(backend, imajin_auth::AuthOptions::default()).await;
    let port = home.origin.rsplit_once(':').unwrap().1;
    for named in [
        format!("ada@localhost:{port}"),
        format!("http://localhost:{port}"),
        "localhost".to_owned(),
    ] {
        assert_refused(&start(&strict, &named).await, 400, "invalid_request");
    }
    for nobody in [
        "ada@",
        "did:mjn:z6Mknonsense",
        "file:///etc/passwd",
        "http://127.0.0.1/",
        "",
    ] {
        assert_refused(&start(&strict, nobody).await, 400, "invalid_request");
    }
    nodes.close().await;
}

on_both! {
    somebody_of_one_node_signs_in_at_another,
    a_mailbox_identity_signs_in_elsewhere_without_javascript,
    whoever_is_not_signed_in_at_home_does_that_first_and_nothing_is_fetched,
    saying_no_signs_nobody_in,
    a_form_of_a_foreign_page_starts_and_answers_nothing,
    nodes_on_this_machine_are_asked_only_where_that_is_switched_on,
}
