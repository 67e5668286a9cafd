//! `imajin verify` names every row that was changed behind the node's back.

use std::path::Path;

use diesel::result::DatabaseErrorKind;
use diesel::result::Error::DatabaseError;
use imajin_node::config::{Config, Overrides, ServiceName, load};
use imajin_node::data_dir::DataDir;
use imajin_node::run::database_open;
use imajin_node::verify::verify;
use imajin_store::{Conn, Db, StoreError, tamper};
use imajin_testkit::Backend;

use crate::support::{Buyer, Home, Node, event_find, imajin, text};

/// Fills the databases by the real path: registration, login, a paid, a refused and an open order, a registered node.
async fn history(home: &Home, node: &Node) {
    let key = home.key("buyer.key");
    imajin(&["login", "--node", &node.url(), "--key", text(&key)]).expect_success();
    let event = event_find(node, "10.00");
    let id = event["id"].as_str().unwrap();
    imajin(&[
        "ticket",
        "buy",
        "--node",
        &node.url(),
        "--key",
        text(&key),
        "--event",
        id,
    ])
    .expect_success();
    let buyer = Buyer::from_file(node, home, "buyer.key");
    let open = buyer.checkout(&event, 1, Some("left-open")).await;
    assert!(open.status().is_success());
    let mailbox = serde_json::json!({"email": "ada@example.org"});
    let sent = buyer
        .http
        .post(buyer.url("/auth/api/onboard"))
        .json(&mailbox)
        .send()
        .await
        .unwrap();
    assert!(sent.status().is_success());
    person(home, node, &key);
    works(home, node, &key);
    let registry = format!("{}/registry", node.url());
    let data = home.data();
    let args = [
        "node",
        "register",
        "--data",
        text(&data),
        "--registry",
        &registry,
        "--name",
        "alice",
    ];
    imajin(&args).expect_success();
}

/// A profile with a picture, somebody vouched for, and an invitation.
fn person(home: &Home, node: &Node, key: &Path) {
    let name = [
        "profile",
        "set",
        "--node",
        &node.url(),
        "--key",
        text(key),
        "--name",
        "Ada",
        "--bio",
        "Hello",
    ];
    imajin(&name).expect_success();
    let picture = crate::profile::picture_file(home);
    let picture = [
        "profile",
        "avatar",
        "--node",
        &node.url(),
        "--key",
        text(key),
        text(&picture),
    ];
    imajin(&picture).expect_success();
    let whom = imajin_did::SecretKey::from_seed([9; 32]).did().to_string();
    for args in [
        &["trust", "vouch", "--weight", "0.5", whom.as_str()][..],
        &["trust", "invite", "new"],
    ] {
        let place = ["--node", &node.url(), "--key", text(key)];
        imajin(&[args, &place[..]].concat()).expect_success();
    }
}

/// A published work with a contributor who accepts.
fn works(home: &Home, node: &Node, key: &Path) {
    let other = home.key("other.key");
    let (work, manifest) = crate::fair_library::strings(home, key, &other);
    crate::fair_library::fair(node, &["publish", &work, "--key", text(key)]).expect_success();
    crate::fair_library::register(node, &other, "other");
    crate::fair_library::fair(node, &["accept", manifest.id.as_str(), "--key", text(&other)]).expect_success();
}

/// Changes one column of the first row of a table, if the database lets us: a foreign key protects a column as well.
async fn change(db: &Db, table: &str, column: &str) -> Option<tamper::Tampered> {
    let (table, column) = (table.to_owned(), column.to_owned());
    let changed = db.write(move |conn: &mut Conn| -> Result<_, StoreError> {
        let Some(place) = tamper::rows(conn, &table)?.into_iter().next() else {
            return Ok(None);
        };
        Ok(tamper::tamper(conn, &table, &column, &place)?)
    });
    match changed.await {
        Err(StoreError::Database(DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _))) => None,
        changed => changed.unwrap(),
    }
}

async fn every_change_is_named(backend: Backend) {
    let home = Home::new(backend);
    let node = home.up(&["--demo"]);
    history(&home, &node).await;
    node.stop();
    home.verify_clean();

    let data = DataDir::open(&home.data()).unwrap();
    let mut overrides = Overrides::default();
    overrides.set("database.url", home.database_url().map(str::to_owned));
    let config = load(data.path(), &overrides).unwrap().config;
    let (mut changed, mut unseen) = (0, Vec::new());
    for service in [
        ServiceName::Auth,
        ServiceName::Pay,
        ServiceName::Events,
        ServiceName::Connections,
        ServiceName::Profile,
        ServiceName::Publisher,
        ServiceName::Query,
        ServiceName::Broker,
        ServiceName::Registry,
    ] {
        let only = Config {
            services: [service].into(),
            ..config.clone()
        };
        let db = database_open(&data, &only, service).await.unwrap().unwrap();
        let tables = db
            .read(|conn| Ok::<_, StoreError>(tamper::tables(conn)?))
            .await
            .unwrap();
        for table in tables {
            let name = table.clone();
            let columns = db
                .read(move |conn| Ok::<_, StoreError>(tamper::columns(conn, &name)?))
                .await
                .unwrap();
            for column in columns {
                let Some(tampered) = change(&db, &table, &column.name).await else {
                    continue;
                };
                changed += 1;
                let report = verify(&data, &only).await.unwrap();
                if !report.findings.iter().any(|finding| finding.table == table) {
                    unseen.push(format!("{service}.{table}.{}: {:?}", column.name, report.findings));
                }
                db.write(move |conn| Ok::<_, StoreError>(tampered.clone().undo(conn)?))
                    .await
                    .unwrap();
            }
        }
        db.close().await;
    }
    assert!(unseen.is_empty(), "changes that went unseen: {unseen:#?}");
    assert!(changed > 150, "only {changed} columns were changed");
    home.verify_clean();
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_every_changed_column_is_named_on_sqlite() {
    every_change_is_named(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heavy_every_changed_column_is_named_on_postgres() {
    every_change_is_named(Backend::Postgres).await;
}
