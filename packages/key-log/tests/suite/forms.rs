use imajin_key_log::{Entry, EntryDraft, EntryHash, KeyLog, KeyLogError};
use imajin_proof::digest::sha256_hex;
use serde_json::{Value, json};

use crate::{NOW, Person, hidden, key, witnesses};

/// The example of `docs/key-log.md`.
fn example() -> Entry {
    EntryDraft::inception(&key(1).public(), hidden(&key(2)), Some(key(9).public()), NOW)
        .sign(&[&key(1)])
        .unwrap()
}

#[test]
fn the_worked_example_of_the_documentation_is_true() {
    let page = include_str!("../../../../docs/key-log.md");
    let entry = example();
    let mut content = serde_json::to_value(&entry).unwrap();
    content.as_object_mut().unwrap().remove("proof");
    let canonical = imajin_proof::jcs::to_string(&content).unwrap();
    assert_eq!(entry.hash().unwrap().to_string(), sha256_hex(canonical.as_bytes()));
    let mut options = serde_json::to_value(&entry.proof[0]).unwrap();
    options.as_object_mut().unwrap().remove("proofValue");
    let options = imajin_proof::jcs::to_string(&options).unwrap();
    for text in [
        key(1).did().to_string(),
        key(2).public().multikey(),
        key(9).public().multikey(),
        canonical,
        entry.hash().unwrap().to_string(),
        sha256_hex(options.as_bytes()),
        options,
        entry.proof[0].proof_value.clone(),
    ] {
        assert!(page.contains(&text), "docs/key-log.md lacks {text}");
    }
}

#[test]
fn the_text_round_trips_and_has_one_form() {
    let entry = example();
    let text = entry.to_text().unwrap();
    assert_eq!(Entry::from_slice(text.as_bytes()), Ok(entry.clone()));
    let spaced = serde_json::to_string_pretty(&entry).unwrap();
    assert_eq!(Entry::from_slice(spaced.as_bytes()).unwrap().hash(), entry.hash());
}

#[test]
fn what_is_no_entry_is_refused() {
    let good = serde_json::to_value(example()).unwrap();
    let changes: [(&str, Option<Value>); 13] = [
        ("prev", None),
        ("nextKeyHash", None),
        ("recovery", None),
        ("proof", None),
        ("more", Some(json!(1))),
        ("seq", Some(json!(-1))),
        ("seq", Some(json!(0.5))),
        ("version", Some(json!(300))),
        ("did", Some(json!("did:mjn:zNonsense"))),
        ("keys", Some(json!(["z6Mknonsense"]))),
        ("nextKeyHash", Some(json!("AB".repeat(32)))),
        ("nextKeyHash", Some(json!("ab".repeat(31)))),
        ("at", Some(json!("2026-03-01"))),
    ];
    for (name, value) in changes {
        let mut entry = good.clone();
        match value {
            Some(value) => entry[name] = value,
            None => drop(entry.as_object_mut().unwrap().remove(name)),
        }
        let read = Entry::from_slice(entry.to_string().as_bytes());
        assert!(matches!(read, Err(KeyLogError::Malformed(_))), "{name}");
    }
    let twice = good.to_string().replacen('{', "{\"seq\":0,", 1);
    assert!(matches!(
        Entry::from_slice(twice.as_bytes()),
        Err(KeyLogError::Malformed(_))
    ));
    let long = format!("{}{}", " ".repeat(20_000), good);
    assert_eq!(Entry::from_slice(long.as_bytes()), Err(KeyLogError::TooLarge));
}

#[test]
fn a_first_entry_says_what_it_must() {
    let sign = |draft: EntryDraft| draft.sign(&[&key(1)]).unwrap();
    let inception = |next, recovery| sign(EntryDraft::inception(&key(1).public(), next, recovery, NOW));
    let refused = |entry: Entry| {
        let log = KeyLog {
            entries: vec![entry],
            receipts: vec![],
        };
        log.verify(NOW, &witnesses).unwrap_err()
    };
    assert_eq!(refused(inception(None, Some(key(1).public()))), KeyLogError::SameKey);
    assert_eq!(refused(inception(hidden(&key(1)), None)), KeyLogError::SameKey);
    assert_eq!(
        refused(inception(hidden(&key(9)), Some(key(9).public()))),
        KeyLogError::SameKey
    );
    let by_other = EntryDraft::inception(&key(1).public(), None, None, NOW)
        .sign(&[&key(7)])
        .unwrap();
    assert_eq!(refused(by_other), KeyLogError::NotByCurrentKey);
    let mut version = example();
    version.version = 2;
    assert_eq!(refused(version), KeyLogError::Version);
    let mut form = example();
    form.did = key(1).did().also_known_as().remove(0);
    assert_eq!(refused(form), KeyLogError::DidForm);
    let mut two = example();
    two.keys.push(key(4).public());
    assert_eq!(refused(two), KeyLogError::Inception);
    let mut numbered = example();
    numbered.seq = 1;
    assert_eq!(refused(numbered), KeyLogError::Inception);
    assert!(matches!(
        KeyLog::default().verify(NOW, &witnesses),
        Err(KeyLogError::Limit(_))
    ));
}

#[test]
fn a_proof_says_exactly_what_it_must() {
    let verdict = |entry: Entry| {
        let log = KeyLog {
            entries: vec![entry],
            receipts: vec![],
        };
        log.verify(NOW, &witnesses).unwrap_err()
    };
    let mut purpose = example();
    purpose.proof[0].proof_purpose = "authentication".to_owned();
    assert_eq!(verdict(purpose), KeyLogError::ProofForm);
    let mut created = example();
    created.proof[0].created = Some("2026-03-01T00:00:00Z".to_owned());
    assert_eq!(verdict(created), KeyLogError::ProofForm);
    let mut extra = example();
    extra.proof[0].extra.insert("nonce".to_owned(), json!("x"));
    assert_eq!(verdict(extra), KeyLogError::ProofForm);
    let mut twice = example();
    twice.proof.push(twice.proof[0].clone());
    assert_eq!(verdict(twice), KeyLogError::ProofForm);
    let mut suite = example();
    suite.proof[0].cryptosuite = "eddsa-rdfc-2022".to_owned();
    assert!(matches!(verdict(suite), KeyLogError::Proof(_)));
}

#[test]
fn receipts_are_checked() {
    let person = Person::new();
    let verdict = |change: &dyn Fn(&mut KeyLog)| {
        let mut log = person.log.clone();
        change(&mut log);
        log.verify(person.now, &witnesses)
    };
    assert_eq!(
        verdict(&|log| log.receipts[0].timestamp += 1),
        Err(KeyLogError::Receipt)
    );
    assert_eq!(
        verdict(&|log| log.receipts[0].payload.seq += 1),
        Err(KeyLogError::Receipt)
    );
    assert_eq!(
        verdict(&|log| log.receipts[0].from = key(150).did()),
        Err(KeyLogError::Receipt)
    );
    assert_eq!(
        verdict(&|log| log.receipts[0].kind = "receipt".to_owned()),
        Err(KeyLogError::Receipt)
    );
    let other: EntryHash = "ab".repeat(32).parse().unwrap();
    assert_eq!(
        verdict(&|log| log.receipts[0].payload.entry = other),
        Err(KeyLogError::ReceiptOfNothing)
    );
    let many = verdict(&|log| log.receipts = vec![log.receipts[0].clone(); 65]);
    assert!(matches!(many, Err(KeyLogError::Limit(_))));
}
