//! A question that is paid for, by command line, on both databases: the leader's terms and documents, the price before,
//! the answer with its sources, the receipt, and where the money went.

use imajin_did::Did;
use imajin_kernel::{Env, Span, Timestamp};
use imajin_money::Money;
use imajin_proof::SignedMessage;
use imajin_testkit::broker_peer::{BrokerPeer, Forgery, VisaWish};
use imajin_testkit::{Backend, OpenAiPeer, OpenAiReply, on_both};
use serde_json::{Value, json};

use crate::support::{Buyer, Home, Node, Outcome, imajin, text};

on_both!(a_vouch_that_has_ended_lets_nobody_in);

/// Runs a command of somebody: `args` are those before and behind the node and the key.
pub(crate) fn run(node: &Node, key: &str, command: &[&str], args: &[&str]) -> Outcome {
    let url = node.url();
    imajin(&[command, &["--node", &url, "--key", key], args].concat())
}

pub(crate) fn did(key: &str) -> String {
    let shown = imajin(&["key", "show", key]).expect_success();
    shown["did"].as_str().unwrap().to_owned()
}

pub(crate) fn member(home: &Home, node: &Node, name: &str) -> String {
    let key = text(&home.key(&format!("{name}.key"))).to_owned();
    imajin(&["login", "--node", &node.url(), "--key", &key, "--handle", name]).expect_success();
    key
}

pub(crate) fn available(node: &Node, key: &str) -> String {
    let balances = run(node, key, &["balance"], &[]).expect_success();
    let all = balances.to_string();
    let list = balances
        .as_array()
        .cloned()
        .or_else(|| balances["balances"].as_array().cloned());
    let own = list.into_iter().flatten().find(|one| one["purpose"] == "available");
    own.map_or(all, |own| own["balance"]["amount"].as_str().unwrap().to_owned())
}

/// The balance, which is that of `wanted`.
fn available_is(node: &Node, key: &str, wanted: Money) -> String {
    let shown = available(node, key);
    assert_eq!(format!("{shown} TEST-USD").parse::<Money>().unwrap(), wanted);
    shown
}

/// ada answers questions about bees and holds.
pub(crate) fn leader(home: &Home, node: &Node, more: &[&str]) -> String {
    let ada = member(home, node, "ada");
    for (name, said) in [
        (
            "holds.md",
            "# Holds\n\nA hold is money that waits until the goods are handed over.\n",
        ),
        ("bees.txt", "Bees dance to say where the flowers are.\n"),
    ] {
        let path = home.path(name);
        std::fs::write(&path, said).unwrap();
        run(node, &ada, &["docs", "add"], &[text(&path)]).expect_success();
    }
    let terms = [
        "--per-answer",
        "0.01 TEST-USD",
        "--per-thousand-tokens",
        "1.00 TEST-USD",
        "--ceiling",
        "0.05 TEST-USD",
    ];
    run(node, &ada, &["leader", "set"], &[&terms, more].concat()).expect_success();
    ada
}

/// A document is removed, and no question is answered any more.
fn leader_leaves(node: &Node, ada: &str, leader: &str) {
    let listed = imajin(&["docs", "list", "--node", &node.url(), leader]).expect_success();
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    let first = listed[0]["id"].as_str().unwrap();
    run(node, ada, &["docs", "remove"], &[first]).expect_success();
    run(node, ada, &["leader", "close"], &[]).expect_success();
    let terms: Value = imajin(&["leader", "show", "--node", &node.url(), leader]).expect_success();
    assert_eq!(
        (&terms["terms"]["payload"]["open"], &terms["documents"]),
        (&json!(false), &json!(1))
    );
}

/// Whom she has blocked is a stranger again, until she lets them in.
fn is_refused_while_blocked(block: impl Fn(&[&str]) -> Value, ask: impl Fn() -> Value, stranger: &Value) {
    block(&[]);
    assert_eq!(ask(), *stranger);
    block(&["--undo"]);
}

fn a_question_is_asked_answered_and_paid_for(backend: Backend) {
    let home = Home::new(backend);
    let node = home.up(&[]);
    let (ada, ben) = (leader(&home, &node, &[]), member(&home, &node, "ben"));
    let leader = did(&ada);
    run(&node, &ben, &["topup"], &["1.00 TEST-USD"]).expect_success();
    let ask = |question: &str, max: &str| run(&node, &ben, &["ask"], &[&leader, question, "--max", max]);
    let stranger = ask("What is a hold?", "0.05").refusal();
    assert_eq!(
        (&stranger["error"], &stranger["term"]),
        (&json!("forbidden"), &json!("maxHops")),
        "he is a stranger to her: {stranger}"
    );

    run(&node, &ada, &["trust", "vouch"], &["@ben"]).expect_success();
    let refused = ask("What is a hold?", "0.04").refusal();
    assert!(
        refused["detail"].as_str().unwrap().contains("nothing was asked"),
        "{refused}"
    );
    let answer = ask("What is a hold?", "0.05").expect_success();
    assert!(
        answer["text"].as_str().unwrap().contains("money that waits"),
        "{answer}"
    );
    assert_eq!(answer["passages"][0]["title"], "holds");
    assert_eq!(answer["engine"]["engine"], "embedded");
    let receipt = &answer["receipt"]["payload"];
    assert_eq!(receipt["gross"], answer["fee"]);
    assert_eq!(receipt["goods"]["type"], "answer");
    let money = |text: &str| -> Money { format!("{text} TEST-USD").parse().unwrap() };
    let fee = money(answer["fee"]["amount"].as_str().unwrap());
    assert!(
        fee.amount > money("0.01").amount && fee.amount < money("0.05").amount,
        "{fee}"
    );
    // She gets all of it: as the leader, and as the author of what is quoted.
    assert_eq!(available(&node, &ada), answer["fee"]["amount"].as_str().unwrap());
    let left = available(&node, &ben);
    assert_eq!(money(&left).checked_add(fee).unwrap(), money("1.00"));
    let shown = run(&node, &ben, &["receipt", "show"], &[receipt["id"].as_str().unwrap()]).expect_success();
    assert!(shown.to_string().contains("\"answer\""), "{shown}");

    let again = ["--max", "0.05", "--idempotency-key", "dance"];
    let again = || {
        run(
            &node,
            &ben,
            &["ask"],
            &[&["@ada", "Why do bees dance?"], &again[..]].concat(),
        )
        .expect_success()
    };
    let (once, twice) = (again(), again());
    assert_eq!(
        once["receipt"], twice["receipt"],
        "asked twice with one key, it is one question"
    );
    let left = money(&left)
        .checked_sub(money(once["fee"]["amount"].as_str().unwrap()))
        .unwrap();
    let left = available_is(&node, &ben, left);

    let nothing = ask("Quantum chromodynamics?", "0.05").refusal();
    assert_eq!(nothing["error"], "not_found");
    assert_eq!(available(&node, &ben), left, "nothing was charged");
    let block = |more: &[&str]| run(&node, &ada, &["trust", "block"], &[&["@ben"], more].concat()).expect_success();
    is_refused_while_blocked(block, || ask("What is a hold?", "0.05").refusal(), &stranger);
    run(&node, &ada, &["trust", "revoke"], &["@ben", "--what", "vouch"]).expect_success();
    assert_eq!(ask("What is a hold?", "0.05").refusal()["error"], "forbidden");
    leader_leaves(&node, &ada, &leader);
    node.stop();
    home.verify_clean();
}

#[test]
fn a_question_is_asked_answered_and_paid_for_on_sqlite() {
    a_question_is_asked_answered_and_paid_for(Backend::Sqlite);
}

#[test]
fn a_question_is_asked_answered_and_paid_for_on_postgres() {
    a_question_is_asked_answered_and_paid_for(Backend::Postgres);
}

/// ada vouches for ben for some seconds, with documents of her own making.
async fn a_vouch_that_has_ended_lets_nobody_in(backend: Backend) {
    let home = Home::new(backend);
    let node = home.up(&[]);
    let (ada, ben) = (leader(&home, &node, &[]), member(&home, &node, "ben"));
    run(&node, &ben, &["topup"], &["1.00 TEST-USD"]).expect_success();
    let her = Buyer::from_file(&node, &home, "ada.key");
    let (now, to): (_, Did) = (Env::system().now(), did(&ben).parse().unwrap());
    // The graph counts whole seconds.
    let ends = Timestamp::from_seconds(now.plus(Span::seconds(3)).as_seconds());
    let terms = json!({"weightMillionths": 1_000_000, "expires": ends.as_millis()});
    let vouch = SignedMessage::sign(&her.key, her.key.did(), "trust.vouch", Some(to), now, terms).unwrap();
    let vouch = serde_json::to_vec(&vouch).unwrap();
    let said = her
        .send(&her.signed("POST", "/connections/api/statements", &vouch, None))
        .await;
    assert!(said.status().is_success(), "{}", said.text().await.unwrap());
    let ask = || run(&node, &ben, &["ask"], &[&did(&ada), "What is a hold?", "--max", "0.05"]);
    for _time in 0..100 {
        let left = available(&node, &ben);
        let asked = ask();
        if !asked.success {
            let refused = asked.refusal();
            assert_eq!(
                (&refused["error"], &refused["term"]),
                (&json!("forbidden"), &json!("maxHops"))
            );
            assert!(Env::system().now() >= ends, "it was refused before it had ended");
            assert_eq!(available(&node, &ben), left, "a refusal costs nothing");
            node.stop();
            return home.verify_clean();
        }
    }
    panic!("the vouch does not end");
}

/// ada lets the members of her pod ask. cleo is nobody to her, and in it for a while.
fn the_members_of_a_pod_may_ask(backend: Backend) {
    let home = Home::new(backend);
    let node = home.up(&[]);
    let (ada, cleo) = (leader(&home, &node, &[]), member(&home, &node, "cleo"));
    run(&node, &cleo, &["topup"], &["1.00 TEST-USD"]).expect_success();
    let made = run(&node, &ada, &["trust", "pod", "create"], &["Street"]).expect_success();
    let pod = made["id"].as_str().unwrap().to_owned();
    let prices = [
        "--per-answer",
        "0.01 TEST-USD",
        "--per-thousand-tokens",
        "0.10 TEST-USD",
        "--ceiling",
        "0.05 TEST-USD",
    ];
    let terms = |key: &str, more: &[&str]| run(&node, key, &["leader", "set"], &[&prices, more].concat());
    let refused = terms(&cleo, &["--pod", &pod]).refusal();
    assert!(
        refused["detail"].as_str().unwrap().contains(&pod),
        "it is none of hers: {refused}"
    );
    assert_eq!(refused["member"], "pods", "{refused}");
    let set = terms(&ada, &["--pod", &pod, "--max-hops", "0"]).expect_success();
    assert_eq!(set["terms"]["payload"]["pods"], json!([pod]), "{set}");
    let ask = || run(&node, &cleo, &["ask"], &["@ada", "What is a hold?", "--max", "0.05"]);
    let not_in_it = |why: &str| {
        let refused = ask().refusal();
        assert_eq!(refused["term"], "pods", "{why}: {refused}");
        assert!(
            refused["detail"].as_str().unwrap().contains("members of the pods"),
            "{why}: {refused}"
        );
    };
    not_in_it("she is not in it");
    run(&node, &ada, &["trust", "pod", "invite"], &[&pod, "@cleo"]).expect_success();
    not_in_it("an invitation is not enough");
    run(&node, &cleo, &["trust", "pod", "accept"], &[&pod]).expect_success();
    ask().expect_success();
    let block = |more: &[&str]| run(&node, &ada, &["trust", "block"], &[&["@cleo"], more].concat()).expect_success();
    block(&[]);
    not_in_it("ada has blocked her, and she is not told");
    block(&["--undo"]);
    ask().expect_success();
    run(&node, &ada, &["trust", "pod", "remove"], &[&pod, "@cleo"]).expect_success();
    not_in_it("she is not in it");
    node.stop();
    home.verify_clean();
}

#[test]
fn the_members_of_a_pod_may_ask_on_sqlite() {
    the_members_of_a_pod_may_ask(Backend::Sqlite);
}

#[test]
fn the_members_of_a_pod_may_ask_on_postgres() {
    the_members_of_a_pod_may_ask(Backend::Postgres);
}

/// A page of a PDF with two lines of text.
const PDF: &str = "%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>endobj
4 0 obj<</Length 86>>stream
BT /F1 12 Tf 20 150 Td (Swifts sleep on the wing.) Tj 0 -20 Td (They land to breed.) Tj ET
endstream endobj
5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj
trailer<</Root 1 0 R>>
%%EOF
";

#[test]
fn the_text_of_a_pdf_is_added() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let ada = member(&home, &node, "ada");
    let path = home.path("swifts.pdf");
    std::fs::write(&path, PDF).unwrap();
    let added = run(&node, &ada, &["docs", "add"], &[text(&path)]).expect_success();
    assert_eq!(
        (&added["title"], &added["mediaType"]),
        (&json!("swifts"), &json!("text/plain"))
    );
    let said = "Swifts sleep on the wing.\nThey land to breed.\n\n\n\n";
    assert_eq!(
        added["manifest"]["content"]["sha256"],
        imajin_proof::digest::sha256_hex(said.as_bytes()),
        "{added}"
    );
    std::fs::write(&path, "no PDF").unwrap();
    let refused = run(&node, &ada, &["docs", "add"], &[text(&path)]).refusal();
    assert!(
        refused["detail"].as_str().unwrap().contains("cannot be read as a PDF"),
        "{refused}"
    );
    node.stop();
    home.verify_clean();
}

/// The demo has a baker who answers. Whoever takes her invitation up is near enough to ask.
#[test]
fn the_demo_answers_from_the_right_passages() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&["--demo"]);
    let join = node.banner()["demoLeader"]["join"].as_str().unwrap().to_owned();
    assert!(
        node.banner()["demoLeader"]["ask"]
            .as_str()
            .unwrap()
            .ends_with("/ask/demo_ines"),
        "{}",
        node.banner()
    );
    let ben = member(&home, &node, "ben");
    run(&node, &ben, &["topup"], &["1.00 TEST-USD"]).expect_success();
    let (_, code) = join.split_once('#').unwrap();
    let connected = run(&node, &ben, &["trust", "join"], &[code]).expect_success();
    let baker = connected["from"].as_str().unwrap().to_owned();
    for (question, title, said) in [
        (
            "How often does a starter need food?",
            "Keeping a sourdough starter",
            "once a day",
        ),
        (
            "How long does the loaf stay in the oven?",
            "Baking the loaf",
            "for 20 minutes",
        ),
        ("How much water does rye flour take?", "Flours", "rye about 85"),
    ] {
        let answer = run(&node, &ben, &["ask"], &["@demo_ines", question, "--max", "0.05"]).expect_success();
        assert_eq!(answer["passages"][0]["title"], title, "{question}: {answer}");
        assert!(answer["text"].as_str().unwrap().contains(said), "{question}: {answer}");
    }
    node.stop();
    let again = home.up(&["--demo"]);
    let still = again.banner()["demoLeader"]["join"].as_str().unwrap().to_owned();
    assert!(still.ends_with(code), "it is made once: {still}");
    let listed = imajin(&["docs", "list", "--node", &again.url(), &baker]).expect_success();
    assert_eq!(listed.as_array().map(Vec::len), Some(3));
    again.stop();
    home.verify_clean();
}

/// ben is at home on another node. What pays is the promise of a broker, and a model answers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_crosses_nodes_with_a_visa_and_a_model_answers() {
    let pieces = ["Money ", "that ", "waits ", "[1]."].map(str::to_owned).to_vec();
    let model = OpenAiPeer::start(OpenAiReply::Stream(pieces)).await;
    let broker = BrokerPeer::start(Env::system()).await;
    let (his_home, her_home) = (Home::new(Backend::Sqlite), Home::new(Backend::Sqlite));
    her_home.configure(&format!(
        "dev = true\n[brokers]\ntrusted = [\"{}\"]\n[query.engine]\nurl = \"{}\"\nmodel = \"tiny\"",
        broker.issuer(),
        model.url()
    ));
    let (his, hers) = (his_home.up(&[]), her_home.up(&[]));
    let ben = member(&his_home, &his, "ben");
    let ada = leader(&her_home, &hers, &["--engine", "openai-compatible", "--model", "tiny"]);
    let (leader, asker): (String, Did) = (did(&ada), did(&ben).parse().unwrap());
    let authority = hers
        .url()
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let wish = |max| VisaWish::once(&authority, asker.public_key().unwrap(), "TEST-USD", max);
    let visa = broker.visa(&wish(50_000));
    let ask = |visa: &str| {
        let args = [leader.as_str(), "What is a hold?", "--max", "0.05", "--visa", visa];
        run(&hers, &ben, &["ask"], &args)
    };
    assert_eq!(ask(&visa).refusal()["error"], "forbidden");
    run(&hers, &ada, &["trust", "vouch"], &[asker.as_str()]).expect_success();
    let forged = ask(&broker.visa_forged(&wish(50_000), Forgery::OtherKey)).refusal();
    assert_eq!(forged["error"], "payment_failed", "{forged}");
    let answer = ask(&visa).expect_success();
    assert_eq!(answer["text"], "Money that waits [1].");
    assert_eq!(
        answer["engine"],
        json!({"engine": "openai-compatible", "model": "tiny"})
    );
    assert_eq!(answer["passages"][0]["title"], "holds");
    // 0.01, and four tokens.
    assert_eq!(answer["fee"]["amount"], "0.014");
    let receipt = &answer["receipt"]["payload"];
    assert_eq!(
        (&receipt["rail"], &receipt["gross"]["amount"]),
        (&json!("visa"), &json!("0.014"))
    );
    model.reply(OpenAiReply::Status(500));
    let second = broker.visa(&wish(50_000));
    assert_eq!(ask(&second).refusal()["error"], "unavailable");
    model.reply(OpenAiReply::Stream(vec!["Again [1].".to_owned()]));
    // What was not answered has not spent the promise.
    ask(&second).expect_success();
    his.stop();
    hers.stop();
    his_home.verify_clean();
    her_home.verify_clean();
}
