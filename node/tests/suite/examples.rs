//! The example agents of the documentation, in other languages, against a real gate and a real broker.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine;
use imajin_testkit::{Backend, on_both};
use serde_json::Value;

use crate::agents::{PAGE, Scene};
use crate::gates::balance_wait;
use crate::interop::{libraries, python};
use crate::support::text;

on_both!(the_example_agents_pay_once_and_no_more_than_allowed,);

fn example(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join("docs/examples").join(name)
}

/// The key of the scene's agent, as other programs keep it.
pub(crate) fn pem_write(scene: &Scene) -> PathBuf {
    let mut keys = std::fs::read_dir(scene.home.path("agent")).unwrap();
    let der = keys.find_map(|file| {
        let path = file.unwrap().path();
        (path.extension()? == "p8").then(|| std::fs::read(path).unwrap())
    });
    let body = base64::engine::general_purpose::STANDARD.encode(der.unwrap());
    let path = scene.home.path("agent.pem");
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    std::fs::write(&path, pem).unwrap();
    path
}

fn run(scene: &Scene, (program, name): (&str, &str), url: &str, most: &str) -> Output {
    let key = pem_write(scene);
    let host = scene.agent_host();
    let mut command = Command::new(program);
    command
        .arg(example(name))
        .args([url, host, text(&key), scene.issuer(), most]);
    command.output().unwrap()
}

async fn the_example_agents_pay_once_and_no_more_than_allowed(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (_, node) = libraries();
    let python = python();
    for (number, with) in [(python.as_str(), "agent.py"), (node.as_str(), "agent.mjs")]
        .into_iter()
        .enumerate()
    {
        let url = scene.url(&format!("/posts/{number}"));
        let dear = run(&scene, with, &url, "0.09");
        let said = String::from_utf8_lossy(&dear.stderr).into_owned();
        assert!(
            !dear.status.success() && said.contains("nothing was paid"),
            "{}: {said}",
            with.1
        );
        let read = run(&scene, with, &url, "0.10");
        let said = String::from_utf8_lossy(&read.stderr).into_owned();
        assert!(read.status.success(), "{}: {said}", with.1);
        assert_eq!(String::from_utf8_lossy(&read.stdout), PAGE, "{}: {said}", with.1);
        let said: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
        assert!(said["receipt"].is_string(), "{said}");
        let free = run(&scene, with, &scene.url("/about"), "0");
        assert!(free.status.success(), "{}", String::from_utf8_lossy(&free.stderr));
        let missing = run(&scene, with, &scene.url("/missing"), "0");
        assert!(!missing.status.success());
    }
    let ada = scene.home.path("ada.key");
    crate::fair_library::register(&scene.publisher, &ada, "ada");
    balance_wait(&scene.publisher, &ada, "0.20");
    assert_eq!(scene.balance().as_deref(), Some("1.80"), "two visas, and no third");
    scene.end();
}

#[test]
fn the_example_agents_have_at_most_sixty_lines() {
    for name in ["agent.py", "agent.mjs"] {
        let lines = std::fs::read_to_string(example(name)).unwrap().lines().count();
        assert!(lines <= 60, "{name} has {lines}");
    }
}
