//! `docs/routes.md`: every operation, made from the API descriptions and the table of who may call what.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use imajin_testkit::Backend;
use serde_json::Value;

use super::table::{Access, OPERATIONS};
use super::{SERVICES, all_services};
use crate::support::{Buyer, Home};

const LIST: &str = "../docs/routes.md";
const HEAD: &str = "# All routes

Made from the API descriptions, which say more: what each route takes and answers (`/api/spec`). How they belong
together is in [API.md](API.md). Beneath the address of the node; *session* reads with a session's token, *signed* is
an RFC 9421 request, by whomever, by somebody who is registered, or by somebody with a key of their own; *proof* is in
the request itself. Where a broker names an arbiter, that one decides disputes and not the operator.
";

const fn who(access: Access) -> &'static str {
    match access {
        Access::Public => "anybody",
        Access::Proof => "proof",
        Access::Session => "session",
        Access::Signed => "signed",
        Access::Soft => "signed, registered",
        Access::Key => "signed, own key",
        Access::Operator => "signed, operator",
        Access::OperatorSession => "session, operator",
    }
}

async fn summaries(somebody: &Buyer, service: &str) -> BTreeMap<(String, String), String> {
    let url = somebody.url(&format!("/{service}/api/spec"));
    let spec: Value = somebody.http.get(url).send().await.unwrap().json().await.unwrap();
    let paths = spec["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| {
            let summary = operation["summary"].as_str().unwrap().trim_end_matches('.');
            let name = (format!("/{service}{path}"), method.to_uppercase());
            (name, summary.replace('|', "\\|").replace('\n', " "))
        })
    });
    operations.collect()
}

#[tokio::test]
async fn the_list_of_routes_is_current() {
    let home = Home::new(Backend::Sqlite);
    all_services(&home);
    let node = home.up(&[]);
    let somebody = Buyer::stranger(&node);
    let mut text = HEAD.to_owned();
    for service in SERVICES {
        write!(text, "\n## {service}\n\n| route | who | what |\n|---|---|---|\n").unwrap();
        for ((path, method), summary) in summaries(&somebody, service).await {
            let operation = OPERATIONS.iter().find(|one| one.method == method && one.path == path);
            let access = who(operation
                .unwrap_or_else(|| panic!("{method} {path} is not in the table"))
                .access);
            writeln!(text, "| `{method} {path}` | {access} | {summary} |").unwrap();
        }
    }
    node.stop();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(LIST);
    if std::env::var_os("IMAJIN_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/routes.md is out of date: IMAJIN_BLESS=1 cargo nextest run --workspace -E 'test(list_of_routes)'"
    );
}
