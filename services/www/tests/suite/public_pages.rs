//! Pages that anybody may read.

use axum::http::StatusCode;
use imajin_auth_api::DevelopmentMail;
use imajin_events_api::EventStatus;

use crate::fakes::Fakes;
use crate::samples::{did, event_sample, now};
use crate::world::{ORIGIN, World, get};

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";

#[tokio::test]
async fn the_first_page_shows_what_is_on() {
    let page = World::new().ask(get("/")).await;
    let event = format!("data-event=\"{}\"", event_sample().id);
    page.shows(
        StatusCode::OK,
        &[
            "Kulturhaus Linden",
            &event,
            "Sat 12 December 2026, 20:00 CET",
            "10.00",
            "Test money",
            "Sign in",
        ],
    );
    assert_eq!(page.header("cache-control"), "no-store");
}

#[tokio::test]
async fn an_event_shows_its_tickets_and_its_split() {
    let world = World::new();
    let path = format!("/events/{}", event_sample().id);
    let page = world.ask(get(&path)).await;
    page.shows(
        StatusCode::OK,
        &[
            "70 %",
            "30 %",
            "Ada Lindqvist",
            "has signed",
            "Sign in to buy",
            did(5).as_str(),
        ],
    );
    let page = world.ask(get(&path).as_("buyer")).await;
    page.shows(StatusCode::OK, &["data-signer=\"key\"", "buy.js", "Mira Okonkwo"]);
    let page = world.ask(get(&path).as_("soft")).await;
    page.shows(StatusCode::OK, &["data-signer=\"node\""]);
    assert!(!page.body.contains("buy.js"), "a mailbox identity needs no JavaScript");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::new();
    for path in [
        "/events/evt_00000000000000000000000000",
        "/events/nonsense",
        "/directory/nobody",
        "/nothing",
    ] {
        assert_eq!(world.ask(get(path)).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_draft_is_for_its_host_alone() {
    let mut fakes = Fakes::default();
    fakes.event.status = EventStatus::Draft;
    fakes.event.owner = did(1);
    let world = World::with(fakes, ORIGIN);
    let path = format!("/events/{}", event_sample().id);
    assert_eq!(world.ask(get(&path)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.ask(get(&path).as_("other")).await.status, StatusCode::NOT_FOUND);
    world
        .ask(get(&path).as_("buyer"))
        .await
        .shows(StatusCode::OK, &["Draft"]);
}

#[tokio::test]
async fn hostile_text_stays_text() {
    let mut fakes = Fakes::default();
    fakes.event.title = HOSTILE.to_owned();
    fakes.event.venue = Some(HOSTILE.to_owned());
    fakes.event.description = HOSTILE.to_owned();
    fakes.event.virtual_url = Some("javascript:alert(1)".to_owned());
    fakes.order.event_title = HOSTILE.to_owned();
    fakes.ticket.event_title = HOSTILE.to_owned();
    fakes.receipt.message.payload.title = HOSTILE.to_owned();
    let world = World::with(fakes, ORIGIN);
    let paths = [
        "/".to_owned(),
        format!("/events/{}", world.fakes.event.id),
        "/me".to_owned(),
        format!("/orders/{}", world.fakes.order.id),
        format!("/tickets/{}", world.fakes.ticket.id),
        format!("/receipts/{}", world.fakes.receipt.message.payload.id),
    ];
    for path in paths {
        let page = world.ask(get(&path).as_("buyer")).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        for bad in ["<script>alert", "<img src=x", "href=\"javascript:", "The host <b>"] {
            assert!(!page.body.contains(bad), "{bad} in {path}");
        }
    }
}

#[tokio::test]
async fn where_to_go_after_signing_in_never_leads_off_the_node() {
    let world = World::new();
    for page in ["/login", "/join"] {
        let kept = world.ask(get(format!("{page}?next=%2Fevents%2Fevt_1"))).await;
        kept.shows(StatusCode::OK, &["data-next=\"/events/evt_1\""]);
        for next in [
            "https%3A%2F%2Fevil.example",
            "%2F%2Fevil.example",
            "%2F%5Cevil.example",
            "%2F..%2F%2Fevil.example",
        ] {
            let answer = world.ask(get(format!("{page}?next={next}"))).await;
            answer.shows(StatusCode::OK, &["data-next=\"/me\""]);
            assert!(!answer.body.contains("evil.example"), "{page} {next}");
        }
    }
}

#[tokio::test]
async fn setup_is_for_a_node_without_an_operator() {
    let world = World::with(
        Fakes {
            operator: None,
            ..Fakes::default()
        },
        ORIGIN,
    );
    world
        .ask(get("/setup?token=abc"))
        .await
        .shows(StatusCode::OK, &["data-token=\"abc\"", "setup.js"]);
    let page = World::new().ask(get("/setup?token=abc")).await;
    page.shows(StatusCode::OK, &["This node has an operator"]);
    assert!(!page.body.contains("abc"));
}

#[tokio::test]
async fn the_directory_lists_and_counts_the_nodes() {
    let world = World::new();
    let page = world.ask(get("/directory")).await;
    page.shows(
        StatusCode::OK,
        &[
            "linden.nodes.example",
            "/directory?cursor=next+page",
            "<dt>in all</dt><dd>1</dd>",
            "<a href=\"/directory?service=events\">events</a>",
            "<a href=\"/directory?type=community&amp;service=events\">1</a>",
            "<option value=\"community\">community</option>",
        ],
    );
    let narrowed = world.ask(get("/directory?q=linden&status=active&service=events")).await;
    narrowed.shows(
        StatusCode::OK,
        &[
            "value=\"linden\"",
            "value=\"active\" selected",
            "/directory?q=linden&#38;status=active&#38;service=events&#38;cursor=next+page",
        ],
    );
    let wrong = world.ask(get("/directory?status=lost")).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    for key in ["linden", "linden.nodes.example", did(8).as_str()] {
        world
            .ask(get(format!("/directory/{key}")))
            .await
            .shows(StatusCode::OK, &[&"ef".repeat(32), "verified", "How it was", "Active"]);
    }
    let alone = World::with(
        Fakes {
            has_registry: false,
            ..Fakes::default()
        },
        ORIGIN,
    );
    alone
        .ask(get("/directory"))
        .await
        .shows(StatusCode::OK, &["This node asks no registry"]);
    assert_eq!(alone.ask(get("/directory/linden")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn robots_and_the_icon_have_their_usual_addresses() {
    let world = World::new();
    world
        .ask(get("/robots.txt"))
        .await
        .shows(StatusCode::OK, &["Disallow: /receipts/"]);
    let icon = world.ask(get("/favicon.ico")).await;
    assert_eq!(icon.status, StatusCode::TEMPORARY_REDIRECT);
    assert!(icon.location().starts_with("/assets/icon.svg?v="));
}

fn with_mail(origin: &str) -> World {
    let mail = DevelopmentMail {
        to: "mira@example.org".to_owned(),
        subject: "Sign in".to_owned(),
        body: "Open the link.".to_owned(),
        link: format!("{origin}/auth/onboard?token=secret"),
        created_at: now(),
    };
    World::with(
        Fakes {
            mails: vec![mail],
            ..Fakes::default()
        },
        origin,
    )
}

#[tokio::test]
async fn the_development_mailbox_is_for_this_machine_and_the_operator() {
    let world = with_mail(ORIGIN);
    let local = || get("/mailbox").from("127.0.0.1:4711");
    let list = world.ask(local()).await;
    list.shows(StatusCode::OK, &["mira@example.org", "/mailbox/"]);
    assert!(!list.body.contains("secret"));
    let id = list
        .body
        .split("data-mail=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let one = world.ask(get(format!("/mailbox/{id}")).from("[::1]:4711")).await;
    one.shows(StatusCode::OK, &["/auth/onboard?token=secret", "Open the link."]);
    world
        .ask(get("/mailbox").as_("operator"))
        .await
        .shows(StatusCode::OK, &["mira@example.org"]);

    assert_eq!(world.ask(get("/mailbox")).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        world.ask(get("/mailbox").as_("buyer")).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        world.ask(get(format!("/mailbox/{id}"))).await.status,
        StatusCode::UNAUTHORIZED
    );
    let rebound = local().with("host", "evil.example:7000");
    assert_eq!(world.ask(rebound).await.status, StatusCode::UNAUTHORIZED);
    let proxied = local().with("x-forwarded-for", "203.0.113.9");
    assert_eq!(world.ask(proxied).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        world.ask(get("/mailbox/0000").from("127.0.0.1:1")).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn behind_a_public_name_only_the_operator_reads_the_development_mailbox() {
    let world = with_mail("https://linden.example");
    let local = get("/mailbox").from("127.0.0.1:4711");
    assert_eq!(world.ask(local).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.ask(get("/mailbox").as_("operator")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_messages_there_is_no_development_mailbox() {
    let answer = World::new().ask(get("/mailbox").from("127.0.0.1:4711")).await;
    answer.shows(StatusCode::NOT_FOUND, &["while no mail server is configured"]);
}
