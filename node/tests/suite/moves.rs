//! Somebody moves to another node with what is theirs, by the command line.

use std::path::PathBuf;

use imajin_testkit::{Backend, on_both};
use serde_json::Value;

use crate::keys_abroad::Place;
use crate::support::{imajin, text};

fn at(place: &Place, args: &[&str], key: &str) -> crate::support::Outcome {
    let origin = place.origin();
    let mut all = args.to_vec();
    all.extend(["--node", &origin, "--key", key]);
    imajin(&all)
}

fn changed(bundle: &PathBuf, to: &PathBuf, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&std::fs::read(bundle).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(to, value.to_string()).unwrap();
}

async fn a_person_moves_with_what_is_theirs(backend: Backend) {
    let (old, new) = (Place::new(backend), Place::new(backend));
    let (old_node, new_node) = (old.up(), new.up());
    let (ada, eve) = (old.home.key("ada.key"), old.home.key("eve.key"));
    let (key, other) = (text(&ada).to_owned(), text(&eve).to_owned());
    let did = at(&old, &["login", "--handle", "ada"], &key).expect_success()["did"]
        .as_str()
        .unwrap()
        .to_owned();
    at(&old, &["login"], &other).expect_success();
    at(&old, &["profile", "set", "--name", "Ada", "--bio", "Counts."], &key).expect_success();
    let file = old.home.path("bundle.json");
    let saved = at(&old, &["move", "export", "--out", text(&file)], &key).expect_success();
    assert_eq!(
        (saved["did"].as_str(), saved["missing"].as_u64()),
        (Some(did.as_str()), Some(0))
    );
    imajin(&["move", "verify", text(&file)]).expect_success();

    // A bundle that was changed, one that somebody else has signed, and somebody else's.
    let wrong = old.home.path("wrong.json");
    changed(&file, &wrong, |bundle| {
        bundle["export"]["profile"]["displayName"] = "Eve".into();
    });
    let refused = imajin(&["move", "verify", text(&wrong)]);
    assert!(
        refused.stderr.contains("was changed after it was signed"),
        "{}",
        refused.stderr
    );
    changed(&file, &wrong, |bundle| {
        bundle["signature"]["from"] = "did:mjn:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK".into();
    });
    let refused = imajin(&["move", "verify", text(&wrong)]);
    assert!(
        refused.stderr.contains("nobody brings what is another's"),
        "{}",
        refused.stderr
    );
    changed(&file, &wrong, |bundle| bundle["signature"]["timestamp"] = 1.into());
    let refused = imajin(&["move", "verify", text(&wrong)]);
    assert!(refused.stderr.contains("not signed by its owner"), "{}", refused.stderr);
    let refused = at(&new, &["move", "import", text(&file)], &other);
    assert!(refused.stderr.contains("bring your own"), "{}", refused.stderr);

    // Not before one is there.
    let refused = at(&old, &["move", "home", &new.origin()], &key);
    assert!(
        refused.stderr.contains("not registered at the new node"),
        "{}",
        refused.stderr
    );
    let brought = at(&new, &["move", "import", text(&file), "--handle", "ada"], &key).expect_success();
    assert_eq!(
        (&brought["registered"], &brought["parts"][0]["brought"]),
        (&true.into(), &1.into()),
        "{brought}"
    );
    // Twice is as once.
    let again = at(&new, &["move", "import", text(&file)], &key).expect_success();
    assert_eq!(
        (&again["registered"], &again["parts"][0]["brought"]),
        (&false.into(), &0.into()),
        "{again}"
    );
    let shown = at(&new, &["profile", "show"], &key).expect_success();
    assert_eq!(shown["displayName"], "Ada", "{shown}");
    let moved = at(&old, &["move", "home", &new.origin()], &key).expect_success();
    assert_eq!(moved["url"].as_str(), Some(new.origin().as_str()));
    for (place, node) in [(&old, old_node), (&new, new_node)] {
        node.stop();
        place.home.verify_clean();
    }
}

on_both!(a_person_moves_with_what_is_theirs);
