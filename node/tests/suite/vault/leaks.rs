//! No secret is where it could be found: not in a database, a write-ahead log, a file beside it, or what is logged.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use imajin_did::{MasterKey, Sealed};
use imajin_node::data_dir::DataDir;
use imajin_node::run::database_open;
use imajin_store::{StoreError, dump};
use imajin_testkit::Backend;
use serde_json::Value;

use super::{SOLANA, config_of, databases, mailbox_login, secrets};
use crate::support::{Buyer, Home, event_find, imajin, text};

/// A text or bytes to look for, in every form that it could have been written in.
struct Needle {
    name: String,
    forms: Vec<Vec<u8>>,
}

impl Needle {
    fn new(name: impl Into<String>, secret: &[u8]) -> Self {
        let mut forms = vec![
            secret.to_vec(),
            hex::encode(secret).into_bytes(),
            hex::encode_upper(secret).into_bytes(),
            bs58::encode(secret).into_string().into_bytes(),
        ];
        // Base64 writes three bytes as four letters: within something longer, a PEM file for example, a secret stands
        // in one of three ways. The letters at its ends depend on its neighbours.
        for before in 0..3 {
            let shifted = [&vec![0; before][..], secret].concat();
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                let letters = engine.encode(&shifted).into_bytes();
                forms.push(letters[if before == 0 { 0 } else { 4 }..letters.len() - 2].to_vec());
            }
        }
        Self {
            name: name.into(),
            forms,
        }
    }

    fn is_in(&self, hay: &[u8]) -> bool {
        let is_form = |form: &Vec<u8>| hay.windows(form.len()).any(|window| window == form.as_slice());
        self.forms.iter().any(is_form)
    }
}

/// Seeds, the tokens within messages, what the vault holds.
async fn needles(home: &Home) -> Vec<Needle> {
    let data = DataDir::open(&home.data()).unwrap();
    let keyring = data.keyring_open().unwrap();
    let mut all = vec![Needle::new("the node's key", keyring.node_key().to_seed().as_slice())];
    for service in ["auth", "pay", "connections", "profile", "events", "query", "registry"] {
        all.push(Needle::new(
            "a key of row seals",
            &keyring.derive(&format!("row-seal/{service}")),
        ));
    }
    let master = std::fs::read_to_string(home.data().join("master.key")).unwrap();
    all.push(Needle::new("the master key", &hex::decode(master.trim()).unwrap()));
    let vault: Value = serde_json::from_slice(&std::fs::read(home.data().join("vault.json")).unwrap()).unwrap();
    let sealed = Sealed::from_bytes(hex::decode(vault["slots"][0]["sealed"].as_str().unwrap()).unwrap());
    let master = MasterKey::from_hex(master.trim()).unwrap();
    let inside = sealed.open(&master, "vault/1/file").unwrap();
    for line in std::str::from_utf8(&inside).unwrap().lines() {
        all.push(Needle::new("a key in the vault", &hex::decode(line).unwrap()));
    }
    let open = databases(home).await;
    for (name, secret) in secrets(&open, &keyring).await {
        let link = serde_json::from_slice::<Value>(&secret).ok();
        let token = link.and_then(|mail| Some(mail.get("link")?.as_str()?.split_once("token=")?.1.to_owned()));
        all.push(Needle::new(name, token.map_or(secret, String::into_bytes).as_slice()));
    }
    for (_, db) in open {
        db.close().await;
    }
    all
}

/// Every file of the data directory but the master key, every row of every database, and the log.
async fn haystacks(home: &Home, log: String) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![("the log".to_owned(), log.into_bytes())];
    for entry in std::fs::read_dir(home.data()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("master.key") {
            all.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
    let (data, config) = (DataDir::open(&home.data()).unwrap(), config_of(home));
    for service in config.services.clone() {
        let Some(db) = database_open(&data, &config, service).await.unwrap() else {
            continue;
        };
        let rows = db.read(|conn| Ok::<_, StoreError>(dump::rows(conn)?)).await.unwrap();
        // Nobody has registered a node, written a profile, or signed that they know somebody.
        assert!(rows.len() > 3 || service.is_optional(), "{service}");
        all.push((format!("the database of {service}"), rows.join("\n").into_bytes()));
        db.close().await;
    }
    all
}

async fn no_secret_is_found(backend: Backend) {
    let mut home = Home::new(backend);
    home.environment_set([("IMAJIN_LOG", "trace".into())]);
    // HTTPS, so that the node makes a certificate with a key.
    home.configure("[tls]\nmode = \"on\"");
    let with_certificate = home.up(&[]);
    let mut log = with_certificate.kill_and_read();
    home.configure_replace("mode = \"on\"", "mode = \"off\"");
    home.configure(SOLANA);
    let node = home.up(&["--demo"]);
    let setup = node.setup_token();
    let operator = home.key("operator.key");
    imajin(&[
        "login",
        "--node",
        &node.url(),
        "--key",
        text(&operator),
        "--setup",
        &setup,
    ])
    .expect_success();
    let person = Buyer::registered(&node).await;
    let session = person.login().await;
    let (token, soft_session) = mailbox_login(&person, &node, &home, "ada@example.org").await;
    for session in [&session, &soft_session] {
        assert_eq!(person.get(session, "/auth/api/session").await.0, 200);
        assert_eq!(person.get(session, "/auth/api/sessions").await.0, 200);
    }
    let event = event_find(&node, "10.00");
    let bought = person.checkout(&event, 1, None).await;
    assert!(bought.status().is_success());
    // Killed, so that what was written last is still in the write-ahead log.
    log.push_str(&node.kill_and_read());
    assert!(log.len() > 2000, "nothing was logged: {log}");

    let mut needles = needles(&home).await;
    for (name, secret) in [
        ("the setup token", &setup),
        ("a session token", &session),
        ("a mailbox's session token", &soft_session),
        ("a mailbox token", &token),
    ] {
        needles.push(Needle::new(name, secret.as_bytes()));
        // A token without its signature opens nothing, with it everything.
        if let Some((_, signature)) = secret.rsplit_once('.') {
            needles.push(Needle::new(format!("{name}: its signature"), signature.as_bytes()));
        } else {
            needles.push(Needle::new(format!("{name}: its bytes"), &hex::decode(secret).unwrap()));
        }
    }
    assert!(needles.len() > 19, "only {} secrets", needles.len());
    assert!(
        needles
            .iter()
            .any(|needle| needle.name.starts_with("pay.solana_wallets"))
    );
    let mut found = Vec::new();
    for (place, hay) in haystacks(&home, log).await {
        assert!(!memmem(&hay, b"PRIVATE KEY"), "{place} holds a private key as PEM");
        found.extend(
            needles
                .iter()
                .filter(|needle| needle.is_in(&hay))
                .map(|needle| format!("{} is in {place}", needle.name)),
        );
    }
    assert!(found.is_empty(), "{found:#?}");
}

fn memmem(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

#[test]
fn a_secret_is_found_in_every_form() {
    let secret: Vec<u8> = (0..32).map(|byte| byte * 7 + 3).collect();
    let needle = Needle::new("x", &secret);
    for before in 0..4 {
        let longer = [&vec![9; before][..], &secret, &[1, 2, 3]].concat();
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let text = format!("a {} b", engine.encode(&longer));
            assert!(needle.is_in(text.as_bytes()), "{before}");
        }
        assert!(needle.is_in(hex::encode_upper(&longer).as_bytes()));
        assert!(needle.is_in(&longer));
    }
    assert!(needle.is_in(bs58::encode(&secret).into_string().as_bytes()));
    assert!(!needle.is_in(&secret[1..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_found_on_sqlite() {
    no_secret_is_found(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_found_on_postgres() {
    no_secret_is_found(Backend::Postgres).await;
}
