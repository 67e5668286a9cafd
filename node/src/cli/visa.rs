//! Paying at one node from a balance at another: the home node's broker promises the price by a visa.

use imajin_imagxp::broker::{VisaIssued, VisaOrder};
use imajin_kernel::Code;
use imajin_money::Money;
use imajin_proof::digest::sha256_hex;
use url::Url;

use super::client::IdentityClient;
use super::{CommandError, KeyArg, NodeArg, Output};

/// How long a visa from home is good: as long as a quote.
const VISA_SECONDS: u32 = 600;

/// Has the home node promise this much to the node that `client` talks to; the same promise however often it is asked
/// for by this name.
pub(super) async fn visa_from_home(
    (node, key): (&NodeArg, &KeyArg),
    home: &Url,
    client: &IdentityClient,
    max: Money,
    name: &str,
) -> Result<String, CommandError> {
    let order = VisaOrder {
        publisher: client.node().url("/")?.authority().to_owned(),
        max_amount: max,
        purpose: None,
        ttl: VISA_SECONDS,
        uses: None,
    };
    let broker = node.at(home.clone()).signing(key)?;
    let name = sha256_hex(name.as_bytes());
    let issued: Result<VisaIssued, _> = broker.send("POST", "/broker/api/visas", &order, Some(&name)).await;
    let issued = issued.map_err(|error| match error {
        CommandError::Problem(problem) if problem.code == Code::NotFound => CommandError::Local(format!(
            "{home} is no broker and promises nothing: its operator adds that service"
        )),
        other => other,
    })?;
    Ok(issued.token)
}

/// Says what to do with a visa that was bought and perhaps paid for nothing.
pub(super) fn unspent(token: &str, output: Output) {
    output.note(&format!(
        "Unless it was paid for, the visa from home is good for {} minutes: try again with --visa {token}",
        VISA_SECONDS / 60
    ));
}
