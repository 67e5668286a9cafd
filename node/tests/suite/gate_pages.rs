//! The operator's pages about a gate: what they show, without a script, and to nobody else.

use imajin_testkit::{Backend, on_both};
use reqwest::StatusCode;

use crate::agents::Scene;
use crate::broker::waited;
use crate::support::Buyer;

on_both!(the_operator_sees_who_pays_and_tries_a_policy_and_nobody_else_does,);

struct Pages<'a> {
    buyer: &'a Buyer,
    token: String,
}

impl Pages<'_> {
    async fn get(&self, path: &str) -> (StatusCode, String) {
        let url = self.buyer.url(&format!("/publisher/operator{path}"));
        let answer = self.buyer.http.get(url).bearer_auth(&self.token).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    }

    async fn shows(&self, path: &str, texts: &[&str]) {
        let (status, page) = self.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        for text in texts {
            assert!(page.contains(text), "{path} does not show {text}: {page}");
        }
    }

    /// What another policy would say, as the form sends it.
    async fn tried(&self, origin: &str, text: &str) -> (StatusCode, String) {
        let form = [
            ("gate", "blog"),
            ("path", "/posts/1"),
            ("who", "agent"),
            ("paid", "yes"),
            ("text", text),
        ];
        let encoded = form.map(|(name, value)| {
            let value: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
            format!("{name}={value}")
        });
        let request = self.buyer.http.post(self.buyer.url("/publisher/operator/policy"));
        let request = request
            .header("origin", origin)
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = request
            .bearer_auth(&self.token)
            .body(encoded.join("&"))
            .send()
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    }
}

async fn the_operator_sees_who_pays_and_tries_a_policy_and_nobody_else_does(backend: Backend) {
    let scene = Scene::new(backend).await;
    scene
        .fetch_url(&scene.url("/posts/1"), &["--max", "0.10 TEST-USD"])
        .expect_success();
    let denied = scene.fetch_url(&scene.url("/dear"), &["--max", "0.10 TEST-USD"]);
    assert!(!denied.success);
    let operator = Buyer::registered(&scene.publisher).await;
    let body = serde_json::json!({"token": scene.publisher.setup_token()}).to_string();
    let stranger = Buyer::registered(&scene.publisher).await;
    let answer = operator
        .send(&operator.signed("POST", "/auth/api/setup", body.as_bytes(), None))
        .await;
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let pages = Pages {
        token: operator.login().await,
        buyer: &operator,
    };
    // Records are written behind the answers.
    let counted = waited(async || {
        let (_, page) = pages.get("").await;
        (page.contains("PAYMENT_REQUIRED") && page.contains("0.10 TEST-USD")).then_some(page)
    });
    let page = counted.await;
    for text in [
        scene.agent_host(),
        "RAG_RETRIEVAL",
        "Earnings by work",
        "Paid in TEST-USD",
        "it costs 0.90 TEST-USD",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(
        page.contains("of the newest 1 payments"),
        "the author's part is in the receipt: {page}"
    );
    pages
        .shows("/log?gate=blog", &["402 PAYMENT_REQUIRED", "/posts/1", "Watch it live"])
        .await;
    pages.shows("/log?gate=blog&refused=true", &["/dear"]).await;
    let live = operator
        .http
        .get(operator.url("/publisher/operator/log?gate=blog&live=true"));
    let live = live.bearer_auth(&pages.token).send().await.unwrap();
    assert_eq!(live.headers()["refresh"], "5", "without a script");
    pages.shows("/disputes", &["Nobody objects to anything."]).await;
    assert_eq!(pages.get("/log?gate=none").await.0, StatusCode::NOT_FOUND);
    policies(&scene, &pages).await;

    let nobody = Pages {
        token: stranger.login().await,
        buyer: &stranger,
    };
    for path in ["", "/log", "/disputes", "/policy"] {
        assert_eq!(nobody.get(path).await.0, StatusCode::FORBIDDEN, "{path}");
        let url = stranger.url(&format!("/publisher/operator{path}"));
        let answer = stranger.http.get(url).send().await.unwrap();
        assert!(!answer.status().is_success(), "{path}: {}", answer.status());
    }
    scene.end();
}

async fn policies(scene: &Scene, pages: &Pages<'_>) {
    let priced = "/policy?gate=blog&path=/posts/1&who=agent&purpose=SUMMARY";
    pages
        .shows(
            &format!("{priced}&paid=no"),
            &["402 PAYMENT_REQUIRED", "0.10 TEST-USD has to be paid"],
        )
        .await;
    pages
        .shows(
            &format!("{priced}&paid=yes"),
            &["passes, and 0.10 TEST-USD is charged", scene.issuer()],
        )
        .await;
    pages
        .shows("/policy?gate=blog&path=/about&who=program", &["403 IDENTITY_FAIL"])
        .await;
    pages
        .shows("/policy?gate=blog&path=/about&who=browser", &["passes, for nothing"])
        .await;
    assert_eq!(pages.get("/policy?path=about").await.0, StatusCode::BAD_REQUEST);
    let file = std::fs::read_to_string(scene.home.path("policy.toml")).unwrap();
    let origin = scene.publisher.url();
    let dearer = file.replace("0.10", "0.20");
    let (status, page) = pages.tried(&origin, &dearer).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(
        page.contains("0.20 TEST-USD is charged") && page.contains("It is not in force"),
        "{page}"
    );
    // Bearers' visas are none that pay, until a policy says so of a broker.
    pages
        .shows(&format!("{priced}&paid=bearer"), &["403 PAYMENT_DENIED"])
        .await;
    let table = format!("{{ issuer = \"{}\", bearer = true }}", scene.issuer());
    let bearing = file.replace(&format!("\"{}\"", scene.issuer()), &table);
    let (_, page) = pages.tried(&origin, &bearing).await;
    assert!(page.contains("whoever has copied one can spend it"), "{page}");
    let (_, page) = pages.tried(&origin, "version = 2").await;
    assert!(page.contains("This is no policy: version: must be 1"), "{page}");
    let foreign = file.replace(scene.issuer(), "https://other.example/broker");
    let (_, page) = pages.tried(&origin, &foreign).await;
    assert!(page.contains("a broker that the node does not trust"), "{page}");
    assert_eq!(
        pages.tried("https://other.example", &dearer).await.0,
        StatusCode::FORBIDDEN
    );
    // Nothing of all that is in force, and nothing was spent.
    assert_eq!(std::fs::read_to_string(scene.home.path("policy.toml")).unwrap(), file);
    pages
        .shows(&format!("{priced}&paid=yes"), &["0.10 TEST-USD is charged"])
        .await;
}
