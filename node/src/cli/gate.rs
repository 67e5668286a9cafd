use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::Args;
use url::Url;

use super::gate_records::GateCommand;
use super::up::{NodeArgs, node_run};
use super::{CommandError, Output};
use crate::config::Overrides;

/// What the site of the command line is called.
const SITE: &str = "site";

/// Stand in front of a site, and let agents in as its policy says.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct GateArgs {
    #[command(subcommand)]
    command: Option<GateCommand>,
    /// The site, for example `http://127.0.0.1:8080`.
    #[arg(long, value_name = "URL", required = true)]
    upstream: Option<Url>,
    /// The policy; it is read again when it changes.
    #[arg(long, value_name = "FILE", required = true)]
    policy: Option<PathBuf>,
    /// Where the gate listens.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:7020")]
    listen: SocketAddr,
    /// The address under which people and agents reach the site.
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,
    /// The certificate chain of the site (PEM); a renewed one is shown by itself.
    #[arg(long, value_name = "FILE", requires = "private_key")]
    certificate: Option<PathBuf>,
    /// Its private key (PEM).
    #[arg(long, value_name = "FILE", requires = "certificate")]
    private_key: Option<PathBuf>,
    /// A proxy in front of the gate, which is believed about its visitors. May be repeated.
    #[arg(long = "proxy", value_name = "IP")]
    proxies: Vec<IpAddr>,
    /// Pass nothing on: only answer the proxy in front, which asks by `forward_auth` or `auth_request`.
    #[arg(long, requires = "proxies")]
    decide: bool,
    /// Let everything pass, and write down what would have been refused.
    #[arg(long)]
    dry_run: bool,
    /// Whose is what is paid where no manifest says otherwise.
    #[arg(long, value_name = "DID")]
    payee: Option<String>,
    /// Where the node itself listens.
    #[arg(long, value_name = "ADDR:PORT")]
    node_listen: Option<SocketAddr>,
    #[command(flatten)]
    node: NodeArgs,
}

/// A path as the node finds it, whose folder is another.
fn absolute(path: &Path) -> Result<String, CommandError> {
    let absolute = std::path::absolute(path);
    let absolute = absolute.map_err(|error| CommandError::Local(format!("{}: {error}", path.display())))?;
    Ok(absolute.display().to_string())
}

impl GateArgs {
    fn overrides(&self) -> Result<Overrides, CommandError> {
        let policy = self.policy.as_deref().map(absolute).transpose()?;
        let certificate = self.certificate.as_deref().map(absolute).transpose()?;
        let private_key = self.private_key.as_deref().map(absolute).transpose()?;
        let mut overrides = self.node.overrides();
        overrides.set("listen", self.node_listen.map(|address| address.to_string()));
        let mut set = |key: &str, value: Option<String>| overrides.set(&format!("gate.{SITE}.{key}"), value);
        set("upstream", self.upstream.as_ref().map(Url::to_string));
        set("policy", policy);
        set("certificate", certificate);
        set("private_key", private_key);
        set("listen", Some(self.listen.to_string()));
        set("public_url", self.public_url.as_ref().map(Url::to_string));
        set("payee", self.payee.clone());
        let proxies: Vec<String> = self.proxies.iter().map(IpAddr::to_string).collect();
        overrides.set(&format!("gate.{SITE}.proxies"), Some(proxies));
        overrides.set(&format!("gate.{SITE}.decide"), Some(self.decide));
        overrides.set(&format!("gate.{SITE}.dry_run"), Some(self.dry_run));
        Ok(overrides)
    }

    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        if let Some(command) = self.command {
            return command.run(output).await;
        }
        let overrides = self.overrides()?;
        node_run(self.node.data(), &overrides, false, output).await
    }
}
