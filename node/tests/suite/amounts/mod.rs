//! Every amount, currency and rate that somebody can send, written in every way in which it is none.
//!
//! [`table::OPERATIONS`] says what each operation takes. One that the API descriptions have and the table does not, or
//! the other way round, fails the test: a new route cannot land without saying which of its members are money.

mod table;
mod wrong;

use std::collections::{BTreeMap, BTreeSet};

use imajin_fair::distribution::Contract;
use imajin_kernel::Env;
use imajin_kernel::id::EntryId;
use imajin_node::config::{Overrides, ServiceName, load};
use imajin_node::data_dir::DataDir;
use imajin_node::run::database_open;
use imajin_proof::SignedMessage;
use imajin_store::{StoreError, tamper};
use imajin_testkit::{Backend, on_both};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::broker::waited;
use crate::fair_library::work;
use crate::support::{Buyer, Home, Node};
use table::{Amount, By, Foreign, Form, Kind, OPERATIONS, Operation, Zero};

on_both!(no_amount_that_is_none_moves_anything);

/// The services that keep money, or that price something.
const SERVICES: [(&str, ServiceName); 5] = [
    ("pay", ServiceName::Pay),
    ("broker", ServiceName::Broker),
    ("events", ServiceName::Events),
    ("publisher", ServiceName::Publisher),
    ("query", ServiceName::Query),
];

/// What the node writes by itself, and that a signed request was there.
const NOT_OF_A_REQUEST: [&str; 9] = [
    "nonces",
    "mutation_checkpoints",
    "mutation_heads",
    "ledger_checkpoints",
    "ledger_trees",
    "reconcile_rounds",
    "differences",
    "rail_facts",
    "rail_sums",
];

/// Money of which nobody here has any, and that no rail here takes.
const FOREIGN: &str = "EUR";

/// The people of the test, and what the bodies name.
struct Scene {
    me: Buyer,
    operator: Buyer,
    names: BTreeMap<&'static str, String>,
    manifest: Value,
}

impl Scene {
    /// Somebody with 5.00, of which 1.00 is held, and the operator.
    async fn new(home: &Home, node: &Node) -> Self {
        let key = home.key("me.key");
        crate::fair_library::register(node, &key, "payer");
        let me = Buyer::from_file(node, home, "me.key");
        let other = Buyer::registered(node).await;
        let operator = Buyer::registered(node).await;
        let token = json!({"token": node.setup_token()});
        expect_success(sent(&operator, "POST", "/auth/api/setup", &token).await).await;

        let topup = json!({"amount": {"amount": "5.00", "currency": "TEST-USD"}});
        let checkout = expect_success(sent(&me, "POST", "/pay/api/topup", &topup).await).await;
        let session = me.login().await;
        me.sandbox_press(&session, &checkout["id"], "pay").await;
        let path = format!("/pay/api/checkout/{}", checkout["id"].as_str().unwrap());
        let receipt = waited(async || me.get(&session, &path).await.1["receipt"].as_str().map(str::to_owned)).await;
        let aside = json!({"amount": {"amount": "1.00", "currency": "TEST-USD"}});
        let hold = expect_success(sent(&me, "POST", "/pay/api/holds", &aside).await).await;

        let did = me.key.did();
        let draft = json!({
            "title": "A concert", "type": "event",
            "contributors": [{"did": did, "role": "organizer", "share": 1}],
        });
        let (_file, manifest) = work(home, "concert.fair.json", &key, draft);
        let served: Value = reqwest_json(&me, "/.well-known/did.json").await;
        let names = [
            ("{me}", did.to_string()),
            ("{other}", other.key.did().to_string()),
            ("{node}", served["id"].as_str().unwrap().to_owned()),
            ("{hold}", hold["id"].as_str().unwrap().to_owned()),
            ("{receipt}", receipt),
        ];
        Self {
            me,
            operator,
            names: names.into(),
            manifest: manifest.to_value(),
        }
    }

    /// The body with which nothing is wrong.
    fn body(&self, operation: &Operation) -> Value {
        let mut text = operation.body.replace("\"{manifest}\"", &self.manifest.to_string());
        for (name, stands_for) in &self.names {
            text = text.replace(name, stands_for);
        }
        serde_json::from_str(&text).unwrap()
    }

    /// The address, with what is there in its place.
    fn path(&self, operation: &Operation) -> String {
        let hold = operation
            .path
            .replace("/holds/{id}", &format!("/holds/{}", self.names["{hold}"]));
        hold.replace("{rail}", "sandbox")
            .replace("{checkout}", "chk_00000000000000000000000000")
            .replace("{id}", "cnt_00000000000000000000000000")
    }

    /// The body as its signer sends it; none if it cannot be signed.
    fn signed(&self, operation: &Operation, body: Value) -> Option<Value> {
        let (key, now) = (&self.me.key, Env::system().now());
        match operation.form {
            Form::Plain => Some(body),
            Form::Message(kind) => {
                let message = SignedMessage::sign(key, key.did(), kind, None, now, body).ok()?;
                Some(serde_json::to_value(message).unwrap())
            }
            // What is no contract cannot be signed as one: it is refused before anybody asks who signed.
            Form::Contract => Some(match Contract::from_value(body.clone()) {
                Ok(contract) => contract.sign(key, key.did(), now).unwrap().to_value(),
                Err(_none) => body,
            }),
        }
    }

    async fn send(&self, operation: &Operation, body: &Value) -> Response {
        let who = match operation.by {
            By::Person => &self.me,
            By::Operator => &self.operator,
        };
        sent(who, operation.method, &self.path(operation), body).await
    }

    /// Sends the body with one member changed; answers with what is wrong about the refusal. What is refused because of
    /// that member says so.
    async fn refused(&self, operation: &Operation, amount: &Amount, changed: &Changed) -> Option<String> {
        let mut body = self.body(operation);
        *body.pointer_mut(&changed.at).unwrap() = changed.to.clone();
        let body = self.signed(operation, body)?;
        let response = self.send(operation, &body).await;
        let status = response.status();
        let said = problem(response).await;
        let what = format!(
            "{} {} with {changed:?}: {status} {said}",
            operation.method, operation.path
        );
        let fits = match changed.must {
            Must::NameTheMember => status == StatusCode::BAD_REQUEST && names(&said, operation, amount),
            Must::BeRefused => status.is_client_error(),
        };
        (!fits).then_some(what)
    }
}

/// A member, what it is changed to, and what the answer owes.
#[derive(Debug)]
struct Changed {
    at: String,
    to: Value,
    must: Must,
}

#[derive(Debug, Clone, Copy)]
enum Must {
    NameTheMember,
    BeRefused,
}

/// Whether a refusal names an amount, or what is in it. What stands in a signed document is called as the document
/// calls it.
fn names(said: &Value, operation: &Operation, amount: &Amount) -> bool {
    let path = amount.at.trim_start_matches('/').replace("/0", "[0]").replace('/', ".");
    let Some(member) = said["member"].as_str() else {
        return false;
    };
    let of_message = matches!(operation.form, Form::Message(_)) && member.starts_with("payload");
    of_message || member.starts_with(&path) || path.ends_with(member)
}

/// A refusal in the form of all refusals.
async fn problem(response: Response) -> Value {
    let is_problem = response.headers()["content-type"] == "application/problem+json";
    let text = response.text().await.unwrap();
    let said = serde_json::from_str(&text).ok().filter(|_said| is_problem);
    said.unwrap_or_else(|| json!({"no problem document": text}))
}

async fn expect_success(response: Response) -> Value {
    let status = response.status();
    let said: Value = response.json().await.unwrap_or_default();
    assert!(status.is_success(), "{status} {said}");
    said
}

async fn reqwest_json(who: &Buyer, path: &str) -> Value {
    who.http.get(who.url(path)).send().await.unwrap().json().await.unwrap()
}

/// A signed request with an idempotency key of its own.
async fn sent(who: &Buyer, method: &str, path: &str, body: &Value) -> Response {
    let body = serde_json::to_vec(body).unwrap();
    let key: EntryId = Env::system().new_id();
    let key = key.to_string();
    let signed = who.signed(method, path, &body, Some(&key));
    let mut request = who.http.request(method.parse().unwrap(), who.url(path));
    for (name, value) in signed.headers() {
        request = request.header(name, value);
    }
    request = request.header("content-type", "application/json");
    request.body(signed.body).send().await.unwrap()
}

/// Every operation of these services that does not only read, as their descriptions have it.
async fn described(somebody: &Buyer) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (service, _name) in SERVICES {
        let spec = reqwest_json(somebody, &format!("/{service}/api/spec")).await;
        for (path, methods) in spec["paths"].as_object().unwrap() {
            let changing = |method: &&String| !["get", "head", "options"].contains(&method.as_str());
            for method in methods.as_object().unwrap().keys().filter(changing) {
                found.insert((method.to_uppercase(), format!("/{service}{path}")));
            }
        }
    }
    found
}

/// How many rows there are, table by table, in the databases of a node that is stopped.
async fn rows(home: &Home) -> BTreeMap<String, usize> {
    let data = DataDir::open(&home.data()).unwrap();
    let mut overrides = Overrides::default();
    overrides.set("database.url", home.database_url().map(str::to_owned));
    let config = load(data.path(), &overrides).unwrap().config;
    let mut counted = BTreeMap::new();
    for (service, name) in SERVICES {
        let db = database_open(&data, &config, name).await.unwrap().unwrap();
        let read = db.read(|conn| {
            let mut found = Vec::new();
            for table in tamper::tables(conn)? {
                let rows = tamper::rows(conn, &table)?.len();
                found.push((table, rows));
            }
            Ok::<_, StoreError>(found)
        });
        for (table, rows) in read.await.unwrap() {
            if !NOT_OF_A_REQUEST.contains(&table.as_str()) {
                counted.insert(format!("{service}.{table}"), rows);
            }
        }
        db.close().await;
    }
    counted
}

async fn no_amount_that_is_none_moves_anything(backend: Backend) {
    let home = Home::new(backend);
    home.configure(
        "services = [\"auth\", \"pay\", \"events\", \"connections\", \"profile\", \"publisher\", \"query\", \
         \"broker\", \"registry\", \"www\"]\n\n[broker]",
    );
    let node = home.up(&[]);
    let listen = node.url().trim_start_matches("http://").to_owned();
    let scene = Scene::new(&home, &node).await;
    let in_table: BTreeSet<_> = OPERATIONS
        .iter()
        .map(|operation| (operation.method.to_owned(), operation.path.to_owned()))
        .collect();
    assert_eq!(
        in_table,
        described(&scene.me).await,
        "the table and the API descriptions"
    );
    node.stop();
    let before = rows(&home).await;

    let node = home.up(&["--listen", &listen]);
    let mut wrong = Vec::new();
    for operation in OPERATIONS {
        for amount in operation.amounts {
            for changed in wrong::all(amount) {
                wrong.extend(scene.refused(operation, amount, &changed).await);
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers: {wrong:#?}", wrong.len());
    node.stop();
    assert_eq!(rows(&home).await, before, "something was written");

    // Money that is none of this node's is refused as well, but may be asked for: nothing is booked.
    let node = home.up(&["--listen", &listen]);
    let balance = balance(&scene.me).await;
    for operation in OPERATIONS {
        for amount in operation.amounts {
            if let Some(changed) = wrong::foreign(amount) {
                wrong.extend(scene.refused(operation, amount, &changed).await);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(self::balance(&scene.me).await, balance);
    node.stop();
    let ledger = |counted: &BTreeMap<String, usize>| counted.get("pay.ledger_entries").copied();
    assert!(ledger(&before).is_some());
    assert_eq!(ledger(&rows(&home).await), ledger(&before), "something was booked");
    home.verify_clean();
}

async fn balance(who: &Buyer) -> Value {
    let session = who.login().await;
    let (status, balance) = who.get(&session, "/pay/api/balance").await;
    assert!(status.is_success(), "{balance}");
    balance
}
