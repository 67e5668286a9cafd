//! Questions and works at one node, paid from a balance at another: the home node gives its visa for them.

use std::time::Duration;

use imajin_money::Money;
use imajin_testkit::{Backend, on_both};
use serde_json::{Value, json};

use crate::broker::{SERVICES, signed};
use crate::query::{available, did, leader, member, run};
use crate::support::{Buyer, Home, Node, Outcome, imajin, text};

on_both!(
    a_question_is_paid_from_home_also_when_home_is_away_afterwards,
    a_work_is_paid_from_home,
);

/// ben's home node with a broker, and ada's node, which trusts it.
struct TwoNodes {
    his_home: Home,
    her_home: Home,
    his: Option<Node>,
    his_listen: String,
    his_url: String,
    hers: Node,
    ada: String,
    ben: String,
}

impl TwoNodes {
    fn start(backend: Backend) -> Self {
        let (his_home, her_home) = (Home::new(backend), Home::new(backend));
        his_home.configure(&format!("{SERVICES}dispute_window_seconds = 0\n"));
        let his = his_home.up(&[]);
        let his_url = his.url();
        her_home.configure(&format!("dev = true\n\n[brokers]\ntrusted = [\"{his_url}/broker\"]"));
        let hers = her_home.up(&[]);
        let (ada, ben) = (leader(&her_home, &hers, &[]), member(&his_home, &his, "ben"));
        run(&his, &ben, &["topup"], &["1.00 TEST-USD"]).expect_success();
        Self {
            his_listen: his_url.trim_start_matches("http://").to_owned(),
            his_home,
            her_home,
            his: Some(his),
            his_url,
            hers,
            ada,
            ben,
        }
    }

    fn ask(&self, question: &str, more: &[&str]) -> Outcome {
        let leader = did(&self.ada);
        let args = [&[&leader, question, "--max", "0.05"], more].concat();
        run(&self.hers, &self.ben, &["ask"], &args)
    }

    fn ask_from_home(&self, question: &str) -> Outcome {
        self.ask(question, &["--home", &self.his_url])
    }

    /// A visa for ada's node, of the most that an answer costs.
    async fn visa(&self) -> String {
        let buyer = Buyer::from_file(self.his.as_ref().unwrap(), &self.his_home, "ben.key");
        let order = json!({
            "publisher": self.hers.url().trim_start_matches("http://"),
            "max_amount": {"amount": "0.05", "currency": "TEST-USD"}, "ttl": 600,
        });
        let issued = signed(&buyer, "/broker/api/visas", &order).await;
        issued["token"].as_str().unwrap().to_owned()
    }

    fn home_goes(&mut self) {
        self.his.take().unwrap().kill();
    }

    fn home_comes_back(&mut self) {
        self.his = Some(self.his_home.up(&["--listen", &self.his_listen]));
    }

    /// Waits until both have what they should have, after ben has paid this.
    async fn is_paid(&self, paid: Money) {
        self.is_paid_and_held(paid, money("0.00")).await;
    }

    /// The same, where so much more is promised.
    async fn is_paid_and_held(&self, paid: Money, held: Money) {
        let his = self.his.as_ref().unwrap();
        let left = money("1.00").checked_sub(paid).unwrap().checked_sub(held).unwrap();
        let wanted = [left, paid].map(|money| money.amount.to_string());
        for _time in 0..600 {
            let found = [(his, &self.ben), (&self.hers, &self.ada)].map(|(node, key)| balance(node, key));
            if found == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!(
            "{:?}",
            [(his, &self.ben), (&self.hers, &self.ada)].map(|(node, key)| balance(node, key))
        );
    }
}

fn money(amount: &str) -> Money {
    format!("{amount} TEST-USD").parse().unwrap()
}

/// What somebody may spend; of somebody who never had anything, nothing.
fn balance(node: &Node, key: &str) -> String {
    let shown = available(node, key);
    if shown.contains('[') { "0.00".to_owned() } else { shown }
}

fn fee(answer: &Value) -> Money {
    assert_eq!(answer["receipt"]["payload"]["rail"], "visa", "{answer}");
    assert_eq!(answer["receipt"]["payload"]["gross"], answer["fee"], "{answer}");
    money(answer["fee"]["amount"].as_str().unwrap())
}

async fn a_question_is_paid_from_home_also_when_home_is_away_afterwards(backend: Backend) {
    let mut two = TwoNodes::start(backend);
    let stranger = two.ask_from_home("What is a hold?").refusal();
    assert_eq!(stranger["error"], "forbidden", "{stranger}");
    two.is_paid(money("0.00")).await;

    run(&two.hers, &two.ada, &["trust", "vouch"], &[&did(&two.ben)]).expect_success();
    let answer = two.ask_from_home("What is a hold?").expect_success();
    let first = fee(&answer);
    two.is_paid(first).await;
    let no_broker = two.ask("What is a hold?", &["--home", &two.hers.url()]).refusal();
    assert!(
        no_broker["detail"].as_str().unwrap().contains("is no broker"),
        "{no_broker}"
    );
    let nothing = two.ask_from_home("Quantum chromodynamics?").refusal();
    assert_eq!(nothing["error"], "not_found", "{nothing}");

    let visa = two.visa().await;
    two.home_goes();
    let away = two.ask_from_home("Why do bees dance?").refusal();
    assert_eq!(away["error"], "unavailable", "nobody promises anything: {away}");
    // A promise that was given is good without its giver, and asked for when they are there again.
    let answer = two.ask("Why do bees dance?", &["--visa", &visa]).expect_success();
    let both = first.checked_add(fee(&answer)).unwrap();
    assert_eq!(
        available(&two.hers, &two.ada),
        first.amount.to_string(),
        "it is not there yet"
    );
    two.home_comes_back();
    // What was bought for the question without an answer waits until its visa is over.
    two.is_paid_and_held(both, money("0.05")).await;
    two.hers.stop();
    two.his.take().unwrap().stop();
    two.her_home.verify_clean();
    two.his_home.verify_clean();
}

async fn a_work_is_paid_from_home(backend: Backend) {
    let mut two = TwoNodes::start(backend);
    let path = two.her_home.path("work.txt");
    std::fs::write(&path, "A page that is worth something.").unwrap();
    let add = ["content", "add"];
    let work = run(&two.hers, &two.ada, &add, &[text(&path), "--price", "0.50 TEST-USD"]).expect_success();
    let out = two.his_home.path("read.txt");
    let get = [
        work["id"].as_str().unwrap(),
        "--out",
        text(&out),
        "--pay",
        "--max",
        "0.50 TEST-USD",
    ];
    // The command logs in, so he is known at her node, where he has no money.
    imajin(&["login", "--node", &two.hers.url(), "--key", &two.ben, "--handle", "ben"]).expect_success();
    let got = run(
        &two.hers,
        &two.ben,
        &["content", "get"],
        &[&get[..], &["--home", &two.his_url]].concat(),
    );
    let got = got.expect_success();
    assert_eq!(
        got["paid"]["price"],
        json!({"amount": "0.50", "currency": "TEST-USD"}),
        "{got}"
    );
    assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(&path).unwrap());
    two.is_paid(money("0.50")).await;
    two.hers.stop();
    two.his.take().unwrap().stop();
    two.her_home.verify_clean();
    two.his_home.verify_clean();
}
