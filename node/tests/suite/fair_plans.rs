//! `imajin fair`: plans, imports and histories, without a node.

use std::path::Path;
use std::process::Command;

use imajin_did::SecretKey;
use imajin_testkit::Backend;
use serde_json::{Value, json};

use crate::support::{Home, imajin, text};

fn person(index: u8) -> String {
    SecretKey::from_seed([index; 32]).did().to_string()
}

fn file(home: &Home, name: &str, document: &Value) -> String {
    let path = home.path(name);
    std::fs::write(&path, document.to_string()).unwrap();
    text(&path).to_owned()
}

fn amounts(legs: &Value) -> Vec<&str> {
    legs.as_array()
        .unwrap()
        .iter()
        .map(|leg| leg["amount"].as_str().unwrap())
        .collect()
}

#[test]
fn a_plan_shows_the_way_of_every_part() {
    let home = Home::new(Backend::Sqlite);
    let song = json!({"id": "fair_song", "contributors": [
        {"did": person(2), "role": "writer", "share": 0.5}, {"did": person(3), "role": "artist", "share": 0.5}
    ]});
    let show = json!({"id": "fair_show", "author": person(1), "contributors": [
        {"did": person(1), "role": "performer", "share": 0.6}, {"fair": "fair_song", "role": "source", "share": 0.4}
    ]});
    let (show, song) = (file(&home, "show.json", &show), file(&home, "song.json", &song));
    let missing = imajin(&["fair", "plan", &show, "--gross", "10.00 USD"]);
    assert!(
        missing.stderr.contains("fair_show → fair_song is not known here"),
        "{}",
        missing.stderr
    );
    let one = person(2);
    let arguments = [
        "fair",
        "plan",
        &show,
        "--gross",
        "10.00 USD",
        "--source",
        &song,
        "--accepted",
        &one,
        "--fees",
        "mjn",
    ];
    let plan = imajin(&arguments).expect_success();
    assert_eq!(amounts(&plan["legs"]), ["5.895", "1.965", "1.965"]);
    assert_eq!(plan["legs"][1]["steps"][0]["fair"], "fair_song");
    assert_eq!(
        (&plan["legs"][1]["held"], &plan["legs"][2]["held"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(plan["seller"], person(1));

    let contract = json!({
        "profile_did": person(2), "version": 3, "updated_at": "2026-01-01T00:00:00Z",
        "effective_at": "2026-01-01T00:00:00Z", "allocations": [
            {"label": "studio", "recipient": person(4), "percentage": 25},
            {"label": "me", "recipient": person(2), "percentage": 75}
        ]
    });
    let contract = file(&home, "contract.json", &contract);
    let arguments = [
        "fair",
        "plan",
        &show,
        "--gross",
        "10.00 USD",
        "--source",
        &song,
        "--all-accepted",
        "--contract",
        &contract,
    ];
    let plan = imajin(&arguments).expect_success();
    let parts = &plan["distribution"];
    assert_eq!(amounts(parts), ["6.00", "0.50", "1.50", "2.00"]);
    assert_eq!(
        (&parts[1]["route"][0]["label"], &parts[1]["route"][0]["version"]),
        (&json!("studio"), &json!(3))
    );
    let before = imajin(&[&arguments[..], &["--at", "2025-12-31T00:00:00Z"]].concat()).expect_success();
    assert_eq!(amounts(&before["distribution"]), ["6.00", "2.00", "2.00"]);
}

#[test]
fn a_manifest_of_other_software_is_converted_and_its_signature_checked() {
    let home = Home::new(Backend::Sqlite);
    let vectors: Value =
        serde_json::from_str(include_str!("../../../packages/fair/tests/vectors/foreign.json")).unwrap();
    let original = vectors["imajin11"].as_str().unwrap();
    let path = home.path("asset.json");
    std::fs::write(&path, original).unwrap();
    let refused = imajin(&["fair", "import", text(&path)]);
    assert!(
        refused.stderr.contains("nobody can be paid as platform"),
        "{}",
        refused.stderr
    );
    let (payee, out) = (format!("platform={}", person(9)), home.path("native.json"));
    let arguments = ["fair", "import", text(&path), "--payee", &payee, "--out", text(&out)];
    let imported = imajin(&arguments).expect_success();
    assert_eq!(imported["signatures"]["verified"].as_array().unwrap().len(), 2);
    assert_eq!(
        std::fs::read_to_string(home.path("native.original.json")).unwrap(),
        original
    );
    let plan = imajin(&["fair", "plan", text(&out), "--gross", "1.00 USD"]).expect_success();
    assert_eq!(amounts(&plan["legs"]), ["0.99", "0.01"]);
    assert!(!imajin(&arguments).success, "nothing is overwritten");
    std::fs::write(&path, original.replace("\"maxPercent\": 25", "\"maxPercent\": 90")).unwrap();
    let forged = imajin(&["fair", "import", text(&path), "--payee", &payee]);
    assert!(forged.stderr.contains("was changed after"), "{}", forged.stderr);
}

#[test]
fn a_contract_shows_its_effect_before_it_is_signed() {
    let home = Home::new(Backend::Sqlite);
    let key = home.key("profile.key");
    let key = text(&key);
    let studio = format!("--allocate=studio={}=12.5", person(4));
    let shown = imajin(&["key", "show", key]).expect_success();
    let own = format!("--allocate=me={}=87.5", shown["did"].as_str().unwrap());
    let write = [
        "contract",
        "preview",
        "--key",
        key,
        &own,
        &studio,
        "--minimum",
        "20.00 USD",
    ];
    let draft = imajin(&write).expect_success();
    assert_eq!(draft["contract"]["signature"], Value::Null);
    assert_eq!(amounts(&draft["effect"]), ["87.50", "12.50"]);
    assert_eq!(
        (&draft["effect"][0]["outcome"], &draft["effect"][1]["outcome"]),
        (&json!("paid"), &json!("accrued"))
    );
    let (first, second) = (home.path("one.json"), home.path("two.json"));
    imajin(&[&write[..], &["--out", text(&first)]].concat()).expect_success();
    let next = [
        &write[..],
        &[
            "--out",
            text(&second),
            "--after",
            text(&first),
            "--sample",
            "1000.00 USD",
        ],
    ]
    .concat();
    let signed = imajin(&next).expect_success();
    assert_eq!(
        (&signed["contract"]["version"], &signed["effect"][1]["outcome"]),
        (&json!(2), &json!("paid"))
    );
    // What was written verifies, and a change to it does not.
    let work = json!({"id": "fair_w", "author": person(1), "contributors": [
        {"did": shown["did"], "role": "artist", "share": 1}
    ]});
    let work = file(&home, "work.json", &work);
    let plan = [
        "fair",
        "plan",
        &work,
        "--gross",
        "1000.00 USD",
        "--all-accepted",
        "--at",
        "2100-01-01T00:00:00Z",
    ];
    let plan_with = |contract: &Path| imajin(&[&plan[..], &["--contract", text(contract)]].concat());
    assert_eq!(
        amounts(&plan_with(&second).expect_success()["distribution"]),
        ["875.00", "125.00"]
    );
    let changed = std::fs::read_to_string(&second).unwrap().replace("\"me\"", "\"us\"");
    std::fs::write(&second, changed).unwrap();
    assert!(plan_with(&second).stderr.contains("was changed after it was signed"));
}

fn git(repository: &Path, who: &str, arguments: &[&str]) {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(repository)
        .args(["-c", "commit.gpgsign=false"])
        .args(arguments);
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), who);
        command.env(format!("GIT_{role}_EMAIL"), format!("{who}@example.org"));
        command.env(format!("GIT_{role}_DATE"), "2026-03-01T12:00:00Z");
    }
    let done = command.output().unwrap();
    assert!(
        done.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// A main line with one commit of Ana's, then a merged branch of Ben's with Cleo's help, then a picture of Ana's.
fn repository(home: &Home) -> std::path::PathBuf {
    let path = home.path("repository");
    std::fs::create_dir(&path).unwrap();
    let write = |name: &str, lines: usize| std::fs::write(path.join(name), "line\n".repeat(lines)).unwrap();
    git(&path, "ana", &["init", "-q", "-b", "main"]);
    write("a name\twith a tab", 30);
    git(&path, "ana", &["add", "."]);
    git(&path, "ana", &["commit", "-q", "-m", "one"]);
    git(&path, "ana", &["checkout", "-q", "-b", "branch"]);
    write("b", 99);
    git(&path, "ben", &["add", "."]);
    git(
        &path,
        "ben",
        &["commit", "-q", "-m", "two\n\nCo-authored-by: Cleo <Cleo@example.org>"],
    );
    git(&path, "ben", &["commit", "-q", "--allow-empty", "-m", "nothing"]);
    git(&path, "ana", &["checkout", "-q", "main"]);
    git(&path, "ana", &["merge", "-q", "--no-ff", "-m", "merge", "branch"]);
    std::fs::write(path.join("picture"), [0, 1, 2, 0, 255]).unwrap();
    git(&path, "ana", &["add", "."]);
    git(&path, "ana", &["commit", "-q", "-m", "picture"]);
    path
}

/// The claims of everybody in the repository, signed with this key, and the command that uses them.
fn claims_sign(home: &Home, key: &str, who: &[(&str, u8)]) -> std::path::PathBuf {
    let path = home.path(&format!("claims-{}.json", who.len()));
    let mut arguments = vec!["fair", "claims", "--key", key, "--out", text(&path)];
    let claim = |(name, index): &(&str, u8)| format!("--claim={name}@example.org={}", person(*index));
    let claims: Vec<_> = who.iter().map(claim).collect();
    arguments.extend(claims.iter().map(String::as_str));
    imajin(&arguments).expect_success();
    path
}

const EVERYBODY: [(&str, u8); 3] = [("ana", 1), ("ben", 2), ("cleo", 3)];

#[test]
fn a_history_becomes_a_manifest_of_those_who_made_it() {
    let home = Home::new(Backend::Sqlite);
    let (repository, key) = (repository(&home), home.key("author.key"));
    let (repository, key) = (text(&repository), text(&key));
    let claims = claims_sign(&home, key, &EVERYBODY);
    let from = ["fair", "from-git", repository, "--claims", text(&claims), "--key", key];
    let made = imajin(&from).expect_success();
    let changes = made["changes"].as_array().unwrap();
    let shown: Vec<_> = changes
        .iter()
        .map(|change| (change["subject"].as_str().unwrap(), change["points"].as_u64().unwrap()))
        .collect();
    assert_eq!(shown, [("one", 130), ("merge", 199), ("picture", 100)]);
    assert_eq!(changes[1]["commits"].as_array().unwrap().len(), 3);
    // Ben has half of a commit of a hundred, and one of one: 51 of 101; Cleo the other half.
    let entries = made["manifest"]["contributors"].as_array().unwrap();
    let share = |index| {
        let own = entries.iter().find(|entry| entry["did"] == person(index));
        own.unwrap()["share"].clone()
    };
    // 230, 100 and 99 of 429 points.
    assert_eq!(
        [share(1), share(2), share(3)],
        [json!(0.536_131), json!(0.233_1), json!(0.230_769)]
    );
    let manifest: imajin_fair::Manifest = serde_json::from_value(made["manifest"].clone()).unwrap();
    let signer = manifest.signer().unwrap().public_key().unwrap();
    manifest.verify_signature(&signer).unwrap();
    assert!(!made.to_string().contains("@example.org"));
    let last = imajin(&[&from[..], &["--range", "HEAD~1..HEAD", "--per-change", "1"]].concat()).expect_success();
    assert_eq!(
        last["manifest"]["contributors"],
        json!([{"did": person(1), "role": "author", "share": 1}])
    );
}

#[test]
fn a_history_is_not_believed_about_who_its_authors_are() {
    let home = Home::new(Backend::Sqlite);
    let (repository, key) = (repository(&home), home.key("author.key"));
    let (repository, key) = (text(&repository), text(&key));
    let some = claims_sign(&home, key, &EVERYBODY[..2]);
    let from = ["fair", "from-git", repository, "--claims", text(&some), "--key", key];
    let refused = imajin(&from);
    assert!(refused.stderr.contains("cleo@example.org"), "{}", refused.stderr);
    let rest = person(9);
    let made = imajin(&[&from[..], &["--unclaimed-to", &rest]].concat()).expect_success();
    assert_eq!(made["changes"][1]["authors"].as_array().unwrap().len(), 2);
    for range in ["--range=--output=/nowhere", "--range=no-such-branch"] {
        assert!(!imajin(&[&from[..], &[range]].concat()).success, "{range}");
    }
    let other = home.key("other.key");
    let refused = imajin(&[
        "fair",
        "from-git",
        repository,
        "--claims",
        text(&some),
        "--key",
        text(&other),
    ]);
    assert!(
        refused.stderr.contains("who answers for the manifest"),
        "{}",
        refused.stderr
    );
}
