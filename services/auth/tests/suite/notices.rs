//! What other services tell people: it goes to the mailboxes that they have proven, once, and to nobody who wants none.

use imajin_auth_api::{AuthApi, DevelopmentMail, DevelopmentMailList};
use imajin_did::{Did, SecretKey};
use imajin_kernel::{Code, Span};
use imajin_testkit::{Backend, on_both};
use imajin_web::{Addressee, Notice};
use serde_json::json;

use crate::oidc::{operator, signed};
use crate::world::{ORIGIN, World, assert_refused};

const SETTING: &str = "/auth/api/notices/setting";

on_both!(
    a_notice_goes_to_the_mailbox_of_a_soft_identity_once,
    a_notice_goes_to_the_mailboxes_that_a_key_has_claimed,
    the_operator_is_whoever_runs_the_node,
    a_notice_leads_nowhere_but_to_this_node,
    who_wants_no_mail_gets_none,
    whose_key_the_node_keeps_says_so_on_the_page,
    only_registered_people_choose_and_only_the_operator_sees_what_was_not_sent,
);

pub(crate) fn notice(source: &str, to: Addressee) -> Notice {
    Notice {
        source: source.to_owned(),
        to,
        subject: "Receipt:\r\nBcc: all@example.org".to_owned(),
        text: "You have paid 5.00 TEST-USD.".to_owned(),
        path: "/receipts/rcp_1".to_owned(),
    }
}

fn to(did: &Did) -> Addressee {
    Addressee::Person(did.clone())
}

/// A notice that was kept, and a setting.
pub(crate) async fn fill(world: &World, key: &SecretKey) {
    let sent = world.auth.notice_send(notice("test/1", to(&key.did()))).await.unwrap();
    assert_eq!(sent.mailboxes, 1);
    let chosen = signed(world, key, "POST", SETTING, &json!({"mail": false})).await;
    assert_eq!(chosen.json(), json!({"mail": false, "mailboxes": 1}), "{chosen:?}");
}

/// What was told: not the links that log somebody in.
async fn told(world: &World) -> Vec<DevelopmentMail> {
    world.auth.notices_drive().await.unwrap();
    let mails = world.auth.development_mail_list(DevelopmentMailList {}).await.unwrap();
    mails.into_iter().filter(|mail| !mail.link.contains("token=")).collect()
}

async fn soft(world: &World, email: &str) -> (String, Did) {
    let session = world.mailbox_login(email).await;
    let did = world.session_did(&session).await.unwrap();
    (session, did)
}

async fn a_notice_goes_to_the_mailbox_of_a_soft_identity_once(backend: Backend) {
    let world = World::new(backend).await;
    let (_, ada) = soft(&world, "ada.l@example.org").await;
    for _ in 0..2 {
        let sent = world.auth.notice_send(notice("pay/1", to(&ada))).await.unwrap();
        assert_eq!(sent.mailboxes, 1, "a mailbox with two aliases is one");
    }
    // What was taken survives a restart.
    let world = world.restart().await;
    let told_first = told(&world).await;
    assert_eq!(told_first.len(), 1, "{told_first:?}");
    let mail = &told_first[0];
    assert_eq!(mail.to, "ada.l@example.org");
    assert_eq!(mail.subject, "Receipt:Bcc: all@example.org", "one line");
    assert_eq!(mail.link, format!("{ORIGIN}/receipts/rcp_1"));
    assert!(mail.body.contains("5.00 TEST-USD") && mail.body.contains(&mail.link));
    assert!(mail.body.contains(&format!("{ORIGIN}/auth/notices")), "a way out");
    // Its sender died before it heard that it was taken, and tells it again.
    world.auth.notice_send(notice("pay/1", to(&ada))).await.unwrap();
    assert_eq!(told(&world).await.len(), 1);
    world.auth.notice_send(notice("pay/2", to(&ada))).await.unwrap();
    assert_eq!(told(&world).await.len(), 2);
    assert_eq!(world.audit().await, []);
}

async fn a_notice_goes_to_the_mailboxes_that_a_key_has_claimed(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.registered("ada").await;
    let before = world.auth.notice_send(notice("pay/1", to(&ada.did()))).await.unwrap();
    assert_eq!(before.mailboxes, 0, "nobody knows where to write to");
    let soft = crate::claims::claimed(&world, &ada, "ada@example.org").await;
    let after = world.auth.notice_send(notice("pay/2", to(&ada.did()))).await.unwrap();
    assert_eq!((after.mailboxes, told(&world).await.len()), (1, 1));
    // What was bought before the claim is its owner's now.
    world.auth.notice_send(notice("pay/3", to(&soft))).await.unwrap();
    assert_eq!(told(&world).await.len(), 2);
    let nobody = SecretKey::generate(&world.env).did();
    assert_eq!(
        world
            .auth
            .notice_send(notice("pay/4", to(&nobody)))
            .await
            .unwrap()
            .mailboxes,
        0
    );
}

async fn the_operator_is_whoever_runs_the_node(backend: Backend) {
    let world = World::new(backend).await;
    let unclaimed = world
        .auth
        .notice_send(notice("pay/1", Addressee::Operator))
        .await
        .unwrap();
    assert_eq!(unclaimed.mailboxes, 0);
    let operator = operator(&world).await;
    crate::claims::claimed(&world, &operator, "op@example.org").await;
    world
        .auth
        .notice_send(notice("pay/2", Addressee::Operator))
        .await
        .unwrap();
    assert_eq!(told(&world).await[0].to, "op@example.org");
}

async fn a_notice_leads_nowhere_but_to_this_node(backend: Backend) {
    let world = World::new(backend).await;
    let (_, ada) = soft(&world, "ada@example.org").await;
    for path in ["//evil.example/", "https://evil.example/", "receipts", ""] {
        let wrong = Notice {
            path: path.to_owned(),
            ..notice("pay/1", to(&ada))
        };
        let refused = world.auth.notice_send(wrong).await.unwrap_err();
        assert_eq!(refused.code, Code::InvalidRequest, "{path}");
    }
    let nameless = notice("", to(&ada));
    assert_eq!(
        world.auth.notice_send(nameless).await.unwrap_err().code,
        Code::InvalidRequest
    );
    assert!(told(&world).await.is_empty());
}

async fn who_wants_no_mail_gets_none(backend: Backend) {
    let world = World::new(backend).await;
    let ada = world.registered("ada").await;
    crate::claims::claimed(&world, &ada, "ada@example.org").await;
    let bearer = format!("Bearer {}", world.login(&ada).await);
    let read = async || world.get(SETTING, &[("authorization", &bearer)]).await.json();
    assert_eq!(read().await, json!({"mail": true, "mailboxes": 1}));
    let off = signed(&world, &ada, "POST", SETTING, &json!({"mail": false})).await;
    assert_eq!(off.status, 200, "{off:?}");
    assert_eq!(read().await, json!({"mail": false, "mailboxes": 1}));
    let sent = world.auth.notice_send(notice("pay/1", to(&ada.did()))).await.unwrap();
    assert_eq!((sent.mailboxes, told(&world).await.len()), (0, 0));
    // Links to sign in are asked for.
    world.mailbox_login("ada@example.org").await;
    let on = signed(&world, &ada, "POST", SETTING, &json!({"mail": true})).await;
    assert_eq!(on.json()["mail"], true);
    world.auth.notice_send(notice("pay/2", to(&ada.did()))).await.unwrap();
    assert_eq!(told(&world).await.len(), 1);
    let cookie = format!("__Host-imajin_session={}", world.login(&ada).await);
    let page = world.get("/auth/notices", &[("cookie", &cookie)]).await;
    assert!(
        page.text.contains("Mail is on") && !page.text.contains("Not sent"),
        "{}",
        page.text
    );
    assert_eq!(world.audit().await, []);
    world.execute("UPDATE notice_settings SET mail = 'off'").await;
    assert!(!world.audit().await.is_empty());
}

async fn whose_key_the_node_keeps_says_so_on_the_page(backend: Backend) {
    let world = World::new(backend).await;
    let (session, ada) = soft(&world, "ada@example.org").await;
    let cookie = format!("__Host-imajin_session={session}");
    let from = |origin| [("cookie", cookie.as_str()), ("origin", origin)];
    let press = async |origin, form| world.post_form("/auth/notices", &from(origin), form).await;
    assert_refused(&press("https://evil.example", "mail=off").await, 403, "cross_site");
    assert_refused(&press(ORIGIN, "mail=perhaps").await, 400, "invalid_request");
    let off = press(ORIGIN, "mail=off").await;
    assert_eq!(
        (off.status.as_u16(), off.header("location")),
        (303, "/auth/notices?saved=1"),
        "{off:?}"
    );
    let page = world.get("/auth/notices?saved=1", &[("cookie", &cookie)]).await;
    assert!(page.text.contains("Mail is off"), "{}", page.text);
    assert_eq!(
        world
            .auth
            .notice_send(notice("pay/1", to(&ada)))
            .await
            .unwrap()
            .mailboxes,
        0
    );
    assert_eq!(world.audit().await, []);
}

async fn only_registered_people_choose_and_only_the_operator_sees_what_was_not_sent(backend: Backend) {
    let world = World::new(backend).await;
    let (ada, stranger) = (world.registered("ada").await, SecretKey::generate(&world.env));
    let body = json!({"mail": false});
    assert_refused(
        &signed(&world, &stranger, "POST", SETTING, &body).await,
        403,
        "forbidden",
    );
    let more = json!({"mail": false, "did": "did:mjn:x"});
    assert_refused(
        &signed(&world, &ada, "POST", SETTING, &more).await,
        400,
        "invalid_request",
    );
    assert_refused(&world.get(SETTING, &[]).await, 401, "unauthenticated");
    assert_eq!(world.get("/auth/notices", &[]).await.status, 303);
    let bearer = format!("Bearer {}", world.login(&ada).await);
    let unsent = world.get("/auth/api/notices", &[("authorization", &bearer)]).await;
    assert_refused(&unsent, 403, "forbidden");
    let operator = operator(&world).await;
    let retry = "/auth/api/notices/ntc_00000000000000000000000000/retry";
    assert_refused(&signed(&world, &ada, "POST", retry, &json!({})).await, 403, "forbidden");
    assert_refused(
        &signed(&world, &operator, "POST", retry, &json!({})).await,
        404,
        "not_found",
    );
    world.clock.advance(Span::days(31));
    world.auth.purge_expired().await.unwrap();
}
