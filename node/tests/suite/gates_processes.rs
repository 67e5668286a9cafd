//! A site behind two programs of one node, each with a gate, on one Postgres: what agents try at one door after the
//! other, and at both at the same moment.
//!
//! Postgres only: a file of SQLite lies in the data folder of one program, which nobody else may open. Each attack by
//! its name, also against one program and on SQLite, is in `attacks`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use imajin_testkit::Backend;
use imajin_testkit::broker_peer::VisaWish;
use reqwest::Response;

use crate::broker::waited;
use crate::fair_library::{key_of, register};
use crate::gates::{Scene, Site, balance_wait, denied, gate_host, refusal};
use crate::processes::node_did;
use crate::support::{Home, Node, free_address, signal};

/// Under which the site is reached: at which of the doors, whoever stands in front of them decides.
pub(crate) const SITE: &str = "https://site.example";
/// What everything costs that is paid here.
const PRICE: i64 = 10_000;
/// The first program, and the other.
const DOORS: [usize; 2] = [0, 1];

/// How a request at a door ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    /// It was answered, and this is the receipt.
    Paid(String),
    Refused((u16, String)),
    /// It is not decided yet.
    Again,
}

impl Answer {
    async fn of(response: Response) -> Self {
        match response.status().as_u16() {
            200 => Self::Paid(response.headers()["x-imagxp-receipt"].to_str().unwrap().to_owned()),
            409 | 503 => {
                assert!(response.headers().contains_key("retry-after"), "{response:?}");
                Self::Again
            }
            _ => Self::Refused(refusal(response).await),
        }
    }
}

fn past() -> Answer {
    Answer::Refused(denied(403, "PAYMENT_DENIED"))
}

fn replayed() -> Answer {
    Answer::Refused(denied(403, "REPLAY_ATTACK"))
}

/// Two programs of one node: the same keys, the same database, a gate each for the same site.
struct TwoGates {
    /// With the first program.
    scene: Scene,
    other_home: Home,
    other: Node,
    /// Where the first program listens, and where the node is reached.
    listen: String,
    payee: PathBuf,
    /// The receipts of everything that was paid for.
    receipts: BTreeSet<String>,
}

impl TwoGates {
    async fn start() -> Self {
        let home = Home::new(Backend::Postgres);
        let (_did, listen) = (node_did(&home), free_address().to_string());
        let payee = home.key("payee.key");
        home.configure(&format!("public_url = \"http://{listen}/\""));
        let gate = format!("public_url = \"{SITE}\"\npayee = \"{}\"", key_of(&payee).did());
        let site = Site {
            gate: &gate,
            ..Site::default()
        };
        let mut scene = Scene::at(home, &["--listen", &listen], &site).await;
        SITE.clone_into(&mut scene.origin);
        let other_home = scene.home.twin();
        let other = other_home.up(&[]);
        assert_eq!(scene.node.banner()["did"], other.banner()["did"], "it is one node");
        register(&scene.node, &payee, "payee");
        Self {
            scene,
            other_home,
            other,
            listen,
            payee,
            receipts: BTreeSet::new(),
        }
    }

    fn node(&mut self, program: usize) -> &mut Node {
        [&mut self.scene.node, &mut self.other]
            .into_iter()
            .nth(program)
            .unwrap()
    }

    fn door(&self, program: usize) -> String {
        gate_host([&self.scene.node, &self.other][program])
    }

    fn start_again(&mut self, program: usize) {
        *self.node(program) = match program {
            0 => self.scene.home.up(&["--listen", &self.listen]),
            _ => self.other_home.up(&[]),
        };
    }

    /// A visa for as many pages as it says, as far as its amount goes.
    fn visa(&self, uses: u32, max_micros: i64) -> String {
        let wish = self.scene.wish(max_micros);
        self.scene.broker.visa(&VisaWish { uses, ..wish })
    }

    /// A fresh claim for the page, with a visa.
    fn claim(&self, visa: &str) -> HeaderMap {
        self.scene.paid("/cheap", visa)
    }

    /// The same, which may be asked again under its key.
    fn keyed(&self, visa: &str, key: &str) -> HeaderMap {
        let mut headers = self.claim(visa);
        headers.insert("idempotency-key", key.parse().unwrap());
        headers
    }

    async fn ask(&self, program: usize, headers: HeaderMap) -> Answer {
        Answer::of(self.scene.send(&self.door(program), "/cheap", headers).await.unwrap()).await
    }

    /// Asks at one door after the other, without waiting for any answer.
    async fn ask_at_once(&self, requests: impl IntoIterator<Item = HeaderMap>) -> Vec<Answer> {
        let doors = DOORS.into_iter().cycle();
        let asked = requests
            .into_iter()
            .zip(doors)
            .map(|(headers, door)| self.ask(door, headers));
        futures::future::join_all(asked).await
    }

    /// Asks under a key, each time with a fresh claim, until it is decided.
    async fn decided(&self, program: usize, visa: &str, key: &str) -> Answer {
        let asked = async || self.ask(program, self.keyed(visa, key)).await;
        waited(async || Some(asked().await).filter(|answer| *answer != Answer::Again)).await
    }

    /// The receipt of what is paid under a key, at this door, now or before.
    async fn receipt(&self, program: usize, visa: &str, key: &str) -> String {
        match self.decided(program, visa, key).await {
            Answer::Paid(receipt) => receipt,
            other => panic!("{key}: {other:?}"),
        }
    }

    /// As many requests as keys at once, at both doors in turn, each asked again until it is decided.
    async fn rush(&mut self, visa: &str, name: &str, count: usize) -> Vec<Answer> {
        let keys: Vec<String> = (0..count).map(|number| format!("{name}-{number}")).collect();
        let asked = keys.iter().zip(DOORS.into_iter().cycle());
        let decided = asked.map(|(key, door)| self.decided(door, visa, key));
        let answers = futures::future::join_all(decided).await;
        self.paid(&answers);
        answers
    }

    /// Remembers what was paid; two answers with one receipt are one payment.
    fn paid(&mut self, answers: &[Answer]) {
        let paid = answers.iter().filter_map(|answer| match answer {
            Answer::Paid(receipt) => Some(receipt.clone()),
            _ => None,
        });
        self.receipts.extend(paid);
    }

    /// Everybody's books say the same: each receipt was charged once, and nothing else was.
    fn end(self) {
        let count = self.receipts.len();
        let amount = format!("{}.{:02}", count / 100, count % 100);
        balance_wait(&self.scene.node, &self.payee, &amount);
        self.scene.node.stop();
        self.other.stop();
        self.scene.home.verify_clean();
        self.other_home.verify_clean();
        let redeemed = self.scene.broker.redemptions();
        assert!(
            redeemed
                .iter()
                .all(|one| (one.state, one.micros) == ("credited", PRICE)),
            "{redeemed:?}"
        );
        assert_eq!(redeemed.len(), count, "each payment is redeemed once");
        let redeemed: BTreeSet<String> = redeemed.into_iter().map(|one| one.receipt).collect();
        assert_eq!(redeemed, self.receipts);
    }
}

fn count(answers: &[Answer], wanted: &Answer) -> usize {
    answers.iter().filter(|answer| *answer == wanted).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_claim_counts_once_at_both_doors_and_after_both_were_killed() {
    let mut two = TwoGates::start().await;
    let mut claims = Vec::new();
    for (first, second) in [(0, 1), (1, 0)] {
        // The same claim at one door and then at the other, with a visa that would pay again.
        let claim = two.claim(&two.visa(5, 5 * PRICE));
        let paid = two.ask(first, claim.clone()).await;
        assert!(matches!(paid, Answer::Paid(_)), "{paid:?}");
        assert_eq!(two.ask(second, claim.clone()).await, replayed());
        assert_eq!(two.ask(first, claim.clone()).await, replayed());
        two.paid(&[paid]);
        claims.push(claim);
        // A visa that was spent at one door pays at neither.
        let once = two.visa(1, 5 * PRICE);
        let paid = two.ask(first, two.claim(&once)).await;
        assert!(matches!(paid, Answer::Paid(_)), "{paid:?}");
        assert_eq!(two.ask(second, two.claim(&once)).await, past());
        two.paid(&[paid]);
        // The same claim at both, many times at the same moment.
        for _ in 0..4 {
            let claim = two.claim(&two.visa(8, 8 * PRICE));
            let answers = two.ask_at_once(vec![claim.clone(); 8]).await;
            assert_eq!(count(&answers, &replayed()), 7, "{answers:?}");
            two.paid(&answers);
            claims.push(claim);
        }
    }
    // Every claim that has paid, once more after both were killed.
    for program in DOORS {
        two.node(program).kill_now();
    }
    for program in DOORS {
        two.start_again(program);
    }
    for claim in claims {
        for program in DOORS {
            assert_eq!(two.ask(program, claim.clone()).await, replayed());
        }
    }
    // For each order of the doors one, one, and four.
    assert_eq!(two.receipts.len(), 2 * 6);
    two.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visa_pays_no_more_often_and_no_more_at_two_doors_than_at_one() {
    let mut two = TwoGates::start().await;
    for round in 0..3 {
        // Past its count, and past its amount: of twenty at once five and three are paid.
        for (uses, max, pays) in [(5, 100 * PRICE, 5), (100, 3 * PRICE + PRICE / 2, 3)] {
            let visa = two.visa(uses, max);
            let before = two.receipts.len();
            let answers = two.rush(&visa, &format!("visa-{round}-{uses}"), 20).await;
            assert_eq!(count(&answers, &past()), 20 - pays, "{answers:?}");
            assert_eq!(two.receipts.len() - before, pays, "{answers:?}");
            for program in DOORS {
                assert_eq!(two.ask(program, two.claim(&visa)).await, past());
            }
        }
    }
    two.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_at_both_doors_at_one_moment_is_charged_once() {
    let mut two = TwoGates::start().await;
    for round in 0..10 {
        // The visa would pay each of them, in the odd rounds; in the even ones it pays once.
        let uses = if round % 2 == 0 { 1 } else { 6 };
        let (visa, key) = (two.visa(uses, 6 * PRICE), format!("at-once-{round}"));
        let requests: Vec<HeaderMap> = (0..6).map(|_| two.keyed(&visa, &key)).collect();
        let mut answers = two.ask_at_once(requests).await;
        // Whoever was told to come again has the same receipt then.
        answers.retain(|answer| *answer != Answer::Again);
        for program in DOORS {
            answers.push(two.decided(program, &visa, &key).await);
        }
        assert!(matches!(answers[0], Answer::Paid(_)), "{round}: {answers:?}");
        assert_eq!(count(&answers, &answers[0]), answers.len(), "{round}: {answers:?}");
        two.paid(&answers);
        assert_eq!(two.receipts.len(), round + 1);
    }
    two.end();
}

/// When a program is killed that was asked for something that costs.
#[derive(Clone, Copy)]
enum Moment {
    /// So much later: before, in or after the payment, as it comes.
    After(Duration),
    /// Once it is paid, which the broker hears of.
    Paid,
}

impl TwoGates {
    /// Moments before, in and after a payment, by how long one takes on this machine.
    async fn moments<const COUNT: usize>(&mut self) -> [Duration; COUNT] {
        let mut whole = Duration::ZERO;
        // The first payment takes longer: afterwards the keys of the agent and the broker are known.
        for program in [0, 1, 0] {
            let (visa, started) = (self.visa(1, PRICE), Instant::now());
            let paid = self.ask(program, self.claim(&visa)).await;
            whole = started.elapsed();
            self.paid(&[paid]);
        }
        let (mut part, count) = (0, u32::try_from(COUNT).unwrap());
        [(); COUNT].map(|()| {
            part += 1;
            whole * part / count
        })
    }

    /// Asks a program, which is killed over it. What it answers is lost.
    async fn ask_and_kill(&mut self, program: usize, headers: HeaderMap, moment: Moment) {
        let (door, pid) = (self.door(program), self.node(program).pid());
        let scene = &self.scene;
        let before = scene.broker.redemptions().len();
        let death = async {
            match moment {
                Moment::After(pause) => tokio::time::sleep(pause).await,
                Moment::Paid => waited(async || (scene.broker.redemptions().len() > before).then_some(())).await,
            }
            signal(pid, "KILL");
        };
        let (_lost, ()) = tokio::join!(scene.send(&door, "/cheap", headers), death);
        self.node(program).death_wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_program_dies_over_a_payment_the_other_charges_it_once() {
    let mut two = TwoGates::start().await;
    let moments = two.moments::<6>().await.map(Moment::After);
    for (round, moment) in moments.into_iter().chain([Moment::Paid; 2]).enumerate() {
        let (dying, other) = (round % 2, 1 - round % 2);
        let (visa, key) = (two.visa(1, PRICE), format!("killed-{round}"));
        two.ask_and_kill(dying, two.keyed(&visa, &key), moment).await;
        // Asked at the other door, and at the first when it is there again: the same receipt.
        let receipt = two.receipt(other, &visa, &key).await;
        two.start_again(dying);
        assert_eq!(two.receipt(dying, &visa, &key).await, receipt, "{round}");
        assert!(two.receipts.insert(receipt), "{round}");
    }
    two.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_hangs_up_and_asks_the_other_program_is_charged_once() {
    let mut two = TwoGates::start().await;
    for (round, patience) in two.moments::<8>().await.into_iter().enumerate() {
        let (first, other) = (round % 2, 1 - round % 2);
        let (visa, key) = (two.visa(1, PRICE), format!("hung-up-{round}"));
        // The line is cut with the future, whatever has come until then.
        let asked = two.ask(first, two.keyed(&visa, &key));
        let _cut = tokio::time::timeout(patience, asked).await;
        let receipt = two.receipt(other, &visa, &key).await;
        assert_eq!(two.receipt(first, &visa, &key).await, receipt, "{round}");
        assert!(two.receipts.insert(receipt), "{round}");
    }
    two.end();
}
