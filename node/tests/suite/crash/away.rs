//! A broker, a publisher and an author at three nodes, each of which is away for a while: what was bought then is
//! bought once, and the author's part arrives at home.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use super::relay::Relay;
use crate::agents::{Lines, Scene};
use crate::fair_library::register;
use crate::support::{Home, Node, free_address, imajin, text};

on_both!(each_of_three_nodes_is_away_and_the_split_arrives_when_it_is_back,);

const PRICE: &str = "0.10 TEST-USD";
/// What is asked for again is asked for later each time.
const PATIENCE: Duration = Duration::from_mins(4);

struct Net {
    scene: Scene,
    lines: Lines,
    /// Where the author is at home.
    home: Home,
    listen: String,
    author: Node,
}

impl Net {
    async fn new(backend: Backend) -> Self {
        let lines = Lines {
            broker: Relay::start().await,
            site: Relay::start().await,
        };
        // Publishers are paid at once.
        let scene = Scene::with(backend, Some(&lines), "dispute_window_seconds = 0\n").await;
        let home = Home::new(backend);
        home.configure(&format!("dev = true\n[brokers]\ntrusted = [\"{}\"]\n", scene.issuer()));
        let listen = free_address().to_string();
        let author = home.up(&["--listen", &listen]);
        let ada = scene.home.path("ada.key");
        register(&scene.publisher, &ada, "ada");
        register(&author, &ada, "ada");
        let at = scene.publisher.url();
        imajin(&["peers", "home", &author.url(), "--node", &at, "--key", text(&ada)]).expect_success();
        Self {
            scene,
            lines,
            home,
            listen,
            author,
        }
    }

    fn broker_up(&mut self) {
        let scene = &mut self.scene;
        scene.broker = scene.far.up(&["--listen", &scene.broker_listen]);
        scene.lead(&self.lines);
    }

    fn publisher_up(&mut self) {
        self.scene.publisher = self.scene.home.up(&[]);
        self.scene.lead(&self.lines);
    }

    fn reads(&self, number: usize) {
        let page = self.scene.url(&format!("/posts/{number}"));
        self.scene.fetch_url(&page, &["--max", PRICE]).expect_success();
    }

    /// Somebody is away: the page cannot be had now.
    fn waits(&self, number: usize) {
        let page = self.scene.url(&format!("/posts/{number}"));
        let refusal = self.scene.fetch_url(&page, &["--max", PRICE]).refusal();
        assert_eq!(refusal["error"], "unavailable", "{refusal}");
    }

    /// What Ada has at her home and at the publisher's node.
    fn has(&self) -> [String; 2] {
        let ada = self.scene.home.path("ada.key");
        [&self.author, &self.scene.publisher].map(|node| {
            let told = imajin(&["balance", "--node", &node.url(), "--key", text(&ada)]).expect_success();
            let lines = told["balances"].as_array().unwrap().iter();
            let mut free = lines.filter(|line| line["purpose"] == "available");
            let amount = free.next().and_then(|line| line["balance"]["amount"].as_str());
            amount.unwrap_or("0.00").to_owned()
        })
    }

    fn arrives(&self, amount: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let has = self.has();
            if has == [amount, "0.00"] {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "at home and at the publisher: {has:?}, not {amount}"
            );
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

async fn each_of_three_nodes_is_away_and_the_split_arrives_when_it_is_back(backend: Backend) {
    let mut net = Net::new(backend).await;
    net.reads(0);
    net.scene.broker.end();
    net.waits(1);
    net.broker_up();
    net.reads(1);
    // The publisher has been paid with a promise, and the broker goes away before it keeps it.
    net.reads(2);
    net.scene.broker.end();
    std::thread::sleep(Duration::from_secs(2));
    net.broker_up();

    net.scene.publisher.end();
    net.waits(3);
    net.publisher_up();
    net.reads(3);
    net.arrives("0.40");

    net.author.end();
    net.reads(4);
    net.reads(5);
    std::thread::sleep(Duration::from_secs(2));
    net.author = net.home.up(&["--listen", &net.listen]);
    net.arrives("0.60");
    books_agree(&net);

    let Net {
        scene, home, author, ..
    } = net;
    author.stop();
    scene.end();
    home.verify_clean();
}

/// The agent has paid for six pages once each, and that is what the broker has given away and the author has got.
fn books_agree(net: &Net) {
    let spent = net.scene.spent();
    assert_eq!(
        spent["spent"],
        json!([{"amount": "0.60", "currency": "TEST-USD"}]),
        "{spent}"
    );
    let purchases = spent["purchases"].as_array().unwrap();
    let paid: Vec<&Value> = purchases.iter().filter(|one| one["state"] == "paid").collect();
    let receipts: BTreeSet<&str> = paid.iter().map(|one| one["receipt"].as_str().unwrap()).collect();
    assert_eq!((purchases.len(), paid.len(), receipts.len()), (6, 6, 6), "{spent}");
    assert_eq!(net.scene.balance().unwrap(), "1.40");
    let ada = net.scene.home.path("ada.key");
    let told = ["peers", "remittances", "--node", &net.author.url(), "--key", text(&ada)];
    let told = imajin(&told).expect_success();
    assert!(told.to_string().contains("TEST-USD"), "{told}");
}
