//! Questions where money, trust and answers are in three processes, of which each dies in turn: no answer without a
//! hold, no charge without an answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use imajin_query_api::AnswerBody;
use imajin_testkit::{Backend, OpenAiPeer, OpenAiReply, on_both};

use crate::processes::{Ports, node_did, remote};
use crate::query::{did, leader, run};
use crate::support::{Asker, Heard, Home, Node};

on_both!(whichever_process_dies_an_answer_is_paid_for_and_what_is_paid_for_is_answered);

/// A model may be silent for a third of it, and a question is given up after three times as long.
const ENGINE_SECONDS: u64 = 9;
const PATIENCE: Duration = Duration::from_mins(1);

/// One process of a node.
struct Part {
    home: Home,
    ports: Ports,
    did: String,
    node: Option<Node>,
}

impl Part {
    fn new(backend: Backend) -> Self {
        let (home, ports) = (Home::new(backend), Ports::free());
        let did = node_did(&home);
        Self {
            home,
            ports,
            did,
            node: None,
        }
    }

    fn remote(&self, service: &str) -> String {
        remote(service, &self.ports, &self.did)
    }

    fn configure(&self, services: &str, front: &Self, more: &[String]) {
        let (public, internal) = (front.ports.public, self.ports.internal);
        let remotes = more.concat();
        self.home.configure(&format!(
            "services = {services}\npublic_url = \"http://127.0.0.1:{public}/\"\n\
             internal_listen = \"127.0.0.1:{internal}\"\n{remotes}"
        ));
    }

    fn up(&mut self) {
        let listen = format!("127.0.0.1:{}", self.ports.public);
        self.node = Some(self.home.up(&["--listen", &listen]));
    }

    fn node(&self) -> &Node {
        self.node.as_ref().unwrap()
    }

    fn kill(&mut self) {
        self.node.take().unwrap().kill();
    }

    fn end(mut self) {
        self.node.take().unwrap().stop();
        self.home.verify_clean();
    }
}

/// Identities, pages and answers in front; money and the trust graph behind.
struct Apart {
    front: Part,
    money: Part,
    graph: Part,
    model: OpenAiPeer,
    asker: Arc<Asker>,
    /// What was answered, and has to be paid for.
    answers: Vec<AnswerBody>,
}

impl Apart {
    async fn start(backend: Backend) -> Self {
        let model = OpenAiPeer::start(OpenAiReply::Wait(vec!["Money [1].".to_owned()])).await;
        let [mut front, mut money, mut graph] = [0; 3].map(|_| Part::new(backend));
        let engine = format!(
            "[query.engine]\nurl = \"{}\"\nmodel = \"tiny\"\ntimeout_seconds = {ENGINE_SECONDS}\n",
            model.url()
        );
        let services = r#"["auth", "events", "profile", "query", "www"]"#;
        let behind = [money.remote("pay"), graph.remote("connections"), engine];
        front.configure(services, &front, &behind);
        money.configure(
            r#"["pay"]"#,
            &front,
            &["auth", "events", "query"].map(|service| front.remote(service)),
        );
        let mut beside = ["auth", "events", "profile"]
            .map(|service| front.remote(service))
            .to_vec();
        beside.push(money.remote("pay"));
        graph.configure(r#"["connections"]"#, &front, &beside);
        front.up();
        money.up();
        graph.up();
        let terms = ["--engine", "openai-compatible", "--model", "tiny"];
        let ada = leader(&front.home, front.node(), &terms);
        let asker = Asker::new(&front.home, front.node(), "ben", "1.00 TEST-USD", &did(&ada));
        run(front.node(), &ada, &["trust", "vouch"], &["@ben"]).expect_success();
        Self {
            front,
            money,
            graph,
            model,
            asker: Arc::new(asker),
            answers: Vec::new(),
        }
    }

    async fn ask(&self, key: &str) -> Heard {
        self.asker.ask(key, "What is a hold?").await
    }

    /// Asks, and does something while the model thinks.
    async fn ask_while(&mut self, key: &str, act: impl FnOnce(&mut Self)) -> Heard {
        let (asker, key) = (Arc::clone(&self.asker), key.to_owned());
        let mut asking = tokio::task::JoinSet::new();
        asking.spawn(async move { asker.ask(&key, "What is a hold?").await });
        self.model.asked().await;
        act(self);
        self.model.proceed();
        asking.join_next().await.unwrap().unwrap()
    }

    /// Asks until there is an answer or never will be.
    async fn end(&self, key: &str) -> Heard {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let heard = self.ask(key).await;
            let is_over = match &heard {
                Heard::Answer(_) => true,
                Heard::Refused(code) => code != "unavailable",
                Heard::InFlight | Heard::Nothing => false,
            };
            if is_over {
                return heard;
            }
            assert!(Instant::now() < deadline, "{key}: {heard:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What was paid is what was answered, and nothing waits.
    async fn books_agree(&self) {
        let costs = self.answers.iter().map(|answer| -answer.fee.unwrap().amount.micros());
        let wanted: i64 = 1_000_000 + costs.sum::<i64>();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let movements = self.asker.buyer.movements().await;
            if movements.values().sum::<i64>() == wanted {
                assert_eq!(movements.len(), 1 + self.answers.len(), "{movements:?}");
                return;
            }
            assert!(Instant::now() < deadline, "{wanted}: {movements:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn end_all(self) {
        for part in [self.front, self.money, self.graph] {
            part.end();
        }
    }
}

fn refused(code: &str) -> Heard {
    Heard::Refused(code.to_owned())
}

async fn whichever_process_dies_an_answer_is_paid_for_and_what_is_paid_for_is_answered(backend: Backend) {
    let mut apart = Apart::start(backend).await;
    let first = apart.ask_while("first", |_| ()).await.answer();
    apart.answers.push(first);
    apart.books_agree().await;

    apart.graph.kill();
    assert_eq!(apart.ask("no trust").await, refused("unavailable"));
    apart.graph.up();
    let seen = apart.model.seen().len();
    assert_eq!(seen, 1, "the model is not asked for strangers");
    let trusted = apart.ask_while("no trust", |apart| apart.graph.kill()).await.answer();
    apart.answers.push(trusted);
    apart.graph.up();
    apart.books_agree().await;

    apart.money.kill();
    assert_eq!(apart.ask("no money").await, refused("unavailable"));
    assert_eq!(
        apart.model.seen().len(),
        2,
        "the model is not asked before the money is held"
    );
    apart.money.up();
    apart.books_agree().await;
    assert_eq!(
        apart.ask_while("unpaid", |apart| apart.money.kill()).await,
        refused("unavailable")
    );
    assert_eq!(
        apart.ask("unpaid").await,
        refused("unavailable"),
        "it is not given away"
    );
    apart.money.up();
    let paid = apart.end("unpaid").await.answer();
    apart.answers.push(paid);
    apart.books_agree().await;
    assert_eq!(apart.model.seen().len(), 3);

    assert_eq!(
        apart.ask_while("unanswered", |apart| apart.front.kill()).await,
        Heard::Nothing
    );
    apart.front.up();
    assert_eq!(apart.end("unanswered").await, refused("timeout"));
    apart.books_agree().await;
    apart.end_all();
}
