//! Changing the master key: cut off after each step, between all kinds of master key, on both databases.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use imajin_kernel::Env;
use imajin_node::data_dir::DataDir;
use imajin_node::vault::{NewMasterKey, PassphraseSource, Sources, Step, VaultError, change, sealed_columns};
use imajin_node::verify::verify;
use imajin_store::{StoreError, tamper};
use imajin_testkit::Backend;

use super::{SOLANA, config_of, databases, mailbox_login, secrets};
use crate::support::{Buyer, Home, imajin, text};

/// A stopped node with a secret in every place.
async fn filled(backend: Backend) -> Home {
    let home = Home::new(backend);
    home.configure(SOLANA);
    let node = home.up(&["--demo"]);
    let person = Buyer::registered(&node).await;
    mailbox_login(&person, &node, &home, "ada@example.org").await;
    node.stop();
    home
}

async fn audit_clean(home: &Home, data: &DataDir) {
    let report = verify(data, &config_of(home)).await.unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

/// Changes the key, and is cut off after so many steps; says whether it was.
async fn change_cut(home: &Home, data: &DataDir, to: &NewMasterKey, steps: usize) -> bool {
    let open = databases(home).await;
    let taken = AtomicUsize::new(0);
    let watch = |_step: Step| match taken.fetch_add(1, Ordering::Relaxed) {
        taken if taken < steps => Ok(()),
        _ => Err(VaultError::Stopped),
    };
    let changed = change(&data.vault(), to, &open, &Env::system(), &watch).await;
    for (_, db) in open {
        db.close().await;
    }
    match changed {
        Ok(_) => false,
        Err(VaultError::Stopped) => true,
        Err(error) => panic!("{error}"),
    }
}

async fn a_change_that_is_cut_off_loses_nothing(backend: Backend) {
    let home = filled(backend).await;
    let data = DataDir::open(&home.data()).unwrap();
    let before = data.keyring_open().unwrap();
    let open = databases(&home).await;
    let kept = secrets(&open, &before).await;
    for (_, db) in open {
        db.close().await;
    }
    assert!(kept.len() > 4, "{kept:?}");
    let mut steps = 0;
    loop {
        let cut = change_cut(&home, &data, &NewMasterKey::File, steps).await;
        // Whatever is there after a power cut at this moment: it opens, and everything in it.
        let keyring = data.keyring_open().unwrap();
        assert_eq!(keyring.node_did(), before.node_did(), "after {steps} steps");
        let open = databases(&home).await;
        assert_eq!(secrets(&open, &keyring).await, kept, "after {steps} steps");
        for (_, db) in open {
            db.close().await;
        }
        audit_clean(&home, &data).await;
        if !cut {
            break;
        }
        steps += 1;
    }
    assert!(steps > 7, "only {steps} steps");
    let shown = imajin(&["node", "master-key", "show", "--data", text(&home.data())]).expect_success();
    assert_eq!(shown["changeUnfinished"], false);
    home.up(&[]).stop();
    home.verify_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_cut_off_loses_nothing_on_sqlite() {
    a_change_that_is_cut_off_loses_nothing(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_cut_off_loses_nothing_on_postgres() {
    a_change_that_is_cut_off_loses_nothing(Backend::Postgres).await;
}

fn copy_of(data: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in ["vault.json", "master.key", "node.key"] {
        if data.join(name).exists() {
            std::fs::copy(data.join(name), to.join(name)).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn either_master_key_opens_during_a_change_and_only_the_new_one_afterwards() {
    let home = filled(Backend::Sqlite).await;
    let data = DataDir::open(&home.data()).unwrap();
    let old = std::fs::read(home.data().join("master.key")).unwrap();
    assert!(change_cut(&home, &data, &NewMasterKey::File, 2).await);
    let new = std::fs::read(home.data().join("master.key")).unwrap();
    assert_ne!(old, new);
    let elsewhere = home.path("elsewhere");
    copy_of(&home.data(), &elsewhere);
    for key in [&old, &new] {
        std::fs::write(elsewhere.join("master.key"), key).unwrap();
        DataDir::open(&elsewhere).unwrap().keyring_open().unwrap();
    }
    assert!(!change_cut(&home, &data, &NewMasterKey::File, usize::MAX).await);
    copy_of(&home.data(), &elsewhere);
    DataDir::open(&elsewhere).unwrap().keyring_open().unwrap();
    for key in [&old, &new] {
        std::fs::write(elsewhere.join("master.key"), key).unwrap();
        assert!(DataDir::open(&elsewhere).unwrap().keyring_open().is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_goes_from_a_file_to_a_passphrase_to_a_credential_and_back() {
    let mut home = filled(Backend::Sqlite).await;
    let (data, passphrase) = (home.data(), home.path("passphrase"));
    std::fs::write(&passphrase, "five words that nobody says\n").unwrap();
    let change = |to: &str, extra: &[&str]| {
        let mut args = vec!["node", "master-key", "change", "--data", text(&data), "--to", to];
        args.extend(extra);
        imajin(&args)
    };
    change("passphrase", &["--new-passphrase-file", text(&passphrase)]).expect_success();
    assert!(!data.join("master.key").exists());
    assert!(home.up_refused(&[]).contains("IMAJIN_PASSPHRASE_FILE"));
    home.environment_set([("IMAJIN_PASSPHRASE_FILE", passphrase.clone().into_os_string())]);
    home.up(&[]).stop();

    // In this process, because a command has its sources from its environment.
    let wrong = home.path("wrong");
    std::fs::write(&wrong, "five other words entirely").unwrap();
    let by = |file: &Path| Sources {
        credentials: None,
        passphrase: PassphraseSource::File(file.to_owned()),
    };
    let dir = DataDir::open(&data).unwrap();
    assert!(dir.clone().with_sources(by(&wrong)).keyring_open().is_err());
    let dir = dir.with_sources(by(&passphrase));
    let credentials = home.path("credentials");
    std::fs::create_dir(&credentials).unwrap();
    let to = NewMasterKey::Credential(credentials.join("imajin-master-key"));
    assert!(!change_cut(&home, &dir, &to, usize::MAX).await);
    assert!(dir.keyring_open().is_err(), "the passphrase opens nothing any more");
    let dir = dir.with_sources(Sources {
        credentials: Some(credentials.clone()),
        passphrase: PassphraseSource::Terminal,
    });
    dir.keyring_open().unwrap();
    home.environment_set([("CREDENTIALS_DIRECTORY", credentials.into_os_string())]);
    home.up(&[]).stop();

    assert!(!change_cut(&home, &dir, &NewMasterKey::File, usize::MAX).await);
    DataDir::open(&data)
        .unwrap()
        .with_sources(Sources::default())
        .keyring_open()
        .unwrap();
    audit_clean(&home, &dir).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_node_and_a_short_passphrase_are_refused() {
    let home = Home::new(Backend::Sqlite);
    let node = home.up(&[]);
    let data = home.data();
    let args = ["node", "master-key", "change", "--data", text(&data), "--to"];
    let said = imajin(&[&args[..], &["file"]].concat());
    assert!(said.stderr.contains("another imajin runs on"), "{}", said.stderr);
    node.stop();
    let short = home.path("short");
    std::fs::write(&short, "short").unwrap();
    let extra = ["passphrase", "--new-passphrase-file", text(&short)];
    let said = imajin(&[&args[..], &extra].concat());
    assert!(said.stderr.contains("too short"), "{}", said.stderr);
    home.up(&[]).stop();
}

/// The URL of its database is in the environment of the service, and not in that of whoever types the command.
#[test]
fn a_node_whose_database_is_elsewhere_is_not_taken_for_an_empty_one() {
    let home = Home::new(Backend::Sqlite);
    let data = home.data();
    imajin(&["node", "init", "--data", text(&data)]).expect_success();
    let key = std::fs::read(data.join("master.key")).unwrap();
    let change = ["node", "master-key", "change", "--to", "file", "--data", text(&data)];
    for command in [&change[..], &["verify", "--data", text(&data)]] {
        let said = imajin(command);
        assert!(!said.success);
        assert!(said.stderr.contains("there is no database in"), "{}", said.stderr);
    }
    assert_eq!(std::fs::read(data.join("master.key")).unwrap(), key);
    assert!(!data.join("auth.sqlite3").exists());
    imajin(&[&change[..], &["--database", "sqlite"]].concat()).expect_success();
    assert_ne!(std::fs::read(data.join("master.key")).unwrap(), key);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_sealed_column_is_in_the_list() {
    let home = filled(Backend::Sqlite).await;
    let (data, config) = (DataDir::open(&home.data()).unwrap(), config_of(&home));
    for service in config.services.clone() {
        let opened = imajin_node::run::database_open(&data, &config, service).await.unwrap();
        let Some(db) = opened else { continue };
        let columns = db.read(|conn| {
            let mut sealed = Vec::new();
            for table in tamper::tables(conn)? {
                let columns = tamper::columns(conn, &table)?.into_iter();
                sealed.extend(columns.filter(|column| column.name.starts_with("sealed_")));
            }
            Ok::<_, StoreError>(sealed)
        });
        for column in columns.await.unwrap() {
            let listed = sealed_columns(service)
                .iter()
                .any(|known| known.table == column.table && known.column == column.name);
            assert!(listed, "{service}.{}.{} is in no list", column.table, column.name);
        }
        db.close().await;
    }
}
