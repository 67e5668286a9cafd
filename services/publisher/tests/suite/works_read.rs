//! Reading works: ranges, conditions, headers, and who may.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use imajin_proof::digest::sha256_hex;
use imajin_testkit::{Answer, Backend, on_both};
use imajin_web::Tier;
use serde_json::{Value, json};

use crate::works::{CONTENT, get_as, published_work, work_with};
use crate::works_sold::paid;
use crate::world::{World, did, key};

on_both!(
    what_must_be_paid_first_says_what_and_where,
    a_browser_is_sent_to_the_page,
    a_part_is_read_as_the_standard_says,
    a_head_and_a_known_tag_have_no_body,
    a_free_work_is_everybodys,
    a_machine_reads_with_a_signature_or_a_token,
    a_strangers_file_runs_nothing_here,
    an_article_is_shown_without_what_runs,
);

fn path(id: &str) -> String {
    format!("/publisher/content/{id}")
}

async fn asked(world: &World, method: Method, id: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path(id));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::empty()).unwrap()).await
}

async fn what_must_be_paid_first_says_what_and_where(backend: Backend) {
    let world = World::new(backend).await;
    let (id, _bytes) = published_work(&world, "ada", "0.50 TEST-USD").await;
    let answer = asked(&world, Method::GET, &id, &[]).await;
    let said = answer.expect(StatusCode::PAYMENT_REQUIRED).json();
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let manifest = said["assetId"].as_str().unwrap();
    assert!(manifest.starts_with("fair_"));
    assert_eq!(said["action"], "read");
    assert_eq!(said["price"], json!({"amount": "0.50", "currency": "TEST-USD"}));
    assert_eq!(
        said["splits"],
        json!([
            {"payee": did("ada"), "role": "author", "share": "0.9"},
            {"payee": did("eve"), "role": "editor", "share": "0.1"},
        ])
    );
    let settlement = &said["settlement"];
    assert_eq!(settlement["endpoint"], "http://node.test:7000/pay/api");
    assert_eq!(settlement["schemes"], json!(["imajin-balance", "imajin-checkout"]));
    assert_eq!(settlement["goods"], json!({"type": "content", "id": id}));
    assert_eq!(
        answer.header("link"),
        format!("<http://node.test:7000/fair/{manifest}>; rel=\"fair\"; type=\"application/fair+json\"")
    );
    assert!(answer.header("x-fair-digest").starts_with("sha256:"));
    let head = asked(&world, Method::HEAD, &id, &[]).await;
    assert_eq!(head.status, StatusCode::PAYMENT_REQUIRED);
}

async fn a_browser_is_sent_to_the_page(backend: Backend) {
    let world = World::new(backend).await;
    let (id, _bytes) = published_work(&world, "ada", "0.50 TEST-USD").await;
    let answer = asked(&world, Method::GET, &id, &[("accept", "text/html,*/*;q=0.8")]).await;
    assert_eq!(
        answer.expect(StatusCode::SEE_OTHER).header("location"),
        format!("/read/{id}")
    );
}

async fn a_part_is_read_as_the_standard_says(backend: Backend) {
    let world = World::new(backend).await;
    let bytes: Vec<u8> = (0..200_000_u32).map(|n| u8::try_from(n % 253).unwrap()).collect();
    let id = work_with(&world, "ada", None, &bytes, |body| body["format"] = json!("file")).await;
    let etag = format!("\"{}\"", sha256_hex(&bytes));
    let whole = asked(&world, Method::GET, &id, &[]).await;
    assert_eq!(whole.expect(StatusCode::OK).header("accept-ranges"), "bytes");
    assert_eq!(
        (whole.header("etag"), whole.header("content-length")),
        (etag.as_str(), "200000")
    );
    assert_eq!(whole.body, bytes);
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=65535-131072", 65_535, 131_072),
        ("bytes=199999-", 199_999, 199_999),
        ("bytes=-5", 199_995, 199_999),
        ("bytes=100000-999999", 100_000, 199_999),
    ] {
        let part = asked(&world, Method::GET, &id, &[("range", range)]).await;
        part.expect(StatusCode::PARTIAL_CONTENT);
        assert_eq!(
            part.header("content-range"),
            format!("bytes {first}-{last}/200000"),
            "{range}"
        );
        assert_eq!(part.body, bytes[first..=last], "{range}");
    }
    let beyond = asked(&world, Method::GET, &id, &[("range", "bytes=200000-")]).await;
    assert_eq!(
        beyond.expect(StatusCode::RANGE_NOT_SATISFIABLE).header("content-range"),
        "bytes */200000"
    );
    for (headers, status) in [
        ([("range", "bytes=0-1,5-6"), ("accept", "*/*")], 200),
        ([("range", "bytes=0-1"), ("if-range", "\"other\"")], 200),
        ([("range", "bytes=0-1"), ("if-range", etag.as_str())], 206),
        ([("range", "bytes=0-1"), ("if-match", "\"other\"")], 412),
        ([("range", "bytes=0-1"), ("if-none-match", etag.as_str())], 304),
    ] {
        let answer = asked(&world, Method::GET, &id, &headers).await;
        assert_eq!(answer.status.as_u16(), status, "{headers:?}");
    }
}

async fn a_head_and_a_known_tag_have_no_body(backend: Backend) {
    let world = World::new(backend).await;
    let bytes = b"# Strings\n".to_vec();
    let id = work_with(&world, "ada", None, &bytes, |_body| {}).await;
    let head = asked(&world, Method::HEAD, &id, &[("range", "bytes=0-1")]).await;
    assert_eq!(head.expect(StatusCode::OK).header("content-length"), "10");
    assert_eq!(head.text(), "");
    let known = asked(&world, Method::GET, &id, &[("if-none-match", head.header("etag"))]).await;
    assert_eq!(known.expect(StatusCode::NOT_MODIFIED).text(), "");
}

async fn a_free_work_is_everybodys(backend: Backend) {
    let world = World::new(backend).await;
    let id = work_with(&world, "ada", None, b"free", |_body| {}).await;
    let read = asked(&world, Method::GET, &id, &[]).await;
    assert_eq!(read.expect(StatusCode::OK).text(), "free");
    assert_eq!(read.header("content-type"), "text/markdown; charset=utf-8");
    assert_eq!(
        read.header("content-disposition"),
        "inline; filename=\"article.md\"; filename*=UTF-8''article.md"
    );
    assert_eq!(read.header("cache-control"), "private, no-cache");
    assert_eq!(world.get(&format!("{CONTENT}/{id}")).await.json()["access"], "free");
}

async fn a_machine_reads_with_a_signature_or_a_token(backend: Backend) {
    let world = World::new(backend).await;
    let (id, bytes) = published_work(&world, "ada", "0.50 TEST-USD").await;
    paid(&world, &id, "ben").await;
    let signed = world.sign_bytes("GET", &key("ben"), &path(&id), None, b"");
    assert_eq!(world.send_signed(&signed).await.expect(StatusCode::OK).body, bytes);
    assert_eq!(world.send_signed(&signed).await.code(), "replayed");
    let carl = world.sign_bytes("GET", &key("carl"), &path(&id), None, b"");
    world.send_signed(&carl).await.expect(StatusCode::PAYMENT_REQUIRED);
    let mut moved = world.sign_bytes("GET", &key("ben"), &path("cnt_00000000000000000000000000"), None, b"");
    moved.target_uri = format!("{}{}", crate::world::PUBLIC, path(&id));
    world.send_signed(&moved).await.expect(StatusCode::UNAUTHORIZED);

    let token_path = format!("{CONTENT}/{id}/token");
    let unpaid = world.post(&key("carl"), &token_path, &Value::Null).await;
    unpaid.expect(StatusCode::PAYMENT_REQUIRED);
    let issued = world.post(&key("ben"), &token_path, &Value::Null).await;
    let token = issued.expect(StatusCode::OK).json()["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let bearer = format!("Bearer {token}");
    for _ in 0..2 {
        let read = asked(&world, Method::GET, &id, &[("authorization", &bearer)]).await;
        assert_eq!(read.expect(StatusCode::OK).body, bytes);
    }
    let other = work_with(&world, "ada", Some("1.00 TEST-USD"), b"other", |_body| {}).await;
    let elsewhere = asked(&world, Method::GET, &other, &[("authorization", &bearer)]).await;
    elsewhere.expect(StatusCode::UNAUTHORIZED);
    world.clock.advance(imajin_kernel::Span::minutes(6));
    let late = asked(&world, Method::GET, &id, &[("authorization", &bearer)]).await;
    late.expect(StatusCode::UNAUTHORIZED);
    let forged = asked(&world, Method::GET, &id, &[("authorization", "Bearer a.b.c")]).await;
    forged.expect(StatusCode::UNAUTHORIZED);
}

async fn a_strangers_file_runs_nothing_here(backend: Backend) {
    let world = World::new(backend).await;
    world.person("ada", Tier::Key);
    for (name, media_type, bytes) in [
        (
            "x.svg",
            "image/svg+xml",
            &b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>"[..],
        ),
        ("x.html", "text/html", b"<script>alert(1)</script>"),
        (
            "x.xhtml",
            "application/xhtml+xml",
            b"<html xmlns=\"http://www.w3.org/1999/xhtml\"/>",
        ),
        ("x.js", "text/javascript", b"alert(1)"),
        ("x.pdf", "application/pdf", b"%PDF-1.7"),
    ] {
        let id = work_with(&world, "ada", None, bytes, |body| {
            body["format"] = json!("file");
            body["fileName"] = json!(name);
            body["mediaType"] = json!(media_type);
        })
        .await;
        let read = asked(&world, Method::GET, &id, &[]).await;
        let policy = read.expect(StatusCode::OK).header("content-security-policy");
        assert!(
            policy.contains("sandbox") && policy.contains("default-src 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("allow-") && !policy.contains("script-src"), "{policy}");
        assert_eq!(read.header("x-content-type-options"), "nosniff");
        assert!(read.header("content-disposition").starts_with("attachment;"), "{name}");
    }
}

async fn an_article_is_shown_without_what_runs(backend: Backend) {
    use imajin_publisher_api::{ContentAsk, PublisherApi};
    let world = World::new(backend).await;
    let html = b"<h1>Strings</h1><script>alert(1)</script><p onclick=\"x()\">They sound.</p>";
    let id = work_with(&world, "ada", Some("0.50 TEST-USD"), html, |body| {
        body["format"] = json!("html");
        body["preview"] = json!("*Strings*\n\n<script>alert(1)</script>");
    });
    let id = id.await.parse().unwrap();
    let ask = |reader: Option<&str>| ContentAsk {
        id,
        reader: reader.map(did),
    };
    assert_eq!(world.publisher.content_article(ask(None)).await.unwrap(), None);
    assert_eq!(world.publisher.content_article(ask(Some("ben"))).await.unwrap(), None);
    let preview = world
        .publisher
        .content_fetch(ask(None))
        .await
        .unwrap()
        .unwrap()
        .preview_html;
    assert!(
        preview.contains("<em>Strings</em>") && !preview.contains("script"),
        "{preview}"
    );
    paid(&world, &id.to_string(), "ben").await;
    let shown = world
        .publisher
        .content_article(ask(Some("ben")))
        .await
        .unwrap()
        .unwrap()
        .html;
    assert_eq!(shown, "<h1>Strings</h1><p>They sound.</p>");
    // The file itself goes out as a download that runs nothing.
    let file = get_as(&world, "ben", &path(&id.to_string())).await;
    assert!(file.header("content-disposition").starts_with("attachment;"));
}
