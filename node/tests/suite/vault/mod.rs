//! What the node keeps secret: where it is, that it can be sealed anew, and that it is nowhere else.

mod change;
mod leaks;

use imajin_did::{Keyring, SecretKey};
use imajin_node::config::{Config, Overrides, ServiceName, load};
use imajin_node::data_dir::DataDir;
use imajin_node::run::database_open;
use imajin_node::vault::{database_services, sealed_columns};
use imajin_store::{Db, StoreError};
use serde_json::{Value, json};

use crate::support::{Buyer, Home, Node};

/// A rail whose wallet the node makes at its start. Nobody is asked before somebody pays.
const SOLANA: &str = "[rails.solana]\nnetwork = \"local\"\nrpc_url = \"http://127.0.0.1:9/\"\n\
                      usdc_mint = \"4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU\"\n";

fn config_of(home: &Home) -> Config {
    let mut overrides = Overrides::default();
    overrides.set("database.url", home.database_url().map(str::to_owned));
    load(&home.data(), &overrides).unwrap().config
}

async fn databases(home: &Home) -> Vec<(ServiceName, Db)> {
    let (data, config) = (DataDir::open(&home.data()).unwrap(), config_of(home));
    let mut open = Vec::new();
    for service in database_services(&data, &config) {
        open.push((service, database_open(&data, &config, service).await.unwrap().unwrap()));
    }
    open
}

/// Every secret in the databases: the place, and what is in it.
async fn secrets(databases: &[(ServiceName, Db)], keyring: &Keyring) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for (service, db) in databases {
        for column in sealed_columns(*service) {
            let keyring = keyring.clone();
            let opened = db
                .read(move |conn| Ok::<_, StoreError>((column.open)(conn, &keyring, 0)?))
                .await
                .unwrap();
            for secret in opened {
                let name = format!("{service}.{}.{} {}", column.table, column.column, secret.row);
                all.push((name, secret.secret.unwrap().to_vec()));
            }
        }
    }
    all
}

/// The seed of a soft identity's key.
pub(crate) async fn custodial_key(home: &Home, did: &str) -> SecretKey {
    let found = secrets_of(home).await.into_iter();
    let found = found.filter(|(name, _)| name.contains("custodial_keys") && name.ends_with(did));
    let seed: Vec<u8> = found.map(|(_, seed)| seed).next().unwrap();
    SecretKey::from_seed(seed.try_into().unwrap())
}

/// The token of the newest link in the development mailbox.
pub(crate) async fn newest_token(home: &Home) -> String {
    let mails = secrets_of(home).await.into_iter();
    let mails = mails.filter(|(name, _)| name.contains("development_mails"));
    let mail: Value = mails
        .map(|(_, mail)| serde_json::from_slice(&mail).unwrap())
        .next_back()
        .unwrap();
    mail["link"]
        .as_str()
        .unwrap()
        .split_once("token=")
        .unwrap()
        .1
        .to_owned()
}

async fn secrets_of(home: &Home) -> Vec<(String, Vec<u8>)> {
    let keyring = DataDir::open(&home.data()).unwrap().keyring_open().unwrap();
    let open = databases(home).await;
    let all = secrets(&open, &keyring).await;
    for (_, db) in open {
        db.close().await;
    }
    all
}

/// Proves a mailbox by the link in the development mailbox; gives back the link's token and the session's.
pub(crate) async fn mailbox_login(buyer: &Buyer, node: &Node, home: &Home, email: &str) -> (String, String) {
    let sent = buyer
        .http
        .post(buyer.url("/auth/api/onboard"))
        .json(&json!({"email": email}))
        .send();
    assert!(sent.await.unwrap().status().is_success());
    let token = newest_token(home).await;
    // As a browser and as a mail scanner: the address is in the request line.
    let page = buyer.http.get(buyer.url(&format!("/auth/onboard?token={token}")));
    assert!(page.send().await.unwrap().status().is_success());
    let used = buyer
        .http
        .post(buyer.url("/auth/onboard"))
        .header("origin", node.url())
        .form(&[("token", token.as_str())])
        .send()
        .await
        .unwrap();
    let cookie = used.headers()["set-cookie"].to_str().unwrap();
    let session = cookie.split_once('=').unwrap().1.split(';').next().unwrap().to_owned();
    (token, session)
}
