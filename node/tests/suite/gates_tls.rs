//! A gate that speaks TLS itself, and HTTP/2 with it.

use imajin_testkit::Backend;
use reqwest::{Client, Version};

use crate::gates::{Scene, Site};
use crate::support::{Home, imajin, text};

/// A certificate for this machine, in files of the home.
fn certify(home: &Home) -> String {
    let hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(hosts).unwrap();
    std::fs::write(home.path("site.crt"), made.cert.pem()).unwrap();
    std::fs::write(home.path("site.key"), made.signing_key.serialize_pem()).unwrap();
    made.cert.pem()
}

fn setting(home: &Home) -> String {
    let (certificate, key) = (home.path("site.crt"), home.path("site.key"));
    format!(
        "certificate = {:?}\nprivate_key = {:?}\n",
        text(&certificate),
        text(&key)
    )
}

#[tokio::test]
async fn an_agent_pays_over_http_2_at_a_gate_with_a_certificate() {
    let home = Home::new(Backend::Sqlite);
    let root = certify(&home);
    let site = Site {
        gate: &setting(&home),
        ..Site::default()
    };
    let mut scene = Scene::at(home, &[], &site).await;
    scene.origin = format!("https://{}", scene.door);
    #[expect(clippy::disallowed_methods, reason = "a client as anybody has one")]
    let http = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([reqwest::Certificate::from_pem(root.as_bytes()).unwrap()])
        .build()
        .unwrap();
    let url = scene.url("/cheap");
    let ask = |headers| http.get(&url).headers(headers).send();
    let answer = ask(scene.claim("/cheap")).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (402, Version::HTTP_2));
    let answer = ask(scene.paid("/cheap", &scene.visa(10_000))).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    assert!(answer.headers().contains_key("x-imagxp-receipt"));
    // Without TLS, nothing is said but where the site is.
    let plain = http.get(format!("http://{}/cheap", scene.door)).send().await.unwrap();
    assert!(plain.status().is_redirection(), "{}", plain.status());
    scene.node.stop();
}

#[test]
fn a_gate_that_others_could_listen_to_says_so_and_does_not_start() {
    let home = Home::new(Backend::Sqlite);
    std::fs::write(home.path("policy.toml"), "version = 1\n[default]\nprice = \"free\"\n").unwrap();
    let policy = home.path("policy.toml");
    let data = home.path("data");
    let start = |more: &[&str]| {
        let gate = [
            "gate",
            "--upstream",
            "http://127.0.0.1:9",
            "--policy",
            text(&policy),
            "--data",
            text(&data),
        ];
        imajin(&[&gate, more].concat()).stderr
    };
    let said = start(&["--listen", "0.0.0.0:0"]);
    assert!(said.contains("`certificate` and `private_key`"), "{said}");
    let said = start(&["--certificate", "/nowhere.crt"]);
    assert!(said.contains("--private-key"), "{said}");
    let said = start(&["--certificate", "/nowhere.crt", "--private-key", "/nowhere.key"]);
    assert!(said.contains("/nowhere.crt"), "{said}");
}
