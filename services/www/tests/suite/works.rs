//! Looking at a work: by id, by address, by its file.

use std::io::Cursor;

use axum::http::StatusCode;
use imajin_fair::Manifest;
use imajin_fair_embed::Work;
use serde_json::{Value, json};

use crate::library::FakeLibrary;
use crate::samples::{did, key, now};
use crate::world::{Answer, World, get, post};

fn signed(number: u8, draft: &Value) -> Manifest {
    let manifest = Manifest::from_value(draft.clone()).unwrap();
    manifest.sign(&key(number), did(number), now()).unwrap()
}

/// Half to Ada, who signed, and half to somebody who has not.
fn strings() -> Manifest {
    signed(
        2,
        &json!({
            "title": "Strings", "type": "audio", "author": did(2),
            "contributors": [
                {"did": did(2), "role": "artist", "share": 0.5}, {"did": did(3), "role": "engineer", "share": 0.5},
            ],
            "terms": {"read": {"price": "0.08", "currency": "USD"}, "train": {"price": "prohibited"},
                "remix": {"price": "free", "royalty": 0.2}},
        }),
    )
}

/// Made from it, for a quarter.
fn remix(title: &str, source: &Manifest) -> Manifest {
    signed(
        1,
        &json!({
            "title": title, "author": did(1), "derives_from": [source.id],
            "contributors": [
                {"did": did(1), "role": "author", "share": 0.75}, {"fair": source.id, "role": "source", "share": 0.25},
            ],
        }),
    )
}

fn library() -> (FakeLibrary, Manifest, Manifest) {
    let strings = strings();
    let remix = remix("Remix <b>", &strings);
    let library = FakeLibrary {
        works: vec![strings.clone(), remix.clone()],
        addresses: vec![("https://far.example/fair".to_owned(), remix.clone())],
    };
    (library, strings, remix)
}

#[tokio::test]
async fn the_chain_is_shown_as_a_picture_and_as_a_table() {
    let (library, strings, remix) = library();
    let world = library.world();
    let page = world
        .ask(get(format!("/fair/{}?amount=8&currency=usd", remix.id)))
        .await;
    let source = format!("href=\"/fair/{}\"", strings.id);
    let texts = [
        "Remix &#60;b&#62;",
        "Signed by Mira Okonkwo",
        "Its source was found and permits it",
        "One contributor has not signed yet",
        "<svg class=\"flow flow-wide\"",
        "through Strings",
        "8.00 USD goes to:",
        "25 % of Remix &#60;b&#62;, then 50 % of Strings",
        ">1.00</td>",
        ">6.00</td>",
        "held until they sign",
        "this node&#39;s library",
        &source,
    ];
    page.shows(StatusCode::OK, &texts);
    assert_eq!(
        page.header("x-fair-digest"),
        format!("sha256:{}", remix.digest_hex().unwrap())
    );
    let page = world.ask(get(format!("/fair/{}", strings.id))).await;
    page.shows(
        StatusCode::OK,
        &[
            "0.08 USD",
            "not allowed",
            "free, for a share of 20 %",
            "value=\"10.00\"",
        ],
    );
}

#[tokio::test]
async fn a_program_gets_the_document_under_the_same_address() {
    let (library, _, remix) = library();
    let world = library.world();
    let path = format!("/fair/{}", remix.id);
    let answer = world.ask(get(&path).with("accept", "application/fair+json")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body.into_bytes(), remix.canonical_bytes().unwrap());
    let again = get(&path)
        .with("accept", "*/*")
        .with("if-none-match", answer.headers["etag"].to_str().unwrap());
    assert_eq!(world.ask(again).await.status, StatusCode::NOT_MODIFIED);
    let unknown = world.ask(get("/fair/fair_nothing").with("accept", "*/*")).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    world
        .ask(get("/fair/fair_nothing"))
        .await
        .shows(StatusCode::NOT_FOUND, &["no such manifest", "id=\"fair-find\""]);
}

#[tokio::test]
async fn the_form_takes_an_id_or_an_address() {
    let (library, _, remix) = library();
    let world = library.world();
    world
        .ask(get("/fair"))
        .await
        .shows(StatusCode::OK, &["Look at a work", "id=\"fair-upload\""]);
    let to_id = world
        .ask(get(format!("/fair?q={}&amount=5&currency=eur", remix.id)))
        .await;
    assert_eq!(to_id.location(), format!("/fair/{}?amount=5&currency=EUR", remix.id));
    let by_url = world.ask(get("/fair?q=https%3A%2F%2Ffar.example%2Ffair")).await;
    by_url.shows(StatusCode::OK, &["Signed by Mira Okonkwo", "you, just now"]);
    for (query, said) in [
        (
            "q=http%3A%2F%2F127.0.0.1%2F",
            "Nothing is fetched from http://127.0.0.1/.",
        ),
        ("q=what", "neither the id of a manifest nor an address"),
        ("q=https%3A%2F%2Ffar.example%2Ffair&amount=much", "is no amount"),
        (
            "q=https%3A%2F%2Ffar.example%2Ffair&currency=nothing%20at%20all",
            "is no amount",
        ),
    ] {
        world
            .ask(get(format!("/fair?{query}")))
            .await
            .shows(StatusCode::BAD_REQUEST, &[said, "role=\"alert\""]);
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_in_words() {
    let source = strings();
    let work = remix("Remix", &source);
    let world = FakeLibrary {
        works: vec![work.clone()],
        ..FakeLibrary::default()
    }
    .world();
    let page = world.ask(get(format!("/fair/{}", work.id))).await;
    let missing = format!("data-missing=\"{}\"", source.id);
    page.shows(
        StatusCode::OK,
        &[
            "Not all of its sources were found",
            "Nobody has it.",
            &missing,
            "Nobody can be paid along it",
        ],
    );
    let mut forbidding = source.to_value();
    forbidding["terms"]["remix"] = json!({"price": "prohibited"});
    forbidding.as_object_mut().unwrap().remove("signature");
    forbidding.as_object_mut().unwrap().remove("id");
    let forbidding = signed(2, &forbidding);
    let work = remix("Remix", &forbidding);
    let world = FakeLibrary {
        works: vec![work.clone(), forbidding],
        ..FakeLibrary::default()
    }
    .world();
    let page = world.ask(get(format!("/fair/{}", work.id))).await;
    page.shows(
        StatusCode::OK,
        &["It may not be made from its sources", "does not permit remixing"],
    );
}

async fn upload(world: &World, name: &str, file: &str) -> Answer {
    let body = format!(
        "--b0\r\ncontent-disposition: form-data; name=\"amount\"\r\n\r\n4.00\r\n\
         --b0\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{file}\r\n--b0--\r\n"
    );
    let form = post("/fair", &body).with("content-type", "multipart/form-data; boundary=b0");
    world.ask(form).await
}

/// A page that carries its manifest.
fn carrying(text: &str) -> String {
    let mut file = Cursor::new(text.as_bytes());
    let mut work = Work::open(&mut file, "work.html").unwrap();
    let whole = work.whole();
    let content = work.content(&whole).unwrap();
    let manifest = signed(
        1,
        &json!({
            "title": "A page", "author": did(1), "content": content,
            "contributors": [{"did": did(1), "role": "author", "share": 1}],
        }),
    );
    let layout = work.embed(&manifest).unwrap();
    let mut out = Vec::new();
    work.write(&layout, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn an_uploaded_file_is_checked_to_the_last_byte() {
    let (library, strings, _) = library();
    let world = library.world();
    let file = carrying("<!doctype html><html><head></head><body>Every byte counts</body></html>\n");
    let good = [
        "A page",
        "The file is the one that the manifest is about",
        "Signed by Mira Okonkwo",
        ">4.00</td>",
    ];
    upload(&world, "work.html", &file).await.shows(StatusCode::OK, &good);
    let changed = file.replace("counts", "COUNTS");
    let page = upload(&world, "work.html", &changed).await;
    page.shows(StatusCode::OK, &["The file was changed", "notice-bad"]);
    let damaged = file.replace("\"contributors\"", "\"kontributors\"");
    upload(&world, "work.html", &damaged)
        .await
        .shows(StatusCode::BAD_REQUEST, &["This file is broken"]);
    let bare = upload(&world, "bare.html", "<!doctype html><html></html>").await;
    bare.shows(StatusCode::BAD_REQUEST, &["carries no manifest"]);
    // A manifest alone, and the record of one.
    let manifest = strings.to_value();
    for document in [manifest.clone(), json!({"manifest": manifest})] {
        let page = upload(&world, "strings.fair.json", &document.to_string()).await;
        page.shows(StatusCode::OK, &["Strings", "Signed by Ada"]);
    }
    let mut stolen = manifest;
    stolen["title"] = json!("Stolen");
    let page = upload(&world, "stolen.json", &stolen.to_string()).await;
    page.shows(StatusCode::OK, &["The signature is broken"]);
    let mut unsigned = stolen;
    unsigned.as_object_mut().unwrap().remove("signature");
    unsigned.as_object_mut().unwrap().remove("id");
    let page = upload(&world, "draft.json", &unsigned.to_string()).await;
    page.shows(StatusCode::OK, &["Unsigned", "Nobody has signed this manifest"]);
    upload(&world, "x.json", "{\"a\":1}")
        .await
        .shows(StatusCode::BAD_REQUEST, &["This file is no manifest"]);
}

#[tokio::test]
async fn a_form_that_is_none_of_ours_is_refused() {
    let (library, ..) = library();
    let world = library.world();
    let foreign = post("/fair", "--b0--").with("content-type", "multipart/form-data; boundary=b0");
    let elsewhere = world.ask(foreign.with("sec-fetch-site", "cross-site")).await;
    assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
    let plain = world.ask(post("/fair", "q=1")).await;
    assert_eq!(plain.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let form = |body: &str| post("/fair", body).with("content-type", "multipart/form-data; boundary=b0");
    world
        .ask(form("--b0--\r\n"))
        .await
        .shows(StatusCode::BAD_REQUEST, &["No file was sent"]);
    let unknown = "--b0\r\ncontent-disposition: form-data; name=\"x\"\r\n\r\n1\r\n--b0--\r\n";
    assert_eq!(world.ask(form(unknown)).await.status, StatusCode::BAD_REQUEST);
    let cut = "--b0\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nhalf";
    assert_eq!(world.ask(form(cut)).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_node_without_a_library_says_so() {
    let world = World::new();
    world.ask(get("/fair")).await.shows(StatusCode::OK, &["Look at a work"]);
    world
        .ask(get("/fair/fair_x"))
        .await
        .shows(StatusCode::NOT_FOUND, &["no library of manifests"]);
}
