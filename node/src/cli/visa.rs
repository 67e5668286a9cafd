//! Paying at one node from a balance at another: the home node's broker promises the price by a visa.

use clap::Args;
use imajin_imagxp::broker::{VisaIssued, VisaOrder};
use imajin_kernel::Code;
use imajin_mjn::Means;
use imajin_money::Money;
use imajin_proof::digest::sha256_hex;
use url::Url;

use super::client::IdentityClient;
use super::{CommandError, KeyArg, NodeArg, Output};

/// How long a visa from home is good: as long as a quote.
const VISA_SECONDS: u32 = 600;

/// What pays instead of the balance at the node that is asked.
#[derive(Debug, Args)]
pub(super) struct VisaArgs {
    /// The visa that pays, instead of your balance there.
    #[arg(long, value_name = "TOKEN", env = "IMAJIN_VISA", hide_env_values = true)]
    visa: Option<String>,
    /// Your home node, whose broker promises the price to the node that you ask, from your balance at home.
    #[arg(long, value_name = "URL", conflicts_with = "visa", env = "IMAJIN_HOME")]
    home: Option<Url>,
}

impl VisaArgs {
    /// What pays this much at the node that `client` talks to. A home node gives the same promise however often it is
    /// asked for by this name.
    pub(super) async fn means(
        &self,
        (node, key): (&NodeArg, &KeyArg),
        client: &IdentityClient,
        max: Money,
        name: &str,
    ) -> Result<Means, CommandError> {
        if let Some(token) = &self.visa {
            return Ok(Means::Visa(token.clone()));
        }
        let Some(home) = &self.home else {
            return Ok(Means::Balance);
        };
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
        Ok(Means::Visa(issued.token))
    }

    /// Says what to do with a visa that was bought and perhaps paid for nothing.
    pub(super) fn unspent(&self, means: &Means, output: Output) {
        if let (Some(_), Means::Visa(token)) = (&self.home, means) {
            output.note(&format!(
                "Unless it was paid for, the visa from home is good for {} minutes: try again with --visa {token}",
                VISA_SECONDS / 60
            ));
        }
    }
}
