//! Each kind of JWT, given to every endpoint that wants another one.

use imajin_testkit::{Backend, on_both};
use serde_json::json;

use crate::federation::pair::{Nodes, arrive, at_home, depart, statement_of};
use crate::oidc::{ada, app_with, metadata, operator, userinfo};
use crate::world::{Reply, World};

/// Whether an answer gives nothing away: a refusal, or "not valid".
fn is_refused(reply: &Reply) -> bool {
    reply.status.is_client_error() || (reply.status == 200 && reply.text.contains("\"valid\":false"))
}

/// A token, sent to the endpoint that `wanted` names as one that would be taken there.
async fn send(home: &World, visited: &World, cookie: &str, session: &str, wanted: &str, token: &str) -> Reply {
    match wanted {
        "session" => {
            let bearer = format!("Bearer {token}");
            home.get("/auth/api/sessions", &[("authorization", &bearer)]).await
        }
        "session in a cookie" => {
            let cookie = format!("__Host-imajin_session={token}");
            home.get("/auth/api/sessions", &[("cookie", &cookie)]).await
        }
        "session to validate" => home.post("/auth/api/validate", &json!({"token": token})).await,
        "access" => userinfo(home, token).await,
        "login request" => {
            let path = format!("/auth/federation/authorize?request={token}");
            let cookie = format!("__Host-imajin_session={session}");
            home.get(&path, &[("cookie", &cookie)]).await
        }
        "login statement" => arrive(visited, &format!("/auth/federation/callback?statement={token}"), cookie).await,
        other => panic!("{other}"),
    }
}

async fn each_kind_of_jwt_is_refused_where_another_is_wanted(backend: Backend) {
    let nodes = Nodes::new(backend);
    let (home, visited) = (nodes.node(1).await, nodes.node(2).await);
    let olga = operator(&home).await;
    let app = app_with(&home, &olga, &metadata("EdDSA", "client_secret_basic")).await;
    let person = ada(&home).await;
    let tokens = app.tokens(&home, &person, "openid offline_access").await;
    let departed = depart(&visited, &home).await;
    let statement = statement_of(&at_home(&visited, &home, &person, &departed).await);
    let kinds = [
        ("session", person.token.clone()),
        ("id", tokens["id_token"].as_str().unwrap().to_owned()),
        ("access", tokens["access_token"].as_str().unwrap().to_owned()),
        ("refresh", tokens["refresh_token"].as_str().unwrap().to_owned()),
        ("login request", departed.request.clone()),
        ("login statement", statement),
    ];
    let endpoints = [
        "session",
        "session in a cookie",
        "session to validate",
        "access",
        "login request",
        "login statement",
    ];
    for (kind, token) in &kinds {
        for wanted in endpoints {
            // What is right comes last: a statement counts once.
            if wanted.starts_with(kind) {
                continue;
            }
            let reply = send(&home, &visited, &departed.cookie, &person.token, wanted, token).await;
            assert!(is_refused(&reply), "{kind} as {wanted}: {reply:?}");
        }
    }
    for (kind, token) in &kinds {
        for wanted in endpoints.iter().filter(|wanted| wanted.starts_with(kind)) {
            let reply = send(&home, &visited, &departed.cookie, &person.token, wanted, token).await;
            assert!(!is_refused(&reply), "{kind} as {wanted}: {reply:?}");
        }
    }
    nodes.close().await;
}

on_both!(each_kind_of_jwt_is_refused_where_another_is_wanted);
