//! Who may do what with mine, between two nodes by command line: ben is at home on one, ada on the other. He is told
//! what she allows, both keep what was told, and where they differ she sees it.

use imajin_testkit::Backend;
use serde_json::{Value, json};

use crate::query::{did, run};
use crate::support::{Home, Node, imajin, text};

fn member(home: &Home, node: &Node, name: &str) -> String {
    let key = text(&home.key(&format!("{name}.key"))).to_owned();
    imajin(&["login", "--node", &node.url(), "--key", &key, "--handle", name]).expect_success();
    key
}

const USUAL: [&str; 6] = [
    "--purpose",
    "directory",
    "--field",
    "profile.name",
    "--field",
    "profile.bio",
];

/// ben at home on the first, ada on the second.
struct Pair {
    homes: [Home; 2],
    nodes: [Node; 2],
    ben: String,
    ada: String,
}

impl Pair {
    fn new(backend: Backend) -> Self {
        let homes = [Home::new(backend), Home::new(backend)];
        homes[1].configure("dev = true");
        let nodes = homes.each_ref().map(|home| home.up(&[]));
        let ben = member(&homes[0], &nodes[0], "ben");
        let ada = member(&homes[1], &nodes[1], "ada");
        let profile = ["--name", "Ada", "--bio", "I count."];
        run(&nodes[1], &ada, &["profile", "set"], &profile).expect_success();
        Self { homes, nodes, ben, ada }
    }

    /// What ada does at her node.
    fn ada(&self, command: &str, args: &[&str]) -> Value {
        run(&self.nodes[1], &self.ada, &["consent", command], args).expect_success()
    }

    /// ben asks ada's node, and keeps his log at `home`.
    fn ask(&self, home: &Node, args: &[&str]) -> crate::support::Outcome {
        let home = home.url();
        let args = [&["@ada", "--home", &home], args].concat();
        run(&self.nodes[1], &self.ben, &["consent", "ask"], &args)
    }

    /// The term by which ben is refused.
    fn refused(&self, args: &[&str]) -> String {
        let refusal = self.ask(&self.nodes[0], args).refusal();
        assert_eq!(refusal["error"], "forbidden", "{refusal}");
        let detail = refusal["detail"].as_str().unwrap();
        let (_, term) = detail.rsplit_once("(term: ").unwrap();
        term.trim_end_matches(')').to_owned()
    }
}

fn somebody_is_told_what_a_person_allows_and_both_keep_it(backend: Backend) {
    let pair = Pair::new(backend);
    let (ben, ada) = (did(&pair.ben), did(&pair.ada));
    assert_eq!(pair.refused(&USUAL), "grant");
    let given = pair.ada("give", &[&["--to", ben.as_str(), "--days", "90"], &USUAL[..]].concat());
    assert_eq!(
        (&given["state"], &given["grant"]["from"]),
        (&json!("active"), &json!(ada))
    );
    assert_eq!(pair.refused(&USUAL), "profile", "by default nothing is on");
    let on = [
        "directory",
        "--on",
        "profile.name",
        "--on",
        "profile.bio",
        "--on",
        "profile.links",
    ];
    pair.ada("toggle", &on);

    let told = pair.ask(&pair.nodes[0], &USUAL).expect_success();
    assert_eq!(
        told["values"],
        json!({"profile.bio": "I count.", "profile.name": "Ada"})
    );
    let uses = pair.ada("uses", &[]);
    assert_eq!(uses[0]["document"], told["receipt"], "she sees the receipt that he has");
    assert_eq!((&uses[0]["by"], &uses[0]["grants"][0]), (&json!(ben), &given["digest"]));
    let log = run(&pair.nodes[0], &pair.ben, &["consent", "log"], &[]).expect_success();
    assert_eq!(log[0]["payload"]["use"], told["receipt"]["payload"]["id"]);
    let compared = pair.ada("compare", &[&ben]);
    assert_eq!(
        (&compared["agreed"], &compared["differences"]),
        (&json!(1), &json!([])),
        "{compared}"
    );
    assert_eq!(compared["problem"], Value::Null);

    assert_eq!(
        pair.refused(&["--purpose", "research", "--field", "profile.name"]),
        "purpose"
    );
    assert_eq!(
        pair.refused(&["--purpose", "directory", "--field", "profile.links"]),
        "fields"
    );
    pair.ada("toggle", &["directory", "--off", "profile.bio"]);
    assert_eq!(pair.refused(&USUAL), "profile");
    // He says that he keeps his log at her node, where he is a stranger: there is none.
    let less = ["--purpose", "directory", "--field", "profile.name"];
    let second = pair.ask(&pair.nodes[1], &less).expect_success();
    let compared = pair.ada("compare", &[&ben]);
    assert_eq!(compared["agreed"], 1, "{compared}");
    let difference = &compared["differences"][0];
    assert_eq!(
        (&difference["kind"], &difference["use"]),
        (&json!("missing-there"), &second["receipt"]["payload"]["id"])
    );
    let (name, _rest) = given["digest"].as_str().unwrap().split_at(12);
    pair.ada("revoke", &[name]);
    pair.ada("revoke", &[name]);
    assert_eq!(pair.refused(&less), "revoked");
    let uses = pair.ada("uses", &[]);
    assert_eq!(uses.as_array().map(Vec::len), Some(2), "a refusal is no use");
    for node in pair.nodes {
        node.stop();
    }
    for home in pair.homes {
        home.verify_clean();
    }
}

#[test]
fn somebody_is_told_what_a_person_allows_and_both_keep_it_on_sqlite() {
    somebody_is_told_what_a_person_allows_and_both_keep_it(Backend::Sqlite);
}

#[test]
fn somebody_is_told_what_a_person_allows_and_both_keep_it_on_postgres() {
    somebody_is_told_what_a_person_allows_and_both_keep_it(Backend::Postgres);
}
