//! The trust graph by command line, on both databases.

use imajin_testkit::Backend;
use serde_json::{Value, json};

use crate::support::{Home, Node, Outcome, imajin, text};

fn trust(node: &Node, key: &str, args: &[&str]) -> Outcome {
    let url = node.url();
    let split = usize::from(["invite", "pod"].contains(&args[0])) + 1;
    let mut all = vec!["trust"];
    all.extend(&args[..split]);
    all.extend(["--node", &url, "--key", key]);
    all.extend(&args[split..]);
    imajin(&all)
}

/// Whoever has the documents of a path checks them without a node.
fn path_verified(home: &Home, path: &Value) {
    let file = home.path("path.json");
    std::fs::write(&file, path.to_string()).unwrap();
    let verdicts = imajin(&["trust", "verify", text(&file)]).expect_success();
    let ties = verdicts["ties"].as_array().unwrap();
    assert!(ties.iter().all(|verdict| verdict["holds"] == true), "{verdicts}");
    let steps = path["steps"].as_array().unwrap();
    let (first, last) = (steps.first().unwrap(), steps.last().unwrap());
    assert_eq!(verdicts["path"], json!({"from": first["from"], "to": last["to"]}));
    let is_refused = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut steps = steps.clone();
        change(&mut steps);
        std::fs::write(&file, json!({"steps": steps}).to_string()).unwrap();
        let outcome = imajin(&["trust", "verify", text(&file)]);
        assert!(!outcome.success, "{}", outcome.json);
        outcome.json["path"]["error"].as_str().unwrap().to_owned()
    };
    let forged = is_refused(&|steps| steps[0]["proof"]["document"]["timestamp"] = json!(1));
    assert!(forged.contains("step 1 is not proven"), "{forged}");
    let another = is_refused(&|steps| steps[0]["to"] = steps[0]["from"].clone());
    assert!(another.contains("step 1 is not what"), "{another}");
    let gap = is_refused(&|steps| steps.push(steps[0].clone()));
    assert!(gap.contains("does not begin where"), "{gap}");
    assert!(is_refused(&|steps| steps.clear()).contains("no steps"));
}

/// What Ada has signed goes with her to another node, and into the export of her data.
fn taken_along(backend: Backend, home: &Home, node: &Node, ada: &str, ben: &str) {
    let bundle = home.path("trust.json");
    trust(node, ada, &["export", "--out", text(&bundle)]).expect_success();
    let data = home.path("data.json");
    imajin(&[
        "profile",
        "export",
        "--node",
        &node.url(),
        "--key",
        ada,
        "--out",
        text(&data),
    ])
    .expect_success();
    let data: Value = serde_json::from_slice(&std::fs::read(&data).unwrap()).unwrap();
    assert_eq!(data["data"]["trust"]["statements"].as_array().unwrap().len(), 1);
    let other_home = Home::new(backend);
    let other = other_home.up(&[]);
    imajin(&["login", "--node", &other.url(), "--key", ada]).expect_success();
    let brought = trust(&other, ada, &["import", text(&bundle)]).expect_success();
    assert_eq!(brought["imported"], 1);
    let ben_did = imajin(&["key", "show", ben]).expect_success()["did"]
        .as_str()
        .unwrap()
        .to_owned();
    trust(&other, ada, &["check", &ben_did]).expect_success();
    other.stop();
    other_home.verify_clean();
}

fn the_life_of_a_graph(backend: Backend) {
    let home = Home::new(backend);
    let node = home.up(&[]);
    let keys = ["ada", "ben", "cleo"].map(|name| {
        let key = text(&home.key(&format!("{name}.key"))).to_owned();
        imajin(&["login", "--node", &node.url(), "--key", &key, "--handle", name]).expect_success();
        key
    });
    let [ada, ben, cleo] = keys.each_ref().map(String::as_str);
    let contact = [
        "profile",
        "set",
        "--node",
        &node.url(),
        "--key",
        ada,
        "--name",
        "Ada",
        "--email",
        "ada@example.org",
    ];
    imajin(&contact).expect_success();
    let sees = |key| {
        let shown = imajin(&["profile", "show", "--node", &node.url(), "--key", key, "ada"]).expect_success();
        shown["contact"]["email"]["value"].clone()
    };
    assert_eq!(sees(ben), Value::Null);

    trust(&node, ada, &["connect", "ben"]).expect_success();
    assert_eq!(sees(ben), Value::Null, "she has asked, he has not signed");
    trust(&node, ben, &["accept", "ada"]).expect_success();
    assert_eq!(sees(ben), "ada@example.org");
    let made = trust(&node, ben, &["invite", "new", "--note", "Hi."]).expect_success();
    let code = made["code"].as_str().unwrap();
    trust(&node, cleo, &["join", code]).expect_success();
    assert!(!trust(&node, ada, &["join", code]).success, "its only place is taken");
    trust(&node, ben, &["vouch", "@cleo", "--weight", "0.7", "--days", "30"]).expect_success();
    let listed = trust(&node, ben, &["list"]).expect_success();
    assert_eq!(listed["connections"].as_array().unwrap().len(), 2);
    assert_eq!(listed["vouchesGiven"][0]["weightMillionths"], 700_000);

    let near = trust(&node, ada, &["near"]).expect_success();
    assert_eq!(near["people"].as_array().unwrap().len(), 2);
    let path = trust(&node, ada, &["path", "cleo"]).expect_success();
    assert_eq!(path["hops"], 2);
    path_verified(&home, &path);
    taken_along(backend, &home, &node, ada, ben);

    trust(&node, ben, &["audience", "nobody"]).expect_success();
    let hidden = trust(&node, ada, &["why", "cleo"]).expect_success();
    assert_eq!((&hidden["hops"], hidden.get("steps")), (&json!(2), None));
    trust(&node, ada, &["block", "ben"]).expect_success();
    assert_eq!(sees(ben), Value::Null, "whom she has blocked sees nothing");
    trust(&node, ada, &["flag", "cleo", "--level", "red", "--reason", "no"]).expect_success();
    assert!(!trust(&node, ada, &["check", "cleo"]).success);
    trust(&node, ben, &["revoke", "ada"]).expect_success();
    assert!(!trust(&node, ada, &["check", "ben"]).success);
    node.stop();
    home.verify_clean();
}

fn the_life_of_a_pod(backend: Backend) {
    let home = Home::new(backend);
    let node = home.up(&[]);
    let keys = ["ada", "ben", "cleo"].map(|name| {
        let key = text(&home.key(&format!("{name}.key"))).to_owned();
        imajin(&["login", "--node", &node.url(), "--key", &key, "--handle", name]).expect_success();
        key
    });
    let [ada, ben, cleo] = keys.each_ref().map(String::as_str);
    let made = |args: &[&str]| {
        let made = trust(&node, ada, args).expect_success();
        made["id"].as_str().unwrap().to_owned()
    };
    let street = made(&["pod", "create", "Street", "--visibility", "trust-bound"]);
    let club = made(&["pod", "create", "Book club", "--in", &street]);
    trust(&node, ada, &["pod", "invite", &club, "ben", "--role", "admin"]).expect_success();
    let listed = trust(&node, ben, &["pod", "list"]).expect_success();
    assert_eq!(listed[0]["invitation"]["role"], "admin");
    assert_eq!(
        trust(&node, ben, &["pod", "accept", &club]).expect_success()["role"],
        "admin"
    );
    trust(&node, ben, &["pod", "invite", &club, "@cleo"]).expect_success();
    assert!(
        !trust(&node, cleo, &["pod", "invite", &club, "cleo"]).success,
        "she has not accepted"
    );
    trust(&node, cleo, &["pod", "accept", &club]).expect_success();
    let shown = trust(&node, cleo, &["pod", "show", &club]).expect_success();
    assert_eq!(
        (shown["people"].as_array().unwrap().len(), &shown["parent"]),
        (3, &Value::Null)
    );
    assert!(
        !trust(&node, cleo, &["pod", "show", &street]).success,
        "she is no connection of Ada's"
    );
    trust(&node, ada, &["pod", "role", &club, "cleo", "admin"]).expect_success();
    trust(&node, ada, &["pod", "remove", &club, "cleo"]).expect_success();
    assert!(!trust(&node, cleo, &["pod", "show", &club]).success);

    assert!(!trust(&node, ada, &["pod", "leave", &club]).success, "she owns it");
    assert!(
        !trust(&node, ada, &["pod", "hand-over", &club, "ben"]).success,
        "it stands in another"
    );
    trust(&node, ada, &["pod", "set", &club, "--name", "Reading circle", "--out"]).expect_success();
    trust(&node, ada, &["pod", "hand-over", &club, "ben"]).expect_success();
    let taken = trust(&node, ben, &["pod", "accept", &club]).expect_success();
    assert_eq!(
        (&taken["name"], &taken["role"]),
        (&json!("Reading circle"), &json!("owner"))
    );
    trust(&node, ada, &["pod", "leave", &club]).expect_success();
    trust(&node, ben, &["pod", "dissolve", &club]).expect_success();
    assert_eq!(trust(&node, ben, &["pod", "list"]).expect_success(), json!([]));
    assert!(!trust(&node, ada, &["check", "ben"]).success, "a pod connects nobody");
    node.stop();
    home.verify_clean();
}

#[test]
fn the_life_of_a_pod_on_sqlite() {
    the_life_of_a_pod(Backend::Sqlite);
}

#[test]
fn the_life_of_a_pod_on_postgres() {
    the_life_of_a_pod(Backend::Postgres);
}

#[test]
fn the_life_of_a_graph_on_sqlite() {
    the_life_of_a_graph(Backend::Sqlite);
}

#[test]
fn the_life_of_a_graph_on_postgres() {
    the_life_of_a_graph(Backend::Postgres);
}
