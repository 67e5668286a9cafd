//! Objecting to everything that was read, to have the money back.

use serde_json::{Value, json};

use super::{Setting, attacks};
use crate::agents::{Lines, Scene};
use crate::broker::waited;
use crate::crash::relay::Relay;
use crate::gates::balance_wait;
use crate::support::{Home, Node, free_address};

attacks!(disputing_everything_reads_nothing_for_free);

/// How often an agent may object in 30 days that has paid for little.
const OBJECTIONS_MAX: usize = 3;
const READ: usize = 6;

/// The programs of the broker's node, and the line that leads to one of them.
struct Brokers {
    lines: Lines,
    /// The other program, and where it listens.
    other: Option<(Home, Node, String)>,
}

impl Brokers {
    async fn start(setting: Setting) -> (Scene, Self) {
        let lines = Lines {
            broker: Relay::start().await,
            site: Relay::start().await,
        };
        let scene = Scene::behind(setting.backend(), Some(&lines)).await;
        let other = (setting == Setting::TwoOnPostgres).then(|| {
            let (home, listen) = (scene.far.twin(), free_address().to_string());
            let node = home.up(&["--listen", &listen]);
            (home, node, listen)
        });
        (scene, Self { lines, other })
    }

    /// Leads whoever asks the broker to the one or the other of its programs.
    fn turn(&self, scene: &Scene, number: usize) {
        let listen = match &self.other {
            Some((_home, _node, listen)) if number % 2 == 1 => listen,
            _ => &scene.broker_listen,
        };
        self.lines.broker.lead_to(&format!("http://{listen}"));
    }
}

/// How a dispute stands, once the publisher's node has answered.
async fn settled(scene: &Scene, page: &str) -> String {
    let stands = waited(async || {
        let shown = scene.agent(&["dispute", page]).expect_success();
        (shown["state"] != "open").then(|| shown["state"].as_str().unwrap().to_owned())
    });
    stands.await
}

async fn disputing_everything_reads_nothing_for_free(setting: Setting) {
    let (scene, brokers) = Brokers::start(setting).await;
    let mut states = Vec::new();
    for number in 0..READ {
        brokers.turn(&scene, number);
        let page = scene.url(&format!("/posts/{number}"));
        scene.fetch_url(&page, &["--max", "0.10 TEST-USD"]).expect_success();
        // The publisher asks the broker for its money in a moment; before, there is nothing to object to.
        let said = waited(async || {
            let said = scene.agent(&["dispute", &page, "--score", "0", "--reason", "It is empty."]);
            let known = said.success || said.refusal()["error"] == "conflict";
            known.then_some(said.success)
        });
        let is_heard = said.await;
        assert_eq!(is_heard, number < OBJECTIONS_MAX, "objection {number}");
        if is_heard {
            states.push(settled(&scene, &page).await);
        }
    }
    // Somebody has to look at the first; who objects to what follows is not believed, and then not heard.
    assert_eq!(states, ["answered", "released", "released"]);
    assert_eq!(scene.balance().unwrap(), "1.40");
    let spent: Value = scene.spent()["spent"].clone();
    assert_eq!(spent, json!([{"amount": "0.60", "currency": "TEST-USD"}]));
    let ada = scene.home.path("ada.key");
    crate::fair_library::register(&scene.publisher, &ada, "ada");
    // The author has been paid for each page, and nothing was taken back.
    balance_wait(&scene.publisher, &ada, "0.60");
    if let Some((home, node, _listen)) = brokers.other {
        node.stop();
        home.verify_clean();
    }
    scene.end();
}
