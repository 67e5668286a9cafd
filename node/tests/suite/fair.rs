//! `imajin fair` by its command line: new, sign, embed, verify, extract, strip, and what each says when it cannot.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{imajin, text};

const PAGE: &str = "<!doctype html><html><head><title>A</title></head><body>A work</body></html>\n";

/// A work, a key, and a signed manifest beside the work.
struct Desk {
    directory: TempDir,
    work: PathBuf,
    key: PathBuf,
    did: String,
}

impl Desk {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let directory = TempDir::new().unwrap();
        let (work, key) = (directory.path().join(name), directory.path().join("a.key"));
        std::fs::write(&work, bytes).unwrap();
        let made = imajin(&["key", "new", "--out", text(&key)]).expect_success();
        let did = made["did"].as_str().unwrap().to_owned();
        Self {
            directory,
            work,
            key,
            did,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn sidecar(&self) -> PathBuf {
        let mut name = self.work.clone().into_os_string();
        name.push(".fair.json");
        name.into()
    }

    fn new_and_sign(&self) {
        let share = format!("0.7,author,{}", self.did);
        let (work, key) = (text(&self.work), text(&self.key));
        let mut arguments = vec!["fair", "new", work, "--key", key, "--title", "A work"];
        arguments.extend(["--share", &share, "--share", "0.3,source,fair_example"]);
        arguments.extend([
            "--term",
            "read=0.08 USD",
            "--term",
            "train=prohibited",
            "--royalty",
            "0.1",
        ]);
        let made = imajin(&arguments).expect_success();
        assert_eq!(made["size"], std::fs::metadata(&self.work).unwrap().len());
        let signed = imajin(&["fair", "sign", text(&self.sidecar()), "--key", text(&self.key)]).expect_success();
        assert_eq!(signed["signer"], self.did.as_str());
        assert_eq!(signed["id"], made["id"]);
    }
}

/// How `fair verify` ends, and what it prints.
fn verify(path: &Path) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imajin"));
    let output = command.args(["--json", "fair", "verify", text(path)]).output().unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), json)
}

#[test]
fn a_work_is_signed_embedded_verified_changed_and_stripped() {
    let desk = Desk::new("page.html", PAGE.as_bytes());
    assert_eq!(verify(&desk.work).0, 2);
    desk.new_and_sign();
    assert_eq!(verify(&desk.work).1["place"], "sidecar");
    let embedded = imajin(&["fair", "embed", text(&desk.work)]).expect_success();
    assert_eq!(
        (&embedded["place"], &embedded["format"]),
        (&"embedded".into(), &"HTML".into())
    );
    std::fs::remove_file(desk.sidecar()).unwrap();

    let (code, report) = verify(&desk.work);
    assert_eq!(
        (code, &report["verdict"], &report["contentMatches"]),
        (0, &"intact".into(), &true.into())
    );
    assert_eq!(report["signer"], desk.did.as_str());
    assert_eq!(
        report["shares"][0],
        serde_json::json!({"share": "0.7", "role": "author", "payee": desk.did})
    );

    let manifest = imajin(&["fair", "extract", text(&desk.work)]).expect_success();
    assert_eq!(manifest["terms"]["train"]["price"], "prohibited");
    assert_eq!(imajin(&["fair", "show", text(&desk.work)]).expect_success(), manifest);

    let carrying = std::fs::read_to_string(&desk.work).unwrap();
    let changed = desk.path("changed.html");
    std::fs::write(&changed, carrying.replace("A work</body>", "B work</body>")).unwrap();
    let (code, report) = verify(&changed);
    assert_eq!((code, &report["contentMatches"]), (1, &false.into()));

    let stripped = imajin(&["fair", "strip", text(&desk.work)]).expect_success();
    assert_eq!(stripped["contentMatches"], true);
    assert_eq!(std::fs::read_to_string(&desk.work).unwrap(), PAGE);
    // Nothing was left lying about.
    let files = std::fs::read_dir(desk.directory.path()).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(
        names,
        ["a.key", "a.key.json", "a.key.next", "changed.html", "page.html"]
    );
}

#[test]
fn a_work_without_a_place_for_it_gets_the_manifest_beside_it() {
    let desk = Desk::new("main.rs", b"fn main() {}\n");
    desk.new_and_sign();
    let elsewhere = desk.path("elsewhere.rs");
    let refused = imajin(&["fair", "embed", text(&desk.work), "--out", text(&elsewhere)]).refusal();
    assert!(
        refused["detail"].as_str().unwrap().contains("leave out --out"),
        "{refused}"
    );
    assert!(!elsewhere.exists());
    let embedded = imajin(&["fair", "embed", text(&desk.work)]).expect_success();
    assert_eq!(embedded["place"], "sidecar");
    assert!(embedded["reason"].as_str().unwrap().contains("no place"));
    assert_eq!(verify(&desk.work).0, 0);
    std::fs::write(&desk.work, b"fn main() { }\n").unwrap();
    assert_eq!(verify(&desk.work).0, 1);
    let refused = imajin(&["fair", "embed", text(&desk.work)]).refusal();
    assert!(refused["detail"].as_str().unwrap().contains("other bytes"), "{refused}");
}

#[test]
fn the_work_is_left_alone_when_asked_and_kept_when_the_result_goes_elsewhere() {
    let desk = Desk::new("page.html", PAGE.as_bytes());
    desk.new_and_sign();
    let beside = imajin(&["fair", "embed", text(&desk.work), "--sidecar"]).expect_success();
    assert_eq!((&beside["place"], &beside["reason"]), (&"sidecar".into(), &Value::Null));
    let (carrying, stripped) = (desk.path("carrying.html"), desk.path("stripped.html"));
    imajin(&["fair", "embed", text(&desk.work), "--out", text(&carrying)]).expect_success();
    imajin(&["fair", "strip", text(&carrying), "--out", text(&stripped)]).expect_success();
    for path in [&desk.work, &stripped] {
        assert_eq!(std::fs::read_to_string(path).unwrap(), PAGE);
    }
    assert_eq!(verify(&carrying).1["place"], "embedded");
    let manifest = desk.path("manifest.json");
    imajin(&["fair", "extract", text(&carrying), "--out", text(&manifest)]).expect_success();
    assert_eq!(std::fs::read(manifest).unwrap(), std::fs::read(desk.sidecar()).unwrap());
}

#[test]
fn wrong_inputs_are_refused_in_one_line_that_says_what_to_do() {
    let desk = Desk::new("page.html", PAGE.as_bytes());
    let (work, key, did) = (text(&desk.work), text(&desk.key), desk.did.as_str());
    let stranger = desk.path("b.key");
    imajin(&["key", "new", "--out", text(&stranger)]).expect_success();
    let unsigned = desk.path("unsigned.json");
    imajin(&["fair", "new", work, "--key", key, "--out", text(&unsigned)]).expect_success();
    let share = format!("0.5,author,{did}");
    for (arguments, words) in [
        (
            vec!["fair", "new", work, "--author", did, "--share", &share],
            "sum to 0.5",
        ),
        (
            vec!["fair", "new", work, "--key", key, "--out", text(&unsigned)],
            "--force",
        ),
        (vec!["fair", "new", "absent.html", "--key", key], "absent.html"),
        (
            vec!["fair", "new", text(desk.directory.path()), "--key", key],
            "not a file",
        ),
        (vec!["fair", "embed", work], ".fair.json"),
        (
            vec!["fair", "embed", work, "--manifest", text(&unsigned)],
            "nobody signed",
        ),
        (vec!["fair", "embed", work, "--manifest", work], "cannot be read"),
        (
            vec!["fair", "sign", text(&unsigned), "--key", text(&stranger)],
            "not the author",
        ),
        (vec!["fair", "extract", work], "no manifest"),
        (vec!["fair", "show", work], "no manifest"),
    ] {
        let refused = imajin(&arguments).refusal();
        let detail = refused["detail"].as_str().unwrap();
        assert!(
            detail.contains(words) && !detail.contains('\n'),
            "{arguments:?}: {detail}"
        );
    }
    assert_eq!(verify(&desk.path("absent")).0, 3);
    let stripped = imajin(&["fair", "strip", work]).expect_success();
    assert_eq!(stripped["id"], Value::Null);
    assert_eq!(std::fs::read_to_string(&desk.work).unwrap(), PAGE);
}

#[test]
fn a_key_that_replaced_another_signs_as_the_identity() {
    let desk = Desk::new("page.html", PAGE.as_bytes());
    // As after a rotation: another key in the file, and beside it whose it is.
    let fresh = desk.path("fresh.key");
    imajin(&["key", "new", "--out", text(&fresh)]).expect_success();
    std::fs::copy(&fresh, &desk.key).unwrap();
    let manifest = desk.path("page.html.fair.json");
    imajin(&["fair", "new", text(&desk.work), "--key", text(&desk.key)]).expect_success();
    imajin(&["fair", "sign", text(&manifest), "--key", text(&desk.key)]).expect_success();
    let signed: Value = serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
    assert_eq!(signed["author"], desk.did.as_str());
    assert_eq!(signed["signature"]["did"], desk.did.as_str());
}
